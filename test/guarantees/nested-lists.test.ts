import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Fault, StripeObject } from '../../src/sandbox/index.ts'
import { DAY, itemsOf, listed, NO_DRIFT, openAccount, pick, pricesOf, type Account, type Copy } from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

const isLong = (subscription: StripeObject) => itemsOf(subscription).length > 10
const isLongAndOpen = (subscription: StripeObject) => isLong(subscription) && subscription.status !== 'canceled'

/** The items that the dataset has of a subscription, and whether it says that there are more. */
const copiedItems = async (copy: Copy, id: string) => {
  const items = (await copy.record(id))?.items as { data: StripeObject[]; has_more: boolean } | undefined
  return { data: items?.data ?? [], has_more: items?.has_more }
}

describe('subscriptions with more items than are inlined', () => {
  test('are complete after the first run', async () => {
    const long = listed(account.sandbox.world, 'subscriptions').filter(isLong)
    expect(long.length).toBeGreaterThan(3)
    const copy = await account.copy('subscriptions')
    for (const subscription of long) {
      const { data, has_more } = await copiedItems(copy, subscription.id)
      expect(data.map(({ id }) => id)).toEqual(itemsOf(subscription).map(({ id }) => id))
      expect(has_more).toBe(false)
    }
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test.each<[string, number, Fault & { status: number }]>([
    ['Stripe asks to wait before', 33, { kind: 'status', status: 429, reason: 'endpoint-rate', retryAfter: 1 }],
    ['an error answers', 33, { kind: 'status', status: 503 }],
  ])('are complete without a second reading of their page when %s %d percent of their requests', async (...given) => {
    const [, percent, fault] = given
    account.sandbox.faults.add({ match: { path: '/v1/subscription_items' }, times: null, percent, fault })
    const copy = await account.copy('subscriptions')
    expect(account.sandbox.journal.count({ path: '/v1/subscription_items', status: fault.status })).toBeGreaterThan(0)
    const pages = Math.ceil(listed(account.sandbox.world, 'subscriptions').length / 100)
    expect(account.sandbox.journal.count({ path: '/v1/subscriptions' })).toBe(pages)
    account.sandbox.faults.clear()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('are complete when they are new', async () => {
    const copy = await account.copy('subscriptions')
    const { world } = account.sandbox
    const price = listed(world, 'prices').find(({ active, recurring }) => active === true && recurring !== null)!
    const items = Array.from({ length: 20 }, () => ({ price: price.id }))
    const [made] = account.sandbox.apply({ type: 'create', resource: 'subscriptions', params: { items } })
    await copy.run()
    const { data, has_more } = await copiedItems(copy, made!.id)
    expect([data.length, has_more]).toEqual([20, false])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('have the new state of an item beyond the tenth after the next run', async () => {
    const copy = await account.copy('subscriptions')
    const subscription = pick(account.sandbox, 'subscriptions', isLongAndOpen)
    const last = itemsOf(subscription).at(-1)!
    account.sandbox.apply({
      type: 'update',
      id: subscription.id,
      params: { items: [{ id: last.id, quantity: 4711 }] },
    })
    const { delivered } = await copy.run()
    expect(delivered.map(({ id }) => id)).toEqual([subscription.id])
    const { data, has_more } = await copiedItems(copy, subscription.id)
    expect(data.at(-1)).toMatchObject({ id: last.id, quantity: 4711 })
    expect(has_more).toBe(false)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('lose an item beyond the tenth that was taken away', async () => {
    const copy = await account.copy('subscriptions')
    const subscription = pick(account.sandbox, 'subscriptions', isLongAndOpen)
    const last = itemsOf(subscription).at(-1)!
    account.sandbox.apply({ type: 'update', id: subscription.id, params: { items: [{ id: last.id, deleted: true }] } })
    await copy.run()
    expect((await copiedItems(copy, subscription.id)).data.map(({ id }) => id)).not.toContain(last.id)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('have the items of when they are listed anew after a long silence', async () => {
    const copy = await account.copy('subscriptions')
    const subscription = listed(account.sandbox.world, 'subscriptions').findLast(isLongAndOpen)!
    const last = itemsOf(subscription).at(-1)!
    account.sandbox.apply({ type: 'update', id: subscription.id, params: { items: [{ id: last.id, quantity: 4711 }] } })
    account.pass(40 * DAY)
    await copy.run()
    expect((await copiedItems(copy, subscription.id)).data.at(-1)).toMatchObject({ quantity: 4711 })
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('are complete although the first requests for their items fail', async () => {
    const copy = await account.follow('subscriptions')
    account.sandbox.faults.add({
      match: { path: '/v1/subscription_items' },
      fault: { kind: 'status', status: 503 },
      times: 2,
    })
    expect((await copy.first()).status).toBe('success')
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

test('a subscription has the new state of a price in its items, although Stripe announces only the price’s', async () => {
  const copy = await account.copy('subscriptions')
  const oldest = listed(account.sandbox.world, 'subscriptions').at(-1)!
  const [price] = pricesOf(oldest)
  account.sandbox.apply({ type: 'update', id: price!.id, params: { nickname: 'renamed' } })
  await copy.run()
  const { data } = await copiedItems(copy, oldest.id)
  expect(data[0]?.price).toMatchObject({ nickname: 'renamed' })
})

test('prices beyond the tenth item are taken from a new subscription', async () => {
  const copy = await account.copy('prices')
  const product = pick(account.sandbox, 'prices').product
  const inline = (unit_amount: number) => ({
    price_data: { currency: 'usd', unit_amount, recurring: { interval: 'month' }, product },
  })
  const items = Array.from({ length: 15 }, (_, place) => inline(100 + place))
  const [made] = account.sandbox.apply({ type: 'create', resource: 'subscriptions', params: { items } })
  const { delivered } = await copy.run()
  expect(delivered.map(({ id }) => id).toSorted()).toEqual(
    pricesOf(made!)
      .map(({ id }) => id)
      .toSorted(),
  )
})

test('a price in an item beyond the tenth of an old subscription is taken when the item is new', async () => {
  const copy = await account.copy('prices')
  const subscription = listed(account.sandbox.world, 'subscriptions').findLast(
    (each) => isLongAndOpen(each) && itemsOf(each).length < 20,
  )!
  const product = pick(account.sandbox, 'prices').product
  const price_data = { currency: 'usd', unit_amount: 4711, recurring: { interval: 'month' }, product }
  const [updated] = account.sandbox.apply({ type: 'update', id: subscription.id, params: { items: [{ price_data }] } })
  const { delivered } = await copy.run()
  expect(delivered.map(({ id }) => id)).toEqual([pricesOf(updated!).at(-1)!.id])
})
