import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Action, StripeObject, StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call, walkIds } from './client.ts'

const NOW = 1_780_000_000

let sandbox: StripeSandbox
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 200 } })
})
afterEach(() => sandbox.close())

const apply = (action: Action): StripeObject => sandbox.apply(action)[0] as StripeObject
const read = async (path: string) => (await call(sandbox, path)).json
/** Newest first. */
const events = async (): Promise<StripeObject[]> => (await read('/v1/events?limit=100')).data
const types = async () => (await events()).map(({ type }) => type)
const dataOf = (event: StripeObject | undefined) =>
  event?.data as unknown as { object: StripeObject; previous_attributes?: object }

describe('disputes', () => {
  test('a dispute flips its charge and tells it by events about the dispute only', async () => {
    const charge = apply({ type: 'create', resource: 'charges', params: { amount: 900, currency: 'usd' } })
    const dispute = apply({ type: 'dispute', id: charge.id })
    expect(await read(`/v1/charges/${charge.id}`)).toMatchObject({ disputed: true, amount: 900 })
    expect(await types()).toEqual(['charge.dispute.funds_withdrawn', 'charge.dispute.created', 'charge.succeeded'])
    const [, created] = await events()
    expect(dataOf(created).object).toMatchObject({ id: dispute.id, object: 'dispute', charge: charge.id, amount: 900 })
    const [booked] = (await read(`/v1/balance_transactions?source=${dispute.id}`)).data
    expect(booked).toMatchObject({ type: 'adjustment', amount: -900 })
  })

  test('a won dispute gives the money back, a lost one does not, and neither can end twice', async () => {
    const [won, lost] = sandbox.apply({ type: 'create', resource: 'charges', count: 2 }) as [StripeObject, StripeObject]
    for (const { id } of [won, lost]) apply({ type: 'dispute', id })
    expect(apply({ type: 'close_dispute', id: won.id, outcome: 'won' }).status).toBe('won')
    expect(apply({ type: 'close_dispute', id: lost.id }).status).toBe('lost')
    expect((await types()).slice(0, 3)).toEqual([
      'charge.dispute.closed',
      'charge.dispute.funds_reinstated',
      'charge.dispute.closed',
    ])
    expect(() => apply({ type: 'close_dispute', id: lost.id })).toThrow('no open dispute')
    expect(() => apply({ type: 'dispute', id: lost.id })).toThrow('a dispute already')
    expect(() => apply({ type: 'dispute', id: apply({ type: 'create', resource: 'customers' }).id })).toThrow('charge')
  })
})

describe('refunds', () => {
  test('a failed refund is taken back from its charge, which no event about the charge tells', async () => {
    const charge = apply({ type: 'create', resource: 'charges' })
    const refund = apply({ type: 'create', resource: 'refunds', params: { charge: charge.id, amount: 1500 } })
    expect(await read(`/v1/charges/${charge.id}`)).toMatchObject({ refunded: true, amount_refunded: charge.amount })
    apply({ type: 'fail_refund', id: refund.id })
    expect(await read(`/v1/charges/${charge.id}`)).toMatchObject({ refunded: false, amount_refunded: 0 })
    expect(await read(`/v1/refunds/${refund.id}`)).toMatchObject({ status: 'failed' })
    expect(await types()).toEqual([
      'charge.refund.updated',
      'refund.failed',
      'charge.refunded',
      'refund.created',
      'charge.succeeded',
    ])
    const [updated, failed] = await events()
    expect(dataOf(updated)).toMatchObject({ object: { id: refund.id }, previous_attributes: { status: 'succeeded' } })
    expect(dataOf(failed).object).toMatchObject({ object: 'refund', charge: charge.id })
    expect(dataOf(failed)).not.toHaveProperty('previous_attributes')
    expect(() => apply({ type: 'fail_refund', id: refund.id })).toThrow('failed already')
  })
})

