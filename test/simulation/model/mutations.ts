import type { JsonObject } from '../../../src/json.ts'
import type { Rng } from '../rng.ts'
import type { Kind, ModelObject } from './model-object.ts'
import type { World } from './world.ts'

/** The kinds that a flow may read. */
export type ResourceKind = Exclude<Kind, 'events'>

export interface AccountRules {
  /** Subscriptions get at most so many items. */
  readonly mostItems: number
  /** Prices change although subscriptions hold them. */
  readonly changesHeldPrices: boolean
}

/** Makes objects come, change and go as a merchant's account does, and announces it as Stripe does. */
export class Account {
  readonly world: World
  readonly #rng: Rng
  readonly #rules: AccountRules

  constructor(world: World, rng: Rng, rules: AccountRules) {
    this.world = world
    this.#rng = rng
    this.#rules = rules
  }

  /** Makes an object of the kind, and what it needs. */
  create(kind: ResourceKind, at: number): void {
    CREATORS[kind](this, at)
  }

  /** Changes or removes some object of the kind; makes one when there is none. Sometimes twice in the same second. */
  change(kind: ResourceKind, at: number): void {
    const object = this.#some(kind, at)
    if (object === undefined) return this.create(kind, at)
    CHANGES[kind](this, object, at)
    if (this.#rng.chance(0.2) && object.isThere(at)) CHANGES[kind](this, object, at)
  }

  /** Deletes the object, or hides it where it is listed, when objects of its kind can go. */
  remove(object: ModelObject, at: number): void {
    if (object.kind === 'customers') deleteCustomer(this, object, at)
    else if (object.kind === 'prices' && isEmbedded(this.world, object.id, at)) toggleActive(this, object, at)
    else if (object.kind === 'prices') deletePrice(this, object, at)
  }

  removeItems(subscription: ModelObject, itemIds: readonly string[], at: number): void {
    const items = itemsOf(subscription.at(at)).filter(({ id }) => !itemIds.includes(String(id)))
    const changed = this.world.change(subscription, at, { items: itemList(subscription.id, items) })
    this.world.announce('customer.subscription.updated', at, changed)
  }

  get rules(): AccountRules {
    return this.#rules
  }

  get rng(): Rng {
    return this.#rng
  }

  /** An object that can still change. */
  #some(kind: ResourceKind, at: number): ModelObject | undefined {
    const candidates = this.world.list(kind).filter((object) => object.isThere(at) && object.versions.at(-1)!.at <= at)
    return candidates.length === 0 ? undefined : this.#rng.pick(candidates)
  }

