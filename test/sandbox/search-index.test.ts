import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox, STRIPE_TEST_LIMITS } from '../../src/sandbox/index.ts'
import { Limiter } from '../../src/sandbox/stripe/limits.ts'
import { SearchIndex } from '../../src/sandbox/stripe/search-index.ts'
import { call, control, walkIds } from './client.ts'
import { ACTIVE_QUERY, DEVICE_QUERY, searchIds, searchPage, subscribe } from './search-client.ts'

let sandbox: StripeSandbox
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: 1_780_000_000, counts: { charges: 100, subscriptions: 200 } })
})
afterEach(() => sandbox.close())

describe('the index', () => {
  test('finds a new object only some time after lists do', async () => {
    const { id } = subscribe(sandbox)
    expect(await walkIds(sandbox, '/v1/subscriptions')).toContain(id)
    expect(await searchIds(sandbox, 'subscriptions', DEVICE_QUERY)).not.toContain(id)
    sandbox.clock.advance(4)
    expect(await searchIds(sandbox, 'subscriptions', DEVICE_QUERY)).not.toContain(id)
    sandbox.clock.advance(1)
    expect((await searchIds(sandbox, 'subscriptions', DEVICE_QUERY))[0]).toBe(id)
  })

  test('takes in a write of the API as late as one of a script', async () => {
    const form = 'metadata[device_type]=samsung'
    const { json } = await call(sandbox, '/v1/customers', { form })
    expect(await searchIds(sandbox, 'customers', DEVICE_QUERY)).toEqual([])
    sandbox.clock.advance(5)
    expect(await searchIds(sandbox, 'customers', DEVICE_QUERY)).toEqual([json.id])
  })

  test('finds a changed object by what it was, and shows it as it is', async () => {
    const [id = ''] = await searchIds(sandbox, 'subscriptions', ACTIVE_QUERY)
    sandbox.apply({ type: 'update', id, params: { metadata: { device_type: 'lgtv' } } })
    const { json } = await searchPage(sandbox, 'subscriptions', ACTIVE_QUERY, { limit: '1' })
    expect(json.data[0]).toMatchObject({ id, metadata: { device_type: 'lgtv' } })
    expect(await searchIds(sandbox, 'subscriptions', 'metadata["device_type"]:"lgtv"')).not.toContain(id)
    sandbox.clock.advance(5)
    expect(await searchIds(sandbox, 'subscriptions', ACTIVE_QUERY)).not.toContain(id)
    expect(await searchIds(sandbox, 'subscriptions', 'metadata["device_type"]:"lgtv"')).toContain(id)
  })

  test('shows what it finds as it holds it when told so', async () => {
    await control(sandbox, 'POST', '/settings', { searchShows: 'indexed' })
    const [id = ''] = await searchIds(sandbox, 'subscriptions', ACTIVE_QUERY)
    sandbox.apply({ type: 'update', id, params: { metadata: { device_type: 'lgtv' } } })
    const { json } = await searchPage(sandbox, 'subscriptions', ACTIVE_QUERY, { limit: '1' })
    expect(json.data[0]).toMatchObject({ id, metadata: { device_type: 'samsung' } })
  })

  test('takes changes in one after the other', async () => {
    const { id } = subscribe(sandbox, 'first')
    sandbox.clock.advance(2)
    sandbox.apply({ type: 'update', id, params: { metadata: { device_type: 'second' } } })
    const seen: (string | undefined)[] = []
    for (let second = 2; second <= 7; second++) {
      const names = ['first', 'second']
      const hits = await Promise.all(
        names.map((name) => searchIds(sandbox, 'subscriptions', `metadata["device_type"]:"${name}"`)),
      )
      seen.push(names[hits.findIndex((ids) => ids.includes(id))])
      sandbox.clock.advance(1)
    }
    expect(seen).toEqual([undefined, undefined, undefined, 'first', 'first', 'second'])
  })

  test('can lag by up to an hour, and a new lag is for new writes', async () => {
    const settings = await control(sandbox, 'POST', '/settings', { searchLagSeconds: 3600 })
    expect(settings.json).toMatchObject({ searchLagSeconds: 3600 })
    const slow = subscribe(sandbox, 'slow')
    await control(sandbox, 'POST', '/settings', { searchLagSeconds: 0 })
    const quick = subscribe(sandbox, 'quick')
    const query = 'metadata["device_type"]:"slow" OR metadata["device_type"]:"quick"'
    expect(await searchIds(sandbox, 'subscriptions', query)).toEqual([quick.id])
    sandbox.clock.advance(3599)
    expect(await searchIds(sandbox, 'subscriptions', query)).toEqual([quick.id])
    sandbox.clock.advance(1)
    expect(await searchIds(sandbox, 'subscriptions', query)).toEqual([quick.id, slow.id])
    for (const bad of [{ searchLagSeconds: 3601 }, { searchLagSeconds: '5' }, { searchShows: 'old' }]) {
      expect((await control(sandbox, 'POST', '/settings', bad)).status).toBe(400)
    }
  })

  test('finds nothing before lists show it', async () => {
    Object.assign(sandbox.behaviour, { searchLagSeconds: 0, objectLagSeconds: 3600 })
    const made = Array.from({ length: 20 }, () => subscribe(sandbox, 'toaster').id)
    sandbox.clock.advance(1800)
    const listed = await walkIds(sandbox, '/v1/subscriptions')
    const searched = await searchIds(sandbox, 'subscriptions', 'metadata["device_type"]:"toaster"')
    expect(searched.length).toBeGreaterThan(0)
    expect(searched.length).toBeLessThan(made.length)
    expect(searched).toEqual(listed.filter((id) => made.includes(id)))
  })

  test('keeps what waits, however many changes come', () => {
    let nowMs = 0
    const index = new SearchIndex(
      () => nowMs,
      () => 1000,
    )
    const object = { id: 'cus_1', object: 'customer' }
    const isKnown = (at: number) => index.state({ index: at, created: 0 }, () => object) !== undefined
    for (let at = 0; at < 2500; at++) {
      nowMs = at
      index.note(at, () => undefined)
    }
    expect([isKnown(0), isKnown(1499), isKnown(1500), isKnown(2499)]).toEqual([true, true, false, false])
  })

  test('is back to the start after a reset', async () => {
    const before = await searchIds(sandbox, 'subscriptions', DEVICE_QUERY)
    subscribe(sandbox)
    sandbox.reset()
    expect(await searchIds(sandbox, 'subscriptions', DEVICE_QUERY)).toEqual(before)
    sandbox.behaviour.searchLagSeconds = 0
    const { id } = subscribe(sandbox)
    expect(await searchIds(sandbox, 'subscriptions', DEVICE_QUERY)).toEqual([id, ...before])
  })
})

