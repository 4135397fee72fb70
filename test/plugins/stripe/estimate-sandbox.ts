import { afterEach } from '@jest/globals'
import type { SourceEstimate } from '../../../src/plugins/plugin.ts'
import { createAccountBudgets } from '../../../src/plugins/stripe/budget.ts'
import { createStripeClient, DEFAULT_API_VERSION } from '../../../src/plugins/stripe/client.ts'
import { COUNTING_API_VERSION, createStripeEstimator } from '../../../src/plugins/stripe/estimate.ts'
import { createStripeSandbox } from '../../../src/sandbox/stripe/sandbox.ts'
import type { StripeSandbox, StripeSandboxOptions } from '../../../src/sandbox/stripe/sandbox.ts'

export const KEY = 'sk_test_sandbox'
export const REQUESTS_PER_SECOND = 20
export const NOW = 1_790_000_000

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

/** A sandbox that is closed after the test. */
export async function startSandbox(options: StripeSandboxOptions): Promise<StripeSandbox> {
  const sandbox = await createStripeSandbox({ now: NOW, ...options })
  cleanups.push(() => sandbox.close())
  return sandbox
}

export interface EstimateOptions {
  readonly resourcePath?: string
  readonly key?: string
  /** The version in which to ask for counts. */
  readonly countingVersion?: string
}

/** What the Stripe source estimates of a sandbox. */
export function estimate(sandbox: StripeSandbox, options: EstimateOptions = {}): Promise<SourceEstimate> {
  const { resourcePath = 'charges', key = KEY, countingVersion = COUNTING_API_VERSION } = options
  const budget = createAccountBudgets({ share: 1, rateGlobal: 1000, rateEndpoint: 1000 }).of(key)
  const client = createStripeClient({ apiBase: sandbox.url, key, apiVersion: DEFAULT_API_VERSION, budget })
  const counting = createStripeClient({ apiBase: sandbox.url, key, apiVersion: countingVersion, budget })
  const searching = createStripeClient({ apiBase: sandbox.url, key, apiVersion: DEFAULT_API_VERSION, budget })
  const make = createStripeEstimator({
    client,
    countingClient: counting,
    searchClient: searching,
    key,
    requestsPerSecond: REQUESTS_PER_SECOND,
  })
  const signal = AbortSignal.timeout(30_000)
  return make({ resourcePath, window: { from: null, to: null }, signal })
}

/** 1 or more. */
export function factorBetween(estimated: number, actual: number): number {
  return Math.max(estimated, actual) / Math.min(estimated, actual)
}
