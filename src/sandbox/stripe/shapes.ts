import { planOfPrice } from './generate/price.ts'
import type { ChildKind, Json, JsonHash, StripeObject } from './types.ts'
import { hashOf, textOf } from './types.ts'
import type { World } from './world.ts'

/** Entries of a nested list that are inlined; the rest is paged. */
const INLINED = 10

type Shape = (object: StripeObject, version: string, world: World) => StripeObject

/** Fields that came and went with versions. One row per object; objects without a row never changed. */
const SHAPES: Readonly<Record<string, Shape>> = {
  charge: shapeCharge,
  subscription: shapeSubscription,
  subscription_item: shapeItem,
  refund: shapeRefund,
  balance_transaction: shapeBalanceTransaction,
  customer: shapeCustomer,
  price: shapePrice,
  setup_intent: shapeSetupIntent,
  payment_intent: shapePaymentIntent,
  invoice: shapeInvoice,
}

/** The object as one API version shows it: a fresh top level that the caller may expand in place. */
export function shape(object: StripeObject, version: string, world: World): StripeObject {
  if (object.deleted === true) return { ...object }
  const shapeOf = SHAPES[object.object]
  return shapeOf ? shapeOf(object, version, world) : { ...object }
}

/** The envelope of a nested list, with its first entries. */
export function nestedList(entries: readonly Json[], url: string, inlined = INLINED): JsonHash {
  return { object: 'list', data: entries.slice(0, inlined), has_more: entries.length > inlined, url }
}

function shapeCharge(charge: StripeObject, version: string, world: World): StripeObject {
  if (version < '2022-11-15') return { ...charge, refunds: refundsList(charge, version, world) }
  if (version < '2025-03-31') return { ...charge }
  // An undefined field is not written; leaving it out by `delete` would cost much more.
  return { ...charge, invoice: undefined }
}

/** The refunds of a charge, newest first, as `charge.refunds` shows them. */
export function refundsList(charge: StripeObject, version: string, world: World): JsonHash {
  const refunds = world.refundsOf(charge.id).map((refund) => shape(refund, version, world))
  return nestedList(refunds, `/v1/charges/${charge.id}/refunds`)
}

function shapeSubscription(object: StripeObject, version: string, world: World): StripeObject {
  const { billing_mode, managed_payments, billing_schedules, customer_account, status_details, ...common } = object
  const { current_period_start, current_period_end, discount, discounts, plan, quantity, ...always } = common
  const { billing_thresholds, ...rest } = always
  const items = hashOf(object.items)
  const entries = (items.data as StripeObject[]).map((item) => shapeItem(item, version, world))
  const basil = version >= '2025-03-31'
  return {
    ...rest,
    ...(basil ? { discounts } : { current_period_end, current_period_start, discount, plan, quantity }),
    ...(basil && version < '2025-05-28' ? {} : { billing_thresholds }),
    ...(version >= '2025-06-30' ? { billing_mode } : {}),
    ...(version >= '2026-03-25' ? { billing_schedules, customer_account, managed_payments } : {}),
    ...(version >= '2026-09-30' ? { status_details } : {}),
    ...(version < '2019-10-17' ? { billing: object.collection_method, start: object.start_date } : {}),
    ...(version < '2020-08-27' ? { tax_percent: null } : {}),
    items: {
      object: 'list',
      data: entries.slice(0, INLINED),
      has_more: entries.length > INLINED,
      ...(basil ? {} : { total_count: entries.length }),
      url: items.url,
    },
  } as StripeObject
}

/** An item shows its price as it is now; a deleted one as a stub. */
function shapeItem(item: StripeObject, version: string, world: World): StripeObject {
  const { current_period_start, current_period_end, discounts, billing_thresholds, ...rest } = item
  const basil = version >= '2025-03-31'
  const embedded = item.price as StripeObject
  const changed = world.collections.prices.overlaid(embedded.id)
  const price = changed ?? embedded
  return {
    ...rest,
    ...(changed && changed.deleted !== true ? { plan: planOfPrice(changed) } : {}),
    ...(basil ? { current_period_end, current_period_start, discounts } : {}),
    ...(basil && version < '2025-05-28' ? {} : { billing_thresholds }),
    price: price.deleted === true ? { ...price } : shapePrice(price, version),
  } as StripeObject
}

function shapeRefund(refund: StripeObject, version: string): StripeObject {
  if (version >= '2026-07-29') return { ...refund }
  return { ...refund, customer: undefined, customer_account: undefined, payment_method: undefined }
}

/** A balance transaction turns available when its moment has come, without anybody changing it. */
export function settled(object: StripeObject, now: number): StripeObject {
  if (object.object !== 'balance_transaction') return object
  return { ...object, status: now >= Number(object.available_on) ? 'available' : 'pending' }
}

function shapeBalanceTransaction(object: StripeObject, version: string, world: World): StripeObject {
  const current = settled(object, world.clock.now())
  return version >= '2026-03-25' ? current : { ...current, balance_type: undefined }
}

function shapeCustomer(customer: StripeObject, version: string, world: World): StripeObject {
  if (version >= '2020-08-27') return { ...customer }
  return { ...customer, ...customerLists(customer, version, world) }
}

/** The sublists that customers carried until 2020-08-27, and that can be expanded since. */
export function customerLists(customer: StripeObject, version: string, world: World) {
  const subscriptions = world
    .subscriptionsOf(customer.id)
    .filter((subscription) => subscription.status !== 'canceled')
    .map((subscription) => shape(subscription, version, world))
  return {
    sources: nestedList(newest(customer.id, 'source', world), `/v1/customers/${customer.id}/sources`),
    subscriptions: nestedList(subscriptions, `/v1/customers/${customer.id}/subscriptions`),
    tax_ids: nestedList(newest(customer.id, 'tax_id', world), `/v1/customers/${customer.id}/tax_ids`),
  }
}

function newest(customer: string, kind: ChildKind, world: World): StripeObject[] {
  return world.children(customer, kind).toReversed()
}

/** Usage records gave way to meters with basil; tiers have to be expanded; `inline` is the sandbox's own mark. */
function shapePrice(price: StripeObject, version: string): StripeObject {
  const rest: StripeObject = { ...price, tiers: undefined, inline: undefined }
  if (price.recurring === null) return rest
  const { meter, aggregate_usage, ...recurring } = hashOf(price.recurring)
  const usage = version >= '2025-03-31' ? { meter } : { aggregate_usage }
  return { ...rest, recurring: { ...recurring, ...usage } }
}

function shapeSetupIntent(intent: StripeObject, version: string): StripeObject {
  if (version >= '2026-07-29') return { ...intent }
  return { ...intent, allowed_payment_method_types: undefined }
}

/** An intent once listed its charges, then named the latest one; it named its invoice until basil. */
function shapePaymentIntent(intent: StripeObject, version: string, world: World): StripeObject {
  if (version >= '2025-03-31') return { ...intent, invoice: undefined }
  if (version >= '2022-11-15') return { ...intent }
  const charge = world.find('charges', textOf(intent.latest_charge) ?? '')
  const charges = charge ? [shape(charge, version, world)] : []
  return {
    ...intent,
    charges: nestedList(charges, `/v1/charges?payment_intent=${intent.id}`),
    latest_charge: undefined,
  }
}

/** Since basil an invoice tells its subscription through its parent, and what pays it only when expanded. */
function shapeInvoice(invoice: StripeObject, version: string): StripeObject {
  if (version < '2025-03-31') return { ...invoice, amount_overpaid: undefined, parent: undefined }
  return { ...invoice, charge: undefined, paid: undefined, payment_intent: undefined, subscription: undefined }
}
