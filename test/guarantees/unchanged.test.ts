import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ANNOUNCED, DAY, NO_DRIFT, openAccount, pick, RESOURCES, type Account } from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

describe.each(RESOURCES)('unchanged %s', (resource) => {
  test('are not delivered again by later runs, which say how many they skipped', async () => {
    const copy = await account.copy(resource)
    const before = await copy.records()
    const newest = pick(account.sandbox, resource)
    for (const seconds of [1, 3600]) {
      account.pass(seconds)
      const { status, delivered, counts } = await copy.run()
      expect([status, delivered]).toEqual(['success', []])
      expect(counts).toMatchObject({ outputRecordCount: 0, createdRecordCount: 0, updatedRecordCount: 0 })
      // The newest object lies in what is read twice.
      expect(counts.skippedRecordCount).toBeGreaterThan(0)
      expect(counts.inputRecordCount).toBe(counts.skippedRecordCount)
    }
    expect((await copy.records()).map(({ id }) => id)).toContain(newest.id)
    expect(await copy.records()).toEqual(before)
  })
})

describe.each(ANNOUNCED)('unchanged %s', (resource) => {
  test('are not delivered again when everything is listed anew', async () => {
    const copy = await account.copy(resource)
    const before = await copy.records()
    account.pass(40 * DAY)
    const { delivered, counts, relisted } = await copy.run()
    expect(relisted).toBeDefined()
    expect(delivered).toEqual([])
    expect(counts.skippedRecordCount).toBeGreaterThanOrEqual(before.length)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

test('an object that an event names is not delivered again when it is as before', async () => {
  const copy = await account.copy('customers')
  const { id } = Array.from(account.sandbox.world.all('customers')).findLast(({ deleted }) => deleted !== true)!
  account.sandbox.apply({ type: 'event', id, eventType: 'customer.updated', count: 3 })
  const { delivered, counts } = await copy.run()
  expect(delivered).toEqual([])
  expect(counts.skippedRecordCount).toBeGreaterThan(0)
})

test('an object that was changed and changed back is not delivered again', async () => {
  const copy = await account.copy('customers')
  const { id, name } = pick(account.sandbox, 'customers')
  account.sandbox.apply({ type: 'update', id, params: { name: 'Somebody Else' } })
  account.sandbox.apply({ type: 'patch', id, fields: { name: name ?? null } })
  expect((await copy.run()).delivered).toEqual([])
})

test('what another flow has brought into the dataset is not delivered again', async () => {
  const first = await account.copy('charges')
  const second = await account.follow('charges', { dataSetId: first.dataSetId })
  const { delivered, counts } = await second.first()
  expect(delivered).toEqual([])
  expect(counts).toMatchObject({ createdRecordCount: 0, skippedRecordCount: (await first.records()).length })
})

test('the host’s clock being set back delivers nothing again and hides nothing new', async () => {
  const copy = await account.copy('charges')
  account.clock.move(-DAY)
  expect((await copy.run()).delivered).toEqual([])
  const [made] = account.sandbox.apply({ type: 'create', resource: 'charges' })
  account.pass(5)
  expect((await copy.run()).delivered.map(({ id }) => id)).toEqual([made!.id])
  account.clock.move(DAY)
  expect((await copy.run()).delivered).toEqual([])
  expect(await copy.drift()).toEqual(NO_DRIFT)
})
