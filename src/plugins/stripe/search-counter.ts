import { FatalSourceError } from '../plugin.ts'
import type { StripeClient } from './client.ts'
import type { EstimateCalls } from './estimate-calls.ts'
import { STRIPE_RESOURCES, type ResourcePath } from './resources.ts'
import { isSearchable } from './search-params.ts'

/** A range of creation in Unix seconds, without its end. */
export interface CreatedRange {
  readonly from: number
  readonly to: number
}

export interface SearchCounterOptions {
  readonly client: Pick<StripeClient, 'search'>
  readonly calls: EstimateCalls
  readonly resourcePath: ResourcePath
  readonly signal: AbortSignal
}

/** A search counts no further than this: it stands for as many or more. */
export const COUNTED_EXACTLY = 10_000

/** Asks Stripe's Search how many objects of one resource were created in a range. */
export class SearchCounter {
  readonly #options: SearchCounterOptions
  readonly #path: string
  #most = 0

  private constructor(options: SearchCounterOptions, path: string) {
    this.#options = options
    this.#path = path
  }

  /** Null for a resource that cannot be searched by creation. */
  static of(options: SearchCounterOptions): SearchCounter | null {
    const { resourcePath } = options
    const { searchPath } = STRIPE_RESOURCES[resourcePath]
    const canCount = searchPath !== null && isSearchable(queryOf({ from: 0, to: 1 }), resourcePath)
    return canCount ? new SearchCounter(options, searchPath) : null
  }

  /** The largest count so far: the resource holds as many at least. */
  get most(): number {
    return this.#most
  }

  /**
   * At most `COUNTED_EXACTLY`. Throws source errors only, a `FatalSourceError` also when Stripe answers without a count, and
   * the reason of an aborted signal.
   */
  async count(range: CreatedRange): Promise<number> {
    const { client, calls, resourcePath, signal } = this.#options
    const parameters = { query: queryOf(range), limit: '1', expand: ['total_count'] }
    const { totalCount } = await calls.send(STRIPE_RESOURCES[resourcePath].permission, () =>
      client.search(this.#path, parameters, signal),
    )
    if (totalCount === null) throw new FatalSourceError('request', `Stripe's search ${this.#path} does not count.`)
    const count = Math.min(totalCount, COUNTED_EXACTLY)
    this.#most = Math.max(this.#most, count)
    return count
  }
}

function queryOf({ from, to }: CreatedRange): string {
  return `created>=${from} AND created<${to}`
}
