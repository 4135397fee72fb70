import { ExpressionError } from '../language/errors.ts'
import type { ZonedDate } from '../language/values.ts'
import { localTime } from './calendar.ts'
import { MONTHS, parseDatePattern, WEEKDAYS } from './date-pattern.ts'
import type { PatternPart } from './date-pattern.ts'
import { fromLocal, parseZone } from './zone.ts'

const LONGEST_DATE = 100

/** `2019-10-23`, `2019-10-23 11:24`, `2019-10-23T11:24:35.123+02:00`, `2019-10-17T11:55:12 PST`. */
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)? ?(Z|z|[+-]\d{2}(?::?\d{2})?|[A-Z]{2,5}|[A-Z][A-Za-z]+\/[A-Za-z_/]+)?$/

/** Tried one after the other when no format is given; the first that fits wins. From the documentation. */
const DEFAULT_FORMATS = [
  'yyyy/MM/dd',
  'yyyy.MM.dd',
  'yyyy-MMM-dd',
  'yyyyMMdd',
  'MM-dd-yyyy',
  'MMddyyyy',
  'M/dd/yyyy',
  'dd.M.yyyy',
  'M/dd/yyyy hh:mm:ss a',
  'dd.M.yyyy hh:mm:ss a',
  'dd.MMM.yyyy',
  'dd-MMM-yyyy',
]

/** A date text in ISO 8601 or one of the default formats; null when it is neither. */
export function readDate(text: string): ZonedDate | null {
  const trimmed = text.trim()
  if (trimmed.length > LONGEST_DATE) return null
  const iso = ISO.exec(trimmed)
  if (iso !== null) return readIso(iso)
  for (const format of DEFAULT_FORMATS) {
    const found = readByPattern(trimmed, parseDatePattern(format))
    if (found !== null) return found
  }
  return null
}

/** A date text in a Java format. Throws ExpressionError when it does not fit. */
export function parseDate(text: string, format: string): ZonedDate {
  const found = text.length > LONGEST_DATE ? null : readByPattern(text.trim(), parseDatePattern(format))
  if (found !== null) return found
  throw new ExpressionError(`${quote(text)} is no date in the format ${quote(format)}`)
}

/** @throws ExpressionError when the text is no date in a known form */
export function requireDate(text: string): ZonedDate {
  const found = readDate(text)
  if (found !== null) return found
  throw new ExpressionError(`${quote(text)} is no date; name its format with date(text, format)`)
}

function readIso([, year, month, day, hour, minute, second, fraction = '', zone = 'Z']: RegExpExecArray) {
  const local = localTime({
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour ?? 0),
    minute: Number(minute ?? 0),
    second: Number(second ?? 0),
    millisecond: Number(fraction.padEnd(3, '0').slice(0, 3)),
  })
  return local === null ? null : inZone(local, zone)
}

function inZone(local: number, zone: string): ZonedDate | null {
  try {
    return fromLocal(local, parseZone(zone))
  } catch (error) {
    if (error instanceof ExpressionError) return null
    throw error
  }
}

/** What the fields of a format gave. */
interface Found {
  year: number
  month: number
  day: number
  hour: number
  /** Hour of the half day, with `isAfternoon`. */
  halfDayHour: number | null
  isAfternoon: boolean
  minute: number
  second: number
  millisecond: number
  dayOfYear: number | null
  zone: string
}

const NUMERIC_FIELDS = 'yYDdHkKhmsSMLuFQqwW'

function readByPattern(text: string, parts: readonly PatternPart[]): ZonedDate | null {
  const found: Found = {
    year: 1970,
    month: 1,
    day: 1,
    hour: 0,
    halfDayHour: null,
    isAfternoon: false,
    minute: 0,
    second: 0,
    millisecond: 0,
    dayOfYear: null,
    zone: 'Z',
  }
  let at = 0
  for (const [index, part] of parts.entries()) {
    if (part.kind === 'text') {
      if (!text.startsWith(part.text, at)) return null
      at += part.text.length
      continue
    }
    const next = parts[index + 1]
    const isFollowedByDigits = next?.kind === 'field' && NUMERIC_FIELDS.includes(next.letter)
    const length = readField(text.slice(at), part.letter, part.count, isFollowedByDigits, found)
    if (length === 0) return null
    at += length
  }
  return at === text.length ? toDate(found) : null
}

