import { isoText } from '../dates/format-date.ts'
import { requireDate } from '../dates/parse-date.ts'
import { ExpressionError } from '../language/errors.ts'
import type { Scope } from '../language/scope.ts'
import type { Expression } from '../language/syntax.ts'
import { nameOf, requireInteger, requireNumber, ZonedDate } from '../language/values.ts'
import type { Result, Value } from '../language/values.ts'

/** What a parameter takes; arguments are converted to it or refused before the function sees them. */
export type ParameterType = 'text' | 'number' | 'integer' | 'date' | 'array' | 'any'

export interface Parameter {
  readonly name: string
  readonly type: ParameterType
  readonly description: string
  readonly isOptional?: boolean
  /** Any number of arguments, only last. */
  readonly isRepeated?: boolean
}

export type ReturnType = 'String' | 'Boolean' | 'Integer' | 'Number' | 'Date' | 'Array' | 'Object' | 'Any'

/** One function: its row of `GET /languages/el/functions`, and what it does. */
export interface FunctionSpec {
  readonly name: string
  /** Other names of the same function. */
  readonly aliases?: readonly string[]
  readonly category: string
  readonly description: string
  readonly params: readonly Parameter[]
  readonly returns: string
  readonly returnType: ReturnType
  /** An expression, and its result as it would be written in JSON. A test executes it. */
  readonly example: string
  readonly result: string
  /** `text.equals(other)`: the first parameter may stand before the dot. */
  readonly isMethod?: boolean
  /** Absent: a null argument for a parameter that is not optional makes the result null without a call. */
  readonly takesNull?: boolean
  readonly call?: (args: readonly Value[], scope: Scope) => Result
  /** Instead of `call`, for a function that does not compute all of its arguments. */
  readonly callLazily?: (args: readonly Expression[], scope: Scope, evaluate: Evaluate) => Result
  /** Refuses literal arguments that can never work. */
  readonly check?: (args: readonly Expression[]) => void
}

export type Evaluate = (expression: Expression, scope: Scope) => Result

export const parameter = (name: string, type: ParameterType, description: string): Parameter => ({
  name,
  type,
  description,
})
export const optional = (name: string, type: ParameterType, description: string): Parameter => ({
  ...parameter(name, type, description),
  isOptional: true,
})
export const repeated = (name: string, type: ParameterType, description: string): Parameter => ({
  ...parameter(name, type, description),
  isRepeated: true,
})

/** The argument as its parameter wants it; null stays null. */
export function convertArgument(value: Value, { name, type }: Parameter): Value {
  if (value === null || type === 'any') return value
  switch (type) {
    case 'text':
      return requireText(value, name)
    case 'number':
      return requireNumber(value, name)
    case 'integer':
      return requireInteger(value, name)
    case 'date':
      if (value instanceof ZonedDate) return value
      if (typeof value === 'string') return requireDate(value)
      throw new ExpressionError(`${name} is ${nameOf(value)}, not a date`)
    case 'array':
      if (Array.isArray(value)) return value
      throw new ExpressionError(`${name} is ${nameOf(value)}, not an array`)
  }
}

/** A text, or a number, boolean or date written as one. */
export function requireText(value: Value, role: string): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (value instanceof ZonedDate) return isoText(value)
  throw new ExpressionError(`${role} is ${nameOf(value)}, not a text`)
}
