import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { silentLogger, type Logger } from '../../src/logger.ts'
import { FLOW_SERVICE, read, UNKNOWN_ID } from '../support/flow-host.ts'
import { checkAnswer } from '../support/openapi-check.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import { eventsOf, eventsPath, setSecret } from './support.ts'
import {
  connect,
  nextTransaction,
  order,
  payment,
  refund,
  send,
  signatureOf,
  startXsollaHost,
  subscriptionNotice,
  userValidation,
  type Sending,
  type XsollaHost,
} from './xsolla-support.ts'

let host: XsollaHost
const logged: string[] = []

beforeAll(async () => {
  host = await startXsollaHost({ logger: recordingLogger() })
})

afterAll(() => host.stop())

function recordingLogger(): Logger {
  const note = (fields: object, message: string) => {
    logged.push(`${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? value.stack : value))}`)
  }
  return { ...silentLogger, debug: note, info: note, warn: note, error: note, child: () => recordingLogger() }
}

const newConnection = (params?: object) => connect(host.api, host.source.url, params)

/** Nothing was stored, and the answer is one that Xsolla reads. Returns its code. */
async function refused(id: string, notification: object | string | Buffer, sending: Sending = {}): Promise<string> {
  const before = (await eventsOf(host.api, id)).length
  const response = await send(host, id, notification, sending).expect(400)
  checkAnswer('post', `/webhooks/xsolla/${id}`, 400, response.body, response.type)
  expect(response.body).toEqual({ error: { code: expect.any(String), message: expect.any(String) } })
  expect(await eventsOf(host.api, id)).toHaveLength(before)
  return response.body.error.code
}

async function taken(id: string, notification: object | string | Buffer, sending: Sending = {}): Promise<void> {
  const response = await send(host, id, notification, sending).expect(204)
  checkAnswer('post', `/webhooks/xsolla/${id}`, 204, undefined)
  expect(response.text).toBe('')
}

const keysOf = async (id: string) => (await eventsOf(host.api, id)).map((event) => event.id)

