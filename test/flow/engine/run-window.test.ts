import { describe, expect, test } from '@jest/globals'
import { listWindow, newCheckpoint, prepare, type ListPlan } from '../../../src/flow/engine/plan-run.ts'
import { positionAfterRun, windowOf } from '../../../src/flow/engine/run-window.ts'
import { parseUnixTime } from '../../../src/flow/engine/unix-time.ts'
import { backoffMs } from '../../../src/flow/engine/backoff.ts'
import type { Schedule } from '../../../src/flow/schedule.ts'

const NOW = 1_760_000_000_500
const START = 1_750_000_000_000

function schedule(backfill: boolean): Schedule {
  return { startTime: START, frequency: 'hour', stepMs: 3_600_000, backfill }
}

/** A plan over a window, first run or the continuation of one. */
function plan(window: { start: number; end: number }, more: Partial<ListPlan> = {}): ListPlan {
  const unknown = { newestCreated: null, changes: null, relist: null, due: [], owed: [], notes: [] }
  return { window, resource, beginning: 0, continues: false, ...unknown, ...more }
}

function rangesOf(listPlan: ListPlan) {
  const { window } = listPlan
  return prepare(newCheckpoint({ sourceName: 'stripe', now: NOW, window }), listPlan).ranges
}

const resource = { resourcePath: 'charges', passes: ['active', 'inactive'], overlapSeconds: 120, builtInSchema: {} }

describe('the window of a run', () => {
  test('begins at the beginning of time for a first run with backfill and ends now', () => {
    const window = windowOf({ params: {}, schedule: schedule(true), position: null, now: NOW })
    expect(window).toEqual({ start: 0, end: NOW })
  })

  test('begins at the start time for a first run without backfill', () => {
    const window = windowOf({ params: {}, schedule: schedule(false), position: null, now: NOW })
    expect(window).toEqual({ start: START, end: NOW })
  })

  test('begins exactly where the last good window ended', () => {
    const position = NOW - 3_600_000
    const window = windowOf({ params: {}, schedule: schedule(true), position, now: NOW })
    expect(window).toEqual({ start: position, end: NOW })
  })

  test('is what the params name, in seconds or milliseconds', () => {
    const params = { windowStartTime: '1751000000', windowEndTime: 1_752_000_000_000 }
    const window = windowOf({ params, schedule: schedule(true), position: START, now: NOW })
    expect(window).toEqual({ start: 1_751_000_000_000, end: 1_752_000_000_000 })
  })

  test('never reaches into the future', () => {
    const params = { windowEndTime: 16_515_859_567 }
    const window = windowOf({ params, schedule: schedule(true), position: null, now: NOW })
    expect(window.end).toBe(NOW)
  })

  test('is empty when it starts in the future', () => {
    const params = { windowStartTime: 16_515_859_567 }
    const window = windowOf({ params, schedule: schedule(true), position: null, now: NOW })
    expect(rangesOf(plan(window))).toEqual([])
  })
})

describe('the position of a flow', () => {
  test('moves to the end of a window that continues it', () => {
    expect(positionAfterRun({ start: 0, end: NOW }, schedule(true), null)).toBe(NOW)
    expect(positionAfterRun({ start: START, end: NOW }, schedule(false), START + 1)).toBe(NOW)
  })

  test('stays when the window leaves a gap before it', () => {
    expect(positionAfterRun({ start: START, end: NOW }, schedule(true), null)).toBeNull()
    expect(positionAfterRun({ start: START + 2, end: NOW }, schedule(true), START + 1)).toBe(START + 1)
  })

  test('never moves back', () => {
    expect(positionAfterRun({ start: 0, end: START }, schedule(true), NOW)).toBe(NOW)
  })
})

