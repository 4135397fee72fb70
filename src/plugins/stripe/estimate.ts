import { FatalSourceError, RetriableSourceError } from '../plugin.ts'
import type { CreatedWindow, EstimateRequest, SourceEstimate } from '../plugin.ts'
import type { StripeClient, StripeList, StripeParameters } from './client.ts'
import { CHANGE_FEED, EstimateCalls, MOST_CALLS } from './estimate-calls.ts'
import { estimateBySampling } from './estimate-sampling.ts'
import type { SampledPage } from './estimate-sampling.ts'
import { isResourcePath, RESOURCE_PATHS, STRIPE_RESOURCES } from './resources.ts'
import type { StripeFilters, StripeResource } from './resources.ts'

export interface StripeEstimatorOptions {
  readonly client: Pick<StripeClient, 'list' | 'parallelism'>
  /** A client that asks for `COUNTING_API_VERSION`, for the one question that newer versions refuse. */
  readonly countingClient: Pick<StripeClient, 'list'>
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
 * them, else estimated from some of their pages. Throws source errors only, and the reason of an aborted signal.
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
    const passes = passesOf(this.#resource).filter(({ listPath }) => granted.has(pathOf(listPath) ?? ''))
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

    let known: StripeList | undefined = newest
    const read = async (window: CreatedWindow): Promise<SampledPage> => {
      const page = known ?? (await this.#list(pass, { ...windowParameters(window), limit: String(PAGE_SIZE) }))
      known = undefined
      return { times: page.data.map(createdOf), hasMore: page.hasMore }
    }
    const callsLeft = () => calls - (this.#calls.count - before)
    const { count, exact } = await estimateBySampling(read, this.#request.window, callsLeft)
    return { rows: count, exact }
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
      if (!(error instanceof FatalSourceError) || error.reason === 'credential') throw error
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
  const { listPath, permission, passes, embeddedPass } = resource
  const own = Object.values(passes).map((filters) => ({ listPath, filters, permission, isOwn: true }))
  if (embeddedPass === null) return own
  const holder = STRIPE_RESOURCES[embeddedPass.holder]
  const filters = holder.passes[embeddedPass.holderPass] ?? {}
  return [...own, { listPath: holder.listPath, filters, permission: holder.permission, isOwn: false }]
}

function pathOf(listPath: string): string | undefined {
  return RESOURCE_PATHS.find((path) => STRIPE_RESOURCES[path].listPath === listPath)
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

/** An empty list takes a request too. */
function requestsFor(rows: number): number {
  const pages = Math.max(1, Math.ceil(rows / PAGE_SIZE))
  return pages <= UNDIVIDED_PAGES ? pages : Math.ceil(pages * REQUESTS_PER_PAGE)
}
