import { expect, test } from '@jest/globals'
import { FatalSourceError } from '../../../src/plugins/plugin.ts'
import { DEFAULT_API_VERSION } from '../../../src/plugins/stripe/client.ts'
import type { Fault, FaultRule, StripeSandbox } from '../../../src/sandbox/index.ts'
import { DISTRIBUTIONS } from '../../../src/sandbox/stripe/timeline.ts'
import { estimate, factorBetween, startSandbox } from './estimate-sandbox.ts'

const SEARCH = '/v1/charges/search'
/** For the permissions, and the one that is refused because lists are not counted. */
const FIRST_CALLS = 8
const MOST_CALLS = 20
/** Lists are not counted in it, as for all newer accounts. */
const UNCOUNTED = { countingVersion: DEFAULT_API_VERSION }

function searches(sandbox: StripeSandbox): number {
  return sandbox.journal.entries().filter(({ path }) => path.endsWith('/search')).length
}

function failSearches(sandbox: StripeSandbox, fault: Fault, rule: Partial<FaultRule> = {}): void {
  sandbox.faults.add({ times: null, ...rule, match: { path: SEARCH }, fault })
}

test.each(DISTRIBUTIONS.flatMap((distribution) => [1, 2, 3].map((seed) => [distribution, seed] as const)))(
  '50,000 charges with a %s distribution are estimated within a factor of 1.5 by what Search counts, seed %d',
  async (distribution, seed) => {
    const sandbox = await startSandbox({ counts: { charges: 50_000 }, distribution, seed })
    const { rows, exact, calls } = await estimate(sandbox, UNCOUNTED)
    expect(factorBetween(rows, 50_000)).toBeLessThan(1.5)
    expect(exact).toBe(false)
    expect(calls).toBe(sandbox.journal.entries().length)
    expect(calls).toBeLessThanOrEqual(MOST_CALLS)
  },
)

test.each([
  ['charges', { charges: 9_000 }, 9_000],
  ['customers', { customers: 4_000 }, 4_000],
  ['subscriptions', { subscriptions: 3_000 }, 3_000],
] as const)('fewer than 10,000 %s take one search', async (resourcePath, counts, most) => {
  const sandbox = await startSandbox({ counts: { charges: 50, ...counts } })
  const { rows, exact, calls } = await estimate(sandbox, { ...UNCOUNTED, resourcePath })
  // Deleted customers are neither listed nor found.
  expect(rows).toBeLessThanOrEqual(most)
  expect(rows).toBeGreaterThan(most * 0.9)
  expect({ exact, calls }).toEqual({ exact: false, calls: FIRST_CALLS + 1 })
})

test('a search is not asked where Stripe counts the list', async () => {
  const sandbox = await startSandbox({ counts: { charges: 9_000 } })
  expect(await estimate(sandbox)).toMatchObject({ rows: 9_000, exact: true, calls: FIRST_CALLS })
  expect(searches(sandbox)).toBe(0)
})

test.each(['refunds', 'balance_transactions'])('%s, which nobody can search, are sampled', async (resourcePath) => {
  const counts = { charges: 50, refunds: 5_000, balance_transactions: 5_000 }
  const sandbox = await startSandbox({ counts, distribution: 'uniform' })
  const { rows, calls } = await estimate(sandbox, { ...UNCOUNTED, resourcePath })
  expect(factorBetween(rows, 5_000)).toBeLessThan(1.5)
  expect(calls).toBeLessThanOrEqual(MOST_CALLS)
  expect(searches(sandbox)).toBe(0)
})

test('of prices only the subscriptions that hold some are counted by a search', async () => {
  const sandbox = await startSandbox({ counts: { charges: 50, prices: 400, customers: 40, subscriptions: 2_500 } })
  const { requests, calls } = await estimate(sandbox, { ...UNCOUNTED, resourcePath: 'prices' })
  expect(sandbox.journal.entries({ path: '/v1/prices/search' })).toEqual([])
  expect(sandbox.journal.entries({ path: '/v1/subscriptions/search' })).toHaveLength(1)
  expect(requests).toBeGreaterThan(25)
  expect(calls).toBeLessThanOrEqual(MOST_CALLS)
})

