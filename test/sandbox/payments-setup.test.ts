import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call } from './client.ts'
import { ACCEPTANCE, DAHLIA, ENDIVE, form, KAKAO_PAY, PaymentsClient, RETURN_URL, SETUP } from './payments-client.ts'

const NOW = 1_780_000_000

let sandbox: StripeSandbox
let client: PaymentsClient
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 20 } })
  client = new PaymentsClient(sandbox)
})
afterEach(() => sandbox.close())

const intents = () => sandbox.world.payments.all('setup_intents')
const methods = () => sandbox.world.payments.all('payment_methods')

describe('a setup intent', () => {
  test('waits for its customer with a redirect, and after the approval has a mandate and an attached method', async () => {
    const customer = await client.customer()
    const { json: made } = await client.post('/v1/setup_intents', { ...SETUP, customer })
    expect(made).toMatchObject({
      object: 'setup_intent',
      status: 'requires_action',
      customer,
      mandate: null,
      usage: 'off_session',
      next_action: { type: 'redirect_to_url', redirect_to_url: { return_url: RETURN_URL } },
    })
    expect(made.client_secret).toMatch(new RegExp(`^${made.id}_secret_\\w{25}$`))
    const { json: before } = await client.get(`/v1/payment_methods/${made.payment_method}`)
    expect(before).toMatchObject({ type: 'kakao_pay', customer: null })

    sandbox.apply({ type: 'approve', id: made.id })
    const path = `/v1/setup_intents/${made.id}?expand[]=mandate&expand[]=payment_method`
    const { json: after } = await client.get(path)
    expect(after).toMatchObject({
      status: 'succeeded',
      next_action: null,
      payment_method: { id: made.payment_method, customer },
      mandate: {
        status: 'active',
        payment_method: made.payment_method,
        customer_acceptance: { type: 'online', online: { ip_address: '203.0.113.9', user_agent: 'Mozilla/5.0' } },
      },
    })
    expect(await client.eventTypes()).toEqual([
      'customer.created',
      'setup_intent.created',
      'setup_intent.requires_action',
      'payment_method.attached',
      'setup_intent.succeeded',
    ])
  })

  test('goes back to requires_payment_method when it is refused, with the code of the refusal', async () => {
    const { json } = await client.post('/v1/setup_intents', { ...SETUP, customer: await client.customer() })
    sandbox.apply({ type: 'refuse', id: json.id })
    const { json: refused } = await client.get(`/v1/setup_intents/${json.id}`)
    expect(refused).toMatchObject({
      status: 'requires_payment_method',
      payment_method: null,
      mandate: null,
      last_setup_error: { code: 'setup_intent_authentication_failure', payment_method: { id: json.payment_method } },
    })
    expect((await client.event('setup_intent.setup_failed')).data.object.last_setup_error.code).toBe(
      'setup_intent_authentication_failure',
    )
    const { json: confirmed } = await client.post(`/v1/setup_intents/${json.id}/confirm`, {
      ...ACCEPTANCE,
      ...KAKAO_PAY,
    })
    expect(confirmed).toMatchObject({ status: 'requires_action', last_setup_error: null })
    expect(confirmed.payment_method).not.toBe(json.payment_method)
    sandbox.apply({ type: 'refuse', id: json.id, code: 'payment_method_provider_decline' })
    const { json: declined } = await client.get(`/v1/setup_intents/${json.id}`)
    expect(declined.last_setup_error).toMatchObject({ code: 'payment_method_provider_decline', type: 'card_error' })
    expect(() => sandbox.apply({ type: 'refuse', id: json.id })).toThrow('waits for nobody')
  })

  test('goes on waiting when its customer abandons the page', async () => {
    const { json } = await client.post('/v1/setup_intents', { ...SETUP, customer: await client.customer() })
    sandbox.apply({ type: 'abandon' })
    expect((await client.get(`/v1/setup_intents/${json.id}`)).json).toEqual(json)
  })

  test('can be made in three steps: alone, with a method, and confirmed', async () => {
    const customer = await client.customer()
    const { json: empty } = await client.post('/v1/setup_intents', { customer })
    expect([empty.status, empty.payment_method]).toEqual(['requires_payment_method', null])
    const early = await client.post(`/v1/setup_intents/${empty.id}/confirm`, { return_url: RETURN_URL })
    expect([early.status, early.json.error.code]).toEqual([400, 'setup_intent_unexpected_state'])
    expect(early.json.error.setup_intent.id).toBe(empty.id)
    const { json: filled } = await client.post(`/v1/setup_intents/${empty.id}`, {
      'payment_method_data[type]': 'kakao_pay',
      'metadata[order]': '7',
    })
    expect([filled.status, filled.metadata]).toEqual(['requires_confirmation', { order: '7' }])
    const { json: waiting } = await client.post(`/v1/setup_intents/${empty.id}/confirm`, ACCEPTANCE)
    expect([waiting.status, waiting.payment_method]).toEqual(['requires_action', filled.payment_method])
  })

  test('cannot be confirmed, canceled or changed once it is over', async () => {
    const { json: done } = await client.post('/v1/setup_intents', { ...SETUP, customer: await client.customer() })
    sandbox.apply({ type: 'approve', id: done.id })
    const { json: open } = await client.post('/v1/setup_intents', {})
    const canceled = await client.post(`/v1/setup_intents/${open.id}/cancel`, { cancellation_reason: 'abandoned' })
    expect(canceled.json).toMatchObject({ status: 'canceled', cancellation_reason: 'abandoned' })
    for (const id of [done.id, open.id]) {
      for (const suffix of ['', '/confirm', '/cancel']) {
        const { status, json } = await client.post(`/v1/setup_intents/${id}${suffix}`, {})
        expect([suffix, status, json.error.code]).toEqual([suffix, 400, 'setup_intent_unexpected_state'])
      }
    }
  })

  test('confirmed anew, takes only the newest redirect', async () => {
    const { json } = await client.post('/v1/setup_intents', { ...SETUP, customer: await client.customer() })
    const { json: second } = await client.post(`/v1/setup_intents/${json.id}/confirm`, { ...ACCEPTANCE, ...KAKAO_PAY })
    const [oldUrl, newUrl] = [json, second].map((intent) => intent.next_action.redirect_to_url.url)
    const old = await fetch(`${oldUrl}/approve`, { method: 'POST', redirect: 'manual' })
    expect(old.status).toBe(410)
    const fresh = await fetch(`${newUrl}/approve`, { method: 'POST', redirect: 'manual' })
    expect(fresh.status).toBe(303)
  })

  test('fails when its customer is deleted before the approval', async () => {
    const customer = await client.customer()
    const { json } = await client.post('/v1/setup_intents', { ...SETUP, customer })
    await client.get(`/v1/customers/${customer}`, { method: 'DELETE' })
    sandbox.apply({ type: 'approve', id: json.id })
    const { json: after } = await client.get(`/v1/setup_intents/${json.id}`)
    expect([after.status, after.last_setup_error.code]).toEqual(['requires_payment_method', 'resource_missing'])
    const again = await client.post('/v1/setup_intents', { ...SETUP, customer })
    expect([again.status, again.json.error.code, again.json.error.param]).toEqual([400, 'resource_missing', 'customer'])
  })

  test('is listed newest first and narrowed by its customer', async () => {
    const customer = await client.customer()
    const ids: string[] = []
    for (let each = 0; each < 3; each++) {
      ids.unshift((await client.post('/v1/setup_intents', { customer, 'metadata[n]': each })).json.id)
    }
    await client.post('/v1/setup_intents', {})
    const { json } = await client.get(`/v1/setup_intents?customer=${customer}&limit=2`)
    expect([json.data.map(({ id }: { id: string }) => id), json.has_more]).toEqual([ids.slice(0, 2), true])
    const { json: rest } = await client.get(`/v1/setup_intents?customer=${customer}&starting_after=${ids[1]}`)
    expect([rest.data.map(({ id }: { id: string }) => id), rest.has_more]).toEqual([[ids[2]], false])
  })
})

