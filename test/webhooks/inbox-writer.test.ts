import { beforeEach, expect, test } from '@jest/globals'
import { systemClock } from '../../src/clock.ts'
import { InboxWriter } from '../../src/flow/webhooks/inbox-writer.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { NewWebhookEvent, Store } from '../../src/store/store.ts'

const TENANT = { orgId: 'A@AdobeOrg', sandboxName: 'prod', sandboxId: 's' }

let store: Store
let connectionNo: number
/** Lets transactions begin. */
let gate: PromiseWithResolvers<void>
let transactions: number

beforeEach(async () => {
  store = await openSqliteStore({ dataDir: ':memory:' })
  const document = { id: 'base', createdAt: 1, updatedAt: 1 }
  connectionNo = await store.entities.insert({ kind: 'connections', tenant: TENANT, etag: '"1"', document })
  gate = Promise.withResolvers()
  transactions = 0
})

const slow = (): Store => ({
  ...store,
  async transaction(work) {
    transactions += 1
    await gate.promise
    return store.transaction(work)
  },
})

const event = (key: string, body = '{}'): NewWebhookEvent => ({
  connectionNo,
  key,
  type: 'charge.updated',
  subjectId: null,
  occurredAt: 1,
  receivedAt: 2,
  origin: 'delivery',
  body,
  answer: null,
})

const kept = async () =>
  (await store.webhooks.list({ connectionNo, beforeNumber: null, limit: 10_000, readers: [] })).map(({ key }) => key)

const NEVER = { ...systemClock, sleep: () => new Promise<void>(() => {}) }

test('what comes while a transaction goes on shares the next one', async () => {
  const writer = new InboxWriter({ store: slow(), clock: NEVER })
  const accepted = Array.from({ length: 150 }, (_, index) => writer.accept(event(`k${index}`)))
  gate.resolve()
  for (const { isNew } of await Promise.all(accepted)) expect(isNew).toBe(true)
  expect(await kept()).toHaveLength(150)
  expect(transactions).toBe(2)
})

test('equal keys that share a transaction are one entry', async () => {
  const writer = new InboxWriter({ store: slow(), clock: NEVER })
  const accepted = ['first', 'a', 'b', 'a', 'a'].map((key) => writer.accept(event(key)))
  gate.resolve()
  expect((await Promise.all(accepted)).map(({ isNew }) => isNew)).toEqual([true, true, true, false, false])
  expect(await kept()).toEqual(['b', 'a', 'first'])
})

test('too many that wait are refused, and those that wait are not lost', async () => {
  const writer = new InboxWriter({ store: slow(), clock: NEVER })
  const first = writer.accept(event('first'))
  const waiting = Array.from({ length: 4_000 }, (_, index) => writer.accept(event(`k${index}`)))
  await expect(writer.accept(event('one more'))).rejects.toMatchObject({ code: '1103-503', retryAfterSeconds: 5 })
  gate.resolve()
  await Promise.all([first, ...waiting])
  expect(await kept()).toHaveLength(4_001)
  expect((await writer.accept(event('one more'))).isNew).toBe(true)
})

test('too much text that waits is refused', async () => {
  const writer = new InboxWriter({ store: slow(), clock: NEVER })
  const large = JSON.stringify('x'.repeat(1_000_000))
  const waiting = Array.from({ length: 65 }, (_, index) => writer.accept(event(`k${index}`, large)))
  await expect(writer.accept(event('one more'))).rejects.toMatchObject({ code: '1103-503' })
  gate.resolve()
  await Promise.all(waiting)
  expect(await kept()).toHaveLength(65)
})

test('a sender is not kept waiting for long, and what is stored later is known when it comes again', async () => {
  const writer = new InboxWriter({ store: slow(), clock: { ...systemClock, sleep: async () => {} } })
  await expect(writer.accept(event('late'))).rejects.toMatchObject({ code: '1103-503', retryAfterSeconds: 5 })
  gate.resolve()
  while ((await kept()).length === 0) await systemClock.sleep(5)
  expect(await new InboxWriter({ store, clock: NEVER }).accept(event('late'))).toEqual({ isNew: false, answer: null })
})

test('a transaction that fails refuses its own and no others', async () => {
  let fails = true
  const failing: Store = {
    ...store,
    async transaction(work) {
      await gate.promise
      if (fails) throw new Error('no room')
      return store.transaction(work)
    },
  }
  const writer = new InboxWriter({ store: failing, clock: NEVER })
  const lost = writer.accept(event('lost'))
  gate.resolve()
  await expect(lost).rejects.toThrow('no room')
  fails = false
  expect((await writer.accept(event('lost'))).isNew).toBe(true)
})
