/**
 * Words of the search language:
 * - clause: one question about one field, such as `status:"active"`; `-` before it asks for the opposite
 * - group: clauses that must all hold, or of which any must hold
 * - field: the dotted path of a value in the object, or a key of its metadata
 */
export const OPERATORS = [':', '~', '>', '<', '>=', '<='] as const
export type SearchOperator = (typeof OPERATORS)[number]

/** A query as parsed. Positions are offsets in its text, in UTF-16 units from 0. */
export type SearchQuery = SearchClause | SearchGroup

export interface SearchGroup {
  readonly kind: 'all' | 'any'
  /** Two or more; a group of the same kind is never directly inside. */
  readonly parts: readonly SearchQuery[]
  /** Where the first AND or OR of the group stands; where the second part begins when AND was left out. */
  readonly joinedAt: number
}

export interface SearchClause {
  readonly kind: 'clause'
  readonly negated: boolean
  readonly field: SearchField
  readonly operator: SearchOperator
  /** As written, without its quotes: `last4:0042` asks for `0042`. Null asks for what is absent. */
  readonly value: string | null
  readonly at: { readonly field: number; readonly operator: number; readonly value: number }
}

export type SearchField =
  { readonly kind: 'path'; readonly name: string } | { readonly kind: 'metadata'; readonly key: string }

/** A query that Stripe would refuse. The message says what is wrong and ends without a full stop. */
export class SearchQueryError extends Error {
  /** Offset of the fault in the text of the query, from 0; its length when something is missing at the end. */
  readonly position: number

  constructor(message: string, position: number) {
    super(message)
    this.name = 'SearchQueryError'
    this.position = position
  }
}

/** All clauses, in the order of the text. */
export function clausesOf(query: SearchQuery): readonly SearchClause[] {
  return query.kind === 'clause' ? [query] : query.parts.flatMap(clausesOf)
}

/** The field as a query writes it. */
export function nameOf(field: SearchField): string {
  return field.kind === 'path' ? field.name : `metadata[${JSON.stringify(field.key)}]`
}