describe('children of customers', () => {
  test.each(['discount', 'source', 'tax_id'] as const)('a %s tells of itself, never of the customer', async (child) => {
    const { id } = apply({ type: 'create', resource: 'customers' })
    for (const change of ['created', 'updated', 'deleted'] as const)
      apply({ type: 'customer_child', id, child, change })
    expect(await types()).toEqual([
      `customer.${child}.deleted`,
      `customer.${child}.updated`,
      `customer.${child}.created`,
      'customer.created',
    ])
    const [deleted, updated] = await events()
    expect(dataOf(updated).object).toMatchObject({ customer: id })
    expect(dataOf(updated).previous_attributes).toBeDefined()
    expect(dataOf(deleted).object.id).toBe(dataOf(updated).object.id)
    expect(() => apply({ type: 'customer_child', id, child, change: 'deleted' })).toThrow(`has no ${child}`)
  })

  test('the customer changes with them', async () => {
    const { id } = apply({ type: 'create', resource: 'customers' })
    const discount = apply({ type: 'customer_child', id, child: 'discount' })
    const source = apply({ type: 'customer_child', id, child: 'source' })
    const taxId = apply({ type: 'customer_child', id, child: 'tax_id' })
    const customer = await read(`/v1/customers/${id}?expand[]=tax_ids&expand[]=sources`)
    expect(customer).toMatchObject({ discount: { id: discount.id }, default_source: source.id })
    expect(customer.tax_ids.data).toEqual([taxId])
    expect(customer.sources.data).toEqual([source])
    apply({ type: 'customer_child', id, child: 'source', change: 'expiring' })
    expect((await types())[0]).toBe('customer.source.expiring')
    expect(() => apply({ type: 'customer_child', id, child: 'discount', change: 'expiring' })).toThrow('cannot be')
    apply({ type: 'customer_child', id, child: 'discount', change: 'deleted' })
    expect((await read(`/v1/customers/${id}`)).discount).toBeNull()
  })
})

describe('prices', () => {
  test('recurring prices are told as plans too, one-time prices are not', async () => {
    const { id } = apply({ type: 'create', resource: 'prices' })
    apply({ type: 'update', id, params: { nickname: 'Gold' } })
    apply({ type: 'patch', id, fields: { active: false } })
    apply({ type: 'delete', id })
    expect(await types()).toEqual([
      'plan.deleted',
      'price.deleted',
      'plan.updated',
      'price.updated',
      'plan.updated',
      'price.updated',
      'plan.created',
      'price.created',
    ])
    const [, , updated] = await events()
    expect(dataOf(updated)).toMatchObject({ object: { id, object: 'plan' }, previous_attributes: { active: true } })
    const before = (await types()).length
    const form = 'currency=usd&unit_amount=5&product_data[name]=Once'
    await call(sandbox, '/v1/prices', { form })
    expect((await types()).slice(0, -before)).toEqual(['price.created'])
  })

  test('what happens to a price shows in the subscriptions that hold it', async () => {
    const price = apply({ type: 'create', resource: 'prices' })
    const subscription = apply({ type: 'create', resource: 'subscriptions', params: { items: [{ price: price.id }] } })
    const item = async () => (await read(`/v1/subscriptions/${subscription.id}`)).items.data[0]
    apply({ type: 'update', id: price.id, params: { nickname: 'Gold' } })
    expect(await item()).toMatchObject({ price: { nickname: 'Gold' }, plan: { nickname: 'Gold' } })
    apply({ type: 'delete', id: price.id })
    expect((await item()).price).toEqual({ id: price.id, object: 'price', deleted: true })
  })

  test('the retrieval of a deleted price can be a stub or a 404', async () => {
    const { id } = apply({ type: 'create', resource: 'prices' })
    apply({ type: 'delete', id })
    expect(await read(`/v1/prices/${id}`)).toEqual({ id, object: 'price', deleted: true })
    sandbox.behaviour.deletedPriceStatus = 404
    const { status, json } = await call(sandbox, `/v1/prices/${id}`)
    expect([status, json.error.code, json.error.param]).toEqual([404, 'resource_missing', 'id'])
  })

  test('generated inline prices belong to one subscription, share its second and are in no list', async () => {
    const owners = new Map<string, StripeObject[]>()
    for (const subscription of sandbox.world.all('subscriptions')) {
      for (const { price } of (subscription.items as unknown as { data: { price: StripeObject }[] }).data) {
        owners.set(price.id, [...(owners.get(price.id) ?? []), subscription])
      }
    }
    const lists = ['true', 'false'].map((active) => walkIds(sandbox, '/v1/prices', { active }))
    const listed = new Set((await Promise.all(lists)).flat())
    const inline = [...sandbox.world.all('prices')].filter(({ id }) => !listed.has(id))
    expect(inline.length).toBeGreaterThan(10)
    for (const { id, created } of inline) {
      expect(owners.get(id)).toHaveLength(1)
      expect(created).toBe(owners.get(id)?.[0]?.created)
      expect((await call(sandbox, `/v1/prices/${id}`)).json).toMatchObject({ id, created })
    }
  })

  test('prices made through price_data are embedded and retrievable, and in no list', async () => {
    const { id: customer } = apply({ type: 'create', resource: 'customers' })
    const { product } = apply({ type: 'create', resource: 'prices' })
    const data = `items[0][price_data][currency]=usd&items[0][price_data][product]=${String(product)}`
    const form = `customer=${customer}&${data}&items[0][price_data][recurring][interval]=month&items[0][price_data][unit_amount]=7`
    const { json } = await call(sandbox, '/v1/subscriptions', { form })
    const { price } = json.items.data[0]
    expect(price).toMatchObject({ object: 'price', unit_amount: 7, created: NOW })
    expect(await read(`/v1/prices/${price.id}`)).toEqual(price)
    expect(await walkIds(sandbox, '/v1/prices')).not.toContain(price.id)
    expect(await walkIds(sandbox, '/v1/prices', { active: 'false' })).not.toContain(price.id)
  })
})

