import type { CollectionSpec } from './collection.ts'
import { EVENT_HORIZON_SECONDS, matchesType } from './events.ts'
import { missingResource } from './errors.ts'
import { generateBalanceTransaction } from './generate/balance-transaction.ts'
import { chargeBytes, generateCharge } from './generate/charge.ts'
import { generateCustomer } from './generate/customer.ts'
import { generatePrice } from './generate/price.ts'
import { generateRefund } from './generate/refund.ts'
import { generateSubscription } from './generate/subscription.ts'
import { FIRST_ADDED_INDEX } from './ids.ts'
import type { ParamRule, ParamValue, ValidParams } from './parameters.ts'
import { Range } from './parameters.ts'
import type { Facts, ResourceName, StripeObject } from './types.ts'
import { hashOf, numberOf, RESOURCE_NAMES, textOf } from './types.ts'
import type { World } from './world.ts'

/** Whether a row is in the list. `facts` is cheap; `object` builds the whole object and is asked last. */
export type Predicate = (facts: Facts, object: () => StripeObject) => boolean

export interface Filter {
  readonly rule: ParamRule
  /** Turns the given value into a predicate; throws when the value refers to something unknown. */
  readonly predicate: (value: ParamValue, world: World) => Predicate
}

export interface Resource extends CollectionSpec {
  /** The value of `object`, and the word of error messages. */
  readonly kind: string
  /** The middle of the permission `rak_<permission>_read`. */
  readonly permission: string
  readonly filters: Readonly<Record<string, Filter>>
  /** What the list shows under these parameters even before any filter; nothing is hidden without it. */
  readonly visible?: (params: ValidParams, world: World) => Predicate
}

const SUBSCRIPTION_FILTER_STATUSES = [
  'active',
  'all',
  'canceled',
  'ended',
  'incomplete',
  'incomplete_expired',
  'past_due',
  'paused',
  'trialing',
  'unpaid',
]

const TEXT: ParamRule = { kind: 'text' }
const RANGE: ParamRule = { kind: 'range' }

/** Filters by equality of a field of the object. */
function equals(...fields: readonly [string, ...string[]]): Filter {
  return {
    rule: TEXT,
    predicate: (value) => (_facts, object) =>
      fields.reduce<unknown>((part, field) => hashOf(part as StripeObject)[field], object()) === value,
  }
}

/** Filters by a fact that is there without building the object. */
function fact(name: string, rule: ParamRule = TEXT): Filter {
  return { rule, predicate: (value) => (facts) => facts[name] === value }
}

/** Filters by an integer field. */
function within(field: string): Filter {
  return {
    rule: RANGE,
    predicate: (value) => (_facts, object) => value instanceof Range && value.has(numberOf(object()[field])),
  }
}

/** Filters by a reference; an unknown id is an error, not an empty list. */
function reference(field: string, name: ResourceName): Filter {
  return {
    rule: TEXT,
    predicate(value, world) {
      const id = String(value)
      const row = world.collections[name].row(id)
      if (!row) throw missingResource(RESOURCES[name].kind, id, field)
      return (facts) => facts[field] === row.index
    },
  }
}

/** A payment intent is known by the index of its charge. */
const paymentIntent: Filter = {
  rule: TEXT,
  predicate(value, world) {
    const index = world.plan.ids.paymentIntents.decode(String(value)) ?? -1
    return (facts) => facts.payment_intent === index
  },
}

function itemPrices(object: StripeObject): (string | undefined)[] {
  return (hashOf(object.items).data as StripeObject[]).map((item) => textOf(hashOf(item.price).id))
}

const byPrice: Filter = {
  rule: TEXT,
  predicate: (value) => (_facts, object) => itemPrices(object()).includes(String(value)),
}

/** The transaction of a charge or refund: for generated ones the plan knows its place, added ones are looked at. */
const transactionSource: Filter = {
  rule: TEXT,
  predicate(value, world) {
    const { plan } = world
    const id = String(value)
    const [charge, refund] = [plan.ids.charges.decode(id), plan.ids.refunds.decode(id)]
    const { counts } = plan.options
    let place: number | null = null
    if (charge !== undefined && charge < counts.charges) place = plan.transactionOfCharge(charge)
    if (refund !== undefined && refund < counts.refunds) place = plan.transactionOfRefund(refund)
    const other = charge === undefined && refund === undefined
    return (facts, object) => facts.index === place || ((other || facts.added === true) && object().source === value)
  },
}

