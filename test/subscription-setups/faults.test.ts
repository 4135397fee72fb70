import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Fault } from '../../src/sandbox/stripe/faults.ts'
import { connectionBody, FLOW_SERVICE, patch } from '../support/flow-host.ts'
import { SANDBOX_KEY } from '../support/stripe-host.ts'
import {
  makePrice,
  setupBody,
  startSetupHost,
  subscriptionsOf,
  writesOf,
  writeStripe,
  type SetupHost,
} from './support.ts'

let host: SetupHost

beforeEach(async () => {
  host = await startSetupHost()
})

afterEach(() => host.stop())

/** The writes of a set-up that needs all of them. */
const STEPS = ['/v1/customers', '/v1/prices', '/v1/setup_intents', '/v1/subscriptions', '/v1/payment_intents/*']

const faultAt = (path: string, fault: Fault, times: number | null = 1) =>
  host.sandbox.faults.add({ match: { method: 'POST', path }, times, fault })
const approve = (id: string | undefined) => host.sandbox.apply({ type: 'approve', id: String(id) })
const madeBy = (resource: 'customers' | 'prices', id: string) =>
  [...host.sandbox.world.all(resource)].filter(
    ({ metadata }) => (metadata as Record<string, unknown>)?.subscription_setup === id,
  )
const attemptsAt = (path: string) => writesOf(host.sandbox).filter((write) => write === `POST ${path}`).length

/** Begins a set-up and lets the customer approve both times. */
async function approveAll() {
  host.sandbox.behaviour.firstInvoice = 'requires_confirmation'
  const begun = await host.begin()
  approve((await host.until(begun.id, ({ state }) => state === 'requires_action')).setupIntentId)
  const again = await host.until(begun.id, (setup) => Boolean(setup.subscriptionId && setup.redirectUrl))
  approve(again.paymentIntentId)
  return host.untilEnded(begun.id)
}

describe('whatever happens to the first try of every step, there is one subscription, one customer and one price', () => {
  test.each<[string, Fault]>([
    ['the answer is lost', { kind: 'lost-answer' }],
    ['the answer is cut off', { kind: 'reset-mid-body' }],
    ['the answer is half of one', { kind: 'truncated' }],
    ['the answer is a page of a proxy', { kind: 'not-json' }],
    ['the connection is reset before Stripe sees the request', { kind: 'reset' }],
    ['Stripe has a fault and keeps it under the key', { kind: 'status', status: 500 }],
    ['Stripe’s gateway has a fault and answers a page', { kind: 'status', status: 502 }],
    ['a limit is hit', { kind: 'status', status: 429, reason: 'endpoint-rate' }],
    ['the object is locked', { kind: 'status', status: 429 }],
    ['the key is in use by the request before', { kind: 'status', status: 409, code: 'idempotency_key_in_use' }],
  ])('when %s', async (_name, fault) => {
    for (const path of STEPS) faultAt(path, fault)
    const ended = await approveAll()
    expect(ended).toMatchObject({ state: 'active' })
    expect(ended.retrying).toBeUndefined()
    expect(subscriptionsOf(host.sandbox, ended.id).map(({ id }) => id)).toEqual([ended.subscriptionId])
    expect([madeBy('customers', ended.id).length, madeBy('prices', ended.id).length]).toEqual([1, 1])
    expect(attemptsAt('/v1/subscriptions')).toBeGreaterThan(1)
  })
})

test('a set-up tells what it is waiting for while Stripe does not answer, and how often it has tried', async () => {
  const price = await makePrice(host.sandbox)
  const begun = await host.begin(setupBody({ customer: 'kim@example.com', price }))
  faultAt('/v1/subscriptions', { kind: 'status', status: 503 }, null)
  approve(begun.setupIntentId)
  const { state, retrying } = await host.until(begun.id, (setup) => (setup.retrying?.tries ?? 0) >= 2)
  expect([state, retrying?.message]).toEqual(['processing', expect.stringContaining('503')])
  host.sandbox.faults.clear()
  expect(await host.untilEnded(begun.id)).toMatchObject({ state: 'active' })
})

test('a card network’s no to the first charge is the end of it, with the code', async () => {
  const begun = await host.begin()
  faultAt('/v1/subscriptions', { kind: 'status', status: 402, code: 'payment_method_provider_decline' }, null)
  approve(begun.setupIntentId)
  const { state, error } = await host.untilEnded(begun.id)
  expect([state, error?.code]).toEqual(['failed', 'payment_method_provider_decline'])
  expect(attemptsAt('/v1/subscriptions')).toBe(1)
})

