import type { Behaviour } from './behaviour.ts'
import type { SandboxClock } from './clock.ts'
import { Collection } from './collection.ts'
import { keyOf, mix } from './dice.ts'
import type { EventCause, EventDelivery } from './events.ts'
import { eventObject, previousAttributes } from './events.ts'
import { generateProduct } from './generate/price.ts'
import { FIRST_ADDED_INDEX } from './ids.ts'
import { PaymentObjects } from './payments/payment-objects.ts'
import type { Plan } from './plan.ts'
import { COLLECTION_SPECS } from './resources.ts'
import { SearchIndex } from './search-index.ts'
import { settled, shape } from './shapes.ts'
import type { ChildKind, Mode, ResourceName, StripeObject } from './types.ts'
import { hashOf, RESOURCE_NAMES } from './types.ts'
import { WebhookEndpoints } from './webhook-endpoints.ts'

/** Apart from the salts of the resources' own lags. */
const EVENT_SALT = 100

export interface WorldOptions {
  readonly mode: Mode
  readonly plan: Plan
  readonly clock: SandboxClock
  /** The version that events are frozen in, and that requests without a version get. */
  readonly accountVersion: string
  /** Shared with whoever changes it. */
  readonly behaviour: Behaviour
}

/** What an event tells, before it has an id and a version. */
interface Told {
  readonly type: string
  readonly after: StripeObject
  /** Gives `previous_attributes`; absent for most events. */
  readonly before: StripeObject | undefined
  readonly cause: EventCause
  readonly created: number
}

/** All data of one mode. */
export class World {
  readonly mode: Mode
  readonly plan: Plan
  readonly clock: SandboxClock
  readonly accountVersion: string
  readonly collections: Readonly<Record<ResourceName, Collection>>
  readonly behaviour: Behaviour
  /** What search knows of each collection. */
  readonly searchIndexes: ReadonlyMap<ResourceName, SearchIndex>
  /** Intents, methods, mandates and invoices; none of them is generated. */
  readonly payments = new PaymentObjects()
  readonly webhookEndpoints: WebhookEndpoints
  /** Told of every event once for each endpoint that is to get it. */
  onEvent: (event: StripeObject, endpoint: string) => void = () => {}
  readonly #lagKey: number
  readonly #deliveries = new Map<string, EventDelivery>()
  readonly #products = new Map<string, StripeObject>()
  readonly #disputes = new Map<string, StripeObject>()
  readonly #children = new Map<string, readonly StripeObject[]>()
  readonly #nextIndexes = new Map<string, number>()

