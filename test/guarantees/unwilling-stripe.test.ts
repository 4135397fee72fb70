import { afterEach, describe, expect, test } from '@jest/globals'
import type { Fault } from '../../src/sandbox/stripe/faults.ts'
import { RATE_LIMIT_REASONS } from '../../src/sandbox/stripe/limits.ts'
import {
  firstRun,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  runsOf,
  SANDBOX_KEY,
  statusOf,
} from '../support/stripe-host.ts'
import { createConnection, createFlow, retrigger, startQuickHost, type QuickHost } from './quick-host.ts'

const GIVE_UP_MS = 900_000

let host: QuickHost
afterEach(() => host.stop())

const COUNTS = { charges: 10, refunds: 1, customers: 60, prices: 60, subscriptions: 130, balance_transactions: 8 }

async function start(resourcePath = 'subscriptions', options: Parameters<typeof startQuickHost>[0] = {}) {
  host = await startQuickHost({ ...options, sandbox: { counts: COUNTS, ...options.sandbox } })
  return createFlow(host.api, await createConnection(host.api, SANDBOX_KEY), resourcePath)
}

const idsOf = (items: readonly { readonly id: string }[]) => items.map(({ id }) => id).toSorted()
/** What the account holds; no list shows what is on a test clock. */
const worldOf = (resource: Parameters<typeof host.sandbox.world.all>[0]) =>
  [...host.sandbox.world.all(resource)].filter(({ test_clock: clock = null }) => clock === null)
const worldIds = (resource: Parameters<typeof host.sandbox.world.all>[0]) => idsOf(worldOf(resource))
/** A subscription that is canceled cannot be changed any more. */
const livingIds = () => idsOf(worldOf('subscriptions').filter((subscription) => subscription.status !== 'canceled'))

const status = (code: number, more: Partial<Extract<Fault, { kind: 'status' }>> = {}): Fault => ({
  kind: 'status',
  status: code,
  ...more,
})

const FAULTS: readonly (readonly [string, Fault])[] = [
  ...RATE_LIMIT_REASONS.map((reason) => [`429 ${reason}`, status(429, { reason })] as const),
  ['429 lock_timeout', status(429)],
  ['429 that advises against a retry', status(429, { reason: 'endpoint-rate', shouldRetry: false })],
  ['429 with Retry-After', status(429, { reason: 'global-rate', shouldRetry: true, retryAfter: 40 })],
  ['400 that advises a retry', status(400, { shouldRetry: true })],
  ['409', status(409)],
  ['424', status(424)],
  ['500', status(500)],
  ['501', status(501)],
  ['502 with an HTML body', status(502)],
  ['503', status(503)],
  ['503 with an HTML body and Retry-After', status(503, { html: true, retryAfter: 40 })],
  ['504', status(504)],
  ['200 with a cut body', { kind: 'truncated' }],
  ['200 with a body that is no JSON', { kind: 'not-json' }],
  ['reset before the headers', { kind: 'reset' }],
  ['reset in the middle of the body', { kind: 'reset-mid-body' }],
  ['reset after the work was done', { kind: 'lost-answer' }],
]

/** Of lists, nested lists, the change feed and single objects, some requests meet the fault. */
const PLACES = ['/v1/subscriptions', '/v1/subscription_items', '/v1/events', '/v1/subscriptions/*'] as const

