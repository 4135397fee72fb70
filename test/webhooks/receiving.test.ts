import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { checkAnswer } from '../support/openapi-check.ts'
import { connectionBody, create, patch, read, UNKNOWN_ID } from '../support/flow-host.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import type { Logger } from '../../src/logger.ts'
import { silentLogger } from '../../src/logger.ts'
import { startTestHost, type TestHost } from '../support/test-host.ts'
import { deliver, eventsOf, SECRET, setSecret, signature, type Delivery } from './support.ts'

let host: TestHost
let clockAhead = 0
const logged: string[] = []

beforeAll(async () => {
  const clock = {
    now: () => Date.now() + clockAhead,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()))
      }),
  }
  host = await startTestHost({
    // Nothing is asked of Stripe here.
    plugins: [createStripePlugin({ apiBase: 'http://127.0.0.1:9' })],
    clock,
    logger: recordingLogger(),
  })
})

afterAll(() => host.stop())

function recordingLogger(): Logger {
  const note = (fields: object, message: string) => {
    logged.push(`${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? value.stack : value))}`)
  }
  return { ...silentLogger, debug: note, info: note, warn: note, error: note, child: () => recordingLogger() }
}

let events = 0
const event = (changes: object = {}) => ({
  id: `evt_${++events}`,
  object: 'event',
  type: 'charge.updated',
  created: 1_767_225_600,
  data: { object: { id: 'ch_1', object: 'charge' } },
  ...changes,
})

async function connect(secret: unknown = SECRET): Promise<string> {
  const { auth, ...rest } = connectionBody()
  const params = { ...auth.params, ...(secret === null ? {} : { webhookSecret: secret }) }
  return create(host.api, 'connections', { ...rest, auth: { ...auth, params } })
}

/** The error's answer has the documented form; nothing was stored. */
async function refused(id: string, body: object | string, delivery: Delivery = {}, status = 400) {
  const before = (await eventsOf(host.api, id)).length
  const response = await deliver(host, id, body, delivery)
  expect(response.status).toBe(status)
  checkAnswer('post', `/webhooks/stripe/${id}`, status, response.body, response.type)
  expect(await eventsOf(host.api, id)).toHaveLength(before)
  return response.body.message as string
}

describe('a signed event', () => {
  test('is stored before it is acknowledged', async () => {
    const id = await connect()
    const sent = event()
    const response = await deliver(host, id, sent).expect(200)
    checkAnswer('post', `/webhooks/stripe/${id}`, 200, response.body)
    const [shown] = await eventsOf(host.api, id)
    expect(shown).toEqual({
      id: sent.id,
      type: 'charge.updated',
      objectId: 'ch_1',
      createdAt: 1_767_225_600_000,
      receivedAt: expect.any(Number),
      origin: 'delivery',
      state: 'ignored',
    })
  })

  test('that is delivered again is acknowledged and dropped, also when several come at once', async () => {
    const id = await connect()
    const sent = event()
    await Promise.all(Array.from({ length: 5 }, () => deliver(host, id, sent).expect(200, { received: true })))
    await deliver(host, id, sent).expect(200, { received: true })
    expect(await eventsOf(host.api, id)).toHaveLength(1)
  })

  test('counts for its own connection only', async () => {
    const [one, other] = [await connect(), await connect()]
    const sent = event()
    await deliver(host, one, sent).expect(200)
    expect(await eventsOf(host.api, other)).toEqual([])
    await deliver(host, other, sent).expect(200)
    expect(await eventsOf(host.api, other)).toHaveLength(1)
  })

  test('may be signed with either of two secrets while one is rolled', async () => {
    for (const both of [
      ['whsec_old', 'whsec_new'],
      'whsec_old,whsec_new',
      'whsec_old whsec_new',
      'whsec_old, whsec_new',
    ]) {
      const id = await connect(both)
      await deliver(host, id, event(), { secret: 'whsec_old' }).expect(200)
      await deliver(host, id, event(), { secret: 'whsec_new' }).expect(200)
      await refused(id, event(), { secret: 'whsec_other' })
    }
  })

  test('may carry the signatures of several secrets, and of a scheme that nobody knows', async () => {
    const id = await connect('whsec_new')
    const payload = JSON.stringify(event())
    const [time = '', old = ''] = signature(payload, 'whsec_old').split(',')
    const [, current = ''] = signature(payload, 'whsec_new', Number(time.slice(2))).split(',')
    await deliver(host, id, payload, { header: `${time},${old},v0=abc,${current}` }).expect(200)
  })
})

