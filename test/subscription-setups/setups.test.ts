import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Logger } from '../../src/logger.ts'
import { connectionBody, create, FLOW_SERVICE } from '../support/flow-host.ts'
import { createStripeChain, firstRun, pause, recordsOfDataSet, SANDBOX_KEY } from '../support/stripe-host.ts'
import { ACME } from '../support/test-host.ts'
import {
  makePrice,
  setupBody,
  startSetupHost,
  subscriptionsOf,
  urlOf,
  writesOf,
  writeStripe,
  type SetupAnswer,
  type SetupHost,
} from './support.ts'

const TENANT = { orgId: ACME.orgId, sandboxName: 'prod' }

let host: SetupHost
let logged: string[]

/** Keeps every line, as a log file would. */
const keepingLogger = (): Logger => {
  const keep = (...line: unknown[]) => void logged.push(JSON.stringify(line))
  const logger: Logger = { debug: keep, info: keep, warn: keep, error: keep, child: () => logger }
  return logger
}

beforeEach(async () => {
  logged = []
  host = await startSetupHost({}, { logger: keepingLogger() })
})

afterEach(() => host.stop())

const approve = (id: string | undefined) => host.sandbox.apply({ type: 'approve', id: String(id) })
const refuse = (id: string | undefined, code?: string) =>
  host.sandbox.apply({ type: 'refuse', id: String(id), ...(code === undefined ? {} : { code }) })
const setsOf = (name: string) => writesOf(host.sandbox).filter((write) => write === `POST /v1/${name}`)
const paramsOf = (path: string) =>
  host.sandbox.journal.entries({ path }).findLast(({ method }) => method === 'POST')?.params

