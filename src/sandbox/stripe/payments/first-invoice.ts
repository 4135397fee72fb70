import { badParameter, missingResource, StripeError } from '../errors.ts'
import type { MutationContext } from '../mutations/mutation.ts'
import type { ValidParams } from '../parameters.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { hashOf, numberOf, textOf } from '../types.ts'
import type { World } from '../world.ts'
import { lineAmount, openInvoice, payIntent } from './invoices.ts'
import { lastError } from './intents.ts'
import { checkAllowed } from './method-types.ts'
import { attachedMethod } from './payment-methods.ts'
import {
  checkPayable,
  createPaymentIntent,
  offSessionOutcome,
  OFF_SESSION_REFUSAL,
  refusePayment,
} from './payment-intents.ts'

/** How long a subscription may wait for its first payment. */
export const INCOMPLETE_SECONDS = 23 * 3600

/** How the first invoice of a subscription will be paid; decided before anything is made. */
export interface Billing {
  readonly amount: number
  readonly currency: string
  readonly paymentMethod: string | null
  readonly types: readonly string[] | undefined
  readonly outcome: 'paid' | 'requires_confirmation' | 'requires_payment_method'
  /** False when `default_incomplete` leaves the payment to the customer. */
  readonly attempted: boolean
}

/**
 * Decides how the subscription's first invoice fares, and throws what Stripe refuses before it makes anything. A
 * subscription that owes nothing now, and one that was asked for without a word about payment, has no such invoice.
 */
export function planFirstInvoice(
  { world }: MutationContext,
  params: ValidParams,
  customer: StripeObject,
): Billing | undefined {
  const method = methodOf(world, params, customer)
  const behaviour = params.payment_behavior as string | undefined
  if (params.trial_period_days !== undefined || params.collection_method === 'send_invoice') return undefined
  if (!method && behaviour === undefined && params.off_session === undefined) return undefined
  const { amount, currency } = owed(world, params.items as ValidParams[])
  if (amount === 0) return undefined
  const types = (params.payment_settings as ValidParams | undefined)?.payment_method_types as string[] | undefined
  if (method) {
    checkAllowed(String(method.type), types ?? [String(method.type)], 'subscription')
    checkPayable(world, String(method.type), amount, currency, 'default_payment_method')
  }
  const shared = { amount, currency, types, paymentMethod: method?.id ?? null }
  if (behaviour === 'default_incomplete') {
    return { ...shared, outcome: method ? 'requires_confirmation' : 'requires_payment_method', attempted: false }
  }
  if (!method) throw withoutMethod()
  const outcome = offSessionOutcome(world, method.id)
  if (outcome !== 'paid' && behaviour === 'error_if_incomplete') throw unpaid(outcome)
  return { ...shared, outcome, attempted: true }
}

/** The status of a subscription whose first invoice fares like this. */
export function firstStatus({ outcome }: Billing): string {
  return outcome === 'paid' ? 'active' : 'incomplete'
}

/** Makes the invoice and the intent of a subscription that was just added, and pays them if that is how they fare. */
export function issueFirstInvoice(context: MutationContext, subscription: StripeObject, billing: Billing): void {
  const { world, cause } = context
  const { amount, currency, paymentMethod, types, outcome } = billing
  const invoice = openInvoice(context, subscription, amount)
  world.emit('invoice.created', invoice, cause)
  const intent = createPaymentIntent(context, {
    amount,
    currency,
    customer: String(subscription.customer),
    invoice: invoice.id,
    paymentMethod,
    types,
  })
  const finalized = world.payments.put('invoices', { ...invoice, payment_intent: intent.id })
  world.emit('invoice.finalized', finalized, cause)
  if (outcome === 'paid' && paymentMethod !== null) {
    payIntent(context, intent, paymentMethod)
    return
  }
  world.payments.addDeadline({ at: world.clock.now() + INCOMPLETE_SECONDS, subscription: subscription.id })
  if (!billing.attempted || paymentMethod === null) return
  if (outcome === 'requires_payment_method') refusePayment(context, intent, paymentMethod, OFF_SESSION_REFUSAL)
  else world.emit('invoice.payment_action_required', finalized, cause)
}

/** The method that pays: the subscription's own, else the customer's default. It must be attached to the customer. */
function methodOf(world: World, params: ValidParams, customer: StripeObject): StripeObject | undefined {
  const own = textOf(params.default_payment_method as string | undefined)
  const id = own ?? textOf(hashOf(customer.invoice_settings).default_payment_method)
  if (id === undefined) return undefined
  return attachedMethod(world, id, customer.id, 'default_payment_method')
}

/** The sum of the items, from parameters that have not made any price yet. */
function owed(world: World, entries: readonly ValidParams[]): { amount: number; currency: string } {
  const lines = entries.map((entry, place) => {
    const param = `items[${place}][price]`
    const data = entry.price_data as JsonHash | undefined
    if (!data && entry.price === undefined) {
      throw badParameter('parameter_missing', param, `Missing required param: ${param}.`)
    }
    const price = data ?? world.find('prices', String(entry.price))
    if (!price || price.deleted === true) throw missingResource('price', String(entry.price), param)
    return { currency: String(price.currency).toLowerCase(), amount: lineAmount(price, Number(entry.quantity ?? 1)) }
  })
  const currency = lines[0]?.currency ?? ''
  if (lines.some((line) => line.currency !== currency)) {
    throw new StripeError(400, 'All prices of a subscription must have the same currency.', { param: 'items' })
  }
  return { currency, amount: lines.reduce((sum, line) => sum + numberOf(line.amount), 0) }
}

function withoutMethod(): StripeError {
  const message =
    'This customer has no attached payment source or default payment method. Please consider adding a default payment method.'
  return new StripeError(400, message, { code: 'resource_missing' })
}

/** The 402 of `error_if_incomplete`: nothing was made. */
function unpaid(outcome: 'requires_confirmation' | 'requires_payment_method'): StripeError {
  if (outcome === 'requires_payment_method') {
    const { message } = lastError(OFF_SESSION_REFUSAL, undefined)
    return new StripeError(402, String(message), { type: 'card_error', code: OFF_SESSION_REFUSAL })
  }
  const message = 'Payment for this subscription requires additional user action before it can be completed.'
  return new StripeError(402, message, { type: 'card_error', code: 'subscription_payment_intent_requires_action' })
}
