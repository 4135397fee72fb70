/**
 * What the Stripe source knows of each resource: one row per resource path, and no other place in the code that tells
 * them apart. A new resource is a row here, its name in the connection spec's enum and a file in `specs/schemas`.
 */

/** In the order of the connection spec's enum. */
export const RESOURCE_PATHS = [
  'charges',
  'subscriptions',
  'refunds',
  'balance_transactions',
  'customers',
  'prices',
] as const
export type ResourcePath = (typeof RESOURCE_PATHS)[number]

export interface StripeResource {
  readonly resourcePath: ResourcePath
  readonly listPath: string
  /**
   * List calls that together show every object: Stripe's defaults hide canceled subscriptions and show only active
   * prices. Name of the pass to the filters that it sends.
   */
  readonly passes: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Lists inside an object of which Stripe inlines only the first entries. */
  readonly nestedLists: readonly NestedList[]
}

export interface NestedList {
  /** The member that holds the list. */
  readonly member: string
  readonly listPath: string
  /** The query parameter that takes the object's id. */
  readonly parentParameter: string
}

const EVERYTHING = { all: {} } as const

export const STRIPE_RESOURCES: Readonly<Record<ResourcePath, StripeResource>> = {
  charges: { resourcePath: 'charges', listPath: '/v1/charges', passes: EVERYTHING, nestedLists: [] },
  subscriptions: {
    resourcePath: 'subscriptions',
    listPath: '/v1/subscriptions',
    passes: { all: { status: 'all' } },
    nestedLists: [{ member: 'items', listPath: '/v1/subscription_items', parentParameter: 'subscription' }],
  },
  refunds: { resourcePath: 'refunds', listPath: '/v1/refunds', passes: EVERYTHING, nestedLists: [] },
  balance_transactions: {
    resourcePath: 'balance_transactions',
    listPath: '/v1/balance_transactions',
    passes: EVERYTHING,
    nestedLists: [],
  },
  customers: { resourcePath: 'customers', listPath: '/v1/customers', passes: EVERYTHING, nestedLists: [] },
  prices: {
    resourcePath: 'prices',
    listPath: '/v1/prices',
    passes: { active: { active: 'true' }, inactive: { active: 'false' } },
    nestedLists: [],
  },
}

export function isResourcePath(value: string): value is ResourcePath {
  return (RESOURCE_PATHS as readonly string[]).includes(value)
}
