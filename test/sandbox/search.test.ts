import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { ResourceName, StripeObject, StripeSandbox, StripeSandboxOptions } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call, sdk, walkIds } from './client.ts'
import { DEVICE_QUERY, fittingIds, searchIds, searchPage, subscribe, VERSION } from './search-client.ts'

const NOW = 1_780_000_000

let sandbox: StripeSandbox
const start = async (options: StripeSandboxOptions = {}) => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 400, subscriptions: 300 }, ...options })
}
beforeEach(() => start())
afterEach(() => sandbox.close())

describe('a search', () => {
  test('answers a search result, whose last page has no next one', async () => {
    const { json, status } = await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, { limit: '100' })
    expect(status).toBe(200)
    expect(Object.keys(json).toSorted()).toEqual(['data', 'has_more', 'next_page', 'object', 'url'])
    expect(json).toMatchObject({ object: 'search_result', url: '/v1/subscriptions/search' })
    expect(json).toMatchObject({ has_more: false, next_page: null })
    expect(json.data.length).toBeGreaterThan(5)
    expect(new Set(json.data.map(({ metadata }: StripeObject) => JSON.stringify(metadata)))).toEqual(
      new Set(['{"device_type":"samsung"}']),
    )
  })

  test('finds devices by both conventions of tagging', async () => {
    const query = 'metadata["device_type"]:"samsung" OR metadata["Samsung"]:"yes"'
    const both = await searchIds(sandbox, 'subscriptions', query)
    const byName = await searchIds(sandbox, 'subscriptions', "metadata['Samsung']:'yes'")
    const byType = await searchIds(sandbox, 'subscriptions', DEVICE_QUERY)
    expect(byName.length).toBeGreaterThan(2)
    expect(both.toSorted()).toEqual([...byName, ...byType].toSorted())
    expect(byName.some((id) => byType.includes(id))).toBe(false)
  })

  test.each<readonly [ResourceName, string]>([
    ['subscriptions', 'status:"canceled"'],
    ['subscriptions', 'status:"active" -metadata["device_type"]:null'],
    ['charges', 'currency:"USD" amount>1000 status:"succeeded"'],
    ['charges', 'refunded:"false"'],
    ['charges', '-refunded:null'],
    ['charges', 'payment_method_details.card.brand:"visa" disputed:"false"'],
    ['customers', 'email~"example" -metadata["cart"]:"web"'],
    ['prices', 'active:"false"'],
    ['prices', 'type:"recurring" OR currency:"krw"'],
  ])('of %s for %s finds just what fits, newest first', async (resource, query) => {
    const ids = await searchIds(sandbox, resource, query, 7)
    expect(ids.length).toBeGreaterThan(0)
    expect(ids).toEqual(fittingIds(sandbox, resource, query))
  })

  test('hides neither canceled subscriptions nor inline prices nor test clocks', async () => {
    const listed = await walkIds(sandbox, '/v1/subscriptions')
    const subscriptions = await searchIds(sandbox, 'subscriptions', 'created>0')
    expect(subscriptions).toEqual([...sandbox.world.all('subscriptions')].map(({ id }) => id))
    expect(subscriptions.length).toBeGreaterThan(listed.length)
    const prices = await searchIds(sandbox, 'prices', 'active:"true" OR active:"false"')
    expect(prices).toHaveLength(sandbox.world.collections.prices.generatedCount)
    const listedPrices = ['true', 'false'].map((active) => walkIds(sandbox, '/v1/prices', { active }))
    expect(prices.length).toBeGreaterThan((await Promise.all(listedPrices)).flat().length)
  })

  test('finds no deleted customer, neither before nor after the index knows', async () => {
    // Stubs fit too: they have no metadata.
    const query = 'metadata["nobody"]:null'
    const before = await searchIds(sandbox, 'customers', query)
    const deleted = [...sandbox.world.all('customers')].filter((customer) => customer.deleted === true)
    expect(deleted.length).toBeGreaterThan(1)
    expect(before).toHaveLength(sandbox.world.collections.customers.generatedCount - deleted.length)
    sandbox.apply({ type: 'delete', id: String(before[0]) })
    expect(await searchIds(sandbox, 'customers', query)).toEqual(before.slice(1))
    sandbox.clock.advance(5)
    expect(await searchIds(sandbox, 'customers', query)).toEqual(before.slice(1))
  })

  test('shows objects in the version of the request', async () => {
    const [old] = (await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, { limit: '1' }, { version: '2020-08-27' }))
      .json.data
    const [now] = (await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, { limit: '1' })).json.data
    expect(old.id).toBe(now.id)
    expect([old.current_period_end === undefined, now.current_period_end === undefined]).toEqual([false, true])
  })

  test('works through the official SDK, paging by itself', async () => {
    const ids: string[] = []
    for await (const { id } of sdk(sandbox).subscriptions.search({ query: DEVICE_QUERY, limit: 3 })) ids.push(id)
    expect(ids).toEqual(fittingIds(sandbox, 'subscriptions', DEVICE_QUERY))
  })

  test('takes a query whose brackets are not encoded', async () => {
    const query = `query=metadata["device_type"]:"samsung"&limit=100`
    const answer = await call(sandbox, `/v1/subscriptions/search?${query}`, { version: VERSION })
    expect(answer.json.data.map(({ id }: StripeObject) => id)).toEqual(
      fittingIds(sandbox, 'subscriptions', DEVICE_QUERY),
    )
  })

  test('expands, and counts only when asked to', async () => {
    const params = { 'expand[0]': 'data.customer', 'expand[1]': 'total_count', limit: '2' }
    const { json } = await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, params)
    expect(json.data).toHaveLength(2)
    expect(json.data[0].customer).toMatchObject({ object: 'customer' })
    expect(json.total_count).toBe(fittingIds(sandbox, 'subscriptions', DEVICE_QUERY).length)
    expect((await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, { 'expand[]': 'data.nonsense' })).status).toBe(400)
  })

  test('counts no further than ten thousand', async () => {
    await sandbox.close()
    await start({ counts: { charges: 10, customers: 11_000, prices: 60, subscriptions: 10 } })
    const { json } = await searchPage(sandbox, 'customers', 'created>0', { 'expand[]': 'total_count', limit: '1' })
    expect(json.total_count).toBe(10_000)
  })
})

