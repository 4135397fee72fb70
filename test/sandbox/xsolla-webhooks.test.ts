import { createHash } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { NOTIFICATION_TYPES } from '../../src/sandbox/xsolla/notifications.ts'
import { createXsollaSandbox, type XsollaSandbox } from '../../src/sandbox/xsolla/sandbox.ts'
import { startTestSource, type TestSource } from '../plugins/rest/test-source.ts'

const SECRET = 'project-secret-1'

let sandbox: XsollaSandbox
let receiver: TestSource

beforeEach(async () => {
  receiver = await startTestSource(() => ({ status: 204 }))
  sandbox = await createXsollaSandbox({ subscriptions: 3 })
  sandbox.webhooks.target = { url: receiver.url, secret: SECRET, spacingMs: [1] }
})

afterEach(async () => {
  await sandbox.close()
  await receiver.close()
})

const bodies = () => receiver.requests.map(({ body }) => JSON.parse(body))
const isSigned = (body: string, authorization: string | undefined) =>
  authorization === `Signature ${createHash('sha1').update(body).update(SECRET).digest('hex')}`

test.each(NOTIFICATION_TYPES)('%s is sent with its type, its settings and a good signature', async (type) => {
  await sandbox.notify(type)
  const [request] = receiver.requests
  expect(isSigned(request!.body, request!.headers.authorization)).toBe(true)
  expect(JSON.parse(request!.body)).toMatchObject({
    notification_type: type,
    settings: { project_id: 44_056, merchant_id: 2_340 },
  })
})

test('a refund has the payment and a code, a test payment says so', async () => {
  await sandbox.notify('refund', { refundCode: 4 })
  await sandbox.notify('payment', { isDryRun: true })
  const [refund, payment] = bodies()
  expect(refund).toMatchObject({ transaction: { id: expect.any(Number) }, refund_details: { code: 4 } })
  expect(refund.transaction).not.toHaveProperty('dry_run')
  expect(typeof refund.payment_details.payment.amount).toBe('number')
  expect(payment.transaction.dry_run).toBe(1)
})

test('a subscription id is a text or a number', async () => {
  const { id } = sandbox.world.rows[1]!
  await sandbox.notify('create_subscription', { subscriptionId: id })
  await sandbox.notify('create_subscription', { subscriptionId: id, idSpelling: 'integer' })
  expect(bodies().map(({ subscription }) => subscription.subscription_id)).toEqual([String(id), id])
})

test('a transaction can be told twice', async () => {
  await sandbox.notify('payment', { transactionId: 5 })
  await sandbox.notify('payment', { transactionId: 5 })
  expect(bodies().map(({ transaction }) => transaction.id)).toEqual([5, 5])
  await sandbox.notify('payment')
  await sandbox.notify('payment')
  const [, , third, fourth] = bodies()
  expect(third.transaction.id).not.toBe(fourth.transaction.id)
})

test('a server error is met by the same notification until it is accepted', async () => {
  const statuses = [500, 503, 204]
  receiver.answer = () => ({ status: statuses.shift() ?? 204 })
  const delivery = await sandbox.notify('payment')
  expect([delivery.state, delivery.statuses]).toEqual(['accepted', [500, 503, 204]])
  expect(new Set(receiver.requests.map(({ body }) => body)).size).toBe(1)
})

test('twelve resends are the last', async () => {
  receiver.answer = () => ({ status: 500 })
  const delivery = await sandbox.notify('payment')
  expect([delivery.state, delivery.statuses.length]).toEqual(['given-up', 13])
})

test('no answer counts as a server error', async () => {
  const { url } = receiver
  sandbox.webhooks.target = { url: url.replace(/\d+$/, '1'), secret: SECRET, spacingMs: [0] }
  const delivery = await sandbox.notify('payment')
  expect([delivery.state, new Set(delivery.statuses)]).toEqual(['given-up', new Set([0])])
})

test.each([400, 401, 422])('%d is never resent', async (status) => {
  const body = { error: { code: 'INVALID_USER', message: 'Nobody' } }
  receiver.answer = () => ({ status, body })
  const delivery = await sandbox.notify('user_validation')
  expect([delivery.state, delivery.statuses, JSON.parse(delivery.answer)]).toEqual(['refused', [status], body])
})

test('a signature can be wrong, and a body changed on the way', async () => {
  await sandbox.notify('payment', { badSignature: true })
  await sandbox.notify('payment', { tampered: true })
  for (const { body, headers } of receiver.requests) expect(isSigned(body, headers.authorization)).toBe(false)
  expect(bodies()).toHaveLength(2)
})

test('closing gives up what waits for its next try', async () => {
  receiver.answer = () => ({ status: 500 })
  sandbox.webhooks.target = { url: receiver.url, secret: SECRET, spacingMs: [60_000] }
  const sending = sandbox.notify('payment')
  while (receiver.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await sandbox.close()
  expect((await sending).state).toBe('given-up')
})

test('everything can be asked for over HTTP', async () => {
  sandbox.webhooks.target = null
  const post = (path: string, body: object) =>
    fetch(`${sandbox.url}/_sandbox${path}`, { method: 'POST', body: JSON.stringify(body) })
  expect((await post('/notifications', { type: 'payment' })).status).toBe(400)
  expect((await post('/webhooks', { url: receiver.url })).status).toBe(400)
  expect((await post('/webhooks', { url: receiver.url, secret: SECRET, spacingMs: [1] })).status).toBe(200)
  expect((await post('/notifications', { type: 'parcel' })).status).toBe(400)
  const delivery = await (await post('/notifications', { type: 'payment', transactionId: 9 })).json()
  expect(delivery).toMatchObject({ state: 'accepted', statuses: [204] })
  expect(bodies()[0].transaction.id).toBe(9)
  const told = await (await fetch(`${sandbox.url}/_sandbox/deliveries`)).text()
  expect(told).not.toContain(SECRET)
})
