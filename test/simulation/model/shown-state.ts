import type { JsonObject } from '../../../src/json.ts'
import type { ModelObject } from './model-object.ts'
import { itemsOf } from './mutations.ts'
import type { World } from './world.ts'

/** What Stripe shows of the object at that moment, ms: a subscription's items carry their prices as they are then. */
export function shownAt(world: World, object: ModelObject, now: number): JsonObject {
  const body = object.at(now)
  if (object.kind !== 'subscriptions') return body
  const items = itemsOf(body)
  const shown = items.map((item) => withPrice(world, item, now))
  if (shown.every((item, index) => item === items[index])) return body
  return { ...body, items: { ...(body.items as JsonObject), data: shown } }
}

function withPrice(world: World, item: JsonObject, now: number): JsonObject {
  const price = world.find(String((item.price as JsonObject).id))?.at(now)
  return price === undefined || price === item.price ? item : { ...item, price }
}
