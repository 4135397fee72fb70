import { badParameter } from '../errors.ts'
import type { ParamSchema, ParamValue, ValidParams } from '../parameters.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import type { World } from '../world.ts'
import { KAKAO_PAY } from './method-types.ts'

/** How the customer agreed to later payments. */
export const MANDATE_PARAMS = {
  mandate_data: {
    kind: 'hash',
    members: {
      customer_acceptance: {
        kind: 'hash',
        required: true,
        members: {
          type: { kind: 'choice', of: ['online', 'offline'], required: true },
          accepted_at: { kind: 'integer', min: 0 },
          online: {
            kind: 'hash',
            members: {
              ip_address: { kind: 'text', required: true },
              user_agent: { kind: 'text', required: true },
            },
          },
          offline: { kind: 'hash', members: {} },
        },
      },
    },
  },
} as const satisfies ParamSchema

/** The acceptance in `mandate_data`, complete; undefined when there is none. */
export function acceptanceOf(world: World, given: ParamValue | undefined): JsonHash | undefined {
  if (given === undefined) return undefined
  const acceptance = (given as ValidParams).customer_acceptance as ValidParams
  const type = String(acceptance.type)
  const details = acceptance[type] as JsonHash | undefined
  if (type === 'online' && details === undefined) {
    const param = 'mandate_data[customer_acceptance][online]'
    throw badParameter('parameter_missing', param, `Missing required param: ${param}.`)
  }
  return {
    accepted_at: (acceptance.accepted_at as number | undefined) ?? world.clock.now(),
    [type]: details ?? {},
    type,
  }
}

/** Makes the mandate that an approval stands for. */
export function createMandate(world: World, paymentMethod: string, acceptance: JsonHash): StripeObject {
  return world.payments.put('mandates', {
    id: world.nextId('mandates'),
    object: 'mandate',
    customer_acceptance: acceptance,
    livemode: world.plan.livemode,
    multi_use: {},
    payment_method: paymentMethod,
    payment_method_details: { [KAKAO_PAY]: {}, type: KAKAO_PAY },
    status: 'active',
    type: 'multi_use',
  })
}

/** The mandate under which a method may be charged without its owner. */
export function activeMandate(world: World, paymentMethod: string): StripeObject | undefined {
  return world.payments
    .all('mandates')
    .find((mandate) => mandate.payment_method === paymentMethod && mandate.status === 'active')
}
