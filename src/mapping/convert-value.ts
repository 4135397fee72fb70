import type { JsonValue } from '../json.ts'
import { isoDay, isoText } from './dates/format-date.ts'
import { readDate } from './dates/parse-date.ts'
import type { Budget } from './language/budget.ts'
import { excerptOf, MAX_DEPTH, nameOf, setMember, ZonedDate } from './language/values.ts'
import type { ObjectValue, Value } from './language/values.ts'
import { memberType, OPEN_TYPE } from './target-type.ts'
import type { TargetType } from './target-type.ts'

export interface Conversion {
  /** Called for every value that cannot take its type; the value is left out. */
  readonly refuse: (path: string, message: string) => void
  /** Every value that is copied costs one unit. */
  readonly budget: Budget
}

/**
 * A fresh copy of a value in the types of the target; undefined when nothing of it is left. Null members and elements are
 * left out: they leave the target unset.
 *
 * @throws ExpressionError when the budget is used up
 */
export function convertValue(
  value: Value,
  type: TargetType,
  path: string,
  conversion: Conversion,
  depth = 0,
): JsonValue | undefined {
  if (value === null) return undefined
  conversion.budget.spend(1)
  if (depth > MAX_DEPTH) {
    conversion.refuse(path, `is nested more than ${MAX_DEPTH} levels deep`)
    return undefined
  }
  if (Array.isArray(value)) {
    if (!takes(type, 'array')) return refused(value, type, path, conversion)
    const items = type.items ?? OPEN_TYPE
    const copy: JsonValue[] = []
    for (let at = 0; at < value.length; at++) {
      const item = convertValue(value[at] as Value, items, path, conversion, depth + 1)
      if (item !== undefined) copy.push(item)
    }
    return copy
  }
  if (typeof value === 'object' && !(value instanceof ZonedDate)) {
    if (!takes(type, 'object')) return refused(value, type, path, conversion)
    return convertObject(value as ObjectValue, type, path, conversion, depth)
  }
  return convertScalar(value as string | number | boolean | ZonedDate, type, path, conversion)
}

function convertObject(
  object: ObjectValue,
  type: TargetType,
  path: string,
  conversion: Conversion,
  depth: number,
): JsonValue {
  // An object is copied whole: a member that the schema does not define is no reason to lose it.
  const copy: Record<string, JsonValue> = {}
  for (const name of Object.keys(object)) {
    const value = object[name] as Value
    if (value === null) continue
    const known = type === OPEN_TYPE ? OPEN_TYPE : memberType(type, name)
    const converted = convertValue(value, known ?? OPEN_TYPE, `${path}.${name}`, conversion, depth + 1)
    if (converted !== undefined) setMember(copy, name, converted)
  }
  return copy
}

function takes(type: TargetType, name: string): boolean {
  if (type.type === undefined || type.type === null || type.type === name) return true
  return type.types !== undefined && type.types.includes(name)
}

function convertScalar(
  value: string | number | boolean | ZonedDate,
  type: TargetType,
  path: string,
  conversion: Conversion,
): JsonValue | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return refused(value, type, path, conversion)
  if (value instanceof ZonedDate) {
    if (!takes(type, 'string')) return refused(value, type, path, conversion)
    return type.format === 'date' ? isoDay(value) : isoText(value)
  }
  if (type.type === undefined || type.type === null) return value
  if (takes(type, typeof value) && typeof value !== 'string') return value
  if (takes(type, 'integer') && Number.isInteger(value)) return value
  if (takes(type, 'string')) return convertText(value, type, path, conversion)
  if (type.type === 'boolean' && typeof value === 'string') {
    const word = value.toLowerCase()
    if (TRUE_WORDS.has(word)) return true
    if (FALSE_WORDS.has(word)) return false
  }
  return refused(value, type, path, conversion)
}

/** Words that become a boolean, from the documentation. */
const TRUE_WORDS = new Set(['y', 'yes', 'on', 'true'])
const FALSE_WORDS = new Set(['n', 'no', 'off', 'false'])

const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/
const DAY = /^\d{4}-\d{2}-\d{2}$/

function convertText(
  value: string | number | boolean,
  type: TargetType,
  path: string,
  conversion: Conversion,
): JsonValue | undefined {
  const { format } = type
  if (format !== 'date' && format !== 'date-time') return String(value)
  const date = typeof value === 'string' ? readDate(value) : null
  if (date === null) return refused(value, type, path, conversion)
  // A text that has the right form already keeps its digits.
  if ((format === 'date' ? DAY : DATE_TIME).test(value as string)) return value
  return format === 'date' ? isoDay(date) : isoText(date)
}

function refused(value: Value, type: TargetType, path: string, conversion: Conversion): undefined {
  const wanted = type.type === 'string' && type.format !== undefined ? `a ${type.format}` : (type.type ?? 'a value')
  const hint = typeof value === 'number' && wanted === 'a date-time' ? '; make one with dformat or date' : ''
  conversion.refuse(path, `is ${nameOf(value)}${excerptOf(value)}, and the schema wants ${wanted}${hint}`)
}
