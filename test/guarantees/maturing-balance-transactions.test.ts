import { afterEach, describe, expect, test } from '@jest/globals'
import { COUNTS, DAY, NO_DRIFT, openAccount, type Account, type Copy } from './support.ts'

let account: Account

afterEach(() => account.stop())

const pendingIn = async (copy: Copy) =>
  (await copy.records()).filter(({ record }) => record.data.status === 'pending').map(({ id }) => id)

const pay = (count = 1) => account.sandbox.apply({ type: 'create', resource: 'charges', count })

/** An account whose generated transactions are all pending: they are of the last day. */
const youngAccount = (balance_transactions: number) => {
  const createdTo = Math.floor(Date.now() / 1000) - 60
  return openAccount({
    sandbox: { counts: { ...COUNTS, balance_transactions }, createdFrom: createdTo - DAY / 2, createdTo },
  })
}

describe('a pending balance transaction', () => {
  test('is available in the dataset after the first run after its day, though nothing announces it', async () => {
    account = await openAccount()
    pay(3)
    const copy = await account.copy('balance_transactions')
    const pending = await pendingIn(copy)
    expect(pending.length).toBeGreaterThanOrEqual(3)
    account.pass(10 * DAY)
    const { delivered } = await copy.run()
    expect(delivered.map(({ id }) => id).toSorted()).toEqual(pending.toSorted())
    expect(await pendingIn(copy)).toEqual([])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('is not delivered again before its day nor after it', async () => {
    account = await openAccount()
    pay()
    const copy = await account.copy('balance_transactions')
    account.pass(3600)
    expect((await copy.run()).delivered).toEqual([])
    account.pass(10 * DAY)
    expect((await copy.run()).delivered.length).toBeGreaterThan(0)
    account.pass(3600)
    expect((await copy.run()).delivered).toEqual([])
  })

  test('of a later run matures too', async () => {
    account = await openAccount()
    const copy = await account.copy('balance_transactions')
    account.pass(DAY)
    pay(2)
    await copy.run()
    expect((await pendingIn(copy)).length).toBeGreaterThanOrEqual(2)
    account.pass(10 * DAY)
    await copy.run()
    expect(await pendingIn(copy)).toEqual([])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('matures during the first run without being lost', async () => {
    account = await openAccount()
    pay(2)
    account.sandbox.faults.add({
      after: 1,
      match: { path: '/v1/balance_transactions' },
      fault: { kind: 'action', actions: [{ type: 'advance_clock', seconds: 10 * DAY }] },
    })
    const copy = await account.copy('balance_transactions')
    expect((await pendingIn(copy)).length).toBeGreaterThan(0)
    account.clock.move(10 * DAY)
    await copy.run()
    expect(await pendingIn(copy)).toEqual([])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('is picked up after many months too', async () => {
    account = await openAccount()
    pay(2)
    const copy = await account.copy('balance_transactions')
    account.pass(200 * DAY)
    await copy.run()
    expect(await pendingIn(copy)).toEqual([])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('is picked up also by a host whose clock is behind Stripe’s', async () => {
    account = await openAccount({ hostAhead: -3600 })
    pay(2)
    const copy = await account.copy('balance_transactions')
    account.pass(2 * 3600)
    await copy.run()
    account.sandbox.clock.advance(10 * DAY)
    account.clock.move(10 * DAY)
    await copy.run()
    expect(await pendingIn(copy)).toEqual([])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('is one of many, which are not read one by one', async () => {
    account = await youngAccount(700)
    const copy = await account.copy('balance_transactions')
    expect((await pendingIn(copy)).length).toBeGreaterThan(500)
    account.pass(10 * DAY)
    account.sandbox.journal.clear()
    await copy.run()
    expect(await pendingIn(copy)).toEqual([])
    expect(account.sandbox.journal.count({ path: '/v1/balance_transactions' })).toBeLessThan(70)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})
