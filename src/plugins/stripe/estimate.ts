import { FatalSourceError, RetriableSourceError } from '../plugin.ts'
import type { CreatedWindow, EstimateRequest, SourceEstimate } from '../plugin.ts'
import type { StripeClient, StripeList, StripeParameters } from './client.ts'
import { CHANGE_FEED, EstimateCalls, MOST_CALLS } from './estimate-calls.ts'
import { estimateByCounting } from './estimate-counting.ts'
import { estimateBySampling, FIRST_ACCOUNTS } from './estimate-sampling.ts'
import type { SampledCount, SampledPage } from './estimate-sampling.ts'
import { isResourcePath, STRIPE_RESOURCES } from './resources.ts'
import type { ResourcePath, StripeFilters, StripeResource } from './resources.ts'
import { SearchCounter } from './search-counter.ts'

export interface StripeEstimatorOptions {
  readonly client: Pick<StripeClient, 'list' | 'parallelism'>
  /** A client that asks for `COUNTING_API_VERSION`, for the one question that newer versions refuse. */
  readonly countingClient: Pick<StripeClient, 'list'>
  /** A client in a version that can search; not `client`, which tells its parallelism by what it read last. */
  readonly searchClient: Pick<StripeClient, 'search'>
  /** What the clients authenticate with; kept out of every message. */
  readonly key: string
  /** What the account's budget allows for one endpoint. */
  readonly requestsPerSecond: number
  /** Milliseconds from any start. @defaultValue the process's monotonic clock */
  readonly now?: () => number
}

/** The last version in which Stripe counts a list; of newer accounts it refuses to count in any version. */
export const COUNTING_API_VERSION = '2025-02-24.acacia'

const PAGE_SIZE = 100
/** A list of more pages is cut into ranges that are read side by side; the last page of each is not full. */
const UNDIVIDED_PAGES = 10
const REQUESTS_PER_PAGE = 1.05

/**
 * Makes the estimate of a first run, from at most 20 calls. Rows are counted when the lists are short or Stripe counts
 * them, else estimated from what its Search counts, else from some of their pages. Throws source errors only, and the
 * reason of an aborted signal.
 */
export function createStripeEstimator(
  options: StripeEstimatorOptions,
): (request: EstimateRequest) => Promise<SourceEstimate> {
  return (request) => {
    if (!isResourcePath(request.resourcePath)) {
      throw new FatalSourceError('request', `Stripe has no resource path ${request.resourcePath}.`)
    }
    return new Estimate(options, request, STRIPE_RESOURCES[request.resourcePath]).make()
  }
}

/** One list pass of the resource. */
interface ListPass {
  /** The resource of the objects that it lists. */
  readonly resourcePath: ResourcePath
  readonly listPath: string
  readonly filters: StripeFilters
  readonly permission: string
  /** The objects that it lists are the resource's own; else they only hold some. */
  readonly isOwn: boolean
}

interface PassCount {
  readonly rows: number
  readonly exact: boolean
}

interface SearchedCount {
  readonly rows: number | null
  readonly atLeast: number
}

class Estimate {
  readonly #options: StripeEstimatorOptions
  readonly #request: EstimateRequest
  readonly #resource: StripeResource
  readonly #calls: EstimateCalls
  #isCountingRefused = false

  constructor(options: StripeEstimatorOptions, request: EstimateRequest, resource: StripeResource) {
    this.#options = options
    this.#request = request
    this.#resource = resource
    this.#calls = new EstimateCalls({ ...options, signal: request.signal })
  }

