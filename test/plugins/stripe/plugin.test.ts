import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createStripePlugin } from '../../../src/plugins/stripe/plugin.ts'
import { RESOURCE_PATHS } from '../../../src/plugins/stripe/resources.ts'
import { silentLogger } from '../../../src/logger.ts'
import { createStripeSandbox } from '../../../src/sandbox/index.ts'
import type { StripeSandbox } from '../../../src/sandbox/index.ts'
import { NOW, openStripe, readPage, UNLIMITED } from './open-stripe.ts'

let sandbox: StripeSandbox

beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 20 } })
})
afterEach(() => sandbox.close())

const signal = () => AbortSignal.timeout(10_000)

describe('what the host is told of the resources', () => {
  const { resources } = createStripePlugin({ apiBase: 'http://127.0.0.1:1' })
  const told = (resourcePath: string) => resources.find((resource) => resource.resourcePath === resourcePath)

  test('there are six, in the order of the spec', () => {
    expect(resources.map(({ resourcePath }) => resourcePath)).toEqual([...RESOURCE_PATHS])
  })

  test.each([
    ['charges', ['all']],
    ['subscriptions', ['all']],
    ['refunds', ['all']],
    ['balance_transactions', ['all']],
    ['customers', ['all']],
    ['prices', ['active', 'inactive', 'embedded']],
  ] as const)('%s has the passes %j', (resourcePath, passes) => {
    expect(told(resourcePath)?.passes).toEqual(passes)
    expect(told(resourcePath)?.divisible).toBe(true)
  })

  test('only the embedded pass of prices may be refused', () => {
    const optional = resources.flatMap(({ resourcePath, optionalPasses = [] }) =>
      optionalPasses.map((pass) => [resourcePath, pass]),
    )
    expect(optional).toEqual([['prices', 'embedded']])
  })

  test('all but balance transactions have a change feed of 30 days', () => {
    for (const { resourcePath, changeFeed } of resources) {
      const expected = { horizonSeconds: 2_592_000, overlapSeconds: 300 }
      expect([resourcePath, changeFeed]).toEqual([
        resourcePath,
        resourcePath === 'balance_transactions' ? undefined : expected,
      ])
    }
  })
})

describe('check', () => {
  test('is one small request when the first resource is open', async () => {
    await openStripe(sandbox).check(signal())
    expect(sandbox.journal.entries().map(({ path, params }) => [path, params])).toEqual([
      ['/v1/charges', { limit: '1' }],
    ])
  })

  test('goes on to the next resource until one is open', async () => {
    sandbox.keys.add({ key: 'rk_test_refunds', permissions: { refund: 'read' } })
    await openStripe(sandbox, { key: 'rk_test_refunds' }).check(signal())
    expect(Object.keys(sandbox.journal.paths())).toEqual(['/v1/charges', '/v1/subscriptions', '/v1/refunds'])
  })

  test('names the first missing permission when all are closed', async () => {
    sandbox.keys.add({ key: 'rk_test_closed', permissions: {} })
    const work = openStripe(sandbox, { key: 'rk_test_closed' }).check(signal())
    await expect(work).rejects.toThrow('rak_charge_read')
  })

  test('stops at a key that Stripe does not know', async () => {
    const work = openStripe(sandbox, { key: 'sk_test_unknown' }).check(signal())
    await expect(work).rejects.toMatchObject({ reason: 'credential' })
    expect(sandbox.journal.total).toBe(1)
  })
})

describe('a source', () => {
  test('asks for the API version of its parameters and tells it', async () => {
    const source = openStripe(sandbox, { params: { apiVersion: '2024-06-20' } })
    await readPage(source, 'charges', 'all')
    expect(source.apiVersion).toBe('2024-06-20')
    expect(sandbox.journal.entries()[0]?.version).toBe('2024-06-20')
  })

  test('tells its observer of every request and of every limit that it hit', async () => {
    const seen: string[] = []
    const observer = { requestSent: () => seen.push('sent'), rateLimited: (reason: string) => seen.push(reason) }
    const source = openStripe(sandbox, { context: { observer } })
    await readPage(source, 'charges', 'all')
    sandbox.faults.add({ fault: { kind: 'status', status: 429, reason: 'endpoint-rate' } })
    await expect(readPage(source, 'charges', 'all')).rejects.toMatchObject({ reason: 'rate' })
    expect(seen).toEqual(['sent', 'sent', 'endpoint-rate'])
  })

  test('makes use of no more requests at once than the budget lets go', () => {
    expect(openStripe(sandbox, { plugin: { concurrency: 1 } }).parallelism?.()).toBe(1)
  })

  test('refuses a resource path that Stripe does not have, whatever is asked', async () => {
    const source = openStripe(sandbox)
    const refusal = { reason: 'request', message: 'Stripe has no resource path payouts.' }
    const shared = { resourcePath: 'payouts', window: { from: null, to: null }, cursor: null, limit: 1 }
    await expect(source.readPage({ ...shared, pass: 'all', signal: signal() })).rejects.toMatchObject(refusal)
    await expect(source.readChanges?.({ ...shared, signal: signal() })).rejects.toMatchObject(refusal)
    await expect(source.readObject?.({ ...shared, id: 'po_1', signal: signal() })).rejects.toMatchObject(refusal)
    expect(sandbox.journal.total).toBe(0)
  })

  test('stops with the reason of the signal', async () => {
    sandbox.faults.add({ fault: { kind: 'stall' } })
    const abort = new AbortController()
    const reading = openStripe(sandbox).readPage({
      ...{ resourcePath: 'charges', pass: 'all', window: { from: null, to: null }, cursor: null, limit: 1 },
      signal: abort.signal,
    })
    const reason = new Error('stopped')
    abort.abort(reason)
    await expect(reading).rejects.toBe(reason)
  })
})

describe('the budget of an account', () => {
  test('is one for all connections of the plugin that have its key', async () => {
    const plugin = createStripePlugin({ apiBase: sandbox.url, ...UNLIMITED, concurrency: 1 })
    const open = (accessToken: string) => plugin.connect({ accessToken }, {}, { logger: silentLogger })
    sandbox.latency = { latencyMs: 30, latencyTailPercent: 0, latencyTailMs: 0 }
    await Promise.all([1, 2, 3].map(() => readPage(open('sk_test_sandbox'), 'charges', 'all')))
    expect(sandbox.journal.maxConcurrency()).toBe(1)
    sandbox.journal.clear()
    await Promise.all(['sk_test_sandbox', 'rk_test_sandbox'].map((key) => readPage(open(key), 'charges', 'all')))
    expect(sandbox.journal.maxConcurrency()).toBe(2)
  })
})