describe('nothing is lost and nothing doubled by', () => {
  test.each(FAULTS)('%s', async (_name, fault) => {
    const { flowId } = await start()
    await readThrough(flowId, fault, 2)
    expect(host.retries.every(({ waitMs }) => waitMs >= ('retryAfter' in fault ? 40_000 : 250))).toBe(true)
  })

  test.each([
    ['an answer that never comes', { kind: 'stall' }],
    ['an answer that stops in the middle', { kind: 'stall', after: 'body' }],
  ] as const)('%s', async (_name, fault) => {
    const { flowId } = await start('subscriptions', { timeoutMs: 700 })
    await readThrough(flowId, fault, 1)
  })

  test('idle connections that are cut', async () => {
    const { flowId } = await start()
    for (const path of PLACES) host.sandbox.faults.add({ match: { path }, times: null, fault: { kind: 'close-idle' } })
    await readAndFollow(flowId)
  })

  /** A first run and one that follows changes, both meeting the fault wherever they read. */
  async function readThrough(flowId: string, fault: Fault, times: number): Promise<void> {
    const { faults } = host.sandbox
    const rules = PLACES.map((path) => faults.add({ match: { path }, after: path.endsWith('s') ? 1 : 0, times, fault }))
    await readAndFollow(flowId)
    const met = faults.list().filter(({ id, seen, after = 0 }) => rules.includes(id) && seen > after + times)
    expect(met).toHaveLength(PLACES.length)
    // Requests that are sent side by side for one page are asked again together, those of nested lists by themselves.
    expect(host.retries.length).toBeGreaterThanOrEqual(PLACES.length - 1)
  }

  async function readAndFollow(flowId: string): Promise<void> {
    const { sandbox, api } = host
    const first = await firstRun(api, flowId)
    expect(statusOf(first)).toBe('success')
    const delivered = await recordsOfRun(api, first.id)
    expect(idsOf(delivered)).toEqual(worldIds('subscriptions'))
    expect(itemCounts(delivered.map(({ record }) => record.data))).toEqual(itemCounts(worldOf('subscriptions')))

    const changed = livingIds().filter((_, index) => index % 20 === 0)
    for (const id of changed) sandbox.apply({ type: 'update', id, params: { metadata: { seen: 'yes' } } })
    const second = await runNow(api, flowId)
    expect(statusOf(second)).toBe('success')
    const followed = await recordsOfRun(api, second.id)
    expect(idsOf(followed)).toEqual(changed)
    for (const { record } of followed) expect(record.data.metadata).toMatchObject({ seen: 'yes' })
  }

  function itemCounts(subscriptions: readonly Record<string, unknown>[]) {
    const counts = subscriptions.map(({ id, items }) => [id, (items as { data: unknown[] }).data.length] as const)
    return new Map(counts.toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1)))
  }
})

