import type { JsonObject } from '../../../json.ts'
import type { SetupMove, SetupRequest } from '../../subscription-setup.ts'

/** The payment method by Stripe's name. */
export const KAKAO_PAY = 'kakao_pay'

/** The metadata member by which everything that a set-up makes is known again. */
export const SETUP_METADATA = 'subscription_setup'

/** From this version on Stripe refuses `payment_method_types` and knows `allowed_payment_method_types`. */
const ALLOWED_TYPES_FROM = '2026-09-30'

/** From this version on an invoice no longer names its PaymentIntent, but a confirmation secret and a list of payments. */
const INVOICE_PAYMENTS_FROM = '2025-03-31'

/** The permission of a restricted key that each step needs. */
export const STEP_PERMISSIONS: Readonly<Record<string, string>> = {
  customer: 'rak_customer_write',
  price: 'rak_price_write',
  setupIntent: 'rak_setup_intent_write',
  cancelSetupIntent: 'rak_setup_intent_write',
  subscription: 'rak_subscription_write',
  confirmPayment: 'rak_payment_intent_write',
}

type Call = Extract<SetupMove, { kind: 'call' }>

export function customerCall(setupId: string, customer: { readonly email: string; readonly name?: string }): Call {
  const { email, name } = customer
  return call('customer', '/v1/customers', { email, ...(name === undefined ? {} : { name }), ...tag(setupId) })
}

export function priceCall(setupId: string, price: Exclude<SetupRequest['price'], { id: string }>): Call {
  const { amount, currency, interval, productName } = price
  return call('price', '/v1/prices', {
    currency,
    unit_amount: amount,
    recurring: { interval },
    product_data: { name: productName ?? `Subscription, ${amount} ${currency.toUpperCase()} a ${interval}` },
    ...tag(setupId),
  })
}

/** Made and confirmed in one, so that its answer holds the page to which the customer is sent. */
export function setupIntentCall(setupId: string, customerId: string, request: SetupRequest, apiVersion: string): Call {
  const { returnUrl, ipAddress, userAgent } = request
  const types = isFrom(ALLOWED_TYPES_FROM, apiVersion) ? 'allowed_payment_method_types' : 'payment_method_types'
  return call('setupIntent', '/v1/setup_intents', {
    confirm: true,
    return_url: returnUrl,
    usage: 'off_session',
    customer: customerId,
    payment_method_data: { type: KAKAO_PAY },
    [types]: [KAKAO_PAY],
    mandate_data: {
      customer_acceptance: { type: 'online', online: { ip_address: ipAddress, user_agent: userAgent } },
    },
    ...tag(setupId),
  })
}

export function cancelSetupIntentCall(setupIntentId: string): Call {
  return call('cancelSetupIntent', `/v1/setup_intents/${encodeURIComponent(setupIntentId)}/cancel`, {
    cancellation_reason: 'abandoned',
  })
}

export interface SubscriptionParts {
  readonly customerId: string
  readonly priceId: string
  readonly paymentMethodId: string
}

export function subscriptionCall(setupId: string, parts: SubscriptionParts, apiVersion: string): Call {
  return call('subscription', '/v1/subscriptions', {
    customer: parts.customerId,
    items: [{ price: parts.priceId }],
    default_payment_method: parts.paymentMethodId,
    off_session: true,
    expand: invoiceExpansions(apiVersion),
    ...tag(setupId),
  })
}

export function confirmPaymentCall(paymentIntentId: string, returnUrl: string): Call {
  return call('confirmPayment', `/v1/payment_intents/${encodeURIComponent(paymentIntentId)}/confirm`, {
    return_url: returnUrl,
    // Names the method in both generations of the API, so that no list of allowed types is needed.
    payment_method_data: { type: KAKAO_PAY },
  })
}

/** What shows the PaymentIntent of a subscription's first invoice. */
export function invoiceExpansions(apiVersion: string): readonly string[] {
  return isFrom(INVOICE_PAYMENTS_FROM, apiVersion)
    ? ['latest_invoice.confirmation_secret', 'latest_invoice.payments']
    : ['latest_invoice.payment_intent']
}

/** Versions begin with their date, so they compare as texts. */
function isFrom(date: string, apiVersion: string): boolean {
  return apiVersion.slice(0, date.length) >= date
}

function tag(setupId: string): JsonObject {
  return { metadata: { [SETUP_METADATA]: setupId } }
}

function call(step: string, path: string, parameters: JsonObject): Call {
  return { kind: 'call', step, path, parameters }
}
