import { badParameter, missingResource, StripeError } from '../errors.ts'
import { same } from '../events.ts'
import { planOfPrice } from '../generate/price.ts'
import type { ParamSchema, ValidParams } from '../parameters.ts'
import type { StripeObject } from '../types.ts'
import type { MutationContext, Mutations } from './mutation.ts'
import { mergeMetadata, withFields, WRITE_PARAMS } from './mutation.ts'
import { addProduct, PRODUCT_DATA_PARAMS } from './products.ts'

/** What `POST /v1/prices` and `price_data` have in common. */
export const PRICE_PARAMS = {
  currency: { kind: 'text', required: true },
  product: { kind: 'text' },
  unit_amount: { kind: 'integer', min: 0 },
  unit_amount_decimal: { kind: 'text' },
  recurring: {
    kind: 'hash',
    members: {
      interval: { kind: 'choice', of: ['day', 'week', 'month', 'year'], required: true },
      interval_count: { kind: 'integer', min: 1 },
      usage_type: { kind: 'choice', of: ['licensed', 'metered'] },
    },
  },
  tax_behavior: { kind: 'choice', of: ['unspecified', 'exclusive', 'inclusive'] },
} as const satisfies ParamSchema

/** Inline prices are made through `price_data`; no list shows them. */
export function createPrice(context: MutationContext, params: ValidParams, inline: boolean): StripeObject {
  const { world } = context
  const { prices } = world.collections
  const recurring = params.recurring as ValidParams | undefined
  const decimal = (params.unit_amount_decimal as string | undefined) ?? String(params.unit_amount ?? 0)
  const whole = /^\d+$/.test(decimal) ? Number(decimal) : null
  const price: StripeObject = {
    id: prices.nextId(),
    object: 'price',
    active: (params.active as boolean | undefined) ?? true,
    billing_scheme: 'per_unit',
    created: world.clock.now(),
    currency: currencyOf(params),
    custom_unit_amount: null,
    livemode: world.plan.livemode,
    lookup_key: (params.lookup_key as string | undefined) ?? null,
    metadata: mergeMetadata({}, params.metadata),
    nickname: (params.nickname as string | undefined) ?? null,
    product: productOf(context, params),
    recurring: recurring
      ? {
          aggregate_usage: null,
          interval: recurring.interval as string,
          interval_count: Number(recurring.interval_count ?? 1),
          meter: null,
          trial_period_days: null,
          usage_type: (recurring.usage_type as string | undefined) ?? 'licensed',
        }
      : null,
    tax_behavior: (params.tax_behavior as string | undefined) ?? 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: recurring ? 'recurring' : 'one_time',
    unit_amount: whole,
    unit_amount_decimal: decimal,
    ...(inline ? { inline: true } : {}),
  }
  prices.add(price)
  emitPrice(context, 'created', price)
  return price
}

function currencyOf(params: ValidParams): string {
  const currency = String(params.currency).toLowerCase()
  if (/^[a-z]{3}$/.test(currency)) return currency
  throw new StripeError(400, `Invalid currency: ${currency}.`, { param: 'currency' })
}

/** A recurring price is a plan too, and the events of both tell of it. */
function emitPrice(
  { world, cause }: MutationContext,
  change: string,
  price: StripeObject,
  before?: StripeObject,
): void {
  world.emit(`price.${change}`, price, cause, before)
  if (price.recurring !== null) {
    world.emit(
      `plan.${change}`,
      planOfPrice(price) as StripeObject,
      cause,
      before && (planOfPrice(before) as StripeObject),
    )
  }
}

function productOf({ world }: MutationContext, params: ValidParams): string {
  const id = params.product as string | undefined
  if (id !== undefined && params.product_data !== undefined) {
    const message = 'You may only specify one of these parameters: product, product_data.'
    throw badParameter('parameters_exclusive', 'product_data', message)
  }
  if (id !== undefined) {
    if (!world.product(id)) throw missingResource('product', id, 'product')
    return id
  }
  const data = params.product_data as ValidParams | undefined
  if (!data) throw new StripeError(400, 'You must pass either product or product_data.', { param: 'product' })
  return addProduct(world, data).id
}

const UPDATE_FIELDS = {
  active: { kind: 'boolean' },
  lookup_key: { kind: 'text', unsettable: true },
  nickname: { kind: 'text', unsettable: true },
  tax_behavior: { kind: 'choice', of: ['unspecified', 'exclusive', 'inclusive'] },
} as const satisfies ParamSchema

/** Stores a new state of a price and tells it; nothing happens when nothing changed. */
export function updatePrice(context: MutationContext, before: StripeObject, after: StripeObject): StripeObject {
  if (same(before, after)) return before
  context.world.collections.prices.replace(after)
  emitPrice(context, 'updated', after, before)
  return after
}

export const priceMutations: Mutations = {
  create: {
    params: {
      ...PRICE_PARAMS,
      ...WRITE_PARAMS,
      active: { kind: 'boolean' },
      lookup_key: { kind: 'text' },
      nickname: { kind: 'text' },
      product_data: { kind: 'hash', members: PRODUCT_DATA_PARAMS },
    },
    run: (context, params) => createPrice(context, params, false),
  },
  update: {
    params: { ...UPDATE_FIELDS, ...WRITE_PARAMS },
    run: (context, params, current) =>
      updatePrice(context, current, withFields(current, params, Object.keys(UPDATE_FIELDS))),
  },
}

/** Removes an unused price, as only the Dashboard can: `price.deleted`, and a stub where it is referenced. */
export function deletePrice(context: MutationContext, price: StripeObject): StripeObject {
  const stub: StripeObject = { id: price.id, object: 'price', deleted: true }
  emitPrice(context, 'deleted', price)
  context.world.collections.prices.replace(stub)
  return stub
}