describe('a customer who approves', () => {
  test('gets one subscription, charged at once, by a method that stays its default', async () => {
    const begun = await host.begin()
    expect(begun).toMatchObject({ state: 'requires_action', customer: { email: 'kim@example.com' } })
    expect(new URL(urlOf(begun)).origin).toBe(new URL(host.sandbox.url).origin)
    approve(begun.setupIntentId)
    const ended = await host.untilEnded(begun.id)
    expect(ended).toMatchObject({ state: 'active', subscriptionStatus: 'active', setupIntentId: begun.setupIntentId })
    expect(ended.redirectUrl).toBeUndefined()
    const [subscription, ...others] = subscriptionsOf(host.sandbox, begun.id)
    expect(others).toEqual([])
    expect(subscription).toMatchObject({ id: ended.subscriptionId, customer: ended.customer.id, status: 'active' })
    expect(subscription?.default_payment_method).toMatch(/^pm_/)
    expect(writesOf(host.sandbox)).toEqual([
      'POST /v1/customers',
      'POST /v1/prices',
      'POST /v1/setup_intents',
      'POST /v1/subscriptions',
    ])
  })

  test.each(['requires_confirmation', 'requires_payment_method'] as const)(
    'is sent away a second time when the first invoice %s',
    async (firstInvoice) => {
      host.sandbox.behaviour.firstInvoice = firstInvoice
      const begun = await host.begin()
      approve(begun.setupIntentId)
      const again = await host.until(begun.id, ({ redirectUrl = urlOf(begun) }) => redirectUrl !== urlOf(begun))
      expect(again).toMatchObject({ state: 'requires_action', subscriptionStatus: 'incomplete' })
      expect(again.paymentIntentId).toMatch(/^pi_/)
      approve(again.paymentIntentId)
      expect(await host.untilEnded(begun.id)).toMatchObject({ state: 'active', subscriptionId: again.subscriptionId })
      expect(subscriptionsOf(host.sandbox, begun.id)).toHaveLength(1)
    },
  )

  test.each(['2024-06-20', '2025-02-24.acacia', '2025-03-31.basil', '2026-08-26.dahlia', '2026-09-30.endive'])(
    'is understood in API version %s, at both redirects',
    async (apiVersion) => {
      host.sandbox.behaviour.firstInvoice = 'requires_confirmation'
      const begun = await host.begin(setupBody({ apiVersion }))
      approve(begun.setupIntentId)
      const again = await host.until(begun.id, ({ subscriptionId, redirectUrl }) =>
        Boolean(subscriptionId && redirectUrl),
      )
      approve(again.paymentIntentId)
      expect(await host.untilEnded(begun.id)).toMatchObject({ state: 'active', apiVersion })
      const params = paramsOf('/v1/setup_intents')
      const isEndive = apiVersion >= '2026-09-30'
      expect(params?.payment_method_types).toEqual(isEndive ? undefined : ['kakao_pay'])
      expect(params?.allowed_payment_method_types).toEqual(isEndive ? ['kakao_pay'] : undefined)
      expect(new Set(host.sandbox.journal.entries({}).map(({ version }) => version))).toEqual(new Set([apiVersion]))
    },
  )

  test('pays a price that exists, as the customer who has the email address', async () => {
    const price = await makePrice(host.sandbox)
    const { id: customer } = await writeStripe(host.sandbox, '/v1/customers', { email: 'park@example.com' })
    const begun = await host.begin(setupBody({ customer: 'park@example.com', price }))
    expect(begun).toMatchObject({ customer: { id: customer, email: 'park@example.com' }, price: { id: price } })
    approve(begun.setupIntentId)
    await host.untilEnded(begun.id)
    const [subscription] = subscriptionsOf(host.sandbox, begun.id)
    expect(subscription).toMatchObject({ customer, items: { data: [{ price: { id: price } }] } })
    expect([...setsOf('customers'), ...setsOf('prices')]).toHaveLength(2)
  })

  test('is found in the subscriptions dataset afterwards', async () => {
    const begun = await host.begin()
    approve(begun.setupIntentId)
    const { subscriptionId } = await host.untilEnded(begun.id)
    const { flowId, dataSetId } = await createStripeChain(host.api, { resourcePath: 'subscriptions' })
    await firstRun(host.api, flowId)
    const records = await recordsOfDataSet(host.api, dataSetId)
    expect(records.filter(({ id }) => id === subscriptionId)).toHaveLength(1)
  })

  test('is one of many who approve at once', async () => {
    const price = await makePrice(host.sandbox)
    const bodies = Array.from({ length: 12 }, (_, at) => setupBody({ customer: `kim${at}@example.com`, price }))
    const begun = await Promise.all(bodies.map((body) => host.begin(body)))
    for (const { setupIntentId } of begun) approve(setupIntentId)
    const ended = await Promise.all(begun.map(({ id }) => host.untilEnded(id)))
    expect(ended.map(({ state }) => state)).toEqual(bodies.map(() => 'active'))
    expect(new Set(ended.map(({ subscriptionId }) => subscriptionId)).size).toBe(12)
  })
})

