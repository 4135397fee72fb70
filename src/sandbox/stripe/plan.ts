import { keyOf, mix } from './dice.ts'
import { base62, IdCoder } from './ids.ts'
import type { Distribution } from './timeline.ts'
import { Timeline } from './timeline.ts'
import type { GeneratedName, Mode } from './types.ts'

export type Counts = Readonly<Record<GeneratedName, number>>

export interface PlanOptions {
  readonly seed: string | number
  readonly mode: Mode
  readonly counts: Counts
  /** Unix seconds; objects are created in [from, to). */
  readonly from: number
  readonly to: number
  readonly distribution: Distribution
  /** Charges are filled with metadata up to about this size; 0 leaves them as they are (about 2 KB). */
  readonly approxObjectBytes: number
}

export type SubscriptionStatus =
  'incomplete' | 'incomplete_expired' | 'trialing' | 'active' | 'past_due' | 'canceled' | 'unpaid' | 'paused'

/** Where a balance transaction comes from. */
export type TransactionSource = { readonly kind: 'charge' | 'refund' | 'other'; readonly index: number }

/** Salts of the draws that facts share with generated objects. */
const SALT = { customer: 1, status: 2, clock: 3, deleted: 4, price: 5, items: 6, inline: 7, recurring: 8, currency: 9 }

/** Of eight neighbouring balance transactions six belong to charges, one to a refund, one to something else. */
const SLOTS = 8
const CHARGE_SLOTS = 6

/** A subscription is created with at most this many items. */
const MAX_ITEMS = 20

/** Keeps the draws of inline prices apart from those of the others. */
const INLINE_DRAWS = 0x40000000

const STATUS_TABLE: readonly (readonly [limit: number, status: SubscriptionStatus])[] = [
  [58, 'active'],
  [64, 'trialing'],
  [69, 'past_due'],
  [87, 'canceled'],
  [91, 'unpaid'],
  [94, 'incomplete'],
  [97, 'incomplete_expired'],
  [100, 'paused'],
]

/**
 * Everything about a generated world that several objects must agree on: ids, creation times, who refers to whom, and
 * what the default lists hide. All of it is arithmetic on (seed, mode, index); nothing is stored.
 */
export class Plan {
  readonly options: PlanOptions
  readonly livemode: boolean
  readonly accountId: string
  readonly ids
  readonly keys: Readonly<Record<GeneratedName, number>>
  readonly timelines: Readonly<Record<GeneratedName, Timeline>>

  constructor(options: PlanOptions) {
    const { seed, mode, counts } = options
    this.options = options
    this.livemode = mode === 'live'
    const accountKey = keyOf(seed, 'account')
    const account = base62(accountKey, 5) + base62(mix(accountKey, 0, 1), 4)
    this.accountId = `acct_1${account}${base62(mix(accountKey, 0, 2), 6)}`
    const coder = (prefix: string, short = false) => new IdCoder(prefix, `${seed}/${mode}`, account, short)
    this.ids = {
      charges: coder('ch_'),
      subscriptions: coder('sub_'),
      refunds: coder('re_'),
      balance_transactions: coder('txn_'),
      customers: coder('cus_', true),
      prices: coder('price_'),
      events: coder('evt_'),
      products: coder('prod_', true),
      items: coder('si_', true),
      paymentIntents: coder('pi_'),
      paymentMethods: coder('pm_'),
      invoices: coder('in_'),
      payouts: coder('po_'),
      testClocks: coder('clock_'),
      disputes: coder('dp_'),
      discounts: coder('di_'),
      cards: coder('card_'),
      taxIds: coder('txi_'),
      setupIntents: coder('seti_'),
      setupAttempts: coder('setatt_'),
      mandates: coder('mandate_'),
      invoiceLines: coder('il_'),
      setupNonces: coder('sa_nonce_'),
      paymentNonces: coder('pa_nonce_'),
      webhookEndpoints: coder('we_'),
    } as const
    const key = (name: GeneratedName) => keyOf(seed, mode, name)
    this.keys = {
      charges: key('charges'),
      subscriptions: key('subscriptions'),
      refunds: key('refunds'),
      balance_transactions: key('balance_transactions'),
      customers: key('customers'),
      prices: key('prices'),
    }
    const timeline = (name: GeneratedName) =>
      new Timeline({
        count: counts[name],
        from: options.from,
        to: options.to,
        distribution: options.distribution,
        key: this.keys[name],
      })
    this.timelines = {
      charges: timeline('charges'),
      subscriptions: timeline('subscriptions'),
      refunds: timeline('refunds'),
      balance_transactions: timeline('balance_transactions'),
      customers: timeline('customers'),
      prices: timeline('prices'),
    }
  }

