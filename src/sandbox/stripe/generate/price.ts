import { Dice } from '../dice.ts'
import type { Plan } from '../plan.ts'
import type { Json, JsonHash, StripeObject } from '../types.ts'
import { hashOf } from '../types.ts'

const PRICES_PER_PRODUCT = 3

export function generatePrice(plan: Plan, index: number): StripeObject {
  const dice = new Dice(plan.keys.prices, index)
  const recurring = plan.isPriceRecurring(index)
  const tiered = recurring && !plan.isPriceInline(index) && dice.chance(8)
  const fractional = !tiered && dice.chance(5)
  const amount = plan.currencyOfPrice(index) === 'krw' ? 1000 * (1 + dice.below(200)) : 100 * (1 + dice.below(300)) - 1
  return {
    id: plan.ids.prices.encode(index),
    object: 'price',
    active: plan.isPriceActive(index),
    billing_scheme: tiered ? 'tiered' : 'per_unit',
    created: plan.createdOfPrice(index),
    currency: plan.currencyOfPrice(index),
    custom_unit_amount: null,
    livemode: plan.livemode,
    lookup_key: dice.chance(25) ? `plan_${index}` : null,
    metadata: dice.chance(20) ? { tier: dice.pick(['basic', 'plus', 'pro']) } : {},
    nickname: dice.chance(40) ? dice.pick(['Monthly', 'Yearly', '월간 이용권', 'Gold']) : null,
    product: plan.ids.products.encode(Math.floor(index / PRICES_PER_PRODUCT)),
    recurring: recurring
      ? {
          aggregate_usage: null,
          interval: dice.pick(['month', 'month', 'month', 'year', 'week']),
          interval_count: 1,
          meter: null,
          trial_period_days: null,
          usage_type: 'licensed',
        }
      : null,
    tax_behavior: dice.pick(['unspecified', 'exclusive', 'inclusive']),
    tiers: tiered ? tiersOf(amount) : null,
    tiers_mode: tiered ? 'graduated' : null,
    transform_quantity: null,
    type: recurring ? 'recurring' : 'one_time',
    unit_amount: tiered || fractional ? null : amount,
    unit_amount_decimal: tiered ? null : fractional ? `${amount}.125` : String(amount),
  }
}

function tiersOf(amount: number): Json {
  const tier = (upTo: number | null, unit: number): JsonHash => ({
    flat_amount: null,
    flat_amount_decimal: null,
    unit_amount: unit,
    unit_amount_decimal: String(unit),
    up_to: upTo,
  })
  return [tier(10, amount), tier(null, Math.ceil(amount / 2))]
}

/** The older mirror image of a recurring price, which subscription items still carry. */
export function planOfPrice(price: StripeObject): JsonHash {
  const recurring = hashOf(price.recurring)
  return {
    id: price.id,
    object: 'plan',
    active: price.active,
    aggregate_usage: null,
    amount: price.unit_amount,
    amount_decimal: price.unit_amount_decimal,
    billing_scheme: price.billing_scheme,
    created: price.created,
    currency: price.currency,
    interval: recurring.interval,
    interval_count: recurring.interval_count,
    livemode: price.livemode,
    metadata: price.metadata,
    meter: null,
    nickname: price.nickname,
    product: price.product,
    tiers_mode: price.tiers_mode,
    transform_usage: null,
    trial_period_days: null,
    usage_type: recurring.usage_type,
  }
}

export function generateProduct(plan: Plan, index: number): StripeObject {
  const dice = new Dice(plan.keys.prices ^ 0x5bd1e995, index)
  const created = plan.timelines.prices.createdAt(index * PRICES_PER_PRODUCT)
  return {
    id: plan.ids.products.encode(index),
    object: 'product',
    active: true,
    created,
    default_price: null,
    description: dice.chance(50) ? 'Streaming on every device' : null,
    images: [],
    livemode: plan.livemode,
    marketing_features: [],
    metadata: {},
    name: `${dice.pick(['Video', 'Sport', 'News', 'Kids'])} ${dice.pick(['Basic', 'Plus', 'Pro'])}`,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    type: 'service',
    unit_label: null,
    updated: created,
    url: null,
  }
}
