import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ResourceName, StripeObject, StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call, sdk, walkIds } from './client.ts'

let sandbox: StripeSandbox
beforeAll(async () => {
  sandbox = await createStripeSandbox({
    seed: 'lists',
    now: 1_780_000_000,
    counts: { charges: 1300, subscriptions: 400 },
  })
})
afterAll(() => sandbox.close())

const all = (name: ResourceName): StripeObject[] => [...sandbox.world.all(name)]
const ids = (objects: StripeObject[]): string[] => objects.map(({ id }) => id)

describe('the official SDK pages through exactly what is there', () => {
  test('charges, refunds and balance transactions, which hide nothing', async () => {
    const stripe = sdk(sandbox)
    for (const [name, list] of [
      ['charges', stripe.charges.list({ limit: 100 })],
      ['refunds', stripe.refunds.list({ limit: 100 })],
      ['balance_transactions', stripe.balanceTransactions.list({ limit: 100 })],
    ] as const) {
      const seen: string[] = []
      await list.autoPagingEach((object) => void seen.push(object.id))
      expect(seen).toEqual(ids(all(name)))
      expect(new Set(seen).size).toBe(seen.length)
    }
  })

  test('subscriptions: canceled ones only with a status, those on test clocks only when asked for', async () => {
    const stripe = sdk(sandbox)
    const subscriptions = all('subscriptions')
    const offClock = subscriptions.filter((subscription) => subscription.test_clock === null)
    const everything = await stripe.subscriptions
      .list({ status: 'all', limit: 100 })
      .autoPagingToArray({ limit: 10_000 })
    expect(everything.map(({ id }) => id)).toEqual(ids(offClock))
    const plain = await stripe.subscriptions.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 })
    expect(plain.map(({ id }) => id)).toEqual(ids(offClock.filter(({ status }) => status !== 'canceled')))
    expect(plain.length).toBeLessThan(everything.length)
    const onClock = subscriptions.find((subscription) => subscription.test_clock !== null) as StripeObject
    const byClock = await walkIds(sandbox, '/v1/subscriptions', {
      status: 'all',
      test_clock: String(onClock.test_clock),
    })
    expect(byClock).toContain(onClock.id)
    const ended = await walkIds(sandbox, '/v1/subscriptions', { status: 'ended' })
    expect(ended).toEqual(
      ids(offClock.filter(({ status }) => status === 'canceled' || status === 'incomplete_expired')),
    )
  })

  test('customers: deleted ones never, those on test clocks only when asked for', async () => {
    const customers = all('customers')
    const shown = customers.filter((customer) => customer.deleted !== true && customer.test_clock === null)
    const seen = await sdk(sandbox).customers.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 })
    expect(seen.map(({ id }) => id)).toEqual(ids(shown))
    expect(customers.filter((customer) => customer.deleted === true).length).toBeGreaterThan(3)
  })

  test('prices: active and inactive by separate lists, inline ones by neither', async () => {
    const stripe = sdk(sandbox)
    const active = await stripe.prices.list({ active: true, limit: 100 }).autoPagingToArray({ limit: 10_000 })
    const inactive = await stripe.prices.list({ active: false, limit: 100 }).autoPagingToArray({ limit: 10_000 })
    const plain = await stripe.prices.list({ limit: 100 }).autoPagingToArray({ limit: 10_000 })
    expect(plain.map(({ id }) => id)).toEqual(active.map(({ id }) => id))
    expect(active.every((price) => price.active)).toBe(true)
    expect(inactive.length).toBeGreaterThan(3)
    const listed = new Set([...active, ...inactive].map(({ id }) => id))
    const inline = all('prices').filter(({ id }) => !listed.has(id))
    expect(inline.length).toBeGreaterThan(3)
    const inUse = new Set(
      all('subscriptions').flatMap((subscription) =>
        (subscription.items as unknown as { data: { price: { id: string } }[] }).data.map((item) => item.price.id),
      ),
    )
    const embedded = inline.find(({ id }) => inUse.has(id)) as StripeObject
    expect((await stripe.prices.retrieve(embedded.id)).id).toBe(embedded.id)
  })
})