  /** The customer of a charge was created before it; one charge in seven has none. */
  customerOfCharge(charge: number): number | null {
    const { charges, customers } = this.options.counts
    const draw = mix(this.keys.charges, charge, SALT.customer)
    if (customers === 0 || draw % 7 === 0) return null
    const known = Math.max(1, Math.floor((charge * customers) / charges))
    return mix(this.keys.charges, charge, SALT.customer + 100) % known
  }

  chargeStatus(charge: number): 'succeeded' | 'pending' | 'failed' {
    const draw = mix(this.keys.charges, charge, SALT.status) % 100
    if (draw >= 10 || this.refundsOfCharge(charge).length > 0) return 'succeeded'
    return draw < 3 ? 'pending' : 'failed'
  }

  /** Refunds follow their charge at a distance; the first charge has a crowd of them, more than one inlined page. */
  chargeOfRefund(refund: number): number {
    const { charges, refunds } = this.options.counts
    const crowd = Math.min(25, Math.floor(refunds / 4))
    if (refund < crowd) return 0
    const pair = refund % 3 === 1 ? refund - 1 : refund
    const lag = Math.min(200, Math.floor(refunds / 10))
    const place = pair < 2 * lag ? Math.floor(pair / 2) : pair - lag
    return Math.floor((place * charges) / refunds)
  }

  refundsOfCharge(charge: number): number[] {
    const { charges, refunds } = this.options.counts
    if (refunds === 0 || charges === 0) return []
    const crowd = Math.min(25, Math.floor(refunds / 4))
    const lag = Math.min(200, Math.floor(refunds / 10))
    const firstPlace = Math.floor((charge * refunds) / charges)
    const lastPlace = Math.ceil(((charge + 1) * refunds) / charges)
    const found: number[] = []
    const collect = (from: number, to: number) => {
      for (let refund = Math.max(0, from); refund <= to && refund < refunds; refund++) {
        if (this.chargeOfRefund(refund) === charge && !found.includes(refund)) found.push(refund)
      }
    }
    if (charge === 0) collect(0, crowd)
    if (firstPlace <= lag + 2) collect(firstPlace * 2 - 2, lastPlace * 2 + 3)
    collect(firstPlace + lag - 2, lastPlace + lag + 3)
    return found
  }

  /** The balance transaction of a charge, if it has one: failed and pending charges moved no money. */
  transactionOfCharge(charge: number): number | null {
    if (this.chargeStatus(charge) !== 'succeeded') return null
    const { charges, balance_transactions: total } = this.options.counts
    const slots = Math.floor(total / SLOTS) * CHARGE_SLOTS
    const slot = Math.floor((charge * slots) / charges)
    if (slots === 0 || Math.ceil((slot * charges) / slots) !== charge) return null
    return Math.floor(slot / CHARGE_SLOTS) * SLOTS + (slot % CHARGE_SLOTS)
  }

  transactionOfRefund(refund: number): number | null {
    const { refunds, balance_transactions: total } = this.options.counts
    const slots = Math.floor(total / SLOTS)
    const slot = Math.floor((refund * slots) / refunds)
    if (slots === 0 || Math.ceil((slot * refunds) / slots) !== refund) return null
    return slot * SLOTS + CHARGE_SLOTS
  }

  sourceOfTransaction(transaction: number): TransactionSource {
    const { charges, refunds, balance_transactions: total } = this.options.counts
    const blocks = Math.floor(total / SLOTS)
    const block = Math.floor(transaction / SLOTS)
    const place = transaction % SLOTS
    const other = { kind: 'other', index: transaction } as const
    if (block >= blocks) return other
    if (place < CHARGE_SLOTS && charges > 0) {
      const charge = Math.ceil(((block * CHARGE_SLOTS + place) * charges) / (blocks * CHARGE_SLOTS))
      if (charge < charges && this.transactionOfCharge(charge) === transaction) return { kind: 'charge', index: charge }
    }
    if (place === CHARGE_SLOTS && refunds > 0) {
      const refund = Math.ceil((block * refunds) / blocks)
      if (refund < refunds && this.transactionOfRefund(refund) === transaction) return { kind: 'refund', index: refund }
    }
    return other
  }

  /** One customer in twenty is already deleted. */
  isCustomerDeleted(customer: number): boolean {
    return mix(this.keys.customers, customer, SALT.deleted) % 20 === 0
  }

