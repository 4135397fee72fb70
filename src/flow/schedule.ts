import { isJsonObject } from '../json.ts'
import type { JsonValue } from '../json.ts'
import { FlowServiceError } from '../errors.ts'
import { Faults, readMember, typeName } from '../request-body.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** In UTC without daylight shifts: a day is 24 h, a week 7 days. `once` makes one run by itself. */
const FREQUENCIES = {
  once: null,
  minute: { stepMs: MINUTE, least: 15 },
  hour: { stepMs: HOUR, least: 1 },
  day: { stepMs: DAY, least: 1 },
  week: { stepMs: 7 * DAY, least: 1 },
} as const

export type Frequency = keyof typeof FREQUENCIES

/** A flow's `scheduleParams`, normalised. */
export interface Schedule {
  /** ms since the epoch. */
  readonly startTime: number
  readonly frequency: Frequency
  /** Distance of two runs in ms; null for `once`. */
  readonly stepMs: number | null
  /** The first run also takes what was created before `startTime`. */
  readonly backfill: boolean
}

/** End of the year 9999, in seconds: later values are milliseconds by mistake. */
const LATEST_START_SECONDS = 253_402_300_799
const LONGEST_STEP_MS = 100 * 365 * DAY

/** Reads `scheduleParams`; throws its first fault, and lists all of them. */
export function parseSchedule(params: unknown): Schedule {
  const faults = new Faults()
  const schedule = checkSchedule(faults, params)
  faults.throwIfAny()
  if (schedule === null) throw new TypeError('A schedule without faults was not read.')
  return schedule
}

/** As `parseSchedule`, with the faults collected. Null when the schedule is not whole and right. */
export function checkSchedule(faults: Faults, params: unknown): Schedule | null {
  if (params === undefined || params === null) {
    faults.missing('/scheduleParams', '/scheduleParams is missing and is needed; give startTime and frequency.')
    return null
  }
  if (!isJsonObject(params)) {
    faults.invalid('/scheduleParams', `/scheduleParams is ${typeName(params)}; give an object.`)
    return null
  }
  const startTime = checkStartTime(faults, readMember(params, 'startTime'))
  const frequency = checkFrequency(faults, readMember(params, 'frequency'))
  if (frequency === null) return null
  const stepMs = checkInterval(faults, frequency, readMember(params, 'interval'))
  const backfill = checkBackfill(faults, frequency, readMember(params, 'backfill'))
  if (startTime === null || stepMs === undefined || backfill === null) return null
  return { startTime: startTime * 1000, frequency, stepMs, backfill }
}

/** Seconds, or null when it is not a time. */
function checkStartTime(faults: Faults, value: JsonValue | undefined): number | null {
  const path = '/scheduleParams/startTime'
  if (value === undefined || value === '') {
    faults.missing(path, `${path} is missing and is needed; give Unix seconds.`)
    return null
  }
  const seconds = wholeNumber(value)
  if (seconds === null || seconds < 0 || seconds > LATEST_START_SECONDS) {
    faults.invalid(
      path,
      `${path} is ${show(value)}; give Unix seconds, a whole number from 0 to ${LATEST_START_SECONDS}.`,
    )
    return null
  }
  return seconds
}

function checkFrequency(faults: Faults, value: JsonValue | undefined): Frequency | null {
  const path = '/scheduleParams/frequency'
  if (typeof value === 'string' && Object.hasOwn(FREQUENCIES, value)) return value as Frequency
  const allowed = Object.keys(FREQUENCIES).join(', ')
  const message = `${path} is ${value === undefined ? 'missing' : show(value)}; give one of ${allowed}.`
  if (value === undefined) faults.missing(path, message, '1397-400')
  else faults.invalid(path, message, '1397-400')
  return null
}

