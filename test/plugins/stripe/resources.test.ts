import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Source } from '../../../src/plugins/plugin.ts'
import { STRIPE_RESOURCES } from '../../../src/plugins/stripe/resources.ts'
import { createStripeSandbox } from '../../../src/sandbox/index.ts'
import type { Fault, StripeObject, StripeSandbox } from '../../../src/sandbox/index.ts'
import {
  DAY,
  dataOf,
  find,
  idsOf,
  itemsOf,
  NOW,
  openStripe,
  pricesOf,
  readObject,
  readPage,
  readPass,
  setItems,
  truth,
} from './open-stripe.ts'

let sandbox: StripeSandbox
let source: Source

beforeEach(async () => {
  sandbox = await createStripeSandbox({
    now: NOW,
    counts: { charges: 120, customers: 130, prices: 60, subscriptions: 300, refunds: 110, balance_transactions: 120 },
  })
  source = openStripe(sandbox)
})
afterEach(() => sandbox.close())

const isListed = ({ deleted, test_clock }: StripeObject) => deleted !== true && (test_clock ?? null) === null
const isLong = (subscription: StripeObject) => isListed(subscription) && itemsOf(subscription).length > 10

/** Gives the newest subscriptions more items than are inlined. */
const lengthen = (count: number, length = 11) => {
  for (const subscription of Array.from(sandbox.world.all('subscriptions')).filter(isListed).slice(0, count)) {
    const [item] = itemsOf(subscription)
    const items = Array.from({ length }, (_, place) => ({ ...item!, id: `si_${place}` }))
    setItems(sandbox, subscription.id, items)
  }
}

describe('list passes', () => {
  test.each([
    ['charges', 'charges'],
    ['refunds', 'refunds'],
    ['balance_transactions', 'balance_transactions'],
    ['customers', 'customers'],
    ['subscriptions, canceled ones too', 'subscriptions'],
  ] as const)('one pass shows all %s', async (_, name) => {
    expect(idsOf(await readPass(source, name, 'all'))).toEqual(truth(sandbox, name, isListed))
  })

  test('canceled subscriptions are there to be missed', () => {
    expect(truth(sandbox, 'subscriptions', (each) => isListed(each) && each.status === 'canceled')).not.toEqual([])
  })

  test.each([
    ['active', true],
    ['inactive', false],
  ] as const)('the %s pass of prices shows those with active %s', async (pass, active) => {
    const isInline = ({ id }: StripeObject) =>
      sandbox.world.plan.isPriceInline(sandbox.world.plan.ids.prices.decode(id)!)
    const expected = truth(sandbox, 'prices', (price) => price.active === active && !isInline(price))
    expect(expected.length).toBeGreaterThan(0)
    expect(idsOf(await readPass(source, 'prices', pass))).toEqual(expected)
  })

  test('a pass that the resource does not have is refused', async () => {
    await expect(readPage(source, 'charges', 'embedded')).rejects.toMatchObject({ reason: 'request' })
  })
})

