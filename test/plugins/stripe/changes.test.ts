import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Source } from '../../../src/plugins/plugin.ts'
import { createStripeSandbox } from '../../../src/sandbox/index.ts'
import type { StripeObject, StripeSandbox } from '../../../src/sandbox/index.ts'
import { DAY, find, itemsOf, NOW, openStripe, pricesOf, readChangePage, readChanges, setItems } from './open-stripe.ts'

let sandbox: StripeSandbox
let source: Source

beforeEach(async () => {
  sandbox = await createStripeSandbox({
    now: NOW,
    counts: { charges: 10, customers: 130, prices: 60, subscriptions: 130, refunds: 4 },
  })
  source = openStripe(sandbox)
})
afterEach(() => sandbox.close())

const CAUSE = { requestId: null, idempotencyKey: null }
const isLong = (subscription: StripeObject) => itemsOf(subscription).length > 10

/** Makes an event whose snapshot is any object, also of a kind that the sandbox keeps no list of. */
function emit(type: string, snapshot: StripeObject): StripeObject {
  return sandbox.world.emit(type, snapshot, CAUSE)
}

const objectIds = async (resourcePath: string) =>
  (await readChanges(source, resourcePath)).map((change) => change.objectIds)

describe('the object that an event names', () => {
  const types = (prefix: string, actions: string) => actions.split(' ').map((action) => `${prefix}.${action}`)

  const OWN = [
    ['charges', types('charge', 'succeeded pending failed captured expired refunded updated')],
    [
      'subscriptions',
      types(
        'customer.subscription',
        'created updated deleted paused resumed pending_update_applied pending_update_expired trial_will_end',
      ),
    ],
    ['refunds', ['refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated']],
    ['customers', types('customer', 'created updated deleted')],
    ['prices', types('price', 'created updated deleted')],
  ] as const

  describe.each(OWN)('of %s', (resourcePath, own) => {
    test.each(own)('%s names its own object', async (type) => {
      const object = find(sandbox, resourcePath)
      emit(type, object)
      expect(await objectIds(resourcePath)).toEqual([[object.id]])
    })
  })

  const CHILDREN = [
    [
      'charges',
      'dispute',
      'charge',
      types('charge.dispute', 'created updated closed funds_reinstated funds_withdrawn'),
    ],
    ['charges', 'refund', 'charge', ['refund.created', 'refund.updated', 'refund.failed', 'charge.refund.updated']],
    ['customers', 'discount', 'customer', types('customer.discount', 'created updated deleted')],
    ['customers', 'card', 'customer', types('customer.source', 'created updated deleted expiring')],
    ['customers', 'tax_id', 'customer', types('customer.tax_id', 'created updated deleted')],
  ] as const

  describe.each(CHILDREN)('of %s by a %s, in its member %s', (resourcePath, object, member, children) => {
    test.each(children)('%s names the parent', async (type) => {
      emit(type, { id: 'child_1', object, [member]: 'parent_1' })
      expect(await objectIds(resourcePath)).toEqual([['parent_1']])
    })

    test('an expanded parent is named by its id', async () => {
      emit(children[0], { id: 'child_1', object, [member]: { id: 'parent_1', object: member } })
      expect(await objectIds(resourcePath)).toEqual([['parent_1']])
    })

    test('a child without a parent names nothing', async () => {
      emit(children[0], { id: 'child_1', object, [member]: null })
      emit(children[0], { id: 'child_2', object })
      expect(await objectIds(resourcePath)).toEqual([[], []])
    })
  })

  describe('of prices by a subscription', () => {
    const item = (price: StripeObject | undefined) => ({ id: 'si_1', object: 'subscription_item', price })
    const subscription = (...items: StripeObject[]): StripeObject => ({
      id: 'sub_1',
      object: 'subscription_snapshot',
      items: { object: 'list', data: items, has_more: false },
    })

    test.each(['customer.subscription.created', 'customer.subscription.updated'])(
      '%s names the price of each item once',
      async (type) => {
        const [one, two] = ['price_1', 'price_2'].map((id) => item({ id, object: 'price' }))
        emit(type, subscription(one!, two!, one!))
        expect(await objectIds('prices')).toEqual([['price_1', 'price_2']])
      },
    )

    test('an old snapshot names its plans', async () => {
      const old = { id: 'si_1', object: 'subscription_item', plan: { id: 'gold', object: 'plan' } }
      emit('customer.subscription.updated', subscription(old))
      expect(await objectIds('prices')).toEqual([['gold']])
    })

    test('a snapshot without items names nothing', async () => {
      emit('customer.subscription.updated', { id: 'sub_1', object: 'subscription_snapshot' })
      expect(await objectIds('prices')).toEqual([[]])
    })

    test('items that the snapshot cuts off are read, once for all events of a page', async () => {
      const long = find(sandbox, 'subscriptions', isLong)
      emit('customer.subscription.created', long)
      emit('customer.subscription.updated', long)
      const expected = [...new Set(pricesOf(long).map(({ id }) => id))]
      expect(await objectIds('prices')).toEqual([expected, expected])
      expect(sandbox.journal.count({ path: '/v1/subscription_items' })).toBe(1)
    })

    test('an item that has gone since still counts', async () => {
      const long = find(sandbox, 'subscriptions', isLong)
      emit('customer.subscription.updated', long)
      const [first, ...rest] = itemsOf(long)
      setItems(sandbox, long.id, rest)
      const [ids] = await objectIds('prices')
      expect(ids).toContain((first!.price as StripeObject).id)
    })

    test('a key that may not read subscriptions gets the prices in the snapshot', async () => {
      sandbox.keys.add({ key: 'rk_test_prices', permissions: { price: 'read', event: 'read' } })
      const long = find(sandbox, 'subscriptions', isLong)
      emit('customer.subscription.updated', long)
      const [change] = await readChanges(openStripe(sandbox, { key: 'rk_test_prices' }), 'prices')
      expect(change?.objectIds).toEqual([
        ...new Set(
          pricesOf(long)
            .slice(0, 10)
            .map(({ id }) => id),
        ),
      ])
      expect(change?.refusedPass).toBe('embedded')
    })

    test('a key that may read them, or a subscription that is gone, leaves nothing to ask for again', async () => {
      const long = find(sandbox, 'subscriptions', isLong)
      emit('customer.subscription.updated', long)
      emit('customer.subscription.updated', { ...long, id: 'sub_gone' })
      const changes = await readChanges(source, 'prices')
      expect(changes.map(({ refusedPass }) => refusedPass)).toEqual([undefined, undefined])
    })
  })
})

