import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../src/json.ts'
import { connectionBody, create, FLOW_SERVICE, STRIPE_SPEC, UNKNOWN_ID } from '../support/flow-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import { makePrice, PRICE, setupBody, startSetupHost, writesOf, writeStripe, type SetupHost } from './support.ts'

let host: SetupHost
let path: string

beforeAll(async () => {
  host = await startSetupHost()
  path = `${FLOW_SERVICE}/connections/${host.connectionId}/subscriptionSetups`
})

beforeEach(() => host.sandbox.journal.clear())
afterAll(() => host.stop())

const without = (name: string) => Object.fromEntries(Object.entries(setupBody()).filter(([member]) => member !== name))
const price = (changes: JsonObject) => ({ price: { ...PRICE, ...changes } })

describe('a request that cannot work is refused before Stripe is asked anything', () => {
  test.each<[string, JsonObject, string, string]>([
    ['without a customer', without('customer'), '1304-400', '/customer'],
    ['with a customer that is a number', setupBody({ customer: 7 }), '1312-400', '/customer'],
    ['with a customer that is a list', setupBody({ customer: ['cus_1'] }), '1312-400', '/customer'],
    ['with a customer that is neither id nor address', setupBody({ customer: 'kim' }), '1312-400', '/customer'],
    [
      'with an object of a customer without address',
      setupBody({ customer: { name: 'Kim' } }),
      '1304-400',
      '/customer/email',
    ],
    ['with half an address', setupBody({ customer: { email: 'kim@' } }), '1312-400', '/customer/email'],
    ['with a huge address', setupBody({ customer: `${'k'.repeat(600)}@example.com` }), '1312-400', '/customer'],
    ['without a price', without('price'), '1304-400', '/price'],
    ['with a price that is a number', setupBody({ price: 9900 }), '1312-400', '/price'],
    ['with a price id that leads elsewhere', setupBody({ price: '../customers' }), '1312-400', '/price'],
    ['without an amount', setupBody({ price: { interval: 'month' } }), '1304-400', '/price/amount'],
    ['with an amount that is a text', setupBody(price({ amount: '9900' })), '1312-400', '/price/amount'],
    ['with part of a won', setupBody(price({ amount: 9900.5 })), '1312-400', '/price/amount'],
    ['with too few won', setupBody(price({ amount: 99 })), '1312-400', '/price/amount'],
    ['with less than nothing', setupBody(price({ amount: -9900 })), '1312-400', '/price/amount'],
    ['with an amount beyond all counting', setupBody(price({ amount: 1e300 })), '1312-400', '/price/amount'],
    ['in another currency', setupBody(price({ currency: 'usd' })), '1312-400', '/price/currency'],
    [
      'with an interval that Stripe does not know',
      setupBody(price({ interval: 'fortnight' })),
      '1312-400',
      '/price/interval',
    ],
    ['without an interval', setupBody({ price: { amount: 9900 } }), '1312-400', '/price/interval'],
    ['with another payment method', setupBody({ paymentMethod: 'card' }), '1312-400', '/paymentMethod'],
    [
      'with a payment method that every object has',
      setupBody({ paymentMethod: 'constructor' }),
      '1312-400',
      '/paymentMethod',
    ],
    ['without a return URL', without('returnUrl'), '1304-400', '/returnUrl'],
    ['with a return URL that is a script', setupBody({ returnUrl: 'javascript:alert(1)' }), '1312-400', '/returnUrl'],
    [
      'with a return URL with a password',
      setupBody({ returnUrl: 'https://a:b@shop.example' }),
      '1312-400',
      '/returnUrl',
    ],
    ['with a return URL that is a path', setupBody({ returnUrl: '/return' }), '1312-400', '/returnUrl'],
    ['without an IP address', without('ipAddress'), '1304-400', '/ipAddress'],
    ['with half an IP address', setupBody({ ipAddress: '203.0.113' }), '1312-400', '/ipAddress'],
    ['without a browser', setupBody({ userAgent: ' ' }), '1304-400', '/userAgent'],
    ['with a browser of two lines', setupBody({ userAgent: 'a\nb' }), '1312-400', '/userAgent'],
    ['with a huge browser', setupBody({ userAgent: 'a'.repeat(1025) }), '1312-400', '/userAgent'],
    ['with an API version that is none', setupBody({ apiVersion: 'newest' }), '1312-400', '/apiVersion'],
  ])('%s', async (_name, body, code, pointer) => {
    const { body: answer } = await host.api.post(path, body).expect(400)
    const expected = pointer === '/price/interval' && !('interval' in (body['price'] as object)) ? '1304-400' : code
    expect(answer.type).toMatch(new RegExp(`-${expected}$`))
    expect(answer.detail ?? answer.message).toContain(pointer)
    expect(host.sandbox.journal.total).toBe(0)
    expect((await host.api.get(path).expect(200)).body.items).toEqual([])
  })

  test('with every fault in one answer', async () => {
    const { body } = await host.api.post(path, { price: { amount: 1 } }).expect(400)
    expect(JSON.stringify(body)).toMatch(
      /paymentMethod[^]*customer[^]*price\/interval[^]*returnUrl[^]*ipAddress[^]*userAgent/,
    )
  })

  test.each([[''], ['null'], ['[]'], ['"text"'], ['{"customer":']])('with the body %s', async (text) => {
    await host.api.post(path).set('Content-Type', 'application/json').send(text).expect(400)
    expect(host.sandbox.journal.total).toBe(0)
  })
})

