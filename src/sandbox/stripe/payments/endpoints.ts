import { answered } from '../answered.ts'
import type { Call, Endpoint } from '../endpoints.ts'
import { badParameter, missingResource } from '../errors.ts'
import { LIST_PARAMS, listEntries } from '../lists.ts'
import { createProduct, PRODUCT_PARAMS } from '../mutations/products.ts'
import type { ParamSchema } from '../parameters.ts'
import { Range } from '../parameters.ts'
import type { StripeObject } from '../types.ts'
import { numberOf } from '../types.ts'
import { confirmPaymentIntent, PAYMENT_INTENT_PARAMS, updatePaymentIntent } from './payment-intents.ts'
import type { PaymentName } from './payment-objects.ts'
import {
  cancelSetupIntent,
  confirmSetupIntent,
  createSetupIntent,
  SETUP_INTENT_PARAMS,
  updateSetupIntent,
} from './setup-intents.ts'

/** The word of error messages, and the middle of the permission `rak_<permission>_read`. */
const KINDS: Readonly<Record<PaymentName, { readonly kind: string; readonly permission: string }>> = {
  setup_intents: { kind: 'setupintent', permission: 'setup_intent' },
  payment_intents: { kind: 'payment_intent', permission: 'payment_intent' },
  payment_methods: { kind: 'PaymentMethod', permission: 'payment_method' },
  mandates: { kind: 'mandate', permission: 'mandate' },
  invoices: { kind: 'invoice', permission: 'invoice' },
}

/** Fields that a list may be narrowed by; nothing is hidden in these lists. */
const LIST_FILTERS: Readonly<Partial<Record<PaymentName, readonly string[]>>> = {
  setup_intents: ['customer', 'payment_method'],
  payment_intents: ['customer'],
  payment_methods: ['customer', 'type'],
  invoices: ['customer', 'subscription', 'status'],
}

const TEXT = { kind: 'text' } as const

/** Throws the 404 of an id that is not known, with a hint when the other mode knows it. */
function located({ world, otherWorld, id }: Call, name: PaymentName): StripeObject {
  const object = world.payments.find(name, id)
  if (object) return object
  const elsewhere = otherWorld.payments.find(name, id) !== undefined
  const hint = `; a similar object exists in ${otherWorld.mode} mode, but a ${world.mode} mode key was used to make this request.`
  throw missingResource(KINDS[name].kind, id, 'id', elsewhere ? hint : '')
}

function retrieval(name: PaymentName): Endpoint {
  const secret: ParamSchema = name.endsWith('_intents') ? { client_secret: TEXT } : {}
  return {
    method: 'GET',
    pattern: `/v1/${name}/:id`,
    permission: KINDS[name].permission,
    access: 'read',
    params: { expand: LIST_PARAMS.expand, ...secret },
    handle(call) {
      const object = located(call, name)
      const { client_secret: given } = call.params
      if (given === undefined || given === object.client_secret) return answered(call, object)
      const message = `The client_secret provided does not match the client_secret associated with this ${KINDS[name].kind}.`
      throw badParameter('resource_missing', 'client_secret', message)
    },
  }
}

function list(name: PaymentName, filters: readonly string[]): Endpoint {
  return {
    method: 'GET',
    pattern: `/v1/${name}`,
    permission: KINDS[name].permission,
    access: 'read',
    params: { ...LIST_PARAMS, created: { kind: 'range' }, ...Object.fromEntries(filters.map((each) => [each, TEXT])) },
    handle({ world, params, version, path }) {
      const { created } = params
      const entries = world.payments
        .all(name)
        .filter((object) => !(created instanceof Range) || created.has(numberOf(object.created)))
        .filter((object) => filters.every((each) => params[each] === undefined || params[each] === object[each]))
      return listEntries(world, entries, KINDS[name].kind, params, version, path)
    },
  }
}

/** A write about an intent that exists. */
function write(
  name: 'setup_intents' | 'payment_intents',
  suffix: string,
  params: ParamSchema,
  run: (call: Call, intent: StripeObject) => StripeObject,
): Endpoint {
  return {
    method: 'POST',
    pattern: `/v1/${name}/:id${suffix}`,
    permission: KINDS[name].permission,
    access: 'write',
    params,
    handle: (call) => answered(call, run(call, located(call, name))),
  }
}

/** What a client needs to set up and pay a subscription, beside the endpoints of the listed resources. */
export const PAYMENT_ENDPOINTS: readonly Endpoint[] = [
  ...(Object.keys(KINDS) as PaymentName[]).map(retrieval),
  ...(Object.entries(LIST_FILTERS) as [PaymentName, readonly string[]][]).map(([name, filters]) => list(name, filters)),
  {
    method: 'POST',
    pattern: '/v1/setup_intents',
    permission: 'setup_intent',
    access: 'write',
    params: SETUP_INTENT_PARAMS.create,
    handle: (call) => answered(call, createSetupIntent(call)),
  },
  write('setup_intents', '', SETUP_INTENT_PARAMS.update, updateSetupIntent),
  write('setup_intents', '/confirm', SETUP_INTENT_PARAMS.confirm, confirmSetupIntent),
  write('setup_intents', '/cancel', SETUP_INTENT_PARAMS.cancel, cancelSetupIntent),
  write('payment_intents', '', PAYMENT_INTENT_PARAMS.update, updatePaymentIntent),
  write('payment_intents', '/confirm', PAYMENT_INTENT_PARAMS.confirm, confirmPaymentIntent),
  {
    method: 'POST',
    pattern: '/v1/products',
    permission: 'product',
    access: 'write',
    params: PRODUCT_PARAMS,
    handle: (call) => answered(call, createProduct(call, call.params)),
  },
]