/** One row per resource: what it is called, how it is generated, filtered, and what its list hides. */
export const RESOURCES: { readonly [K in ResourceName]: Resource } = {
  charges: {
    name: 'charges',
    kind: 'charge',
    permission: 'charge',
    generate: generateCharge,
    bytes: {
      variant: (version) => (version < '2022-11-15' ? undefined : version < '2025-03-31' ? 1 : 0),
      make: (plan, index, variant) => chargeBytes(plan, index, variant === 1),
    },
    facts: (plan, index) => ({ customer: plan.customerOfCharge(index), payment_intent: index }),
    factsOf: (plan, charge) => ({
      customer: plan.ids.customers.decode(textOf(charge.customer) ?? ''),
      payment_intent: plan.ids.paymentIntents.decode(textOf(charge.payment_intent) ?? ''),
    }),
    filters: {
      customer: reference('customer', 'customers'),
      payment_intent: paymentIntent,
      transfer_group: equals('transfer_group'),
    },
  },
  subscriptions: {
    name: 'subscriptions',
    kind: 'subscription',
    permission: 'subscription',
    generate: generateSubscription,
    facts: (plan, index) => {
      const customer = plan.customerOfSubscription(index)
      return { customer, status: plan.subscriptionStatus(index), onClock: plan.isCustomerOnTestClock(customer) }
    },
    factsOf: (plan, subscription) => ({
      customer: plan.ids.customers.decode(textOf(subscription.customer) ?? ''),
      status: textOf(subscription.status),
      onClock: subscription.test_clock !== null,
    }),
    filters: {
      status: { rule: { kind: 'choice', of: SUBSCRIPTION_FILTER_STATUSES }, predicate: () => () => true },
      customer: reference('customer', 'customers'),
      customer_account: equals('customer_account'),
      price: byPrice,
      plan: byPrice,
      collection_method: {
        ...equals('collection_method'),
        rule: { kind: 'choice', of: ['charge_automatically', 'send_invoice'] },
      },
      current_period_start: within('current_period_start'),
      current_period_end: within('current_period_end'),
      automatic_tax: {
        rule: { kind: 'hash', members: { enabled: { kind: 'boolean', required: true } } },
        predicate: (value) => (_facts, object) =>
          hashOf(object().automatic_tax).enabled === (value as ValidParams).enabled,
      },
      test_clock: equals('test_clock'),
    },
    visible(params) {
      const { status } = params
      const clocksToo = params.test_clock !== undefined || params.customer !== undefined
      const statusFits = (actual: unknown): boolean => {
        if (status === 'all') return true
        if (status === undefined) return actual !== 'canceled'
        if (status === 'ended') return actual === 'canceled' || actual === 'incomplete_expired'
        return actual === status
      }
      return (facts) => (clocksToo || facts.onClock !== true) && statusFits(facts.status)
    },
  },
  refunds: {
    name: 'refunds',
    kind: 'refund',
    permission: 'refund',
    generate: generateRefund,
    facts: (plan, index) => {
      const charge = plan.chargeOfRefund(index)
      return { charge, payment_intent: charge }
    },
    factsOf: (plan, refund) => ({
      charge: plan.ids.charges.decode(textOf(refund.charge) ?? ''),
      payment_intent: plan.ids.paymentIntents.decode(textOf(refund.payment_intent) ?? ''),
    }),
    filters: { charge: reference('charge', 'charges'), payment_intent: paymentIntent },
  },
  balance_transactions: {
    name: 'balance_transactions',
    kind: 'balance_transaction',
    permission: 'balance_transaction',
    generate: generateBalanceTransaction,
    facts: (_plan, index) => ({ index }),
    factsOf: (plan, transaction) => {
      const index = plan.ids.balance_transactions.decode(transaction.id) ?? 0
      return { index, added: index >= FIRST_ADDED_INDEX }
    },
    filters: {
      type: equals('type'),
      currency: equals('currency'),
      payout: equals('source'),
      source: transactionSource,
    },
  },
  customers: {
    name: 'customers',
    kind: 'customer',
    permission: 'customer',
    generate: generateCustomer,
    facts: (plan, index) => ({
      deleted: plan.isCustomerDeleted(index),
      onClock: plan.isCustomerOnTestClock(index),
    }),
    factsOf: (_plan, customer) => ({
      deleted: customer.deleted === true,
      onClock: (customer.test_clock ?? null) !== null,
    }),
    filters: {
      email: { ...equals('email'), rule: { kind: 'text', max: 512 } },
      test_clock: equals('test_clock'),
    },
    visible(params) {
      const clocksToo = params.test_clock !== undefined
      return (facts) => facts.deleted !== true && (clocksToo || facts.onClock !== true)
    },
  },
  prices: {
    name: 'prices',
    kind: 'price',
    permission: 'price',
    generate: generatePrice,
    facts: (plan, index) => ({
      active: plan.isPriceActive(index),
      inline: plan.isPriceInline(index),
      currency: plan.currencyOfPrice(index),
      type: plan.isPriceRecurring(index) ? 'recurring' : 'one_time',
    }),
    factsOf: (plan, price) => {
      const index = plan.ids.prices.decode(price.id) ?? 0
      const generated = index < plan.options.counts.prices
      return {
        active: price.active === true,
        inline: generated ? plan.isPriceInline(index) : price.inline === true,
        deleted: price.deleted === true,
        currency: textOf(price.currency),
        type: textOf(price.type),
      }
    },
    filters: {
      active: { rule: { kind: 'boolean' }, predicate: () => () => true },
      currency: fact('currency'),
      product: equals('product'),
      type: fact('type', { kind: 'choice', of: ['one_time', 'recurring'] }),
      lookup_keys: {
        rule: { kind: 'texts', max: 10 },
        predicate: (value) => (_facts, object) => (value as string[]).includes(textOf(object().lookup_key) ?? ''),
      },
      recurring: {
        rule: {
          kind: 'hash',
          members: {
            interval: { kind: 'choice', of: ['day', 'week', 'month', 'year'] },
            meter: TEXT,
            usage_type: { kind: 'choice', of: ['licensed', 'metered'] },
          },
        },
        predicate: (value) => (_facts, object) =>
          Object.entries(value as ValidParams).every(([name, wanted]) => hashOf(object().recurring)[name] === wanted),
      },
    },
    visible(params) {
      const wanted = params.active ?? true
      return (facts) => facts.inline !== true && facts.deleted !== true && facts.active === wanted
    },
  },
  events: {
    name: 'events',
    kind: 'event',
    permission: 'event',
    factsOf: (_plan, event) => ({ type: textOf(event.type), id: event.id, created: numberOf(event.created) }),
    filters: {
      type: { rule: TEXT, predicate: (value) => (facts) => matchesType(String(value), String(facts.type)) },
      types: {
        rule: { kind: 'texts', max: 20 },
        predicate: (value) => (facts) =>
          (value as string[]).some((pattern) => matchesType(pattern, String(facts.type))),
      },
      delivery_success: {
        rule: { kind: 'boolean' },
        predicate: (value, world) => (facts) => world.delivery(String(facts.id))?.delivered === value,
      },
    },
    visible(_params, world) {
      const nowMs = world.clock.nowMs()
      const oldest = world.clock.now() - EVENT_HORIZON_SECONDS
      return (facts) =>
        Number(facts.created) >= oldest && (world.delivery(String(facts.id))?.visibleAtMs ?? Infinity) <= nowMs
    },
  },
}

/** The part of the table that the collections are made from. */
export const COLLECTION_SPECS: Readonly<Record<ResourceName, CollectionSpec>> = RESOURCES

/** The resource of an `object` value. */
export function resourceOfKind(kind: string): Resource | undefined {
  return RESOURCE_NAMES.map((name) => RESOURCES[name]).find((resource) => resource.kind === kind)
}
