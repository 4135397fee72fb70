import { createServer } from 'node:http'
import type { IncomingHttpHeaders, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import Stripe from 'stripe'
import type { StripeObject, StripeSandbox, StripeSandboxOptions, WebhookScript } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call, control, sdk } from './client.ts'

const NOW = 1_780_000_000
const ENDPOINTS = '/v1/webhook_endpoints'
const MINUTE = 60

interface Received {
  readonly body: string
  readonly headers: IncomingHttpHeaders
  readonly event: Stripe.Event & StripeObject
  /** `t` and all `v1` of the signature. */
  readonly timestamp: number
  readonly signatures: readonly string[]
}

/** A receiver that keeps what it gets and answers what it is told to. */
interface Receiver {
  readonly url: string
  readonly received: Received[]
  /** One entry for each of the next requests; 200 when it runs out. */
  readonly answers: number[]
  /** Called before each answer. */
  hold: () => Promise<void>
  close(): Promise<void>
}

let sandbox: StripeSandbox
let receiver: Receiver
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  await sandbox.close()
  await receiver.close()
})

async function startReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const answers: number[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks).toString()
      const fields = String(request.headers['stripe-signature'] ?? '').split(',')
      const of = (name: string) => fields.filter((field) => field.startsWith(`${name}=`)).map((field) => field.slice(3))
      received.push({
        body,
        headers: request.headers,
        event: JSON.parse(body),
        timestamp: Number(fields.find((field) => field.startsWith('t='))?.slice(2)),
        signatures: of('v1'),
      })
      await receiverOf.hold()
      const status = answers.shift() ?? 200
      response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end()
    })().catch(() => response.destroy())
  })
  const url = await listening(server)
  const receiverOf: Receiver = {
    url,
    received,
    answers,
    hold: async () => {},
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return receiverOf
}

