import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Action } from '../../src/sandbox/index.ts'
import {
  DAY,
  idsThere,
  listed,
  NO_DRIFT,
  openAccount,
  pick,
  pricesOf,
  RESOURCES,
  type Account,
  type Resource,
} from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

/** What makes new objects of a resource. */
const makes = (resource: Resource): Action => {
  if (resource === 'balance_transactions') return { type: 'create', resource: 'charges', count: 4 }
  return { type: 'create', resource, count: 4 }
}

describe.each(RESOURCES)('%s that show in lists up to a minute late', (resource) => {
  test('are all there after the first run and the next', async () => {
    account.sandbox.behaviour.objectLagSeconds = 60
    for (let step = 0; step < 6; step++) {
      account.sandbox.apply(makes(resource))
      account.pass(10)
    }
    const copy = await account.copy(resource)
    const all = idsThere(account.sandbox.world, resource)
    expect((await copy.records()).length).toBeLessThan(all.length)
    account.pass(60)
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('are delivered once each by runs that follow close upon each other', async () => {
    const copy = await account.copy(resource)
    const before = new Set(idsThere(account.sandbox.world, resource))
    Object.assign(account.sandbox.behaviour, { objectLagSeconds: 60, eventLagSeconds: 60 })
    const delivered: string[] = []
    for (let step = 0; step < 4; step++) {
      account.sandbox.apply(makes(resource))
      account.pass(15)
      delivered.push(...(await copy.run()).delivered.map(({ id }) => id))
    }
    account.pass(60)
    delivered.push(...(await copy.run()).delivered.map(({ id }) => id))
    const made = idsThere(account.sandbox.world, resource).filter((id) => !before.has(id))
    expect(made.length).toBeGreaterThanOrEqual(16)
    expect(delivered.filter((id) => made.includes(id)).toSorted()).toEqual(made.toSorted())
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

test('the inline price of a subscription that shows late is there after the next run', async () => {
  const { product } = pick(account.sandbox, 'prices')
  const price_data = { currency: 'usd', unit_amount: 777, recurring: { interval: 'month' }, product }
  account.sandbox.behaviour.objectLagSeconds = 60
  const made = Array.from({ length: 5 }, () =>
    account.sandbox.apply({ type: 'create', resource: 'subscriptions', params: { items: [{ price_data }] } }),
  ).flat()
  const copy = await account.copy('prices')
  account.pass(60)
  await copy.run()
  const shown = new Set((await copy.records()).map(({ id }) => id))
  expect(made.flatMap(pricesOf).filter(({ id }) => !shown.has(id))).toEqual([])
  expect(await copy.drift()).toEqual(NO_DRIFT)
})

test('objects that show late to the run that lists everything anew are there after the next one', async () => {
  const copy = await account.copy('customers')
  account.pass(40 * DAY)
  account.sandbox.behaviour.objectLagSeconds = 60
  account.sandbox.apply({ type: 'create', resource: 'customers', count: 10 })
  expect((await copy.run()).relisted).toBeDefined()
  account.pass(60)
  await copy.run()
  expect(await copy.drift()).toEqual(NO_DRIFT)
})

describe('events that show minutes late and out of order', () => {
  const LAG = 240

  test('cost no update', async () => {
    const copy = await account.copy('charges')
    account.sandbox.behaviour.eventLagSeconds = LAG
    const old = listed(account.sandbox.world, 'charges').toReversed()
    for (const [place, { id }] of old.slice(0, 40).entries()) {
      account.sandbox.apply({ type: 'update', id, params: { description: `changed ${place}` } })
      account.pass(7)
      if (place % 10 === 9) await copy.run()
    }
    account.pass(LAG)
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('cost no update that was made just before or during the first run', async () => {
    account.sandbox.behaviour.eventLagSeconds = LAG
    const [first, second, ...others] = listed(account.sandbox.world, 'charges').toReversed()
    account.sandbox.apply({ type: 'update', id: first!.id, params: { description: 'before' } })
    account.sandbox.faults.add({
      after: 1,
      match: { path: '/v1/charges' },
      fault: {
        kind: 'action',
        actions: [second!, ...others.slice(-20)].map(({ id }) => ({
          type: 'update',
          id,
          params: { description: 'during' },
        })),
      },
    })
    const copy = await account.copy('charges')
    account.pass(LAG)
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('cost no deletion', async () => {
    const copy = await account.copy('customers')
    account.sandbox.behaviour.eventLagSeconds = LAG
    for (const { id } of listed(account.sandbox.world, 'customers').slice(-8)) {
      account.sandbox.apply({ type: 'delete', id })
      account.pass(5)
      await copy.run()
    }
    account.pass(LAG)
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

test('an object is not missed by a host whose clock is ahead of Stripe’s', async () => {
  await account.stop()
  account = await openAccount({ hostAhead: 3600 })
  const copy = await account.copy('balance_transactions')
  for (let step = 0; step < 3; step++) {
    account.sandbox.apply({ type: 'create', resource: 'charges', count: 3 })
    account.pass(900)
    await copy.run()
  }
  expect(await copy.drift()).toEqual(NO_DRIFT)
})

test('an object is not missed by a host whose clock is behind Stripe’s', async () => {
  await account.stop()
  account = await openAccount({ hostAhead: -3600 })
  const copy = await account.copy('balance_transactions')
  for (let step = 0; step < 3; step++) {
    account.sandbox.apply({ type: 'create', resource: 'charges', count: 3 })
    account.pass(900)
    await copy.run()
  }
  account.pass(3600)
  await copy.run()
  expect(await copy.drift()).toEqual(NO_DRIFT)
})
