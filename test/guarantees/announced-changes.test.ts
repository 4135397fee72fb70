import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Action, StripeObject } from '../../src/sandbox/index.ts'
import { listed, NO_DRIFT, openAccount, type Account, type Resource } from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

/** An object that no list of a later run reaches. */
const oldest = (resource: Resource, fits: (object: StripeObject) => boolean = () => true) =>
  listed(account.sandbox.world, resource).findLast(fits)!

const canBeRefunded = ({ status, amount, amount_captured, amount_refunded }: StripeObject) =>
  status === 'succeeded' && amount_captured === amount && amount_refunded === 0

const isPaidOut = ({ status }: StripeObject) => status === 'succeeded'

describe('a charge', () => {
  test('is disputed after a dispute, of which only the dispute’s own events tell', async () => {
    const copy = await account.copy('charges')
    const { id } = oldest('charges', (charge) => charge.disputed === false && isPaidOut(charge))
    account.sandbox.apply({ type: 'dispute', id })
    const { delivered } = await copy.run()
    expect(delivered).toMatchObject([{ id, record: { data: { disputed: true } } }])
    account.sandbox.apply({ type: 'close_dispute', id, outcome: 'won' })
    expect((await copy.run()).status).toBe('success')
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('is refunded after the refund of an old one', async () => {
    const copy = await account.copy('charges')
    const { id, amount } = oldest('charges', canBeRefunded)
    account.sandbox.apply({ type: 'create', resource: 'refunds', params: { charge: id, amount } })
    const { delivered } = await copy.run()
    expect(delivered).toMatchObject([{ id, record: { data: { refunded: true } } }])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('is not refunded any more after its refund has failed, of which only the refund’s events tell', async () => {
    const { id } = oldest('charges', canBeRefunded)
    const [refund] = account.sandbox.apply({ type: 'create', resource: 'refunds', params: { charge: id, amount: 1 } })
    const copy = await account.copy('charges')
    const before = Number((await copy.record(id))?.amount_refunded)
    account.sandbox.apply({ type: 'fail_refund', id: refund!.id })
    await copy.run()
    expect(await copy.record(id)).toMatchObject({ amount_refunded: before - 1 })
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

describe('a refund', () => {
  test('is there with its failure, however old it is', async () => {
    const copy = await account.copy('refunds')
    const { id } = oldest('refunds', isPaidOut)
    account.sandbox.apply({ type: 'fail_refund', id })
    const { delivered } = await copy.run()
    expect(delivered).toMatchObject([{ id, record: { data: { status: 'failed' } } }])
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

describe('balance transactions', () => {
  test('of new charges, refunds and disputes are there after the next run', async () => {
    const copy = await account.copy('balance_transactions')
    const charge = oldest('charges', (each) => each.disputed === false && canBeRefunded(each))
    const actions: Action[] = [
      { type: 'create', resource: 'charges' },
      { type: 'create', resource: 'refunds', params: { charge: charge.id, amount: 1 } },
      { type: 'dispute', id: charge.id },
    ]
    for (const action of actions) account.sandbox.apply(action)
    expect((await copy.run()).counts).toMatchObject({ createdRecordCount: 3 })
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

describe('a customer has the new state of its', () => {
  test.each([
    ['discount', { discount: expect.objectContaining({ object: 'discount' }) }, { discount: null }],
    ['source', { default_source: expect.stringMatching(/^card_/) }, { default_source: null }],
  ] as const)('%s, of which only the child’s events tell', async (child, present, absent) => {
    const copy = await account.copy('customers')
    const { id } = oldest('customers')
    const change = (change: 'created' | 'updated' | 'deleted') =>
      account.sandbox.apply({ type: 'customer_child', id, child, change })
    change('created')
    await copy.run()
    expect(await copy.record(id)).toMatchObject(present)
    change('updated')
    await copy.run()
    expect(await copy.drift()).toEqual(NO_DRIFT)
    change('deleted')
    await copy.run()
    expect(await copy.record(id)).toMatchObject(absent)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })

  test('tax id, read anew although the customer looks the same', async () => {
    const copy = await account.copy('customers')
    const { id } = oldest('customers')
    account.sandbox.apply({ type: 'customer_child', id, child: 'tax_id', change: 'created' })
    account.sandbox.journal.clear()
    await copy.run()
    expect(account.sandbox.journal.count({ path: `/v1/customers/${id}` })).toBe(1)
    expect(await copy.drift()).toEqual(NO_DRIFT)
  })
})

describe('a subscription', () => {
  test.each(['paused', 'resumed', 'trial_will_end', 'pending_update_applied'])(
    'has its new state when Stripe only announces that it is %s',
    async (change) => {
      const copy = await account.copy('subscriptions')
      const { id } = oldest('subscriptions', ({ status }) => status === 'active')
      account.sandbox.apply({
        type: 'patch',
        id,
        fields: { status: 'past_due', metadata: { change } },
        eventType: `customer.subscription.${change}`,
      })
      const { delivered } = await copy.run()
      expect(delivered).toMatchObject([{ id, record: { data: { status: 'past_due' } } }])
      expect(await copy.drift()).toEqual(NO_DRIFT)
    },
  )
})

test('several events of one object cost one read of it', async () => {
  const copy = await account.copy('charges')
  const { id } = oldest('charges')
  account.sandbox.apply({ type: 'event', id, eventType: 'charge.updated', count: 40 })
  account.sandbox.journal.clear()
  const { counts } = await copy.run()
  expect(account.sandbox.journal.count({ path: `/v1/charges/${id}` })).toBe(1)
  expect(counts).toMatchObject({ outputRecordCount: 0 })
})

test('a change that Stripe tells by two events is delivered once', async () => {
  const copy = await account.copy('charges')
  account.sandbox.behaviour.eventRepeatPercent = 100
  const { id } = oldest('charges')
  account.sandbox.apply({ type: 'update', id, params: { description: 'changed' } })
  expect((await copy.run()).delivered.map((item) => item.id)).toEqual([id])
  expect((await copy.run()).delivered).toEqual([])
})
