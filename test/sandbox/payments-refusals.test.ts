import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { ACACIA, DAHLIA, ENDIVE, KAKAO_PAY, PaymentsClient, RETURN_URL } from './payments-client.ts'

const NOW = 1_780_000_000

let sandbox: StripeSandbox
let client: PaymentsClient
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 20 } })
  client = new PaymentsClient(sandbox)
})
afterEach(() => sandbox.close())

const PAYMENTS = { 'expand[]': 'latest_invoice.payments' }

/** The payment intent that an expanded subscription of a version since basil leads to. */
const intentOf = (subscription: {
  latest_invoice: { payments: { data: { payment: { payment_intent: string } }[] } }
}) => String(subscription.latest_invoice.payments.data[0]?.payment.payment_intent)
const count = (name: 'subscriptions' | 'prices') => [...sandbox.world.all(name)].length

describe('what Kakao Pay does not pay', () => {
  const refusedWith = async (fields: Record<string, string | number | boolean>) => {
    const before = count('subscriptions')
    const { status, json } = await client.subscribe(fields)
    expect([status, count('subscriptions')]).toEqual([400, before])
    return [json.error.code, json.error.param]
  }

  test('another currency than won', async () => {
    const price = await client.price({ currency: 'usd' })
    expect(await refusedWith({ 'items[0][price]': price })).toEqual([
      'payment_method_currency_mismatch',
      'default_payment_method',
    ])
  })

  test('less than a hundred won', async () => {
    expect((await refusedWith({ 'items[0][price]': await client.price({ unit_amount: 99 }) }))[0]).toBe(
      'amount_too_small',
    )
    const least = await client.subscribe({ 'items[0][price]': await client.price({ unit_amount: 100 }) })
    expect(least.json.status).toBe('active')
  })

  test('a price that was only described, of which nothing stays behind', async () => {
    const price = await client.price()
    const prices = count('prices')
    const { paymentMethod, customer } = await client.approvedCustomer()
    const { json } = await client.get(`/v1/prices/${price}`)
    const { status } = await client.post('/v1/subscriptions', {
      customer,
      default_payment_method: paymentMethod,
      'items[0][price_data][currency]': 'krw',
      'items[0][price_data][unit_amount]': 99,
      'items[0][price_data][product]': json.product,
      'items[0][price_data][recurring][interval]': 'month',
    })
    expect([status, count('prices')]).toEqual([400, prices])
  })

  test('the subscription of another customer, of nobody, or with a method that is not there', async () => {
    const other = await client.approvedCustomer()
    expect(await refusedWith({ default_payment_method: other.paymentMethod })).toEqual([
      'resource_missing',
      'default_payment_method',
    ])
    expect(await refusedWith({ default_payment_method: 'pm_none' })).toEqual([
      'resource_missing',
      'default_payment_method',
    ])
    await client.get(`/v1/customers/${other.customer}`, { method: 'DELETE' })
    expect(await refusedWith({ customer: other.customer })).toEqual(['resource_missing', 'customer'])
    const { status, json } = await client.post('/v1/subscriptions', {
      customer: await client.customer(),
      'items[0][price]': await client.price(),
      off_session: true,
    })
    expect([status, json.error.code]).toEqual([400, 'resource_missing'])
  })

  test('a method that its customer has not approved yet', async () => {
    const customer = await client.customer()
    const { json } = await client.post('/v1/setup_intents', {
      ...KAKAO_PAY,
      customer,
    })
    expect((await refusedWith({ customer, default_payment_method: json.payment_method }))[0]).toBe('resource_missing')
  })

  test('anything, once the account has switched it off', async () => {
    const { customer, paymentMethod } = await client.approvedCustomer()
    const fields = { customer, default_payment_method: paymentMethod, 'items[0][price]': await client.price() }
    sandbox.behaviour.kakaoPayActivated = false
    const { status, json } = await client.post('/v1/subscriptions', fields)
    expect([status, json.error.code]).toEqual([400, 'payment_method_unactivated'])
  })

  test("the customer's default method, which must be attached, pays without being named", async () => {
    const { customer, paymentMethod } = await client.approvedCustomer()
    const path = 'invoice_settings[default_payment_method]'
    const foreign = await client.post(`/v1/customers/${await client.customer()}`, { [path]: paymentMethod })
    expect([foreign.status, foreign.json.error.code]).toEqual([400, 'resource_missing'])
    await client.post(`/v1/customers/${customer}`, { [path]: paymentMethod })
    const fields = { customer, 'items[0][price]': await client.price(), off_session: true }
    const { json } = await client.post('/v1/subscriptions', { ...fields, 'expand[]': 'latest_invoice' })
    expect([json.status, json.latest_invoice.status]).toEqual(['active', 'paid'])
  })
})

