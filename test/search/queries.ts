import fc from 'fast-check'
import type { SearchClause, SearchField, SearchQuery } from '../../src/search/search-query.ts'

/** A query without what only its text has. */
export type BareQuery =
  | { readonly kind: 'all' | 'any'; readonly parts: readonly BareQuery[] }
  | Pick<SearchClause, 'kind' | 'negated' | 'field' | 'operator' | 'value'>

/** Leaves the positions out. */
export function bare(query: SearchQuery): BareQuery {
  if (query.kind !== 'clause') return { kind: query.kind, parts: query.parts.map(bare) }
  const { kind, negated, field, operator, value } = query
  return { kind, negated, field, operator, value }
}

/** The text of a query, with AND and OR written out. */
export function print(query: BareQuery): string {
  if (query.kind === 'clause') return printClause(query)
  const parts = query.parts.map((part) => (part.kind === 'clause' ? print(part) : `(${print(part)})`))
  return parts.join(query.kind === 'all' ? ' AND ' : ' OR ')
}

function printClause({ negated, field, operator, value }: Extract<BareQuery, { kind: 'clause' }>): string {
  return `${negated ? '-' : ''}${printField(field)}${operator}${value === null ? 'null' : quoted(value)}`
}

function printField(field: SearchField): string {
  return field.kind === 'path' ? field.name : `metadata[${quoted(field.key)}]`
}

function quoted(text: string): string {
  return `"${text.replaceAll(/[\\"]/g, '\\$&')}"`
}

const text = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' })
const word = fc.constantFrom('active', 'ACTIVE', 'canceled', 'yes', 'samsung tv', 'Samsung', 'amy lee', 'usd')
const key = fc.constantFrom('device_type', 'Samsung', 'a"b', 'plan')

/** A clause that subscriptions, charges or customers can be asked, with values that objects below may have. */
const clause: fc.Arbitrary<BareQuery> = fc
  .oneof(
    fc.record({
      field: key.map((name): SearchField => ({ kind: 'metadata', key: name })),
      asked: fc.oneof(
        fc.record({ operator: fc.constant(':' as const), value: fc.option(fc.oneof(word, text)) }),
        fc.record({ operator: fc.constant('~' as const), value: word }),
      ),
    }),
    fc.record({
      field: fc.constantFrom('status', 'currency', 'customer', 'refunded', 'name', 'product').map(path),
      asked: fc.record({ operator: fc.constant(':' as const), value: fc.option(fc.oneof(word, text)) }),
    }),
    fc.record({
      field: fc.constantFrom('amount', 'created').map(path),
      asked: fc.record({
        operator: fc.constantFrom(':' as const, '>' as const, '<=' as const),
        value: fc.integer({ min: -3, max: 3 }).map(String),
      }),
    }),
  )
  .chain(({ field, asked }) =>
    fc
      .boolean()
      .map((negated) => ({ kind: 'clause' as const, negated, field, operator: asked.operator, value: asked.value })),
  )

function path(name: string): SearchField {
  return { kind: 'path', name }
}

/** Queries of up to ten clauses; `mixed` ones have AND inside OR inside AND. */
export function queries({ mixed }: { readonly mixed: boolean }): fc.Arbitrary<BareQuery> {
  const group = (kind: 'all' | 'any', part: fc.Arbitrary<BareQuery>): fc.Arbitrary<BareQuery> =>
    fc.array(part, { minLength: 2, maxLength: mixed ? 2 : 10 }).map((parts) => ({ kind, parts }))
  const all = group('all', clause)
  if (!mixed) return fc.oneof(clause, all, group('any', clause))
  const any = group('any', fc.oneof(clause, all))
  return fc.oneof(any, group('all', fc.oneof(clause, any)))
}

/** Objects with the fields that the queries ask for. */
export const objects: fc.Arbitrary<Readonly<Record<string, unknown>>> = fc.record(
  {
    status: word,
    currency: fc.constantFrom('usd', 'USD', 'eur'),
    customer: fc.oneof(word, fc.record({ id: word, object: fc.constant('customer') })),
    amount: fc.integer({ min: -3, max: 3 }),
    created: fc.integer({ min: -3, max: 3 }),
    refunded: fc.boolean(),
    amount_refunded: fc.constantFrom(0, 5),
    name: fc.oneof(word, text),
    product: word,
    metadata: fc.dictionary(key, fc.oneof(word, text)),
  },
  { requiredKeys: [] },
)