describe('what is refused', () => {
  test('is told: no signature, a wrong one, a changed body, no timestamp', async () => {
    const id = await connect()
    const payload = JSON.stringify(event())
    expect(await refused(id, payload, { header: null })).toMatch(/Stripe-Signature is missing/)
    expect(await refused(id, payload, { secret: 'whsec_wrong' })).toMatch(/fits none/)
    expect(await refused(id, payload.replace('ch_1', 'ch_2'), { header: signature(payload) })).toMatch(/fits none/)
    expect(await refused(id, payload, { header: 'v1=abc' })).toMatch(/timestamp/)
    expect(await refused(id, payload, { header: 't=soon,v1=abc' })).toMatch(/timestamp/)
    expect(await refused(id, payload, { header: `t=${Math.floor(Date.now() / 1000)}` })).toMatch(/fits none/)
  })

  test.each([
    ['too old', -301, 400],
    ['just young enough', -290, 200],
    ['just not too far ahead', 290, 200],
    ['from the future', 302, 400],
  ])('is a signature that is %s', async (_, seconds, status) => {
    const id = await connect()
    const response = await deliver(host, id, event(), { signedAt: Math.floor(Date.now() / 1000) + seconds })
    expect(response.status).toBe(status)
  })

  test('is measured by the clock of the host', async () => {
    const id = await connect()
    clockAhead = 3_600_000
    try {
      await refused(id, event())
      await deliver(host, id, event(), { signedAt: Math.floor(Date.now() / 1000) + 3600 }).expect(200)
    } finally {
      clockAhead = 0
    }
  })

  test.each([
    ['no JSON', '{"id":'],
    ['an array', '[]'],
    ['nothing', ''],
    ['a thin event', JSON.stringify({ id: 'evt_thin', object: 'v2.core.event', type: 'v1.charge.updated' })],
    ['an event without an id', JSON.stringify({ ...event(), id: '' })],
    ['an event with an id that is none', JSON.stringify({ ...event(), id: 7 })],
    ['an event with a very long id', JSON.stringify({ ...event(), id: `evt_${'x'.repeat(300)}` })],
    ['an event without a time', JSON.stringify({ ...event(), created: 'yesterday' })],
    ['an event without an object', JSON.stringify({ ...event(), data: {} })],
  ])('is a body that is %s', async (_, body) => {
    await refused(await connect(), body)
  })

  test('is a body that is too large', async () => {
    const id = await connect()
    await refused(id, event({ padding: 'x'.repeat(1_100_000) }), {}, 413)
  })

  test('is everything for a connection that is unknown, of another source, or without a secret', async () => {
    const unknown = await deliver(host, UNKNOWN_ID, event()).expect(404)
    checkAnswer('post', `/webhooks/stripe/${UNKNOWN_ID}`, 404, unknown.body)
    const id = await connect(null)
    expect(await refused(id, event())).toContain(`Connection ${id} has no webhook secret`)
    const payload = JSON.stringify(event())
    const other = request(host.host.router).post(`/webhooks/xsolla/${await connect()}`)
    await other.set('Stripe-Signature', signature(payload)).send(payload).expect(404)
    await request(host.host.router).get(`/webhooks/stripe/${id}`).expect(405)
  })

  test('is counted, without anything of an account', async () => {
    const { text } = await host.anonymous().get('/metrics').expect(200)
    const counts = text.split('\n').filter((line) => line.startsWith('webhook_notifications_total'))
    for (const outcome of ['accepted', 'duplicate', 'refused']) {
      expect(counts).toContainEqual(expect.stringContaining(`{receiver="stripe",outcome="${outcome}"}`))
    }
    expect(counts.join()).not.toMatch(/evt_|[0-9a-f]{8}-/)
  })
})

describe('the secret', () => {
  test('is masked in every answer, sealed in the store and absent from the log', async () => {
    const secrets = ['whsec_hidden1', 'whsec_hidden2']
    const id = await connect(secrets)
    await deliver(host, id, event(), { secret: 'whsec_hidden2' }).expect(200)
    await refused(id, event(), { secret: 'whsec_hidden3' })
    const shown = await read(host.api, 'connections', id)
    expect(shown.auth.params.webhookSecret).toBe('********')
    const patched = await setSecret(host.api, id, 'whsec_hidden4')
    const { store } = host.host.context
    const stored = await store.entities.getByNo((await store.webhooks.findConnection(id))!)
    const everything = JSON.stringify([shown, patched.body, stored, await eventsOf(host.api, id), logged])
    expect(everything).not.toContain('hidden')
  })

  test('can be rolled, kept and taken away by a patch', async () => {
    const id = await connect('whsec_one')
    expect((await setSecret(host.api, id, ['whsec_one', 'whsec_two'])).status).toBe(200)
    await deliver(host, id, event(), { secret: 'whsec_one' }).expect(200)
    await deliver(host, id, event(), { secret: 'whsec_two' }).expect(200)
    expect((await setSecret(host.api, id, 'whsec_two')).status).toBe(200)
    await refused(id, event(), { secret: 'whsec_one' })
    // The mask keeps what is stored.
    expect((await setSecret(host.api, id, '********')).status).toBe(200)
    expect((await patch(host.api, 'connections', id, [{ op: 'add', path: '/name', value: 'New' }])).status).toBe(200)
    await deliver(host, id, event(), { secret: 'whsec_two' }).expect(200)
    const removal = [{ op: 'remove', path: '/auth/params/webhookSecret' }]
    expect((await patch(host.api, 'connections', id, removal)).status).toBe(200)
    await refused(id, event(), { secret: 'whsec_two' })
  })

  test.each([
    ['three', ['a', 'b', 'c']],
    ['three in a text', 'a b c'],
    ['none', []],
    ['an empty text', ''],
    ['only separators', ' , '],
    ['an empty one', ['a', '']],
    ['two in one entry', ['a,b']],
    ['a number', 7],
    ['a number among them', ['a', 7]],
    ['an object', {}],
    ['the mask beside another', ['********', 'b']],
    ['the mask beside another in a text', '********,b'],
    ['a control character', 'a\u0007'],
    ['a very long one', 'x'.repeat(9000)],
  ])('is refused when it is %s, and nothing changes', async (_, value) => {
    const id = await connect('whsec_kept')
    const response = await setSecret(host.api, id, value)
    expect([response.status, response.body.errorCode]).toEqual([400, '1312-400'])
    await deliver(host, id, event(), { secret: 'whsec_kept' }).expect(200)
  })

  test('that is a mask of nothing is refused', async () => {
    const id = await connect(null)
    const response = await setSecret(host.api, id, '********')
    expect(response.status).toBe(400)
  })
})