describe('the signature', () => {
  test('is the SHA-1 of the body and the key that stand here', () => {
    // printf '%s' '{"a":1}key' | sha1sum
    expect(signatureOf('{"a":1}', 'key')).toBe('f87f007ee43074224f925bb3f6511ab8a69ff086')
  })

  test('is checked on the bytes as they came: the same JSON in another form fails', async () => {
    const id = await newConnection()
    const spread = JSON.stringify(payment(), null, 4)
    const authorization = `Signature ${signatureOf(spread)}`
    expect(await refused(id, JSON.stringify(JSON.parse(spread)), { authorization })).toBe('INVALID_SIGNATURE')
    await taken(id, spread, { authorization })
  })

  test('covers every byte of a body that is not ASCII', async () => {
    const id = await newConnection()
    const body = JSON.stringify(payment({ user: { id: 'игрок-7', name: '김철수 🎮' } }))
    const escaped = body.replace(
      /[^\x00-\x7f]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    const authorization = `Signature ${signatureOf(body)}`
    expect(await refused(id, escaped, { authorization })).toBe('INVALID_SIGNATURE')
    await taken(id, body, { authorization })
    await taken(id, escaped)
  })

  test('may be written in upper case and after several spaces', async () => {
    const id = await newConnection()
    const body = JSON.stringify(payment())
    await taken(id, body, { authorization: `signature  ${signatureOf(body).toUpperCase()}` })
  })

  test.each<[string, (good: string) => string | null]>([
    ['missing', () => null],
    ['empty', () => ''],
    ['without its scheme', (good) => good],
    ['of another scheme', (good) => `Bearer ${good}`],
    ['too short', (good) => `Signature ${good.slice(1)}`],
    ['too long', (good) => `Signature ${good}0`],
    ['no hexadecimal number', (good) => `Signature ${good.slice(1)}x`],
    ['followed by something', (good) => `Signature ${good} ${good}`],
    ['another one', (good) => `Signature ${good.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}`],
  ])('that is %s is refused', async (_, spoil) => {
    const id = await newConnection()
    const body = JSON.stringify(payment())
    const authorization = spoil(signatureOf(body))
    expect(await refused(id, body, { authorization })).toBe('INVALID_SIGNATURE')
  })

  test('made with another key, or before the body was changed, is refused', async () => {
    const id = await newConnection()
    const body = JSON.stringify(payment())
    expect(await refused(id, body, { key: 'another' })).toBe('INVALID_SIGNATURE')
    const authorization = `Signature ${signatureOf(body)}`
    expect(await refused(id, body.replace('9.99', '0.99'), { authorization })).toBe('INVALID_SIGNATURE')
    expect(await refused(id, `${body}\n`, { authorization })).toBe('INVALID_SIGNATURE')
  })

  test('is asked for before anything else is said about the body', async () => {
    const id = await newConnection()
    for (const body of ['no json', '[]', '{}']) {
      expect(await refused(id, body, { key: 'another' })).toBe('INVALID_SIGNATURE')
    }
  })

  test('may be made with either of two keys while one is replaced, and then only with the new one', async () => {
    const id = await newConnection({ webhookSecret: ['old-key', 'new-key'] })
    await taken(id, payment(), { key: 'old-key' })
    await taken(id, payment(), { key: 'new-key' })
    expect(await refused(id, payment(), { key: 'old-key new-key' })).toBe('INVALID_SIGNATURE')
    expect((await setSecret(host.api, id, 'new-key')).status).toBe(200)
    expect(await refused(id, payment(), { key: 'old-key' })).toBe('INVALID_SIGNATURE')
    await taken(id, payment(), { key: 'new-key' })
  })

  test('leaves the key out of answers and out of the log', async () => {
    const id = await newConnection({ webhookSecret: 'hidden-key' })
    await taken(id, payment(), { key: 'hidden-key' })
    await refused(id, payment(), { key: 'hidden-other' })
    const shown = await read(host.api, 'connections', id)
    expect(shown.auth.params.webhookSecret).toBe('********')
    expect(JSON.stringify([shown, await eventsOf(host.api, id), logged])).not.toContain('hidden')
  })
})

describe('the body', () => {
  test.each<[string, string | Buffer]>([
    ['empty', ''],
    ['no JSON', '{"notification_type":'],
    ['an array', '[]'],
    ['a text', '"payment"'],
    ['null', 'null'],
    [
      'no UTF-8',
      Buffer.concat([Buffer.from('{"notification_type":"payment","a":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    ],
    ['nested too deep', `{"notification_type":"redeem_key","a":${'['.repeat(200)}${']'.repeat(200)}}`],
    [
      'nested as deep as it fits',
      `{"notification_type":"redeem_key","a":${'['.repeat(400_000)}${']'.repeat(400_000)}}`,
    ],
  ])('that is %s is refused', async (_, body) => {
    expect(await refused(await newConnection(), body)).toBe('INVALID_PARAMETER')
  })

  test.each<[string, object]>([
    ['without a type', payment({ notification_type: undefined })],
    ['with an empty type', payment({ notification_type: '' })],
    ['with a type that is no text', payment({ notification_type: 7 })],
    ['with a type that is no name', payment({ notification_type: 'pay ment' })],
    ['with a type that is very long', payment({ notification_type: 'x'.repeat(65) })],
    ['validation without a user', { notification_type: 'user_validation' }],
    ['validation with a user that is null', { notification_type: 'user_validation', user: null }],
    ['validation without an id', userValidation('', { user: {} })],
    ['validation of nobody', userValidation(' ')],
    ['validation of a list of users', userValidation(['player-1'])],
    ['validation of a very long id', userValidation('x'.repeat(256))],
    ['payment without a transaction', payment({ transaction: undefined })],
    ['payment without the id of its transaction', payment({}, { id: undefined })],
    ['payment with a fraction for an id', payment({}, { id: 1.5 })],
    ['payment with an object for an id', payment({}, { id: {} })],
    ['payment with an empty id', payment({}, { id: '' })],
    ['payment with a very long id', payment({}, { id: '1'.repeat(101) })],
    ['payment with an id of control characters', payment({}, { id: 'a\u0000b' })],
    ['payment without a user', payment({ user: undefined })],
    ['refund without a transaction', { ...refund(1), transaction: {} }],
    ['partial refund without a transaction', { ...refund(1, 'partial_refund'), transaction: null }],
    ['creation without a subscription', subscriptionNotice('create_subscription', 1, { subscription: {} })],
    ['creation without a user', subscriptionNotice('create_subscription', 1, { user: undefined })],
    ['update without a subscription', subscriptionNotice('update_subscription', null)],
    ['update with a subscription that is a flag', subscriptionNotice('update_subscription', true)],
    ['cancellation without a subscription', subscriptionNotice('cancel_subscription', 1, { subscription: 'x' })],
    ['non-renewal without a subscription', subscriptionNotice('non_renewal_subscription', '')],
    ['paid order without an order', { ...order('order_paid'), order: undefined }],
    [
      'paid order with an id of a transaction that is none',
      { ...order('order_paid'), billing: { transaction: { id: [] } } },
    ],
  ])('%s is refused', async (_, body) => {
    expect(await refused(await newConnection(), body)).toBe('INVALID_PARAMETER')
  })

  test('cannot borrow what it lacks from what every object has', async () => {
    const id = await newConnection()
    expect(await refused(id, '{"notification_type":"user_validation","__proto__":{"user":{"id":"x"}}}')).toBe(
      'INVALID_PARAMETER',
    )
    expect(await refused(id, '{"__proto__":{"notification_type":"redeem_key"}}')).toBe('INVALID_PARAMETER')
  })

  test('that is too large is refused', async () => {
    const id = await newConnection()
    const response = await send(host, id, payment({ custom_parameters: { text: 'x'.repeat(1_100_000) } })).expect(413)
    checkAnswer('post', `/webhooks/xsolla/${id}`, 413, response.body)
    expect(await eventsOf(host.api, id)).toEqual([])
  })

  test('that is as large as it may be is taken', async () => {
    const id = await newConnection()
    await taken(id, payment({ custom_parameters: { text: 'x'.repeat(1_040_000) } }))
  })
})

describe('a transaction', () => {
  test('that comes again gets the same answer and is kept once, also when several come at once', async () => {
    const id = await newConnection()
    const sent = payment()
    await Promise.all(Array.from({ length: 5 }, () => taken(id, sent)))
    await taken(id, sent)
    expect(await keysOf(id)).toEqual([`payment:${sent.transaction.id}`])
  })

  test('is the same one whether its id is an integer or a text', async () => {
    const id = await newConnection()
    const number = nextTransaction()
    for (const type of ['payment', 'refund', 'partial_refund']) {
      const sent = refund(number, type)
      await taken(id, sent)
      const subscription = { ...sent.purchase.subscription, subscription_id: 10 }
      const transaction = { ...sent.transaction, id: String(number) }
      await taken(id, { ...sent, transaction, purchase: { ...sent.purchase, subscription } })
    }
    await taken(id, order('order_paid', number))
    await taken(id, order('order_paid', String(number)))
    expect(await keysOf(id)).toEqual([
      `order_paid:${number}`,
      expect.stringMatching(`^partial_refund:${number}:[0-9a-f]{40}$`),
      `refund:${number}`,
      `payment:${number}`,
    ])
  })

  test('whose id is larger than a number holds is not taken for another one', async () => {
    const id = await newConnection()
    const body = (transactionId: string) =>
      JSON.stringify(payment({}, { id: 0 })).replace('"id":0', `"id":${transactionId}`)
    await taken(id, body('9007199254740993'))
    await taken(id, body('9007199254740992'))
    await taken(id, body('"9007199254740993"'))
    expect(await keysOf(id)).toEqual(['payment:9007199254740992', 'payment:9007199254740993'])
  })

  test('may be refunded after it was paid: that is no repetition', async () => {
    const id = await newConnection()
    const sent = payment()
    const { id: number } = sent.transaction
    for (const body of [sent, refund(number), refund(number)]) await taken(id, body)
    expect(await keysOf(id)).toEqual([`refund:${number}`, `payment:${number}`])
  })

  test('may be refunded in parts: each part is kept, a repeated one once', async () => {
    const id = await newConnection()
    const number = nextTransaction()
    const [first, second] = [refund(number, 'partial_refund', 2), refund(number, 'partial_refund', 3)]
    for (const body of [first, second, first, second]) await taken(id, body)
    const keys = await keysOf(id)
    expect([keys.length, new Set(keys).size]).toEqual([2, 2])
    for (const key of keys) expect(key).toMatch(new RegExp(`^partial_refund:${number}:[0-9a-f]{40}$`))
  })

  test('of an order is known by the transaction of its bill', async () => {
    const id = await newConnection()
    const number = nextTransaction()
    const paid = order('order_paid', number)
    for (const body of [paid, paid, order('order_canceled', number)]) await taken(id, body)
    expect(await keysOf(id)).toEqual([`order_canceled:${number}`, `order_paid:${number}`])
    const free = order('order_paid', null)
    for (const body of [free, free, { ...free, billing: { transaction: { id: null } } }]) await taken(id, body)
    expect(await keysOf(id)).toHaveLength(4)
  })

  test('of one connection is unknown to another', async () => {
    const [one, other] = [await newConnection(), await newConnection()]
    const sent = payment()
    await taken(one, sent)
    expect(await keysOf(other)).toEqual([])
    await taken(other, sent)
    expect(await keysOf(other)).toEqual(await keysOf(one))
  })
})

describe('a notice without a transaction', () => {
  test('about a subscription may name it by an integer or by a text, and is kept once for each body', async () => {
    const id = await newConnection()
    for (const type of [
      'create_subscription',
      'update_subscription',
      'cancel_subscription',
      'non_renewal_subscription',
    ]) {
      const sent = subscriptionNotice(type, 10)
      for (const body of [sent, sent, subscriptionNotice(type, '10')]) await taken(id, body)
    }
    const events = await eventsOf(host.api, id)
    expect(events).toHaveLength(8)
    for (const { id: key, type, objectId } of events) {
      expect([key, objectId]).toEqual([expect.stringMatching(`^${type}:[0-9a-f]{40}$`), '10'])
    }
  })

  test('about a renewal is another one than the notice of the renewal before', async () => {
    const id = await newConnection()
    const renewal = (date: string) =>
      subscriptionNotice('update_subscription', 10, { subscription: { subscription_id: 10, date_next_charge: date } })
    for (const date of ['2026-08-01T00:00:00+03:00', '2026-09-01T00:00:00+03:00']) await taken(id, renewal(date))
    expect(await keysOf(id)).toHaveLength(2)
  })

  test.each(['user_search', 'user_balance_operation', 'payment_account_add', 'payment_account_remove'])(
    'of the type %s is taken',
    async (type) => {
      const id = await newConnection()
      await taken(id, { notification_type: type, user: { id: 'player-1' } })
      expect(await eventsOf(host.api, id)).toMatchObject([{ type, state: 'ignored' }])
    },
  )

  test('of a type that nobody knows yet is taken and kept', async () => {
    const id = await newConnection()
    await taken(id, { notification_type: 'game.released', anything: [1, { two: 2 }] })
    await taken(id, { notification_type: 'constructor' })
    expect(await eventsOf(host.api, id, '?type=other')).toMatchObject([
      { id: expect.stringMatching(/^constructor:/), type: 'other' },
      { id: expect.stringMatching(/^game\.released:[0-9a-f]{40}$/), type: 'other' },
    ])
  })
})

describe('the route', () => {
  test('is closed to other methods', async () => {
    const id = await newConnection()
    for (const method of ['get', 'put', 'patch', 'delete'] as const) {
      const response = await request(host.host.router)[method](`/webhooks/xsolla/${id}`).expect(405)
      expect(response.headers['allow']).toBe('POST')
    }
  })

  test('knows no connection that is unknown, of another source, or without a key', async () => {
    await send(host, UNKNOWN_ID, payment()).expect(404)
    await send(host, 'none', payment()).expect(404)
    const id = await newConnection({})
    const { body } = await send(host, id, payment()).expect(400)
    checkAnswer('post', `/webhooks/xsolla/${id}`, 400, body)
    const known = await newConnection()
    await request(host.host.router).post(`/webhooks/stripe/${known}`).send('{}').expect(404)
  })

  test('does not take a key that is a mask, or three of them', async () => {
    for (const webhookSecret of ['********', 'a b c', ['a', 'b', 'c'], 7, '']) {
      const body = {
        name: 'Xsolla',
        connectionSpec: { id: '7d1f8a0e-54a5-4f0c-9d53-0f1f3d5a9c11', version: '1.0' },
        auth: {
          specName: 'Basic Authentication',
          params: { host: 'https://x.test', username: '1', password: 'p', webhookSecret },
        },
      }
      await host.api.post(`${FLOW_SERVICE}/connections`, body).expect(400)
    }
  })

  test('answers 503 while nothing can be stored, and takes what is sent again', async () => {
    const id = await newConnection()
    const blocker = new DatabaseSync(path.join(host.dataDir, 'host.db'))
    blocker.exec('begin immediate')
    const sent = payment()
    const response = await send(host, id, sent)
    blocker.exec('rollback')
    blocker.close()
    expect([response.status, response.body.error]).toEqual([503, undefined])
    await taken(id, sent)
    await taken(id, sent)
    expect(await keysOf(id)).toEqual([`payment:${sent.transaction.id}`])
  }, 30_000)

  test('shows other tenants nothing of what came', async () => {
    const id = await newConnection()
    await taken(id, payment())
    for (const api of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
      await api.get(eventsPath(id)).expect(404)
      await api.post(eventsPath(id, '/replay'), { from: 0 }).expect(404)
    }
    // A connection of another tenant with a key of its own does not open this one.
    const globex = await host.as(GLOBEX)
    const other = await connect(globex, host.source.url, { webhookSecret: 'globex-key' })
    expect(await refused(id, payment(), { key: 'globex-key' })).toBe('INVALID_SIGNATURE')
    await send(host, other, payment(), { key: 'globex-key' }).expect(204)
    expect(await keysOf(id)).toHaveLength(1)
    expect(await eventsOf(globex, other)).toHaveLength(1)
  })
})
