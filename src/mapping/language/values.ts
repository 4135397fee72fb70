import { ExpressionError } from './errors.ts'
import type { Budget } from './budget.ts'

/** An instant with the zone that it is written in: `Z`, an offset such as `+02:00`, or an IANA name. */
export class ZonedDate {
  /** ms since the epoch. */
  readonly ms: number
  readonly zone: string

  constructor(ms: number, zone: string) {
    this.ms = ms
    this.zone = zone
    Object.freeze(this)
  }
}

/** What an expression works on: JSON, and dates. A missing member is null. */
export type Value = null | boolean | number | string | ZonedDate | readonly Value[] | ObjectValue
export interface ObjectValue {
  readonly [member: string]: Value
}

/** Result of `nullify()`: the target is taken away, where null only leaves it alone. */
export const NULLIFIED = Symbol('nullified')
export type Result = Value | typeof NULLIFIED

/** Objects and arrays inside each other that any function, comparison or copy walks. */
export const MAX_DEPTH = 100

export function isObjectValue(value: unknown): value is ObjectValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ZonedDate)
}

export function isArrayValue(value: unknown): value is readonly Value[] {
  return Array.isArray(value)
}

/** An own member; whatever an object inherits does not exist here. */
export function memberOf(value: unknown, name: string): Value {
  if (!isObjectValue(value) || !Object.hasOwn(value, name)) return null
  return value[name] ?? null
}

/** Defines an own member under any name, `__proto__` included. */
export function setMember(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

/** What a value is, with its article, for messages. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof ZonedDate) return 'a date'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}

/** JEXL's rule: null, false, 0, empty text and the text "false" are not true; everything else is. */
export function isTrue(value: Value): boolean {
  if (typeof value === 'string') return value !== '' && value.toLowerCase() !== 'false'
  if (typeof value === 'number') return value !== 0 && !Number.isNaN(value)
  return value !== null && value !== false
}

const NUMERIC = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i

/** The number that a value is or spells; null when it is neither. */
export function toNumber(value: Value): number | null {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || value.length > 400 || !NUMERIC.test(value)) return null
  const number = Number(value)
  return Number.isFinite(number) ? number : null
}

export function requireNumber(value: Value, role: string): number {
  const number = toNumber(value)
  if (number === null) throw new ExpressionError(`${role} is ${nameOf(value)}${excerptOf(value)}, not a number`)
  return number
}

/** `12`: a whole number that is exact. */
export function requireInteger(value: Value, role: string): number {
  const number = requireNumber(value, role)
  if (!Number.isSafeInteger(number)) throw new ExpressionError(`${role} is ${number}, not a whole number`)
  return number
}

/** A finite number, or an error instead of Infinity and NaN, which JSON does not have. */
export function finite(number: number): number {
  if (Number.isFinite(number)) return number
  throw new ExpressionError('the result is no finite number')
}

/** ` "text"`, cut short, for messages. */
export function excerptOf(value: unknown): string {
  if (typeof value !== 'string') return typeof value === 'number' || typeof value === 'boolean' ? ` ${value}` : ''
  return ` ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value)}`
}

/** Deep equality; a number equals the text that spells it, a date the same instant. */
export function areEqual(left: Value, right: Value, budget: Budget, depth = 0): boolean {
  budget.spend(1)
  if (depth > MAX_DEPTH) throw new ExpressionError('the values that are compared are nested too deeply')
  if (left === right) return true
  if (left === null || right === null) return false
  if (left instanceof ZonedDate && right instanceof ZonedDate) return left.ms === right.ms
  if (typeof left === 'number' || typeof right === 'number') {
    const [a, b] = [toNumber(left), toNumber(right)]
    return a !== null && a === b
  }
  if (isArrayValue(left) && isArrayValue(right)) {
    return (
      left.length === right.length && left.every((item, at) => areEqual(item, right[at] ?? null, budget, depth + 1))
    )
  }
  if (!isObjectValue(left) || !isObjectValue(right)) return false
  const names = Object.keys(left)
  if (names.length !== Object.keys(right).length) return false
  return names.every(
    (name) => Object.hasOwn(right, name) && areEqual(memberOf(left, name), memberOf(right, name), budget, depth + 1),
  )
}

/** Negative, zero or positive: the natural order of two numbers, texts, booleans or dates. */
export function compare(left: Value, right: Value): number {
  if (left instanceof ZonedDate && right instanceof ZonedDate) return left.ms - right.ms
  if (typeof left === 'number' || typeof right === 'number') {
    const [a, b] = [toNumber(left), toNumber(right)]
    if (a !== null && b !== null) return a - b
  } else if (typeof left === 'string' && typeof right === 'string') {
    return left < right ? -1 : Number(left > right)
  } else if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right)
  throw new ExpressionError(`${nameOf(left)} and ${nameOf(right)} have no order`)
}
