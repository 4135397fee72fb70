/**
 * How a field is compared:
 * - token: the whole value, ignoring case
 * - string: the words of the query, in their order, ignoring case; or a part of the text with `~`
 * - numeric: the number, or a range
 * - metadata: like a token, or a part with `~`
 */
export type FieldClass = 'token' | 'string' | 'numeric' | 'metadata'

export interface FieldSpec {
  readonly class: Exclude<FieldClass, 'metadata'>
  /** The only values that can be asked for, besides null. */
  readonly values?: readonly string[]
  /** How well an index narrows by it: how few objects share a value. Absent means that no index holds the field. */
  readonly selectivity?: 1 | 2 | 3
}

type Fields = Readonly<Record<string, FieldSpec>>

const TRUTH = ['true', 'false']
const NUMERIC: FieldSpec = { class: 'numeric' }
const STRING: FieldSpec = { class: 'string', selectivity: 3 }
/** An id, of which few objects share one. */
const ID: FieldSpec = { class: 'token', selectivity: 3 }
/** One of a few words. */
const WORD: FieldSpec = { class: 'token', selectivity: 1 }
const FLAG: FieldSpec = { class: 'token', selectivity: 1, values: TRUTH }

const CARD_SOURCES = ['card', 'card_present', 'interac_present']
const CARD_FIELDS: Fields = {
  last4: { class: 'token', selectivity: 2 },
  brand: { class: 'token' },
  exp_month: { class: 'token' },
  exp_year: { class: 'token' },
  fingerprint: ID,
}

const cards: Fields = Object.fromEntries(
  CARD_SOURCES.flatMap((source) =>
    Object.entries(CARD_FIELDS).map(([name, spec]) => [`payment_method_details.${source}.${name}`, spec]),
  ),
)

interface Searchable {
  readonly fields: Fields
  readonly hasMetadata: boolean
  /** Whether Stripe searches the resource; the others can be searched only in what was read. */
  readonly atStripe: boolean
}

/** A name means the same class wherever it stands, so that a query can be evaluated without its resource. */
const SEARCHABLE: Readonly<Record<string, Searchable>> = {
  charges: {
    fields: {
      amount: NUMERIC,
      'billing_details.address.postal_code': { class: 'token', selectivity: 2 },
      created: NUMERIC,
      currency: WORD,
      customer: ID,
      disputed: FLAG,
      ...cards,
      refunded: FLAG,
      status: WORD,
    },
    hasMetadata: true,
    atStripe: true,
  },
  customers: {
    fields: { created: NUMERIC, email: STRING, name: STRING, phone: STRING },
    hasMetadata: true,
    atStripe: true,
  },
  prices: {
    fields: { active: FLAG, currency: WORD, lookup_key: STRING, product: STRING, type: WORD },
    hasMetadata: true,
    atStripe: true,
  },
  subscriptions: {
    fields: { canceled_at: NUMERIC, created: NUMERIC, status: WORD },
    hasMetadata: true,
    atStripe: true,
  },
  refunds: {
    fields: {
      amount: NUMERIC,
      balance_transaction: ID,
      charge: ID,
      created: NUMERIC,
      currency: WORD,
      payment_intent: ID,
      reason: WORD,
      status: WORD,
    },
    hasMetadata: true,
    atStripe: false,
  },
  balance_transactions: {
    fields: {
      amount: NUMERIC,
      available_on: NUMERIC,
      created: NUMERIC,
      currency: WORD,
      fee: NUMERIC,
      net: NUMERIC,
      reporting_category: WORD,
      source: ID,
      status: WORD,
      type: WORD,
    },
    hasMetadata: false,
    atStripe: false,
  },
}

/** The resource paths that a query can be asked about, in what was read. */
export const SEARCHABLE_RESOURCES: readonly string[] = Object.keys(SEARCHABLE)
/** Those that Stripe itself searches. */
export const STRIPE_SEARCHABLE_RESOURCES: readonly string[] = SEARCHABLE_RESOURCES.filter(
  (resourcePath) => SEARCHABLE[resourcePath]?.atStripe,
)

/** What can be asked about a resource; undefined when it cannot be searched. */
export function searchableOf(resourcePath: string): Searchable | undefined {
  return Object.hasOwn(SEARCHABLE, resourcePath) ? SEARCHABLE[resourcePath] : undefined
}

/** Of any resource, by name. */
const BY_NAME = new Map(Object.values(SEARCHABLE).flatMap(({ fields }) => Object.entries(fields)))

/** The field of a name; undefined when no resource has it. */
export function fieldSpecOf(name: string): FieldSpec | undefined {
  return BY_NAME.get(name)
}
