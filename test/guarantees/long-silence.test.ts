import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ANNOUNCED, DAY, listed, NO_DRIFT, openAccount, type Account, type Resource } from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

const oldest = (resource: Resource) =>
  listed(account.sandbox.world, resource).findLast(({ status }) => status !== 'canceled')!

const change = (id: string, version = 'changed') =>
  account.sandbox.apply({ type: 'update', id, params: { metadata: { version } } })

describe.each(ANNOUNCED)('more than 30 days without a run of %s', (resource) => {
  test('lose no change of an old object, and the run says that it has listed everything anew', async () => {
    const before = account.clock.now()
    const copy = await account.copy(resource)
    account.pass(DAY)
    const { id } = oldest(resource)
    change(id)
    account.sandbox.apply({ type: 'create', resource, count: 2 })
    account.pass(31 * DAY)
    const { status, delivered, relisted } = await copy.run()
    expect(status).toBe('success')
    expect(relisted?.reason).toMatch(/no longer has all changes/)
    expect(relisted?.gapStart).toBeGreaterThanOrEqual(before)
    expect(relisted?.gapStart).toBeLessThan(before + DAY * 1000)
    expect(relisted?.gapEnd).toBeGreaterThan(before + 32 * DAY * 1000)
    expect(delivered.map((item) => item.id)).toContain(id)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('are told once: the next run goes by the changes again', async () => {
    change(oldest(resource).id, 'known')
    const copy = await account.copy(resource)
    account.pass(40 * DAY)
    expect((await copy.run()).relisted).toBeDefined()
    account.pass(DAY)
    change(oldest(resource).id)
    const { delivered, relisted } = await copy.run()
    expect(relisted).toBeUndefined()
    expect(delivered.map(({ id }) => id)).toContain(oldest(resource).id)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('are told once also when nothing happens after them', async () => {
    change(oldest(resource).id, 'known')
    const copy = await account.copy(resource)
    account.pass(40 * DAY)
    expect((await copy.run()).relisted).toBeDefined()
    account.pass(DAY)
    expect((await copy.run()).relisted).toBeUndefined()
  })
})

describe.each(['customers', 'prices'] as const)('one of the %s that was deleted in the gap', (resource) => {
  test('is deleted in the dataset, however long ago it was made', async () => {
    const copy = await account.copy(resource)
    const all = listed(account.sandbox.world, resource)
    const gone = [all[0]!.id, all.at(-1)!.id]
    for (const id of gone) account.sandbox.apply({ type: 'delete', id })
    account.pass(31 * DAY)
    const { delivered } = await copy.run()
    const deleted = delivered.filter(({ op }) => op === 'delete').map(({ id }) => id)
    expect(deleted.toSorted()).toEqual(gone.toSorted())
    expect(await copy.drift()).toEqual(NO_DRIFT)
    const all2 = await copy.records('limit=1000&includeDeleted=true')
    expect(all2.filter(({ op }) => op === 'delete')).toHaveLength(2)
  })
})

test('customers of another account in the same dataset are left alone', async () => {
  const copy = await account.copy('customers')
  const other = await account.copy('customers', { accessToken: 'sk_live_sandbox', dataSetId: copy.dataSetId })
  const before = (await copy.records()).length
  expect(before).toBeGreaterThan(listed(account.sandbox.world, 'customers').length)
  account.sandbox.apply({ type: 'delete', id: oldest('customers').id })
  account.pass(31 * DAY)
  expect((await copy.run()).counts).toMatchObject({ deletedRecordCount: 1 })
  expect((await other.run()).counts).toMatchObject({ deletedRecordCount: 0 })
  expect(await copy.records()).toHaveLength(before - 1)
})

test('balance transactions, of which nothing is announced, are complete without being listed anew', async () => {
  const copy = await account.copy('balance_transactions')
  account.sandbox.apply({ type: 'create', resource: 'charges', count: 3 })
  account.pass(50 * DAY)
  account.sandbox.apply({ type: 'create', resource: 'charges', count: 3 })
  const { relisted, notes } = await copy.run()
  expect([relisted, notes]).toEqual([undefined, []])
  expect(await copy.drift()).toEqual(NO_DRIFT)
})

describe('without a gap', () => {
  test('29 days without a run are read from the changes', async () => {
    const copy = await account.copy('charges')
    const { id } = oldest('charges')
    change(id)
    account.pass(29 * DAY)
    const { delivered, relisted } = await copy.run()
    expect(relisted).toBeUndefined()
    expect(delivered.map((item) => item.id)).toEqual([id])
  })

  test('an account in which nothing happens for months is listed anew at most once', async () => {
    change(oldest('charges').id)
    const copy = await account.copy('charges')
    let times = 0
    for (let week = 0; week < 8; week++) {
      account.pass(7 * DAY)
      const { relisted } = await copy.run()
      if (relisted) times += 1
    }
    expect(times).toBeLessThanOrEqual(1)
  })
})

describe('clocks that do not tell of the gap', () => {
  test('are seen through by the events that are not there any more', async () => {
    change(oldest('charges').id, 'known')
    const copy = await account.copy('charges')
    account.sandbox.clock.advance(DAY)
    change(oldest('charges').id, 'missed')
    account.sandbox.clock.advance(40 * DAY)
    change(listed(account.sandbox.world, 'charges')[0]!.id, 'seen')
    expect((await copy.run()).relisted).toBeDefined()
    expect((await copy.drift()).stale).toEqual([])
  })

  test('are seen through when the known events expire while the new ones remain', async () => {
    change(oldest('charges').id, 'known')
    const copy = await account.copy('charges')
    account.sandbox.clock.advance(20 * DAY)
    change(listed(account.sandbox.world, 'charges')[0]!.id, 'seen')
    account.sandbox.clock.advance(15 * DAY)
    const { relisted } = await copy.run()
    expect(relisted).toBeDefined()
    expect((await copy.drift()).stale).toEqual([])
  })
})

describe('a key that may not read events', () => {
  const KEY = 'rk_test_no_events'
  const READ = { charge: 'read', customer: 'read', subscription: 'read', price: 'read', refund: 'read' } as const

  beforeEach(() => account.sandbox.keys.add({ key: KEY, permissions: READ }))

  test.each(ANNOUNCED)(
    'has all %s listed anew by every run, which says so and names the permission',
    async (resource) => {
      const copy = await account.follow(resource, { accessToken: KEY })
      const first = await copy.first()
      expect(first.status).toBe('success')
      expect(first.relisted).toBeUndefined()
      expect(first.notes.join()).toContain('rak_event_read')
      for (const version of ['first', 'second']) {
        account.pass(3600)
        change(oldest(resource).id, version)
        const { relisted, notes, delivered } = await copy.run()
        expect(relisted?.reason).toContain('rak_event_read')
        expect(notes.join()).toContain('rak_event_read')
        expect(delivered.map(({ id }) => id)).toContain(oldest(resource).id)
        expect(await copy.drift()).toEqual(NO_DRIFT)
      }
    },
  )

  test('loses no deletion', async () => {
    const copy = await account.copy('customers', { accessToken: KEY })
    const { id } = oldest('customers')
    account.sandbox.apply({ type: 'delete', id })
    expect((await copy.run()).delivered).toMatchObject([{ id, op: 'delete' }])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('has everything listed anew once more when it may read them', async () => {
    const copy = await account.copy('charges', { accessToken: KEY })
    const { id } = oldest('charges')
    change(id)
    account.sandbox.keys.add({ key: KEY, permissions: { ...READ, event: 'read' } })
    const { relisted, delivered } = await copy.run()
    expect(relisted).toBeDefined()
    expect(delivered.map((item) => item.id)).toEqual([id])
    change(id, 'again')
    const next = await copy.run()
    expect([next.relisted, next.notes]).toEqual([undefined, []])
    expect(next.delivered.map((item) => item.id)).toEqual([id])
  })
})
