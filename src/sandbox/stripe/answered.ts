import type { Call } from './endpoints.ts'
import { expandAll } from './expand.ts'
import { shape } from './shapes.ts'
import type { JsonHash, StripeObject } from './types.ts'

/** An object as the request's version shows it, with what the request wants expanded. */
export function answered(call: Call, object: StripeObject): JsonHash {
  const shaped = shape(object, call.version, call.world)
  expandAll(shaped, (call.params.expand as string[] | undefined) ?? [], call.world, call.version)
  return shaped
}