function toDate(found: Found): ZonedDate | null {
  const hour = found.halfDayHour === null ? found.hour : (found.halfDayHour % 12) + (found.isAfternoon ? 12 : 0)
  const day = found.dayOfYear === null ? found : { month: 1, day: 1 }
  const local = localTime({ ...found, month: day.month, day: day.day, hour })
  if (local === null) return null
  return inZone(local + ((found.dayOfYear ?? 1) - 1) * 86_400_000, found.zone)
}

/** Reads one field from the beginning of `rest`; how many characters it took, 0 when it does not fit. */
function readField(rest: string, letter: string, count: number, isFixed: boolean, found: Found): number {
  if ((letter === 'M' || letter === 'L') && count >= 3) {
    return readName(rest, MONTHS, (at) => (found.month = at + 1))
  }
  if (letter === 'E') return readName(rest, WEEKDAYS, () => {})
  if (letter === 'a' || letter === 'G') return readMarker(rest, letter, found)
  if ('zZXVO'.includes(letter)) return readZone(rest, found)
  if (!NUMERIC_FIELDS.includes(letter)) return 0
  const widest = isFixed ? count : letter === 'y' && count !== 2 ? 9 : letter === 'S' ? 9 : Math.max(count, 2)
  const digits = /^\d+/.exec(rest.slice(0, letter === 'D' ? 3 : widest))?.[0]
  if (digits === undefined || (isFixed && digits.length < count)) return 0
  return setField(letter, count, digits, found) ? digits.length : 0
}

function setField(letter: string, count: number, digits: string, found: Found): boolean {
  const number = Number(digits)
  switch (letter) {
    case 'y':
    case 'Y':
      if (count > 2 && digits.length < count) return false
      found.year = count === 2 ? 2000 + (number % 100) : number
      return true
    case 'M':
    case 'L':
      found.month = number
      return number >= 1 && number <= 12
    case 'd':
      found.day = number
      return number >= 1
    case 'D':
      found.dayOfYear = number
      return number >= 1 && number <= 366
    case 'H':
      found.hour = number
      return number <= 23
    case 'k':
      found.hour = number % 24
      return number >= 1 && number <= 24
    case 'K':
      found.halfDayHour = number
      return number <= 11
    case 'h':
      found.halfDayHour = number
      return number >= 1 && number <= 12
    case 'm':
      found.minute = number
      return number <= 59
    case 's':
      found.second = number
      return number <= 59
    case 'S':
      found.millisecond = Number(digits.padEnd(3, '0').slice(0, 3))
      return true
    default:
      // Weekday, week and quarter follow from the date.
      return true
  }
}

function readName(rest: string, names: readonly string[], take: (at: number) => void): number {
  const lower = rest.slice(0, 12).toLowerCase()
  for (const [at, name] of names.entries()) {
    const length = [name, name.slice(0, 3)].find((form) => lower.startsWith(form.toLowerCase()))?.length
    if (length === undefined) continue
    take(at)
    return length
  }
  return 0
}

function readMarker(rest: string, letter: string, found: Found): number {
  const marker = rest.slice(0, 2).toUpperCase()
  if (letter === 'G') return marker === 'AD' ? 2 : 0
  if (marker !== 'AM' && marker !== 'PM') return 0
  found.isAfternoon = marker === 'PM'
  return 2
}

function readZone(rest: string, found: Found): number {
  const text = /^(?:(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?|[A-Za-z]+(?:[/_][A-Za-z]+)*)/.exec(rest)?.[0]
  if (text === undefined) return 0
  found.zone = text
  return text.length
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)
}