describe('a set-up that fails', () => {
  test('because the customer refuses tells Stripe’s code and makes no subscription', async () => {
    const begun = await host.begin()
    refuse(begun.setupIntentId, 'payment_method_customer_decline')
    const { state, error, redirectUrl } = await host.untilEnded(begun.id)
    expect([state, error?.code, redirectUrl]).toEqual(['failed', 'payment_method_customer_decline', undefined])
    expect(error?.message).not.toBe('')
    expect(setsOf('subscriptions')).toEqual([])
  })

  test('because the customer refuses the payment is not confirmed a second time', async () => {
    host.sandbox.behaviour.firstInvoice = 'requires_confirmation'
    const begun = await host.begin()
    approve(begun.setupIntentId)
    const { paymentIntentId } = await host.until(begun.id, (setup) =>
      Boolean(setup.subscriptionId && setup.redirectUrl),
    )
    refuse(paymentIntentId)
    const { state, error } = await host.untilEnded(begun.id)
    expect([state, error?.code]).toEqual(['failed', 'payment_intent_authentication_failure'])
    expect(setsOf(`payment_intents/${paymentIntentId}/confirm`)).toHaveLength(1)
  })

  test('because the account has no Kakao Pay tells so in the answer to the first request', async () => {
    host.sandbox.behaviour.kakaoPayActivated = false
    expect(await host.begin()).toMatchObject({ state: 'failed', error: { code: 'payment_method_unactivated' } })
  })

  test('because the customer was deleted names what is missing', async () => {
    const begun = await host.begin(setupBody({ customer: 'cus_unknown' }))
    expect(begun).toMatchObject({ state: 'failed', error: { code: 'resource_missing' } })
  })

  test('because the connection was deleted says so', async () => {
    const begun = await host.begin()
    await host.api.delete(`${FLOW_SERVICE}/connections/${host.connectionId}`).expect(204)
    const connection = (await host.api.get(`${FLOW_SERVICE}/connections/${host.connectionId}/subscriptionSetups`))
      .status
    expect(connection).toBe(404)
    const stored = async () => host.host.context.store.setups.get(TENANT, host.connectionId, begun.id)
    while ((await stored())?.state === 'requires_action') await pause()
    expect((await stored())?.progress).toContain('connection_missing')
  })

  test.each<[string, string[], string]>([
    ['setup intents', ['customer', 'price', 'subscription', 'payment_intent'], 'rak_setup_intent_write'],
    ['subscriptions', ['customer', 'price', 'setup_intent', 'payment_intent'], 'rak_subscription_write'],
  ])('because the key may not write %s names the permission', async (_name, writable, permission) => {
    const key = 'rk_test_setup_limited'
    const grants = Object.fromEntries(writable.map((name) => [name, 'write']))
    const limited = await startSetupHost({ keys: [{ key, permissions: grants } as never] }, {}, key)
    try {
      let setup: SetupAnswer = await limited.begin()
      if (setup.state === 'requires_action') {
        limited.sandbox.apply({ type: 'approve', id: String(setup.setupIntentId) })
        setup = await limited.untilEnded(setup.id)
      }
      expect(setup).toMatchObject({ state: 'failed', error: { code: 'permission_missing' } })
      expect(setup.error?.message).toContain(permission)
      expect(setup.error?.message).not.toContain(key)
    } finally {
      await limited.stop()
    }
  })

  test('because Stripe refuses the credential tells so at once, without the key', async () => {
    const connectionId = await create(host.api, 'connections', connectionBody('sk_test_nobody'))
    const path = `${FLOW_SERVICE}/connections/${connectionId}/subscriptionSetups`
    const { body } = await host.api.post(path, setupBody({ customer: 'cus_1' })).expect(201)
    expect(body).toMatchObject({ state: 'failed', error: { code: 'credential_refused' } })
    expect(JSON.stringify([body, logged])).not.toContain('sk_test_nobody')
  })
})

describe('time', () => {
  test('ends a set-up that nobody approves after 23 hours, and calls its SetupIntent off', async () => {
    const begun = await host.begin()
    host.pass(23 * 3600 - 60)
    expect(await host.read(begun.id)).toMatchObject({ state: 'requires_action' })
    host.pass(120)
    expect(await host.untilEnded(begun.id)).toMatchObject({ state: 'expired' })
    expect(writesOf(host.sandbox).at(-1)).toBe(`POST /v1/setup_intents/${begun.setupIntentId}/cancel`)
    expect(() => approve(begun.setupIntentId)).toThrow()
  })

  test('ends it also when the customer is not back from the second page', async () => {
    host.sandbox.behaviour.firstInvoice = 'requires_confirmation'
    const begun = await host.begin()
    approve(begun.setupIntentId)
    await host.until(begun.id, (setup) => Boolean(setup.subscriptionId && setup.redirectUrl))
    host.pass(23 * 3600 + 60)
    expect(await host.untilEnded(begun.id)).toMatchObject({
      state: 'expired',
      subscriptionStatus: 'incomplete_expired',
    })
  })

  test('begins no subscription when an approval is seen only after 23 hours', async () => {
    const begun = await host.begin()
    // Nothing is read while Stripe does not answer.
    host.sandbox.faults.add({ match: { path: '/v1/setup_intents*' }, times: null, fault: { kind: 'reset' } })
    approve(begun.setupIntentId)
    await host.until(begun.id, ({ retrying }) => retrying !== undefined)
    host.pass(24 * 3600)
    host.sandbox.faults.clear()
    expect(await host.untilEnded(begun.id)).toMatchObject({ state: 'expired' })
    expect(setsOf('subscriptions')).toEqual([])
  })
})

