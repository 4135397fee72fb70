import { ExpressionError } from '../language/errors.ts'
import { ZonedDate } from '../language/values.ts'

/** Abbreviations that dates in the wild end with; minutes east of UTC. */
const ABBREVIATIONS: ReadonlyMap<string, number> = new Map([
  ['Z', 0],
  ['UT', 0],
  ['UTC', 0],
  ['GMT', 0],
  ['EST', -300],
  ['EDT', -240],
  ['CST', -360],
  ['CDT', -300],
  ['MST', -420],
  ['MDT', -360],
  ['PST', -480],
  ['PDT', -420],
  ['CET', 60],
  ['CEST', 120],
])
const OFFSET = /^(?:GMT|UTC)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?\d{2})?$/
const LARGEST_TIME = 8.64e15

/** Formats are costly to make; there are some 600 zones in the world. */
const formats = new Map<string, Intl.DateTimeFormat>()

/** The zone in the form that `ZonedDate` keeps: `Z`, `+02:00` or an IANA name. Throws ExpressionError. */
export function parseZone(text: string): string {
  const name = text.trim()
  const known = ABBREVIATIONS.get(name.toUpperCase())
  if (known !== undefined) return offsetText(known)
  const [, sign, hours = '', minutes = '0'] = OFFSET.exec(name) ?? []
  if (sign !== undefined) {
    const offset = Number(hours) * 60 + Number(minutes)
    if (Number(minutes) < 60 && offset <= 18 * 60) return offsetText(sign === '-' ? -offset : offset)
  } else if (/^[A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*$/.test(name) && formatOf(name) !== undefined) return name
  throw new ExpressionError(`${JSON.stringify(name.slice(0, 40))} is no time zone`)
}

/** Minutes east of UTC at that instant. */
export function offsetAt(ms: number, zone: string): number {
  if (zone === 'Z') return 0
  const [, sign, hours, minutes] = /^([+-])(\d{2}):(\d{2})$/.exec(zone) ?? []
  if (sign !== undefined) return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
  const name =
    formatOf(zone)
      ?.formatToParts(ms)
      .find(({ type }) => type === 'timeZoneName')?.value ?? 'GMT'
  const [, direction, hour = '0', minute = '0'] = OFFSET.exec(name) ?? []
  return (direction === '-' ? -1 : 1) * (Number(hour) * 60 + Number(minute))
}

/** The instant of a local time, given as if it were UTC, in ms. In a gap of the zone the later offset counts. */
export function fromLocal(localMs: number, zone: string): ZonedDate {
  const guess = localMs - offsetAt(localMs, zone) * 60_000
  return dateOf(localMs - offsetAt(guess, zone) * 60_000, zone)
}

/** @throws ExpressionError when no calendar has the instant */
export function dateOf(ms: number, zone = 'Z'): ZonedDate {
  if (!(Math.abs(ms) <= LARGEST_TIME)) throw new ExpressionError(`${ms} ms is no date`)
  return new ZonedDate(Math.trunc(ms), zone)
}

/** `Z` for UTC, else `+hh:mm`. */
export function offsetText(minutes: number, separator = ':'): string {
  if (minutes === 0) return 'Z'
  const two = (number: number) => String(number).padStart(2, '0')
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${separator}${two(size % 60)}`
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  const known = formats.get(zone)
  if (known !== undefined) return known
  try {
    const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
    formats.set(zone, format)
    return format
  } catch {
    return undefined
  }
}