describe('a price or customer that cannot be used is refused after one look', () => {
  const prices = (fits: (price: JsonObject) => boolean) =>
    [...host.sandbox.world.all('prices')].find((object) => fits(object as unknown as JsonObject))?.id

  test('a price that Stripe does not know', async () => {
    const { body } = await host.api.post(path, setupBody({ price: 'price_unknown' })).expect(400)
    expect(body.type).toMatch(/-1312-400$/)
    expect(body.detail ?? body.message).toContain('price_unknown')
    expect(writesOf(host.sandbox)).toEqual([])
  })

  test('a price in another currency', async () => {
    const id = prices(({ currency, recurring, active }) => currency !== 'krw' && recurring !== null && active === true)
    const { body } = await host.api.post(path, setupBody({ price: String(id) })).expect(400)
    expect(body.detail ?? body.message).toMatch(/which is in [A-Z]{3}; give one in KRW/)
    expect(writesOf(host.sandbox)).toEqual([])
  })

  test('a price that is paid once, one that is archived, one that is too small', async () => {
    const product = { currency: 'krw', unit_amount: '500', 'product_data[name]': 'x' }
    const { id: once } = await writeStripe(host.sandbox, '/v1/prices', product)
    const archived = await makePrice(host.sandbox, { active: 'false' })
    const small = await makePrice(host.sandbox, { unit_amount: '99' })
    host.sandbox.journal.clear()
    for (const [id, words] of [
      [once, 'not recurring'],
      [archived, 'not active'],
      [small, 'which is 99; give one of at least 100'],
    ] as const) {
      const { body } = await host.api.post(path, setupBody({ price: id }))
      expect([id, body.detail ?? body.message]).toEqual([id, expect.stringContaining(words)])
    }
    expect(writesOf(host.sandbox)).toEqual([])
  })

  test('an email address that several customers have', async () => {
    for (let count = 0; count < 2; count++) {
      await writeStripe(host.sandbox, '/v1/customers', { email: 'twice@example.com' })
    }
    host.sandbox.journal.clear()
    const { body } = await host.api.post(path, setupBody({ customer: 'twice@example.com' })).expect(400)
    expect(body.detail ?? body.message).toContain('several customers')
    expect(writesOf(host.sandbox)).toEqual([])
  })
})

describe('where there is nothing to set up', () => {
  test('an unknown connection is 404, and so is one of another tenant', async () => {
    const unknown = `${FLOW_SERVICE}/connections/${UNKNOWN_ID}/subscriptionSetups`
    await host.api.post(unknown, setupBody()).expect(404)
    await host.api.get(unknown).expect(404)
    for (const other of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
      await other.post(path, setupBody()).expect(404)
      await other.get(path).expect(404)
    }
    expect(host.sandbox.journal.total).toBe(0)
  })

  test('a draft of a connection is refused', async () => {
    const draft = await create(host.api, 'connections', { name: 'Draft', connectionSpec: STRIPE_SPEC }, '?mode=draft')
    const { body } = await host.api
      .post(`${FLOW_SERVICE}/connections/${draft}/subscriptionSetups`, setupBody())
      .expect(400)
    expect(body.type).toMatch(/-1416-400$/)
  })

  test('a credential that Stripe refuses is told at once when a price is to be looked at', async () => {
    const connectionId = await create(host.api, 'connections', connectionBody('sk_test_nobody'))
    const setups = `${FLOW_SERVICE}/connections/${connectionId}/subscriptionSetups`
    const { body } = await host.api.post(setups, setupBody({ price: 'price_1' })).expect(400)
    expect(body.type).toMatch(/-1100-400$/)
    expect(JSON.stringify(body)).not.toContain('sk_test_nobody')
  })

  test('a look that Stripe refuses, limits or does not answer is told in the words of the API', async () => {
    const { faults } = host.sandbox
    for (const [status, expected, times] of [
      [400, /-1100-400$/, 1],
      [429, /-1103-503$/, null],
      [503, /-1104-504$/, null],
    ] as const) {
      faults.add({ match: { path: '/v1/customers' }, times, fault: { kind: 'status', status, reason: 'global-rate' } })
      const { body } = await host.api.post(path, setupBody())
      faults.clear()
      expect([status, body.type]).toEqual([status, expect.stringMatching(expected)])
    }
    expect((await host.api.get(path)).body.items).toEqual([])
    expect(writesOf(host.sandbox)).toEqual([])
  }, 60_000)

  test('an unknown set-up is 404', async () => {
    await host.api.get(`${path}/${UNKNOWN_ID}`).expect(404)
  })

  test('a page cannot be asked for with the token of another list', async () => {
    await host.api.get(`${path}?continuationToken=AAAA`).expect(400)
    await host.api.get(`${path}?limit=0`).expect(400)
  })
})
