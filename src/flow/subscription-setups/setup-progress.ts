import type { JsonObject } from '../../json.ts'
import type { SetupFacts, SetupFault, SetupRequest } from '../../plugins/subscription-setup.ts'
import type { StoredSubscriptionSetup } from '../../store/subscription-setups.ts'

/** A set-up that nobody has approved by then is over, ms: as long as an incomplete subscription lives at Stripe. */
export const SETUP_LIFETIME_MS = 23 * 3_600_000

/** What was asked for, as it is stored. */
export interface SetupOrder {
  readonly request: SetupRequest
  /** The version of the source's API: a call that is repeated must be the same to the letter. */
  readonly apiVersion: string
}

/** A call as it is stored before it is sent. */
export interface KeptCall {
  readonly step: string
  readonly path: string
  readonly parameters: JsonObject
  readonly idempotencyKey: string
  /** ms since the epoch. */
  readonly keptAt: number
}

/** How far a set-up has come, as it is stored. Times are ms since the epoch. */
export interface SetupProgress {
  readonly facts: SetupFacts
  /** The call in hand, which may have been sent; null between calls. */
  readonly call: KeptCall | null
  /** Calls so far; numbers the idempotency keys. */
  readonly calls: number
  /** Where the customer is to be sent; null while nobody waits for the customer. */
  readonly redirectUrl: string | null
  /** Since when it has been waiting for the same thing; null while it waits for nothing. */
  readonly waitingSince: number | null
  /** When the source was last asked. */
  readonly lookedAt: number | null
  /** Why the source did not answer lately, and how often in a row; null when it did. */
  readonly trouble: { readonly tries: number; readonly message: string } | null
  /** Why it has failed. */
  readonly fault: SetupFault | null
  readonly endedAt: number | null
}

export function newProgress(facts: SetupFacts): SetupProgress {
  return {
    facts,
    call: null,
    calls: 0,
    redirectUrl: null,
    waitingSince: null,
    lookedAt: null,
    trouble: null,
    fault: null,
    endedAt: null,
  }
}

export function orderOf({ request }: Pick<StoredSubscriptionSetup, 'request'>): SetupOrder {
  return JSON.parse(request) as SetupOrder
}

export function progressOf({ progress }: Pick<StoredSubscriptionSetup, 'progress'>): SetupProgress {
  return JSON.parse(progress) as SetupProgress
}

/** When nothing new is begun any more, ms since the epoch. */
export function expiresAt({ createdAt }: Pick<StoredSubscriptionSetup, 'createdAt'>): number {
  return createdAt + SETUP_LIFETIME_MS
}

/** The objects of the source whose changes concern the set-up. */
export function objectIdsOf({ setupIntent, subscription, payment }: SetupFacts): readonly string[] {
  const ids = [setupIntent?.id, subscription?.id, subscription?.invoiceId, subscription?.paymentIntentId, payment?.id]
  return [...new Set(ids.filter((id) => typeof id === 'string'))]
}