describe('the limit of searches', () => {
  test('is twenty per second over all resources together, apart from the lists', () => {
    const limiter = new Limiter({ ...STRIPE_TEST_LIMITS, globalPerSecond: 100, algorithm: 'window' }, () => 0)
    const enter = (operation: string, limitClass?: 'search') => {
      try {
        limiter.enter('test', operation, limitClass)()
        return true
      } catch {
        return false
      }
    }
    const passed = Array.from({ length: 60 }, (_, turn) =>
      enter(`GET /v1/${['charges', 'customers', 'prices'][turn % 3]}/search`, 'search'),
    )
    expect(passed.filter(Boolean)).toHaveLength(20)
    expect(enter('GET /v1/charges')).toBe(true)
    expect(limiter.enter('live', 'GET /v1/charges/search', 'search')).toBeInstanceOf(Function)
  })

  test('refuses a greedy client, and the journal counts searches as an operation', async () => {
    sandbox.limiter.limits = { searchPerSecond: 0 }
    const refused = await searchPage(sandbox, 'charges', 'created>1')
    expect([refused.status, refused.headers.get('stripe-rate-limited-reason')]).toEqual([429, 'endpoint-rate'])
    expect((await call(sandbox, '/v1/charges')).status).toBe(200)
    expect(Object.keys(sandbox.journal.summary().byEndpoint)).toContain('GET /v1/charges/search')
  })

  test('is that of any operation where none is set for searches', async () => {
    sandbox.limiter.limits = { endpointPerSecond: 0 }
    expect((await searchPage(sandbox, 'charges', 'created>1')).status).toBe(429)
    sandbox.limiter.limits = { endpointPerSecond: 0, searchPerSecond: 100 }
    expect((await searchPage(sandbox, 'charges', 'created>1')).status).toBe(200)
  })
})