describe('parameters of a setup intent', () => {
  const without = (...names: readonly string[]) =>
    Object.fromEntries(Object.entries(SETUP).filter(([name]) => !names.some((each) => name.startsWith(each))))

  const REFUSED: readonly (readonly [
    name: string,
    fields: Record<string, string | boolean>,
    code: string,
    param: string,
  ])[] = [
    ['without a return_url', without('return_url'), 'parameter_missing', 'return_url'],
    ['a return_url that is none', { ...SETUP, return_url: 'back' }, 'url_invalid', 'return_url'],
    ['without a mandate', without('mandate_data'), 'setup_intent_mandate_invalid', 'mandate_data'],
    [
      'an online acceptance without its facts',
      { ...without('mandate_data'), 'mandate_data[customer_acceptance][type]': 'online' },
      'parameter_missing',
      'mandate_data[customer_acceptance][online]',
    ],
    [
      'without the user agent',
      without('mandate_data[customer_acceptance][online][user_agent]'),
      'parameter_missing',
      'mandate_data[customer_acceptance][online][user_agent]',
    ],
    ['without a method', without('payment_method_data'), 'setup_intent_unexpected_state', ''],
    [
      'an unknown method',
      { ...without('payment_method_data'), payment_method: 'pm_1' },
      'resource_missing',
      'payment_method',
    ],
    [
      'a method and data of another',
      { ...SETUP, payment_method: 'pm_1' },
      'parameters_exclusive',
      'payment_method_data',
    ],
    ['an unknown customer', { ...SETUP, customer: 'cus_nobody' }, 'resource_missing', 'customer'],
    ['an unknown parameter', { ...SETUP, kakao: 'x' }, 'parameter_unknown', 'kakao'],
    [
      'an unknown member of the data',
      { ...SETUP, 'payment_method_data[kakao]': 'x' },
      'parameter_unknown',
      'payment_method_data[kakao]',
    ],
    [
      'a method of a type that is not allowed',
      { ...SETUP, 'allowed_payment_method_types[]': 'card' },
      'payment_method_unsupported_type',
      'payment_method',
    ],
    ['an empty customer', { ...SETUP, customer: '' }, 'parameter_invalid_empty', 'customer'],
  ]

  test.each(REFUSED)('%s is refused and leaves nothing behind', async (_name, fields, code, param) => {
    const { status, json } = await client.post('/v1/setup_intents', fields)
    expect([status, json.error.code, json.error.param ?? '']).toEqual([400, code, param])
    expect([intents(), methods(), await client.eventTypes()]).toEqual([[], [], []])
  })

  test('the malformed payment_method_data of the recipe is refused', async () => {
    const fields = without('payment_method_data')
    const body = `${form(fields)}&payment_method_data[]=type&payment_method_data[]=kakao_pay`
    const { status, json } = await call(sandbox, '/v1/setup_intents', { form: body, version: ENDIVE })
    expect([status, json.error.param]).toEqual([400, 'payment_method_data'])
    expect(intents()).toEqual([])
  })

  test('parameters of a confirmation are refused without one', async () => {
    const { status, json } = await client.post('/v1/setup_intents', { ...SETUP, confirm: false })
    expect([status, json.error.param]).toEqual([400, 'return_url'])
  })
})