  async make(): Promise<SourceEstimate> {
    const own: { page?: StripeList } = {}
    const permissions = await this.#calls.permissions(this.#resource.resourcePath, async () => {
      own.page = await this.#newestPage(passesOf(this.#resource)[0])
    })
    if (own.page === undefined) {
      return { permissions, rows: 0, exact: true, requests: 0, seconds: 0, calls: this.#calls.count }
    }
    const granted = new Set(permissions.filter((entry) => entry.granted).map(({ resourcePath }) => resourcePath))
    const passes = passesOf(this.#resource).filter(({ resourcePath }) => granted.has(resourcePath))
    const counts = await this.#countPasses(passes, own.page)
    return { permissions, ...this.#summary(passes, counts, granted.has(CHANGE_FEED)), calls: this.#calls.count }
  }

  async #countPasses(passes: readonly ListPass[], firstPage: StripeList): Promise<readonly PassCount[]> {
    const counts: PassCount[] = []
    for (const [index, pass] of passes.entries()) {
      const page = index === 0 ? firstPage : await this.#newestPage(pass)
      // Every later pass needs a call for its own newest page.
      counts.push(await this.#count(pass, page, Math.floor((MOST_CALLS - this.#calls.count) / (passes.length - index))))
    }
    return counts
  }

  async #count(pass: ListPass, newest: StripeList, calls: number): Promise<PassCount> {
    if (!newest.hasMore) return { rows: newest.data.length, exact: true }
    const before = this.#calls.count
    const counted = calls > 0 ? await this.#askForCount(pass) : null
    if (counted !== null) return { rows: Math.max(counted, newest.data.length), exact: true }

    const callsLeft = () => calls - (this.#calls.count - before)
    const { rows: searched, atLeast } = await this.#countBySearch(pass, newest, callsLeft)
    if (searched !== null) return { rows: searched, exact: false }
    const { count, exact } = await this.#sample(pass, newest, callsLeft)
    return { rows: exact ? count : Math.max(count, atLeast), exact }
  }

  /**
   * Not called exact, as the index may be an hour behind. `rows` is null when the resource cannot be searched, or not by this
   * account; the list then holds `atLeast` all the same.
   */
  async #countBySearch(pass: ListPass, newest: StripeList, callsLeft: () => number): Promise<SearchedCount> {
    const { signal, window } = this.#request
    const { searchClient: client } = this.#options
    const counter = SearchCounter.of({ client, calls: this.#calls, resourcePath: pass.resourcePath, signal })
    const times = newest.data.map(createdOf)
    const [first = 0] = times
    if (counter === null || callsLeft() <= 0) return { rows: null, atLeast: 0 }
    try {
      const rows = await estimateByCounting({
        range: { from: window.from ?? FIRST_ACCOUNTS, to: first + 1 },
        leastAge: first + 1 - (times.at(-1) ?? first),
        count: (range) => counter.count(range),
        callsLeft,
      })
      // Less than the list shows is the answer of an index that is not there yet.
      return { rows: rows > times.length ? rows : null, atLeast: counter.most }
    } catch (error) {
      if (!isRefusal(error) && !(error instanceof RetriableSourceError)) throw error
      return { rows: null, atLeast: counter.most }
    }
  }

  #sample(pass: ListPass, newest: StripeList, callsLeft: () => number): Promise<SampledCount> {
    let known: StripeList | undefined = newest
    const read = async (window: CreatedWindow): Promise<SampledPage> => {
      const page = known ?? (await this.#list(pass, { ...windowParameters(window), limit: String(PAGE_SIZE) }))
      known = undefined
      return { times: page.data.map(createdOf), hasMore: page.hasMore }
    }
    return estimateBySampling(read, this.#request.window, callsLeft)
  }

  /** Null when Stripe does not tell. */
  async #askForCount(pass: ListPass): Promise<number | null> {
    if (this.#isCountingRefused) return null
    const parameters = { ...pass.filters, ...windowParameters(this.#request.window), limit: '1' }
    try {
      const { totalCount } = await this.#calls.send(pass.permission, () =>
        this.#options.countingClient.list(
          pass.listPath,
          { ...parameters, expand: ['total_count'] },
          this.#request.signal,
        ),
      )
      if (totalCount !== undefined && totalCount !== null) return totalCount
    } catch (error) {
      // Any refusal of an old version or of counting leaves the lists as they are.
      if (!isRefusal(error)) throw error
    }
    this.#isCountingRefused = true
    return null
  }

  #summary(
    passes: readonly ListPass[],
    counts: readonly PassCount[],
    readsChanges: boolean,
  ): Omit<SourceEstimate, 'permissions' | 'calls'> {
    const own = counts.filter((_, index) => passes[index]?.isOwn)
    // How many objects the others hold shows only when they are read.
    const hidden = counts.some(({ rows }, index) => rows > 0 && !passes[index]?.isOwn)
    const hasChanges = readsChanges && Object.keys(this.#resource.events).length > 0
    const requests = counts.reduce((sum, { rows }) => sum + requestsFor(rows), hasChanges ? 1 : 0)
    return {
      rows: own.reduce((sum, { rows }) => sum + rows, 0),
      exact: !hidden && own.every(({ exact }) => exact),
      requests,
      seconds: this.#secondsFor(requests, counts),
    }
  }

  /** What the budget lets go and the latency lets come back; a list that is not cut is read one page after another. */
  #secondsFor(requests: number, counts: readonly PassCount[]): number {
    const latency = this.#calls.meanSeconds
    const undivided = counts.every(({ rows }) => rows <= UNDIVIDED_PAGES * PAGE_SIZE)
    const parallelism = undivided ? 1 : Math.max(1, this.#options.client.parallelism())
    return Math.max(requests / this.#options.requestsPerSecond, (requests * latency) / parallelism)
  }

  async #newestPage(pass: ListPass | undefined): Promise<StripeList> {
    if (pass === undefined) return { data: [], hasMore: false, totalCount: 0 }
    return this.#list(pass, { ...windowParameters(this.#request.window), limit: String(PAGE_SIZE) })
  }

  #list({ listPath, filters, permission }: ListPass, parameters: StripeParameters): Promise<StripeList> {
    return this.#calls.send(permission, () =>
      this.#options.client.list(listPath, { ...filters, ...parameters }, this.#request.signal),
    )
  }
}

function passesOf(resource: StripeResource): readonly ListPass[] {
  const { passes, embeddedPass } = resource
  const own = Object.values(passes).map((filters) => passOf(resource, filters, true))
  if (embeddedPass === null) return own
  const holder = STRIPE_RESOURCES[embeddedPass.holder]
  return [...own, passOf(holder, holder.passes[embeddedPass.holderPass] ?? {}, false)]
}

function passOf(
  { resourcePath, listPath, permission }: StripeResource,
  filters: StripeFilters,
  isOwn: boolean,
): ListPass {
  return { resourcePath, listPath, filters, permission, isOwn }
}

function windowParameters({ from, to }: CreatedWindow): StripeFilters {
  return {
    ...(from === null ? {} : { 'created[gte]': String(from) }),
    ...(to === null ? {} : { 'created[lt]': String(to) }),
  }
}

function createdOf({ created }: StripeList['data'][number]): number {
  if (typeof created === 'number') return created
  throw new RetriableSourceError('unavailable', 'Stripe listed an object without a creation time.')
}

/** True for what Stripe does not do for this account or key, which works all the same. */
function isRefusal(error: unknown): boolean {
  return error instanceof FatalSourceError && error.reason !== 'credential'
}

/** An empty list takes a request too. */
function requestsFor(rows: number): number {
  const pages = Math.max(1, Math.ceil(rows / PAGE_SIZE))
  return pages <= UNDIVIDED_PAGES ? pages : Math.ceil(pages * REQUESTS_PER_PAGE)
}
