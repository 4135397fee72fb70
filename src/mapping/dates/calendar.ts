import type { ZonedDate } from '../language/values.ts'
import { offsetAt } from './zone.ts'

const DAY_MS = 86_400_000

/** A date as its zone's calendar and clocks show it. */
export interface CalendarFields {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  readonly millisecond: number
  /** 1 is Monday, 7 is Sunday. */
  readonly weekday: number
  readonly dayOfYear: number
  /** ISO week and the year that it belongs to. */
  readonly week: number
  readonly weekYear: number
  /** Minutes east of UTC. */
  readonly offset: number
}

export function calendarFields({ ms, zone }: ZonedDate): CalendarFields {
  const offset = offsetAt(ms, zone)
  const local = new Date(ms + offset * 60_000)
  const year = local.getUTCFullYear()
  const today = utcDay(local.getTime())
  const weekday = ((((today + 3) % 7) + 7) % 7) + 1
  // An ISO week belongs to the year that its Thursday is in.
  const thursday = today + 4 - weekday
  const weekYear = new Date(thursday * DAY_MS).getUTCFullYear()
  return {
    year,
    month: local.getUTCMonth() + 1,
    day: local.getUTCDate(),
    hour: local.getUTCHours(),
    minute: local.getUTCMinutes(),
    second: local.getUTCSeconds(),
    millisecond: local.getUTCMilliseconds(),
    weekday,
    dayOfYear: today - utcDay(startOfYear(year)) + 1,
    week: Math.floor((thursday - utcDay(startOfYear(weekYear))) / 7) + 1,
    weekYear,
    offset,
  }
}

/** ms of a local time as if it were UTC; null when the calendar has no such day or the clock no such time. */
export function localTime(
  fields: Pick<CalendarFields, 'year' | 'month' | 'day' | 'hour' | 'minute' | 'second' | 'millisecond'>,
): number | null {
  const { year, month, day, hour, minute, second, millisecond } = fields
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second, millisecond)
  const isSame =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  return isSame ? date.getTime() : null
}

/** Unlike `Date.UTC`, right for the years 0 to 99 too. */
function startOfYear(year: number): number {
  return new Date(0).setUTCFullYear(year, 0, 1)
}

function utcDay(ms: number): number {
  return Math.floor(ms / DAY_MS)
}