const REFUSALS: readonly [string, Fault][] = [
  ['is forbidden to the key', { kind: 'status', status: 403, message: 'The key lacks rak_charge_read.' }],
  ['is refused', { kind: 'status', status: 400 }],
  ['is unknown', { kind: 'status', status: 404 }],
  ['does not count', { kind: 'not-json', body: answerOf({}) }],
  ['finds fewer than the list shows', { kind: 'not-json', body: answerOf({ total_count: 0 }) }],
]

test.each(REFUSALS)('a search that %s costs one call, and the list is sampled', async (_name, fault) => {
  const sandbox = await startSandbox({ counts: { charges: 50_000 }, distribution: 'uniform' })
  failSearches(sandbox, fault)
  const { rows, exact, calls, permissions } = await estimate(sandbox, UNCOUNTED)
  expect(factorBetween(rows, 50_000)).toBeLessThan(1.5)
  expect(exact).toBe(false)
  expect(searches(sandbox)).toBe(1)
  expect(calls).toBeLessThanOrEqual(MOST_CALLS)
  expect(permissions).toContainEqual({ resourcePath: 'charges', granted: true, missing: null })
})

test('an account in India, which cannot search, has its list sampled', async () => {
  const sandbox = await startSandbox({ counts: { charges: 50_000 }, distribution: 'growing' })
  sandbox.behaviour.indiaAccount = true
  const { rows, calls } = await estimate(sandbox, UNCOUNTED)
  expect(factorBetween(rows, 50_000)).toBeLessThan(1.5)
  expect(searches(sandbox)).toBe(1)
  expect(calls).toBeLessThanOrEqual(MOST_CALLS)
})

test('a search that is refused after a first count leaves at least what it counted', async () => {
  const sandbox = await startSandbox({ counts: { charges: 12_000 }, distribution: 'bursty' })
  failSearches(sandbox, { kind: 'status', status: 400 }, { after: 1 })
  const { rows, calls } = await estimate(sandbox, UNCOUNTED)
  expect(rows).toBeGreaterThanOrEqual(10_000)
  expect(searches(sandbox)).toBe(2)
  expect(calls).toBeLessThanOrEqual(MOST_CALLS)
})

test('a search that fails for a moment is asked again', async () => {
  const sandbox = await startSandbox({ counts: { charges: 9_000 } })
  failSearches(sandbox, { kind: 'status', status: 429, reason: 'endpoint-rate' }, { times: 1 })
  expect(await estimate(sandbox, UNCOUNTED)).toMatchObject({ rows: 9_000, calls: FIRST_CALLS + 2 })
})

test('a search that goes on failing does not fail the estimate', async () => {
  const sandbox = await startSandbox({ counts: { charges: 50_000 }, distribution: 'uniform' })
  failSearches(sandbox, { kind: 'status', status: 503 })
  const { rows, calls } = await estimate(sandbox, UNCOUNTED)
  expect(factorBetween(rows, 50_000)).toBeLessThan(1.5)
  expect(calls).toBeLessThanOrEqual(MOST_CALLS)
})

test('a key that expires before the search is a refused credential', async () => {
  const sandbox = await startSandbox({ counts: { charges: 9_000 } })
  failSearches(sandbox, { kind: 'status', status: 401 })
  const refusal = await estimate(sandbox, UNCOUNTED).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(FatalSourceError)
  expect(refusal).toMatchObject({ reason: 'credential', status: 401 })
})

function answerOf(members: Readonly<Record<string, number>>): string {
  return JSON.stringify({
    object: 'search_result',
    url: SEARCH,
    has_more: false,
    next_page: null,
    data: [],
    ...members,
  })
}
