import { keyOf } from '../dice.ts'
import { base62 } from '../ids.ts'
import { addCharge } from '../mutations/charges.ts'
import type { MutationContext } from '../mutations/mutation.ts'
import { commit } from '../mutations/mutation.ts'
import type { Json, JsonHash, StripeObject } from '../types.ts'
import { hashOf, numberOf, textOf } from '../types.ts'
import type { World } from '../world.ts'
import { KAKAO_PAY } from './method-types.ts'
import { attachMethod } from './payment-methods.ts'

/** Makes the open invoice of a new subscription, in the superset of all versions. */
export function openInvoice(context: MutationContext, subscription: StripeObject, total: number): StripeObject {
  const { world } = context
  const now = world.clock.now()
  const id = String(subscription.latest_invoice)
  const customer = world.find('customers', String(subscription.customer))
  return world.payments.put('invoices', {
    id,
    object: 'invoice',
    account_country: world.behaviour.accountCountry,
    account_name: 'Sandbox Shop',
    amount_due: total,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: total,
    attempt_count: 0,
    attempted: false,
    auto_advance: false,
    billing_reason: 'subscription_create',
    charge: null,
    collection_method: subscription.collection_method,
    created: now,
    currency: subscription.currency,
    customer: subscription.customer,
    customer_email: customer?.email ?? null,
    customer_name: customer?.name ?? null,
    default_payment_method: null,
    description: null,
    due_date: null,
    ending_balance: 0,
    hosted_invoice_url: null,
    lines: linesOf(world, subscription, id),
    livemode: world.plan.livemode,
    metadata: {},
    number: `${String(customer?.invoice_prefix ?? 'SANDBOX')}-${base62(keyOf(id), 4).toUpperCase()}`,
    paid: false,
    parent: {
      quote_details: null,
      subscription_details: { metadata: subscription.metadata, subscription: subscription.id },
      type: 'subscription_details',
    },
    payment_intent: null,
    period_end: now,
    period_start: now,
    starting_balance: 0,
    status: 'open',
    status_transitions: { finalized_at: now, marked_uncollectible_at: null, paid_at: null, voided_at: null },
    subscription: subscription.id,
    subtotal: total,
    total,
  })
}

function linesOf(world: World, subscription: StripeObject, invoice: string): JsonHash {
  const data = (hashOf(subscription.items).data as StripeObject[]).map((item): Json => {
    const price = hashOf(item.price)
    return {
      id: world.nextId('invoiceLines'),
      object: 'line_item',
      amount: lineAmount(price, numberOf(item.quantity)),
      currency: price.currency,
      description: `${numberOf(item.quantity)} × ${String(price.nickname ?? price.product)}`,
      discountable: true,
      livemode: world.plan.livemode,
      metadata: {},
      period: { end: item.current_period_end, start: item.current_period_start },
      quantity: item.quantity,
    }
  })
  return { object: 'list', data, has_more: false, url: `/v1/invoices/${invoice}/lines` }
}

/** What one item costs in its first period, in the smallest unit of its currency; metered use costs nothing yet. */
export function lineAmount(price: JsonHash, quantity: number): number {
  if (hashOf(price.recurring).usage_type === 'metered') return 0
  return Math.round(Number(price.unit_amount ?? price.unit_amount_decimal ?? 0) * quantity)
}

/**
 * The money has come: charge and balance transaction, the intent, its invoice and the subscription, and the events of
 * all of them. `paymentMethod` is the id of what was charged.
 */
export function payIntent(context: MutationContext, intent: StripeObject, paymentMethod: string): StripeObject {
  const { world, cause } = context
  const charge = chargeOf(context, intent, paymentMethod)
  const customer = textOf(intent.customer)
  if (customer !== undefined && intent.setup_future_usage === 'off_session') {
    attachMethod(context, paymentMethod, customer)
  }
  const succeeded = world.payments.put('payment_intents', {
    ...intent,
    amount_received: numberOf(intent.amount),
    last_payment_error: null,
    latest_charge: charge.id,
    next_action: null,
    payment_method: paymentMethod,
    status: 'succeeded',
  })
  world.emit('payment_intent.succeeded', succeeded, cause)
  const invoice = world.payments.find('invoices', textOf(intent.invoice) ?? '')
  if (invoice) payInvoice(context, invoice, charge.id, paymentMethod)
  return succeeded
}