describe('the change feed', () => {
  test.each([
    ['charges', 16],
    ['subscriptions', 9],
    ['refunds', 4],
    ['customers', 13],
    ['prices', 5],
  ] as const)('asks for the types of %s and no other, %i of them', async (resourcePath, count) => {
    await readChangePage(source, resourcePath)
    const [request] = sandbox.journal.entries({ path: '/v1/events' })
    expect(request?.params.types).toHaveLength(count)
    emit('product.created', { id: 'prod_1', object: 'product' })
    expect(await readChanges(source, resourcePath)).toEqual([])
  })

  test('balance transactions have none, without a request', async () => {
    await expect(readChangePage(source, 'balance_transactions')).rejects.toMatchObject({ reason: 'request' })
    expect(sandbox.journal.total).toBe(0)
  })

  test('an entry has the id and the time of its event', async () => {
    const { id } = find(sandbox, 'customers', ({ deleted }) => deleted !== true)
    sandbox.apply({ type: 'update', id, params: { name: 'Ada' } })
    const event = find(sandbox, 'events')
    expect(await readChanges(source, 'customers')).toEqual([
      { changeId: event.id, type: 'customer.updated', createdAt: NOW, objectIds: [id], listPasses: [] },
    ])
  })

  test('a refund names its charge twice, by an event of its own and by one of the charge', async () => {
    const charge = find(sandbox, 'charges', ({ amount_captured }) => Number(amount_captured) > 1)
    sandbox.apply({ type: 'create', resource: 'refunds', params: { charge: charge.id, amount: 1 } })
    expect(await objectIds('charges')).toEqual([[charge.id], [charge.id]])
  })

  test('its window takes events from the first second to before the last', async () => {
    const events: StripeObject[] = []
    for (const second of [0, 1, 2, 3]) {
      sandbox.clock.set(NOW + second)
      events.push(emit('charge.updated', { id: `ch_${second}`, object: 'charge' }))
    }
    const changes = await readChanges(source, 'charges', { window: { from: NOW + 1, to: NOW + 3 } })
    expect(changes.map(({ changeId }) => changeId)).toEqual([events[2]!.id, events[1]!.id])
  })

  test('pages follow each other, newest first, through events of one second', async () => {
    const events = Array.from({ length: 7 }, (_, place) =>
      emit('charge.updated', { id: `ch_${place}`, object: 'charge' }),
    )
    const first = await readChangePage(source, 'charges', { limit: 3 })
    expect(first.changes).toHaveLength(3)
    const all = await readChanges(source, 'charges', { limit: 3 })
    expect(all.map(({ changeId }) => changeId)).toEqual(events.map(({ id }) => id).reverse())
  })

  test('a cursor whose event is gone misses nothing', async () => {
    const events = Array.from({ length: 7 }, (_, place) =>
      emit('charge.updated', { id: `ch_${place}`, object: 'charge' }),
    )
    const { nextCursor } = await readChangePage(source, 'charges', { limit: 3 })
    sandbox.apply({ type: 'remove', id: events[4]!.id })
    const rest = await readChangePage(source, 'charges', { cursor: nextCursor })
    const ids = events.slice(0, 4).map(({ id }) => id)
    expect(rest.changes.map(({ changeId }) => changeId)).toEqual(ids.reverse())
  })

  test('when every event that the cursor knows is out of reach the feed ends', async () => {
    for (let place = 0; place < 7; place++) emit('charge.updated', { id: `ch_${place}`, object: 'charge' })
    const { nextCursor } = await readChangePage(source, 'charges', { limit: 3 })
    sandbox.clock.set(NOW + 31 * DAY)
    expect(await readChangePage(source, 'charges', { cursor: nextCursor })).toEqual({ changes: [], nextCursor: null })
  })

  test('a key that may not read events is refused by the name of that permission', async () => {
    const work = readChangePage(openStripe(sandbox, { key: 'rk_test_charges_only' }), 'charges')
    await expect(work).rejects.toMatchObject({ reason: 'permission' })
    await expect(work).rejects.toThrow('rak_event_read')
    sandbox.faults.add({ fault: { kind: 'status', status: 403, message: 'Not for you.' } })
    await expect(readChangePage(source, 'charges')).rejects.toThrow('(needs rak_event_read)')
  })
})
