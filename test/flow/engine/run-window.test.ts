import { describe, expect, test } from '@jest/globals'
import { planRun } from '../../../src/flow/engine/checkpoint.ts'
import { positionAfterRun, windowOf } from '../../../src/flow/engine/run-window.ts'
import { parseUnixTime } from '../../../src/flow/engine/unix-time.ts'
import { backoffMs } from '../../../src/flow/engine/backoff.ts'
import type { Schedule } from '../../../src/flow/schedule.ts'

const NOW = 1_760_000_000_500
const START = 1_750_000_000_000

function schedule(backfill: boolean): Schedule {
  return { startTime: START, frequency: 'hour', stepMs: 3_600_000, backfill }
}

const resource = { resourcePath: 'charges', passes: ['active', 'inactive'], overlapSeconds: 120, builtInSchema: {} }

describe('the window of a run', () => {
  test('begins at the beginning of time for a first run with backfill and ends now', () => {
    const { window, continues } = windowOf({ params: {}, schedule: schedule(true), position: null, now: NOW })
    expect(window).toEqual({ start: 0, end: NOW })
    expect(continues).toBe(false)
  })

  test('begins at the start time for a first run without backfill', () => {
    const { window } = windowOf({ params: {}, schedule: schedule(false), position: null, now: NOW })
    expect(window).toEqual({ start: START, end: NOW })
  })

  test('begins exactly where the last good window ended', () => {
    const position = NOW - 3_600_000
    const { window, continues } = windowOf({ params: {}, schedule: schedule(true), position, now: NOW })
    expect(window).toEqual({ start: position, end: NOW })
    expect(continues).toBe(true)
  })

  test('is what the params name, in seconds or milliseconds', () => {
    const params = { windowStartTime: '1751000000', windowEndTime: 1_752_000_000_000 }
    const { window, continues } = windowOf({ params, schedule: schedule(true), position: START, now: NOW })
    expect(window).toEqual({ start: 1_751_000_000_000, end: 1_752_000_000_000 })
    expect(continues).toBe(false)
  })

  test('never reaches into the future', () => {
    const params = { windowEndTime: 16_515_859_567 }
    const { window } = windowOf({ params, schedule: schedule(true), position: null, now: NOW })
    expect(window.end).toBe(NOW)
  })

  test('is empty when it starts in the future', () => {
    const params = { windowStartTime: 16_515_859_567 }
    const { window } = windowOf({ params, schedule: schedule(true), position: null, now: NOW })
    expect(planRun({ batchId: 'B', sourceName: 'stripe', now: NOW, window, resource, overlap: false }).ranges).toEqual(
      [],
    )
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
    const { ranges } = planRun({
      batchId: 'B',
      sourceName: 'stripe',
      now: NOW,
      window: { start: 0, end: NOW },
      resource,
      overlap: false,
    })
    expect(ranges.map((range) => range.pass)).toEqual(['active', 'inactive'])
  })

  test('takes an object of the second in which the window ends, when that second began before the end', () => {
    const { ranges } = planRun({
      batchId: 'B',
      sourceName: 'stripe',
      now: NOW,
      window: { start: 0, end: NOW },
      resource,
      overlap: false,
    })
    expect(ranges[0]?.created).toEqual({ from: null, to: 1_760_000_001 })
  })

  test('leaves nothing between two windows that meet and shares nothing', () => {
    const first = planRun({
      batchId: 'B',
      sourceName: 'stripe',
      now: NOW,
      window: { start: 0, end: NOW },
      resource,
      overlap: false,
    })
    const window = { start: NOW, end: NOW + 60_000 }
    const second = planRun({ batchId: 'B', sourceName: 'stripe', now: NOW, window, resource, overlap: false })
    expect(second.ranges[0]?.created.from).toBe(first.ranges[0]?.created.to)
  })

  test('re-reads the time in which objects may have become visible late', () => {
    const window = { start: NOW, end: NOW + 60_000 }
    const { ranges } = planRun({ batchId: 'B', sourceName: 'stripe', now: NOW, window, resource, overlap: true })
    expect(ranges[0]?.created.from).toBe(1_760_000_001 - 120)
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
