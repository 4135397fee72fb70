import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FlowServiceError } from '../../src/errors.ts'
import { assertChangeAllowed, firstDue, nextDue, parseSchedule } from '../../src/flow/schedule.ts'

const START = 1_600_000_000
const MINUTE = 60_000

function refusal(act: () => unknown): FlowServiceError {
  try {
    act()
  } catch (error) {
    if (error instanceof FlowServiceError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('parseSchedule', () => {
  test.each([
    [
      { startTime: START, frequency: 'once' },
      { frequency: 'once', stepMs: null, backfill: true },
    ],
    [
      { startTime: String(START), frequency: 'minute', interval: '15' },
      { frequency: 'minute', stepMs: 15 * MINUTE, backfill: true },
    ],
    [
      { startTime: START, frequency: 'hour', interval: 1, backfill: 'false' },
      { frequency: 'hour', stepMs: 60 * MINUTE, backfill: false },
    ],
    [
      { startTime: START, frequency: 'day', interval: 2, backfill: true },
      { frequency: 'day', stepMs: 48 * 60 * MINUTE, backfill: true },
    ],
    [
      { startTime: START, frequency: 'week', interval: 1, backfill: false },
      { frequency: 'week', stepMs: 7 * 24 * 60 * MINUTE, backfill: false },
    ],
  ])('reads %j', (params, expected) => {
    expect(parseSchedule(params)).toEqual({ startTime: START * 1000, ...expected })
  })

  test('accepts a start time in the past and ignores members of destinations', () => {
    const params = {
      startTime: 1,
      frequency: 'once',
      timeUnit: 'day',
      endTime: 2,
      exportMode: 'FULL',
      foldernameTemplate: 'x',
    }
    expect(parseSchedule(params).startTime).toBe(1000)
  })

  test.each([
    ['nothing', undefined, '1304-400', '/scheduleParams'],
    ['null', null, '1304-400', '/scheduleParams'],
    ['an array', [], '1312-400', '/scheduleParams'],
    ['no start time', { frequency: 'once' }, '1304-400', '/scheduleParams/startTime'],
    ['an empty start time', { startTime: '', frequency: 'once' }, '1304-400', '/scheduleParams/startTime'],
    ['a start time that is a word', { startTime: 'now', frequency: 'once' }, '1312-400', '/scheduleParams/startTime'],
    ['a broken start time', { startTime: 1.5, frequency: 'once' }, '1312-400', '/scheduleParams/startTime'],
    ['a negative start time', { startTime: -1, frequency: 'once' }, '1312-400', '/scheduleParams/startTime'],
    [
      'a start time in milliseconds',
      { startTime: START * 1000, frequency: 'once' },
      '1312-400',
      '/scheduleParams/startTime',
    ],
    ['a start time that is an object', { startTime: {}, frequency: 'once' }, '1312-400', '/scheduleParams/startTime'],
    ['no frequency', { startTime: START, interval: 15 }, '1397-400', '/scheduleParams/frequency'],
    [
      'an unknown frequency',
      { startTime: START, frequency: 'month', interval: 1 },
      '1397-400',
      '/scheduleParams/frequency',
    ],
    [
      'a frequency of the prototype',
      { startTime: START, frequency: 'toString' },
      '1397-400',
      '/scheduleParams/frequency',
    ],
    ['a frequency that is a number', { startTime: START, frequency: 15 }, '1397-400', '/scheduleParams/frequency'],
    [
      'once with an interval',
      { startTime: START, frequency: 'once', interval: 15 },
      '1361-400',
      '/scheduleParams/interval',
    ],
    [
      'once with an interval of 0',
      { startTime: START, frequency: 'once', interval: 0 },
      '1361-400',
      '/scheduleParams/interval',
    ],
    [
      'once with a backfill',
      { startTime: START, frequency: 'once', backfill: true },
      '1364-400',
      '/scheduleParams/backfill',
    ],
    ['no interval', { startTime: START, frequency: 'minute' }, '1304-400', '/scheduleParams/interval'],
    ['14 minutes', { startTime: START, frequency: 'minute', interval: 14 }, '1362-400', '/scheduleParams/interval'],
    ['0 hours', { startTime: START, frequency: 'hour', interval: '0' }, '1362-400', '/scheduleParams/interval'],
    ['-1 days', { startTime: START, frequency: 'day', interval: -1 }, '1362-400', '/scheduleParams/interval'],
    ['half a day', { startTime: START, frequency: 'day', interval: 0.5 }, '1363-400', '/scheduleParams/interval'],
    [
      'a day and a half as text',
      { startTime: START, frequency: 'day', interval: '1.5' },
      '1363-400',
      '/scheduleParams/interval',
    ],
    [
      'an interval that is true',
      { startTime: START, frequency: 'day', interval: true },
      '1363-400',
      '/scheduleParams/interval',
    ],
    [
      'a thousand years',
      { startTime: START, frequency: 'week', interval: 52_000 },
      '1312-400',
      '/scheduleParams/interval',
    ],
    [
      'a backfill of 1',
      { startTime: START, frequency: 'day', interval: 1, backfill: 1 },
      '1312-400',
      '/scheduleParams/backfill',
    ],
  ])('refuses %s', (_, params, code, path) => {
    const error = refusal(() => parseSchedule(params))
    expect(error.code).toBe(code)
    expect(error.faults[0]?.path).toBe(path)
  })

  test('names the minimum of the interval, and every fault at once', () => {
    expect(refusal(() => parseSchedule({ startTime: START, frequency: 'minute', interval: 3 })).detail).toContain('15')
    const error = refusal(() => parseSchedule({ frequency: 'once', interval: 1, backfill: 'maybe' }))
    expect(error.faults.map(({ path }) => path)).toEqual([
      '/scheduleParams/startTime',
      '/scheduleParams/interval',
      '/scheduleParams/backfill',
    ])
  })
})

describe('the grid', () => {
  const quarterly = parseSchedule({ startTime: START, frequency: 'minute', interval: 15 })
  const once = parseSchedule({ startTime: START, frequency: 'once' })

  test('the first run is due at the start time, or at once when that has passed', () => {
    expect(firstDue(quarterly, START * 1000 - 1)).toBe(START * 1000)
    expect(firstDue(once, START * 1000 + 5)).toBe(START * 1000 + 5)
  })

  test('the next run is due at a later point of the grid', () => {
    expect(nextDue(quarterly, START * 1000 - 1)).toBe(START * 1000)
    expect(nextDue(quarterly, START * 1000)).toBe(START * 1000 + 15 * MINUTE)
    expect(nextDue(quarterly, START * 1000 + 15 * MINUTE - 1)).toBe(START * 1000 + 15 * MINUTE)
    expect(nextDue(quarterly, START * 1000 + 100 * MINUTE)).toBe(START * 1000 + 105 * MINUTE)
  })

  test('a flow of frequency once has one point', () => {
    expect(nextDue(once, START * 1000 - 1)).toBe(START * 1000)
    expect(nextDue(once, START * 1000)).toBeNull()
  })

  test('whatever the schedule, the next point is the first one after the given time', () => {
    const schedules = fc.record({
      startTime: fc.nat(4_000_000_000),
      frequency: fc.constantFrom('minute', 'hour', 'day', 'week'),
      interval: fc.integer({ min: 15, max: 1000 }),
    })
    fc.assert(
      fc.property(schedules, fc.nat(5_000_000_000_000), (params, after) => {
        const schedule = parseSchedule(params)
        const due = nextDue(schedule, after)!
        const steps = (due - schedule.startTime) / schedule.stepMs!
        expect(Number.isInteger(steps)).toBe(true)
        expect(due).toBeGreaterThan(after)
        expect(steps === 0 || due - schedule.stepMs! <= after).toBe(true)
      }),
    )
  })
})

describe('changing a schedule after its start time', () => {
  const params = { startTime: START, frequency: 'hour', interval: 1 }
  const before = parseSchedule(params)
  const later = START * 1000 + 1

  test.each([
    [{ ...params, startTime: START + 1 }, '1366-400'],
    [{ ...params, frequency: 'once' }, '1403-400'],
    [{ startTime: START, frequency: 'once' }, '1403-400'],
    [{ ...params, backfill: false }, '1404-400'],
    [{ ...params, backfill: 'false' }, '1404-400'],
  ])('refuses %j', (after, code) => {
    const error = refusal(() => assertChangeAllowed(before, after, later))
    expect(error.code).toBe(code)
    expect(error.type).toBe(`http://ns.adobe.com/aep/errors/CONNECTOR-${code}`)
    expect(() => assertChangeAllowed(before, after, START * 1000 - 1)).not.toThrow()
  })

  test.each([
    [{ ...params, startTime: String(START) }],
    [{ ...params, backfill: true }],
    [{ ...params, frequency: 'day', interval: 3 }],
  ])('allows %j', (after) => {
    expect(() => assertChangeAllowed(before, after, later)).not.toThrow()
  })

  test('a flow of frequency once may become periodic, and may stay once', () => {
    const once = parseSchedule({ startTime: START, frequency: 'once' })
    expect(() => assertChangeAllowed(once, params, later)).not.toThrow()
    expect(() => assertChangeAllowed(once, { startTime: START, frequency: 'once' }, later)).not.toThrow()
  })
})
