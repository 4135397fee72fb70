import { missingResource, StripeError } from '../errors.ts'
import { subscription, subscriptionItem } from '../generate/subscription.ts'
import type { ParamSchema, ValidParams } from '../parameters.ts'
import { firstStatus, issueFirstInvoice, planFirstInvoice } from '../payments/first-invoice.ts'
import { voidOpenInvoice } from '../payments/invoices.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { hashOf, numberOf, textOf } from '../types.ts'
import type { MutationContext, Mutations } from './mutation.ts'
import { commit, mergeMetadata, withFields, WRITE_PARAMS } from './mutation.ts'
import { createPrice, PRICE_PARAMS } from './prices.ts'

const DAY = 86_400
const MAX_ITEMS = 20

const ITEM_PARAMS = {
  id: { kind: 'text' },
  price: { kind: 'text' },
  price_data: { kind: 'hash', members: PRICE_PARAMS },
  quantity: { kind: 'integer', min: 0 },
  deleted: { kind: 'boolean' },
} as const satisfies ParamSchema

const FIELDS = {
  description: { kind: 'text', unsettable: true },
  cancel_at_period_end: { kind: 'boolean' },
  default_payment_method: { kind: 'text', unsettable: true },
  collection_method: { kind: 'choice', of: ['charge_automatically', 'send_invoice'] },
} as const satisfies ParamSchema

const SHARED = {
  ...FIELDS,
  ...WRITE_PARAMS,
  off_session: { kind: 'boolean' },
  payment_behavior: {
    kind: 'choice',
    of: ['allow_incomplete', 'default_incomplete', 'error_if_incomplete', 'pending_if_incomplete'],
  },
  proration_behavior: { kind: 'text' },
} as const satisfies ParamSchema

/** The price of one entry of `items`: an existing one, or a new inline one. */
function priceOf(context: MutationContext, entry: ValidParams, place: number): StripeObject {
  if (entry.price_data !== undefined) return createPrice(context, entry.price_data as ValidParams, true)
  const id = textOf(entry.price as string | undefined)
  if (id === undefined) {
    throw new StripeError(400, 'Each item needs a price or price_data.', { param: `items[${place}][price]` })
  }
  const price = context.world.find('prices', id)
  if (!price || price.deleted === true) throw missingResource('price', id, `items[${place}][price]`)
  if (price.active === false) {
    throw new StripeError(400, 'The price specified is inactive.', { param: `items[${place}][price]` })
  }
  if (price.recurring === null) {
    throw new StripeError(
      400,
      'The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.',
      {
        param: `items[${place}][price]`,
      },
    )
  }
  return price
}

function newItem(context: MutationContext, subscriptionId: string, entry: ValidParams, place: number): StripeObject {
  const now = context.world.clock.now()
  return subscriptionItem({
    id: context.world.nextId('items'),
    subscription: subscriptionId,
    created: now,
    price: priceOf(context, entry, place),
    quantity: Number(entry.quantity ?? 1),
    anchor: now,
    until: now,
  })
}

export function cancelSubscription(
  context: MutationContext,
  current: StripeObject,
  params: ValidParams = {},
): StripeObject {
  const { world, cause } = context
  const now = world.clock.now()
  const details = { ...hashOf(current.cancellation_details), ...(params.cancellation_details as JsonHash | undefined) }
  const canceled: StripeObject = {
    ...current,
    cancel_at_period_end: false,
    canceled_at: now,
    cancellation_details: { ...details, reason: 'cancellation_requested' },
    ended_at: now,
    status: 'canceled',
  }
  world.collections.subscriptions.replace(canceled)
  world.emit('customer.subscription.deleted', canceled, cause)
  voidOpenInvoice(context, canceled)
  return canceled
}

/** A subscription as it is born, not kept yet. Without a `status` it is trialing or active. */
function newSubscription(
  context: MutationContext,
  params: ValidParams,
  customer: StripeObject,
  status: string | undefined,
): StripeObject {
  const { world } = context
  const id = world.collections.subscriptions.nextId()
  const now = world.clock.now()
  const items = (params.items as ValidParams[]).map((entry, place) => newItem(context, id, entry, place))
  const trialDays = params.trial_period_days as number | undefined
  const made = subscription({
    id,
    created: now,
    status: status ?? (trialDays === undefined ? 'active' : 'trialing'),
    customer: customer.id,
    items,
    livemode: world.plan.livemode,
    metadata: mergeMetadata({}, params.metadata),
    endedAt: null,
    cancelAtPeriodEnd: params.cancel_at_period_end === true,
    collectionMethod: (params.collection_method as string | undefined) ?? 'charge_automatically',
    latestInvoice: world.nextId('invoices'),
    paymentMethod: (params.default_payment_method as string | undefined) ?? null,
    automaticTax: false,
    testClock: textOf(customer.test_clock) ?? null,
    trialEnd: trialDays === undefined ? null : now + trialDays * DAY,
  })
  return {
    ...made,
    description: (params.description as string | undefined) ?? null,
    payment_settings: { ...hashOf(made.payment_settings), ...(params.payment_settings as JsonHash | undefined) },
  }
}

