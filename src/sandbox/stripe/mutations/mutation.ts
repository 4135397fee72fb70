import type { EventCause } from '../events.ts'
import { same } from '../events.ts'
import type { ParamSchema, ParamValue, ValidParams } from '../parameters.ts'
import type { JsonHash, ResourceName, StripeObject } from '../types.ts'
import { hashOf } from '../types.ts'
import type { World } from '../world.ts'

/** Where a change happens and what caused it. */
export interface MutationContext {
  readonly world: World
  readonly cause: EventCause
}

/** One kind of write. `current` is the object it is about, absent when one is created. */
export interface Mutation {
  readonly params: ParamSchema
  /** Changes the world, makes the events, and answers the object (in the superset of all versions). */
  readonly run: (context: MutationContext, params: ValidParams, current: StripeObject) => StripeObject
}

export interface Mutations {
  readonly create?: {
    readonly params: ParamSchema
    readonly run: (context: MutationContext, params: ValidParams) => StripeObject
  }
  readonly update?: Mutation
  readonly delete?: Mutation
}

/** Parameters that every write accepts. */
export const WRITE_PARAMS = {
  metadata: { kind: 'metadata' },
  expand: { kind: 'texts', max: 20 },
} as const satisfies ParamSchema

/** Stores a new state and tells it as one event; nothing happens when nothing changed. */
export function commit(
  context: MutationContext,
  name: ResourceName,
  type: string,
  before: StripeObject,
  after: StripeObject,
): StripeObject {
  if (same(before, after)) return before
  context.world.collections[name].replace(after)
  context.world.emit(type, after, context.cause, before)
  return after
}

/** Metadata is merged key by key; an empty value takes the key away, an empty hash all of them. */
export function mergeMetadata(current: JsonHash, given: ParamValue | undefined): JsonHash {
  if (given === undefined) return current
  if (given === null) return {}
  const merged = { ...current }
  for (const [key, value] of Object.entries(given as ValidParams)) {
    if (value === '') delete merged[key]
    else merged[key] = value as string
  }
  return merged
}

/** Copies the plain parameters of the request over the object's fields, and merges metadata. */
export function withFields(current: StripeObject, params: ValidParams, fields: readonly string[]): StripeObject {
  const next: StripeObject = { ...current, metadata: mergeMetadata(hashOf(current.metadata), params.metadata) }
  for (const field of fields) {
    const value = params[field]
    if (value !== undefined) next[field] = value as string | number | boolean | null
  }
  return next
}

/** An update that only sets fields and makes one `*.updated` event. */
export function fieldUpdate(name: ResourceName, type: string, schema: ParamSchema): Mutation {
  return {
    params: { ...schema, ...WRITE_PARAMS },
    run: (context, params, current) =>
      commit(context, name, type, current, withFields(current, params, Object.keys(schema))),
  }
}