describe('pages', () => {
  test('are as long as asked, and has_more is right when the last one is full', async () => {
    const all = fittingIds(sandbox, 'subscriptions', DEVICE_QUERY)
    const whole = await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, { limit: String(all.length) })
    expect(whole.json).toMatchObject({ has_more: false, next_page: null })
    const short = await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, { limit: String(all.length - 1) })
    expect(short.json.has_more).toBe(true)
    const rest = await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, { page: short.json.next_page })
    expect(rest.json.data.map(({ id }: StripeObject) => id)).toEqual(all.slice(-1))
    expect((await searchPage(sandbox, 'subscriptions', 'created>0')).json.data).toHaveLength(10)
  })

  test('go on where the last one ended when objects come and go between them', async () => {
    const before = await searchIds(sandbox, 'subscriptions', 'created>0')
    const first = await searchPage(sandbox, 'subscriptions', 'created>0', { limit: '20' })
    subscribe(sandbox)
    sandbox.apply({ type: 'remove', id: String(before[19]) })
    sandbox.clock.advance(5)
    const second = await searchPage(sandbox, 'subscriptions', 'created>0', { limit: '20', page: first.json.next_page })
    expect(second.json.data.map(({ id }: StripeObject) => id)).toEqual(before.slice(20, 40))
  })

  test('go on among objects made in one second', async () => {
    const made = Array.from({ length: 9 }, () => subscribe(sandbox, 'toaster').id)
    sandbox.clock.advance(5)
    expect(await searchIds(sandbox, 'subscriptions', 'metadata["device_type"]:"toaster"', 2)).toEqual(made.toReversed())
  })

  test('belong to their query, their resource and their mode', async () => {
    const { next_page: page } = (await searchPage(sandbox, 'subscriptions', 'created>0')).json
    const refusals = await Promise.all([
      searchPage(sandbox, 'subscriptions', 'created>1', { page }),
      searchPage(sandbox, 'subscriptions', 'created>0 ', { page }),
      searchPage(sandbox, 'customers', 'created>0', { page }),
      searchPage(sandbox, 'subscriptions', 'created>0', { page }, { key: 'sk_live_sandbox' }),
      searchPage(sandbox, 'subscriptions', 'created>0', {
        page: `${page.slice(0, -1)}${page.endsWith('A') ? 'B' : 'A'}`,
      }),
      searchPage(sandbox, 'subscriptions', 'created>0', { page: `${page}A` }),
      searchPage(sandbox, 'subscriptions', 'created>0', { page: 'sub_1' }),
    ])
    for (const { status, json } of refusals) {
      expect([status, json.error.type, json.error.param]).toEqual([400, 'invalid_request_error', 'page'])
    }
    expect((await searchPage(sandbox, 'subscriptions', 'created>0', { page, limit: '3' })).status).toBe(200)
  })
})