describe('order and cursors', () => {
  test('objects share seconds, also across page edges, and no walk loses or repeats one', async () => {
    const charges = all('charges')
    const times = charges.map(({ created }) => Number(created))
    expect(times).toEqual(times.toSorted((left, right) => right - left))
    const atEdge = times.filter((time, place) => place % 7 === 0 && place > 0 && times[place - 1] === time)
    expect(atEdge.length).toBeGreaterThan(20)
    expect(await walkIds(sandbox, '/v1/charges', { limit: '7' })).toEqual(ids(charges))
    const largestTie = Math.max(...Object.values(Object.groupBy(times, String)).map((group) => group?.length ?? 0))
    expect(largestTie).toBeGreaterThan(3)
    expect(ids(charges)).not.toEqual(ids(charges).toSorted())
    expect(ids(charges)).not.toEqual(ids(charges).toSorted().toReversed())
  })

  test('ending_before answers the page directly above the cursor, newest first', async () => {
    const expected = ids(all('charges'))
    const { json } = await call(sandbox, `/v1/charges?limit=5&ending_before=${expected[20]}`)
    expect(ids(json.data)).toEqual(expected.slice(15, 20))
    expect(json.has_more).toBe(true)
    const top = await call(sandbox, `/v1/charges?limit=5&ending_before=${expected[5]}`)
    expect(ids(top.json.data)).toEqual(expected.slice(0, 5))
    expect(top.json.has_more).toBe(false)
  })

  test('has_more is exact when the last page is exactly full', async () => {
    const expected = ids(all('charges'))
    expect(expected.length % 100).toBe(0)
    const { json } = await call(sandbox, `/v1/charges?limit=100&starting_after=${expected.at(-101)}`)
    expect(json.data).toHaveLength(100)
    expect(json.has_more).toBe(false)
    const almost = await call(sandbox, `/v1/charges?limit=99&starting_after=${expected.at(-101)}`)
    expect(almost.json.has_more).toBe(true)
    const beyond = await call(sandbox, `/v1/charges?starting_after=${expected.at(-1)}`)
    expect(beyond.json).toEqual({ object: 'list', data: [], has_more: false, url: '/v1/charges' })
  })

  test('a cursor outside the filter, of another resource or of another mode is refused', async () => {
    const canceled = all('subscriptions').find(({ status, test_clock }) => status === 'canceled' && test_clock === null)
    const subscription = String(canceled?.id)
    const customer = String(all('customers')[0]?.id)
    const live = [...sandbox.worlds.live.all('charges')][0]?.id
    const charges = all('charges')
    const old = charges.at(-1) as StripeObject
    for (const [path, param, cursor] of [
      ['/v1/subscriptions', 'starting_after', subscription],
      ['/v1/subscriptions', 'ending_before', subscription],
      ['/v1/charges', 'starting_after', customer],
      ['/v1/charges', 'starting_after', live],
      ['/v1/charges', 'starting_after', 'ch_invented'],
      [`/v1/charges?created[gt]=${Number(old.created)}`, 'starting_after', old.id],
    ]) {
      const { status, json } = await call(sandbox, `${path}${path?.includes('?') ? '&' : '?'}${param}=${cursor}`)
      expect(status).toBe(400)
      expect(json.error).toMatchObject({ type: 'invalid_request_error', code: 'resource_missing', param })
      expect(json.error.message).toContain(`'${cursor}'`)
    }
    expect((await call(sandbox, `/v1/subscriptions?status=all&starting_after=${subscription}`)).status).toBe(200)
  })

  test('created filters are inclusive or exclusive to the second', async () => {
    const charges = all('charges')
    const time = Number(charges[600]?.created)
    const expected = (fits: (created: number) => boolean) => ids(charges.filter(({ created }) => fits(Number(created))))
    for (const [query, fits] of [
      [{ created: String(time) }, (created: number) => created === time],
      [{ 'created[gte]': String(time) }, (created: number) => created >= time],
      [{ 'created[gt]': String(time) }, (created: number) => created > time],
      [{ 'created[lte]': String(time) }, (created: number) => created <= time],
      [{ 'created[lt]': String(time) }, (created: number) => created < time],
      [
        { 'created[gte]': String(time - 500_000), 'created[lt]': String(time) },
        (created: number) => created >= time - 500_000 && created < time,
      ],
    ] as const) {
      expect(await walkIds(sandbox, '/v1/charges', { ...query })).toEqual(expected(fits))
    }
  })
})