describe('types of payment methods', () => {
  const create = (version: string, fields: Record<string, string | boolean> = {}) =>
    client.post('/v1/setup_intents', { ...SETUP, ...fields }, { version })

  test('payment_method_types is taken until endive and refused from there on', async () => {
    const fields = { 'payment_method_types[]': 'kakao_pay' }
    expect((await create(DAHLIA, fields)).json.payment_method_types).toEqual(['kakao_pay'])
    for (const version of [ENDIVE, '2026-10-28.endive']) {
      const { status, json } = await create(version, fields)
      expect([status, json.error.code]).toEqual([400, 'payment_method_types_no_longer_supported'])
    }
    const { json } = await client.post('/v1/setup_intents', {})
    const update = await client.post(`/v1/setup_intents/${json.id}`, fields)
    expect(update.json.error.code).toBe('payment_method_types_no_longer_supported')
  })

  test('allowed_payment_method_types is unknown until July 2026 and drops what the account cannot take', async () => {
    const fields = { 'allowed_payment_method_types[0]': 'kakao_pay', 'allowed_payment_method_types[1]': 'naver_pay' }
    const early = await create('2026-06-24.dahlia', fields)
    expect([early.status, early.json.error.code]).toEqual([400, 'parameter_unknown'])
    const { json } = await create('2026-07-29.dahlia', fields)
    expect([json.status, json.payment_method_types]).toEqual(['requires_action', ['kakao_pay']])
    expect(json.allowed_payment_method_types).toEqual(['kakao_pay', 'naver_pay'])
    const { json: old } = await client.get(`/v1/setup_intents/${json.id}`, { version: '2026-06-24.dahlia' })
    expect(old).not.toHaveProperty('allowed_payment_method_types')
  })

  test('without types everything that the account takes is taken, but cards only before 2023-08-16', async () => {
    expect((await create('2024-06-20')).json.payment_method_types).toEqual(['card', 'kakao_pay'])
    const old = await create('2022-11-15')
    expect([old.status, old.json.error.code]).toEqual([400, 'payment_method_unsupported_type'])
  })

  test('an account without Kakao Pay, or in the wrong country, is told so', async () => {
    sandbox.behaviour.kakaoPayActivated = false
    const unactivated = await create(ENDIVE)
    expect([unactivated.status, unactivated.json.error.code]).toEqual([400, 'payment_method_unactivated'])
    sandbox.behaviour.kakaoPayActivated = true
    sandbox.behaviour.accountCountry = 'SG'
    expect((await create(ENDIVE)).json.error.code).toBe('payment_method_unactivated')
    expect((await client.get('/v1/account')).json.country).toBe('SG')
    sandbox.behaviour.accountCountry = 'HK'
    expect((await create(ENDIVE)).status).toBe(200)
  })
})

