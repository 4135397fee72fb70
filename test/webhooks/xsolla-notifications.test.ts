import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { checkAnswer } from '../support/openapi-check.ts'
import { eventsOf } from './support.ts'
import {
  connect,
  nextTransaction,
  order,
  payment,
  refund,
  send,
  startXsollaHost,
  subscriptionNotice,
  userValidation,
  type XsollaHost,
} from './xsolla-support.ts'

let host: XsollaHost

beforeAll(async () => {
  host = await startXsollaHost()
})

afterAll(() => host.stop())

const newConnection = () => connect(host.api, host.source.url)

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
    expect(await host.refused(await newConnection(), body)).toBe('INVALID_PARAMETER')
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
    expect(await host.refused(await newConnection(), body)).toBe('INVALID_PARAMETER')
  })

  test('cannot borrow what it lacks from what every object has', async () => {
    const id = await newConnection()
    expect(await host.refused(id, '{"notification_type":"user_validation","__proto__":{"user":{"id":"x"}}}')).toBe(
      'INVALID_PARAMETER',
    )
    expect(await host.refused(id, '{"__proto__":{"notification_type":"redeem_key"}}')).toBe('INVALID_PARAMETER')
  })

  test('that is too large is refused', async () => {
    const id = await newConnection()
    const response = await send(host, id, payment({ custom_parameters: { text: 'x'.repeat(1_100_000) } })).expect(413)
    checkAnswer('post', `/webhooks/xsolla/${id}`, 413, response.body)
    expect(await eventsOf(host.api, id)).toEqual([])
  })

  test('that is as large as it may be is taken', async () => {
    const id = await newConnection()
    await host.taken(id, payment({ custom_parameters: { text: 'x'.repeat(1_040_000) } }))
  })
})

describe('a transaction', () => {
  test('that comes again gets the same answer and is kept once, also when several come at once', async () => {
    const id = await newConnection()
    const sent = payment()
    await Promise.all(Array.from({ length: 5 }, () => host.taken(id, sent)))
    await host.taken(id, sent)
    expect(await host.keysOf(id)).toEqual([`payment:${sent.transaction.id}`])
  })

  test('is the same one whether its id is an integer or a text', async () => {
    const id = await newConnection()
    const number = nextTransaction()
    for (const type of ['payment', 'refund', 'partial_refund']) {
      const sent = refund(number, type)
      await host.taken(id, sent)
      const subscription = { ...sent.purchase.subscription, subscription_id: 10 }
      const transaction = { ...sent.transaction, id: String(number) }
      await host.taken(id, { ...sent, transaction, purchase: { ...sent.purchase, subscription } })
    }
    await host.taken(id, order('order_paid', number))
    await host.taken(id, order('order_paid', String(number)))
    expect(await host.keysOf(id)).toEqual([
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
    await host.taken(id, body('9007199254740993'))
    await host.taken(id, body('9007199254740992'))
    await host.taken(id, body('"9007199254740993"'))
    expect(await host.keysOf(id)).toEqual(['payment:9007199254740992', 'payment:9007199254740993'])
  })

  test('may be refunded after it was paid: that is no repetition', async () => {
    const id = await newConnection()
    const sent = payment()
    const { id: number } = sent.transaction
    for (const body of [sent, refund(number), refund(number)]) await host.taken(id, body)
    expect(await host.keysOf(id)).toEqual([`refund:${number}`, `payment:${number}`])
  })

  test('may be refunded in parts: each part is kept, a repeated one once', async () => {
    const id = await newConnection()
    const number = nextTransaction()
    const [first, second] = [refund(number, 'partial_refund', 2), refund(number, 'partial_refund', 3)]
    for (const body of [first, second, first, second]) await host.taken(id, body)
    const keys = await host.keysOf(id)
    expect([keys.length, new Set(keys).size]).toEqual([2, 2])
    for (const key of keys) expect(key).toMatch(new RegExp(`^partial_refund:${number}:[0-9a-f]{40}$`))
  })

  test('of an order is known by the transaction of its bill', async () => {
    const id = await newConnection()
    const number = nextTransaction()
    const paid = order('order_paid', number)
    for (const body of [paid, paid, order('order_canceled', number)]) await host.taken(id, body)
    expect(await host.keysOf(id)).toEqual([`order_canceled:${number}`, `order_paid:${number}`])
    const free = order('order_paid', null)
    for (const body of [free, free, { ...free, billing: { transaction: { id: null } } }]) await host.taken(id, body)
    expect(await host.keysOf(id)).toHaveLength(4)
  })

  test('of one connection is unknown to another', async () => {
    const [one, other] = [await newConnection(), await newConnection()]
    const sent = payment()
    await host.taken(one, sent)
    expect(await host.keysOf(other)).toEqual([])
    await host.taken(other, sent)
    expect(await host.keysOf(other)).toEqual(await host.keysOf(one))
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
      for (const body of [sent, sent, subscriptionNotice(type, '10')]) await host.taken(id, body)
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
    for (const date of ['2026-08-01T00:00:00+03:00', '2026-09-01T00:00:00+03:00']) await host.taken(id, renewal(date))
    expect(await host.keysOf(id)).toHaveLength(2)
  })

  test.each(['user_search', 'user_balance_operation', 'payment_account_add', 'payment_account_remove'])(
    'of the type %s is taken',
    async (type) => {
      const id = await newConnection()
      await host.taken(id, { notification_type: type, user: { id: 'player-1' } })
      expect(await eventsOf(host.api, id)).toMatchObject([{ type, state: 'ignored' }])
    },
  )

  test('of a type that nobody knows yet is taken and kept', async () => {
    const id = await newConnection()
    await host.taken(id, { notification_type: 'game.released', anything: [1, { two: 2 }] })
    await host.taken(id, { notification_type: 'constructor' })
    expect(await eventsOf(host.api, id, '?type=other')).toMatchObject([
      { id: expect.stringMatching(/^constructor:/), type: 'other' },
      { id: expect.stringMatching(/^game\.released:[0-9a-f]{40}$/), type: 'other' },
    ])
  })
})