  /** One customer in thirty-three lives on a test clock (test mode only). */
  isCustomerOnTestClock(customer: number): boolean {
    return !this.livemode && mix(this.keys.customers, customer, SALT.clock) % 33 === 0
  }

  customerOfSubscription(subscription: number): number {
    const { subscriptions, customers } = this.options.counts
    return Math.min(customers - 1, Math.floor((subscription * customers) / subscriptions))
  }

  subscriptionsOfCustomer(customer: number): number[] {
    const { subscriptions, customers } = this.options.counts
    if (subscriptions === 0 || customers === 0) return []
    const found: number[] = []
    const from = Math.max(0, Math.floor((customer * subscriptions) / customers) - 1)
    for (let subscription = from; subscription < subscriptions; subscription++) {
      const owner = this.customerOfSubscription(subscription)
      if (owner === customer) found.push(subscription)
      if (owner > customer) break
    }
    return found
  }

  /** Deleting a customer cancels its subscriptions, so those of deleted customers are always canceled. */
  subscriptionStatus(subscription: number): SubscriptionStatus {
    if (this.isCustomerDeleted(this.customerOfSubscription(subscription))) return 'canceled'
    const draw = mix(this.keys.subscriptions, subscription, SALT.status) % 100
    return (STATUS_TABLE.find(([limit]) => draw < limit) ?? STATUS_TABLE[0])![1]
  }

  /**
   * The subscription that an inline price was made with: each belongs to one, and was created in the same second. Without
   * subscriptions there is none.
   */
  ownerOfInlinePrice(price: number): number | undefined {
    const { prices, subscriptions } = this.options.counts
    if (subscriptions === 0 || !this.isPriceInline(price)) return undefined
    return Math.floor((price * subscriptions) / prices)
  }

  createdOfPrice(price: number): number {
    const owner = this.ownerOfInlinePrice(price)
    return owner === undefined ? this.timelines.prices.createdAt(price) : this.timelines.subscriptions.createdAt(owner)
  }

  #inlinePricesOf(subscription: number): number[] {
    const { prices, subscriptions } = this.options.counts
    const found: number[] = []
    const last = Math.ceil(((subscription + 1) * prices) / subscriptions)
    for (let price = Math.floor((subscription * prices) / subscriptions); price <= last && price < prices; price++) {
      if (this.ownerOfInlinePrice(price) === subscription) found.push(price)
    }
    return found.slice(0, MAX_ITEMS)
  }

  /** Price indexes of the items: mostly one, sometimes a few, now and then more than the ten that are inlined. */
  pricesOfSubscription(subscription: number): number[] {
    const { prices } = this.options.counts
    const draw = mix(this.keys.subscriptions, subscription, SALT.items)
    const kind = draw % 100
    const wanted = kind < 82 ? 1 : kind < 95 ? 2 + ((draw >>> 8) % 4) : 11 + ((draw >>> 8) % 10)
    const first = mix(this.keys.subscriptions, subscription, SALT.price) % prices
    const chosen = this.#inlinePricesOf(subscription)
    let currency = chosen[0] === undefined ? undefined : this.currencyOfPrice(chosen[0])
    for (let step = 0; chosen.length < wanted && step < prices && (step < 400 || chosen.length === 0); step++) {
      const price = (first + step) % prices
      if (this.isPriceInline(price) || !this.isPriceRecurring(price)) continue
      currency ??= this.currencyOfPrice(price)
      if (this.currencyOfPrice(price) === currency) chosen.push(price)
    }
    return chosen
  }

  /** Inline prices were made with a subscription (`price_data`); no list ever shows them. */
  isPriceInline(price: number): boolean {
    return price > 0 && mix(this.keys.prices, price, SALT.inline) % 100 < 30
  }

  isPriceActive(price: number): boolean {
    return this.isPriceInline(price) || mix(this.keys.prices, price, SALT.status) % 100 < 70
  }

  isPriceRecurring(price: number): boolean {
    return price === 0 || this.isPriceInline(price) || mix(this.keys.prices, price, SALT.recurring) % 100 < 70
  }

  currencyOfPrice(price: number): string {
    // Items of one subscription have one currency, so its inline prices share the draw.
    const owner = this.ownerOfInlinePrice(price)
    const draw = mix(this.keys.prices, owner === undefined ? price : owner + INLINE_DRAWS, SALT.currency) % 10
    return draw < 7 ? 'usd' : draw < 9 ? 'eur' : 'krw'
  }
}
