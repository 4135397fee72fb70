import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Action, StripeObject } from '../../src/sandbox/index.ts'
import {
  ANNOUNCED,
  isOpen,
  listed,
  NO_DRIFT,
  openAccount,
  pick,
  pickListedFirst,
  secondPage,
  type Account,
  type Resource,
} from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

/** Changes the world just before the list call of that number is answered; the first has number 1. */
const duringList = (resource: Resource, call: number, actions: readonly Action[]) =>
  account.sandbox.faults.add({
    after: call - 1,
    match: { path: `/v1/${resource}` },
    fault: { kind: 'action', actions },
  })

const renamed = ({ id }: StripeObject): Action => ({ type: 'update', id, params: { metadata: { renamed: 'yes' } } })
const isRenamed = (data: Readonly<Record<string, unknown>> | undefined) =>
  (data?.metadata as { renamed?: string } | undefined)?.renamed === 'yes'

/** A canceled subscription cannot be updated any more. */
describe.each(ANNOUNCED)('an update of one of the %s while they are listed for the first time', (resource) => {
  test('is in the dataset after the next run when the object had been read', async () => {
    const newest = pickListedFirst(account.sandbox, resource)
    account.sandbox.faults.add({
      match: secondPage(resource),
      fault: { kind: 'action', actions: [renamed(newest)] },
    })
    const copy = await account.copy(resource)
    const { delivered } = await copy.run()
    expect(delivered.map(({ id }) => id)).toContain(newest.id)
    expect(isRenamed(await copy.record(newest.id))).toBe(true)
    expect((await copy.drift()).missing).toEqual([])
  })

  test('is in the dataset after the next run when the object had not been read', async () => {
    const oldest = listed(account.sandbox.world, resource).findLast(isOpen)!
    duringList(resource, 1, [renamed(oldest)])
    const copy = await account.copy(resource)
    await copy.run()
    expect(isRenamed(await copy.record(oldest.id))).toBe(true)
    expect((await copy.drift()).missing).toEqual([])
  })

  test('of every object of a page leaves none behind', async () => {
    const updated = listed(account.sandbox.world, resource).filter(isOpen).slice(20, 110)
    duringList(resource, 2, updated.map(renamed))
    const copy = await account.copy(resource)
    await copy.run()
    const records = new Map((await copy.records()).map(({ id, record }) => [id, record.data]))
    expect(updated.map(({ id }) => id).filter((id) => !isRenamed(records.get(id)))).toEqual([])
  })
})

describe('a price that turns while they are listed for the first time', () => {
  test.each([
    ['archived', true],
    ['brought back', false],
  ])('is in the dataset with its new state when it is %s', async (_, wasActive) => {
    const price = pick(account.sandbox, 'prices', ({ active }) => active === wasActive)
    for (const call of [1, 2, 3]) {
      duringList('prices', call, [
        { type: 'update', id: price.id, params: { active: call % 2 === 0 ? wasActive : !wasActive } },
      ])
    }
    const copy = await account.copy('prices')
    await copy.run()
    expect(await copy.record(price.id)).toMatchObject({ active: !wasActive })
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('is there although both of its lists were read while it was in the other', async () => {
    const { sandbox } = account
    const { id } = pick(sandbox, 'prices', ({ active }) => active === true)
    const flip = (list: string, active: boolean) =>
      sandbox.faults.add({
        match: { path: '/v1/prices', params: { active: list } },
        fault: { kind: 'action', actions: [{ type: 'update', id, params: { active } }] },
      })
    flip('true', false)
    flip('false', true)
    const copy = await account.copy('prices')
    await copy.run()
    expect(await copy.record(id)).toMatchObject({ active: true })
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

describe('the later runs', () => {
  test('take an update that is made while they read the changes', async () => {
    const copy = await account.copy('charges')
    const [first, second] = listed(account.sandbox.world, 'charges').toReversed()
    account.sandbox.apply(renamed(first!))
    account.sandbox.faults.add({
      match: { path: `/v1/charges/${first!.id}` },
      fault: {
        kind: 'action',
        actions: [renamed(second!), { type: 'update', id: first!.id, params: { description: 'last' } }],
      },
    })
    await copy.run()
    await copy.run()
    expect(isRenamed(await copy.record(second!.id))).toBe(true)
    expect(await copy.record(first!.id)).toMatchObject({ description: 'last' })
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('take what was created and changed while they list', async () => {
    const copy = await account.copy('charges')
    const created: Action = { type: 'create', resource: 'charges', params: { description: 'new' }, count: 3 }
    duringList('charges', 1, [created, renamed(pick(account.sandbox, 'charges'))])
    await copy.run()
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('set out from the mark of a first run that began again after a failure', async () => {
    const newest = pick(account.sandbox, 'charges')
    duringList('charges', 3, [renamed(newest)])
    account.sandbox.faults.add({ after: 1, match: { path: '/v1/charges' }, fault: { kind: 'status', status: 503 } })
    const copy = await account.copy('charges')
    await copy.run()
    expect(isRenamed(await copy.record(newest.id))).toBe(true)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})
