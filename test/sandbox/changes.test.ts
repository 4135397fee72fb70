import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeObject, StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call, sdk, walkIds } from './client.ts'

const NOW = 1_780_000_000
const DAY = 86_400

let sandbox: StripeSandbox
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 200 } })
})
afterEach(() => sandbox.close())

const find = (
  name: 'customers' | 'subscriptions' | 'charges' | 'prices',
  fits: (object: StripeObject) => boolean,
): StripeObject => {
  for (const object of sandbox.world.all(name)) if (fits(object)) return object
  throw new Error(`no such object in ${name}`)
}
const events = async (query = '') => (await call(sandbox, `/v1/events?limit=100${query}`)).json.data

describe('writes', () => {
  test('the official SDK creates, updates, refunds and cancels', async () => {
    const stripe = sdk(sandbox)
    const customer = await stripe.customers.create({ name: 'Ada', email: 'ada@example.com', metadata: { a: '1' } })
    const charge = await stripe.charges.create({ amount: 5000, currency: 'eur', customer: customer.id })
    const refund = await stripe.refunds.create({ charge: charge.id, amount: 2000 })
    const price = await stripe.prices.create({
      currency: 'eur',
      unit_amount: 900,
      recurring: { interval: 'month' },
      product_data: { name: 'News' },
    })
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id, quantity: 2 }],
    })
    expect(subscription.items.data[0]?.current_period_end).toBeGreaterThan(NOW)
    expect((await stripe.charges.retrieve(charge.id)).amount_refunded).toBe(2000)
    expect((await stripe.charges.list({ limit: 1 })).data[0]?.id).toBe(charge.id)
    expect((await stripe.balanceTransactions.list({ source: refund.id })).data[0]?.amount).toBe(-2000)
    const canceled = await stripe.subscriptions.cancel(subscription.id)
    expect(canceled.status).toBe('canceled')
    const types = (await events()).map((event: StripeObject) => event.type)
    expect(types).toEqual([
      'customer.subscription.deleted',
      'customer.subscription.created',
      'plan.created',
      'price.created',
      'charge.refunded',
      'refund.created',
      'charge.succeeded',
      'customer.created',
    ])
    await expect(stripe.refunds.create({ charge: charge.id, amount: 4000 })).rejects.toThrow('greater than unrefunded')
    await expect(stripe.subscriptions.update(subscription.id, { metadata: { a: 'b' } })).rejects.toThrow('canceled')
  })

  test('metadata merges, an empty value takes a key away, and previous_attributes tells the old values', async () => {
    const { id } = (await call(sandbox, '/v1/customers', { form: 'name=Bo&metadata[a]=1&metadata[b]=2' })).json
    const { json } = await call(sandbox, `/v1/customers/${id}`, { form: 'metadata[a]=&metadata[c]=3&name=Bea' })
    expect(json.metadata).toEqual({ b: '2', c: '3' })
    const [event] = await events('&type=customer.updated')
    expect(event.data.previous_attributes).toEqual({ metadata: { a: '1', c: null }, name: 'Bo' })
    expect(event.data.object.name).toBe('Bea')
    expect(event.request.id).toMatch(/^req_/)
  })

  test('an update that changes nothing makes no event', async () => {
    const { id } = (await call(sandbox, '/v1/customers', { form: 'name=Bo' })).json
    await call(sandbox, `/v1/customers/${id}`, { form: 'name=Bo' })
    expect(await events('&type=customer.updated')).toEqual([])
  })

  test('a changed array stands whole in previous_attributes', async () => {
    const subscription = find(
      'subscriptions',
      ({ status, test_clock, items }) =>
        status === 'active' && test_clock === null && (items as { total_count: number }).total_count === 1,
    )
    const item = (subscription.items as unknown as { data: StripeObject[] }).data[0] as StripeObject
    await call(sandbox, `/v1/subscriptions/${subscription.id}`, {
      form: `items[0][id]=${item.id}&items[0][quantity]=77`,
    })
    const [event] = await events('&type=customer.subscription.updated')
    const { previous_attributes: previous } = event.data
    expect(previous.items.data).toHaveLength(1)
    expect(previous.items.data[0]).toMatchObject({
      id: item.id,
      quantity: item.quantity,
      price: { id: expect.any(String) },
    })
    expect(previous.quantity).toBe(item.quantity)
    expect(event.data.object.items.data[0].quantity).toBe(77)
  })

  test('bad writes are refused and change nothing', async () => {
    for (const [path, form, code] of [
      ['/v1/charges', 'currency=usd', 'parameter_missing'],
      ['/v1/charges', 'amount=1&currency=usd&color=red', 'parameter_unknown'],
      ['/v1/charges', 'amount=abc&currency=usd', 'parameter_invalid_integer'],
      ['/v1/charges', 'amount=100&currency=usd&customer=cus_none', 'resource_missing'],
      ['/v1/refunds', 'charge=ch_none', 'resource_missing'],
    ]) {
      const { status, json } = await call(sandbox, String(path), { form: String(form) })
      expect([status, json.error.code]).toEqual([400, code])
    }
    expect((await call(sandbox, '/v1/customers/cus_none', { form: 'name=x' })).status).toBe(404)
    expect(await events()).toEqual([])
  })

  test('an idempotency key runs a write once and replays its answer', async () => {
    const headers = { 'Idempotency-Key': 'key-1' }
    const form = 'amount=100&currency=usd'
    const first = await call(sandbox, '/v1/charges', { form, headers })
    const second = await call(sandbox, '/v1/charges', { form, headers })
    expect(second.text).toBe(first.text)
    expect(second.headers.get('idempotent-replayed')).toBe('true')
    const other = await call(sandbox, '/v1/charges', { form: 'amount=200&currency=usd', headers })
    expect([other.status, other.json.error.type]).toEqual([400, 'idempotency_error'])
    expect(await events()).toHaveLength(1)
  })
})