function listening(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`))
  })
}

/** A sandbox that tells the receiver everything; answers the endpoint's secret. */
async function start(options: StripeSandboxOptions = {}): Promise<string> {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 20 }, ...options })
  return sandbox.webhooks.add({ url: receiver.url }).secret
}

/** Makes customers, waits until their events were sent, and answers the customers' ids. */
async function createCustomers(count = 1, params: object = {}): Promise<string[]> {
  const made = sandbox.apply({ type: 'create', resource: 'customers', count, params })
  await sandbox.webhooks.settled()
  return made.map(({ id }) => id)
}

const script = (kind: WebhookScript, times: number | null = 1) => sandbox.webhooks.scripts.add({ times, script: kind })
const customersOf = (received: readonly Received[]) =>
  received.map(({ event }) => (event.data.object as unknown as StripeObject).id)
const read = async (path: string) => (await call(sandbox, path)).json
const undelivered = async (): Promise<StripeObject[]> => (await read('/v1/events?delivery_success=false')).data

/** Checks as a receiver does whose clock is the sandbox's. */
function construct({ body, headers }: Received, secret: string): Stripe.Event {
  const { webhooks } = new Stripe('sk_test_x')
  const header = headers['stripe-signature'] as string
  return webhooks.constructEvent(body, header, secret, 300, undefined, sandbox.clock.nowMs())
}

describe('endpoints of the API', () => {
  const form = (url: string) => `url=${encodeURIComponent(url)}&enabled_events[]=customer.created`

  test('are made, listed, changed and deleted with the official SDK, and the secret is shown once', async () => {
    await start()
    const stripe = sdk(sandbox)
    const made = await stripe.webhookEndpoints.create({
      url: receiver.url,
      enabled_events: ['customer.created', 'customer.updated'],
      metadata: { team: 'data' },
    })
    expect(made).toMatchObject({ object: 'webhook_endpoint', status: 'enabled', api_version: null, livemode: false })
    expect(made.secret).toMatch(/^whsec_[0-9A-Za-z]{32}$/)
    const listed = await stripe.webhookEndpoints.list({ limit: 1 })
    expect(listed).toMatchObject({ has_more: true, data: [{ id: made.id, metadata: { team: 'data' } }] })
    const got = await stripe.webhookEndpoints.retrieve(made.id)
    const changed = await stripe.webhookEndpoints.update(made.id, { disabled: true, description: 'off' })
    expect(changed).toMatchObject({ status: 'disabled', description: 'off', metadata: { team: 'data' } })
    for (const shown of [got, changed, ...listed.data]) expect(shown).not.toHaveProperty('secret')
    expect(await stripe.webhookEndpoints.del(made.id)).toMatchObject({ id: made.id, deleted: true })
    expect((await call(sandbox, `${ENDPOINTS}/${made.id}`)).status).toBe(404)
  })

  test.each([
    ['enabled_events[]=*', 'parameter_missing', 'url'],
    ['url=https://example.com', 'parameter_missing', 'enabled_events'],
    ['url=example.com&enabled_events[]=*', 'url_invalid', 'url'],
    ['url=ftp://example.com&enabled_events[]=*', 'url_invalid', 'url'],
    ['url=https://example.com&enabled_events[]=charge.*', undefined, 'enabled_events[0]'],
    ['url=https://example.com&enabled_events[]=*&api_version=2001-01-01', undefined, 'api_version'],
    ['url=https://example.com&enabled_events[]=*&color=red', 'parameter_unknown', 'color'],
  ])('are refused when %s', async (given, code, param) => {
    await start()
    const { status, json } = await call(sandbox, ENDPOINTS, { form: given })
    expect([status, json.error.code, json.error.param]).toEqual([400, code, param])
    expect((await read(ENDPOINTS)).data).toHaveLength(1)
  })

  test('must be HTTPS in live mode', async () => {
    await start()
    const { status, json } = await call(sandbox, ENDPOINTS, { form: form(receiver.url), key: 'sk_live_sandbox' })
    expect([status, json.error.param]).toEqual([400, 'url'])
    const live = await call(sandbox, ENDPOINTS, { form: form('https://example.com'), key: 'sk_live_sandbox' })
    expect(live.json).toMatchObject({ livemode: true })
    expect((await read(ENDPOINTS)).data).toHaveLength(1)
  })

  test('are at most sixteen', async () => {
    await start()
    for (let place = 1; place < 16; place++) {
      expect((await call(sandbox, ENDPOINTS, { form: form(receiver.url) })).status).toBe(200)
    }
    expect((await call(sandbox, ENDPOINTS, { form: form(receiver.url) })).status).toBe(400)
    const [newest] = (await read(ENDPOINTS)).data
    await call(sandbox, `${ENDPOINTS}/${newest.id}`, { method: 'DELETE' })
    expect((await call(sandbox, ENDPOINTS, { form: form(receiver.url) })).status).toBe(200)
  })

  test('are closed to a restricted key without the permission', async () => {
    await start()
    const { status, json } = await call(sandbox, ENDPOINTS, { key: 'rk_test_sandbox' })
    expect(status).toBe(403)
    expect(json.error.message).toContain('rak_webhook_read')
  })
})

describe('a notification', () => {
  test('is a POST of the event that the official SDK accepts, and counts pending webhooks down', async () => {
    const secret = await start()
    const [customer] = await createCustomers()
    const [got] = receiver.received
    expect(construct(got!, secret)).toMatchObject({ type: 'customer.created', data: { object: { id: customer } } })
    expect(got!.headers['content-type']).toMatch(/^application\/json/)
    expect(got!.event.pending_webhooks).toBe(1)
    expect(got!.timestamp).toBe(NOW)
    const stored = await read(`/v1/events/${got!.event.id}`)
    expect(stored).toEqual({ ...got!.event, pending_webhooks: 0 })
    expect(sandbox.webhooks.attempts()).toMatchObject([{ event: stored.id, attempt: 1, status: 200, script: null }])
  })

  test('goes to the endpoints that want its type, and only to those of its mode', async () => {
    await start()
    const other = await startReceiver()
    const { id } = sandbox.webhooks.add({ url: other.url, enabledEvents: ['price.created', 'customer.deleted'] })
    const [customer] = await createCustomers()
    sandbox.apply({ type: 'delete', id: customer! })
    sandbox.apply({ type: 'create', resource: 'customers' }, 'live')
    await sandbox.webhooks.settled()
    expect(receiver.received.map(({ event }) => event.type)).toEqual(['customer.created', 'customer.deleted'])
    expect(other.received.map(({ event }) => event.type)).toEqual(['customer.deleted'])
    expect(other.received[0]!.event.pending_webhooks).toBeGreaterThanOrEqual(1)
    await call(sandbox, `${ENDPOINTS}/${id}`, { form: 'disabled=true' })
    sandbox.apply({ type: 'delete', id: (await createCustomers())[0]! })
    await sandbox.webhooks.settled()
    expect(other.received).toHaveLength(1)
    await other.close()
  })

  test('shows the object in the version of its endpoint, frozen at its birth', async () => {
    await start({ accountApiVersion: '2019-05-16' })
    const newer = await startReceiver()
    sandbox.webhooks.add({ url: newer.url, apiVersion: '2026-10-28.endive' })
    script({ kind: 'late', events: 2 }, null)
    const [subscription] = sandbox.apply({ type: 'create', resource: 'subscriptions' }) as [StripeObject]
    await sandbox.webhooks.settled()
    sandbox.apply({ type: 'patch', id: subscription.id, fields: { description: 'changed' }, silent: true })
    sandbox.webhooks.scripts.clear()
    sandbox.webhooks.release()
    await sandbox.webhooks.settled()
    const [old] = receiver.received.map(({ event }) => event)
    const [fresh] = newer.received.map(({ event }) => event)
    expect([old!.id, old!.api_version, fresh!.api_version]).toEqual([fresh!.id, '2019-05-16', '2026-10-28.endive'])
    expect(old!.data.object).toMatchObject({ billing: 'charge_automatically', current_period_end: expect.any(Number) })
    expect(fresh!.data.object).toMatchObject({ billing_mode: expect.anything(), description: null })
    expect(fresh!.data.object).not.toHaveProperty('current_period_end')
    expect(await read(`/v1/events/${old!.id}`)).toMatchObject({ api_version: '2019-05-16' })
    await newer.close()
  })

  test('has one signature for each secret while a secret is being rolled', async () => {
    const secret = await start()
    const { id } = sandbox.webhooks.endpoints()[0]!
    const rolled = sandbox.webhooks.roll(id, 3600)
    await createCustomers()
    expect(receiver.received[0]!.signatures).toHaveLength(2)
    for (const each of [secret, rolled.secret]) construct(receiver.received[0]!, each)
    sandbox.clock.advance(3600)
    await createCustomers()
    expect(receiver.received[1]!.signatures).toHaveLength(1)
    construct(receiver.received[1]!, rolled.secret)
    expect(() => construct(receiver.received[1]!, secret)).toThrow('signature')
    expect(() => sandbox.webhooks.roll(id, 86_401)).toThrow('86400')
  })

  test('never holds up the answer to the request that made its event', async () => {
    await start()
    let letGo = () => {}
    receiver.hold = () => new Promise((resolve) => (letGo = resolve))
    const { status } = await call(sandbox, '/v1/customers', { form: 'name=Ada' })
    expect(status).toBe(200)
    expect(sandbox.webhooks.counts().sending).toBe(1)
    while (receiver.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    letGo()
    await sandbox.webhooks.settled()
    expect(sandbox.webhooks.counts()).toEqual({ sending: 0, held: 0, retrying: 0 })
  })

  test('shares its endpoint with a bounded number of others at once', async () => {
    await start({ webhookConcurrency: 3 })
    let [open, most] = [0, 0]
    receiver.hold = async () => {
      most = Math.max(most, ++open)
      await new Promise((resolve) => setTimeout(resolve, 5))
      open--
    }
    const made = await createCustomers(20)
    expect(most).toBe(3)
    expect(new Set(customersOf(receiver.received))).toEqual(new Set(made))
  })

  test('about a new object carries previous_attributes when told to, as samples do', async () => {
    await start()
    await createCustomers(1, { metadata: { Samsung: 'yes' } })
    sandbox.behaviour.previousOnCreated = true
    await createCustomers(1, { metadata: { Samsung: 'yes' } })
    await createCustomers()
    const previous = receiver.received.map(({ event }) => event.data.previous_attributes)
    expect(previous).toEqual([undefined, { metadata: { Samsung: null } }, undefined])
  })
})

describe('what the receiver refuses', () => {
  test.each([500, 400, 302])('with %i is sent again with a new timestamp and signature', async (status) => {
    const secret = await start({ webhookRetrySeconds: [MINUTE, 2 * MINUTE] })
    receiver.answers.push(status)
    await createCustomers()
    const [event] = await undelivered()
    expect(event).toMatchObject({ pending_webhooks: 1 })
    expect(sandbox.webhooks.counts().retrying).toBe(1)
    sandbox.clock.advance(MINUTE - 1)
    await sandbox.webhooks.settled()
    expect(receiver.received).toHaveLength(1)
    sandbox.clock.advance(1)
    await sandbox.webhooks.settled()
    const [first, second] = receiver.received
    expect(second!.event).toEqual(first!.event)
    expect(second!.timestamp).toBe(first!.timestamp + MINUTE)
    expect(second!.signatures).not.toEqual(first!.signatures)
    construct(second!, secret)
    expect(await undelivered()).toEqual([])
  })

  test('for ever is given up after the last attempt and stays undelivered', async () => {
    await start({ webhookRetrySeconds: [1, 1] })
    receiver.answers.push(...Array<number>(10).fill(503))
    await createCustomers()
    for (let second = 0; second < 5; second++) {
      sandbox.clock.advance(1)
      await sandbox.webhooks.settled()
    }
    expect(receiver.received).toHaveLength(3)
    expect(sandbox.webhooks.counts().retrying).toBe(0)
    expect(await undelivered()).toHaveLength(1)
  })

  test('is tried three times more within hours in test mode, unless told otherwise', async () => {
    await start()
    receiver.answers.push(...Array<number>(10).fill(500))
    await createCustomers()
    for (let hour = 0; hour < 24; hour++) {
      sandbox.clock.advance(3600)
      await sandbox.webhooks.settled()
    }
    expect(sandbox.webhooks.attempts().map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
  })

  test('or does not answer in time counts as failed, also when nobody listens', async () => {
    await start({ webhookRetrySeconds: [1], webhookTimeoutSeconds: 0.05 })
    const answer = Promise.withResolvers<void>()
    receiver.hold = () => answer.promise
    await createCustomers()
    answer.resolve()
    sandbox.webhooks.add({ url: 'http://127.0.0.1:9/nobody', enabledEvents: ['price.created'] })
    sandbox.apply({ type: 'create', resource: 'prices' })
    await sandbox.webhooks.settled()
    const failed = sandbox.webhooks.attempts().filter(({ status }) => status === null)
    expect(failed.map(({ type }) => type)).toEqual(['customer.created', 'price.created'])
    for (const { error } of failed) expect(error).toEqual(expect.any(String))
  })

  test('is tried again on real time when the receiver knows no other', async () => {
    await start({ webhookRetrySeconds: [0.01], webhookClock: 'real' })
    receiver.answers.push(500)
    await createCustomers()
    expect(receiver.received).toHaveLength(2)
    for (const { timestamp } of receiver.received) expect(Math.abs(timestamp - Date.now() / 1000)).toBeLessThan(60)
  })
})

describe('a script', () => {
  test('loses a notification, so that only the event list tells of it, until it is sent once more', async () => {
    await start()
    script({ kind: 'lost' })
    const [customer] = await createCustomers(2)
    expect(receiver.received).toHaveLength(1)
    const [event, ...others] = await undelivered()
    expect(others).toEqual([])
    expect(event).toMatchObject({ pending_webhooks: 1, data: { object: { id: customer } } })
    expect((await read('/v1/events?delivery_success=true')).data).toHaveLength(1)
    sandbox.webhooks.resend(event!.id)
    await sandbox.webhooks.settled()
    expect(customersOf(receiver.received)).toContain(customer)
    expect(await undelivered()).toEqual([])
  })

  test('delivers out of order', async () => {
    await start({ webhookConcurrency: 1 })
    script({ kind: 'late', events: 2 })
    const [first, second, third, fourth] = await createCustomers(4)
    expect(customersOf(receiver.received).slice(0, 2)).toEqual([second, third])
    expect(customersOf(receiver.received).slice(2).toSorted()).toEqual([first, fourth].toSorted())
  })

  test('holds back until released, and then sends the last one first', async () => {
    await start({ webhookConcurrency: 1 })
    script({ kind: 'late', events: 99 }, null)
    const made = await createCustomers(3)
    expect(receiver.received).toEqual([])
    expect(sandbox.webhooks.counts()).toEqual({ sending: 0, held: 3, retrying: 0 })
    sandbox.webhooks.release()
    await sandbox.webhooks.settled()
    expect(customersOf(receiver.received)).toEqual(made.toReversed())
  })

  test('delivers twice, each time signed', async () => {
    const secret = await start()
    script({ kind: 'duplicate', copies: 2 })
    await createCustomers()
    expect(new Set(receiver.received.map(({ event }) => event.id)).size).toBe(1)
    expect(receiver.received).toHaveLength(3)
    for (const each of receiver.received) construct(each, secret)
  })

  test('delivers later, and slowly', async () => {
    const secret = await start()
    script({ kind: 'delay', ms: 30 })
    sandbox.webhooks.scripts.add({ after: 1, script: { kind: 'slow', ms: 30 } })
    await createCustomers(2)
    expect(receiver.received).toHaveLength(2)
    for (const each of receiver.received) construct(each, secret)
    expect(new Set(sandbox.webhooks.attempts().map((attempt) => attempt.script))).toEqual(new Set(['delay', 'slow']))
  })

  test.each<[WebhookScript, RegExp]>([
    [{ kind: 'old-timestamp' }, /tolerance/],
    [{ kind: 'tampered' }, /signature/],
    [{ kind: 'wrong-secret' }, /signature/],
  ])('makes a notification that a receiver must refuse: %j', async (kind, reason) => {
    const secret = await start()
    script(kind)
    receiver.answers.push(400)
    await createCustomers()
    expect(() => construct(receiver.received[0]!, secret)).toThrow(reason)
    sandbox.clock.advance(300)
    await sandbox.webhooks.settled()
    construct(receiver.received[1]!, secret)
  })

  test('backdates into the future, or leaves the signature out', async () => {
    await start()
    script({ kind: 'old-timestamp', seconds: -600 })
    script({ kind: 'unsigned' })
    await createCustomers()
    expect(receiver.received[0]!.timestamp).toBe(NOW + 600)
    sandbox.webhooks.scripts.clear()
    script({ kind: 'unsigned' })
    await createCustomers()
    expect(receiver.received[1]!.headers).not.toHaveProperty('stripe-signature')
  })

  test('meets only what it matches, so many times', async () => {
    await start()
    sandbox.webhooks.scripts.add({ after: 1, times: 1, match: { type: 'price.*' }, script: { kind: 'lost' } })
    await createCustomers()
    for (let made = 0; made < 3; made++) {
      sandbox.apply({ type: 'create', resource: 'prices', params: { recurring: undefined } })
      await sandbox.webhooks.settled()
    }
    const types = receiver.received.map(({ event }) => event.type).filter((type) => !type.startsWith('plan.'))
    expect(types).toEqual(['customer.created', 'price.created', 'price.created'])
  })

  test.each([
    {},
    { script: { kind: 'lose' } },
    { script: { kind: 'delay' } },
    { times: 0, script: { kind: 'lost' } },
    { after: -1, script: { kind: 'lost' } },
    null,
  ])('that makes no sense is refused: %j', async (rule) => {
    await start()
    const { status, json } = await control(sandbox, 'POST', '/webhooks/scripts', rule)
    expect(status).toBe(400)
    expect(json.error.message).toEqual(expect.any(String))
    expect((await control(sandbox, 'GET', '/webhooks/scripts')).json).toEqual({ scripts: [] })
  })
})

describe('from another process', () => {
  test('endpoints, scripts, attempts, rolls and resends are reached over HTTP', async () => {
    await start()
    const other = await startReceiver()
    const given = { url: other.url, enabledEvents: ['customer.created'], secret: 'whsec_mine' }
    const { json: endpoint } = await control(sandbox, 'POST', '/webhooks/endpoints', given)
    expect(endpoint).toEqual({ id: expect.stringMatching(/^we_/), url: other.url, secret: 'whsec_mine' })
    const rule = { match: { endpoint: endpoint.id }, script: { kind: 'lost' } }
    await control(sandbox, 'POST', '/webhooks/scripts', rule)
    await createCustomers()
    const [event] = await undelivered()
    const { json: log } = await control(sandbox, 'GET', `/webhooks/attempts?event=${event!.id}`)
    expect(log.attempts.map((attempt: { script: string | null }) => attempt.script).toSorted()).toEqual(['lost', null])
    const rolled = await control(sandbox, 'POST', '/webhooks/roll', { id: endpoint.id, keepSeconds: 60 })
    expect(rolled.json.secret).not.toBe('whsec_mine')
    await control(sandbox, 'POST', '/webhooks/resend', { event: event!.id, endpoint: endpoint.id })
    await sandbox.webhooks.settled()
    construct(other.received[0]!, 'whsec_mine')
    construct(other.received[0]!, rolled.json.secret)
    const state = (await control(sandbox, 'GET', '/webhooks')).json
    expect(state).toMatchObject({ sending: 0, held: 0, retrying: 0 })
    expect(JSON.stringify(state)).not.toContain('whsec_')
    expect((await control(sandbox, 'DELETE', `/webhooks/endpoints/${endpoint.id}`)).json).toEqual({ removed: true })
    await other.close()
  })

  test.each([
    ['endpoints', {}],
    ['endpoints', { url: 5 }],
    ['endpoints', { url: 'https://example.com', enabledEvents: 'customer.created' }],
    ['endpoints', { url: 'https://example.com', mode: 'dream' }],
    ['roll', { id: 'we_none' }],
    ['resend', { event: 'evt_none' }],
  ])('a bad request to %s is refused: %j', async (path, body) => {
    await start()
    const { status, json } = await control(sandbox, 'POST', `/webhooks/${path}`, body)
    expect([400, 404]).toContain(status)
    expect(json.error.message).toEqual(expect.any(String))
    expect(sandbox.webhooks.endpoints()).toHaveLength(1)
  })

  test('the spacing of retries and the clock of signatures are settings', async () => {
    await start()
    const given = { webhookRetrySeconds: [5, 10], webhookClock: 'real', webhookConcurrency: 2 }
    expect((await control(sandbox, 'POST', '/settings', given)).json).toMatchObject(given)
    for (const bad of [{ webhookRetrySeconds: 'soon' }, { webhookRetrySeconds: [-1] }, { webhookConcurrency: 0 }]) {
      expect((await control(sandbox, 'POST', '/settings', bad)).status).toBe(400)
    }
    expect((await control(sandbox, 'GET', '/settings')).json).toMatchObject(given)
  })
})

test('a reset leaves the endpoints of the start, and nothing on its way', async () => {
  sandbox = await createStripeSandbox({
    now: NOW,
    counts: { charges: 5 },
    webhookEndpoints: [{ url: receiver.url, secret: 'whsec_first' }],
    webhookRetrySeconds: [1],
  })
  const [before] = sandbox.webhooks.endpoints()
  receiver.answers.push(500)
  await createCustomers()
  sandbox.webhooks.add({ url: receiver.url })
  script({ kind: 'lost' }, null)
  sandbox.reset()
  expect(sandbox.webhooks.endpoints()).toEqual([before])
  expect(sandbox.webhooks.counts()).toEqual({ sending: 0, held: 0, retrying: 0 })
  sandbox.clock.advance(10)
  await createCustomers()
  expect(receiver.received).toHaveLength(2)
  construct(receiver.received[1]!, 'whsec_first')
})

test('closing stops deliveries that are going on', async () => {
  await start()
  receiver.hold = () => new Promise(() => {})
  sandbox.apply({ type: 'create', resource: 'customers', count: 50 })
  while (receiver.received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await sandbox.close()
  expect(sandbox.webhooks.counts()).toEqual({ sending: 0, held: 0, retrying: 0 })
})
