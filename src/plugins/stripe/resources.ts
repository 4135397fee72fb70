import type { JsonObject } from '../../json.ts'
import type { StripeObject } from './client.ts'
import { embeddedPrices } from './embedded-prices.ts'
import { itself, parent, pricesOfItems, type EventSubject } from './event-subjects.ts'

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
  /** Where Stripe's Search language finds objects of the resource, hidden ones too; null when it cannot. */
  readonly searchPath: string | null
  /**
   * List calls that together show every object that `listPath` can show: Stripe's defaults hide canceled subscriptions
   * and show only active prices. Name of the pass to the filters that it sends.
   */
  readonly passes: Readonly<Record<string, StripeFilters>>
  /** A further pass for objects that no list of their own shows; it needs the permission of another resource. */
  readonly embeddedPass: EmbeddedPass | null
  /** List passes for the objects that hold something which changed; null when objects hold nothing of others. */
  readonly holderPass: HolderPass | null
  /** Lists inside an object of which Stripe inlines only the first entries. */
  readonly nestedLists: readonly NestedList[]
  /** Event type to how its snapshot names objects of this resource; at most the 20 types that one list call takes. */
  readonly events: Readonly<Record<string, EventRule>>
  /** Objects can be deleted; a retrieval then answers a stub with `deleted: true`. */
  readonly deletable: boolean
  /** How an object changes without an event, null when it never does. */
  readonly maturity: Maturity | null
  /** The permission that a restricted key needs to read it, by Stripe's name. */
  readonly permission: string
  /** The limiter that its lists count against besides the account's global one. */
  readonly rateClass: RateClass
}

export type StripeFilters = Readonly<Record<string, string>>

/** `search`: paths that end in `/search`, which get fewer requests a second than any other `endpoint`. */
export type RateClass = 'endpoint' | 'search'

export interface EmbeddedPass {
  readonly name: string
  /** The resource whose objects are listed, and the pass that lists them. */
  readonly holder: ResourcePath
  readonly holderPass: string
  /** The objects inside a holder whose nested lists are complete; deleted ones are left out. */
  readonly objectsIn: (holder: JsonObject) => readonly StripeObject[]
}

/** A list pass named `<member>:<id>`: the objects that hold the thing of this id, by the filter `member`. */
export interface HolderPass {
  readonly member: string
  readonly filters: StripeFilters
}

export interface NestedList {
  /** The member that holds the list. */
  readonly member: string
  readonly listPath: string
  /** The query parameter that takes the object's id. */
  readonly parentParameter: string
}

export interface EventRule {
  readonly objectIds: EventSubject
  /** The snapshot is what other objects hold: they are listed by the resource's `holderPass`. */
  readonly isHeld?: boolean
  /** The resource of the snapshot, when the ids may stand in a nested list of it that the snapshot cuts short. */
  readonly holder?: ResourcePath
}

/** While `status` has this value, the object changes at the moment in `until`, Unix seconds. */
export interface Maturity {
  readonly status: string
  readonly until: string
}

/** The permission to read the change feed. */
export const EVENTS_PERMISSION = 'rak_event_read'

const EVERYTHING = { all: {} } as const
const ALL_STATUSES = { all: { status: 'all' } } as const

const HELD: EventRule = { objectIds: () => [], isHeld: true }
const OWN: EventRule = { objectIds: itself }
const OF_CHARGE: EventRule = { objectIds: parent('charge') }
const OF_CUSTOMER: EventRule = { objectIds: parent('customer') }
const OF_ITEMS: EventRule = { objectIds: pricesOfItems, holder: 'subscriptions' }

/** Stripe announces a refund by its own events and, for some payment methods, by one of its charge. */
const REFUND_EVENTS = ['refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated'] as const

/** What most rows have in common. */
const PLAIN = {
  searchPath: null,
  passes: EVERYTHING,
  embeddedPass: null,
  holderPass: null,
  nestedLists: [],
  deletable: false,
  maturity: null,
  rateClass: 'endpoint',
} as const