describe('deletions', () => {
  test('a deleted customer leaves a stub, vanishes from lists and takes its subscriptions along', async () => {
    const subscription = find('subscriptions', ({ status, test_clock }) => status === 'active' && test_clock === null)
    const customer = String(subscription.customer)
    const deleted = await call(sandbox, `/v1/customers/${customer}`, { method: 'DELETE' })
    expect(deleted.json).toEqual({ id: customer, object: 'customer', deleted: true })
    expect((await call(sandbox, `/v1/customers/${customer}`)).json).toEqual(deleted.json)
    expect(await walkIds(sandbox, '/v1/customers')).not.toContain(customer)
    expect((await call(sandbox, `/v1/subscriptions/${subscription.id}`)).json.status).toBe('canceled')
    expect(await walkIds(sandbox, '/v1/subscriptions')).not.toContain(subscription.id)
    expect(await walkIds(sandbox, '/v1/subscriptions', { status: 'canceled' })).toContain(subscription.id)
    const [gone] = await events('&type=customer.deleted')
    expect(gone.data.object.email).toBeDefined()
    expect((await events('&type=customer.subscription.deleted')).length).toBeGreaterThan(0)
    expect((await call(sandbox, `/v1/customers/${customer}`, { method: 'DELETE' })).status).toBe(404)
    const charge = [...sandbox.world.all('charges')].find((each) => each.customer === customer)
    if (charge) {
      const expanded = await call(sandbox, `/v1/charges/${charge.id}?expand[]=customer`)
      expect(expanded.json.customer).toEqual(deleted.json)
    }
  })

  test('a price can be archived by the API and deleted only by a script', async () => {
    const price = find('prices', ({ active, lookup_key }) => active === true && lookup_key !== null)
    await call(sandbox, `/v1/prices/${price.id}`, { form: 'active=false' })
    expect(await walkIds(sandbox, '/v1/prices')).not.toContain(price.id)
    expect((await call(sandbox, `/v1/prices/${price.id}`, { method: 'DELETE' })).status).toBe(404)
    sandbox.apply({ type: 'delete', id: price.id })
    expect((await call(sandbox, `/v1/prices/${price.id}`)).json).toEqual({
      id: price.id,
      object: 'price',
      deleted: true,
    })
    expect((await events('&type=price.*')).map((event: StripeObject) => event.type)).toEqual([
      'price.deleted',
      'price.updated',
    ])
  })
})