describe('refusals', () => {
  test.each([
    ['subscriptions', 'status:active'],
    ['subscriptions', 'status:"active" AND created>1 OR created>2'],
    ['subscriptions', '(status:"active")'],
    ['subscriptions', 'status~"act"'],
    ['subscriptions', 'customer:"cus_1"'],
    ['charges', 'email:"a@b.c"'],
    ['charges', 'metadata["k"]>1'],
    ['customers', 'email~"am"'],
    ['customers', Array.from({ length: 11 }, () => 'created>1').join(' ')],
  ])('%s cannot be searched for %s', async (resource, query) => {
    const { status, json } = await searchPage(sandbox, resource, query)
    expect([status, json.error.type, json.error.param]).toEqual([400, 'invalid_request_error', 'query'])
    expect(json.error.message).toMatch(/at character \d+/)
  })

  test.each<readonly [string, string, string]>([
    ['', 'parameter_missing', 'query'],
    ['query=', 'parameter_invalid_empty', 'query'],
    ['query=created>1&limit=0', 'parameter_invalid_integer', 'limit'],
    ['query=created>1&limit=101', 'parameter_invalid_integer', 'limit'],
    ['query=created>1&starting_after=sub_1', 'parameter_unknown', 'starting_after'],
    ['query=created>1&status=active', 'parameter_unknown', 'status'],
  ])('a search with %j is refused with %s', async (params, code, param) => {
    const { status, json } = await call(sandbox, `/v1/subscriptions/search?${params}`, { version: VERSION })
    expect([status, json.error.code, json.error.param]).toEqual([400, code, param])
  })

  test('a query of more than 5000 characters is refused', async () => {
    const { status, json } = await searchPage(sandbox, 'subscriptions', `${DEVICE_QUERY}${' '.repeat(5000)}`)
    expect([status, json.error.param]).toEqual([400, 'query'])
  })

  test.each(['refunds', 'balance_transactions', 'events'])('there is no search for %s', async (resource) => {
    const { status, json } = await searchPage(sandbox, resource, 'created>1')
    expect(status).toBe(404)
    expect(json.error.message).toContain(`Unrecognized request URL (GET: /v1/${resource}/search)`)
  })

  test.each(['charges', 'customers', 'subscriptions'] as const)(
    'counts %s by creation as many as it shows, deleted and late ones left out',
    async (resource) => {
      const [newest] = sandbox.world.all('customers')
      sandbox.apply({ type: 'delete', id: newest?.id ?? '' })
      const times = [...sandbox.world.all(resource)].map(({ created }) => Number(created))
      const [from, to] = [times[Math.floor(times.length * 0.8)], times[Math.floor(times.length * 0.2)]]
      for (const query of [`created>=${from} AND created<${to}`, 'created>0', `created:${from}`, `-created>${from}`]) {
        const shown = await searchIds(sandbox, resource, query)
        const { json } = await searchPage(sandbox, resource, query, { limit: '1', 'expand[]': 'total_count' })
        expect(json.total_count).toBe(shown.length)
        expect(shown).toEqual(fittingIds(sandbox, resource, query))
        expect(shown.length).toBeGreaterThan(0)
      }
    },
  )

  test('versions before 2020-08-27 cannot search', async () => {
    const at = async (version: string) =>
      (await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, {}, { version })).status
    expect([await at('2020-03-02'), await at('2020-08-27')]).toEqual([400, 200])
    await sandbox.close()
    await start({ accountApiVersion: '2019-10-17' })
    const { status, json } = await call(sandbox, '/v1/charges/search?query=created>1')
    expect([status, json.error.type]).toEqual([400, 'invalid_request_error'])
    expect(json.error.message).toContain('2020-08-27')
  })

  test('an account in India cannot search, but list', async () => {
    sandbox.behaviour.indiaAccount = true
    const { status, json } = await searchPage(sandbox, 'subscriptions', DEVICE_QUERY)
    expect([status, json.error.type]).toEqual([400, 'invalid_request_error'])
    expect((await call(sandbox, '/v1/subscriptions')).status).toBe(200)
    expect((await call(sandbox, '/v1/account')).json.country).toBe('IN')
  })

  test('a restricted key searches what it may list', async () => {
    const key = 'rk_test_charges_only'
    expect((await searchPage(sandbox, 'charges', 'created>1', {}, { key })).status).toBe(200)
    const refused = await searchPage(sandbox, 'subscriptions', DEVICE_QUERY, {}, { key })
    expect(refused.status).toBe(403)
    expect(refused.json.error.message).toContain('rak_subscription_read')
    expect((await searchPage(sandbox, 'charges', 'created>1', {}, { key: null })).status).toBe(401)
  })

  test('live and test data are searched apart', async () => {
    const [test] = await searchIds(sandbox, 'subscriptions', DEVICE_QUERY)
    const live = await searchIds(sandbox, 'subscriptions', DEVICE_QUERY, 100, { key: 'sk_live_sandbox' })
    expect(live.length).toBeGreaterThan(0)
    expect(live).not.toContain(test)
  })
})
