import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { sdk } from './client.ts'
import { KAKAO_PAY, PaymentsClient, RETURN_URL } from './payments-client.ts'

const NOW = 1_780_000_000
const HOUR = 3600

let sandbox: StripeSandbox
let client: PaymentsClient
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 20 } })
  client = new PaymentsClient(sandbox)
})
afterEach(() => sandbox.close())

const PAYMENTS = { 'expand[0]': 'latest_invoice.payments', 'expand[1]': 'latest_invoice.confirmation_secret' }

/** The payment intent that an expanded subscription of a version since basil leads to. */
const intentOf = (subscription: {
  latest_invoice: { payments: { data: { payment: { payment_intent: string } }[] } }
}) => String(subscription.latest_invoice.payments.data[0]?.payment.payment_intent)
const subscriptions = () => [...sandbox.world.all('subscriptions')].length

describe('a subscription whose first invoice is paid off-session', () => {
  test('is active at once, with charge, balance transaction and events', async () => {
    const { status, json } = await client.subscribe(PAYMENTS)
    expect([status, json.status]).toEqual([200, 'active'])
    expect(json.latest_invoice).toMatchObject({ status: 'paid', amount_paid: 100_000, currency: 'krw' })
    const { json: intent } = await client.get(`/v1/payment_intents/${intentOf(json)}?expand[]=latest_charge`)
    expect(intent).toMatchObject({ status: 'succeeded', amount_received: 100_000, currency: 'krw' })
    expect(intent.latest_charge).toMatchObject({
      amount: 100_000,
      payment_intent: intent.id,
      payment_method_details: {
        type: 'kakao_pay',
        kakao_pay: { buyer_id: expect.any(String), transaction_id: expect.any(String) },
      },
    })
    const types = await client.eventTypes()
    expect(types.slice(types.indexOf('customer.subscription.created'))).toEqual([
      'customer.subscription.created',
      'invoice.created',
      'payment_intent.created',
      'invoice.finalized',
      'charge.succeeded',
      'payment_intent.succeeded',
      'invoice.paid',
      'invoice.payment_succeeded',
    ])
    const charge = intent.latest_charge.id
    const { json: transactions } = await client.get(`/v1/balance_transactions?source=${charge}`)
    expect(transactions.data[0]).toMatchObject({ amount: 100_000, currency: 'krw', source: charge })
    for (const [path, id] of [
      ['/v1/subscriptions?limit=1', json.id],
      ['/v1/charges?limit=1', charge],
      ['/v1/customers?limit=1', json.customer],
      ['/v1/prices?limit=1', json.items.data[0].price.id],
    ]) {
      expect((await client.get(String(path))).json.data[0].id).toBe(id)
    }
  })

  test('is made twice by two requests, as nothing but an idempotency key holds them together', async () => {
    const { customer, paymentMethod } = await client.approvedCustomer()
    const fields = {
      customer,
      default_payment_method: paymentMethod,
      'items[0][price]': await client.price(),
      off_session: true,
    }
    const once = await client.post('/v1/subscriptions', fields)
    const twice = await client.post('/v1/subscriptions', fields)
    expect(twice.json.id).not.toBe(once.json.id)
    const { json } = await client.get(`/v1/subscriptions?customer=${customer}`)
    expect(json.data).toHaveLength(2)
  })

  test('works through the official SDK, at the version that it pins', async () => {
    const stripe = sdk(sandbox)
    const customer = await stripe.customers.create({ email: 'minji@example.com', address: { country: 'KR' } })
    const product = await stripe.products.create({ name: '이용권' })
    const price = await stripe.prices.create({
      currency: 'krw',
      product: product.id,
      recurring: { interval: 'month' },
      unit_amount: 9900,
    })
    const setup = await stripe.setupIntents.create({
      allowed_payment_method_types: ['kakao_pay'],
      confirm: true,
      customer: customer.id,
      mandate_data: {
        customer_acceptance: { type: 'online', online: { ip_address: '203.0.113.9', user_agent: 'Mozilla/5.0' } },
      },
      payment_method_data: { type: 'kakao_pay' },
      return_url: RETURN_URL,
    } as Parameters<typeof stripe.setupIntents.create>[0])
    sandbox.apply({ type: 'approve' })
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      default_payment_method: String(setup.payment_method),
      items: [{ price: price.id, quantity: 2 }],
      off_session: true,
    })
    expect(subscription.status).toBe('active')
    const invoice = await stripe.invoices.retrieve(String(subscription.latest_invoice), {
      expand: ['payments.data.payment.payment_intent'],
    })
    expect(invoice.payments?.data[0]?.payment.payment_intent).toMatchObject({ amount: 19_800, status: 'succeeded' })
  })
})

