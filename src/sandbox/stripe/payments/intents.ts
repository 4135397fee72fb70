import { keyOf } from '../dice.ts'
import { badParameter, missingResource, StripeError } from '../errors.ts'
import { base62 } from '../ids.ts'
import type { ValidParams } from '../parameters.ts'
import { shape } from '../shapes.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { hashOf, textOf } from '../types.ts'
import type { World } from '../world.ts'
import type { Attempt } from './payment-objects.ts'

/** What setup intents and payment intents have in common. */
export const INTENT_WORDS = {
  setup_intents: { object: 'setup_intent', name: 'SetupIntent', unexpected: 'setup_intent_unexpected_state' },
  payment_intents: { object: 'payment_intent', name: 'PaymentIntent', unexpected: 'payment_intent_unexpected_state' },
} as const

/** The path under which the sandbox plays the payment method. */
export const PAGE_PATH = '/authorize/'

/** `<id>_secret_<25 characters>`, the same for the same id. */
export function clientSecret(id: string): string {
  return `${id}_secret_${[1, 2, 3, 4, 5].map((part) => base62(keyOf(id, part), 5)).join('')}`
}

/** The customer that a parameter names, who must still be there; null when it names none. */
export function customerOf(world: World, params: ValidParams): string | null {
  const id = textOf(params.customer as string | undefined)
  if (id === undefined) return null
  const customer = world.find('customers', id)
  if (!customer || customer.deleted === true) throw missingResource('customer', id, 'customer')
  return id
}

/** Parameters that only make sense in the request that also confirms. */
export function onlyWithConfirm(params: ValidParams, ...names: readonly string[]): void {
  if (params.confirm === true) return
  for (const name of names) {
    if (params[name] === undefined) continue
    throw new StripeError(400, `You may only specify a ${name} when passing confirm=true.`, { param: name })
  }
}

/** The address that the customer comes back to; throws unless it is there and a URL. */
export function returnUrlOf(params: ValidParams): string {
  const url = textOf(params.return_url as string | undefined)
  if (url === undefined) {
    const message =
      'A `return_url` must be specified because this payment method requires a full page redirect. You may provide it when confirming.'
    throw badParameter('parameter_missing', 'return_url', message)
  }
  if (!URL.canParse(url)) throw badParameter('url_invalid', 'return_url', 'Not a valid URL')
  return url
}

/** The error of an intent whose state does not allow what was asked; it shows the intent. */
export function unexpectedState(
  world: World,
  name: Attempt['name'],
  intent: StripeObject,
  message: string,
  version: string,
): StripeError {
  const { object, unexpected } = INTENT_WORDS[name]
  // An intent that its own creation could not confirm was never made.
  const known = world.payments.find(name, intent.id) !== undefined
  const about = known ? { about: { [object]: shape(intent, version, world) } } : {}
  return new StripeError(400, message, { code: unexpected, ...about })
}

/** `next_action` of an intent that waits for its customer. */
export function redirectAction(world: World, attempt: Attempt): JsonHash {
  const { pageOrigin } = world.payments
  const url = `${pageOrigin}${PAGE_PATH}${world.plan.accountId}/${attempt.nonce}`
  return { redirect_to_url: { return_url: attempt.returnUrl, url }, type: 'redirect_to_url' }
}

/** Whether the intent still waits for this very attempt. */
export function isWaiting(world: World, attempt: Attempt): boolean {
  const intent = world.payments.find(attempt.name, attempt.intent)
  if (intent?.status !== 'requires_action') return false
  const url = textOf(hashOf(hashOf(intent.next_action).redirect_to_url).url)
  return url?.endsWith(`/${attempt.nonce}`) === true
}

/** A failed attempt, as `last_setup_error` and `last_payment_error` tell it. */
export function lastError(code: string, method: StripeObject | undefined): JsonHash {
  return {
    code,
    doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`,
    message: REFUSALS[code] ?? 'The attempt has failed.',
    ...(method ? { payment_method: { ...method } } : {}),
    type: code.startsWith('payment_method_') ? 'card_error' : 'invalid_request_error',
  }
}

/** What an attempt may fail with, and how it is told. */
export const REFUSALS: Readonly<Record<string, string>> = {
  setup_intent_authentication_failure:
    'The latest attempt to set up the payment method has failed because authentication failed.',
  setup_intent_setup_attempt_expired: 'The latest setup attempt for the SetupIntent has expired.',
  setup_intent_mandate_invalid: 'The provided mandate is invalid and can not be used for the setup intent.',
  payment_intent_authentication_failure: 'The provided PaymentMethod has failed authentication.',
  payment_intent_payment_attempt_failed: 'The latest payment attempt for the PaymentIntent has failed.',
  payment_intent_payment_attempt_expired: 'The latest payment attempt for the PaymentIntent has expired.',
  payment_intent_mandate_invalid: 'The provided mandate is invalid and can not be used for the payment intent.',
  payment_method_customer_decline: 'The customer declined the payment.',
  payment_method_provider_decline: 'The payment was declined by the provider of the payment method.',
  payment_method_provider_timeout: 'The provider of the payment method did not answer in time.',
  payment_method_not_available: 'The provider of the payment method is temporarily unavailable.',
  resource_missing: 'The customer of this intent has been deleted.',
}