describe('filters', () => {
  test('select by reference, and refuse an unknown one', async () => {
    const charges = all('charges')
    const customer = String(charges.find((charge) => charge.customer !== null)?.customer)
    const ofCustomer = ids(charges.filter((charge) => charge.customer === customer))
    expect(await walkIds(sandbox, '/v1/charges', { customer })).toEqual(ofCustomer)
    const { status, json } = await call(sandbox, '/v1/charges?customer=cus_none')
    expect(status).toBe(400)
    expect(json.error).toMatchObject({
      code: 'resource_missing',
      param: 'customer',
      message: "No such customer: 'cus_none'",
    })
    const refunds = all('refunds')
    const charge = String(refunds[3]?.charge)
    expect(await walkIds(sandbox, '/v1/refunds', { charge })).toEqual(
      ids(refunds.filter((refund) => refund.charge === charge)),
    )
    const intent = String(charges[5]?.payment_intent)
    expect(await walkIds(sandbox, '/v1/charges', { payment_intent: intent })).toEqual([charges[5]?.id])
  })

  test('select by plain values', async () => {
    const transactions = all('balance_transactions')
    expect(await walkIds(sandbox, '/v1/balance_transactions', { type: 'refund' })).toEqual(
      ids(transactions.filter(({ type }) => type === 'refund')),
    )
    expect(await walkIds(sandbox, '/v1/balance_transactions', { currency: 'krw' })).toEqual(
      ids(transactions.filter(({ currency }) => currency === 'krw')),
    )
    const booked = transactions.find(({ type }) => type === 'refund') as StripeObject
    expect(await walkIds(sandbox, '/v1/balance_transactions', { source: String(booked.source) })).toEqual([booked.id])
    const payout = transactions.find(({ type }) => type === 'payout') as StripeObject
    expect(await walkIds(sandbox, '/v1/balance_transactions', { source: String(payout.source) })).toEqual([payout.id])
    const email = String(all('customers').find((customer) => customer.email)?.email)
    expect((await walkIds(sandbox, '/v1/customers', { email })).length).toBeGreaterThan(0)
    expect(await walkIds(sandbox, '/v1/customers', { email: email.toUpperCase() })).toEqual([])
    const keyed = all('prices').filter(({ lookup_key }) => lookup_key !== null)
    const shown = await walkIds(sandbox, '/v1/prices', { 'lookup_keys[]': String(keyed[0]?.lookup_key) })
    expect(shown.length).toBeLessThanOrEqual(1)
    const once = await walkIds(sandbox, '/v1/prices', { type: 'one_time' })
    expect(once.length).toBeGreaterThan(0)
    expect(await walkIds(sandbox, '/v1/prices', { 'recurring[interval]': 'week' })).not.toEqual(once)
  })

  test('a parameter that the endpoint does not know is refused', async () => {
    for (const query of ['status=succeeded', 'foo=1', 'created[after]=1', 'metadata[a]=b']) {
      const { status, json } = await call(sandbox, `/v1/charges?${query}`)
      expect(status).toBe(400)
      expect(json.error).toMatchObject({ type: 'invalid_request_error', code: 'parameter_unknown' })
    }
  })

  test('bad values are refused with the parameter named', async () => {
    for (const [query, param] of [
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=ten', 'limit'],
      ['created=yesterday', 'created'],
      ['created[gte]=1.5', 'created[gte]'],
      ['customer=', 'customer'],
      ['starting_after=a&ending_before=b', 'ending_before'],
    ]) {
      const { status, json } = await call(sandbox, `/v1/charges?${query}`)
      expect(status).toBe(400)
      expect(json.error.param).toBe(param)
    }
    expect((await call(sandbox, '/v1/subscriptions?status=gone')).status).toBe(400)
    expect((await call(sandbox, '/v1/events?type=a&types[]=b')).status).toBe(400)
    const types = Array.from({ length: 21 }, () => 'types[]=charge.succeeded').join('&')
    expect((await call(sandbox, `/v1/events?${types}`)).status).toBe(400)
  })

  test('the default page has ten objects', async () => {
    const { json } = await call(sandbox, '/v1/charges')
    expect(json.data).toHaveLength(10)
    expect(json).toMatchObject({ object: 'list', has_more: true, url: '/v1/charges' })
  })
})