describe('the way to the payment intent', () => {
  beforeEach(() => {
    sandbox.behaviour.firstInvoice = 'requires_confirmation'
  })

  test('leads through latest_invoice.payment_intent before basil', async () => {
    const { json } = await client.subscribe({ 'expand[]': 'latest_invoice.payment_intent' }, { version: ACACIA })
    const { latest_invoice: invoice } = json
    expect(invoice).toMatchObject({ paid: false, subscription: json.id, charge: null })
    expect(invoice.payment_intent).toMatchObject({ status: 'requires_confirmation', invoice: invoice.id })
    expect(invoice).not.toHaveProperty('parent')
    const later = await client.get(`/v1/invoices/${invoice.id}?expand[]=payments`, { version: ACACIA })
    expect(later.status).toBe(400)
    const { json: event } = await client.get('/v1/events?type=invoice.created&limit=1')
    expect(event.data[0].data.object.subscription).toBe(json.id)
  })

  test('leads through payments and confirmation_secret since basil, only when they are expanded', async () => {
    const { json } = await client.subscribe({ 'expand[]': 'latest_invoice' })
    const { latest_invoice: invoice } = json
    for (const gone of ['payment_intent', 'charge', 'paid', 'subscription', 'payments', 'confirmation_secret']) {
      expect(invoice).not.toHaveProperty(gone)
    }
    expect(invoice.parent.subscription_details.subscription).toBe(json.id)
    const refused = await client.get(`/v1/invoices/${invoice.id}?expand[]=payment_intent`)
    expect(refused.status).toBe(400)
    const deep = await client.get(`/v1/invoices/${invoice.id}?expand[]=payments.data.payment.payment_intent`)
    const { payment_intent: intent } = deep.json.payments.data[0].payment
    expect(intent).toMatchObject({ object: 'payment_intent', status: 'requires_confirmation' })
    expect(intent).not.toHaveProperty('invoice')
    const tooDeep = 'latest_invoice.payments.data.payment.payment_intent'
    expect((await client.get(`/v1/subscriptions/${json.id}?expand[]=${tooDeep}`)).status).toBe(400)
    const { json: listed } = await client.get(`/v1/invoices?subscription=${json.id}`)
    expect(listed.data).toHaveLength(1)
  })

  test('takes types in a confirmation as its version wants them', async () => {
    const { json } = await client.subscribe(PAYMENTS)
    const confirm = (version: string, name: string) =>
      client.post(
        `/v1/payment_intents/${intentOf(json)}/confirm`,
        { return_url: RETURN_URL, [`${name}[]`]: 'kakao_pay' },
        { version },
      )
    const refused = await confirm(ENDIVE, 'payment_method_types')
    expect([refused.status, refused.json.error.code]).toEqual([400, 'payment_method_types_no_longer_supported'])
    expect((await confirm('2026-06-24.dahlia', 'allowed_payment_method_types')).json.error.code).toBe(
      'parameter_unknown',
    )
    expect((await confirm(ENDIVE, 'allowed_payment_method_types')).json.status).toBe('requires_action')
    expect((await confirm(DAHLIA, 'payment_method_types')).json.status).toBe('requires_action')
  })

  test('is a 404 for ids that are not there', async () => {
    for (const path of ['payment_intents/pi_1', 'setup_intents/seti_1', 'payment_methods/pm_1', 'invoices/in_1']) {
      const { status, json } = await client.get(`/v1/${path}`)
      expect([path, status, json.error.code]).toEqual([path, 404, 'resource_missing'])
    }
  })
})

describe('products and prices', () => {
  test('a product has its own id or a given one, which is taken once', async () => {
    const { json } = await client.post('/v1/products', { id: 'video-plus', name: 'Video Plus', 'metadata[a]': 'b' })
    expect(json).toMatchObject({ id: 'video-plus', object: 'product', active: true, metadata: { a: 'b' } })
    expect((await client.get('/v1/products/video-plus')).json).toEqual(json)
    const again = await client.post('/v1/products', { id: 'video-plus', name: 'Another' })
    expect([again.status, again.json.error.code]).toEqual([400, 'resource_already_exists'])
    expect((await client.post('/v1/products', {})).json.error.code).toBe('parameter_missing')
    expect(await client.eventTypes()).toEqual(['product.created'])
  })

  test('a price wants one product and a currency', async () => {
    const usual = { unit_amount: 100, currency: 'KRW', 'recurring[interval]': 'month' }
    const product = { 'product_data[name]': 'P' }
    expect((await client.post('/v1/prices', { ...usual, ...product })).json.currency).toBe('krw')
    expect((await client.post('/v1/prices', { ...usual, ...product, currency: 'won!' })).status).toBe(400)
    const { json } = await client.post('/v1/prices', { ...usual, ...product, product: 'prod_1' })
    expect(json.error.code).toBe('parameters_exclusive')
  })
})
