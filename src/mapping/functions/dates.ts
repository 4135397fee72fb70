import { calendarFields } from '../dates/calendar.ts'
import type { CalendarFields } from '../dates/calendar.ts'
import { parseDatePattern } from '../dates/date-pattern.ts'
import { formatDate } from '../dates/format-date.ts'
import { parseDate, requireDate } from '../dates/parse-date.ts'
import { dateOf, parseZone } from '../dates/zone.ts'
import { ExpressionError } from '../language/errors.ts'
import type { Expression } from '../language/syntax.ts'
import { ZonedDate } from '../language/values.ts'
import { optional, parameter } from './function-spec.ts'
import type { FunctionSpec } from './function-spec.ts'

const CATEGORY = 'Date / Time'
const DATE = parameter('date', 'date', 'A date, or a text in ISO 8601.')
const FORMAT = parameter('format', 'text', 'A Java date format.')

const checkFormat = (args: readonly Expression[]) => {
  const format = args[1]
  if (format?.kind === 'literal' && typeof format.value === 'string') parseDatePattern(format.value)
}

export const DATE_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: 'now',
    category: CATEGORY,
    description: 'The present time.',
    params: [],
    returns: 'A date in UTC.',
    returnType: 'Date',
    example: 'now()',
    result: '"2021-10-26T10:10:24Z"',
    call: (_, { now }) => dateOf(now()),
  },
  {
    name: 'timestamp',
    category: CATEGORY,
    description: 'The present time as a number.',
    params: [],
    returns: 'Milliseconds since 1970.',
    returnType: 'Integer',
    example: 'timestamp()',
    result: '1635243024000',
    call: (_, { now }) => now(),
  },
  {
    name: 'date',
    category: CATEGORY,
    description: 'Reads a text as a date.',
    params: [
      parameter('date', 'any', 'The text; a date is taken as it is.'),
      optional('format', 'text', 'The Java date format of the text. ISO 8601 and common formats are known without it.'),
      optional('defaultDate', 'date', 'The result when the text is null or empty.'),
    ],
    returns: 'The date, in UTC unless the text names a zone; null when there is neither a text nor a default.',
    returnType: 'Date',
    example: 'date("2019-10-23 11:24", "yyyy-MM-dd HH:mm")',
    result: '"2019-10-23T11:24:00Z"',
    takesNull: true,
    check: checkFormat,
    call: ([text, format, defaultDate = null]) => {
      if (text instanceof ZonedDate) return text
      if (text === null || text === undefined || text === '') return defaultDate
      if (typeof text !== 'string') {
        throw new ExpressionError('date takes a text; for milliseconds since 1970 use dformat(number, format)')
      }
      return format === null || format === undefined ? requireDate(text) : parseDate(text, String(format))
    },
  },
  {
    name: 'format',
    category: CATEGORY,
    description: 'Writes a date in a format.',
    params: [DATE, FORMAT],
    returns: 'The date as a text, in its own zone.',
    returnType: 'String',
    example: 'format("2019-10-23T11:24:00+00:00", "yyyy-MM-dd HH:mm:ss")',
    result: '"2019-10-23 11:24:00"',
    check: checkFormat,
    call: ([date, format]) => formatDate(date as ZonedDate, String(format)),
  },
  {
    name: 'dformat',
    category: CATEGORY,
    description: 'Writes a timestamp in a format.',
    params: [parameter('timestamp', 'number', 'Milliseconds since 1970.'), FORMAT],
    returns: 'The date as a text, in UTC.',
    returnType: 'String',
    example: 'dformat(1571829875000, "yyyy-MM-dd\'T\'HH:mm:ss.SSSX")',
    result: '"2019-10-23T11:24:35.000Z"',
    check: checkFormat,
    call: ([timestamp, format]) => formatDate(dateOf(Number(timestamp)), String(format)),
  },
  {
    name: 'date_part',
    category: CATEGORY,
    description:
      'Takes one part of a date: year, quarter, month, dayofyear, day, week, weekday, hour, minute, second, ...',
    params: [parameter('component', 'text', 'Name of the part, or its short form, in any letter case.'), DATE],
    returns: 'The part as a number, in the zone of the date. Weeks are ISO weeks, Monday is weekday 1.',
    returnType: 'Integer',
    example: 'date_part("MM", date("2019-10-17 11:55:12"))',
    result: '10',
    call: ([component, date]) => partOf(String(component), date as ZonedDate),
  },
  {
    name: 'zone_date_to_utc',
    category: CATEGORY,
    description: 'Writes a date of any zone in UTC.',
    params: [DATE],
    returns: 'The same instant in UTC.',
    returnType: 'Date',
    example: 'zone_date_to_utc("2019-10-17T11:55:12 PST")',
    result: '"2019-10-17T19:55:12Z"',
    call: ([date]) => dateOf((date as ZonedDate).ms),
  },
  {
    name: 'zone_date_to_zone',
    category: CATEGORY,
    description: 'Writes a date in another zone.',
    params: [DATE, parameter('zone', 'text', 'A zone name such as Europe/Paris, or an offset.')],
    returns: 'The same instant in that zone.',
    returnType: 'Date',
    example: 'zone_date_to_zone("2021-10-26T13:43:59Z", "Europe/Paris")',
    result: '"2021-10-26T15:43:59+02:00"',
    call: ([date, zone]) => dateOf((date as ZonedDate).ms, parseZone(String(zone))),
  },
]

type Part = (fields: CalendarFields) => number

/** Names and short forms, from the documentation. */
const PARTS: readonly (readonly [names: string, part: Part])[] = [
  ['year yyyy yy', ({ year }) => year],
  ['quarter qq q', ({ month }) => Math.floor((month - 1) / 3) + 1],
  ['month mm m', ({ month }) => month],
  ['dayofyear dy y', ({ dayOfYear }) => dayOfYear],
  ['day dd d', ({ day }) => day],
  ['week ww w', ({ week }) => week],
  ['weekday dw', ({ weekday }) => weekday],
  ['hour hh hh24', ({ hour }) => hour],
  ['hh12', ({ hour }) => hour % 12 || 12],
  ['minute mi n', ({ minute }) => minute],
  ['second ss s', ({ second }) => second],
  ['millisecond ms sss', ({ millisecond }) => millisecond],
]
const PART_BY_NAME: ReadonlyMap<string, Part> = new Map(
  PARTS.flatMap(([names, part]) => names.split(' ').map((name) => [name, part] as const)),
)

function partOf(component: string, date: ZonedDate): number {
  const part = PART_BY_NAME.get(component.toLowerCase())
  if (part === undefined) throw new ExpressionError(`a date has no part ${JSON.stringify(component.slice(0, 40))}`)
  return part(calendarFields(date))
}
