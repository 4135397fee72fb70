import { beforeEach, describe, expect, test } from '@jest/globals'
import { NO_COUNTS, type Checkpoint, type ReadRange } from '../../../src/flow/engine/checkpoint.ts'
import { newCheckpoint } from '../../../src/flow/engine/plan-run.ts'
import { RunProgressBoard, RunProgressMeter } from '../../../src/flow/engine/run-progress.ts'

let now: number
let meter: RunProgressMeter

beforeEach(() => {
  now = 1_000_000
  meter = new RunProgressMeter(() => now)
})

/** A planned run with so many ranges that are open and so many records so far. */
function checkpointOf(openRanges: number, input = 0, later: Partial<Checkpoint> = {}): Checkpoint {
  const range = (no: number): ReadRange => ({
    no,
    pass: 'all',
    created: { from: null, to: null },
    cursor: null,
    done: no >= openRanges,
  })
  return {
    ...newCheckpoint({ sourceName: 'stripe', now, window: { start: 0, end: now } }),
    isPrepared: true,
    ranges: [0, 1, 2, 3].map(range),
    counts: { ...NO_COUNTS, input },
    ...later,
  }
}

const CHANGES = {
  mark: { at: 1, ids: [], takenAt: 1, observedFrom: 1 },
  from: 0,
  cursor: null,
  done: false,
  isCovered: false,
  metKnown: false,
  handled: [],
}
const RELIST = { reason: 'x', changesMissedSince: null, observedFrom: 0, lookedAtUpTo: null, done: false }

function sendRequests(count: number): void {
  for (let request = 0; request < count; request++) meter.requestSent()
}

describe('requests', () => {
  test('are counted as a whole and as a rate over the last five seconds', () => {
    sendRequests(30)
    now += 4_000
    sendRequests(20)
    expect(meter.progress(null)).toMatchObject({ requests: 50, requestsPerSecond: 12.5 })
    now += 2_000
    expect(meter.progress(null)).toMatchObject({ requests: 50, requestsPerSecond: 4 })
    now += 5_000
    expect(meter.progress(null).requestsPerSecond).toBe(0)
  })

  test('of the first moment are no rate of thousands', () => {
    sendRequests(2)
    now += 1
    expect(meter.progress(null).requestsPerSecond).toBe(2)
  })

  test('that a limit refused are counted by themselves', () => {
    sendRequests(3)
    meter.rateLimited()
    expect(meter.progress(null)).toMatchObject({ requests: 3, rateLimited: 1 })
  })
})

describe('a run that is not planned', () => {
  test('tells neither a share nor a time', () => {
    expect(meter.progress(null)).toMatchObject({ windowDone: 0, secondsLeft: null })
    const unprepared = { ...checkpointOf(0), isPrepared: false }
    expect(meter.progress(unprepared)).toMatchObject({ windowDone: 0, secondsLeft: null })
  })
})

describe('a run that nobody works on', () => {
  test('tells what its checkpoint does, and of the share no more than is sure', () => {
    expect(meter.progress(checkpointOf(1, 4_000))).toEqual({
      requests: 0,
      requestsPerSecond: 0,
      rateLimited: 0,
      windowDone: 0.5,
      secondsLeft: null,
    })
  })
})

describe('lists', () => {
  test('make up the share that is done and the time that is left', () => {
    now += 10_000
    meter.counted({ ...NO_COUNTS, input: 2_000 })
    meter.listed({ pagesRead: 20, pagesLeft: 60 })
    expect(meter.progress(checkpointOf(1, 2_000))).toMatchObject({
      windowDone: 0.25,
      secondsLeft: 30,
    })
  })

  test('never take back a share that was told', () => {
    meter.listed({ pagesRead: 50, pagesLeft: 50 })
    expect(meter.progress(checkpointOf(1, 5_000)).windowDone).toBe(0.5)
    meter.listed({ pagesRead: 51, pagesLeft: 500 })
    expect(meter.progress(checkpointOf(1, 5_100)).windowDone).toBe(0.5)
  })

  test('of which nothing is known count as long as what is read', () => {
    meter.listed({ pagesRead: 1, pagesLeft: 0 })
    expect(meter.progress(checkpointOf(3, 100))).toMatchObject({ windowDone: 0.091, secondsLeft: null })
    expect(meter.progress(checkpointOf(3, 10_000))).toMatchObject({ windowDone: 0.5, secondsLeft: null })
  })

  test('that are open are no less than a page each, whatever the estimate', () => {
    meter.listed({ pagesRead: 6, pagesLeft: 0.2 })
    expect(meter.progress(checkpointOf(2, 600)).windowDone).toBe(0.75)
  })

  test('that a former process has read count as read', () => {
    meter.counted({ ...NO_COUNTS, input: 9_100 })
    meter.listed({ pagesRead: 1, pagesLeft: 9 })
    expect(meter.progress(checkpointOf(1, 9_100)).windowDone).toBe(0.91)
  })

  test('are all read without the whole being done while changes or vanished objects are to come', () => {
    meter.listed({ pagesRead: 30, pagesLeft: 0 })
    const later = { changes: CHANGES, relist: RELIST }
    expect(meter.progress(checkpointOf(0, 3_000, later))).toMatchObject({ windowDone: 0.6, secondsLeft: null })
    const changesDone = { changes: { ...CHANGES, done: true }, relist: RELIST }
    expect(meter.progress(checkpointOf(0, 3_000, changesDone)).windowDone).toBe(0.75)
    const allDone = { changes: { ...CHANGES, done: true }, relist: { ...RELIST, done: true } }
    expect(meter.progress(checkpointOf(0, 3_000, allDone))).toMatchObject({ windowDone: 1, secondsLeft: 0 })
  })
})

describe('changes', () => {
  test('come nearer to the end with every request, and reach it only when they are taken', () => {
    const shares = [0, 10, 20, 100_000].map((requests) => {
      sendRequests(requests)
      return meter.progress(checkpointOf(0, 0, { changes: CHANGES })).windowDone
    })
    expect(shares).toEqual([0, 0.5, 0.75, 0.999])
    const taken = checkpointOf(0, 0, { changes: { ...CHANGES, done: true } })
    expect(meter.progress(taken)).toMatchObject({ windowDone: 1, secondsLeft: 0 })
  })

  test('do not count the requests of the lists before them', () => {
    sendRequests(500)
    meter.listed({ pagesRead: 10, pagesLeft: 0 })
    expect(meter.progress(checkpointOf(0, 1_000, { changes: CHANGES })).windowDone).toBe(0.5)
  })
})

describe('the board', () => {
  test('has the meters of the runs in hand', () => {
    const board = new RunProgressBoard()
    board.start(7, meter)
    expect([board.size, board.of(7), board.of(8)]).toEqual([1, meter, null])
    board.end(7)
    expect([board.size, board.of(7)]).toEqual([0, null])
  })
})
