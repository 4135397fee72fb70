import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Action, StripeObject } from '../../src/sandbox/index.ts'
import { COUNTS, idsThere, listed, NO_DRIFT, openAccount, RESOURCES, type Account, type Resource } from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

const CURSOR = '$cursor'
const path = (resource: Resource) => `/v1/${resource}`

/** Changes the world just before the `after`-th page behind a cursor is answered. */
const beforeNextPage = (resource: Resource, actions: readonly Action[], params: Record<string, string> = {}) =>
  account.sandbox.faults.add({
    match: { path: path(resource), params: { starting_after: '*', ...params } },
    fault: { kind: 'action', actions },
  })

/** How many requests the sandbox refused because of their cursor. */
const refused = (resource: Resource, status = 400) => account.sandbox.journal.count({ path: path(resource), status })

const vanish = ({ id }: StripeObject): Action => ({ type: 'remove', id })

describe.each(RESOURCES)('while %s are listed', (resource) => {
  test.each([400, 404] as const)(
    'nothing is missed when the cursor’s object is gone, answered with %i',
    async (status) => {
      account.sandbox.behaviour.missingCursorStatus = status
      beforeNextPage(resource, [{ type: 'remove', id: CURSOR }])
      const copy = await account.follow(resource)
      expect((await copy.first()).status).toBe('success')
      expect(refused(resource, status)).toBe(1)
      expect(await copy.drift()).toMatchObject({ missing: [], stale: [], twice: [] })
    },
  )

  test('nothing is missed when everything at the end of the page is gone', async () => {
    const params = resource === 'prices' ? { active: 'true' } : undefined
    const isIn = (object: StripeObject) => params === undefined || object.active === true
    const first = listed(account.sandbox.world, resource).filter(isIn).slice(0, 100)
    beforeNextPage(resource, first.slice(60).map(vanish), params)
    const copy = await account.follow(resource)
    expect((await copy.first()).status).toBe('success')
    if (resource !== 'prices') expect(refused(resource)).toBe(5)
    expect(await copy.drift()).toMatchObject({ missing: [], stale: [], twice: [] })
  })
})

describe('a cursor’s object that leaves the filter', () => {
  test('is missed in neither list of prices', async () => {
    beforeNextPage('prices', [{ type: 'update', id: CURSOR, params: { active: false } }], { active: 'true' })
    beforeNextPage('prices', [{ type: 'update', id: CURSOR, params: { active: true } }], { active: 'false' })
    const copy = await account.copy('prices')
    expect(refused('prices')).toBeGreaterThan(0)
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('as a deleted customer is deleted by the next run, and no other is missed', async () => {
    beforeNextPage('customers', [{ type: 'delete', id: CURSOR }])
    const copy = await account.copy('customers')
    const [refusedRequest] = account.sandbox.journal.entries({ path: path('customers'), status: 400 })
    const cursor = refusedRequest?.params.starting_after
    expect(cursor).toBeDefined()
    const { delivered } = await copy.run()
    expect(delivered).toMatchObject([{ id: cursor, op: 'delete' }])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('as a canceled subscription ends no list, because canceled ones are listed too', async () => {
    beforeNextPage('subscriptions', [{ type: 'patch', id: CURSOR, fields: { status: 'canceled' } }])
    const copy = await account.copy('subscriptions')
    expect(refused('subscriptions')).toBe(0)
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

describe('more than once in a run', () => {
  beforeEach(async () => {
    await account.stop()
    account = await openAccount({ sandbox: { counts: { ...COUNTS, charges: 380 } } })
  })

  test('two cursors that are gone cost no object', async () => {
    for (const after of [0, 2]) {
      account.sandbox.faults.add({
        after,
        match: { path: path('charges'), params: { starting_after: '*' } },
        fault: { kind: 'action', actions: [{ type: 'remove', id: CURSOR }] },
      })
    }
    const copy = await account.follow('charges')
    expect((await copy.first()).status).toBe('success')
    expect(refused('charges')).toBe(2)
    expect(await copy.drift()).toMatchObject({ missing: [], stale: [], twice: [] })
  })

  test('a page of one second whose end is gone is repeated without delivering anything twice', async () => {
    const { sandbox } = account
    const made = sandbox.apply({ type: 'create', resource: 'customers', count: 250 })
    beforeNextPage('customers', made.slice(140, 160).map(vanish))
    const copy = await account.follow('customers')
    const { status, delivered } = await copy.first()
    expect(status).toBe('success')
    expect(new Set(delivered.map(({ id }) => id)).size).toBe(delivered.length)
    expect(await copy.drift()).toMatchObject({ missing: [], stale: [], twice: [] })
  })
})

test('cursors that go while ranges are read side by side cost no object', async () => {
  await account.stop()
  account = await openAccount({ sandbox: { counts: { ...COUNTS, charges: 2500 }, latencyMs: 15 } })
  for (const after of [1, 4, 9, 12]) {
    account.sandbox.faults.add({
      after,
      match: { path: path('charges'), params: { starting_after: '*' } },
      fault: { kind: 'action', actions: [{ type: 'remove', id: CURSOR }] },
    })
  }
  const copy = await account.follow('charges')
  const { status, delivered } = await copy.first()
  expect(status).toBe('success')
  expect(account.sandbox.journal.maxConcurrency({ path: path('charges') })).toBeGreaterThan(1)
  expect(refused('charges')).toBe(4)
  const shown = new Set(delivered.map(({ id }) => id))
  expect(shown.size).toBe(delivered.length)
  expect(idsThere(account.sandbox.world, 'charges').filter((id) => !shown.has(id))).toEqual([])
})

describe('in the change feed', () => {
  test('no change is missed when the cursor’s event has expired', async () => {
    const copy = await account.copy('charges')
    const { sandbox } = account
    const changed = listed(sandbox.world, 'charges').toReversed().slice(0, 120)
    for (const [place, { id }] of changed.entries()) {
      if (place % 40 === 0) sandbox.clock.advance(2)
      sandbox.apply({ type: 'update', id, params: { description: 'changed' } })
    }
    sandbox.clock.advance(2)
    account.clock.move(10)
    sandbox.faults.add({
      match: { path: '/v1/events', params: { starting_after: '*' } },
      fault: { kind: 'action', actions: [{ type: 'remove', id: CURSOR }] },
    })
    await copy.run()
    expect(sandbox.journal.count({ path: '/v1/events', status: 400 })).toBe(1)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})