describe('a subscription whose first invoice waits for its customer', () => {
  beforeEach(() => {
    sandbox.behaviour.firstInvoice = 'requires_confirmation'
  })

  test('is incomplete until a confirmation with another redirect is approved', async () => {
    const { json } = await client.subscribe(PAYMENTS)
    expect([json.status, json.latest_invoice.status]).toEqual(['incomplete', 'open'])
    const id = intentOf(json)
    expect(json.latest_invoice.confirmation_secret.client_secret).toMatch(new RegExp(`^${id}_secret_`))
    const confirmed = await client.post(`/v1/payment_intents/${id}/confirm`, { return_url: RETURN_URL, ...KAKAO_PAY })
    expect(confirmed.json).toMatchObject({ status: 'requires_action', next_action: { type: 'redirect_to_url' } })
    expect((await client.get(`/v1/subscriptions/${json.id}`)).json.status).toBe('incomplete')

    sandbox.apply({ type: 'approve', id })
    const { json: after } = await client.get(`/v1/subscriptions/${json.id}?expand[]=latest_invoice`)
    expect([after.status, after.latest_invoice.status]).toEqual(['active', 'paid'])
    expect(after.default_payment_method).toBe(json.default_payment_method)
    const update = await client.event('customer.subscription.updated')
    expect(update.data.previous_attributes).toEqual({ status: 'incomplete' })
    expect((await client.event('charge.succeeded')).data.object.payment_method_details.type).toBe('kakao_pay')
    expect((await client.event('invoice.paid')).data.object.id).toBe(json.latest_invoice.id)
  })

  test('keeps waiting after a refusal, and can be tried again', async () => {
    const { json } = await client.subscribe(PAYMENTS)
    const path = `/v1/payment_intents/${intentOf(json)}`
    await client.post(`${path}/confirm`, { return_url: RETURN_URL })
    sandbox.apply({ type: 'refuse' })
    expect((await client.get(path)).json).toMatchObject({
      status: 'requires_payment_method',
      payment_method: null,
      last_payment_error: { code: 'payment_intent_authentication_failure' },
    })
    expect((await client.get(`/v1/subscriptions/${json.id}`)).json.status).toBe('incomplete')
    const bare = await client.post(`${path}/confirm`, { return_url: RETURN_URL })
    expect([bare.status, bare.json.error.code]).toEqual([400, 'payment_intent_unexpected_state'])
    await client.post(`${path}/confirm`, { return_url: RETURN_URL, ...KAKAO_PAY })
    sandbox.apply({ type: 'approve' })
    expect((await client.get(`/v1/subscriptions/${json.id}`)).json.status).toBe('active')
    const late = await client.post(`${path}/confirm`, { return_url: RETURN_URL })
    expect([late.status, late.json.error.code]).toEqual([400, 'payment_intent_unexpected_state'])
    expect(late.json.error.payment_intent.status).toBe('succeeded')
  })

  test('takes the method of the confirmation as its default when it was asked to save it', async () => {
    const saved = { 'payment_settings[save_default_payment_method]': 'on_subscription' }
    const { json } = await client.subscribe({ ...PAYMENTS, ...saved })
    const path = `/v1/payment_intents/${intentOf(json)}`
    const confirmed = await client.post(`${path}/confirm`, { return_url: RETURN_URL, ...KAKAO_PAY })
    sandbox.apply({ type: 'approve' })
    const { json: after } = await client.get(`/v1/subscriptions/${json.id}?expand[]=default_payment_method`)
    expect(after.default_payment_method).toMatchObject({
      id: confirmed.json.payment_method,
      customer: json.customer,
      type: 'kakao_pay',
    })
  })

  test('expires after 23 hours of the sandbox clock, and not a second before', async () => {
    const { json } = await client.subscribe(PAYMENTS)
    const path = `/v1/payment_intents/${intentOf(json)}`
    const confirmed = await client.post(`${path}/confirm`, { return_url: RETURN_URL })
    sandbox.clock.advance(23 * HOUR - 1)
    expect((await client.get(`/v1/subscriptions/${json.id}`)).json.status).toBe('incomplete')
    sandbox.clock.advance(1)
    const { json: after } = await client.get(`/v1/subscriptions/${json.id}?expand[]=latest_invoice`)
    expect([after.status, after.latest_invoice.status]).toEqual(['incomplete_expired', 'void'])
    const update = await client.event('customer.subscription.updated')
    expect(update.data.previous_attributes).toMatchObject({ status: 'incomplete' })
    expect((await client.get(path)).json).toMatchObject({ status: 'canceled', cancellation_reason: 'void_invoice' })
    const page = await fetch(`${confirmed.json.next_action.redirect_to_url.url}/approve`, { method: 'POST' })
    expect(page.status).toBe(410)
    const late = await client.post(`${path}/confirm`, { return_url: RETURN_URL })
    expect(late.json.error.code).toBe('payment_intent_unexpected_state')
    expect((await client.eventTypes()).filter((type) => type === 'customer.subscription.updated')).toHaveLength(1)
  })

  test('does not expire once it was paid', async () => {
    const { json } = await client.subscribe(PAYMENTS)
    await client.post(`/v1/payment_intents/${intentOf(json)}/confirm`, { return_url: RETURN_URL })
    sandbox.apply({ type: 'approve' })
    sandbox.apply({ type: 'advance_clock', seconds: 24 * HOUR })
    expect((await client.get(`/v1/subscriptions/${json.id}`)).json.status).toBe('active')
  })

  test('can be paid off-session later, when its confirmation asks for that', async () => {
    const { json } = await client.subscribe(PAYMENTS)
    const path = `/v1/payment_intents/${intentOf(json)}/confirm`
    const refused = await client.post(path, { off_session: true })
    expect([refused.status, refused.json.error.type]).toEqual([402, 'card_error'])
    expect(refused.json.error.payment_intent.status).toBe('requires_payment_method')
    sandbox.behaviour.firstInvoice = 'paid'
    const paid = await client.post(path, { off_session: true, payment_method: json.default_payment_method })
    expect(paid.json.status).toBe('succeeded')
    expect((await client.get(`/v1/subscriptions/${json.id}`)).json.status).toBe('active')
  })

  test('is canceled with its customer, and what was to pay it with it', async () => {
    const { json } = await client.subscribe(PAYMENTS)
    await client.get(`/v1/customers/${json.customer}`, { method: 'DELETE' })
    expect((await client.get(`/v1/payment_intents/${intentOf(json)}`)).json.status).toBe('canceled')
    expect((await client.get(`/v1/payment_methods/${json.default_payment_method}`)).json.customer).toBeNull()
  })
})

