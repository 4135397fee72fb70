import { FatalSourceError, RetriableSourceError, type EstimateRequest, type SourceEstimate } from '../plugin.ts'
import { endsAt, nextPosition, type Position } from './pagination.ts'
import { absolute, fetchPage, type FetchedPage, type ReaderContext } from './reader.ts'

/** Calls that an estimate may cost. */
const MOST_CALLS = 20
/** Somebody waits for it, ms. */
const LONGEST_MS = 12_000

/** How much a list holds, as far as it was looked at. */
interface ListSize {
  readonly elements: number
  /** Requests that one reading takes. */
  readonly pages: number
  readonly exact: boolean
}

/**
 * Estimates a list. One that is paged by offset or page number is asked for pages further and further away and, once past
 * its end, for those in between; any other one is followed from its beginning. Throws like `readPage`.
 */
export async function estimateRest(reader: ReaderContext, request: EstimateRequest): Promise<SourceEstimate> {
  const probe = new Probe(reader, request)
  const { resourcePath } = request
  const first = await probe.first()
  if (first === null) return estimateOf({ resourcePath, granted: false, calls: 1 })
  const size = await sizeOf(reader, probe, first)
  const { pagination, explode } = reader.spec
  const isReadTwice = pagination.maximumRereads > 0 && size.pages > 1
  const requests = size.pages * (isReadTwice ? 2 : 1)
  const perElement = first.read === null || first.read.count === 0 ? 1 : first.records.length / first.read.count
  return estimateOf({
    resourcePath,
    granted: true,
    calls: probe.calls,
    rows: Math.round(size.elements * perElement),
    exact: size.exact && (explode === null || size.pages === 1),
    requests,
    seconds: (requests * probe.latencyMs + (requests - 1) * pagination.delayMs) / 1000,
  })
}

interface Estimated extends Partial<Pick<SourceEstimate, 'rows' | 'exact' | 'requests' | 'seconds'>> {
  readonly resourcePath: string
  readonly granted: boolean
  readonly calls: number
}

function estimateOf({ resourcePath, granted, rows = 0, exact = true, requests = 0, seconds = 0, calls }: Estimated) {
  return { permissions: [{ resourcePath, granted, missing: null }], rows, exact, requests, seconds, calls }
}

function sizeOf(reader: ReaderContext, probe: Probe, first: FetchedPage): Promise<ListSize> | ListSize {
  const { type } = reader.spec.pagination
  const count = first.read?.count ?? 0
  if (count === 0 || type === 'NONE' || probe.isLast(first)) return { elements: count, pages: 1, exact: true }
  return type === 'OFFSET' || type === 'PAGE' ? searchEnd(reader, probe, count) : follow(reader, probe, first)
}

/** Page 0 is full and not the last. */
async function searchEnd({ spec }: ReaderContext, probe: Probe, perPage: number): Promise<ListSize> {
  const { pagination } = spec
  // The end shows only by asking for what lies behind it.
  const behind = pagination.end === null && !(pagination.page !== null && pagination.page.last !== null) ? 1 : 0
  let full = 0
  let empty = Infinity
  let isCertain = true
  while (empty - full > 1) {
    const page = empty === Infinity ? Math.max(1, full * 2) : Math.floor((full + empty) / 2)
    const found = await probe.page(page, perPage)
    if (found === 'unknown') {
      const elements = (empty === Infinity ? full + 1 : Math.ceil((full + 1 + empty) / 2)) * perPage
      return { elements, pages: Math.ceil(elements / perPage) + behind, exact: false }
    }
    if (found.state === 'last') {
      return { elements: page * perPage + found.count, pages: page + 1 + behind, exact: isCertain }
    }
    if (found.state === 'full') full = page
    else empty = page
    isCertain &&= found.state !== 'refused'
  }
  return { elements: empty * perPage, pages: empty + behind, exact: isCertain }
}

async function follow(reader: ReaderContext, probe: Probe, first: FetchedPage): Promise<ListSize> {
  let [elements, pages] = [0, 0]
  for (let page: FetchedPage | null = first; page !== null;) {
    elements += page.read?.count ?? 0
    pages += 1
    const next: Position | null = page.read === null ? null : nextPosition(reader.spec.pagination, page.read)
    if (next === null) return { elements, pages, exact: true }
    page = await probe.at(next, page)
  }
  return { elements, pages, exact: false }
}

type Found = 'unknown' | { readonly state: 'full' | 'last' | 'empty' | 'refused'; readonly count: number }

/** Asks for single pages, as often and as long as an estimate may. */
class Probe {
  calls = 0
  readonly #reader: ReaderContext
  readonly #request: EstimateRequest
  readonly #startedAt = performance.now()
  #spentMs = 0

  constructor(reader: ReaderContext, request: EstimateRequest) {
    this.#reader = reader
    this.#request = request
  }

  /** Mean time that an answer took. */
  get latencyMs(): number {
    return this.#spentMs / Math.max(1, this.calls)
  }

  /** The first page; null when the credential may not read the list. */
  async first(): Promise<FetchedPage | null> {
    try {
      return await this.#fetch(null)
    } catch (error) {
      if (error instanceof FatalSourceError && error.reason === 'permission') return null
      throw error
    }
  }

  isLast({ read }: FetchedPage): boolean {
    return read === null || endsAt(this.#reader.spec.pagination, read)
  }

  /** The page so many pages behind the first one. */
  async page(page: number, perPage: number): Promise<Found> {
    const { pagination } = this.#reader.spec
    const first = pagination.page?.first ?? 0
    try {
      const fetched = await this.at(pagination.type === 'PAGE' ? { page: first + page } : { offset: page * perPage })
      if (fetched === null) return 'unknown'
      const count = fetched.read?.count ?? 0
      if (count === 0) return { state: 'empty', count }
      return { state: this.isLast(fetched) || count < perPage ? 'last' : 'full', count }
    } catch (error) {
      // Some sources refuse places behind their end.
      if (error instanceof FatalSourceError && error.reason === 'request') return { state: 'refused', count: 0 }
      if (error instanceof RetriableSourceError) return 'unknown'
      throw error
    }
  }

  /** The page at a position; null when no further call may be made. */
  async at(position: Position, before?: FetchedPage): Promise<FetchedPage | null> {
    const { spec, pause } = this.#reader
    const { delayMs } = spec.pagination
    const elapsedMs = performance.now() - this.#startedAt
    if (this.calls >= MOST_CALLS || elapsedMs + delayMs + this.latencyMs > LONGEST_MS) return null
    if (delayMs > 0) await pause(delayMs, this.#request.signal)
    return this.#fetch(before === undefined ? position : absolute(position, before.answer))
  }

  async #fetch(position: Position | null): Promise<FetchedPage> {
    this.calls += 1
    const sentAt = performance.now()
    try {
      return await fetchPage(this.#reader, position, this.#request.window, this.#request.signal)
    } finally {
      this.#spentMs += performance.now() - sentAt
    }
  }
}