describe('an unwilling Stripe is asked again', () => {
  test('after longer and longer pauses, of which a part is left to chance', async () => {
    const { flowId } = await start('customers')
    host.sandbox.faults.add({ match: { path: '/v1/customers' }, times: 9, fault: status(500) })
    expect(statusOf(await firstRun(host.api, flowId))).toBe('success')
    expect(host.retries.map(({ tries }) => tries)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    const parts = host.retries.map(({ tries, waitMs }) => waitMs / Math.min(30_000, 500 * 2 ** (tries - 1)))
    for (const part of parts) {
      expect(part).toBeGreaterThanOrEqual(0.5)
      expect(part).toBeLessThanOrEqual(1)
    }
    expect(new Set(parts).size).toBeGreaterThan(1)
  })

  test('until a minute of 503 everywhere is over', async () => {
    const { flowId } = await start('subscriptions')
    const begun = host.clock.now()
    host.sandbox.faults.add({ match: { path: '/v1/*' }, after: 3, seconds: 60, fault: status(503) })
    const run = await firstRun(host.api, flowId)
    expect(statusOf(run)).toBe('success')
    expect(host.clock.now() - begun).toBeGreaterThanOrEqual(60_000)
    expect(idsOf(await recordsOfRun(host.api, run.id))).toEqual(worldIds('subscriptions'))
  })

  test('also while one request in ten fails, however many requests a page takes', async () => {
    const { flowId } = await start('subscriptions')
    host.sandbox.faults.add({ match: { path: '/v1/*' }, times: null, percent: 10, fault: status(503) })
    const run = await firstRun(host.api, flowId)
    expect(statusOf(run)).toBe('success')
    expect(idsOf(await recordsOfRun(host.api, run.id))).toEqual(worldIds('subscriptions'))
  })

  test('not at all when it advises against it, and a re-trigger goes on from there', async () => {
    const { flowId } = await start('subscriptions')
    host.sandbox.faults.add({
      match: { path: '/v1/subscriptions', params: { starting_after: '*' } },
      fault: status(500, { shouldRetry: false, message: 'Do not try again.' }),
    })
    const run = await firstRun(host.api, flowId)
    expect(run.metrics.statusSummary).toMatchObject({ status: 'failed', errors: [{ code: 'CONNECTOR-1001-500' }, {}] })
    expect(run.metrics.statusSummary.errors[0].message).toContain('Do not try again.')
    expect(host.retries).toEqual([])
    expect(statusOf(await retrigger(host.api, run.id))).toBe('success')
    expect(idsOf(await recordsOfRun(host.api, run.id))).toEqual(worldIds('subscriptions'))
  })
})

describe('a run fails only after 15 minutes without progress', () => {
  test.each([
    ['the next page of a list', { path: '/v1/charges', params: { starting_after: '*' } }, 'charges'],
    ['a nested list', { path: '/v1/subscription_items' }, 'subscriptions'],
    ['the change feed', { path: '/v1/events' }, 'charges'],
  ] as const)('of %s, and goes on from there when it is triggered again', async (_name, match, resourcePath) => {
    const { flowId, dataSetId } = await start(resourcePath, { sandbox: { counts: { ...COUNTS, charges: 450 } } })
    const { journal, faults } = host.sandbox
    faults.add({ match, times: null, fault: status(503) })
    const failed = await firstRun(host.api, flowId)
    expectGivenUp(failed)
    const kept = await recordsOfRun(host.api, failed.id)
    const path = `/v1/${resourcePath}`
    const pagesKept = new Set(kept.length === 0 ? [] : pagesAnswered(path))

    faults.clear()
    journal.clear()
    const run = await retrigger(host.api, failed.id)
    expect(run.id).toBe(failed.id)
    expect(statusOf(run)).toBe('success')
    expect(await runsOf(host.api, flowId)).toHaveLength(1)
    expect(idsOf(await recordsOfRun(host.api, run.id))).toEqual(worldIds(resourcePath))
    expect((await recordsOfRun(host.api, run.id)).slice(0, kept.length)).toEqual(kept)
    expect(idsOf(await recordsOfDataSet(host.api, dataSetId))).toEqual(worldIds(resourcePath))
    expect(pagesAnswered(path).filter((page) => pagesKept.has(page))).toEqual([])
  })

  test('of single objects, and the changes are not lost', async () => {
    const { flowId } = await start('subscriptions')
    await firstRun(host.api, flowId)
    const [changed = ''] = livingIds()
    host.sandbox.apply({ type: 'update', id: changed, params: { metadata: { seen: 'yes' } } })
    host.sandbox.faults.add({ match: { path: '/v1/subscriptions/*' }, times: null, fault: status(504) })
    const failed = await runNow(host.api, flowId)
    expectGivenUp(failed)
    host.sandbox.faults.clear()
    expect(statusOf(await retrigger(host.api, failed.id))).toBe('success')
    expect(idsOf(await recordsOfRun(host.api, failed.id))).toEqual([changed])
  })

  test('of one list while others are read: they are read to their end before', async () => {
    const { flowId } = await start('prices', { sandbox: { counts: { ...COUNTS, prices: 900 }, latencyMs: 5 } })
    host.sandbox.faults.add({ match: { path: '/v1/subscriptions' }, times: null, fault: status(503) })
    const failed = await firstRun(host.api, flowId)
    expectGivenUp(failed)
    const kept = await recordsOfRun(host.api, failed.id)
    const lastRead = Math.max(...kept.map(({ observedAt }) => observedAt))
    // Each reading gets a millisecond of its own, so the last ones are dated a little ahead.
    expect(failed.metrics.durationSummary.completedAtUTC - lastRead).toBeGreaterThan(GIVE_UP_MS - 1000)

    host.sandbox.faults.clear()
    host.sandbox.journal.clear()
    expect(statusOf(await retrigger(host.api, failed.id))).toBe('success')
    expect(host.sandbox.journal.paths()['/v1/prices']).toBeUndefined()
    const all = await recordsOfRun(host.api, failed.id)
    expect(all.slice(0, kept.length)).toEqual(kept)
    const undisturbed = await createFlow(host.api, await createConnection(host.api, SANDBOX_KEY), 'prices')
    const { id } = await firstRun(host.api, undisturbed.flowId)
    expect(idsOf(all)).toEqual(idsOf(await recordsOfRun(host.api, id)))
  })

  const pagesAnswered = (path: string) =>
    host.sandbox.journal.entries({ path, status: 200 }).map(({ params }) => JSON.stringify(params))

  /** It has waited long enough, and the last answer says why. */
  function expectGivenUp({ metrics: { statusSummary, durationSummary } }: Awaited<ReturnType<typeof firstRun>>): void {
    expect(statusSummary.status).toBe('failed')
    expect(statusSummary.errors[0]?.message).toMatch(/No progress for 900 s\. Stripe answered 50[34]/)
    const { startedAtUTC, completedAtUTC } = durationSummary
    expect(completedAtUTC - startedAtUTC).toBeGreaterThanOrEqual(GIVE_UP_MS)
  }
})
