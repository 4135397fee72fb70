import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeObject } from '../../src/sandbox/index.ts'
import {
  ANNOUNCED,
  isOpen,
  listed,
  NO_DRIFT,
  openAccount,
  pick,
  setVersion,
  versionOf,
  type Account,
} from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
  const { clock } = account.sandbox
  clock.set(clock.now())
})
afterEach(() => account.stop())

const update = (id: string, version: string) => setVersion(account, id, version)

describe.each(ANNOUNCED)('two updates of one of the %s in one second', (resource) => {
  test('leave the last one when a run reads between them', async () => {
    const copy = await account.copy(resource)
    const { id } = pick(account.sandbox, resource, isOpen)
    update(id, 'first')
    await copy.run()
    expect(await versionOf(copy, id)).toBe('first')
    update(id, 'last')
    await copy.run()
    expect(await versionOf(copy, id)).toBe('last')
  })

  test('leave the last one when the first run reads between them', async () => {
    const { id } = pick(account.sandbox, resource, isOpen)
    update(id, 'first')
    const copy = await account.copy(resource)
    update(id, 'last')
    await copy.run()
    expect(await versionOf(copy, id)).toBe('last')
  })

  test('leave the last one when both are made before the run', async () => {
    const copy = await account.copy(resource)
    const { id } = pick(account.sandbox, resource, isOpen)
    update(id, 'first')
    update(id, 'last')
    const { delivered } = await copy.run()
    expect(delivered.map((item) => item.id)).toEqual([id])
    expect(await versionOf(copy, id)).toBe('last')
  })
})

test('an update in the second of the mark, made after the object was read, is taken by the next run', async () => {
  const copy = await account.copy('charges')
  const [{ id }, other] = listed(account.sandbox.world, 'charges').slice(-2) as [StripeObject, StripeObject]
  update(id, 'first')
  // The second update lands while another object of the same run is read.
  update(other.id, 'first')
  account.sandbox.faults.add({
    match: { path: '/v1/charges/*' },
    after: 1,
    fault: {
      kind: 'action',
      actions: [id, other.id].map((each) => ({ type: 'update', id: each, params: { metadata: { version: 'last' } } })),
    },
  })
  await copy.run()
  await copy.run()
  expect(await versionOf(copy, id)).toBe('last')
  expect(await versionOf(copy, other.id)).toBe('last')
})

test('more updates in one second than fit on a page of changes are all taken', async () => {
  const copy = await account.copy('charges')
  const charges = listed(account.sandbox.world, 'charges')
  for (const { id } of charges) update(id, 'first')
  await copy.run()
  await copy.run()
  expect(await copy.drift()).toEqual(NO_DRIFT)
  for (const { id } of charges) update(id, 'last')
  await copy.run()
  await copy.run()
  expect(await copy.drift()).toEqual(NO_DRIFT)
})

test('an object that is made and changed in one second has its last state', async () => {
  const copy = await account.copy('customers')
  const [made] = account.sandbox.apply({ type: 'create', resource: 'customers', params: { name: 'first' } })
  account.sandbox.apply({ type: 'update', id: made!.id, params: { name: 'second' } })
  await copy.run()
  account.sandbox.apply({ type: 'update', id: made!.id, params: { name: 'last' } })
  await copy.run()
  expect(await copy.record(made!.id)).toMatchObject({ name: 'last' })
})

test('two updates in one second are told apart also after the host’s clock was set back', async () => {
  const copy = await account.copy('charges')
  const { id } = pick(account.sandbox, 'charges')
  update(id, 'first')
  await copy.run()
  account.clock.move(-3600)
  update(id, 'last')
  await copy.run()
  expect(await versionOf(copy, id)).toBe('last')
})
