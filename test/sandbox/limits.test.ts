import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JournalEntry, StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { Journal } from '../../src/sandbox/stripe/journal.ts'
import { Limiter } from '../../src/sandbox/stripe/limits.ts'
import { call, control } from './client.ts'

let sandbox: StripeSandbox
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: 1_780_000_000, counts: { charges: 50 } })
})
afterEach(() => sandbox.close())

const statuses = async (count: number, path = '/v1/charges') => {
  const seen: number[] = []
  for (let turn = 0; turn < count; turn++) seen.push((await call(sandbox, path)).status)
  return seen
}

describe('faults that last', () => {
  test('an outage goes on for so many seconds of the sandbox clock, however many requests come', async () => {
    sandbox.faults.add({ after: 1, seconds: 60, fault: { kind: 'status', status: 503 } })
    expect(await statuses(1)).toEqual([200])
    sandbox.clock.advance(100)
    expect(await statuses(4)).toEqual([503, 503, 503, 503])
    sandbox.clock.advance(59)
    expect(await statuses(2)).toEqual([503, 503])
    sandbox.clock.advance(1)
    expect(await statuses(2)).toEqual([200, 200])
  })

  test('a share of the requests meets a fault, always the same ones', async () => {
    const run = async () => {
      sandbox.faults.add({ times: null, percent: 30, fault: { kind: 'status', status: 429 } })
      return statuses(60)
    }
    const first = await run()
    const met = first.filter((status) => status === 429).length
    expect(met).toBeGreaterThan(5)
    expect(met).toBeLessThan(35)
    sandbox.reset()
    expect(await run()).toEqual(first)
  })

  test('a duration or share that makes no sense is refused', () => {
    const fault = { kind: 'reset' } as const
    expect(() => sandbox.faults.add({ seconds: 0, fault })).toThrow('seconds')
    expect(() => sandbox.faults.add({ percent: 101, fault })).toThrow('percent')
    expect(sandbox.faults.list()).toEqual([])
  })

  test('a rule can count only the requests that carry a parameter, whatever its value', async () => {
    const [first] = (await call(sandbox, '/v1/charges')).json.data
    sandbox.faults.add({
      match: { path: '/v1/charges', params: { starting_after: '*' } },
      fault: { kind: 'status', status: 504 },
    })
    expect(await statuses(1)).toEqual([200])
    expect(await statuses(1, `/v1/charges?starting_after=${first.id}`)).toEqual([504])
  })
})

describe('limiters', () => {
  test('a refusal carries advice only when told so', async () => {
    sandbox.limiter.limits = { globalPerSecond: 1, algorithm: 'window' }
    await call(sandbox, '/v1/charges')
    const silent = await call(sandbox, '/v1/charges')
    expect(silent.status).toBe(429)
    expect([silent.headers.get('stripe-should-retry'), silent.headers.get('retry-after')]).toEqual([null, null])
    sandbox.limiter.limits = { globalPerSecond: 0, algorithm: 'window', shouldRetry: true, retryAfterSeconds: 2 }
    const advised = await call(sandbox, '/v1/charges')
    expect([advised.headers.get('stripe-should-retry'), advised.headers.get('retry-after')]).toEqual(['true', '2'])
    expect(advised.headers.get('stripe-rate-limited-reason')).toBe('global-rate')
  })

  test('a bucket lets two bursts pass within a second that a window would have refused', () => {
    const admitted = (algorithm: 'bucket' | 'window') => {
      let now = 0
      const limiter = new Limiter({ globalPerSecond: 10, algorithm }, () => now)
      let passed = 0
      for (const moment of [0, 900]) {
        now = moment
        for (let turn = 0; turn < 15; turn++) {
          try {
            limiter.enter('test', 'GET /v1/charges')()
            passed++
          } catch {
            // Refused: not counted.
          }
        }
      }
      return passed
    }
    expect(admitted('bucket')).toBe(19)
    expect(admitted('window')).toBe(10)
  })

  test('an operation has a concurrency of its own', async () => {
    sandbox.latency = { latencyMs: 80, latencyTailMs: 0, latencyTailPercent: 0 }
    sandbox.limiter.limits = { endpointConcurrency: 1 }
    const paths = ['/v1/charges', '/v1/charges', '/v1/customers']
    const answers = await Promise.all(paths.map((path) => call(sandbox, path)))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 200, 429])
    expect(sandbox.journal.summary().rateLimited).toEqual({ 'endpoint-concurrency': 1 })
  })
})

describe('summary of the journal', () => {
  const entry = (path: string, startedAt: number, finishedAt: number, status = 200, reason?: string): JournalEntry => ({
    requestId: 'req_1',
    method: 'GET',
    path,
    params: {},
    version: undefined,
    keyFingerprint: undefined,
    secretInQuery: false,
    status,
    startedAt,
    finishedAt,
    rateLimitedReason: reason,
    fault: undefined,
  })

  test('finds the busiest second wherever it starts, and counts by path, operation, status and reason', () => {
    const journal = new Journal(100)
    for (const each of [
      entry('/v1/charges', 0, 400),
      entry('/v1/charges', 900, 1000),
      entry('/v1/charges/ch_1', 950, 1200),
      entry('/v1/charges/ch_2', 1050, 1100, 429, 'endpoint-rate'),
      entry('/v1/charges', 1899, 2000, 429),
      entry('/v1/charges', 1900, 2100, 500),
    ]) {
      journal.add(each)
    }
    const summary = journal.summary()
    // 900 to 1899 lie within one second; 1900 is a whole second after 900.
    expect(summary).toMatchObject({
      count: 6,
      maxPerSecond: 4,
      maxAdmittedPerSecond: 3,
      maxConcurrency: 2,
      spanMs: 2100,
    })
    expect(summary.statuses).toEqual({ 200: 3, 429: 2, 500: 1 })
    expect(summary.rateLimited).toEqual({ 'endpoint-rate': 1, lock_timeout: 1 })
    expect(summary.byPath['/v1/charges']).toEqual({
      count: 4,
      statuses: { 200: 2, 429: 1, 500: 1 },
      maxPerSecond: 2,
      maxConcurrency: 2,
    })
    expect(summary.byEndpoint['GET /v1/charges/:id']).toMatchObject({ count: 2, maxPerSecond: 2, maxConcurrency: 2 })
    expect(journal.summary({ status: 429 }).count).toBe(2)
    expect(new Journal(1).summary()).toMatchObject({ count: 0, maxPerSecond: 0, spanMs: 0, byPath: {} })
  })

  test('comes over the control path too', async () => {
    await statuses(2)
    sandbox.faults.add({ fault: { kind: 'status', status: 429, reason: 'resource-specific' } })
    await statuses(1, '/v1/customers')
    const { json } = await control(sandbox, 'GET', '/journal/summary')
    expect(json).toMatchObject({
      count: 3,
      statuses: { 200: 2, 429: 1 },
      rateLimited: { 'resource-specific': 1 },
      byEndpoint: { 'GET /v1/charges': { count: 2 }, 'GET /v1/customers': { statuses: { 429: 1 } } },
      paths: { '/v1/charges': 2, '/v1/customers': 1 },
    })
    expect((await control(sandbox, 'GET', '/journal/summary?path=/v1/charges')).json.count).toBe(2)
  })
})
