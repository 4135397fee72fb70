import type { Json, JsonHash, StripeObject } from './types.ts'
import { isHash } from './types.ts'

/** How far back events reach. */
export const EVENT_HORIZON_SECONDS = 30 * 86_400

/** Which request made an event; both are null when Stripe itself (here: a script) made it. */
export interface EventCause {
  readonly requestId: string | null
  readonly idempotencyKey: string | null
}

export const NO_REQUEST: EventCause = { requestId: null, idempotencyKey: null }

/**
 * The old values of what changed, as `previous_attributes` tells them: nested hashes hold only their changed keys, a
 * changed array stands there whole, and a key that is new has the old value null.
 */
export function previousAttributes(before: JsonHash, after: JsonHash): JsonHash {
  const previous: JsonHash = {}
  for (const field of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[field], after[field]]
    if (same(old, now)) continue
    if (isHash(old) && isHash(now)) previous[field] = previousAttributes(old, now)
    else previous[field] = old ?? null
  }
  return previous
}

/** Deep equality of JSON values, whatever the order of keys. */
export function same(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((entry, place) => same(entry, right[place]))
  }
  if (!isHash(left) || !isHash(right)) return false
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names].every((name) => same(left[name], right[name]))
}

/** The record of an event: what the API shows, and when and how it was delivered. */
export interface EventDelivery {
  /** Milliseconds of the sandbox clock; lists show the event from then on. */
  readonly visibleAtMs: number
  /** False while an endpoint has not answered 2xx. */
  delivered: boolean
  /** Endpoints that it was made for and that have not answered 2xx. */
  readonly waiting: Set<string>
  /** The event as frozen for each endpoint that it was made for. */
  readonly bodies: ReadonlyMap<string, StripeObject>
}

/** `charge.*` matches every type below charge; a plain name matches itself. */
export function matchesType(pattern: string, type: string): boolean {
  return pattern.endsWith('*') ? type.startsWith(pattern.slice(0, -1)) : pattern === type
}

export interface EventParts {
  readonly id: string
  readonly apiVersion: string
  readonly created: number
  readonly livemode: boolean
  readonly type: string
  readonly object: StripeObject
  readonly previous: JsonHash | undefined
  readonly cause: EventCause
  /** Endpoints that have not answered 2xx. */
  readonly pending: number
}

export function eventObject(parts: EventParts): StripeObject {
  return {
    id: parts.id,
    object: 'event',
    api_version: parts.apiVersion,
    created: parts.created,
    data: {
      object: parts.object,
      ...(parts.previous === undefined ? {} : { previous_attributes: parts.previous }),
    },
    livemode: parts.livemode,
    pending_webhooks: parts.pending,
    request: { id: parts.cause.requestId, idempotency_key: parts.cause.idempotencyKey },
    type: parts.type,
  }
}