describe('the embedded pass of prices', () => {
  const listedSubscriptions = () => Array.from(sandbox.world.all('subscriptions')).filter(isListed)
  const priceIds = (subscriptions: readonly StripeObject[]) =>
    new Set(subscriptions.flatMap(pricesOf).map(({ id }) => id))

  test('shows every price of every subscription item, inline ones and those beyond the tenth item too', async () => {
    const found = new Set(idsOf(await readPass(source, 'prices', 'embedded', { limit: 20 })))
    expect(found).toEqual(priceIds(listedSubscriptions()))
    const listed = [...(await readPass(source, 'prices', 'active')), ...(await readPass(source, 'prices', 'inactive'))]
    expect([...found].some((id) => !idsOf(listed).includes(id))).toBe(true)
    expect(listedSubscriptions().some(isLong)).toBe(true)
  })

  test('finds the price that a script made inline with a subscription', async () => {
    const [made] = sandbox.apply({
      type: 'create',
      resource: 'subscriptions',
      params: {
        items: [
          {
            price_data: {
              currency: 'usd',
              unit_amount: 777,
              recurring: { interval: 'month' },
              product: find(sandbox, 'prices').product,
            },
          },
        ],
      },
    })
    const { records } = await readPage(source, 'prices', 'embedded', { limit: 1 })
    expect(idsOf(records)).toEqual([...priceIds([made!])])
    expect(dataOf(records[0]!)).toMatchObject({ object: 'price', unit_amount: 777 })
  })

  test('yields a price once per page, as Stripe sent it and with its own creation time', async () => {
    const subscription = find(sandbox, 'subscriptions', isListed)
    const [item] = itemsOf(subscription)
    setItems(sandbox, subscription.id, [item!, { ...item!, id: 'si_second' }])
    const { records } = await readPage(source, 'prices', 'embedded', { limit: 1 })
    const price = item!.price as StripeObject
    expect(records.map(({ id, createdAt }) => ({ id, createdAt }))).toEqual([
      { id: price.id, createdAt: price.created },
    ])
    expect(price.created).not.toBe(subscription.created)
  })

  test('leaves deleted prices out and goes on behind a page without any', async () => {
    const subscription = find(sandbox, 'subscriptions', isListed)
    const [item] = itemsOf(subscription)
    const price: StripeObject = { id: 'price_gone', object: 'price', deleted: true }
    setItems(sandbox, subscription.id, [{ ...item!, price }])
    const first = await readPage(source, 'prices', 'embedded', { limit: 1 })
    expect(first.records).toEqual([])
    const second = await readPage(source, 'prices', 'embedded', { limit: 1, cursor: first.nextCursor })
    expect(new Set(idsOf(second.records))).toEqual(priceIds([listedSubscriptions()[1]!]))
  })

  test('takes its window from the subscriptions', async () => {
    const [newest, second] = listedSubscriptions()
    const window = { from: Number(second!.created), to: Number(newest!.created) }
    const within = listedSubscriptions().filter(
      ({ created }) => Number(created) >= window.from && Number(created) < window.to,
    )
    expect(new Set(idsOf(await readPass(source, 'prices', 'embedded', { window })))).toEqual(priceIds(within))
  })

  test('takes another subscription for its cursor when that is gone', async () => {
    const first = await readPage(source, 'prices', 'embedded', { limit: 3 })
    sandbox.apply({ type: 'remove', id: listedSubscriptions()[2]!.id })
    const second = await readPage(source, 'prices', 'embedded', { limit: 3, cursor: first.nextCursor })
    expect(new Set(idsOf(second.records))).toEqual(priceIds(listedSubscriptions().slice(2, 5)))
  })
})

describe('nested lists', () => {
  const completeItems = (data: StripeObject) => {
    const { data: items, has_more } = data.items as { data: StripeObject[]; has_more: boolean }
    return { ids: items.map(({ id }) => id), has_more }
  }
  const expected = (subscription: StripeObject) => ({
    ids: itemsOf(subscription).map(({ id }) => id),
    has_more: false,
  })

  test('the items of every listed subscription are complete, the subscriptions in list order', async () => {
    const records = await readPass(source, 'subscriptions', 'all')
    const listed = Array.from(sandbox.world.all('subscriptions')).filter(isListed)
    expect(listed.filter(isLong).length).toBeGreaterThan(2)
    expect(records.map((record) => completeItems(dataOf(record)))).toEqual(listed.map(expected))
  })

  test('the items of a subscription that is read by its id are complete', async () => {
    const subscription = find(sandbox, 'subscriptions', isLong)
    const reading = await readObject(source, 'subscriptions', subscription.id)
    if (reading.state !== 'present') throw new Error(reading.state)
    expect(completeItems(dataOf(reading.record))).toEqual(expected(subscription))
  })

  test('a subscription is the same record from a list and by its id', async () => {
    const subscription = find(sandbox, 'subscriptions', isLong)
    const listed = (await readPass(source, 'subscriptions', 'all')).find(({ id }) => id === subscription.id)
    expect(await readObject(source, 'subscriptions', subscription.id)).toEqual({ state: 'present', record: listed })
  })

  test('those of a page are read side by side, a few at once', async () => {
    lengthen(12)
    sandbox.latency = { latencyMs: 20, latencyTailPercent: 0, latencyTailMs: 0 }
    await readPage(source, 'subscriptions', 'all', { limit: 12 })
    expect(sandbox.journal.count({ path: '/v1/subscription_items' })).toBe(12)
    const most = sandbox.journal.maxConcurrency({ path: '/v1/subscription_items' })
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(5)
  })

  test('a nested cursor that is gone is an entry less, and what follows it is there', async () => {
    const subscription = find(sandbox, 'subscriptions', isListed)
    const [item] = itemsOf(subscription)
    const many = Array.from({ length: 130 }, (_, place) => ({ ...item!, id: `si_${place}` }))
    setItems(sandbox, subscription.id, many)
    const left = many.filter(({ id }) => id !== 'si_99')
    const items = { ...(subscription.items as object), data: left }
    sandbox.faults.add({
      match: { path: '/v1/subscription_items', params: { starting_after: 'si_99' } },
      fault: { kind: 'action', actions: [{ type: 'patch', id: subscription.id, fields: { items }, silent: true }] },
    })
    const { records } = await readPage(source, 'subscriptions', 'all', { limit: 1 })
    expect(completeItems(dataOf(records[0]!))).toEqual({ ids: left.map(({ id }) => id), has_more: false })
  })
})

