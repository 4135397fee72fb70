import { badParameter } from '../errors.ts'
import type { Call } from '../endpoints.ts'
import type { MutationContext } from '../mutations/mutation.ts'
import { mergeMetadata, withFields, WRITE_PARAMS } from '../mutations/mutation.ts'
import type { ParamSchema, ValidParams } from '../parameters.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { textOf } from '../types.ts'
import {
  clientSecret,
  customerOf,
  lastError,
  onlyWithConfirm,
  redirectAction,
  returnUrlOf,
  unexpectedState,
} from './intents.ts'
import { acceptanceOf, createMandate, MANDATE_PARAMS } from './mandates.ts'
import { AUTOMATIC_PARAMS, checkAllowed, methodTypes, TYPE_PARAMS } from './method-types.ts'
import { attachMethod, givenMethod, METHOD_PARAMS } from './payment-methods.ts'
import type { Attempt } from './payment-objects.ts'

/** Members that concern payment methods other than Kakao Pay. */
const IGNORED = {
  payment_method_options: { kind: 'ignored' },
  use_stripe_sdk: { kind: 'boolean' },
} as const satisfies ParamSchema

const CONFIRM_ONLY = { ...MANDATE_PARAMS, return_url: { kind: 'text' } } as const satisfies ParamSchema

const SHARED = {
  ...WRITE_PARAMS,
  ...METHOD_PARAMS,
  ...TYPE_PARAMS,
  customer: { kind: 'text' },
  description: { kind: 'text' },
  payment_method_options: { kind: 'ignored' },
} as const satisfies ParamSchema

/** The parameters of each request about setup intents. */
export const SETUP_INTENT_PARAMS = {
  create: {
    ...SHARED,
    ...AUTOMATIC_PARAMS,
    ...CONFIRM_ONLY,
    ...IGNORED,
    confirm: { kind: 'boolean' },
    usage: { kind: 'choice', of: ['off_session', 'on_session'] },
  },
  update: SHARED,
  confirm: { ...METHOD_PARAMS, ...CONFIRM_ONLY, ...IGNORED, expand: WRITE_PARAMS.expand },
  cancel: {
    cancellation_reason: { kind: 'choice', of: ['abandoned', 'duplicate', 'requested_by_customer'] },
    expand: WRITE_PARAMS.expand,
  },
} as const satisfies Record<string, ParamSchema>

const OPEN = ['requires_payment_method', 'requires_confirmation', 'requires_action']

/** `POST /v1/setup_intents`. */
export function createSetupIntent(call: Call): StripeObject {
  const { world, params, version, cause } = call
  onlyWithConfirm(params, 'return_url', 'mandate_data')
  const customer = customerOf(world, params)
  const types = methodTypes(world, params, version)
  const method = givenMethod(world, params, customer)
  if (method) checkAllowed(String(method.type), types, 'SetupIntent')
  const intent = newSetupIntent(call, customer, types, method)
  const confirmation = params.confirm === true ? checkConfirmation(call, intent, method) : undefined
  if (method) world.payments.put('payment_methods', method)
  world.payments.put('setup_intents', intent)
  world.emit('setup_intent.created', intent, cause)
  return confirmation ? startAttempt(call, intent, confirmation) : intent
}

/** The intent before it is confirmed, in the superset of all versions, not kept yet. */
function newSetupIntent(
  { world, params }: Call,
  customer: string | null,
  types: string[],
  method: StripeObject | undefined,
): StripeObject {
  const id = world.nextId('setupIntents')
  return {
    id,
    object: 'setup_intent',
    allowed_payment_method_types: (params.allowed_payment_method_types as string[] | undefined) ?? null,
    application: null,
    automatic_payment_methods: (params.automatic_payment_methods as JsonHash | undefined) ?? null,
    cancellation_reason: null,
    client_secret: clientSecret(id),
    created: world.clock.now(),
    customer,
    customer_account: null,
    description: textOf(params.description as string | undefined) ?? null,
    flow_directions: null,
    last_setup_error: null,
    latest_attempt: null,
    livemode: world.plan.livemode,
    mandate: null,
    metadata: mergeMetadata({}, params.metadata),
    next_action: null,
    on_behalf_of: null,
    payment_method: method?.id ?? null,
    payment_method_options: {},
    payment_method_types: types,
    single_use_mandate: null,
    status: method ? 'requires_confirmation' : 'requires_payment_method',
    usage: textOf(params.usage as string | undefined) ?? 'off_session',
  }
}

/** `POST /v1/setup_intents/:id`. */
export function updateSetupIntent(call: Call, intent: StripeObject): StripeObject {
  const { world, params, version } = call
  if (!OPEN.includes(String(intent.status))) throw refused(call, intent, 'update')
  const customer = customerOf(world, params) ?? textOf(intent.customer) ?? null
  const types = methodTypes(world, params, version, intent.payment_method_types as string[])
  const method = givenMethod(world, params, customer)
  if (method) {
    checkAllowed(String(method.type), types, 'SetupIntent')
    world.payments.put('payment_methods', method)
  }
  return world.payments.put('setup_intents', {
    ...withFields(intent, params, ['description']),
    customer,
    payment_method_types: types,
    ...(method ? { payment_method: method.id, next_action: null, status: 'requires_confirmation' } : {}),
  })
}

