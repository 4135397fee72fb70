import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'
import type { NewSubscriptionSetup } from '../../src/store/subscription-setups.ts'

const ACME = { orgId: 'acme@AdobeOrg', sandboxName: 'prod' }
const STRANGERS = [
  { ...ACME, orgId: 'globex@AdobeOrg' },
  { ...ACME, sandboxName: 'dev' },
]

let store: Store

beforeEach(async () => {
  store = await openSqliteStore({ dataDir: ':memory:' })
})

afterEach(() => store.close())

const setup = (changes: Partial<NewSubscriptionSetup> = {}): NewSubscriptionSetup => ({
  ...ACME,
  id: 'one',
  connectionId: 'connection',
  clientKey: null,
  state: 'processing',
  request: '{}',
  progress: '{}',
  dueAt: 100,
  createdAt: 50,
  updatedAt: 50,
  ...changes,
})
const change = (dueAt: number | null, objectIds: readonly string[] = []) =>
  ({ state: 'requires_action', progress: '{"a":1}', dueAt, updatedAt: 60, objectIds }) as const

test('keeps what was inserted and what was saved, and shows it to its tenant and connection only', async () => {
  const { setups } = store
  const no = await setups.insert(setup({ clientKey: 'key' }))
  await setups.save(no, change(200))
  const expected = { no, ...setup({ clientKey: 'key' }), state: 'requires_action', progress: '{"a":1}' }
  const stored = { ...expected, dueAt: 200, updatedAt: 60 }
  expect(await setups.get(ACME, 'connection', 'one')).toEqual(stored)
  expect(await setups.getByClientKey(ACME, 'connection', 'key')).toEqual(stored)
  expect(await setups.getByNo(no)).toEqual(stored)
  expect(await setups.list(ACME, 'connection', { beforeNo: null, limit: 9 })).toEqual([stored])
  for (const stranger of STRANGERS) {
    expect(await setups.get(stranger, 'connection', 'one')).toBeNull()
    expect(await setups.getByClientKey(stranger, 'connection', 'key')).toBeNull()
    expect(await setups.list(stranger, 'connection', { beforeNo: null, limit: 9 })).toEqual([])
  }
  expect(await setups.get(ACME, 'another', 'one')).toBeNull()
  expect(await setups.getByClientKey(ACME, 'another', 'key')).toBeNull()
})

test('takes a client’s key once per tenant and connection, and any number without one', async () => {
  const { setups } = store
  await setups.insert(setup({ clientKey: 'key' }))
  await expect(setups.insert(setup({ id: 'two', clientKey: 'key' }))).rejects.toThrow()
  await setups.insert(setup({ id: 'two', clientKey: 'key', connectionId: 'another' }))
  for (const stranger of STRANGERS) await setups.insert(setup({ ...stranger, clientKey: 'key' }))
  await setups.insert(setup({ id: 'three' }))
  await setups.insert(setup({ id: 'four' }))
  expect(await setups.list(ACME, 'connection', { beforeNo: null, limit: 9 })).toHaveLength(3)
})

test('finds what is due, longest due first, without those in hand and those that have ended', async () => {
  const { setups } = store
  const late = await setups.insert(setup({ id: 'late', dueAt: 300 }))
  const early = await setups.insert(setup({ id: 'early', dueAt: 100 }))
  const ended = await setups.insert(setup({ id: 'ended' }))
  await setups.save(ended, change(null))
  const due = async (now: number, busy: readonly number[] = [], limit = 9) =>
    (await setups.due(now, busy, limit)).map(({ no }) => no)
  expect(await due(99)).toEqual([])
  expect(await due(299)).toEqual([early])
  expect(await due(300)).toEqual([early, late])
  expect(await due(300, [early])).toEqual([late])
  expect(await due(300, [], 1)).toEqual([early])
  await setups.hasten(late, 250)
  await setups.hasten(early, 250)
  await setups.hasten(ended, 250)
  expect(await due(250)).toEqual([early, late])
  expect((await setups.getByNo(early))?.dueAt).toBe(100)
})

test('finds the set-ups of an object within one connection', async () => {
  const { setups } = store
  const no = await setups.insert(setup())
  await setups.save(no, change(1, ['seti_1']))
  await setups.save(no, change(1, ['seti_1', 'sub_1']))
  expect(await setups.byObject('connection', 'seti_1')).toEqual([no])
  expect(await setups.byObject('connection', 'sub_1')).toEqual([no])
  expect(await setups.byObject('connection', 'seti_2')).toEqual([])
  expect(await setups.byObject('another', 'seti_1')).toEqual([])
})

test('pages through a list from the newest to the oldest', async () => {
  const { setups } = store
  for (const id of ['a', 'b', 'c']) await setups.insert(setup({ id }))
  const first = await setups.list(ACME, 'connection', { beforeNo: null, limit: 2 })
  const rest = await setups.list(ACME, 'connection', { beforeNo: first.at(-1)?.no ?? 0, limit: 2 })
  expect([...first, ...rest].map(({ id }) => id)).toEqual(['c', 'b', 'a'])
})