  constructor(options: WorldOptions) {
    this.mode = options.mode
    this.plan = options.plan
    this.clock = options.clock
    this.accountVersion = options.accountVersion
    this.behaviour = options.behaviour
    this.webhookEndpoints = new WebhookEndpoints(options.plan, options.clock)
    this.#lagKey = keyOf(options.plan.options.seed, options.mode, 'lag')
    const nowMs = () => this.clock.nowMs()
    const searchLagMs = () => this.behaviour.searchLagSeconds * 1000
    this.searchIndexes = new Map(RESOURCE_NAMES.map((name) => [name, new SearchIndex(nowMs, searchLagMs)]))
    this.collections = Object.fromEntries(
      RESOURCE_NAMES.map((name, salt) => {
        const lagMs = (index: number) => (name === 'events' ? 0 : this.#lagMs('objectLagSeconds', index, salt))
        const index = this.searchIndexes.get(name)
        return [
          name,
          new Collection(COLLECTION_SPECS[name], options.plan, lagMs, (at, before) => index?.note(at, before)),
        ]
      }),
    ) as Record<ResourceName, Collection>
  }

  /** The object in the superset of all versions; a deleted customer or price is a stub with `deleted: true`. */
  find(name: ResourceName, id: string): StripeObject | undefined {
    const object = this.collections[name].find(id)
    return object && settled(object, this.clock.now())
  }

  /** Every object, newest first, hidden and deleted ones too: the truth to compare a client's copy with. */
  *all(name: ResourceName): Generator<StripeObject> {
    const collection = this.collections[name]
    for (const row of collection.older(-Infinity, Infinity)) yield settled(collection.object(row), this.clock.now())
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

  /** The dispute of a charge, if there is one. Generated charges may be `disputed` without it. */
  disputeOf(charge: string): StripeObject | undefined {
    return this.#disputes.get(charge)
  }

  setDispute(dispute: StripeObject): void {
    this.#disputes.set(String(dispute.charge), dispute)
  }

  /** The children of a customer that scripts added, oldest first. */
  children(customer: string, kind: ChildKind): readonly StripeObject[] {
    return this.#children.get(`${customer} ${kind}`) ?? []
  }

  setChildren(customer: string, kind: ChildKind, children: readonly StripeObject[]): void {
    this.#children.set(`${customer} ${kind}`, children)
  }

  /** A new id of something that has no list of its own: an item, a payment intent, a product. */
  nextId(kind: Exclude<keyof Plan['ids'], ResourceName>): string {
    const index = this.#nextIndexes.get(kind) ?? FIRST_ADDED_INDEX
    this.#nextIndexes.set(kind, index + 1)
    return this.plan.ids[kind].encode(index)
  }

  /**
   * Makes an event whose snapshot is frozen in the account's version, now, and sometimes a second one that tells the
   * same. `before` gives the `previous_attributes` of `*.updated` events; the others have none.
   */
  emit(type: string, after: StripeObject, cause: EventCause, before?: StripeObject): StripeObject {
    const told: Told = { type, after, cause, before: this.#earlier(type, after, before), created: this.clock.now() }
    const event = this.#addEvent(told)
    const draw = mix(this.#lagKey, this.collections.events.added().length, EVENT_SALT + 1) % 10_000
    if (draw < this.behaviour.eventRepeatPercent * 100) this.#addEvent(told)
    return event
  }

  /** What the event's object is compared with, if with anything. */
  #earlier(type: string, after: StripeObject, before: StripeObject | undefined): StripeObject | undefined {
    if (type.endsWith('.updated')) return before
    const isTold = this.behaviour.previousOnCreated && type.endsWith('.created')
    return isTold && Object.keys(hashOf(after.metadata)).length > 0 ? { ...after, metadata: {} } : undefined
  }

  #addEvent(told: Told): StripeObject {
    const { events } = this.collections
    const id = events.nextId()
    const endpoints = this.webhookEndpoints.wanting(told.type)
    const versions = new Map<string, StripeObject>()
    const inVersion = (version: string): StripeObject => {
      const event = versions.get(version) ?? this.#rendered(told, id, version, endpoints.length)
      versions.set(version, event)
      return event
    }
    const event = inVersion(this.accountVersion)
    const lag = this.#lagMs('eventLagSeconds', events.added().length, EVENT_SALT)
    this.#deliveries.set(id, {
      visibleAtMs: this.clock.nowMs() + lag,
      delivered: endpoints.length === 0,
      waiting: new Set(endpoints.map((endpoint) => endpoint.id)),
      bodies: new Map(
        endpoints.map((endpoint) => [endpoint.id, inVersion(endpoint.apiVersion ?? this.accountVersion)]),
      ),
    })
    events.add(event)
    for (const { endpoint, event } of this.deliveredTo(id)) this.onEvent(event, endpoint)
    return event
  }

  /** The event as one version freezes it. */
  #rendered(
    { type, after, before, cause, created }: Told,
    id: string,
    apiVersion: string,
    pending: number,
  ): StripeObject {
    const object = structuredClone(shape(after, apiVersion, this))
    const previous = before && structuredClone(previousAttributes(shape(before, apiVersion, this), object))
    const { livemode } = this.plan
    return eventObject({ id, apiVersion, created, livemode, type, object, previous, cause, pending })
  }

  /** The endpoints that an event was made for, with the event as each of them gets it. */
  deliveredTo(event: string): readonly { readonly endpoint: string; readonly event: StripeObject }[] {
    return [...(this.delivery(event)?.bodies ?? [])].map(([endpoint, body]) => ({ endpoint, event: body }))
  }

  /** Endpoints that have not taken the event yet. */
  pendingWebhooks(event: string): number {
    return this.delivery(event)?.waiting.size ?? 0
  }

  /** Notes that an endpoint has answered 2xx. */
  noteDelivered(event: string, endpoint: string): void {
    const delivery = this.delivery(event)
    const stored = this.collections.events.find(event)
    if (!delivery?.waiting.delete(endpoint)) return
    delivery.delivered = delivery.waiting.size === 0
    if (stored) this.collections.events.replace({ ...stored, pending_webhooks: delivery.waiting.size })
  }

  #lagMs(name: 'objectLagSeconds' | 'eventLagSeconds', index: number, salt: number): number {
    const most = this.behaviour[name] * 1000
    return most === 0 ? 0 : mix(this.#lagKey, index, salt) % (most + 1)
  }

  delivery(event: string): EventDelivery | undefined {
    return this.#deliveries.get(event)
  }

  /** Forgets every change: the generated world as it was at the start. */
  reset(): void {
    for (const collection of Object.values(this.collections)) collection.reset()
    for (const index of this.searchIndexes.values()) index.reset()
    this.#deliveries.clear()
    this.#products.clear()
    this.#disputes.clear()
    this.#children.clear()
    this.#nextIndexes.clear()
    this.payments.reset()
    this.webhookEndpoints.reset()
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