describe('a request that comes twice', () => {
  const path = () => `${FLOW_SERVICE}/connections/${host.connectionId}/subscriptionSetups`
  const post = (key: string, body: object) => host.api.post(path(), body).set('Idempotency-Key', key)

  test('under one key is one set-up, one after the other or both at once', async () => {
    const [first, second] = await Promise.all([post('order-1', setupBody()), post('order-1', setupBody())])
    const third = await post('order-1', setupBody()).expect(201)
    expect([first.status, second.status]).toEqual([201, 201])
    expect([second.body.id, third.body.id]).toEqual([first.body.id, first.body.id])
    expect((await host.api.get(path())).body.items).toHaveLength(1)
    expect(setsOf('setup_intents')).toHaveLength(1)
  })

  test('under one key with another body is refused', async () => {
    await post('order-1', setupBody()).expect(201)
    const { body } = await post('order-1', setupBody({ customer: 'lee@example.com' })).expect(400)
    expect(body.type).toMatch(/-1312-400$/)
    expect(setsOf('setup_intents')).toHaveLength(1)
  })

  test('without a key is two set-ups', async () => {
    const [first, second] = [await host.begin(), await host.begin()]
    expect(first.id).not.toBe(second.id)
  })

  test('under the key of another connection is another set-up', async () => {
    const { body } = await post('order-1', setupBody()).expect(201)
    const other = await create(host.api, 'connections', connectionBody(SANDBOX_KEY))
    const again = await host.api
      .post(`${FLOW_SERVICE}/connections/${other}/subscriptionSetups`, setupBody())
      .set('Idempotency-Key', 'order-1')
      .expect(201)
    expect(again.body.id).not.toBe(body.id)
    await host.api.get(`${FLOW_SERVICE}/connections/${other}/subscriptionSetups/${body.id}`).expect(404)
  })

  test.each([[''], ['a b'], ['k'.repeat(256)]])('under the key "%s" is refused', async (key) => {
    const { body } = await post(key, setupBody()).expect(400)
    expect(body.type).toMatch(/-1452-400$/)
    expect(host.sandbox.journal.total).toBe(0)
  })
})

test('the list shows the set-ups of a connection page by page, newest first', async () => {
  const begun: string[] = []
  for (const at of [1, 2, 3]) begun.unshift((await host.begin(setupBody({ customer: `kim${at}@example.com` }))).id)
  const path = `${FLOW_SERVICE}/connections/${host.connectionId}/subscriptionSetups`
  const first = (await host.api.get(`${path}?limit=2`).expect(200)).body
  const second = (await host.api.get(FLOW_SERVICE + first._links.next.href).expect(200)).body
  expect([...first.items, ...second.items].map(({ id }: SetupAnswer) => id)).toEqual(begun)
  expect(second._links).toEqual({})
})

test('no answer and no line of the log holds a secret or what is known of the customer’s device', async () => {
  host.sandbox.behaviour.firstInvoice = 'requires_confirmation'
  const answers: unknown[] = []
  const begun = await host.begin()
  approve(begun.setupIntentId)
  const again = await host.until(begun.id, (setup) => Boolean(setup.subscriptionId && setup.redirectUrl))
  refuse(again.paymentIntentId)
  answers.push(begun, again, await host.untilEnded(begun.id))
  const stored = [
    ...(await host.host.context.store.setups.list(TENANT, host.connectionId, { beforeNo: null, limit: 9 })),
  ]
  expect(logged.length).toBeGreaterThan(0)
  for (const secret of ['_secret_', SANDBOX_KEY])
    expect(JSON.stringify([answers, logged, stored])).not.toContain(secret)
  for (const text of ['203.0.113.7', 'Mozilla/5.0']) expect(JSON.stringify([answers, logged])).not.toContain(text)
})
