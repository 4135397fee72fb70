import type { SandboxClock } from '../stripe/clock.ts'
import { XsollaError } from './errors.ts'
import {
  FIRST_SUBSCRIPTION_ID,
  generateSubscription,
  STATUSES,
  type Subscription,
  type SubscriptionStatus,
} from './subscription.ts'

export const DEFAULT_USER = 'user-1'
export const DEFAULT_PROJECT = 44_056

/** What happens to subscriptions behind a reader's back. Places count within the whole list, from 0. */
export type XsollaAction =
  /** New ones; at the top unless `at` names a place. */
  | {
      readonly type: 'insert'
      readonly at?: number
      readonly count?: number
      readonly userId?: string
      readonly projectId?: number
      readonly status?: SubscriptionStatus
    }
  /** Removes one for good. */
  | { readonly type: 'remove'; readonly id?: number; readonly at?: number }
  /** `canceled` makes it vanish from the user's list. */
  | { readonly type: 'set-status'; readonly id?: number; readonly at?: number; readonly status: SubscriptionStatus }
  | { readonly type: 'set-amount'; readonly id?: number; readonly at?: number; readonly amount: string }
  /** The lists have no stated order: it may change without any change of their rows. */
  | { readonly type: 'move'; readonly id?: number; readonly at?: number; readonly to: number }

const MOST_INSERTED = 100_000

export interface WorldOptions {
  readonly seed: string
  readonly clock: SandboxClock
  /** Subscriptions of the first user. */
  readonly subscriptions: number
}

/** All subscriptions of the merchant, in the order in which every list shows them. */
export class XsollaWorld {
  readonly #options: WorldOptions
  readonly #start: number
  #rows: Subscription[] = []
  #nextId = FIRST_SUBSCRIPTION_ID

  constructor(options: WorldOptions) {
    this.#options = options
    this.#start = options.clock.now()
    this.reset()
  }

  get rows(): readonly Subscription[] {
    return this.#rows
  }

  reset(): void {
    this.#nextId = FIRST_SUBSCRIPTION_ID
    this.#rows = Array.from({ length: this.#options.subscriptions }, () => this.#generate({}, this.#start))
  }

  find(id: number): Subscription | undefined {
    return this.#rows.find((row) => row.id === id)
  }

  /** Applies one action. Returns the subscriptions that it touched; throws `XsollaError` when it names none. */
  apply(action: XsollaAction): readonly Subscription[] {
    switch (action.type) {
      case 'insert':
        return this.#insert(action)
      case 'remove':
        return this.#rows.splice(this.#placeOf(action), 1)
      case 'move': {
        const moved = this.#rows.splice(this.#placeOf(action), 1)
        this.#rows.splice(action.to, 0, ...moved)
        return moved
      }
      case 'set-status':
        return this.#change(action, this.#statusChange(action.status))
      case 'set-amount':
        return this.#change(action, { amount: tenThousandths(action.amount) })
      default:
        throw new XsollaError(400, `Unknown action: ${String((action as { type: unknown }).type)}.`)
    }
  }

  #insert(action: Extract<XsollaAction, { type: 'insert' }>): readonly Subscription[] {
    const { at = 0, count = 1, status } = action
    if (!(Number.isSafeInteger(count) && count >= 0 && count <= MOST_INSERTED)) throw new XsollaError(400, 'Bad count.')
    const now = this.#options.clock.now()
    const made = Array.from({ length: count }, () => {
      const row = { ...this.#generate(action, now), createdAt: now }
      return status === undefined ? row : { ...row, ...this.#statusChange(status) }
    })
    this.#rows.splice(at, 0, ...made)
    return made
  }

  #statusChange(status: SubscriptionStatus): Partial<Subscription> {
    if (!STATUSES.includes(status)) throw new XsollaError(400, `Unknown status: ${String(status)}.`)
    const now = this.#options.clock.now()
    if (status === 'canceled') return { status, nextChargeAt: null, endsAt: now }
    return { status, nextChargeAt: status === 'active' ? now + 86_400 : null, endsAt: null }
  }

  #change(action: { readonly id?: number; readonly at?: number }, values: Partial<Subscription>) {
    const place = this.#placeOf(action)
    const changed = { ...this.#rows[place]!, ...values }
    this.#rows[place] = changed
    return [changed]
  }

  #placeOf({ id, at }: { readonly id?: number; readonly at?: number }): number {
    const place = id === undefined ? (at ?? 0) : this.#rows.findIndex((row) => row.id === id)
    if (this.#rows[place] === undefined) throw new XsollaError(400, `There is no subscription ${id ?? `at ${at}`}.`)
    return place
  }

  #generate(of: { readonly userId?: string; readonly projectId?: number }, now: number): Subscription {
    const { userId = DEFAULT_USER, projectId = DEFAULT_PROJECT } = of
    return generateSubscription({ seed: this.#options.seed, id: this.#nextId++, userId, projectId, now })
  }
}

/** Of a decimal text such as `4.9900`. */
function tenThousandths(amount: unknown): number {
  if (typeof amount !== 'string' || !/^\d{1,9}(\.\d{1,4})?$/.test(amount)) throw new XsollaError(400, 'Bad amount.')
  return Math.round(Number(amount) * 10_000)
}