/** `POST /v1/setup_intents/:id/confirm`. An intent that waits for its customer may be confirmed anew. */
export function confirmSetupIntent(call: Call, intent: StripeObject): StripeObject {
  const { world, params } = call
  if (!OPEN.includes(String(intent.status))) throw refused(call, intent, 'confirm')
  const customer = textOf(intent.customer) ?? null
  if (customer !== null) customerOf(world, { customer })
  const given = givenMethod(world, params, customer)
  const method = given ?? world.payments.find('payment_methods', textOf(intent.payment_method) ?? '')
  if (given) checkAllowed(String(given.type), intent.payment_method_types as string[], 'SetupIntent')
  const confirmation = checkConfirmation(call, intent, method)
  if (given) world.payments.put('payment_methods', given)
  return startAttempt(call, intent, confirmation)
}

/** `POST /v1/setup_intents/:id/cancel`. */
export function cancelSetupIntent(call: Call, intent: StripeObject): StripeObject {
  const { world, params, cause } = call
  if (!OPEN.includes(String(intent.status))) throw refused(call, intent, 'cancel')
  const canceled = world.payments.put('setup_intents', {
    ...intent,
    cancellation_reason: textOf(params.cancellation_reason as string | undefined) ?? null,
    next_action: null,
    status: 'canceled',
  })
  world.emit('setup_intent.canceled', canceled, cause)
  return canceled
}

/** The customer agreed: the mandate stands and the method is theirs. */
export function approveSetup(context: MutationContext, intent: StripeObject, attempt: Attempt): StripeObject {
  const { world, cause } = context
  const customer = textOf(intent.customer)
  if (customer !== undefined && world.find('customers', customer)?.deleted === true) {
    return refuseSetup(context, intent, attempt, 'resource_missing')
  }
  const { acceptance } = attempt
  const mandate = acceptance ? createMandate(world, attempt.paymentMethod, acceptance) : undefined
  if (customer !== undefined) attachMethod(context, attempt.paymentMethod, customer)
  const succeeded = world.payments.put('setup_intents', {
    ...intent,
    last_setup_error: null,
    mandate: mandate?.id ?? null,
    next_action: null,
    payment_method: attempt.paymentMethod,
    status: 'succeeded',
  })
  world.emit('setup_intent.succeeded', succeeded, cause)
  return succeeded
}

/** The customer or the provider said no: the intent needs another method. */
export function refuseSetup(
  { world, cause }: MutationContext,
  intent: StripeObject,
  attempt: Attempt,
  code: string,
): StripeObject {
  const failed = world.payments.put('setup_intents', {
    ...intent,
    last_setup_error: lastError(code, world.payments.find('payment_methods', attempt.paymentMethod)),
    next_action: null,
    payment_method: null,
    status: 'requires_payment_method',
  })
  world.emit('setup_intent.setup_failed', failed, cause)
  return failed
}

interface Confirmation {
  readonly method: StripeObject
  readonly returnUrl: string
  readonly acceptance: JsonHash | undefined
}

/** Everything that can be wrong with a confirmation, before anything changes. */
function checkConfirmation(call: Call, intent: StripeObject, method: StripeObject | undefined): Confirmation {
  const { world, version } = call
  const params: ValidParams = call.params
  if (!method) {
    const message =
      "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a payment method and then confirm it again."
    throw unexpectedState(world, 'setup_intents', intent, message, version)
  }
  const returnUrl = returnUrlOf(params)
  const acceptance = acceptanceOf(world, params.mandate_data)
  if (!acceptance && intent.usage === 'off_session') {
    const message =
      'This SetupIntent requires a mandate, but no existing mandate was found. Collect mandate acceptance from the customer and try again, providing acceptance data in the mandate_data parameter.'
    throw badParameter('setup_intent_mandate_invalid', 'mandate_data', message)
  }
  return { method, returnUrl, acceptance }
}

function startAttempt({ world, cause }: Call, intent: StripeObject, confirmation: Confirmation): StripeObject {
  const { method, returnUrl, acceptance } = confirmation
  const attempt: Attempt = {
    nonce: world.nextId('setupNonces'),
    name: 'setup_intents',
    intent: intent.id,
    paymentMethod: method.id,
    returnUrl,
    acceptance,
  }
  world.payments.addAttempt(attempt)
  const waiting = world.payments.put('setup_intents', {
    ...intent,
    last_setup_error: null,
    latest_attempt: world.nextId('setupAttempts'),
    next_action: redirectAction(world, attempt),
    payment_method: method.id,
    status: 'requires_action',
  })
  world.emit('setup_intent.requires_action', waiting, cause)
  return waiting
}

function refused({ world, version }: Call, intent: StripeObject, verb: string) {
  const state = intent.status === 'succeeded' ? 'already succeeded' : `a status of ${String(intent.status)}`
  const message = `You cannot ${verb} this SetupIntent because it has ${state}.`
  return unexpectedState(world, 'setup_intents', intent, message, version)
}