describe('the plan of a run', () => {
  test('has one range for each list pass', () => {
    expect(rangesOf(plan({ start: 0, end: NOW })).map(({ pass }) => pass)).toEqual(['active', 'inactive'])
  })

  test('takes an object of the second in which the window ends, when that second began before the end', () => {
    expect(listWindow(plan({ start: 0, end: NOW }))).toEqual({ from: null, to: 1_760_000_001 })
  })

  test('leaves nothing between two windows that meet and shares nothing', () => {
    const first = listWindow(plan({ start: 0, end: NOW }))
    const second = listWindow(plan({ start: NOW, end: NOW + 60_000 }))
    expect(second.from).toBe(first.to)
  })

  test('re-reads the time in which objects may have become visible late', () => {
    const window = { start: NOW, end: NOW + 60_000 }
    expect(listWindow(plan(window, { continues: true })).from).toBe(1_760_000_001 - 120)
  })

  test('re-reads from the newest object seen when the clock of the source is behind', () => {
    const window = { start: NOW, end: NOW + 60_000 }
    const divisible = { ...resource, divisible: true }
    const newestCreated = 1_750_000_000
    const created = listWindow(plan(window, { continues: true, resource: divisible, newestCreated }))
    expect(created.from).toBe(newestCreated - 120)
  })

  test('never reaches before the beginning of the flow', () => {
    const window = { start: NOW, end: NOW + 60_000 }
    expect(listWindow(plan(window, { continues: true, beginning: NOW - 1000 })).from).toBe(1_760_000_000)
  })

  test('lists everything since the beginning of the flow when changes were missed', () => {
    const relist = { reason: 'gap', changesMissedSince: 0, observedFrom: 0, lookedAtUpTo: null, done: false }
    const window = { start: NOW, end: NOW + 60_000 }
    expect(listWindow(plan(window, { continues: true, relist }))).toEqual({ from: null, to: 1_760_000_061 })
  })

  test('looks again at objects that are due, those close together in one range', () => {
    const window = { start: NOW, end: NOW + 60_000 }
    const due = [1_700_000_100, 1_700_000_000, 1_700_000_030, 1_760_000_030].map((createdAt) => ({
      objectId: `txn_${createdAt}`,
      createdAt,
    }))
    const ranges = rangesOf(plan(window, { due, resource: { ...resource, passes: ['all'] } }))
    expect(ranges.map(({ created }) => created)).toEqual([
      { from: 1_760_000_001, to: 1_760_000_061 },
      { from: 1_700_000_000, to: 1_700_000_031 },
      { from: 1_700_000_100, to: 1_700_000_101 },
    ])
  })

  test('makes at most fifty ranges of objects that are due, however far apart', () => {
    const due = Array.from({ length: 1000 }, (_, index) => ({ objectId: `txn_${index}`, createdAt: index * 86_400 }))
    const ranges = rangesOf(plan({ start: NOW, end: NOW }, { due, resource: { ...resource, passes: ['all'] } }))
    expect(ranges.length).toBeLessThanOrEqual(50)
    for (const { createdAt } of due) {
      expect(ranges.filter(({ created }) => created.from! <= createdAt && createdAt < created.to!)).toHaveLength(1)
    }
  })
})

describe('a Unix time from a client', () => {
  test.each([
    [1_621_588_613, 1_621_588_613_000],
    ['1621588613', 1_621_588_613_000],
    [1_621_588_613_123, 1_621_588_613_123],
    [999_999_999_999, 999_999_999_999_000],
    [0, 0],
    [undefined, undefined],
    [null, undefined],
  ])('%p is %p ms', (value, expected) => {
    expect(parseUnixTime(value)).toBe(expected)
  })

  test.each(['soon', '', '1.5', 1.5, -1, true, {}, [], '1e9', Number.NaN])('%p is no time', (value) => {
    expect(parseUnixTime(value)).toBeNaN()
  })
})

describe('the pause between tries', () => {
  test('doubles from half a second to half a minute', () => {
    expect([1, 2, 3, 7, 20].map((tries) => backoffMs(tries, 1))).toEqual([500, 1000, 2000, 30_000, 30_000])
  })

  test('is spread by chance over its upper half', () => {
    expect(backoffMs(1, 0)).toBe(250)
  })

  test('is never shorter than the source asks for', () => {
    expect(backoffMs(1, 0, 7000)).toBe(7000)
  })
})