describe('keys', () => {
  test('a restricted key needs the permission of each resource, to read and to write', async () => {
    const permissions = { setup_intent: 'write', payment_method: 'read' } as const
    sandbox.keys.add({ key: 'rk_test_setup', permissions })
    const options = { key: 'rk_test_setup' }
    const { json } = await client.post('/v1/setup_intents', SETUP, options)
    expect((await client.get(`/v1/payment_methods/${json.payment_method}`, options)).status).toBe(200)
    for (const [path, permission] of [
      ['/v1/payment_intents/pi_1', 'rak_payment_intent_read'],
      ['/v1/invoices/in_1', 'rak_invoice_read'],
      ['/v1/mandates/mandate_1', 'rak_mandate_read'],
    ]) {
      const { status, json: answer } = await client.get(String(path), options)
      expect([status, answer.error.message]).toEqual([403, expect.stringContaining(String(permission))])
    }
    const product = await client.post('/v1/products', { name: 'x' }, options)
    expect([product.status, product.json.error.message]).toEqual([403, expect.stringContaining('rak_product_write')])
  })

  test('test and live objects do not mix', async () => {
    const { json } = await client.post('/v1/setup_intents', SETUP)
    const { status, json: answer } = await client.get(`/v1/setup_intents/${json.id}`, { key: 'sk_live_sandbox' })
    expect([status, answer.error.code]).toEqual([404, 'resource_missing'])
    expect(answer.error.message).toContain('a similar object exists in test mode')
  })
})
