import type { ZonedDate } from '../language/values.ts'
import { calendarFields } from './calendar.ts'
import type { CalendarFields } from './calendar.ts'
import { MONTHS, parseDatePattern, WEEKDAYS } from './date-pattern.ts'
import { offsetText } from './zone.ts'

/** Writes a date by a Java format such as `yyyy-MM-dd'T'HH:mm:ssX`. Throws ExpressionError when the format is none. */
export function formatDate(date: ZonedDate, format: string): string {
  const fields = calendarFields(date)
  return parseDatePattern(format)
    .map((part) => (part.kind === 'text' ? part.text : writeField(part.letter, part.count, fields, date)))
    .join('')
}

/** ISO 8601 with seconds; milliseconds only when there are some. */
export function isoText(date: ZonedDate): string {
  if (date.zone === 'Z') return new Date(date.ms).toISOString().replace('.000Z', 'Z')
  const offset = offsetText(calendarFields(date).offset)
  const local = new Date(date.ms + calendarFields(date).offset * 60_000).toISOString()
  return `${local.replace(/(?:\.000)?Z$/, '')}${offset}`
}

/** `yyyy-MM-dd` of the date's own zone. */
export function isoDay(date: ZonedDate): string {
  return formatDate(date, 'yyyy-MM-dd')
}

function writeField(letter: string, count: number, fields: CalendarFields, date: ZonedDate): string {
  const padded = (number: number) => String(number).padStart(count, '0')
  const quarter = Math.floor((fields.month - 1) / 3) + 1
  switch (letter) {
    case 'G':
      return count === 4 ? (fields.year > 0 ? 'Anno Domini' : 'Before Christ') : fields.year > 0 ? 'AD' : 'BC'
    case 'y':
      return writeYear(fields.year, count)
    case 'Y':
      return writeYear(fields.weekYear, count)
    case 'M':
    case 'L':
      return count < 3 ? padded(fields.month) : cut(MONTHS[fields.month - 1], count)
    case 'Q':
    case 'q':
      return count < 3 ? padded(quarter) : count === 3 ? `Q${quarter}` : `${quarter}${ORDINALS[quarter - 1]} quarter`
    case 'w':
      return padded(fields.week)
    case 'W':
      return padded(Math.floor((fields.day + 6 - fields.weekday) / 7) + 1)
    case 'D':
      return padded(fields.dayOfYear)
    case 'd':
      return padded(fields.day)
    case 'F':
      return padded(Math.floor((fields.day - 1) / 7) + 1)
    case 'E':
      return cut(WEEKDAYS[fields.weekday - 1], count < 4 ? 3 : count)
    case 'u':
      return padded(fields.weekday)
    case 'a':
      return fields.hour < 12 ? 'AM' : 'PM'
    case 'H':
      return padded(fields.hour)
    case 'k':
      return padded(fields.hour || 24)
    case 'K':
      return padded(fields.hour % 12)
    case 'h':
      return padded(fields.hour % 12 || 12)
    case 'm':
      return padded(fields.minute)
    case 's':
      return padded(fields.second)
    case 'S':
      return String(fields.millisecond).padStart(3, '0').padEnd(count, '0').slice(0, count)
    default:
      return writeZone(letter, count, fields.offset, date.zone)
  }
}

const ORDINALS = ['st', 'nd', 'rd', 'th']

function writeYear(year: number, count: number): string {
  if (count === 2) return String(Math.abs(year) % 100).padStart(2, '0')
  const digits = String(Math.abs(year)).padStart(count, '0')
  return year < 0 ? `-${digits}` : digits
}

function writeZone(letter: string, count: number, offset: number, zone: string): string {
  const isNamed = /^[A-Za-z]{2}/.test(zone)
  const numeric = (separator: string) => (offset === 0 ? `+00${separator}00` : offsetText(offset, separator))
  switch (letter) {
    case 'V':
      return zone
    case 'z':
      return isNamed ? zone : offset === 0 ? 'UTC' : `GMT${numeric(':')}`
    case 'O':
      return offset === 0
        ? 'GMT'
        : `GMT${count === 4 ? numeric(':') : numeric(':').replace(/([+-])0?(\d+):00$/, '$1$2')}`
    case 'Z':
      return count === 4 ? `GMT${offset === 0 ? '' : numeric(':')}` : numeric(count === 5 ? ':' : '')
    default:
      if (offset === 0) return 'Z'
      if (count === 1) return numeric(':').replace(/:00$/, '').replace(':', '')
      return numeric(count === 2 ? '' : ':')
  }
}

/** `Jan`, `January`, `J`: three letters, all of them, one. */
function cut(name: string | undefined, count: number): string {
  if (name === undefined) return ''
  return count === 3 ? name.slice(0, 3) : count === 5 ? name.slice(0, 1) : name
}
