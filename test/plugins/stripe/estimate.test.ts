import { expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import { FatalSourceError } from '../../../src/plugins/plugin.ts'
import { DEFAULT_API_VERSION } from '../../../src/plugins/stripe/client.ts'
import { COUNTING_API_VERSION } from '../../../src/plugins/stripe/estimate.ts'
import { estimateBySampling } from '../../../src/plugins/stripe/estimate-sampling.ts'
import type { SampledPage } from '../../../src/plugins/stripe/estimate-sampling.ts'
import { RESOURCE_PATHS } from '../../../src/plugins/stripe/resources.ts'
import type { StripeSandbox } from '../../../src/sandbox/stripe/sandbox.ts'
import { DISTRIBUTIONS } from '../../../src/sandbox/stripe/timeline.ts'
import { estimate, factorBetween, KEY, NOW, REQUESTS_PER_SECOND, startSandbox } from './estimate-sandbox.ts'

test.each(DISTRIBUTIONS)(
  '50,000 objects with a %s distribution are counted where Stripe counts',
  async (distribution) => {
    const sandbox = await startSandbox({ counts: { charges: 50_000 }, distribution })
    const { rows, exact, requests, seconds, calls } = await estimate(sandbox)
    expect({ rows, exact, calls }).toEqual({ rows: 50_000, exact: true, calls: 8 })
    expect(requests).toBeGreaterThan(500)
    expect(requests).toBeLessThan(560)
    expect(seconds).toBeGreaterThanOrEqual(requests / REQUESTS_PER_SECOND)
  },
)

test.each([
  ['uniform', 1.5],
  ['growing', 1.5],
  // A dozen pages see only a few of the bursts.
  ['bursty', 3],
] as const)(
  '50,000 objects with a %s distribution are estimated within a factor of %d where Stripe neither counts nor searches',
  async (distribution, factor) => {
    const sandbox = await startSandbox({ counts: { charges: 50_000 }, distribution })
    sandbox.behaviour.indiaAccount = true
    const { rows, exact, calls } = await estimate(sandbox, { countingVersion: DEFAULT_API_VERSION })
    expect(exact).toBe(false)
    expect(factorBetween(rows, 50_000)).toBeLessThan(factor)
    expect(calls).toBe(sandbox.journal.entries().length)
    expect(calls).toBeLessThanOrEqual(20)
  },
)

test('an account whose lists fit on a page is counted by reading them', async () => {
  const sandbox = await startSandbox({ counts: { charges: 60 } })
  const answer = await estimate(sandbox, { countingVersion: DEFAULT_API_VERSION })
  expect(answer).toMatchObject({ rows: 60, exact: true, requests: 2, calls: 7 })
})

test('the passes of prices are added up and the subscriptions that hold further ones cost requests', async () => {
  const sandbox = await startSandbox({ counts: { charges: 50, prices: 400, customers: 40, subscriptions: 250 } })
  const { rows, exact, requests, calls } = await estimate(sandbox, { resourcePath: 'prices' })
  const seen = await Promise.all(['true', 'false'].map((active) => countPrices(sandbox, active)))
  expect(rows).toBe((seen[0] ?? 0) + (seen[1] ?? 0))
  expect(rows).toBeGreaterThan(100)
  expect(exact).toBe(false)
  expect(requests).toBeGreaterThan(Math.ceil(rows / 100))
  expect(calls).toBeLessThanOrEqual(20)
})

async function countPrices(sandbox: StripeSandbox, active: string): Promise<number> {
  const answer = await fetch(`${sandbox.url}/v1/prices?active=${active}&expand[0]=total_count`, {
    headers: { Authorization: `Bearer ${KEY}`, 'Stripe-Version': COUNTING_API_VERSION },
  })
  const { total_count: count } = (await answer.json()) as JsonObject
  return Number(count)
}

test('a restricted key is told every permission that it lacks, by name', async () => {
  const sandbox = await startSandbox({ counts: { charges: 60 } })
  const answer = await estimate(sandbox, { key: 'rk_test_charges_only' })
  expect(answer.rows).toBe(60)
  expect(answer.permissions).toEqual([
    { resourcePath: 'charges', granted: true, missing: null },
    { resourcePath: 'subscriptions', granted: false, missing: 'rak_subscription_read' },
    { resourcePath: 'refunds', granted: false, missing: 'rak_refund_read' },
    { resourcePath: 'balance_transactions', granted: false, missing: 'rak_balance_transaction_read' },
    { resourcePath: 'customers', granted: false, missing: 'rak_customer_read' },
    { resourcePath: 'prices', granted: false, missing: 'rak_price_read' },
    { resourcePath: 'events', granted: false, missing: 'rak_event_read' },
  ])
})

test('a resource that is closed to the key has no rows and all permissions are told', async () => {
  const sandbox = await startSandbox({ counts: { charges: 60 } })
  const answer = await estimate(sandbox, { key: 'rk_test_charges_only', resourcePath: 'customers' })
  expect(answer).toMatchObject({ rows: 0, requests: 0, calls: 7 })
  expect(answer.permissions.map(({ resourcePath }) => resourcePath)).toEqual([...RESOURCE_PATHS, 'events'])
})

test('a refused key is a refused credential', async () => {
  const sandbox = await startSandbox({ counts: { charges: 60 } })
  const refusal = await estimate(sandbox, { key: 'sk_test_expired' }).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(FatalSourceError)
  expect(refusal).toMatchObject({ reason: 'credential', status: 401 })
})

/** Creation times as a list shows them. */
function listOf(times: readonly number[]) {
  const sorted = times.toSorted((one, other) => other - one)
  let calls = 0
  return {
    calls: () => calls,
    async read({ from, to }: { from: number | null; to: number | null }): Promise<SampledPage> {
      calls++
      const start = to === null ? 0 : sorted.findIndex((time) => time < to)
      if (start < 0) return { times: [], hasMore: false }
      const page = sorted.slice(start, start + 101).filter((time) => time >= (from ?? 0))
      return { times: page.slice(0, 100), hasMore: page.length > 100 }
    },
  }
}

const YEAR = 365 * 86_400
const SMOOTH: readonly [string, (share: number) => number][] = [
  ['even', (share) => share],
  ['linear growth', Math.sqrt],
  ['quadratic growth', Math.cbrt],
  ['exponential growth', (share) => Math.log1p(share * (Math.E ** 5 - 1)) / 5],
  ['decline', (share) => share ** 2],
]

test.each(SMOOTH)('thirteen pages of a list with %s tell its length within a factor of 1.5', async (_name, curve) => {
  for (const [count, years] of [
    [5_000, 1],
    [50_000, 3],
    [400_000, 6],
  ] as const) {
    const from = NOW - years * YEAR
    const list = listOf(
      Array.from({ length: count }, (_, i) => from + Math.floor(curve((i + 0.5) / count) * years * YEAR)),
    )
    const sampled = await estimateBySampling(list.read, { from: null, to: null }, () => 13 - list.calls())
    expect(factorBetween(sampled.count, count)).toBeLessThan(1.5)
    expect(list.calls()).toBeLessThanOrEqual(13)
  }
})

test('a list that lies in one second does not break the estimate', async () => {
  const list = listOf(Array.from({ length: 1000 }, () => NOW))
  const sampled = await estimateBySampling(list.read, { from: null, to: null }, () => 13 - list.calls())
  expect(sampled.count).toBeGreaterThanOrEqual(100)
  expect(sampled.exact).toBe(false)
})