describe('a nested list that cannot be read', () => {
  const NESTED = '/v1/subscription_items'

  const SECOND_PAGE = { path: NESTED, params: { starting_after: 'si_99' } }

  test.each<[string, Fault]>([
    ['an error', { kind: 'status', status: 500 }],
    ['a lock', { kind: 'status', status: 429 }],
    ['a connection that breaks', { kind: 'reset' }],
  ])('is asked for again where %s kept it from being read', async (_name, fault) => {
    lengthen(1, 130)
    sandbox.faults.add({ match: SECOND_PAGE, times: 2, fault })
    const { records } = await readPage(source, 'subscriptions', 'all', { limit: 1 })
    expect(itemsOf(dataOf(records[0]!) as StripeObject)).toHaveLength(130)
    expect(sandbox.journal.count({ path: NESTED })).toBe(4)
  })

  test('is left to the host when it goes on failing', async () => {
    lengthen(1, 130)
    sandbox.faults.add({ match: SECOND_PAGE, times: null, fault: { kind: 'status', status: 500 } })
    await expect(readPage(source, 'subscriptions', 'all', { limit: 1 })).rejects.toMatchObject({
      reason: 'unavailable',
    })
    expect(sandbox.journal.count({ path: NESTED })).toBe(5)
  })

  test('is not asked for again when Stripe says that it is of no use', async () => {
    lengthen(1, 130)
    const fault: Fault = { kind: 'status', status: 500, shouldRetry: false }
    sandbox.faults.add({ match: SECOND_PAGE, times: null, fault })
    await expect(readPage(source, 'subscriptions', 'all', { limit: 1 })).rejects.toMatchObject({ reason: 'request' })
    expect(sandbox.journal.count({ path: NESTED })).toBe(2)
  })

  test('keeps the rest of the page from being read in vain', async () => {
    lengthen(20)
    sandbox.faults.add({ match: { path: NESTED }, times: null, fault: { kind: 'status', status: 500 } })
    await expect(readPage(source, 'subscriptions', 'all', { limit: 20 })).rejects.toMatchObject({
      reason: 'unavailable',
    })
    // Requests after those under way show whether others were still to come.
    for (let each = 0; each < 5; each++) await readPage(source, 'charges', 'all', { limit: 1 })
    expect(sandbox.journal.count({ path: NESTED })).toBeLessThanOrEqual(5 * 4)
  })
})

describe('deletion', () => {
  test('a deleted customer is known to be deleted', async () => {
    const customer = find(sandbox, 'customers', isListed)
    sandbox.apply({ type: 'delete', id: customer.id })
    expect(await readObject(source, 'customers', customer.id)).toEqual({ state: 'deleted' })
  })

  test('a deleted price is known to be deleted', async () => {
    const price = find(sandbox, 'prices')
    sandbox.apply({ type: 'delete', id: price.id })
    expect(await readObject(source, 'prices', price.id)).toEqual({ state: 'deleted' })
  })

  test('a canceled subscription is no deleted one', async () => {
    const { id } = find(sandbox, 'subscriptions', ({ status }) => status === 'active')
    sandbox.apply({ type: 'delete', id })
    const reading = await readObject(source, 'subscriptions', id)
    expect(reading).toMatchObject({ state: 'present', record: { record: { data: { status: 'canceled' } } } })
  })

  test.each(['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices'] as const)(
    'an id that Stripe does not know among %s is unknown',
    async (name) => {
      const { id } = find(sandbox, name)
      sandbox.apply({ type: 'remove', id })
      expect(await readObject(source, name, id)).toEqual({ state: 'unknown' })
    },
  )
})

