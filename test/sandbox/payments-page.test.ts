import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { control } from './client.ts'
import { PaymentsClient, RETURN_URL, SETUP } from './payments-client.ts'

const NOW = 1_780_000_000

let sandbox: StripeSandbox
let client: PaymentsClient
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 20 } })
  client = new PaymentsClient(sandbox)
})
afterEach(() => sandbox.close())

const setUp = async (fields: Record<string, string> = {}) => {
  const { json } = await client.post('/v1/setup_intents', { ...SETUP, customer: await client.customer(), ...fields })
  return { id: String(json.id), secret: String(json.client_secret), url: String(json.next_action.redirect_to_url.url) }
}
const press = (url: string, verb: string, body?: URLSearchParams) =>
  fetch(`${url}/${verb}`, { method: 'POST', redirect: 'manual', ...(body ? { body } : {}) })
const statusOf = async (id: string) => (await client.get(`/v1/setup_intents/${id}`)).json.status

describe('the page that plays Kakao Pay', () => {
  test('is HTML on the sandbox itself, with a form for each decision', async () => {
    const { id, url } = await setUp()
    expect(url.startsWith(`${sandbox.url}/authorize/`)).toBe(true)
    const page = await fetch(url)
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect([page.headers.get('cache-control'), page.headers.get('referrer-policy')]).toEqual([
      'no-store',
      'no-referrer',
    ])
    const html = await page.text()
    const actions = [...html.matchAll(/<form method="post" action="([^"]+)"/g)].map(([, action]) =>
      String(new URL(String(action), url)),
    )
    expect(actions).toEqual([`${url}/approve`, `${url}/refuse`, `${url}/abandon`])
    expect(html).toContain(id)
    expect(html).not.toContain('_secret_')
  })

  test('shows what it was given as text', async () => {
    const { url } = await setUp({ return_url: 'https://shop.example/?a="><script>alert(1)</script>' })
    const html = await (await fetch(url)).text()
    expect(html).not.toContain('<script>')
    expect(html).toContain('&#60;script&#62;')
  })

  test('leads back with the intent, its secret and the outcome, keeping what stood in the return_url', async () => {
    const { id, secret, url } = await setUp()
    const answer = await press(url, 'approve')
    expect(answer.status).toBe(303)
    const back = new URL(String(answer.headers.get('location')))
    expect(`${back.origin}${back.pathname}`).toBe('https://shop.example/back')
    expect(Object.fromEntries(back.searchParams)).toEqual({
      order: '7',
      setup_intent: id,
      setup_intent_client_secret: secret,
      redirect_status: 'succeeded',
    })
    expect(await statusOf(id)).toBe('succeeded')
  })

  test('leads back as failed after a refusal, with the reason that was chosen', async () => {
    const { id, url } = await setUp()
    const answer = await press(url, 'refuse', new URLSearchParams({ code: 'payment_method_customer_decline' }))
    const back = new URL(String(answer.headers.get('location')))
    expect(back.searchParams.get('redirect_status')).toBe('failed')
    const { json } = await client.get(`/v1/setup_intents/${id}`)
    expect(json.last_setup_error.code).toBe('payment_method_customer_decline')
  })

  test('refuses a reason that it does not know and changes nothing', async () => {
    const { id, url } = await setUp()
    for (const code of ['because', 'payment_intent_authentication_failure', 'resource_missing']) {
      expect((await press(url, 'refuse', new URLSearchParams({ code }))).status).toBe(400)
    }
    expect((await press(url, 'refuse', new URLSearchParams({ code: 'x'.repeat(20_000) }))).status).toBe(413)
    expect(await statusOf(id)).toBe('requires_action')
  })

  test('says nothing to anybody when it is abandoned, and stays open', async () => {
    const { id, url } = await setUp()
    const answer = await press(url, 'abandon')
    expect([answer.status, answer.headers.get('location')]).toEqual([200, null])
    expect(await statusOf(id)).toBe('requires_action')
    expect((await press(url, 'approve')).status).toBe(303)
  })

  test('can be approved twice with one effect, and is over after that', async () => {
    const { url } = await setUp()
    const [first, second] = [await press(url, 'approve'), await press(url, 'approve')]
    expect(second.headers.get('location')).toBe(first.headers.get('location'))
    expect((await press(url, 'refuse')).status).toBe(410)
    expect((await fetch(url)).status).toBe(410)
    const types = await client.eventTypes()
    expect(types.filter((type) => type === 'setup_intent.succeeded')).toHaveLength(1)
  })

  test('is not there under another name, account or verb', async () => {
    const { url, id } = await setUp()
    const nonce = String(url.split('/').at(-1))
    const wrong = [url.replace(nonce, 'sa_nonce_1'), url.replace('acct_', 'acct_x'), `${url}/x`, `${url}/approve`]
    for (const each of wrong) expect([each, (await fetch(each)).status]).toEqual([each, 404])
    expect((await press(url, 'agree')).status).toBe(404)
    expect((await press(`${url}/approve`, 'x')).status).toBe(404)
    expect(await statusOf(id)).toBe('requires_action')
  })

  test('shows the amount of a payment and leads back with the payment intent', async () => {
    sandbox.behaviour.firstInvoice = 'requires_confirmation'
    await client.subscribe()
    const { json: list } = await client.get('/v1/payment_intents')
    const intent = list.data[0]
    const { json } = await client.post(`/v1/payment_intents/${intent.id}/confirm`, { return_url: RETURN_URL })
    const { url } = json.next_action.redirect_to_url
    expect(await (await fetch(url)).text()).toContain('100,000 KRW')
    const back = new URL(String((await press(url, 'approve')).headers.get('location')))
    expect(Object.fromEntries(back.searchParams)).toEqual({
      order: '7',
      payment_intent: intent.id,
      payment_intent_client_secret: intent.client_secret,
      redirect_status: 'succeeded',
    })
  })

  test('knows the pages of live data too, and forgets all of them with a reset', async () => {
    const { json } = await client.post('/v1/setup_intents', SETUP, { key: 'sk_live_sandbox' })
    const { url } = json.next_action.redirect_to_url
    expect((await fetch(url)).status).toBe(200)
    sandbox.reset()
    expect((await fetch(url)).status).toBe(404)
  })
})

