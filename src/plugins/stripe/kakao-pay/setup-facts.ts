import { isJsonObject, type JsonObject, type JsonValue } from '../../../json.ts'
import type { SetupFacts, SetupFault } from '../../subscription-setup.ts'
import type { StripeObject } from '../client.ts'
import { SETUP_METADATA } from './setup-calls.ts'

/** What the set-up needs of a SetupIntent; its client secret is left out. */
export function setupIntentFacts(intent: StripeObject): NonNullable<SetupFacts['setupIntent']> {
  return {
    id: intent.id,
    status: text(intent.status),
    redirectUrl: redirectUrlOf(intent),
    paymentMethodId: idOf(intent.payment_method),
    error: faultOf(intent.last_setup_error),
  }
}

export function subscriptionFacts(subscription: StripeObject): NonNullable<SetupFacts['subscription']> {
  const { latest_invoice: invoice } = subscription
  return {
    id: subscription.id,
    status: text(subscription.status),
    invoiceId: idOf(invoice),
    paymentIntentId: isJsonObject(invoice) ? paymentIntentIdOf(invoice) : null,
  }
}

/** @param former - what was known of it: who has once been asked to pay stays asked */
export function paymentFacts(intent: StripeObject, former: SetupFacts['payment']): NonNullable<SetupFacts['payment']> {
  const redirectUrl = redirectUrlOf(intent)
  return {
    id: intent.id,
    status: text(intent.status),
    redirectUrl,
    error: faultOf(intent.last_payment_error),
    isAsked: former?.isAsked === true || redirectUrl !== null,
  }
}

/** Whether an object was made by this set-up. */
export function isMadeBy(setupId: string, { metadata }: StripeObject): boolean {
  return isJsonObject(metadata) && metadata[SETUP_METADATA] === setupId
}

/** Before basil the invoice names it; later it is the beginning of the confirmation secret, or in the list of payments. */
function paymentIntentIdOf(invoice: JsonObject): string | null {
  const named = idOf(invoice.payment_intent)
  if (named !== null) return named
  const { confirmation_secret: confirmation, payments } = invoice
  const secret = isJsonObject(confirmation) ? text(confirmation.client_secret) : ''
  const [, fromSecret] = /^(pi_[A-Za-z0-9]+)_secret_/.exec(secret) ?? []
  if (fromSecret !== undefined) return fromSecret
  const entries = isJsonObject(payments) && Array.isArray(payments.data) ? (payments.data as JsonValue[]) : []
  for (const entry of entries) {
    const payment = isJsonObject(entry) && isJsonObject(entry.payment) ? entry.payment : {}
    const id = idOf(payment.payment_intent)
    if (id !== null) return id
  }
  return null
}

function redirectUrlOf({ next_action: action }: StripeObject): string | null {
  const redirect = isJsonObject(action) ? action.redirect_to_url : undefined
  const url = isJsonObject(redirect) ? text(redirect.url) : ''
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? url : null
}

function faultOf(error: JsonValue | undefined): SetupFault | null {
  if (!isJsonObject(error)) return null
  return { code: text(error.code) || text(error.type), message: text(error.message) }
}

/** The id of an object that may be expanded. */
function idOf(value: JsonValue | undefined): string | null {
  const id = isJsonObject(value) ? value.id : value
  return typeof id === 'string' && id !== '' ? id : null
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}
