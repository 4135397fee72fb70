import { isJsonObject, type JsonObject } from '../../json.ts'
import type { StripeObject } from './client.ts'

/** The prices of a subscription's items, deleted ones left out: of those only a stub is there. */
export function embeddedPrices(subscription: JsonObject): readonly StripeObject[] {
  return itemsOf(subscription).flatMap(({ price }) => (isPrice(price) ? [price] : []))
}

/** The entries of `items` that a subscription carries, complete or not. */
export function itemsOf({ items }: JsonObject): readonly JsonObject[] {
  const entries: unknown = isJsonObject(items) ? items.data : undefined
  return Array.isArray(entries) ? entries.filter(isJsonObject) : []
}

function isPrice(value: unknown): value is StripeObject {
  return isJsonObject(value) && typeof value.id === 'string' && value.deleted !== true
}
