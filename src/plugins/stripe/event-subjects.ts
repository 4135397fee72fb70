import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { itemsOf } from './embedded-prices.ts'

/**
 * The ids that an event's snapshot (`data.object`) names; none when the member that should is absent or null. Nothing
 * else of a snapshot is ever used: it is frozen in the API version of the event's birth.
 */
export type EventSubject = (snapshot: JsonObject) => readonly string[]

/** The snapshot is the object. */
export function itself(snapshot: JsonObject): readonly string[] {
  return idsOf(snapshot)
}

/** The snapshot is a child of the object that stands in `member`, by its id or expanded. */
export function parent(member: string): EventSubject {
  return (snapshot) => idsOf(snapshot[member])
}

/** The snapshot is a subscription and the objects are the prices of its items; old snapshots call them plans. */
export function pricesOfItems(snapshot: JsonObject): readonly string[] {
  return [...new Set(itemsOf(snapshot).flatMap((item) => idsOf(item.price ?? item.plan)))]
}

function idsOf(reference: JsonValue | undefined): readonly string[] {
  const id = isJsonObject(reference) ? reference.id : reference
  return typeof id === 'string' && id !== '' ? [id] : []
}
