import { afterEach, describe, expect, test } from '@jest/globals'
import axios from 'axios'
import {
  createXsollaSandbox,
  XSOLLA_API_KEY,
  XSOLLA_MERCHANT_ID,
  type XsollaSandbox,
  type XsollaSandboxOptions,
} from '../../src/sandbox/xsolla/sandbox.ts'

const PROJECT = '/api/user/v1/projects/44056'
const LIST = `${PROJECT}/subscriptions`
const MERCHANT_LIST = `/merchant/v2/merchants/${XSOLLA_MERCHANT_ID}/subscriptions`
const NOW = 1_782_907_200

let sandbox: XsollaSandbox

afterEach(() => sandbox.close())

async function start(options: XsollaSandboxOptions = {}): Promise<XsollaSandbox> {
  sandbox = await createXsollaSandbox(options)
  return sandbox
}

function call(path: string, authorization: string | undefined, method = 'GET', data?: unknown) {
  return axios.request({
    method,
    url: sandbox.url + path,
    data,
    validateStatus: () => true,
    headers: authorization === undefined ? {} : { Authorization: authorization },
  })
}

const asUser = (path: string, token = sandbox.issueToken(), method = 'GET') => call(path, `Bearer ${token}`, method)
const asMerchant = (path: string, key = XSOLLA_API_KEY, merchantId = XSOLLA_MERCHANT_ID) =>
  call(path, `Basic ${Buffer.from(`${merchantId}:${key}`).toString('base64')}`)
const control = (path: string, data?: unknown, method = 'POST') => call(`/_sandbox${path}`, undefined, method, data)
const idsOf = (items: readonly { readonly id: number }[]) => items.map(({ id }) => id)

describe('the subscriptions of a user', () => {
  test('come 15 to a page by default, with has_more and no total', async () => {
    await start({ subscriptions: 32 })
    const { data } = await asUser(LIST)
    expect(Object.keys(data)).toEqual(['items', 'has_more'])
    expect([data.items.length, data.has_more]).toEqual([15, true])
    const last = (await asUser(`${LIST}?offset=30`)).data
    expect([last.items.length, last.has_more]).toEqual([2, false])
    expect((await asUser(`${LIST}?limit=32`)).data).toMatchObject({ has_more: false })
    expect((await asUser(`${LIST}?offset=32`)).data).toEqual({ items: [], has_more: false })
  })

  test('have decimal amounts as text, dates with an offset and many nulls', async () => {
    await start({ subscriptions: 60 })
    const { items } = (await asUser(`${LIST}?limit=60`)).data
    for (const item of items) {
      expect(item.charge.amount).toMatch(/^\d+\.\d{4}$/)
      expect(item.date_create).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00$/)
      expect(['active', 'non_renewing', 'pause']).toContain(item.status)
    }
    for (const name of ['plan_external_id', 'product_id', 'date_next_charge', 'date_last_charge']) {
      expect(items.some((item: Record<string, unknown>) => item[name] === null)).toBe(true)
      expect(items.some((item: Record<string, unknown>) => item[name] !== null)).toBe(true)
    }
  })

  test('are told in the language that locale names', async () => {
    await start({ subscriptions: 1 })
    const nameIn = async (query: string) => (await asUser(LIST + query)).data.items[0].plan_name
    expect(await nameIn('')).toBe(await nameIn('?locale=en'))
    expect(await nameIn('?locale=ko')).not.toBe(await nameIn(''))
  })

  test('leave out the canceled ones, which are found by their id with more details', async () => {
    await start({ subscriptions: 3 })
    const [first] = sandbox.apply({ type: 'set-status', at: 0, status: 'canceled' })
    expect(idsOf((await asUser(LIST)).data.items)).not.toContain(first!.id)
    const { status, data } = await asUser(`${LIST}/${first!.id}`)
    expect([status, data.status, data.is_renew_possible]).toEqual([200, 'canceled', false])
    expect(data.date_end).not.toBeNull()
    expect((await asUser(`${LIST}/1`)).status).toBe(404)
  })

  test('are those of one user in one project', async () => {
    await start({ subscriptions: 2 })
    sandbox.apply({ type: 'insert', userId: 'user-2' })
    sandbox.apply({ type: 'insert', projectId: 7 })
    expect((await asUser(LIST)).data.items).toHaveLength(2)
    expect((await asUser(LIST, sandbox.issueToken('user-2'))).data.items).toHaveLength(1)
    expect((await asUser('/api/user/v1/projects/7/subscriptions')).data.items).toHaveLength(1)
  })

  test('can be made non-renewing, once', async () => {
    await start({ subscriptions: 1 })
    const id = sandbox.apply({ type: 'set-status', at: 0, status: 'active' })[0]!.id
    expect((await asUser(`${LIST}/${id}/cancel`, undefined, 'PUT')).status).toBe(204)
    expect((await asUser(`${LIST}/${id}`)).data.status).toBe('non_renewing')
    expect((await asUser(`${LIST}/${id}/cancel`, undefined, 'PUT')).status).toBe(422)
  })

  test.each(['limit=0', 'limit=ten', 'offset=-1'])('%s is refused', async (query) => {
    await start()
    expect((await asUser(`${LIST}?${query}`)).status).toBe(422)
  })

  test('the plans of the project can be listed and filtered', async () => {
    await start()
    const all = (await asUser(`${PROJECT}/plans`)).data
    expect([all.items.length, all.has_more]).toEqual([6, false])
    const one = (await asUser(`${PROJECT}/plans?plan_id[]=${all.items[2].plan_id}`)).data
    expect(one.items).toEqual([all.items[2]])
    expect((await asUser(`${PROJECT}/plans?limit=4`)).data.has_more).toBe(true)
  })
})

