import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { StripeObject, StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox, STRIPE_TEST_LIMITS } from '../../src/sandbox/index.ts'
import { call, control, sdk, walkIds } from './client.ts'

let sandbox: StripeSandbox
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: 1_780_000_000, counts: { charges: 500 } })
})
afterEach(() => sandbox.close())

const statuses = async (count: number, path = '/v1/charges') => {
  const seen: number[] = []
  for (let turn = 0; turn < count; turn++) seen.push((await call(sandbox, path)).status)
  return seen
}

describe('scripts', () => {
  test('a fault meets exactly the requests it was told', async () => {
    sandbox.faults.add({ after: 2, times: 2, match: { path: '/v1/charges' }, fault: { kind: 'status', status: 500 } })
    expect(await statuses(1, '/v1/customers')).toEqual([200])
    expect(await statuses(6)).toEqual([200, 200, 500, 500, 200, 200])
    expect(sandbox.journal.count({ status: 500 })).toBe(2)
  })

  test('a match can name the method, a path prefix and parameters', async () => {
    sandbox.faults.add({
      times: null,
      match: { path: '/v1/cha*', params: { limit: '3' } },
      fault: { kind: 'status', status: 503 },
    })
    expect((await call(sandbox, '/v1/charges?limit=3')).status).toBe(503)
    expect((await call(sandbox, '/v1/charges?limit=3')).status).toBe(503)
    expect((await call(sandbox, '/v1/charges?limit=4')).status).toBe(200)
    sandbox.faults.clear()
    sandbox.faults.add({ match: { method: 'POST' }, fault: { kind: 'status', status: 409 } })
    expect((await call(sandbox, '/v1/charges?limit=3')).status).toBe(200)
    expect((await call(sandbox, '/v1/customers', { form: 'name=x' })).status).toBe(409)
  })

  test('a nonsensical fault is refused', () => {
    expect(() => sandbox.faults.add({ fault: { kind: 'gremlin' } as never })).toThrow('Unknown fault kind')
    expect(() => sandbox.faults.add({ fault: { kind: 'status', status: 42 } })).toThrow('status')
  })
})

describe('429', () => {
  test.each([
    'global-rate',
    'global-concurrency',
    'endpoint-rate',
    'endpoint-concurrency',
    'resource-specific',
  ] as const)('names the limiter %s in the header', async (reason) => {
    sandbox.faults.add({ fault: { kind: 'status', status: 429, reason } })
    const { status, headers, json } = await call(sandbox, '/v1/charges')
    expect([status, json.error.code]).toEqual([429, 'rate_limit'])
    expect(headers.get('stripe-rate-limited-reason')).toBe(reason)
    expect(headers.get('retry-after')).toBeNull()
  })

  test('is a lock timeout without that header, and may carry advice', async () => {
    sandbox.faults.add({ fault: { kind: 'status', status: 429, shouldRetry: true, retryAfter: 3 } })
    const { headers, json } = await call(sandbox, '/v1/charges')
    expect(json.error).toMatchObject({ code: 'lock_timeout', type: 'invalid_request_error' })
    expect(headers.get('stripe-rate-limited-reason')).toBeNull()
    expect([headers.get('stripe-should-retry'), headers.get('retry-after')]).toEqual(['true', '3'])
  })
})

