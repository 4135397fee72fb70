import type { Budget } from './budget.ts'
import type { Value } from './values.ts'

/** What an expression can reach: the record and these, nothing else of the process. */
export interface Scope {
  readonly record: Value
  readonly budget: Budget
  /** ms since the epoch. */
  readonly now: () => number
  /** A fresh UUID. */
  readonly newId: () => string
}
