import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { EntityKind, NewWebhookEvent, Store, WebhookListRequest } from '../../src/store/store.ts'

const TENANT = { orgId: 'A@AdobeOrg', sandboxName: 'prod', sandboxId: 's' }

let store: Store
let base: number
let other: number

beforeEach(async () => {
  store = await openSqliteStore({ dataDir: ':memory:' })
  base = await insert('connections', 'base')
  other = await insert('connections', 'other')
})

afterEach(() => store.close())

function insert(kind: EntityKind, id: string, secrets: Readonly<Record<string, string>> = {}): Promise<number> {
  return store.entities.insert({ kind, tenant: TENANT, etag: '"1"', document: { id }, secrets })
}

const event = (key: string, changes: Partial<NewWebhookEvent> = {}): NewWebhookEvent => ({
  connectionNo: base,
  key,
  type: 'a',
  subjectId: 'obj',
  occurredAt: 1_000,
  receivedAt: 2_000,
  origin: 'delivery',
  body: `{"key":"${key}"}`,
  answer: null,
  ...changes,
})

const append = (...events: NewWebhookEvent[]) => store.transaction((scope) => scope.webhooks.append(events))

async function list(request: Partial<WebhookListRequest> = {}): Promise<readonly string[]> {
  const found = await store.webhooks.list({
    connectionNo: base,
    beforeNumber: null,
    limit: 100,
    readers: [],
    ...request,
  })
  return found.map(({ key }) => key)
}

const pending = async (types: readonly string[], position = 0, limit = 10) =>
  (await store.webhooks.pending({ connectionNo: base, types, position, limit })).map(({ key }) => key)

describe('appending', () => {
  test('numbers what is new, and keeps the first answer of what is known', async () => {
    expect(await append(event('x', { answer: '1' }), event('y'))).toEqual([
      { isNew: true, answer: '1' },
      { isNew: true, answer: null },
    ])
    const again = [event('x', { answer: '2' }), event('z'), event('z')]
    expect(await append(...again)).toEqual([
      { isNew: false, answer: '1' },
      { isNew: true, answer: null },
      { isNew: false, answer: null },
    ])
    expect(await list()).toEqual(['z', 'y', 'x'])
  })

  test('keeps equal keys of two connections apart', async () => {
    expect(await append(event('x'), event('x', { connectionNo: other }))).toMatchObject([
      { isNew: true },
      { isNew: true },
    ])
    expect(await list({ connectionNo: other })).toEqual(['x'])
    expect(await store.webhooks.connections()).toEqual([base, other])
  })

  test('of nothing does nothing', async () => {
    expect(await append()).toEqual([])
    expect(await store.webhooks.connections()).toEqual([])
  })

  test('takes more than fits into one statement', async () => {
    const many = Array.from({ length: 1_203 }, (_, index) => event(`k${index}`))
    expect((await append(...many)).every(({ isNew }) => isNew)).toBe(true)
    expect((await append(...many)).some(({ isNew }) => isNew)).toBe(false)
  })
})

describe('what is pending', () => {
  test('comes in order, of the types asked for, after the position', async () => {
    await append(event('1'), event('2', { type: 'b' }), event('3', { type: 'c' }), event('4', { connectionNo: other }))
    expect(await pending(['b', 'a'])).toEqual(['1', '2'])
    expect(await pending(['b', 'a'], 0, 1)).toEqual(['1'])
    const [first] = await store.webhooks.pending({ connectionNo: base, types: ['a'], position: 0, limit: 1 })
    expect(first).toMatchObject({ key: '1', subjectId: 'obj', body: '{"key":"1"}', receivedAt: 2_000 })
    expect(await pending(['a', 'b'], first!.number)).toEqual(['2'])
    expect(await pending([])).toEqual([])
    expect(await store.webhooks.hasPending({ connectionNo: base, types: ['c'], position: 0 })).toBe(true)
    expect(await store.webhooks.hasPending({ connectionNo: base, types: ['d'], position: 0 })).toBe(false)
  })
})

describe('a position', () => {
  test('begins where the inbox ends, once, and goes with its flow', async () => {
    const flow = await insert('flows', 'flow')
    expect(await store.webhooks.position(flow)).toBe(0)
    await append(event('1'), event('2'))
    await store.webhooks.beginHere(flow)
    const begun = await store.webhooks.position(flow)
    expect(await pending(['a'], begun)).toEqual([])
    await append(event('3'))
    await store.webhooks.beginHere(flow)
    expect(await store.webhooks.position(flow)).toBe(begun)
    expect(await pending(['a'], begun)).toEqual(['3'])
    await store.webhooks.savePosition(flow, begun + 1)
    expect(await store.webhooks.position(flow)).toBe(begun + 1)
    await store.entities.delete(flow)
    expect(await store.webhooks.position(flow)).toBe(0)
  })
})