describe('answers gone wrong', () => {
  test.each([409, 424, 500, 503, 504])('status %i has an error envelope and a request id', async (status) => {
    sandbox.faults.add({ fault: { kind: 'status', status } })
    const answer = await call(sandbox, '/v1/charges')
    expect(answer.status).toBe(status)
    expect(answer.json.error.type).toMatch(/api_error|invalid_request_error/)
    expect(answer.headers.get('request-id')).toMatch(/^req_/)
  })

  test('502 has an HTML body', async () => {
    sandbox.faults.add({ fault: { kind: 'status', status: 502 } })
    const { status, headers, text } = await call(sandbox, '/v1/charges')
    expect([status, headers.get('content-type')]).toEqual([502, 'text/html'])
    expect(text).toContain('<h1>502 Bad Gateway</h1>')
  })

  test('a 200 can be truncated or not JSON at all', async () => {
    sandbox.faults.add({ fault: { kind: 'truncated' } })
    sandbox.faults.add({ after: 1, fault: { kind: 'not-json' } })
    const whole = (await call(sandbox, '/v1/charges', { key: 'sk_live_sandbox' })).text
    expect(whole.startsWith('{"object":"list"')).toBe(true)
    expect(whole.endsWith('}')).toBe(false)
    const html = await call(sandbox, '/v1/charges')
    expect([html.status, html.json]).toEqual([200, undefined])
    expect((await call(sandbox, '/v1/charges')).status).toBe(200)
  })

  test('the connection can be reset before the headers or in the middle of the body', async () => {
    sandbox.faults.add({ fault: { kind: 'reset' } })
    await expect(call(sandbox, '/v1/charges')).rejects.toThrow()
    sandbox.faults.add({ fault: { kind: 'reset-mid-body' } })
    const response = await fetch(`${sandbox.url}/v1/charges?limit=100`, {
      headers: { Authorization: 'Bearer sk_test_sandbox' },
    })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
    expect((await call(sandbox, '/v1/charges')).status).toBe(200)
  })

  test('a write can be done and its answer lost; the idempotency key finds it again', async () => {
    sandbox.faults.add({ fault: { kind: 'lost-answer' } })
    const options = { form: 'amount=100&currency=usd', headers: { 'Idempotency-Key': 'k' } }
    await expect(call(sandbox, '/v1/charges', options)).rejects.toThrow()
    const again = await call(sandbox, '/v1/charges', options)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    expect(
      (await call(sandbox, '/v1/charges?limit=2')).json.data.filter(
        (charge: StripeObject) => charge.amount === 100 && charge.id === again.json.id,
      ),
    ).toHaveLength(1)
    expect(sandbox.world.collections.charges.added()).toHaveLength(1)
  })

  test('a 500 to a write is stored and replayed', async () => {
    sandbox.faults.add({ fault: { kind: 'status', status: 500 } })
    const options = { form: 'amount=100&currency=usd', headers: { 'Idempotency-Key': 'k' } }
    expect((await call(sandbox, '/v1/charges', options)).status).toBe(500)
    const again = await call(sandbox, '/v1/charges', options)
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([500, 'true'])
  })

  test('a stalled request never answers, not even at half of its body', async () => {
    sandbox.faults.add({ times: 1, fault: { kind: 'stall' } })
    const get = () =>
      fetch(`${sandbox.url}/v1/charges?limit=100`, {
        headers: { Authorization: 'Bearer sk_test_sandbox' },
        signal: AbortSignal.timeout(150),
      })
    await expect(get()).rejects.toThrow('timeout')
    sandbox.faults.add({ fault: { kind: 'stall', after: 'body' } })
    const response = await get()
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow('timeout')
  })

  test('an idle connection can be cut after its answer', async () => {
    sandbox.faults.add({ fault: { kind: 'close-idle', afterMs: 5 } })
    expect((await call(sandbox, '/v1/charges')).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect((await call(sandbox, '/v1/charges')).status).toBe(200)
  })

  test('answers can be slow, all of them or single ones', async () => {
    const timed = async () => {
      const start = performance.now()
      await call(sandbox, '/v1/charges?limit=1')
      return performance.now() - start
    }
    sandbox.faults.add({ after: 1, fault: { kind: 'latency', ms: 120 } })
    await timed()
    expect(await timed()).toBeGreaterThan(110)
    sandbox.latency = { latencyMs: 60, latencyTailMs: 100, latencyTailPercent: 100 }
    expect(await timed()).toBeGreaterThan(150)
  })

  test('the official SDK reports each fault as the error it is', async () => {
    const stripe = sdk(sandbox)
    for (const [fault, type] of [
      [{ kind: 'status', status: 429, reason: 'global-rate' }, 'StripeRateLimitError'],
      [{ kind: 'status', status: 500 }, 'StripeAPIError'],
      [{ kind: 'not-json' }, 'StripeAPIError'],
      [{ kind: 'reset-mid-body' }, 'StripeConnectionError'],
    ] as const) {
      sandbox.faults.add({ fault })
      await expect(stripe.charges.list({ limit: 100 })).rejects.toMatchObject({ type })
    }
  })
})

describe('between two pages', () => {
  test('the cursor object can be deleted, and the next page is refused', async () => {
    sandbox.faults.add({
      after: 2,
      match: { path: '/v1/customers' },
      fault: { kind: 'action', actions: [{ type: 'delete', id: '$cursor' }] },
    })
    await expect(walkIds(sandbox, '/v1/customers', { limit: '10' })).rejects.toThrow('"param":"starting_after"')
    expect(sandbox.journal.count({ path: '/v1/customers' })).toBe(3)
  })

  test('the subscription that is the cursor can be canceled: fatal under the default filter, harmless under all', async () => {
    const rule = {
      after: 1,
      match: { path: '/v1/subscriptions' },
      fault: { kind: 'action', actions: [{ type: 'delete', id: '$cursor' }] },
    } as const
    sandbox.faults.add(rule)
    await expect(walkIds(sandbox, '/v1/subscriptions', { limit: '5' })).rejects.toThrow('resource_missing')
    sandbox.reset()
    const before = await walkIds(sandbox, '/v1/subscriptions', { limit: '100', status: 'all' })
    sandbox.reset()
    sandbox.faults.add({
      ...rule,
      fault: { kind: 'action', actions: [{ type: 'patch', id: '$cursor', fields: { status: 'canceled' } }] },
    })
    expect(await walkIds(sandbox, '/v1/subscriptions', { limit: '5', status: 'all' })).toEqual(before)
  })

  test('newer objects that appear above the cursor are not seen by the walk', async () => {
    const before = await walkIds(sandbox, '/v1/charges', { limit: '50' })
    sandbox.faults.add({
      after: 3,
      match: { path: '/v1/charges' },
      fault: { kind: 'action', actions: [{ type: 'create', resource: 'charges', count: 5 }] },
    })
    expect(await walkIds(sandbox, '/v1/charges', { limit: '50' })).toEqual(before)
    const after = await walkIds(sandbox, '/v1/charges')
    expect(after.slice(5)).toEqual(before)
    const newest = await call(sandbox, `/v1/charges?limit=100&ending_before=${before[0]}`)
    expect(newest.json.data.map(({ id }: StripeObject) => id)).toEqual(after.slice(0, 5))
    expect((await call(sandbox, `/v1/charges?limit=2&starting_after=${after[1]}`)).json.data[0].id).toBe(after[2])
  })

  test('any object can vanish without a trace', async () => {
    const ids = await walkIds(sandbox, '/v1/charges')
    sandbox.apply({ type: 'remove', id: String(ids[10]) })
    expect(await walkIds(sandbox, '/v1/charges')).toEqual(ids.toSpliced(10, 1))
    expect((await call(sandbox, `/v1/charges/${ids[10]}`)).status).toBe(404)
  })
})

describe('limits', () => {
  test('a greedy client is slowed by the published limits', async () => {
    sandbox.limiter.limits = STRIPE_TEST_LIMITS
    const answers = await Promise.all(Array.from({ length: 60 }, () => call(sandbox, '/v1/charges?limit=1')))
    const passed = answers.filter(({ status }) => status === 200).length
    expect(passed).toBeGreaterThanOrEqual(25)
    expect(passed).toBeLessThan(60)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('stripe-rate-limited-reason')).toBe('global-rate')
  })

  test('endpoints have limits of their own', async () => {
    sandbox.limiter.limits = { endpointPerSecond: 2, algorithm: 'window' }
    const answers = await Promise.all([1, 2, 3].map(() => call(sandbox, '/v1/charges?limit=1')))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 429])
    expect(answers.find(({ status }) => status === 429)?.headers.get('stripe-rate-limited-reason')).toBe(
      'endpoint-rate',
    )
    expect((await call(sandbox, '/v1/customers')).status).toBe(200)
  })

  test('only so many requests are answered at the same time', async () => {
    sandbox.latency = { latencyMs: 80, latencyTailMs: 0, latencyTailPercent: 0 }
    sandbox.limiter.limits = { globalConcurrency: 2 }
    const answers = await Promise.all(Array.from({ length: 5 }, () => call(sandbox, '/v1/charges?limit=1')))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
    const refused = answers.find(({ status }) => status === 429)
    expect(refused?.headers.get('stripe-rate-limited-reason')).toBe('global-concurrency')
    expect((await call(sandbox, '/v1/charges')).status).toBe(200)
  })
})

