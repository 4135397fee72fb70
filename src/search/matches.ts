import { fieldSpecOf } from './fields.ts'
import type { FieldClass } from './fields.ts'
import type { SearchClause, SearchOperator, SearchQuery } from './syntax.ts'
import { fold, valueOf, wordsOf } from './values.ts'
import type { SearchedObject } from './values.ts'

/**
 * Whether an object, as Stripe sends it, is what a query asks for. A negated clause is true wherever the clause is not,
 * so also where the field is absent.
 */
export function matches(query: SearchQuery, object: SearchedObject): boolean {
  if (query.kind === 'clause') return holds(query, object) !== query.negated
  if (query.kind === 'all') return query.parts.every((part) => matches(part, object))
  return query.parts.some((part) => matches(part, object))
}

function holds({ field, operator, value: wanted }: SearchClause, object: SearchedObject): boolean {
  const value = valueOf(object, field)
  if (wanted === null) return value === null
  if (value === null) return false
  const fieldClass: FieldClass = field.kind === 'metadata' ? 'metadata' : (fieldSpecOf(field.name)?.class ?? 'token')
  if (fieldClass === 'numeric') return typeof value === 'number' && COMPARISONS[operator](value, Number(wanted))
  const text = String(value)
  if (operator === '~') return fold(text).includes(fold(wanted))
  if (fieldClass === 'string') return hasInOrder(wordsOf(text), wordsOf(wanted))
  return fold(text) === fold(wanted)
}

const COMPARISONS: Readonly<Record<SearchOperator, (value: number, wanted: number) => boolean>> = {
  ':': (value, wanted) => value === wanted,
  '~': () => false,
  '>': (value, wanted) => value > wanted,
  '<': (value, wanted) => value < wanted,
  '>=': (value, wanted) => value >= wanted,
  '<=': (value, wanted) => value <= wanted,
}

/** Whether all of the wanted words are there in their order; others may stand between them. */
function hasInOrder(words: readonly string[], wanted: readonly string[]): boolean {
  let from = 0
  for (const word of wanted) {
    from = words.indexOf(word, from) + 1
    if (from === 0) return false
  }
  return true
}
