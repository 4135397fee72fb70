import { badParameter, StripeError } from '../errors.ts'
import type { Call } from '../endpoints.ts'
import type { MutationContext } from '../mutations/mutation.ts'
import { withFields, WRITE_PARAMS } from '../mutations/mutation.ts'
import type { ParamSchema } from '../parameters.ts'
import { shape } from '../shapes.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { numberOf, textOf } from '../types.ts'
import type { World } from '../world.ts'
import { clientSecret, lastError, redirectAction, returnUrlOf, unexpectedState } from './intents.ts'
import { noteFailedAttempt, payIntent } from './invoices.ts'
import { acceptanceOf, activeMandate, createMandate, MANDATE_PARAMS } from './mandates.ts'
import { activatedTypes, checkActivated, checkAllowed, KAKAO_PAY, methodTypes, TYPE_PARAMS } from './method-types.ts'
import { givenMethod, METHOD_PARAMS } from './payment-methods.ts'
import type { Attempt } from './payment-objects.ts'

/** The least that Kakao Pay charges, in won. */
const LEAST_WON = 100

const SHARED = {
  ...METHOD_PARAMS,
  ...TYPE_PARAMS,
  expand: WRITE_PARAMS.expand,
  payment_method_options: { kind: 'ignored' },
  receipt_email: { kind: 'text', unsettable: true },
  setup_future_usage: { kind: 'choice', of: ['off_session', 'on_session'] },
  shipping: { kind: 'ignored' },
} as const satisfies ParamSchema

/** The parameters of each request about payment intents. */
export const PAYMENT_INTENT_PARAMS = {
  update: { ...SHARED, ...WRITE_PARAMS, description: { kind: 'text', unsettable: true } },
  confirm: {
    ...SHARED,
    ...MANDATE_PARAMS,
    error_on_requires_action: { kind: 'boolean' },
    off_session: { kind: 'boolean' },
    return_url: { kind: 'text' },
    use_stripe_sdk: { kind: 'boolean' },
  },
} as const satisfies Record<string, ParamSchema>

const OPEN = ['requires_payment_method', 'requires_confirmation', 'requires_action']

export interface PaymentParts {
  readonly amount: number
  readonly currency: string
  readonly customer: string
  readonly invoice: string
  readonly paymentMethod: string | null
  /** What the subscription takes; everything that the account can take without it. */
  readonly types: readonly string[] | undefined
}

/** Makes the intent that pays an invoice, in the superset of all versions. */
export function createPaymentIntent({ world, cause }: MutationContext, parts: PaymentParts): StripeObject {
  const id = world.nextId('paymentIntents')
  const intent = world.payments.put('payment_intents', {
    id,
    object: 'payment_intent',
    amount: parts.amount,
    amount_capturable: 0,
    amount_received: 0,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: null,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: 'automatic',
    client_secret: clientSecret(id),
    confirmation_method: 'automatic',
    created: world.clock.now(),
    currency: parts.currency,
    customer: parts.customer,
    customer_account: null,
    description: 'Subscription creation',
    invoice: parts.invoice,
    last_payment_error: null,
    latest_charge: null,
    livemode: world.plan.livemode,
    metadata: {},
    next_action: null,
    on_behalf_of: null,
    payment_method: parts.paymentMethod,
    payment_method_options: {},
    payment_method_types: [...(parts.types ?? activatedTypes(world))],
    processing: null,
    receipt_email: null,
    setup_future_usage: 'off_session',
    shipping: null,
    source: null,
    statement_descriptor: null,
    status: parts.paymentMethod === null ? 'requires_payment_method' : 'requires_confirmation',
    transfer_data: null,
    transfer_group: null,
  })
  world.emit('payment_intent.created', intent, cause)
  return intent
}

/** Throws unless the method can pay this amount: Kakao Pay takes won only, and not less than a hundred. */
export function checkPayable(world: World, type: string, amount: number, currency: string, param: string): void {
  checkActivated(world, type, param)
  if (type !== KAKAO_PAY) return
  if (currency !== 'krw') {
    const message = `The currency provided (${currency}) is invalid for the payment method type ${type}, which supports krw only.`
    throw badParameter('payment_method_currency_mismatch', param, message)
  }
  if (amount < LEAST_WON) {
    throw badParameter('amount_too_small', 'amount', `Amount must be at least ₩${LEAST_WON} krw`)
  }
}

/** `POST /v1/payment_intents/:id`. */
export function updatePaymentIntent(call: Call, intent: StripeObject): StripeObject {
  const { world } = call
  if (!OPEN.includes(String(intent.status))) throw refused(call, intent, 'update')
  const { method, types } = chosen(call, intent)
  if (method) world.payments.put('payment_methods', method)
  const changed = { payment_method: method?.id ?? null, next_action: null, status: 'requires_confirmation' }
  const given = call.params.payment_method !== undefined || call.params.payment_method_data !== undefined
  return world.payments.put('payment_intents', {
    ...withFields(intent, call.params, ['description', 'receipt_email', 'setup_future_usage']),
    payment_method_types: types,
    ...(given ? changed : {}),
  })
}