export const STRIPE_RESOURCES: Readonly<Record<ResourcePath, StripeResource>> = {
  charges: {
    ...PLAIN,
    resourcePath: 'charges',
    listPath: '/v1/charges',
    searchPath: '/v1/charges/search',
    permission: 'rak_charge_read',
    events: {
      ...named('charge', ['succeeded', 'pending', 'failed', 'captured', 'expired', 'refunded', 'updated'], OWN),
      // A dispute or a refund changes members of its charge, and nobody promises an event of the charge itself.
      ...named('charge.dispute', ['created', 'updated', 'closed', 'funds_reinstated', 'funds_withdrawn'], OF_CHARGE),
      ...Object.fromEntries(REFUND_EVENTS.map((type) => [type, OF_CHARGE])),
    },
  },
  subscriptions: {
    ...PLAIN,
    resourcePath: 'subscriptions',
    listPath: '/v1/subscriptions',
    searchPath: '/v1/subscriptions/search',
    permission: 'rak_subscription_read',
    passes: ALL_STATUSES,
    holderPass: { member: 'price', filters: ALL_STATUSES.all },
    nestedLists: [{ member: 'items', listPath: '/v1/subscription_items', parentParameter: 'subscription' }],
    events: {
      ...named(
        'customer.subscription',
        [
          ...['created', 'updated', 'deleted', 'paused', 'resumed', 'trial_will_end'],
          ...['pending_update_applied', 'pending_update_expired'],
        ],
        OWN,
      ),
      // Items hold their whole price, and a change of it is no event of the subscription.
      'price.updated': HELD,
    },
  },
  refunds: {
    ...PLAIN,
    resourcePath: 'refunds',
    listPath: '/v1/refunds',
    permission: 'rak_refund_read',
    events: Object.fromEntries(REFUND_EVENTS.map((type) => [type, OWN])),
  },
  balance_transactions: {
    ...PLAIN,
    resourcePath: 'balance_transactions',
    listPath: '/v1/balance_transactions',
    permission: 'rak_balance_transaction_read',
    events: {},
    maturity: { status: 'pending', until: 'available_on' },
  },
  customers: {
    ...PLAIN,
    resourcePath: 'customers',
    listPath: '/v1/customers',
    searchPath: '/v1/customers/search',
    permission: 'rak_customer_read',
    deletable: true,
    events: {
      ...named('customer', ['created', 'updated', 'deleted'], OWN),
      ...named('customer.discount', ['created', 'updated', 'deleted'], OF_CUSTOMER),
      ...named('customer.source', ['created', 'updated', 'deleted', 'expiring'], OF_CUSTOMER),
      ...named('customer.tax_id', ['created', 'updated', 'deleted'], OF_CUSTOMER),
    },
  },
  prices: {
    ...PLAIN,
    resourcePath: 'prices',
    listPath: '/v1/prices',
    searchPath: '/v1/prices/search',
    permission: 'rak_price_read',
    passes: { active: { active: 'true' }, inactive: { active: 'false' } },
    // Prices made inline with a subscription stand in no list of prices.
    embeddedPass: { name: 'embedded', holder: 'subscriptions', holderPass: 'all', objectsIn: embeddedPrices },
    deletable: true,
    events: {
      ...named('price', ['created', 'updated', 'deleted'], OWN),
      ...named('customer.subscription', ['created', 'updated'], OF_ITEMS),
    },
  },
}

/** Every list pass of a resource by name; the one over another resource comes last. */
export function passNames({ passes, embeddedPass }: StripeResource): readonly string[] {
  return [...Object.keys(passes), ...(embeddedPass === null ? [] : [embeddedPass.name])]
}

/** The filters of a list pass of the resource's own; undefined when it has no such pass. */
export function passFilters({ passes, holderPass }: StripeResource, pass: string): StripeFilters | undefined {
  if (holderPass === null || !pass.startsWith(`${holderPass.member}:`)) return passes[pass]
  return { ...holderPass.filters, [holderPass.member]: pass.slice(holderPass.member.length + 1) }
}

/** The permission that one pass needs. */
export function passPermission(resource: StripeResource, pass: string): string {
  const { embeddedPass, permission } = resource
  return embeddedPass?.name === pass ? STRIPE_RESOURCES[embeddedPass.holder].permission : permission
}

export function isResourcePath(value: string): value is ResourcePath {
  return (RESOURCE_PATHS as readonly string[]).includes(value)
}

/** `{'<prefix>.<action>': rule}` for every action. */
function named(prefix: string, actions: readonly string[], rule: EventRule): Record<string, EventRule> {
  return Object.fromEntries(actions.map((action) => [`${prefix}.${action}`, rule]))
}