describe('a user token', () => {
  test('ends when its life is over', async () => {
    await start({ now: NOW })
    const token = sandbox.issueToken('user-1', { lifeSeconds: 60 })
    expect((await asUser(LIST, token)).status).toBe(200)
    sandbox.clock.advance(60)
    expect((await asUser(LIST, token)).status).toBe(401)
    expect((await asUser(LIST, sandbox.issueToken())).status).toBe(200)
  })

  test('counts only as it was issued', async () => {
    await start()
    const [head, , signature] = sandbox.issueToken().split('.')
    const claims = Buffer.from(JSON.stringify({ sub: 'user-1', exp: 9e9, iss: 'https://login.xsolla.com' }))
    const forged = `${head}.${claims.toString('base64url')}.${signature}`
    for (const token of [forged, 'a.b.c', 'a', sandbox.issueToken('user-1', { issuer: 'https://evil.test' })]) {
      expect((await asUser(LIST, token)).status).toBe(401)
    }
    expect((await call(LIST, undefined)).status).toBe(401)
  })
})

describe('the server API', () => {
  test('answers a bare array of all users and all statuses', async () => {
    await start({ subscriptions: 3 })
    sandbox.apply({ type: 'insert', userId: 'user-2', status: 'canceled' })
    const { data } = await asMerchant(`${MERCHANT_LIST}?limit=10`)
    expect(Array.isArray(data)).toBe(true)
    expect(new Set(data.map(({ user }: { user: { id: string } }) => user.id))).toEqual(new Set(['user-1', 'user-2']))
    expect(data.map(({ status }: { status: string }) => status)).toContain('canceled')
    expect((await asMerchant(`${MERCHANT_LIST}?limit=2&offset=3`)).data).toHaveLength(1)
  })

  test('filters by status, user, project and creation', async () => {
    await start({ subscriptions: 0, now: NOW })
    sandbox.apply({ type: 'insert', status: 'active' })
    sandbox.apply({ type: 'insert', status: 'canceled', userId: 'user-2', projectId: 7 })
    const count = async (query: string) => (await asMerchant(`${MERCHANT_LIST}?limit=10&${query}`)).data.length
    expect(await count('status[]=active')).toBe(1)
    expect(await count('status[]=active&status[]=canceled')).toBe(2)
    expect(await count('user_id=user-2')).toBe(1)
    expect(await count('project_id[]=44056')).toBe(1)
    expect(await count(`datetime_from=${new Date((NOW + 1) * 1000).toISOString()}`)).toBe(0)
    expect((await asMerchant(`${MERCHANT_LIST}?limit=1&status[]=pause`)).status).toBe(422)
  })

  test('needs a limit, the right merchant and a key for all projects', async () => {
    await start({
      merchantKeys: [
        { key: 'one', allProjects: false },
        { key: 'all', allProjects: true },
      ],
    })
    expect((await asMerchant(MERCHANT_LIST, 'all')).status).toBe(422)
    expect((await asMerchant(`${MERCHANT_LIST}?limit=1`, 'one')).status).toBe(403)
    expect((await asMerchant(`${MERCHANT_LIST}?limit=1`, 'wrong')).status).toBe(401)
    expect((await asMerchant('/merchant/v2/merchants/1/subscriptions?limit=1', 'all')).status).toBe(403)
    expect((await asMerchant(`${MERCHANT_LIST}?limit=1`, 'all', 1)).status).toBe(401)
    expect((await asUser(`${MERCHANT_LIST}?limit=1`)).status).toBe(401)
  })

  test('answers 20 requests in any minute', async () => {
    await start({ now: NOW })
    const statuses = []
    for (let request = 0; request < 21; request++) {
      statuses.push((await asMerchant(`${MERCHANT_LIST}?limit=1`)).status)
    }
    expect(statuses).toEqual([...Array(20).fill(200), 429])
    sandbox.clock.advance(61)
    expect((await asMerchant(`${MERCHANT_LIST}?limit=1`)).status).toBe(200)
  })
})