/** `POST /v1/payment_intents/:id/confirm`. An intent that waits for its customer may be confirmed anew. */
export function confirmPaymentIntent(call: Call, intent: StripeObject): StripeObject {
  const { world, params, version } = call
  if (!OPEN.includes(String(intent.status))) throw refused(call, intent, 'confirm')
  const { method, types } = chosen(call, intent)
  if (!method) {
    const message =
      "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a payment method."
    throw unexpectedState(world, 'payment_intents', intent, message, version)
  }
  const acceptance = acceptanceOf(world, params.mandate_data)
  const prepared = {
    ...withFields(intent, params, ['receipt_email', 'setup_future_usage']),
    payment_method: method.id,
    payment_method_types: types,
  }
  if (params.off_session === true) return confirmOffSession(call, prepared, method)
  const returnUrl = returnUrlOf(params)
  if (params.error_on_requires_action === true) throw declined(call, intent, 'payment_intent_authentication_failure')
  world.payments.put('payment_methods', method)
  return startAttempt(call, prepared, { paymentMethod: method.id, returnUrl, acceptance })
}

/** How an attempt to charge a method without its owner ends; without a mandate the owner has to come. */
export function offSessionOutcome(world: World, paymentMethod: string) {
  return activeMandate(world, paymentMethod) ? world.behaviour.firstInvoice : 'requires_confirmation'
}

/** The code of an off-session attempt that was refused. */
export const OFF_SESSION_REFUSAL = 'payment_method_provider_decline'

/** The customer agreed to pay. */
export function approvePayment(context: MutationContext, intent: StripeObject, attempt: Attempt): StripeObject {
  if (attempt.acceptance) createMandate(context.world, attempt.paymentMethod, attempt.acceptance)
  return payIntent(context, intent, attempt.paymentMethod)
}

/** Nothing was paid: the intent needs a method again. */
export function refusePayment(
  context: MutationContext,
  intent: StripeObject,
  paymentMethod: string,
  code: string,
): StripeObject {
  const { world, cause } = context
  const failed = world.payments.put('payment_intents', {
    ...intent,
    last_payment_error: lastError(code, world.payments.find('payment_methods', paymentMethod)),
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  })
  world.emit('payment_intent.payment_failed', failed, cause)
  noteFailedAttempt(context, failed)
  return failed
}

/** The method of this request, or the one that the intent has, checked against what it is to pay. */
function chosen(call: Call, intent: StripeObject): { method: StripeObject | undefined; types: string[] } {
  const { world, params, version } = call
  const types = methodTypes(world, params, version, intent.payment_method_types as string[])
  const given = givenMethod(world, params, textOf(intent.customer) ?? null)
  const method = given ?? world.payments.find('payment_methods', textOf(intent.payment_method) ?? '')
  if (method) {
    checkAllowed(String(method.type), types, 'PaymentIntent')
    checkPayable(world, String(method.type), numberOf(intent.amount), String(intent.currency), 'payment_method')
  }
  return { method, types }
}

function confirmOffSession(call: Call, intent: StripeObject, method: StripeObject): StripeObject {
  const { world } = call
  const outcome = offSessionOutcome(world, method.id)
  if (outcome === 'paid') return payIntent(call, intent, method.id)
  const code = outcome === 'requires_confirmation' ? 'payment_intent_authentication_failure' : OFF_SESSION_REFUSAL
  world.payments.put('payment_methods', method)
  throw declined(call, refusePayment(call, intent, method.id, code), code)
}

function startAttempt(
  context: MutationContext,
  intent: StripeObject,
  parts: { readonly paymentMethod: string; readonly returnUrl: string; readonly acceptance: JsonHash | undefined },
): StripeObject {
  const { world, cause } = context
  const attempt: Attempt = {
    ...parts,
    nonce: world.nextId('paymentNonces'),
    name: 'payment_intents',
    intent: intent.id,
  }
  world.payments.addAttempt(attempt)
  const waiting = world.payments.put('payment_intents', {
    ...intent,
    last_payment_error: null,
    next_action: redirectAction(world, attempt),
    status: 'requires_action',
  })
  world.emit('payment_intent.requires_action', waiting, cause)
  return waiting
}

/** The 402 of a payment that was tried and did not come about. */
function declined({ world, version }: Call, intent: StripeObject, code: string): StripeError {
  const about = { payment_intent: shape(intent, version, world) }
  return new StripeError(402, String(lastError(code, undefined).message), { type: 'card_error', code, about })
}

function refused({ world, version }: Call, intent: StripeObject, verb: string): StripeError {
  const state = intent.status === 'succeeded' ? 'already succeeded' : `a status of ${String(intent.status)}`
  const message = `You cannot ${verb} this PaymentIntent because it has ${state}.`
  return unexpectedState(world, 'payment_intents', intent, message, version)
}