/** Undefined when the interval is not right, null for `once`. */
function checkInterval(faults: Faults, frequency: Frequency, value: JsonValue | undefined): number | null | undefined {
  const path = '/scheduleParams/interval'
  const rule = FREQUENCIES[frequency]
  if (rule === null) {
    if (value === undefined) return null
    faults.invalid(path, `${path} is ${show(value)}, and a schedule of frequency once has none; remove it.`, '1361-400')
    return undefined
  }
  if (value === undefined || value === '') {
    faults.missing(path, `${path} is missing and a schedule of frequency ${frequency} needs it; give a whole number.`)
    return undefined
  }
  const interval = wholeNumber(value)
  if (interval === null) {
    faults.invalid(path, `${path} is ${show(value)}; give a whole number.`, '1363-400')
    return undefined
  }
  if (interval < rule.least) {
    const message = `${path} is ${interval}; the minimum for frequency ${frequency} is ${rule.least}.`
    faults.invalid(path, message, '1362-400')
    return undefined
  }
  const stepMs = interval * rule.stepMs
  if (stepMs > LONGEST_STEP_MS) {
    faults.invalid(path, `${path} is ${interval}; give at most ${LONGEST_STEP_MS / rule.stepMs} for ${frequency}.`)
    return undefined
  }
  return stepMs
}

function checkBackfill(faults: Faults, frequency: Frequency, value: JsonValue | undefined): boolean | null {
  const path = '/scheduleParams/backfill'
  if (value === undefined) return true
  if (frequency === 'once') {
    faults.invalid(path, `${path} is ${show(value)}, and a schedule of frequency once has none; remove it.`, '1364-400')
    return null
  }
  const backfill = booleanOf(value)
  if (backfill === null) faults.invalid(path, `${path} is ${show(value)}; give true or false.`)
  return backfill
}

/** The first grid point `startTime + k * step` later than `after` (ms); null when there is none. */
export function nextDue({ startTime, stepMs }: Schedule, after: number): number | null {
  if (startTime > after) return startTime
  if (stepMs === null) return null
  return startTime + (Math.floor((after - startTime) / stepMs) + 1) * stepMs
}

/** When the first run is due: at the start time, at once when that has passed. */
export function firstDue({ startTime }: Schedule, now: number): number {
  return Math.max(startTime, now)
}

/**
 * Refuses what may not change once the start time has passed: the start time itself, `backfill`, and turning a periodic
 * schedule into `once`. `after` need not be valid otherwise.
 */
export function assertChangeAllowed(before: Schedule, after: unknown, now: number): void {
  if (before.startTime > now || !isJsonObject(after)) return
  if (before.frequency !== 'once' && readMember(after, 'frequency') === 'once') {
    throw fixed('1403-400', 'frequency', 'may not become once')
  }
  const seconds = wholeNumber(readMember(after, 'startTime'))
  if (seconds !== null && seconds * 1000 !== before.startTime) throw fixed('1366-400', 'startTime', 'may not change')
  const backfill = booleanOf(readMember(after, 'backfill') ?? true)
  if (backfill !== null && backfill !== before.backfill) throw fixed('1404-400', 'backfill', 'may not change')
}

function fixed(code: '1366-400' | '1403-400' | '1404-400', name: string, rule: string): FlowServiceError {
  const message = `/scheduleParams/${name} ${rule} once the start time has passed; make a new flow for that.`
  return new FlowServiceError(code, message, {
    prefix: 'CONNECTOR',
    faults: [{ path: `/scheduleParams/${name}`, message }],
  })
}

/** A whole number or numeric text; null for anything else. */
function wholeNumber(value: JsonValue | undefined): number | null {
  const number = typeof value === 'string' && /^[+-]?\d{1,16}$/.test(value.trim()) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : null
}

function booleanOf(value: JsonValue): boolean | null {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return null
  return value.toLowerCase() === 'true' ? true : value.toLowerCase() === 'false' ? false : null
}

function show(value: JsonValue): string {
  if (typeof value === 'string') return `"${value.slice(0, 40)}"`
  return typeof value === 'object' ? typeName(value) : String(value)
}

/** True when two schedules make the same runs. */
export function sameSchedule(left: Schedule, right: Schedule): boolean {
  return left.startTime === right.startTime && left.stepMs === right.stepMs
}