function chargeOf(context: MutationContext, intent: StripeObject, paymentMethod: string): StripeObject {
  const { world } = context
  const method = world.payments.find('payment_methods', paymentMethod)
  const key = keyOf(paymentMethod, 'buyer')
  const details: JsonHash = {
    buyer_id: `buyer_${base62(key, 6)}${base62(keyOf(key), 6)}`,
    transaction_id: `T${keyOf(intent.id, world.clock.now())}`,
  }
  return addCharge(context, {
    amount: numberOf(intent.amount),
    currency: String(intent.currency),
    billing_details: method?.billing_details ?? {},
    customer: intent.customer ?? null,
    description: intent.description ?? null,
    invoice: intent.invoice ?? null,
    metadata: intent.metadata ?? {},
    outcome: {
      network_status: 'approved_by_network',
      reason: null,
      risk_level: 'not_assessed',
      seller_message: 'Payment complete.',
      type: 'authorized',
    },
    payment_intent: intent.id,
    payment_method: paymentMethod,
    payment_method_details: { [KAKAO_PAY]: details, type: KAKAO_PAY },
  })
}

function payInvoice(context: MutationContext, invoice: StripeObject, charge: string, paymentMethod: string): void {
  const { world, cause } = context
  const paid = world.payments.put('invoices', {
    ...invoice,
    amount_paid: numberOf(invoice.amount_due),
    amount_remaining: 0,
    attempt_count: numberOf(invoice.attempt_count) + 1,
    attempted: true,
    charge,
    paid: true,
    status: 'paid',
    status_transitions: { ...hashOf(invoice.status_transitions), paid_at: world.clock.now() },
  })
  world.emit('invoice.paid', paid, cause)
  world.emit('invoice.payment_succeeded', paid, cause)
  const subscription = world.find('subscriptions', String(invoice.subscription))
  if (subscription?.status === 'incomplete') activate(context, subscription, paymentMethod)
}

function activate(context: MutationContext, subscription: StripeObject, paymentMethod: string): void {
  const saves = hashOf(subscription.payment_settings).save_default_payment_method === 'on_subscription'
  const after: StripeObject = {
    ...subscription,
    default_payment_method: saves ? paymentMethod : subscription.default_payment_method,
    status: 'active',
  }
  commit(context, 'subscriptions', 'customer.subscription.updated', subscription, after)
}

/** An attempt to pay an invoice has failed; it stays open. */
export function noteFailedAttempt({ world, cause }: MutationContext, intent: StripeObject): void {
  const invoice = world.payments.find('invoices', textOf(intent.invoice) ?? '')
  if (invoice?.status !== 'open') return
  const attempts = numberOf(invoice.attempt_count) + 1
  const noted = world.payments.put('invoices', { ...invoice, attempt_count: attempts, attempted: true })
  world.emit('invoice.payment_failed', noted, cause)
}

/** Voids the open invoice of a subscription that ends, and cancels what was to pay it. */
export function voidOpenInvoice({ world, cause }: MutationContext, subscription: StripeObject): void {
  const invoice = world.payments.find('invoices', textOf(subscription.latest_invoice) ?? '')
  if (invoice?.status !== 'open') return
  const intent = world.payments.find('payment_intents', textOf(invoice.payment_intent) ?? '')
  if (intent) {
    const canceled = world.payments.put('payment_intents', {
      ...intent,
      canceled_at: world.clock.now(),
      cancellation_reason: 'void_invoice',
      next_action: null,
      status: 'canceled',
    })
    world.emit('payment_intent.canceled', canceled, cause)
  }
  const voided = world.payments.put('invoices', {
    ...invoice,
    status: 'void',
    status_transitions: { ...hashOf(invoice.status_transitions), voided_at: world.clock.now() },
  })
  world.emit('invoice.voided', voided, cause)
}