describe('a script', () => {
  test('inserts, removes and moves rows between two pages', async () => {
    await start({ subscriptions: 6 })
    const before = sandbox.world.rows.map(({ id }) => id)
    sandbox.script.add({ after: 1, actions: [{ type: 'insert', count: 2 }] })
    const first = idsOf((await asUser(`${LIST}?limit=3`)).data.items)
    const second = idsOf((await asUser(`${LIST}?limit=3&offset=3`)).data.items)
    expect([first, second]).toEqual([before.slice(0, 3), [before[1], before[2], before[3]]])
    sandbox.script.add({
      actions: [
        { type: 'remove', at: 0 },
        { type: 'move', at: 0, to: 6 },
      ],
    })
    expect(idsOf((await asUser(`${LIST}?limit=9`)).data.items)).toEqual([...before, sandbox.world.rows.at(-1)!.id])
  })

  test('fails the requests that it names', async () => {
    await start()
    sandbox.script.add({ match: { params: { offset: '15' } }, fault: { kind: 'status', status: 503, retryAfter: 1 } })
    sandbox.script.add({ match: { path: '/merchant/*' }, times: null, fault: { kind: 'reset' } })
    expect((await asUser(LIST)).status).toBe(200)
    expect((await asUser(`${LIST}?offset=15`)).status).toBe(503)
    expect((await asUser(`${LIST}?offset=15`)).status).toBe(200)
    await expect(asMerchant(`${MERCHANT_LIST}?limit=1`)).rejects.toThrow()
  })

  test('can be given over HTTP, and the journal holds no credential', async () => {
    await start({ subscriptions: 2 })
    const { token } = (await control('/tokens', { userId: 'user-1', lifeSeconds: 60 })).data
    await control('/rules', { actions: [{ type: 'insert' }] })
    expect((await asUser(LIST, token)).data.items).toHaveLength(3)
    await control('/actions', [{ type: 'remove', at: 0 }])
    expect((await control('', undefined, 'GET')).data).toMatchObject({ subscriptions: 2, requests: 1 })
    const journal = (await control('/journal', undefined, 'GET')).data
    expect(journal.entries).toMatchObject([{ method: 'GET', path: LIST, credential: 'Bearer', status: 200 }])
    expect(JSON.stringify(journal)).not.toContain(token)
    for (const bad of [{ type: 'explode' }, { type: 'remove', id: 1 }, { type: 'set-amount', at: 0, amount: 'x' }]) {
      expect((await control('/actions', bad)).status).toBe(400)
    }
    expect((await control('/nothing')).status).toBe(404)
    await control('/reset')
    expect((await asUser(LIST)).data.items).toHaveLength(2)
    expect(sandbox.script.list()).toEqual([])
  })
})

test('the same seed makes the same subscriptions', async () => {
  await start({ subscriptions: 5, seed: 'a', now: NOW })
  const { rows } = sandbox.world
  await sandbox.close()
  await start({ subscriptions: 5, seed: 'a', now: NOW })
  expect(sandbox.world.rows).toEqual(rows)
  await sandbox.close()
  await start({ subscriptions: 5, seed: 'b', now: NOW })
  expect(sandbox.world.rows).not.toEqual(rows)
})