describe('a key that can bring no result any more', () => {
  test('makes the host take the subscription that was made under it', async () => {
    const begun = await host.begin()
    const { customer, price } = begun
    // Stripe has made it and then fails to say so.
    const made = await writeStripe(host.sandbox, '/v1/subscriptions', {
      customer: String(customer.id),
      'items[0][price]': String(price.id),
      trial_period_days: '7',
      'metadata[subscription_setup]': begun.id,
    })
    faultAt('/v1/subscriptions', { kind: 'status', status: 500 }, 1)
    approve(begun.setupIntentId)
    const ended = await host.untilEnded(begun.id)
    expect(ended).toMatchObject({ state: 'active', subscriptionId: made.id })
    expect(subscriptionsOf(host.sandbox, begun.id)).toHaveLength(1)
  })

  test('because something else was sent under it is replaced by another', async () => {
    const begun = await host.begin()
    const response = await fetch(`${host.sandbox.url}/v1/customers`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${SANDBOX_KEY}`,
        'Idempotency-Key': `subscription-setup-${begun.id}-4-subscription`,
      },
      body: new URLSearchParams({ email: 'other@example.com' }),
    })
    expect(response.status).toBe(200)
    approve(begun.setupIntentId)
    expect(await host.untilEnded(begun.id)).toMatchObject({ state: 'active' })
    expect(subscriptionsOf(host.sandbox, begun.id)).toHaveLength(1)
    expect(attemptsAt('/v1/subscriptions')).toBe(2)
  })
})

describe('a call that is a day old', () => {
  /** The subscription call meets the fault, and then nobody hears of Stripe for a day. */
  async function silentDay(fault: Fault) {
    const begun = await host.begin()
    faultAt('/v1/subscriptions', fault)
    host.sandbox.faults.add({ match: { path: '/v1/subscriptions*' }, times: null, fault: { kind: 'reset' } })
    approve(begun.setupIntentId)
    await host.until(begun.id, ({ retrying }) => retrying !== undefined)
    host.pass(24 * 3600)
    host.sandbox.faults.clear()
    host.sandbox.journal.clear()
    return begun.id
  }

  test('is not sent again: the subscription that it made is found', async () => {
    const id = await silentDay({ kind: 'lost-answer' })
    const [made] = subscriptionsOf(host.sandbox, id)
    const { store, clock } = host.host.context
    const { items } = (
      await (await host.fresh()).get(`${FLOW_SERVICE}/connections/${host.connectionId}/subscriptionSetups`)
    ).body
    expect(items).toHaveLength(1)
    const stored = await store.setups.get({ orgId: items[0].imsOrgId, sandboxName: 'prod' }, host.connectionId, id)
    await store.setups.hasten(stored?.no ?? 0, clock.now())
    expect(await host.untilEnded(id)).toMatchObject({ state: 'active', subscriptionId: made?.id })
    expect(writesOf(host.sandbox)).toEqual([])
  })

  test('is not sent again: one that made nothing ends the set-up', async () => {
    const id = await silentDay({ kind: 'reset' })
    expect(await host.untilEnded(id)).toMatchObject({ state: 'expired' })
    expect(subscriptionsOf(host.sandbox, id)).toEqual([])
    expect(writesOf(host.sandbox)).toEqual([])
  })
})

test('a credential that is replaced while the customer is busy does not end the set-up', async () => {
  const setKey = async (accessToken: string) => {
    const operations = [{ op: 'replace', path: '/auth', value: connectionBody(accessToken).auth }]
    expect((await patch(host.api, 'connections', host.connectionId, operations)).status).toBe(200)
  }
  const begun = await host.begin()
  await setKey('sk_test_revoked')
  const { state, retrying } = await host.until(begun.id, (setup) => setup.retrying !== undefined)
  expect([state, retrying?.message]).toEqual(['requires_action', expect.stringContaining('401')])
  expect(JSON.stringify(retrying)).not.toContain('sk_test_revoked')
  approve(begun.setupIntentId)
  await setKey(SANDBOX_KEY)
  expect(await host.untilEnded(begun.id)).toMatchObject({ state: 'active' })
})

test('a store that fails now and then does not make a second subscription', async () => {
  const { setups } = host.host.context.store
  const save = setups.save.bind(setups)
  let calls = 0
  let failures = 0
  Object.assign(setups, {
    save: async (...change: Parameters<typeof save>) => {
      if (IS_WRITTEN[calls++ % IS_WRITTEN.length]) return save(...change)
      failures += 1
      throw new Error('disk full')
    },
  })
  const ended = await approveAll()
  expect(ended).toMatchObject({ state: 'active' })
  expect(subscriptionsOf(host.sandbox, ended.id)).toHaveLength(1)
  expect(failures).toBeGreaterThan(3)
})

/** Which writes succeed, over and over; of an odd length, so that every kind of write fails now and then. */
const IS_WRITTEN = [true, false, true, true, false, false, true]