export const subscriptionMutations: Mutations = {
  create: {
    params: {
      ...SHARED,
      customer: { kind: 'text', required: true },
      items: { kind: 'hashes', members: ITEM_PARAMS, max: MAX_ITEMS, required: true },
      payment_settings: {
        kind: 'hash',
        members: {
          payment_method_types: { kind: 'texts', max: 20 },
          save_default_payment_method: { kind: 'choice', of: ['off', 'on_subscription'] },
        },
      },
      trial_period_days: { kind: 'integer', min: 1, max: 730 },
    },
    run(context, params) {
      const { world, cause } = context
      const { subscriptions } = world.collections
      const customer = world.find('customers', String(params.customer))
      if (!customer || customer.deleted === true) throw missingResource('customer', String(params.customer), 'customer')
      const entries = params.items as ValidParams[]
      if (entries.length === 0) throw new StripeError(400, 'Missing required param: items.', { param: 'items' })
      const billing = planFirstInvoice(context, params, customer)
      const described = newSubscription(context, params, customer, billing && firstStatus(billing))
      subscriptions.add(described)
      world.emit('customer.subscription.created', described, cause)
      if (billing) issueFirstInvoice(context, described, billing)
      return described
    },
  },
  update: {
    params: { ...SHARED, items: { kind: 'hashes', members: ITEM_PARAMS, max: MAX_ITEMS } },
    run(context, params, current) {
      if (current.status === 'canceled') {
        throw new StripeError(400, 'A canceled subscription can only update its cancellation_details and metadata.')
      }
      const next = withFields(current, params, Object.keys(FIELDS))
      if (params.items !== undefined) replaceItems(context, next, params.items as ValidParams[])
      return commit(context, 'subscriptions', 'customer.subscription.updated', current, next)
    },
  },
  delete: {
    params: {
      cancellation_details: {
        kind: 'hash',
        members: { comment: { kind: 'text', unsettable: true }, feedback: { kind: 'text', unsettable: true } },
      },
      invoice_now: { kind: 'boolean' },
      prorate: { kind: 'boolean' },
      expand: { kind: 'texts', max: 20 },
    },
    run(context, params, current) {
      // Stripe answers as if a canceled subscription were gone when it is canceled again.
      if (current.status === 'canceled') throw missingResource('subscription', current.id, 'id')
      return cancelSubscription(context, current, params)
    },
  },
}

/** Changes, removes and appends items, and what the subscription derives from them. */
function replaceItems(context: MutationContext, target: StripeObject, entries: readonly ValidParams[]): void {
  const list = hashOf(target.items)
  let items = [...(list.data as StripeObject[])]
  entries.forEach((entry, place) => {
    const id = entry.id as string | undefined
    if (id === undefined) {
      items.push(newItem(context, target.id, entry, place))
      return
    }
    if (!items.some((item) => item.id === id)) throw missingResource('subscription_item', id, `items[${place}][id]`)
    if (entry.deleted === true) items = items.filter((item) => item.id !== id)
    else items = items.map((item) => (item.id === id ? changedItem(context, item, entry, place) : item))
  })
  target.items = { ...list, data: items, total_count: items.length }
  target.current_period_end = Math.min(...items.map((item) => numberOf(item.current_period_end)))
  target.current_period_start = Math.max(...items.map((item) => numberOf(item.current_period_start)))
  const only = items.length === 1 ? items[0] : undefined
  target.plan = only?.plan ?? null
  target.quantity = only?.quantity ?? null
}

function changedItem(context: MutationContext, item: StripeObject, entry: ValidParams, place: number): StripeObject {
  const quantity = entry.quantity === undefined ? numberOf(item.quantity) : Number(entry.quantity)
  if (entry.price === undefined && entry.price_data === undefined) return { ...item, quantity }
  return subscriptionItem({
    id: item.id,
    subscription: String(item.subscription),
    created: numberOf(item.created),
    price: priceOf(context, entry, place),
    quantity,
    anchor: numberOf(item.created),
    until: context.world.clock.now(),
  })
}
