import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Fault, StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { KAKAO_PAY, PaymentsClient, RETURN_URL, SETUP } from './payments-client.ts'

const NOW = 1_780_000_000
const KEY = { headers: { 'Idempotency-Key': 'setup-1' } }
const LOST: Fault = { kind: 'lost-answer' }

let sandbox: StripeSandbox
let client: PaymentsClient
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 20 } })
  client = new PaymentsClient(sandbox)
})
afterEach(() => sandbox.close())

const subscriptionFields = async () => {
  const { customer, paymentMethod } = await client.approvedCustomer()
  return {
    customer,
    default_payment_method: paymentMethod,
    'items[0][price]': await client.price(),
    off_session: true,
    'expand[]': 'latest_invoice.payments',
  }
}
const subscriptionsOf = async (customer: string) =>
  (await client.get(`/v1/subscriptions?customer=${customer}&status=all`)).json.data

describe('a write whose answer was lost', () => {
  test('has made one setup intent, which the same key finds again', async () => {
    sandbox.faults.add({ match: { path: '/v1/setup_intents' }, fault: LOST })
    await expect(client.post('/v1/setup_intents', SETUP, KEY)).rejects.toThrow('fetch failed')
    const again = await client.post('/v1/setup_intents', SETUP, KEY)
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true'])
    const { json } = await client.get('/v1/setup_intents')
    expect(json.data.map(({ id }: { id: string }) => id)).toEqual([again.json.id])
  })

  test('has made one paid subscription, which the same key finds again and another key makes twice', async () => {
    const fields = await subscriptionFields()
    sandbox.faults.add({ match: { path: '/v1/subscriptions' }, fault: LOST })
    await expect(client.post('/v1/subscriptions', fields, KEY)).rejects.toThrow('fetch failed')
    const again = await client.post('/v1/subscriptions', fields, KEY)
    expect(await subscriptionsOf(fields.customer)).toHaveLength(1)
    const other = await client.post('/v1/subscriptions', fields, { headers: { 'Idempotency-Key': 'setup-2' } })
    expect(other.json.id).not.toBe(again.json.id)
    expect(await subscriptionsOf(fields.customer)).toHaveLength(2)
  })

  test('has confirmed a payment once, and the replay shows the redirect of the first time', async () => {
    sandbox.behaviour.firstInvoice = 'requires_confirmation'
    const { json } = await client.subscribe({ 'expand[]': 'latest_invoice.payments' })
    const path = `/v1/payment_intents/${json.latest_invoice.payments.data[0].payment.payment_intent}`
    sandbox.faults.add({ match: { path: `${path}/confirm` }, fault: LOST })
    const fields = { return_url: RETURN_URL, ...KAKAO_PAY }
    await expect(client.post(`${path}/confirm`, fields, KEY)).rejects.toThrow('fetch failed')
    const again = await client.post(`${path}/confirm`, fields, KEY)
    const { json: intent } = await client.get(path)
    expect(again.json.next_action).toEqual(intent.next_action)
    sandbox.apply({ type: 'approve' })
    // A replay tells the past, not the present.
    expect((await client.post(`${path}/confirm`, fields, KEY)).json.status).toBe('requires_action')
    expect((await client.get(path)).json.status).toBe('succeeded')
  })
})

describe('an idempotency key', () => {
  test('keeps a server error: nothing was made, and nothing will be under this key', async () => {
    sandbox.faults.add({ match: { path: '/v1/setup_intents' }, fault: { kind: 'status', status: 500 } })
    expect((await client.post('/v1/setup_intents', SETUP, KEY)).status).toBe(500)
    const again = await client.post('/v1/setup_intents', SETUP, KEY)
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([500, 'true'])
    expect(sandbox.world.payments.all('setup_intents')).toEqual([])
  })

  test('keeps a payment that was refused', async () => {
    const fields = { ...(await subscriptionFields()), payment_behavior: 'error_if_incomplete' }
    sandbox.behaviour.firstInvoice = 'requires_payment_method'
    const refused = await client.post('/v1/subscriptions', fields, KEY)
    sandbox.behaviour.firstInvoice = 'paid'
    const again = await client.post('/v1/subscriptions', fields, KEY)
    expect([refused.status, again.status, again.headers.get('idempotent-replayed')]).toEqual([402, 402, 'true'])
    expect(again.json).toEqual(refused.json)
    expect(await subscriptionsOf(fields.customer)).toEqual([])
  })

  test('does not keep a request that was refused before it began', async () => {
    expect((await client.post('/v1/setup_intents', { ...SETUP, return_url: 'back' }, KEY)).status).toBe(400)
    // A refused request leaves its key free, even for other parameters.
    expect((await client.post('/v1/setup_intents', SETUP, KEY)).status).toBe(200)
  })

  test('belongs to one request: changed parameters are refused', async () => {
    await client.post('/v1/setup_intents', SETUP, KEY)
    const { status, json } = await client.post('/v1/setup_intents', { ...SETUP, 'metadata[a]': 'b' }, KEY)
    expect([status, json.error.type]).toEqual([400, 'idempotency_error'])
    expect(sandbox.world.payments.all('setup_intents')).toHaveLength(1)
  })

  test('is taken while its first request is still being answered', async () => {
    const fields = await subscriptionFields()
    sandbox.faults.add({ match: { path: '/v1/subscriptions' }, fault: { kind: 'latency', ms: 2000 } })
    const first = client.post('/v1/subscriptions', fields, KEY)
    // The first request has come in as soon as the journal knows it.
    while (sandbox.journal.count({ method: 'POST', path: '/v1/subscriptions' }) === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const second = await client.post('/v1/subscriptions', fields, KEY)
    expect([second.status, second.json.error.code]).toEqual([409, 'idempotency_key_in_use'])
    const { status, json } = await first
    expect([status, json.status]).toEqual([200, 'active'])
    expect((await client.post('/v1/subscriptions', fields, KEY)).json.id).toBe(json.id)
    expect(await subscriptionsOf(fields.customer)).toHaveLength(1)
  })
})

test('the journal keeps no client secret and tells when one stood in a URL', async () => {
  const { json } = await client.post('/v1/setup_intents', SETUP)
  await client.get(`/v1/setup_intents/${json.id}?client_secret=${json.client_secret}`)
  const wrong = await client.get(`/v1/setup_intents/${json.id}?client_secret=${json.id}_secret_guessed`)
  expect([wrong.status, wrong.json.error.param]).toEqual([400, 'client_secret'])
  const [entry] = sandbox.journal.entries({ path: `/v1/setup_intents/${json.id}` })
  expect([entry?.params, entry?.secretInQuery]).toEqual([{ client_secret: '***' }, true])
})