describe('the control path', () => {
  test('approves, refuses and abandons what waits, the newest first', async () => {
    const [older, newer] = [await setUp(), await setUp()]
    const approved = await control(sandbox, 'POST', '/actions', { type: 'approve' })
    expect(approved.json.objects[0]).toMatchObject({ id: newer.id, status: 'succeeded' })
    const abandoned = await control(sandbox, 'POST', '/actions', { type: 'abandon', id: older.id })
    expect(abandoned.json.objects[0].status).toBe('requires_action')
    const code = 'payment_method_provider_timeout'
    await control(sandbox, 'POST', '/actions', { type: 'refuse', id: older.id, code })
    expect(await statusOf(older.id)).toBe('requires_payment_method')
    for (const action of [{ type: 'approve' }, { type: 'approve', id: newer.id }, { type: 'refuse', id: 'seti_1' }]) {
      const { status, json } = await control(sandbox, 'POST', '/actions', action)
      expect([status, json.error.message]).toEqual([400, expect.stringMatching(/waits for nobody|Nobody is/)])
    }
  })

  test('approves between two requests by a fault, as a customer would while a client polls', async () => {
    const { id } = await setUp()
    const path = `/v1/setup_intents/${id}`
    sandbox.faults.add({ after: 1, match: { path }, fault: { kind: 'action', actions: [{ type: 'approve', id }] } })
    expect([await statusOf(id), await statusOf(id)]).toEqual(['requires_action', 'succeeded'])
  })

  test('sets how first invoices fare and where the account is, and refuses what there is not', async () => {
    const settings = { firstInvoice: 'requires_payment_method', kakaoPayActivated: false, accountCountry: 'KR' }
    const { json } = await control(sandbox, 'POST', '/settings', settings)
    expect(json).toMatchObject(settings)
    for (const [name, value] of [
      ['firstInvoice', 'later'],
      ['kakaoPayActivated', 'no'],
      ['accountCountry', 'Korea'],
    ] as const) {
      const bad = await control(sandbox, 'POST', '/settings', { [name]: value })
      expect([bad.status, bad.json.error.param]).toEqual([400, name])
    }
    sandbox.reset()
    expect(sandbox.behaviour).toMatchObject({ firstInvoice: 'paid', kakaoPayActivated: true, accountCountry: 'US' })
  })
})
