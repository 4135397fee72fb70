import { badParameter, StripeError } from '../errors.ts'
import type { ParamSchema, ValidParams } from '../parameters.ts'
import type { World } from '../world.ts'

export const KAKAO_PAY = 'kakao_pay'

/** Where a merchant must be for Kakao Pay. */
const KAKAO_PAY_COUNTRIES: ReadonlySet<string> = new Set(
  'AT BE CY DE DK EE ES FI FR GB GR HK HR HU IE IT JP LT LU LV MT NL PT SE SI SK US'.split(' '),
)

/** The types that names in parameters may have; only Kakao Pay can be used in the sandbox. */
const KNOWN_TYPES = ['card', KAKAO_PAY, 'kr_card', 'link', 'naver_pay', 'payco', 'samsung_pay'] as const

/** Before this version an intent without types took cards only. */
const AUTOMATIC_SINCE = '2023-08-16'

/** The two ways of naming types: the old one until endive, the new one since shortly before it. */
export const TYPE_PARAMS = {
  payment_method_types: {
    kind: 'texts',
    max: 20,
    refusedSince: { version: '2026-09-30', code: 'payment_method_types_no_longer_supported' },
  },
  allowed_payment_method_types: { kind: 'texts', max: 20, since: '2026-07-29' },
} as const satisfies ParamSchema

export const AUTOMATIC_PARAMS = {
  automatic_payment_methods: {
    kind: 'hash',
    members: {
      enabled: { kind: 'boolean', required: true },
      allow_redirects: { kind: 'choice', of: ['always', 'never'] },
    },
  },
} as const satisfies ParamSchema

/** The types that the account can take. */
export function activatedTypes({ behaviour }: World): string[] {
  const kakaoPay = behaviour.kakaoPayActivated && KAKAO_PAY_COUNTRIES.has(behaviour.accountCountry)
  return kakaoPay ? ['card', KAKAO_PAY] : ['card']
}

/** Throws unless the account can take the type. */
export function checkActivated(world: World, type: string, param: string): void {
  if (activatedTypes(world).includes(type)) return
  throw badParameter(
    'payment_method_unactivated',
    param,
    `The payment method type "${type}" is invalid. Please ensure the provided type is activated in your dashboard (https://dashboard.stripe.com/account/payments/settings) and is available in your country (${world.behaviour.accountCountry}).`,
  )
}

/** The types that an intent takes: what the parameters name, else what it took before, else what the account can. */
export function methodTypes(world: World, params: ValidParams, version: string, present?: readonly string[]): string[] {
  const named = params.payment_method_types as string[] | undefined
  const allowed = params.allowed_payment_method_types as string[] | undefined
  const automatic = params.automatic_payment_methods as ValidParams | undefined
  if (named && (allowed || automatic?.enabled === true)) {
    const other = allowed ? 'allowed_payment_method_types' : 'automatic_payment_methods'
    throw badParameter('parameters_exclusive', other, `You may only specify one of payment_method_types and ${other}.`)
  }
  if (named) {
    named.forEach((type, place) => checkType(type, `payment_method_types[${place}]`))
    named.forEach((type, place) => checkActivated(world, type, `payment_method_types[${place}]`))
    return [...new Set(named)]
  }
  if (allowed) {
    allowed.forEach((type, place) => checkType(type, `allowed_payment_method_types[${place}]`))
    // What the account or the intent cannot take is dropped without a word.
    return activatedTypes(world).filter((type) => allowed.includes(type))
  }
  const asked = automatic?.enabled ?? version >= AUTOMATIC_SINCE
  const types = present ?? (asked === true ? activatedTypes(world) : ['card'])
  return types.filter((type) => type === 'card' || automatic?.allow_redirects !== 'never')
}

/** Throws unless the name is one that Stripe knows. */
export function checkType(type: string, param: string): void {
  if (KNOWN_TYPES.some((known) => known === type)) return
  throw new StripeError(400, `Invalid ${param}: must be one of ${KNOWN_TYPES.join(', ')}`, { param })
}

/** Throws unless a method of this type fits an intent that takes these. */
export function checkAllowed(type: string, types: readonly string[], intent: string): void {
  if (types.includes(type)) return
  throw badParameter(
    'payment_method_unsupported_type',
    'payment_method',
    `The PaymentMethod provided (${type}) is not allowed for this ${intent}. Please attach a PaymentMethod of one of the following types: ${types.join(', ')}.`,
  )
}