describe('events', () => {
  test('are frozen in the version of the account, whatever the header says', async () => {
    const subscription = find('subscriptions', ({ status, test_clock }) => status === 'active' && test_clock === null)
    await call(sandbox, `/v1/subscriptions/${subscription.id}`, { form: 'metadata[x]=y' })
    const { json } = await call(sandbox, '/v1/events', { version: '2026-10-28.endive' })
    expect(json.data[0].api_version).toBe('2024-06-20')
    expect(json.data[0].data.object).toHaveProperty('current_period_end')
  })

  test('are filtered by type, wildcard, several types, time and delivery', async () => {
    sandbox.apply({ type: 'create', resource: 'charges', count: 2 })
    const [customer] = sandbox.apply({ type: 'create', resource: 'customers' })
    expect(await events('&type=charge.*')).toHaveLength(2)
    expect(await events('&type=charge')).toHaveLength(0)
    expect(await events('&types[]=customer.created&types[]=refund.created')).toHaveLength(1)
    expect(await events(`&created[gt]=${NOW}`)).toHaveLength(0)
    const [event] = await events('&type=customer.created')
    expect(event.data.object.id).toBe(customer?.id)
    expect(event.request.id).toBeNull()
    sandbox.apply({ type: 'deliver', id: event.id, success: false })
    expect((await events('&delivery_success=false')).map(({ id }: StripeObject) => id)).toEqual([event.id])
    expect(await events('&delivery_success=true')).toHaveLength(2)
    expect(await walkIds(sandbox, '/v1/events', { limit: '1' })).toHaveLength(3)
  })

  test('reach back thirty days', async () => {
    sandbox.apply({ type: 'create', resource: 'charges' })
    const [event] = await events()
    sandbox.clock.advance(30 * DAY)
    expect(await events()).toHaveLength(1)
    sandbox.clock.advance(1)
    expect(await events()).toHaveLength(0)
    expect((await call(sandbox, `/v1/events/${event.id}`)).status).toBe(404)
  })

  test('become visible late when there is a lag', async () => {
    const lagging = await createStripeSandbox({ now: NOW, eventLagSeconds: 10, counts: { charges: 10 } })
    lagging.apply({ type: 'create', resource: 'charges', count: 20 })
    const seen = async () => (await call(lagging, '/v1/events?limit=100')).json.data.length
    expect(await seen()).toBeLessThan(20)
    lagging.clock.advance(11)
    expect(await seen()).toBe(20)
    await lagging.close()
  })

  test('one change can have two of them, and a script can add more', async () => {
    const [charge] = sandbox.apply({ type: 'create', resource: 'charges' })
    sandbox.apply({ type: 'create', resource: 'refunds', params: { charge: charge?.id } })
    sandbox.apply({ type: 'event', id: String(charge?.id), eventType: 'charge.updated' })
    const types = (await events()).map((event: StripeObject) => event.type)
    expect(types).toEqual(['charge.updated', 'charge.refunded', 'refund.created', 'charge.succeeded'])
  })

  test('a pending balance transaction becomes available without one', async () => {
    sandbox.apply({ type: 'create', resource: 'charges' })
    const before = (await call(sandbox, '/v1/balance_transactions?limit=1')).json.data[0]
    expect(before.status).toBe('pending')
    sandbox.clock.set(before.available_on)
    const after = (await call(sandbox, `/v1/balance_transactions/${before.id}`)).json
    expect(after).toEqual({ ...before, status: 'available' })
    expect((await events()).map((event: StripeObject) => event.type)).toEqual(['charge.succeeded'])
  })
})
