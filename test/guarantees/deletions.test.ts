import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  listed,
  NO_DRIFT,
  openAccount,
  pick,
  pickListedFirst,
  secondPage,
  type Account,
  type Copy,
  type Resource,
} from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

const oldest = (resource: Resource) => listed(account.sandbox.world, resource).at(-1)!
const remove = (id: string) => account.sandbox.apply({ type: 'delete', id })

/** The tombstone of an object in the dataset. */
const tombstone = async (copy: Copy, id: string) =>
  (await copy.records('limit=1000&includeDeleted=true')).find((item) => item.id === id && item.op === 'delete')

describe.each(['customers', 'prices'] as const)('one of the %s that is deleted', (resource) => {
  test('is delivered as deleted once, and leaves a tombstone', async () => {
    const copy = await account.copy(resource)
    const { id } = oldest(resource)
    remove(id)
    const { delivered, counts } = await copy.run()
    expect(delivered).toEqual([expect.objectContaining({ id, op: 'delete', resourcePath: resource })])
    expect(delivered[0]).not.toHaveProperty('record')
    expect(counts).toMatchObject({ deletedRecordCount: 1, outputRecordCount: 1 })
    expect(await copy.record(id)).toBeUndefined()
    expect(await tombstone(copy, id)).toBeDefined()
    expect(await copy.drift()).toEqual(NO_DRIFT)
    expect((await copy.run()).delivered).toEqual([])
  })

  test('is not brought back by events that still tell of it as it was', async () => {
    const copy = await account.copy(resource)
    const { id } = oldest(resource)
    const eventType = resource === 'customers' ? 'customer.updated' : 'price.updated'
    account.sandbox.apply({ type: 'event', id, eventType })
    remove(id)
    await copy.run()
    account.sandbox.clock.advance(60)
    account.clock.move(60)
    account.sandbox.apply({ type: 'event', id, eventType })
    expect((await copy.run()).delivered).toEqual([])
    expect(await tombstone(copy, id)).toBeDefined()
  })

  test('during the first run, before it was read, is never delivered', async () => {
    const { id } = oldest(resource)
    account.sandbox.faults.add({
      match: { path: `/v1/${resource}` },
      fault: { kind: 'action', actions: [{ type: 'delete', id }] },
    })
    const copy = await account.follow(resource)
    expect((await copy.first()).delivered.map((item) => item.id)).not.toContain(id)
    expect((await copy.run()).delivered).toEqual([])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('during the first run, after it was read, is deleted by the next one', async () => {
    const { id } = pickListedFirst(account.sandbox, resource)
    account.sandbox.faults.add({
      match: secondPage(resource),
      fault: { kind: 'action', actions: [{ type: 'delete', id }] },
    })
    const copy = await account.copy(resource)
    expect(await copy.record(id)).toBeDefined()
    await copy.run()
    expect(await copy.record(id)).toBeUndefined()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('right after it was made is never delivered', async () => {
    const copy = await account.copy(resource)
    const [made] = account.sandbox.apply({ type: 'create', resource })
    remove(made!.id)
    expect((await copy.run()).delivered).toEqual([])
    expect((await copy.run()).delivered).toEqual([])
  })

  test('is not brought back by a page that was read before', async () => {
    const first = await account.copy(resource)
    const second = await account.copy(resource, { dataSetId: first.dataSetId })
    const [made] = account.sandbox.apply({ type: 'create', resource })
    const listedOnce = account.holder.hold(`/v1/${resource}?`)
    const late = second.run()
    await listedOnce
    remove(made!.id)
    await first.run()
    account.holder.release()
    expect((await late).status).toBe('success')
    expect(await first.record(made!.id)).toBeUndefined()
    expect(await first.drift()).toEqual(NO_DRIFT)
  })

  test('known to the dataset is not brought back by a page that was read before', async () => {
    const first = await account.copy(resource)
    const second = await account.follow(resource, { dataSetId: first.dataSetId })
    await second.first()
    const [made] = account.sandbox.apply({ type: 'create', resource })
    await first.run()
    expect(await first.record(made!.id)).toBeDefined()
    const listedOnce = account.holder.hold(`/v1/${resource}?`)
    const late = second.run()
    await listedOnce
    remove(made!.id)
    const { delivered } = await first.run()
    expect(delivered).toMatchObject([{ id: made!.id, op: 'delete' }])
    account.holder.release()
    await late
    expect(await first.record(made!.id)).toBeUndefined()
    expect(await tombstone(first, made!.id)).toBeDefined()
  })
})

test('a deleted price that Stripe does not know any more is deleted all the same', async () => {
  account.sandbox.behaviour.deletedPriceStatus = 404
  const copy = await account.copy('prices')
  const { id } = oldest('prices')
  remove(id)
  expect((await copy.run()).delivered).toMatchObject([{ id, op: 'delete' }])
})

test('a deleted price is not brought back by the items of subscriptions that still name it', async () => {
  const { sandbox } = account
  const [price] = sandbox.apply({ type: 'create', resource: 'prices' })
  const copy = await account.copy('prices')
  sandbox.apply({ type: 'create', resource: 'subscriptions', params: { items: [{ price: price!.id }] } })
  await copy.run()
  expect(await copy.record(price!.id)).toBeDefined()
  remove(price!.id)
  await copy.run()
  await copy.run()
  expect(await copy.record(price!.id)).toBeUndefined()
})

test('the subscriptions of a deleted customer are there, canceled', async () => {
  const copy = await account.copy('subscriptions')
  const { id, customer } = pick(account.sandbox, 'subscriptions', ({ status }) => status === 'active')
  remove(String(customer))
  await copy.run()
  expect(await copy.record(id)).toMatchObject({ status: 'canceled' })
  expect(await copy.drift()).toEqual(NO_DRIFT)
})

test.each(['charges', 'refunds', 'balance_transactions', 'subscriptions'] as const)(
  'one of the %s that Stripe does not know any more is kept, because they are never deleted',
  async (resource) => {
    const copy = await account.copy(resource)
    const { id } = pick(account.sandbox, resource)
    account.sandbox.apply({ type: 'remove', id })
    expect((await copy.run()).delivered).toEqual([])
    expect(await copy.record(id)).toBeDefined()
  },
)
