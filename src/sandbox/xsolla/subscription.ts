import { Dice, keyOf } from '../stripe/dice.ts'

export const STATUSES = ['active', 'non_renewing', 'pause', 'canceled'] as const
export type SubscriptionStatus = (typeof STATUSES)[number]

/** A subscription as the sandbox holds it. Times are Unix seconds. */
export interface Subscription {
  readonly id: number
  readonly userId: string
  readonly projectId: number
  readonly planId: number
  readonly planExternalId: string | null
  readonly productId: number | null
  readonly status: SubscriptionStatus
  readonly createdAt: number
  readonly lastChargeAt: number | null
  readonly nextChargeAt: number | null
  readonly endsAt: number | null
  /** Ten-thousandths of the currency's unit. */
  readonly amount: number
  readonly currency: string
  readonly period: { readonly value: number; readonly unit: 'day' | 'month' }
  readonly isTrial: boolean
}

export interface Plan {
  readonly id: number
  readonly externalId: string | null
  readonly projectId: number
}

export const FIRST_SUBSCRIPTION_ID = 7_000_001
const FIRST_PLAN_ID = 54_000
const PLANS = 6
const DAY = 86_400
const CURRENCIES = ['USD', 'EUR', 'KRW', 'BRL']
const WORDS: Readonly<Record<string, { readonly plan: string; readonly product: string }>> = {
  en: { plan: 'Battle pass', product: 'Dragon Keep' },
  de: { plan: 'Kampfpass', product: 'Drachenfeste' },
  ko: { plan: '배틀 패스', product: '드래곤 성' },
}

/** The plans of a project; every other one has an id of the merchant's own. */
export function plansOf(projectId: number): readonly Plan[] {
  return Array.from({ length: PLANS }, (_, index) => ({
    id: FIRST_PLAN_ID + index,
    externalId: index % 2 === 0 ? `plan-${index}` : null,
    projectId,
  }))
}

export interface GenerateRequest {
  readonly seed: string
  readonly id: number
  readonly userId: string
  readonly projectId: number
  /** Unix seconds. */
  readonly now: number
}

/** Same seed and id, same subscription. */
export function generateSubscription({ seed, id, userId, projectId, now }: GenerateRequest): Subscription {
  const dice = new Dice(keyOf(seed, 'xsolla'), id)
  const plan = dice.pick(plansOf(projectId))
  const createdAt = now - dice.below(300 * DAY) - DAY
  const isCharged = dice.chance(80)
  const status = dice.pick<SubscriptionStatus>(['active', 'active', 'active', 'non_renewing', 'pause'])
  return {
    ...{ id, userId, projectId, status, createdAt, isTrial: !isCharged },
    ...{ planId: plan.id, planExternalId: plan.externalId, productId: dice.chance(50) ? 900 : null },
    lastChargeAt: isCharged ? createdAt + 60 : null,
    nextChargeAt: status === 'active' ? now + dice.below(30 * DAY) : null,
    endsAt: null,
    amount: dice.below(200_000) + 2_500,
    currency: dice.pick(CURRENCIES),
    period: dice.chance(80) ? { value: 1, unit: 'month' } : { value: 30, unit: 'day' },
  }
}

/** As the list for users shows it. */
export function userView(subscription: Subscription, locale: string): object {
  const { id, planId, planExternalId, productId, status, currency, period, isTrial } = subscription
  const words = WORDS[locale] ?? WORDS['en']!
  return {
    id,
    plan_id: planId,
    plan_external_id: planExternalId,
    plan_name: `${words.plan} ${planId - FIRST_PLAN_ID + 1}`,
    plan_description: planExternalId === null ? null : `${words.plan}.`,
    plan_start_date: null,
    plan_end_date: null,
    product_id: productId,
    product_external_id: productId === null ? null : `product-${productId}`,
    product_name: productId === null ? null : words.product,
    product_description: null,
    status,
    is_in_trial: isTrial,
    trial_period: null,
    date_create: isoDate(subscription.createdAt),
    date_next_charge: isoDateOrNull(subscription.nextChargeAt),
    date_last_charge: isoDateOrNull(subscription.lastChargeAt),
    charge: { amount: decimal(subscription.amount), currency },
    period,
  }
}

/** As the retrieval of a single one shows it. */
export function userDetails(subscription: Subscription, locale: string): object {
  const isActive = subscription.status === 'active'
  return {
    ...userView(subscription, locale),
    date_end: isoDateOrNull(subscription.endsAt),
    is_renew_possible: subscription.status === 'non_renewing',
    is_change_to_non_renew_possible: isActive,
    is_change_plan_allowed: isActive,
  }
}

/** As the server API shows it: amounts are numbers here. */
export function merchantView(subscription: Subscription): object {
  const { id, userId, planId, planExternalId, productId, status, currency } = subscription
  return {
    id,
    status,
    user: { id: userId, name: null },
    plan: { id: planId, external_id: planExternalId },
    product: productId === null ? null : { id: productId },
    charge_amount: subscription.amount / 10_000,
    currency,
    date_create: isoDate(subscription.createdAt),
    date_next_charge: isoDateOrNull(subscription.nextChargeAt),
    date_last_charge: isoDateOrNull(subscription.lastChargeAt),
    date_end: isoDateOrNull(subscription.endsAt),
    comment: null,
  }
}

export function planView({ id, externalId }: Plan, locale: string): object {
  const words = WORDS[locale] ?? WORDS['en']!
  return {
    plan_id: id,
    plan_external_id: externalId,
    plan_name: `${words.plan} ${id - FIRST_PLAN_ID + 1}`,
    plan_type: 'all',
    plan_description: null,
    charge: { amount: '4.9900', setup_fee: null, currency: 'USD' },
    period: { value: 1, unit: 'month' },
    trial_period: null,
  }
}

function isoDateOrNull(seconds: number | null): string | null {
  return seconds === null ? null : isoDate(seconds)
}

/** ISO 8601 in Moscow time, as `2021-03-11T13:50:11+03:00`. */
export function isoDate(seconds: number): string {
  return `${new Date((seconds + 3 * 3600) * 1000).toISOString().slice(0, 19)}+03:00`
}

/** Ten-thousandths as `0.2500`. */
function decimal(amount: number): string {
  return (amount / 10_000).toFixed(4)
}