describe('journal', () => {
  test('tells every request without the key', async () => {
    await call(sandbox, '/v1/charges?limit=3&created[gte]=5', { version: '2026-10-28.endive' })
    const [entry] = sandbox.journal.entries()
    expect(entry).toMatchObject({
      method: 'GET',
      path: '/v1/charges',
      params: { limit: '3', created: { gte: '5' } },
      version: '2026-10-28.endive',
      status: 200,
      secretInQuery: false,
    })
    expect(entry?.finishedAt).toBeGreaterThanOrEqual(Number(entry?.startedAt))
    await call(sandbox, '/v1/charges?api_key=sk_test_sandbox')
    expect(sandbox.journal.entries().at(-1)?.secretInQuery).toBe(true)
    expect(JSON.stringify(sandbox.journal.entries())).not.toContain('sk_test_sandbox')
    expect(new Set(sandbox.journal.entries().map(({ keyFingerprint }) => keyFingerprint)).size).toBe(1)
  })

  test('counts by path and knows the highest concurrency', async () => {
    await walkIds(sandbox, '/v1/charges')
    expect(sandbox.journal.count({ path: '/v1/charges' })).toBe(5)
    expect(sandbox.journal.maxConcurrency()).toBe(1)
    sandbox.latency = { latencyMs: 50, latencyTailMs: 0, latencyTailPercent: 0 }
    await Promise.all([1, 2, 3].map(() => call(sandbox, '/v1/customers')))
    expect(sandbox.journal.maxConcurrency()).toBe(3)
    expect(sandbox.journal.paths()).toEqual({ '/v1/charges': 5, '/v1/customers': 3 })
  })

  test('forgets the oldest requests', async () => {
    const small = await createStripeSandbox({ journalCapacity: 3, counts: { charges: 10 } })
    for (let turn = 0; turn < 8; turn++) await call(small, `/v1/charges?limit=${turn + 1}`)
    expect(small.journal.entries().map(({ params }) => params.limit)).toEqual(['6', '7', '8'])
    expect(small.journal.total).toBe(8)
    await small.close()
  })
})

