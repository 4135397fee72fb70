import type { JsonObject } from '../../../src/json.ts'

/** The lists of the model. */
export const KINDS = [
  'charges',
  'subscriptions',
  'refunds',
  'balance_transactions',
  'customers',
  'prices',
  'events',
] as const
export type Kind = (typeof KINDS)[number]

/** A state that an object had from a moment on. */
export interface Version {
  /** Milliseconds. */
  readonly at: number
  /** The whole object, nested lists complete. */
  readonly body: JsonObject
}

export interface NewObject {
  readonly kind: Kind
  readonly id: string
  /** When it comes into being, ms. */
  readonly at: number
  readonly body: JsonObject
  /** So much later lists show it, ms. */
  readonly lagMs: number
  /** Retrieval by id is late too. */
  readonly retrievalLags: boolean
  /** Orders objects of one second in a list. */
  readonly tie: number
  /** No list of its own ever shows it. */
  readonly isInline?: boolean
}

/** An object at the model Stripe with every state that it ever had. */
export class ModelObject {
  readonly kind: Kind
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  /** Lists show it from then on, ms. */
  readonly visibleAt: number
  readonly retrievalLags: boolean
  readonly tie: number
  readonly isInline: boolean
  readonly versions: Version[]
  /** Milliseconds; null while it is there. */
  deletedAt: number | null = null

  constructor({ kind, id, at, body, lagMs, retrievalLags, tie, isInline = false }: NewObject) {
    this.kind = kind
    this.id = id
    this.created = Math.floor(at / 1000)
    this.visibleAt = at + lagMs
    this.retrievalLags = retrievalLags
    this.tie = tie
    this.isInline = isInline
    this.versions = [{ at, body }]
  }

  /** The newest state at that moment, ms. */
  at(now: number): JsonObject {
    for (let index = this.versions.length - 1; index > 0; index--) {
      if (this.versions[index]!.at <= now) return this.versions[index]!.body
    }
    return this.versions[0]!.body
  }

  isThere(now: number): boolean {
    return this.deletedAt === null || this.deletedAt > now
  }

  isListed(now: number): boolean {
    return !this.isInline && this.visibleAt <= now && this.isThere(now)
  }
}
