import type { EstimateRequest, SourceEstimate } from '../plugin.ts'
import type { StripeClient, StripeSearchResult } from './client.ts'
import { CHANGE_FEED, EstimateCalls } from './estimate-calls.ts'
import { STRIPE_RESOURCES } from './resources.ts'
import { COUNTED_EXACTLY } from './search-counter.ts'
import { queryWithin } from './search-page.ts'
import type { StripeSearch } from './search-params.ts'

export interface SearchEstimatorOptions {
  readonly client: Pick<StripeClient, 'list' | 'search'>
  readonly search: StripeSearch
  /** What the client authenticates with; kept out of every message. */
  readonly key: string
  /** What the account's budget allows for searches. */
  readonly requestsPerSecond: number
  /** Milliseconds from any start. @defaultValue the process's monotonic clock */
  readonly now?: () => number
}

const PAGE_SIZE = 100

/**
 * Makes the estimate of a first run that searches. Stripe tells how many objects it finds, so it takes one call besides
 * those for the permissions; what changed in the last hour, which a run reads by id, is not in it but for the call that
 * asks. Throws source errors only, and the reason of an aborted signal.
 */
export function createSearchEstimator(
  options: SearchEstimatorOptions,
): (request: EstimateRequest) => Promise<SourceEstimate> {
  return async ({ window, signal }) => {
    const { search, client, requestsPerSecond } = options
    const { permission } = STRIPE_RESOURCES[search.resourcePath]
    const calls = new EstimateCalls({ ...options, signal })
    let found: StripeSearchResult | undefined
    const permissions = await calls.permissions(search.resourcePath, async () => {
      const parameters = { query: queryWithin(search, window), limit: String(PAGE_SIZE), expand: ['total_count'] }
      found = await calls.send(permission, () => client.search(search.path, parameters, signal))
    })
    if (found === undefined) return { permissions, rows: 0, exact: true, requests: 0, seconds: 0, calls: calls.count }

    const rows = found.totalCount ?? found.data.length
    const readsChanges = permissions.some(({ resourcePath, granted }) => resourcePath === CHANGE_FEED && granted)
    const requests = Math.max(1, Math.ceil(rows / PAGE_SIZE)) + (readsChanges ? 1 : 0)
    return {
      permissions,
      rows,
      exact: found.totalCount === null ? found.nextPage === null : rows < COUNTED_EXACTLY,
      requests,
      seconds: Math.max(requests / requestsPerSecond, requests * calls.meanSeconds),
      calls: calls.count,
    }
  }
}