describe('control path', () => {
  test('scripts faults, changes and the clock from another process', async () => {
    const added = await control(sandbox, 'POST', '/faults', {
      times: null,
      match: { path: '/v1/charges' },
      fault: { kind: 'status', status: 503 },
    })
    expect((await call(sandbox, '/v1/charges')).status).toBe(503)
    expect((await control(sandbox, 'GET', '/faults')).json.faults[0]).toMatchObject({ id: added.json.ids[0], seen: 1 })
    expect((await control(sandbox, 'DELETE', `/faults/${added.json.ids[0]}`)).json).toEqual({ removed: true })
    expect((await call(sandbox, '/v1/charges')).status).toBe(200)
    const made = await control(sandbox, 'POST', '/actions', { type: 'create', resource: 'subscriptions' })
    expect((await call(sandbox, '/v1/subscriptions?limit=1')).json.data[0].id).toBe(made.json.objects[0].id)
    expect((await control(sandbox, 'POST', '/clock', { advance: 60 })).json).toEqual({
      now: 1_780_000_060,
      frozen: true,
    })
    const settings = await control(sandbox, 'POST', '/settings', { latencyMs: 1, limits: { globalPerSecond: 100 } })
    expect(settings.json).toMatchObject({ latencyMs: 1, limits: { globalPerSecond: 100 } })
    const summary = await control(sandbox, 'GET', '/journal/summary?path=/v1/charges')
    expect(summary.json).toMatchObject({ count: 2, maxConcurrency: 1, secretsInQuery: 0 })
    expect((await control(sandbox, 'GET', '/journal?status=503')).json.entries).toHaveLength(1)
  })

  test('resets everything to the start', async () => {
    const before = (await call(sandbox, '/v1/charges?limit=100')).text
    await control(sandbox, 'POST', '/actions', [
      { type: 'create', resource: 'charges' },
      { type: 'advance_clock', seconds: 99 },
    ])
    sandbox.faults.add({ times: null, fault: { kind: 'status', status: 500 } })
    expect((await control(sandbox, 'POST', '/reset')).json).toEqual({ now: 1_780_000_000 })
    expect((await call(sandbox, '/v1/charges?limit=100')).text).toBe(before)
    expect((await control(sandbox, 'GET', '')).json).toMatchObject({
      now: 1_780_000_000,
      requests: 1,
      counts: { charges: 500, events: 0 },
    })
  })

  test('says what is wrong with a script', async () => {
    expect((await control(sandbox, 'POST', '/faults', { fault: { kind: 'x' } })).status).toBe(400)
    expect((await control(sandbox, 'POST', '/actions', { type: 'x' })).json.error.message).toContain('Unknown action')
    expect(
      (await control(sandbox, 'POST', '/actions', { type: 'delete', id: '$cursor' })).json.error.message,
    ).toContain('no cursor')
    expect((await control(sandbox, 'POST', '/nothing')).status).toBe(404)
  })
})