describe('payment_behavior', () => {
  test('error_if_incomplete answers 402 and makes nothing', async () => {
    sandbox.behaviour.firstInvoice = 'requires_confirmation'
    const before = subscriptions()
    const waits = await client.subscribe({ payment_behavior: 'error_if_incomplete' })
    expect([waits.status, waits.json.error.code]).toEqual([402, 'subscription_payment_intent_requires_action'])
    sandbox.behaviour.firstInvoice = 'requires_payment_method'
    const refused = await client.subscribe({ payment_behavior: 'error_if_incomplete' })
    expect([refused.status, refused.json.error.code]).toEqual([402, 'payment_method_provider_decline'])
    expect(subscriptions()).toBe(before)
    sandbox.behaviour.firstInvoice = 'paid'
    expect((await client.subscribe({ payment_behavior: 'error_if_incomplete' })).json.status).toBe('active')
  })

  test('default_incomplete leaves the first payment to the customer', async () => {
    const { json } = await client.subscribe({ ...PAYMENTS, payment_behavior: 'default_incomplete' })
    expect(json.status).toBe('incomplete')
    const { json: intent } = await client.get(`/v1/payment_intents/${intentOf(json)}`)
    expect([intent.status, intent.payment_method]).toEqual(['requires_confirmation', json.default_payment_method])
  })

  test('allow_incomplete keeps a subscription whose payment was refused', async () => {
    sandbox.behaviour.firstInvoice = 'requires_payment_method'
    const { json } = await client.subscribe({ ...PAYMENTS, payment_behavior: 'allow_incomplete' })
    expect([json.status, json.latest_invoice.attempt_count]).toEqual(['incomplete', 1])
    const { json: intent } = await client.get(`/v1/payment_intents/${intentOf(json)}`)
    expect(intent).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code: 'payment_method_provider_decline' },
    })
    expect(await client.eventTypes()).toEqual(
      expect.arrayContaining(['payment_intent.payment_failed', 'invoice.payment_failed']),
    )
  })

  test('another word is refused', async () => {
    expect((await client.subscribe({ payment_behavior: 'hope' })).status).toBe(400)
  })
})
