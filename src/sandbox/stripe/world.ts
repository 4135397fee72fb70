import type { SandboxClock } from './clock.ts'
import { Collection } from './collection.ts'
import { mix } from './dice.ts'
import type { EventCause, EventDelivery } from './events.ts'
import { eventObject, previousAttributes } from './events.ts'
import { generateProduct } from './generate/price.ts'
import { FIRST_ADDED_INDEX } from './ids.ts'
import type { Plan } from './plan.ts'
import { COLLECTION_SPECS } from './resources.ts'
import { shape } from './shapes.ts'
import type { Mode, ResourceName, StripeObject } from './types.ts'
import { RESOURCE_NAMES } from './types.ts'

export interface WorldOptions {
  readonly mode: Mode
  readonly plan: Plan
  readonly clock: SandboxClock
  /** The version that events are frozen in, and that requests without a version get. */
  readonly accountVersion: string
  /** Events become visible up to this many seconds after they were made, not always in order. */
  readonly eventLagSeconds: number
}

/** All data of one mode. */
export class World {
  readonly mode: Mode
  readonly plan: Plan
  readonly clock: SandboxClock
  readonly accountVersion: string
  readonly collections: Readonly<Record<ResourceName, Collection>>
  readonly #eventLagMs: number
  readonly #deliveries = new Map<string, EventDelivery>()
  readonly #products = new Map<string, StripeObject>()
  readonly #nextIndexes = new Map<string, number>()

  constructor(options: WorldOptions) {
    this.mode = options.mode
    this.plan = options.plan
    this.clock = options.clock
    this.accountVersion = options.accountVersion
    this.#eventLagMs = options.eventLagSeconds * 1000
    this.collections = Object.fromEntries(
      RESOURCE_NAMES.map((name) => [name, new Collection(COLLECTION_SPECS[name], options.plan)]),
    ) as Record<ResourceName, Collection>
  }

  /** The object in the superset of all versions; a deleted customer or price is a stub with `deleted: true`. */
  find(name: ResourceName, id: string): StripeObject | undefined {
    return this.collections[name].find(id)
  }

  /** Every object, newest first, hidden and deleted ones too: the truth to compare a client's copy with. */
  *all(name: ResourceName): Generator<StripeObject> {
    const collection = this.collections[name]
    for (const row of collection.older(-Infinity, Infinity)) yield collection.object(row)
  }

  /** The refunds of a charge, newest first. */
  refundsOf(charge: string): StripeObject[] {
    const index = this.plan.ids.charges.decode(charge)
    const base = index === undefined || index >= FIRST_ADDED_INDEX ? [] : this.plan.refundsOfCharge(index)
    return this.#related('refunds', base, (refund) => refund.charge === charge)
  }

  /** All subscriptions of a customer, canceled ones too, newest first. */
  subscriptionsOf(customer: string): StripeObject[] {
    const index = this.plan.ids.customers.decode(customer)
    const base = index === undefined || index >= FIRST_ADDED_INDEX ? [] : this.plan.subscriptionsOfCustomer(index)
    return this.#related('subscriptions', base, (subscription) => subscription.customer === customer)
  }

  product(id: string): StripeObject | undefined {
    const added = this.#products.get(id)
    if (added) return added
    const index = this.plan.ids.products.decode(id)
    const known = Math.ceil(this.plan.options.counts.prices / 3)
    return index !== undefined && index < known ? generateProduct(this.plan, index) : undefined
  }

  addProduct(product: StripeObject): void {
    this.#products.set(product.id, product)
  }

  /** A new id of something that has no list of its own: an item, a payment intent, a product. */
  nextId(kind: 'items' | 'paymentIntents' | 'paymentMethods' | 'invoices' | 'products'): string {
    const index = this.#nextIndexes.get(kind) ?? FIRST_ADDED_INDEX
    this.#nextIndexes.set(kind, index + 1)
    return this.plan.ids[kind].encode(index)
  }

  /** Makes an event whose snapshot is frozen in the account's version, now. `before` gives `previous_attributes`. */
  emit(type: string, after: StripeObject, cause: EventCause, before?: StripeObject): StripeObject {
    const events = this.collections.events
    const snapshot = structuredClone(shape(after, this.accountVersion, this))
    const previous = before && previousAttributes(shape(before, this.accountVersion, this), snapshot)
    const event = eventObject({
      id: events.nextId(),
      apiVersion: this.accountVersion,
      created: this.clock.now(),
      livemode: this.plan.livemode,
      type,
      object: snapshot,
      previous: previous && structuredClone(previous),
      cause,
    })
    const lag = this.#eventLagMs === 0 ? 0 : mix(this.#eventLagMs, events.added().length, 3) % (this.#eventLagMs + 1)
    this.#deliveries.set(event.id, { visibleAtMs: this.clock.nowMs() + lag, delivered: true })
    events.add(event)
    return event
  }

  delivery(event: string): EventDelivery | undefined {
    return this.#deliveries.get(event)
  }

  /** Forgets every change: the generated world as it was at the start. */
  reset(): void {
    for (const collection of Object.values(this.collections)) collection.reset()
    this.#deliveries.clear()
    this.#products.clear()
    this.#nextIndexes.clear()
  }

  #related(name: ResourceName, base: readonly number[], belongs: (object: StripeObject) => boolean): StripeObject[] {
    const collection = this.collections[name]
    const rows = base
      .flatMap((index) => collection.rowAt(index) ?? [])
      .toSorted((left, right) => right.index - left.index)
    const objects = rows.map((row) => collection.object(row))
    const added = collection.added().toReversed()
    return [...added.map((row) => collection.object(row)).filter(belongs), ...objects]
  }
}