describe('order and repetition', () => {
  test('customer.deleted comes before the deletions of its subscriptions', async () => {
    const customer = apply({ type: 'create', resource: 'customers' })
    apply({ type: 'create', resource: 'subscriptions', params: { customer: customer.id } })
    apply({ type: 'delete', id: customer.id })
    expect((await types()).slice(0, 2)).toEqual(['customer.subscription.deleted', 'customer.deleted'])
  })

  test('a change can be told by any type, and by several events', async () => {
    const { id } = apply({ type: 'create', resource: 'subscriptions' })
    apply({ type: 'patch', id, fields: { status: 'paused' }, eventType: 'customer.subscription.paused' })
    apply({ type: 'event', id, eventType: 'customer.subscription.trial_will_end', count: 2 })
    expect((await types()).slice(0, 3)).toEqual([
      'customer.subscription.trial_will_end',
      'customer.subscription.trial_will_end',
      'customer.subscription.paused',
    ])
    expect(new Set((await events()).map((event) => event.id)).size).toBe(4)
  })

  test('a share of the changes is told twice, always the same ones', async () => {
    sandbox.behaviour.eventRepeatPercent = 50
    const told = async () => {
      sandbox.apply({ type: 'create', resource: 'customers', count: 30 })
      return (await events()).map(({ id, data }) => [id, (data as { object: StripeObject }).object.id])
    }
    const first = await told()
    expect(first.length).toBeGreaterThan(35)
    expect(first.length).toBeLessThan(55)
    expect(new Set(first.map(([, customer]) => customer)).size).toBe(30)
    sandbox.reset()
    expect(sandbox.behaviour.eventRepeatPercent).toBe(0)
    sandbox.behaviour.eventRepeatPercent = 50
    expect(await told()).toEqual(first)
  })
})

test('balance transactions, generated and booked ones, become available as the clock passes, without an event', async () => {
  const charge = apply({ type: 'create', resource: 'charges' })
  const before = new Map([...sandbox.world.all('balance_transactions')].map((entry) => [entry.id, entry]))
  const pending = [...before.values()].filter(({ status }) => status === 'pending')
  expect(pending.map(({ id }) => id)).toContain(charge.balance_transaction)
  const generated = pending.filter(({ id }) => id !== charge.balance_transaction)
  // The newest generated ones were created close to the clock's start, so some of them have not matured.
  expect(generated.length).toBeGreaterThan(0)
  for (const { id, available_on } of pending.toSorted((a, b) => Number(a.available_on) - Number(b.available_on))) {
    sandbox.clock.set(Number(available_on) - 1)
    expect((await read(`/v1/balance_transactions/${id}`)).status).toBe('pending')
    sandbox.clock.advance(1)
    expect((await read(`/v1/balance_transactions/${id}`)).status).toBe('available')
  }
  expect([...sandbox.world.all('balance_transactions')].every(({ status }) => status === 'available')).toBe(true)
  expect(await types()).toEqual(['charge.succeeded'])
})
