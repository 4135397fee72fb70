import type { JsonHash, StripeObject } from '../types.ts'

/** What a payment needs beside the listed resources, by the name in the URL. */
export const PAYMENT_NAMES = ['setup_intents', 'payment_intents', 'payment_methods', 'mandates', 'invoices'] as const
export type PaymentName = (typeof PAYMENT_NAMES)[number]

/** One visit of the customer to the page of the payment method. */
export interface Attempt {
  /** The last part of the page's URL. */
  readonly nonce: string
  readonly name: 'setup_intents' | 'payment_intents'
  readonly intent: string
  readonly paymentMethod: string
  readonly returnUrl: string
  /** `mandate_data[customer_acceptance]`: what an approval turns into a mandate; absent, it makes none. */
  readonly acceptance: JsonHash | undefined
}

/** A subscription that must not stay incomplete for ever. */
export interface Deadline {
  /** Unix seconds. */
  readonly at: number
  readonly subscription: string
}

/** The payment objects of one mode. All of them were made by requests. */
export class PaymentObjects {
  /** `http://host:port` of the pages that play the payment method; set once the sandbox listens. */
  pageOrigin = 'http://127.0.0.1'
  readonly #objects: Readonly<Record<PaymentName, Map<string, StripeObject>>> = {
    setup_intents: new Map(),
    payment_intents: new Map(),
    payment_methods: new Map(),
    mandates: new Map(),
    invoices: new Map(),
  }
  readonly #attempts = new Map<string, Attempt>()
  /** In order of time, the soonest first. */
  #deadlines: Deadline[] = []

  find(name: PaymentName, id: string): StripeObject | undefined {
    return this.#objects[name].get(id)
  }

  /** Adds an object or puts a new state in its place; answers it. */
  put(name: PaymentName, object: StripeObject): StripeObject {
    this.#objects[name].set(object.id, object)
    return object
  }

  /** Newest first. */
  all(name: PaymentName): StripeObject[] {
    return [...this.#objects[name].values()].reverse()
  }

  addAttempt(attempt: Attempt): void {
    this.#attempts.set(attempt.nonce, attempt)
  }

  attempt(nonce: string): Attempt | undefined {
    return this.#attempts.get(nonce)
  }

  /** The newest attempt that fits. */
  latestAttempt(fits: (attempt: Attempt) => boolean): Attempt | undefined {
    return [...this.#attempts.values()].findLast(fits)
  }

  /** Deadlines are added in the order of time, but for a clock that was set back. */
  addDeadline(deadline: Deadline): void {
    const place = this.#deadlines.findLastIndex(({ at }) => at <= deadline.at)
    this.#deadlines.splice(place + 1, 0, deadline)
  }

  /** Takes out the subscriptions whose time has come. */
  takeDue(now: number): readonly Deadline[] {
    if ((this.#deadlines[0]?.at ?? Infinity) > now) return []
    const due = this.#deadlines.filter(({ at }) => at <= now)
    this.#deadlines = this.#deadlines.slice(due.length)
    return due
  }

  reset(): void {
    for (const objects of Object.values(this.#objects)) objects.clear()
    this.#attempts.clear()
    this.#deadlines = []
  }
}