  /** One of the newest customers, charges or prices, else a new one. */
  someOrNew(kind: ResourceKind, at: number): ModelObject {
    const { world } = this
    const isFree = (object: ModelObject) => object.isThere(at) && !object.isInline
    const there = world.list(kind).filter(isFree)
    if (there.length > 0 && this.#rng.chance(0.8)) return this.#rng.pick(there)
    this.create(kind, at)
    return world.list(kind).find((object) => object.versions[0]!.at === at && isFree(object))!
  }

  items(at: number): JsonObject[] {
    return Array.from({ length: this.#rng.int(1, this.#rules.mostItems) }, () => this.item(at))
  }

  item(at: number): JsonObject {
    const price = this.#rng.chance(0.4) ? createPrice(this, at, true) : this.someOrNew('prices', at)
    const created = Math.floor(at / 1000)
    return { id: this.world.nextId('si'), object: 'subscription_item', created, price: price.at(at) }
  }
}

function createCharge(account: Account, at: number): ModelObject {
  const { world, rng } = account
  const status = rng.pick(['succeeded', 'succeeded', 'pending', 'failed'])
  const id = world.nextId('ch')
  const charge = world.create('charges', at, {
    ...base('charge', id, at),
    amount: rng.int(1, 99_999),
    amount_refunded: 0,
    description: 'ünïcode ☃',
    disputed: false,
    refunded: false,
    status,
  })
  world.announce(`charge.${status}`, at, charge.at(at))
  if (status === 'succeeded') createBalanceTransaction(account, at, 'charge', id)
  return charge
}

function createBalanceTransaction(account: Account, at: number, type: string, source: string): ModelObject {
  const { world, rng } = account
  const availableOn = Math.floor(at / 1000) + rng.pick([30, 3600, 86_400, 2 * 86_400, 7 * 86_400])
  const body = {
    id: world.nextId('txn'),
    object: 'balance_transaction',
    amount: rng.int(-5000, 5000),
    available_on: availableOn,
    created: Math.floor(at / 1000),
    source,
    type,
  }
  const isPending = rng.chance(0.7)
  const status = isPending ? 'pending' : 'available'
  const object = world.create('balance_transactions', at, { ...body, status })
  if (isPending) object.versions.push({ at: availableOn * 1000, body: { ...body, status: 'available' } })
  return object
}

function createRefund(account: Account, at: number): void {
  const { world, rng } = account
  const charge = account.someOrNew('charges', at)
  const body = {
    ...base('refund', world.nextId('re'), at),
    amount: rng.int(1, 500),
    charge: charge.id,
    status: rng.pick(['succeeded', 'pending']),
  }
  const refund = world.create('refunds', at, body)
  world.announce('refund.created', at, refund.at(at))
  const changed = world.change(charge, at, { refunded: true, amount_refunded: body.amount })
  world.announce('charge.refunded', at, changed)
  createBalanceTransaction(account, at, 'refund', refund.id)
}

function createCustomer({ world, rng }: Account, at: number): void {
  const body = { ...base('customer', world.nextId('cus'), at), name: `name ${rng.int(0, 999)}`, discount: null }
  world.announce('customer.created', at, world.create('customers', at, body).at(at))
}

function createPrice({ world, rng }: Account, at: number, isInline = false): ModelObject {
  const body = {
    ...base('price', world.nextId('price'), at),
    active: isInline || rng.chance(0.7),
    unit_amount: rng.int(1, 9999),
    type: 'recurring',
  }
  const price = world.create('prices', at, body, isInline)
  world.announce('price.created', at, price.at(at))
  if (rng.chance(0.3)) world.announce('plan.created', at, { id: price.id, object: 'plan' })
  return price
}

function createSubscription(account: Account, at: number): void {
  const { world, rng } = account
  const customer = account.someOrNew('customers', at)
  const id = world.nextId('sub')
  const body = {
    ...base('subscription', id, at),
    customer: customer.id,
    status: rng.pick(['active', 'active', 'past_due', 'canceled', 'trialing']),
    items: itemList(id, account.items(at)),
  }
  const subscription = world.create('subscriptions', at, body)
  world.announce('customer.subscription.created', at, subscription.at(at))
}

const CREATORS: Readonly<Record<ResourceKind, (account: Account, at: number) => void>> = {
  charges: createCharge,
  subscriptions: createSubscription,
  refunds: createRefund,
  balance_transactions: (account, at) =>
    void createBalanceTransaction(account, at, 'adjustment', account.world.nextId('adj')),
  customers: createCustomer,
  prices: (account, at) => void createPrice(account, at),
}

type Change = (account: Account, object: ModelObject, at: number) => void

/** Changes the object and announces it as its own event. */
function updateAs(type: string, members: (object: JsonObject, rng: Rng) => JsonObject = () => ({})): Change {
  return ({ world, rng }, object, at) => world.announce(type, at, world.change(object, at, members(object.at(at), rng)))
}

const disputeCharge: Change = ({ world }, charge, at) => {
  world.change(charge, at, { disputed: true })
  world.announce('charge.dispute.created', at, { id: world.nextId('dp'), object: 'dispute', charge: charge.id })
}

const discountCustomer: Change = ({ world }, customer, at) => {
  const discount = { id: world.nextId('di'), object: 'discount', customer: customer.id }
  world.change(customer, at, { discount })
  world.announce('customer.discount.created', at, discount)
}

const deleteCustomer: Change = ({ world }, customer, at) => {
  world.announce('customer.deleted', at, customer.at(at))
  world.delete(customer, at)
  for (const subscription of world.list('subscriptions')) {
    const { customer: owner, status } = subscription.at(at)
    if (owner === customer.id && status !== 'canceled') cancelSubscription(world, subscription, at)
  }
}

function cancelSubscription(world: World, subscription: ModelObject, at: number): void {
  const body = world.change(subscription, at, { status: 'canceled' })
  world.announce('customer.subscription.deleted', at, body)
}

const changeItems: Change = (account, subscription, at) => {
  const { world, rng } = account
  const body = subscription.at(at)
  const items = [...itemsOf(body)]
  if (items.length > 1 && rng.chance(0.5)) items.splice(rng.int(0, items.length - 1), 1)
  else items.splice(rng.int(0, items.length), 0, account.item(at))
  const changed = world.change(subscription, at, { items: itemList(subscription.id, items) })
  world.announce('customer.subscription.updated', at, changed)
}

const deletePrice: Change = ({ world }, price, at) => {
  world.announce('price.deleted', at, price.at(at))
  world.delete(price, at)
}

const toggleActive: Change = ({ world, rules }, price, at) => {
  if (!rules.changesHeldPrices && isEmbedded(world, price.id, at)) return
  world.announce('price.updated', at, world.change(price, at, { active: price.at(at).active !== true }))
}

const changePrice: Change = (account, price, at) => {
  const { world, rng, rules } = account
  const isHeld = isEmbedded(world, price.id, at)
  if (isHeld && !rules.changesHeldPrices) return
  // Stripe deletes no price that was ever used.
  if (!isHeld && rng.chance(0.2)) deletePrice(account, price, at)
  else if (rng.chance(0.6)) toggleActive(account, price, at)
  else world.announce('price.updated', at, world.change(price, at, {}))
}

/** What changes is a price that the subscription holds, and nobody announces the subscription. */
const changeHeldPrice: Change = (account, subscription, at) => {
  const ids = embeddedPriceIds(subscription.at(at))
  if (ids.length > 0) changePrice(account, account.world.find(account.rng.pick(ids))!, at)
}

const CHANGES: Readonly<Record<ResourceKind, Change>> = {
  charges: (account, object, at) => {
    const change = account.rng.weighted<Change>([
      [4, updateAs('charge.updated')],
      [1, updateAs('charge.captured')],
      [2, disputeCharge],
    ])
    change(account, object, at)
  },
  subscriptions: (account, object, at) => {
    if (object.at(at).status === 'canceled') return
    const { rng, world, rules } = account
    const change = rng.weighted<Change>([
      [rules.changesHeldPrices ? 2 : 0, changeHeldPrice],
      [3, updateAs('customer.subscription.updated')],
      [4, changeItems],
      [1, updateAs('customer.subscription.paused', () => ({ status: 'paused' }))],
      [2, (_, subscription) => cancelSubscription(world, subscription, at)],
    ])
    change(account, object, at)
  },
  refunds: (account, object, at) => {
    const type = account.rng.pick(['refund.updated', 'refund.failed', 'charge.refund.updated'])
    updateAs(type, () => ({ status: type === 'refund.failed' ? 'failed' : 'succeeded' }))(account, object, at)
  },
  balance_transactions: (account, _, at) => account.create('balance_transactions', at),
  customers: (account, object, at) => {
    const change = account.rng.weighted<Change>([
      [4, updateAs('customer.updated')],
      [2, discountCustomer],
      [3, deleteCustomer],
    ])
    change(account, object, at)
  },
  prices: changePrice,
}

/** True when a subscription holds the price, or ever held it: an older snapshot may still be looked at. */
function isEmbedded(world: World, priceId: string, at: number): boolean {
  return world
    .list('subscriptions')
    .some(({ versions }) =>
      versions.some((version) => version.at <= at && itemsOf(version.body).some((item) => priceIdOf(item) === priceId)),
    )
}

/** The ids of the prices in a subscription's items. */
export function embeddedPriceIds(subscription: JsonObject): readonly string[] {
  return itemsOf(subscription).map(priceIdOf)
}

function priceIdOf({ price }: JsonObject): string {
  return String((price as JsonObject).id)
}

export function itemsOf({ items }: JsonObject): readonly JsonObject[] {
  return (items as JsonObject).data as readonly JsonObject[]
}

function itemList(subscriptionId: string, data: readonly JsonObject[]): JsonObject {
  return { object: 'list', data, has_more: false, url: `/v1/subscription_items?subscription=${subscriptionId}` }
}

function base(object: string, id: string, at: number) {
  return { id, object, created: Math.floor(at / 1000), currency: 'eur', metadata: { rev: '0' } }
}
