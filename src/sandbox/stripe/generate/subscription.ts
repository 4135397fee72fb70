import { Dice } from '../dice.ts'
import type { Plan } from '../plan.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { hashOf, numberOf, textOf } from '../types.ts'
import { generatePrice, planOfPrice } from './price.ts'
import { pickDeviceMetadata } from './words.ts'

/** Item ids are made of the subscription's index and the place; no subscription has more items than this. */
export const ITEMS_PER_SUBSCRIPTION = 32

const DAY = 86_400
const INTERVAL_SECONDS: Record<string, number> = { day: DAY, week: 7 * DAY, month: 2_629_800, year: 31_557_600 }

export function generateSubscription(plan: Plan, index: number): StripeObject {
  const dice = new Dice(plan.keys.subscriptions, index)
  const id = plan.ids.subscriptions.encode(index)
  const created = plan.timelines.subscriptions.createdAt(index)
  const status = plan.subscriptionStatus(index)
  const customer = plan.customerOfSubscription(index)
  const ended = status === 'canceled' || status === 'incomplete_expired'
  const horizon = plan.options.to
  const endedAt = ended ? created + DAY + dice.below(Math.max(1, horizon - created - DAY)) : null
  const items = plan.pricesOfSubscription(index).map((price, place) =>
    subscriptionItem({
      id: plan.ids.items.encode(index * ITEMS_PER_SUBSCRIPTION + place),
      subscription: id,
      created: created + 1,
      price: generatePrice(plan, price),
      quantity: 1 + (dice.chance(15) ? dice.below(9) : 0),
      anchor: created,
      until: endedAt ?? horizon,
    }),
  )
  return subscription({
    id,
    created,
    status,
    customer: plan.ids.customers.encode(customer),
    items,
    livemode: plan.livemode,
    metadata: pickDeviceMetadata(dice),
    endedAt,
    cancelAtPeriodEnd: !ended && dice.chance(4),
    collectionMethod: dice.chance(10) ? 'send_invoice' : 'charge_automatically',
    latestInvoice: plan.ids.invoices.encode(0x40000000 + index),
    paymentMethod: dice.chance(60) ? plan.ids.paymentMethods.encode(0x40000000 + index) : null,
    automaticTax: dice.chance(20),
    testClock: plan.isCustomerOnTestClock(customer) ? plan.ids.testClocks.encode(customer % 3) : null,
    trialEnd: status === 'trialing' ? horizon + 5 * DAY : null,
  })
}

export interface ItemParts {
  readonly id: string
  readonly subscription: string
  readonly created: number
  readonly price: StripeObject
  readonly quantity: number
  /** Where billing periods start from, and the moment whose period is the current one. */
  readonly anchor: number
  readonly until: number
}

export function subscriptionItem(parts: ItemParts): StripeObject {
  const recurring = hashOf(parts.price.recurring)
  const length =
    (INTERVAL_SECONDS[textOf(recurring.interval) ?? 'month'] ?? DAY) * (numberOf(recurring.interval_count) || 1)
  const periods = Math.max(0, Math.floor((parts.until - parts.anchor) / length))
  const start = parts.anchor + periods * length
  return {
    id: parts.id,
    object: 'subscription_item',
    billing_thresholds: null,
    created: parts.created,
    current_period_end: start + length,
    current_period_start: start,
    discounts: [],
    metadata: {},
    plan: planOfPrice(parts.price),
    price: parts.price,
    quantity: parts.quantity,
    subscription: parts.subscription,
    tax_rates: [],
  }
}

export interface SubscriptionParts {
  readonly id: string
  readonly created: number
  readonly status: string
  readonly customer: string
  readonly items: StripeObject[]
  readonly livemode: boolean
  readonly metadata: JsonHash
  readonly endedAt: number | null
  readonly cancelAtPeriodEnd: boolean
  readonly collectionMethod: string
  readonly latestInvoice: string | null
  readonly paymentMethod: string | null
  readonly automaticTax: boolean
  readonly testClock: string | null
  readonly trialEnd: number | null
}

/** All versions at once; `items.data` holds every item. */
export function subscription(parts: SubscriptionParts): StripeObject {
  const { items } = parts
  const first = items[0] as StripeObject
  const canceledAt = parts.status === 'canceled' ? parts.endedAt : null
  return {
    id: parts.id,
    object: 'subscription',
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: parts.automaticTax, liability: null },
    billing_cycle_anchor: parts.created,
    billing_cycle_anchor_config: null,
    billing_mode: { type: 'classic' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: null,
    cancel_at_period_end: parts.cancelAtPeriodEnd,
    canceled_at: canceledAt,
    cancellation_details: {
      comment: null,
      feedback: null,
      reason: canceledAt === null ? null : 'cancellation_requested',
    },
    collection_method: parts.collectionMethod,
    created: parts.created,
    currency: first.price ? (hashOf(first.price).currency ?? 'usd') : 'usd',
    current_period_end: Math.min(...items.map((item) => numberOf(item.current_period_end))),
    current_period_start: Math.max(...items.map((item) => numberOf(item.current_period_start))),
    customer: parts.customer,
    customer_account: null,
    days_until_due: parts.collectionMethod === 'send_invoice' ? 30 : null,
    default_payment_method: parts.paymentMethod,
    default_source: null,
    default_tax_rates: [],
    description: null,
    discount: null,
    discounts: [],
    ended_at: parts.endedAt,
    invoice_settings: { account_tax_ids: null, issuer: { type: 'self' } },
    items: {
      object: 'list',
      data: items,
      has_more: false,
      total_count: items.length,
      url: `/v1/subscription_items?subscription=${parts.id}`,
    },
    latest_invoice: parts.latestInvoice,
    livemode: parts.livemode,
    managed_payments: { enabled: false },
    metadata: parts.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: {
      payment_method_options: null,
      payment_method_types: null,
      save_default_payment_method: 'off',
    },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    plan: items.length === 1 ? (first.plan ?? null) : null,
    quantity: items.length === 1 ? (first.quantity ?? null) : null,
    schedule: null,
    start_date: parts.created,
    status: parts.status,
    status_details: null,
    test_clock: parts.testClock,
    transfer_data: null,
    trial_end: parts.trialEnd,
    trial_settings: { end_behavior: { missing_payment_method: 'create_invoice' } },
    trial_start: parts.trialEnd === null ? null : parts.created,
  }
}
