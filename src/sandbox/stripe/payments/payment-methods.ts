import { badParameter, missingResource, StripeError } from '../errors.ts'
import { emptyAddress } from '../generate/words.ts'
import type { MutationContext } from '../mutations/mutation.ts'
import { mergeMetadata } from '../mutations/mutation.ts'
import type { ParamSchema, ValidParams } from '../parameters.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { textOf } from '../types.ts'
import type { World } from '../world.ts'
import { checkActivated, checkType, KAKAO_PAY } from './method-types.ts'

/** An address, as customers and methods have it. */
export const ADDRESS_PARAMS = {
  city: { kind: 'text', unsettable: true },
  country: { kind: 'text', unsettable: true },
  line1: { kind: 'text', unsettable: true },
  line2: { kind: 'text', unsettable: true },
  postal_code: { kind: 'text', unsettable: true },
  state: { kind: 'text', unsettable: true },
} as const satisfies ParamSchema

/** The two ways of giving an intent its method: one that exists, or the data of a new one. */
export const METHOD_PARAMS = {
  payment_method: { kind: 'text' },
  payment_method_data: {
    kind: 'hash',
    members: {
      type: { kind: 'text', required: true },
      allow_redisplay: { kind: 'choice', of: ['always', 'limited', 'unspecified'] },
      billing_details: {
        kind: 'hash',
        members: {
          address: { kind: 'hash', members: ADDRESS_PARAMS },
          email: { kind: 'text', unsettable: true },
          name: { kind: 'text', unsettable: true },
          phone: { kind: 'text', unsettable: true },
        },
      },
      kakao_pay: { kind: 'hash', members: {} },
      metadata: { kind: 'metadata' },
    },
  },
} as const satisfies ParamSchema

/**
 * The method that the parameters give to an intent of `customer`, or undefined when they give none. A new one is not
 * kept yet, so that a request that fails later leaves nothing behind.
 */
export function givenMethod(world: World, params: ValidParams, customer: string | null): StripeObject | undefined {
  const id = textOf(params.payment_method as string | undefined)
  const data = params.payment_method_data as ValidParams | undefined
  if (id !== undefined && data !== undefined) {
    const message = 'You may only specify one of these parameters: payment_method, payment_method_data.'
    throw badParameter('parameters_exclusive', 'payment_method_data', message)
  }
  if (data !== undefined) return newMethod(world, data)
  if (id === undefined) return undefined
  const method = world.payments.find('payment_methods', id)
  if (!method) throw missingResource('PaymentMethod', id, 'payment_method')
  if (method.customer !== null && method.customer !== customer) {
    throw new StripeError(
      400,
      'The provided PaymentMethod belongs to another customer. Make sure to pass the customer that it is attached to.',
      { param: 'payment_method' },
    )
  }
  return method
}

function newMethod(world: World, data: ValidParams): StripeObject {
  const type = String(data.type)
  checkType(type, 'payment_method_data[type]')
  checkActivated(world, type, 'payment_method_data[type]')
  if (type !== KAKAO_PAY) {
    const message = `The sandbox plays ${KAKAO_PAY} only, not ${type}.`
    throw badParameter('payment_method_unsupported_type', 'payment_method_data[type]', message)
  }
  const details = (data.billing_details ?? {}) as JsonHash
  return {
    id: world.nextId('paymentMethods'),
    object: 'payment_method',
    allow_redisplay: (data.allow_redisplay as string | undefined) ?? 'unspecified',
    billing_details: {
      email: null,
      name: null,
      phone: null,
      tax_id: null,
      ...details,
      address: { ...emptyAddress(), ...(details.address as JsonHash | undefined) },
    },
    created: world.clock.now(),
    customer: null,
    customer_account: null,
    kakao_pay: {},
    livemode: world.plan.livemode,
    metadata: mergeMetadata({}, data.metadata),
    type,
  }
}

/** Gives a method to a customer; nothing happens when it is attached already. */
export function attachMethod({ world, cause }: MutationContext, id: string, customer: string): void {
  const method = world.payments.find('payment_methods', id)
  if (!method || method.customer === customer) return
  const attached = world.payments.put('payment_methods', { ...method, customer })
  world.emit('payment_method.attached', attached, cause)
}

/** A method that must be known and attached to the customer; throws the 400 about the parameter that names it. */
export function attachedMethod(world: World, id: string, customer: string, param: string): StripeObject {
  const method = world.payments.find('payment_methods', id)
  if (!method) throw missingResource('PaymentMethod', id, param)
  if (method.customer === customer) return method
  const message = `The customer does not have a payment method with the ID ${id}. The payment method must be attached to the customer.`
  throw badParameter('resource_missing', param, message)
}

/** A deleted customer has no methods any more. */
export function detachMethods({ world, cause }: MutationContext, customer: string): void {
  for (const method of world.payments.all('payment_methods')) {
    if (method.customer !== customer) continue
    const detached = world.payments.put('payment_methods', { ...method, customer: null })
    world.emit('payment_method.detached', detached, cause)
  }
}