describe('the list', () => {
  test('is narrowed by the state that flows have brought it to', async () => {
    await append(event('1'), event('2'), event('3', { type: 'b' }), event('4', { type: 'c' }))
    const [one] = await store.webhooks.pending({ connectionNo: base, types: ['a'], position: 0, limit: 1 })
    const readers = [
      { types: ['a', 'b'], position: one!.number },
      { types: ['b'], position: 1_000_000 },
    ]
    expect(await list({ state: 'pending', readers })).toEqual(['3', '2'])
    expect(await list({ state: 'processed', readers })).toEqual(['1'])
    expect(await list({ state: 'ignored', readers })).toEqual(['4'])
    expect(await list({ state: 'ignored' })).toHaveLength(4)
    expect(await list({ state: 'pending' })).toEqual([])
    expect(await list({ types: ['b', 'c'], readers })).toEqual(['4', '3'])
  })
})

describe('a replay', () => {
  test('puts entries to the end under new numbers, and leaves the rest', async () => {
    await append(event('1'), event('2'), event('3', { occurredAt: 5_000 }))
    const chosen = await store.webhooks.choose(base, { keys: ['2', '1', 'none'] }, 10)
    expect(chosen.map(({ key }) => key)).toEqual(['1', '2'])
    const after = (await store.webhooks.choose(base, { from: 5_000, to: 5_001 }, 10))[0]!.number
    const numbers = chosen.map(({ number }) => number)
    await store.transaction((scope) => scope.webhooks.replay(numbers))
    expect(await list()).toEqual(['2', '1', '3'])
    expect(await pending(['a'], after)).toEqual(['1', '2'])
    // The numbers are not theirs any more.
    await store.transaction((scope) => scope.webhooks.replay(numbers))
    expect(await list()).toEqual(['2', '1', '3'])
    expect(await append(event('1'))).toEqual([{ isNew: false, answer: null }])
  })

  test('never gives a number twice, also when everything was removed in between', async () => {
    await append(event('1'), event('2'))
    const numbers = (await store.webhooks.choose(base, { from: 0, to: 1e15 }, 10)).map(({ number }) => number)
    expect(await store.webhooks.deleteReceivedBefore(3_000, 10)).toBe(2)
    await append(event('3'))
    const [left] = await store.webhooks.choose(base, { from: 0, to: 1e15 }, 10)
    expect(left!.number).toBeGreaterThan(Math.max(...numbers))
  })
})

describe('removal', () => {
  test('takes what is old, some at a time', async () => {
    await append(event('1', { receivedAt: 10 }), event('2', { receivedAt: 20 }), event('3', { receivedAt: 30 }))
    expect(await store.webhooks.deleteReceivedBefore(30, 1)).toBe(1)
    expect(await store.webhooks.deleteReceivedBefore(30, 5)).toBe(1)
    expect(await store.webhooks.deleteReceivedBefore(30, 5)).toBe(0)
    expect(await list()).toEqual(['3'])
  })

  test('of a connection takes its entries along', async () => {
    await append(event('1'), event('2', { connectionNo: other }))
    await store.entities.delete(base)
    expect(await store.webhooks.connections()).toEqual([other])
  })
})

describe('a connection', () => {
  test('is found by its id alone, and only a connection is', async () => {
    await insert('flows', 'a-flow')
    expect(await store.webhooks.findConnection('base')).toBe(base)
    expect(await store.webhooks.findConnection('a-flow')).toBeNull()
    expect(await store.webhooks.findConnection('')).toBeNull()
  })

  test('with a secret under a name is found, page by page', async () => {
    const first = await insert('connections', 'one', { '/auth/params/webhookSecret': 'v1.x' })
    await insert('connections', 'two', { '/auth/params/accessToken': 'v1.x' })
    const second = await insert('connections', 'three', { '/auth/params/webhookSecret': 'v1.y' })
    const found = (after: number, limit: number) =>
      store.webhooks.connectionsWithSecret('/auth/params/webhookSecret', after, limit)
    expect(await found(0, 10)).toEqual([first, second])
    expect(await found(0, 1)).toEqual([first])
    expect(await found(first, 10)).toEqual([second])
  })
})
