import { ExpressionError } from './errors.ts'

/** Characters of a text that a function makes. */
export const MAX_TEXT = 262_144
/** Elements of an array that a function makes. */
export const MAX_ARRAY = 10_000

/** A unit is a step of the interpreter, four characters or one copied value; all of it is a third of a second at worst. */
export const ROW_BUDGET = 1_000_000

/** What one row may cost. The language has no loops, so steps and sizes bound the time of every expression. */
export class Budget {
  #left: number

  constructor(units = ROW_BUDGET) {
    this.#left = units
  }

  spend(units: number): void {
    this.#left -= units
    if (this.#left < 0) throw new ExpressionError('the mappings of this row need too many steps')
  }
}

export function requireTextSize(length: number): void {
  if (length > MAX_TEXT) throw new ExpressionError(`the result has more than ${MAX_TEXT} characters`)
}

export function requireArraySize(length: number): void {
  if (length > MAX_ARRAY) throw new ExpressionError(`the result has more than ${MAX_ARRAY} elements`)
}
