import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  idsThere,
  isInline,
  listed,
  NO_DRIFT,
  openAccount,
  pick,
  pricesOf,
  RESOURCES,
  type Account,
} from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

/** What makes a new inline price. */
const inlinePrice = () => ({
  price_data: {
    currency: 'usd',
    unit_amount: 777,
    recurring: { interval: 'month' },
    product: pick(account.sandbox, 'prices').product,
  },
})

/** Adds an item with an inline price to the oldest subscription, and answers the price's id. */
const addInlinePrice = () => {
  const { world } = account.sandbox
  const oldest = listed(world, 'subscriptions').findLast(({ status }) => status === 'active')!
  const [updated] = account.sandbox.apply({ type: 'update', id: oldest.id, params: { items: [inlinePrice()] } })
  return pricesOf(updated!).at(-1)!.id
}

describe('a first run', () => {
  test.each(RESOURCES)('copies every object of %s, each once and as Stripe shows it', async (resource) => {
    const copy = await account.follow(resource)
    const { status, delivered } = await copy.first()
    expect(status).toBe('success')
    const ids = delivered.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids.toSorted()).toEqual(idsThere(account.sandbox.world, resource).toSorted())
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('shows canceled subscriptions', async () => {
    const copy = await account.copy('subscriptions')
    const canceled = listed(account.sandbox.world, 'subscriptions').filter(({ status }) => status === 'canceled')
    expect(canceled.length).toBeGreaterThan(10)
    const shown = (await copy.records()).filter(({ record }) => record.data.status === 'canceled')
    expect(shown.map(({ id }) => id).toSorted()).toEqual(canceled.map(({ id }) => id).toSorted())
  })

  test('shows inactive prices and those made inline with a subscription', async () => {
    const copy = await account.copy('prices')
    const records = await copy.records()
    expect(records.filter(({ record }) => record.data.active === false).length).toBeGreaterThan(10)
    const { world } = account.sandbox
    const inline = listed(world, 'prices').filter((price) => isInline(world, price))
    const shown = new Set(records.map(({ id }) => id))
    expect(inline.filter(({ id }) => shown.has(id)).length).toBeGreaterThan(10)
  })

  test('shows all objects of a second that holds more than one page of them', async () => {
    const { sandbox } = account
    sandbox.clock.set(sandbox.clock.now() - 3600)
    const made = sandbox.apply({ type: 'create', resource: 'customers', count: 330 })
    const copy = await account.copy('customers')
    const shown = new Set((await copy.records()).map(({ id }) => id))
    expect(made.filter(({ id }) => !shown.has(id))).toEqual([])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

describe('a key that may not read subscriptions', () => {
  const key = 'rk_test_5d02b8e61f7c94a3'
  const permissions = { price: 'read', event: 'read' } as const

  test('gets the prices that only these show as soon as it may, by listing them from the beginning just once', async () => {
    const { keys, world } = account.sandbox
    keys.add({ key, permissions })
    const copy = await account.follow('prices', { accessToken: key })
    const { status, notes } = await copy.first()
    expect({ status, notes }).toEqual({ status: 'success', notes: [expect.stringContaining('rak_subscription_read')] })
    account.pass(600)
    expect((await copy.run()).status).toBe('success')
    expect((await copy.drift()).missing).not.toEqual([])
    const asked = account.sandbox.journal.count({ path: '/v1/subscriptions' })

    keys.add({ key, permissions: { ...permissions, subscription: 'read' } })
    account.pass(600)
    expect(await copy.run()).toMatchObject({ status: 'success', notes: [] })
    expect(await copy.drift()).toEqual(NO_DRIFT)
    const pages = Math.ceil(listed(world, 'subscriptions').length / 100)
    expect(account.sandbox.journal.count({ path: '/v1/subscriptions' })).toBe(asked + pages)
    account.pass(600)
    expect((await copy.run()).delivered).toEqual([])
    // From now on only the newest are listed again.
    expect(account.sandbox.journal.count({ path: '/v1/subscriptions' })).toBe(asked + pages + 1)
  })
})

describe('a later run', () => {
  test('takes the inline price of a new subscription', async () => {
    const copy = await account.copy('prices')
    const [made] = account.sandbox.apply({
      type: 'create',
      resource: 'subscriptions',
      params: { items: [inlinePrice()] },
    })
    const { delivered } = await copy.run()
    expect(delivered.map(({ id }) => id)).toEqual([pricesOf(made!)[0]!.id])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('takes the inline price of a new item of an old subscription', async () => {
    const copy = await account.copy('prices')
    const id = addInlinePrice()
    const { delivered } = await copy.run()
    expect(delivered.map((item) => item.id)).toEqual([id])
  })

  test('takes an inline price that is newer than the end of its window, once the window has come so far', async () => {
    account.clock.move(-3600)
    const copy = await account.copy('prices')
    account.sandbox.clock.advance(600)
    const id = addInlinePrice()
    await copy.run()
    account.pass(7200)
    await copy.run()
    expect(await copy.record(id)).toMatchObject({ unit_amount: 777 })
  })

  test('takes the new state of a price that no list shows', async () => {
    const copy = await account.copy('prices')
    const inline = pick(
      account.sandbox,
      'prices',
      (price) => isInline(account.sandbox.world, price) && idsThere(account.sandbox.world, 'prices').includes(price.id),
    )
    account.sandbox.apply({ type: 'update', id: inline.id, params: { nickname: 'renamed' } })
    await copy.run()
    expect(await copy.record(inline.id)).toMatchObject({ nickname: 'renamed' })
  })

  test('shows a subscription that was canceled since as canceled', async () => {
    const copy = await account.copy('subscriptions')
    const { id } = pick(account.sandbox, 'subscriptions', ({ status }) => status === 'active')
    account.sandbox.apply({ type: 'delete', id })
    const { delivered } = await copy.run()
    expect(delivered).toMatchObject([{ id, op: 'upsert', record: { data: { status: 'canceled' } } }])
  })

  test('shows a price that was archived since as inactive', async () => {
    const copy = await account.copy('prices')
    const { id } = pick(account.sandbox, 'prices', ({ active }) => active === true)
    account.sandbox.apply({ type: 'update', id, params: { active: false } })
    const { delivered } = await copy.run()
    expect(delivered).toMatchObject([{ id, op: 'upsert', record: { data: { active: false } } }])
  })
})
