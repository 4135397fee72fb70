/**
 * Words of the sandbox:
 * - mode: test or live; each has its own world, and a key sees only one of them
 * - base: the generated objects, pure functions of (seed, mode, resource, index), costing no memory
 * - overlay: what requests and scripts changed, added or removed on top of the base
 * - facts: the few cheap values of an object that list filters look at
 */
export type Json = null | boolean | number | string | Json[] | JsonHash
export interface JsonHash {
  [field: string]: Json | undefined
}

/** One Stripe object. The sandbox keeps it in a superset of all API versions; `shapes.ts` cuts it to one version. */
export interface StripeObject extends JsonHash {
  id: string
  object: string
}

export const MODES = ['test', 'live'] as const
export type Mode = (typeof MODES)[number]

/** The resources that have a list of their own. */
export const RESOURCE_NAMES = [
  'charges',
  'subscriptions',
  'refunds',
  'balance_transactions',
  'customers',
  'prices',
  'events',
] as const
export type ResourceName = (typeof RESOURCE_NAMES)[number]

/** What hangs on a customer and has events of its own. */
export const CHILD_KINDS = ['discount', 'source', 'tax_id'] as const
export type ChildKind = (typeof CHILD_KINDS)[number]

/** The resources that are generated; events exist only through mutations. */
export type GeneratedName = Exclude<ResourceName, 'events'>

/** Cheap values for filters. References are object indexes (`IdCoder.decode`), so that a scan builds no ids. */
export type Facts = Readonly<Record<string, string | number | boolean | null | undefined>>

export function isHash(value: unknown): value is JsonHash {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function hashOf(value: Json | undefined): JsonHash {
  return isHash(value) ? value : {}
}

export function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export function numberOf(value: Json | undefined): number {
  return typeof value === 'number' ? value : 0
}