describe('creation and maturity', () => {
  test.each(['charges', 'subscriptions', 'refunds', 'customers'] as const)(
    'records of %s tell their creation and are never revisited',
    async (name) => {
      const records = await readPass(source, name, 'all')
      const expected = Array.from(sandbox.world.all(name)).filter(isListed)
      expect(records.map(({ id, createdAt, revisitAt }) => ({ id, createdAt, revisitAt }))).toEqual(
        expected.map(({ id, created }) => ({ id, createdAt: created, revisitAt: null })),
      )
    },
  )

  test('a pending balance transaction is revisited when its money becomes available, and then no more', async () => {
    sandbox.apply({ type: 'create', resource: 'charges' })
    const transaction = find(sandbox, 'balance_transactions')
    const available = Number(transaction.available_on)
    expect(available).toBeGreaterThan(NOW + 2 * DAY)
    const [pending] = (await readPage(source, 'balance_transactions', 'all', { limit: 1 })).records
    expect(pending).toMatchObject({ id: transaction.id, createdAt: NOW, revisitAt: available })
    sandbox.clock.set(available)
    const reading = await readObject(source, 'balance_transactions', transaction.id)
    expect(reading).toMatchObject({
      state: 'present',
      record: { revisitAt: null, record: { data: { status: 'available' } } },
    })
  })
})

test.each(Object.values(STRIPE_RESOURCES))('$resourcePath is read at the rate of its path', (resource) => {
  const paths = [resource.listPath, ...resource.nestedLists.map(({ listPath }) => listPath)]
  const rates = paths.map((path) => (path.endsWith('/search') ? 'search' : 'endpoint'))
  expect(new Set(rates)).toEqual(new Set([resource.rateClass]))
})

describe('permissions', () => {
  const NAMES = [
    ['charges', 'all', 'rak_charge_read'],
    ['subscriptions', 'all', 'rak_subscription_read'],
    ['refunds', 'all', 'rak_refund_read'],
    ['balance_transactions', 'all', 'rak_balance_transaction_read'],
    ['customers', 'all', 'rak_customer_read'],
    ['prices', 'active', 'rak_price_read'],
    ['prices', 'inactive', 'rak_price_read'],
    ['prices', 'embedded', 'rak_subscription_read'],
  ] as const
  const CLOSED = 'rk_test_closed'

  test.each(NAMES)('%s, pass %s: the permission that Stripe names is told once', async (path, pass, permission) => {
    sandbox.keys.add({ key: CLOSED, permissions: {} })
    const work = readPage(openStripe(sandbox, { key: CLOSED }), path, pass)
    const error: unknown = await work.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ reason: 'permission', status: 403 })
    expect(String(error).match(/rak_\w+/g)).toEqual([permission])
  })

  test.each(NAMES)('%s, pass %s: a refusal without a name is given one', async (path, pass, permission) => {
    sandbox.faults.add({ fault: { kind: 'status', status: 403, message: 'Not for you.' } })
    await expect(readPage(source, path, pass)).rejects.toMatchObject({
      reason: 'permission',
      message: `Stripe answered 403: Not for you. (needs ${permission})`,
    })
  })

  test('reading by id names the permission too', async () => {
    sandbox.faults.add({ fault: { kind: 'status', status: 403, message: 'Not for you.' } })
    const work = readObject(source, 'refunds', find(sandbox, 'refunds').id)
    await expect(work).rejects.toThrow('(needs rak_refund_read)')
  })

  test('a key that may not read subscriptions reads the listed prices', async () => {
    sandbox.keys.add({ key: CLOSED, permissions: { price: 'read' } })
    const closed = openStripe(sandbox, { key: CLOSED })
    expect((await readPage(closed, 'prices', 'active')).records).not.toEqual([])
    await expect(readPage(closed, 'prices', 'embedded')).rejects.toThrow('rak_subscription_read')
  })

  test('a key that Stripe does not know is a fault of the credential', async () => {
    const work = readPage(openStripe(sandbox, { key: 'sk_test_unknown' }), 'charges', 'all')
    await expect(work).rejects.toMatchObject({ reason: 'credential', status: 401 })
  })
})