describe('nested lists and expansion', () => {
  test('subscriptions with more than ten items show ten and page the rest', async () => {
    const large = all('subscriptions').filter(
      (subscription) => Number((subscription.items as { total_count: number }).total_count) > 10,
    )
    expect(large.length).toBeGreaterThan(3)
    const id = String(large[0]?.id)
    const { json } = await call(sandbox, `/v1/subscriptions/${id}`)
    expect(json.items.data).toHaveLength(10)
    expect(json.items.has_more).toBe(true)
    const full = await walkIds(sandbox, '/v1/subscription_items', { subscription: id, limit: '4' })
    expect(full).toHaveLength(Number((large[0]?.items as { total_count: number }).total_count))
    expect(full.slice(0, 10)).toEqual(ids(json.items.data))
    expect((await call(sandbox, '/v1/subscription_items')).json.error.code).toBe('parameter_missing')
  })

  test('expands references, in both array spellings, down to four levels', async () => {
    for (const query of [
      'expand[]=data.customer&expand[]=data.balance_transaction',
      'expand[0]=data.customer&expand[1]=data.balance_transaction',
    ]) {
      const { json } = await call(sandbox, `/v1/charges?limit=30&${query}`)
      const paid = json.data.filter(
        (charge: StripeObject) => charge.customer !== null && charge.balance_transaction !== null,
      )
      expect(paid[0].customer.object).toBe('customer')
      expect(paid[0].balance_transaction.source).toBe(paid[0].id)
    }
    const deep = await call(sandbox, '/v1/refunds?expand[]=data.charge.balance_transaction.source')
    expect(deep.status).toBe(200)
    expect(deep.json.data[0].charge.balance_transaction.source.object).toBe('charge')
    expect((await call(sandbox, '/v1/refunds?expand[]=data.charge.balance_transaction.source.customer')).status).toBe(
      400,
    )
    expect((await call(sandbox, '/v1/charges?expand[]=data.amount')).status).toBe(400)
    expect((await call(sandbox, '/v1/charges?expand[]=data.nothing')).status).toBe(400)
  })

  test('refunds of a charge come by expansion and by their own list', async () => {
    const charge = String(all('charges').at(-1)?.id)
    const expected = ids(all('refunds').filter((refund) => refund.charge === charge))
    expect(expected.length).toBeGreaterThan(10)
    const { json } = await call(sandbox, `/v1/charges/${charge}?expand[]=refunds`)
    expect(ids(json.refunds.data)).toEqual(expected.slice(0, 10))
    expect(json.refunds.has_more).toBe(true)
    expect(await walkIds(sandbox, json.refunds.url)).toEqual(expected)
  })
})

test('retrieval answers 404 for unknown ids and paths, and says when the id is of the other mode', async () => {
  const unknown = await call(sandbox, '/v1/charges/ch_nothing')
  expect(unknown.status).toBe(404)
  expect(unknown.json.error).toMatchObject({
    code: 'resource_missing',
    param: 'id',
    message: "No such charge: 'ch_nothing'",
  })
  const live = [...sandbox.worlds.live.all('charges')][0]?.id
  expect((await call(sandbox, `/v1/charges/${live}`)).json.error.message).toContain('live mode')
  const path = await call(sandbox, '/v1/nonsense')
  expect(path.status).toBe(404)
  expect(path.json.error.message).toContain('Unrecognized request URL (GET: /v1/nonsense)')
  const deleted = all('customers').find((customer) => customer.deleted === true)
  const stub = await call(sandbox, `/v1/customers/${deleted?.id}`)
  expect(stub.status).toBe(200)
  expect(stub.json).toEqual({ id: deleted?.id, object: 'customer', deleted: true })
})
