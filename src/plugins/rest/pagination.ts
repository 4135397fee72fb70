import type { JsonValue } from '../../json.ts'
import { FatalSourceError } from '../plugin.ts'
import type { JsonPath } from './json-path.ts'
import type { Reading } from './readings.ts'

export const PAGINATION_TYPES = ['OFFSET', 'POINTER', 'CONTINUATION_TOKEN', 'PAGE', 'NONE'] as const
export type PaginationType = (typeof PAGINATION_TYPES)[number]

/** The pagination of a spec, its spellings and defaults settled. */
export interface Pagination {
  readonly type: PaginationType
  /** Sent with every page that is not addressed by a URL of its own. */
  readonly limit: { readonly name: string; readonly value: string } | null
  readonly end: EndCondition | null
  readonly delayMs: number
  readonly offsetName: string
  readonly pointerPath: JsonPath | null
  readonly token: { readonly path: JsonPath; readonly in: 'QUERYPARAM' | 'HEADERPARAM'; readonly name: string } | null
  readonly page: PageRule | null
  /** How often a list is read again from its beginning, at most; 0 unless its places move and its records have ids. */
  readonly maximumRereads: number
}

export interface PageRule {
  readonly name: string
  readonly first: number
  /** A page index, the name of a response header that holds it, or null. That page is read too. */
  readonly last: number | { readonly header: string } | null
  /** Pages of one run at most. */
  readonly maximumRequest: number
}

export interface EndCondition {
  readonly path: JsonPath
  readonly value: JsonValue
}

/** A place in the list; null stands for its beginning. What is stored in the cursor. */
export interface Position {
  readonly offset?: number
  readonly url?: string
  readonly token?: string
  readonly page?: number
  /** Pages read before. */
  readonly requests?: number
  /** Fingerprint of the page before. */
  readonly digest?: string
  /** How often that page came in a row, after the first time. */
  readonly repeats?: number
  /** Absent when the list is read once. */
  readonly reading?: Reading
}

/** What distinguishes the request for one page. */
export interface PageParameters {
  /** Taken as it is, instead of the spec's own URL. */
  readonly url: string | null
  readonly query: readonly (readonly [string, string])[]
  readonly headers: readonly (readonly [string, string])[]
}

export interface ReadPage {
  readonly position: Position | null
  readonly body: JsonValue
  readonly headers: Readonly<Record<string, string>>
  /** Elements of the array that the content path points at. */
  readonly count: number
  /** Fingerprint of these elements. */
  readonly digest: string
}

interface Paginator {
  request(pagination: Pagination, position: Position | null): Partial<PageParameters>
  /** Null at the end. */
  next(pagination: Pagination, page: ReadPage): Position | null
}

const PAGINATORS: Readonly<Record<PaginationType, Paginator>> = {
  OFFSET: {
    request: ({ offsetName }, position) => ({ query: [[offsetName, String(position?.offset ?? 0)]] }),
    // By what came, not by what was asked for: a source may cap its pages below the limit.
    next: (pagination, { position, count, digest }) =>
      count === 0 ? null : { offset: (position?.offset ?? 0) + count, ...compared(pagination, position, digest) },
  },
  POINTER: {
    request: (_, position) => (position?.url === undefined ? {} : { url: position.url }),
    next({ pointerPath }, { body }) {
      const url = pointerPath?.first(body)
      if (isNothing(url)) return null
      if (typeof url === 'string') return { url }
      throw new FatalSourceError('request', `The pointer ${pointerPath?.text} is no URL.`, { code: '1313-400' })
    },
  },
  CONTINUATION_TOKEN: {
    request({ token }, position) {
      if (token === null || position?.token === undefined) return {}
      const parameter = [[token.name, position.token]] as const
      return token.in === 'HEADERPARAM' ? { headers: parameter } : { query: parameter }
    },
    next({ token }, { body }) {
      const value = token?.path.first(body)
      if (isNothing(value)) return null
      if (typeof value === 'string' || typeof value === 'number') return { token: String(value) }
      throw new FatalSourceError('request', `The continuation token ${token?.path.text} is no plain value.`, {
        code: '1313-400',
      })
    },
  },
  PAGE: {
    request: ({ page }, position) => ({ query: [[page?.name ?? '', String(position?.page ?? page?.first ?? 0)]] }),
    next(pagination, { position, count, digest }) {
      const { page } = pagination
      if (page === null || count === 0) return null
      const index = position?.page ?? page.first
      const requests = (position?.requests ?? 0) + 1
      if (requests >= page.maximumRequest) return null
      return { page: index + 1, requests, ...compared(pagination, position, digest) }
    },
  },
  NONE: { request: () => ({}), next: () => null },
}

/** What asks for the page at `position`. */
export function pageParameters(pagination: Pagination, position: Position | null): PageParameters {
  const { url = null, query = [], headers = [] } = PAGINATORS[pagination.type].request(pagination, position)
  const limit =
    pagination.limit === null || url !== null ? [] : [[pagination.limit.name, pagination.limit.value] as const]
  return { url, query: [...limit, ...query], headers }
}

/** Where the next page is; null when there is none. */
export function nextPosition(pagination: Pagination, page: ReadPage): Position | null {
  if (endsAt(pagination, page)) return null
  return PAGINATORS[pagination.type].next(pagination, page)
}

/** True when the end condition holds, or the page is the last one by its number. */
export function endsAt({ end, page }: Pagination, { position, headers, body }: ReadPage): boolean {
  if (end !== null && holds(end, body)) return true
  return page !== null && (position?.page ?? page.first) >= lastPage(page, headers)
}

/** True when a run stops only because it may not ask for more pages. */
export function isCutShort(pagination: Pagination, read: ReadPage): boolean {
  const { page } = pagination
  if (page === null || read.count === 0 || endsAt(pagination, read)) return false
  return (read.position?.requests ?? 0) + 1 >= page.maximumRequest
}

/** So many rows may be added while a list is read that a page shows what the one before has shown. */
const TOLERATED_REPEATS = 3

/** A source that ignores the parameter would give the first page for ever. */
function compared(
  { maximumRereads }: Pagination,
  position: Position | null,
  digest: string,
): Pick<Position, 'digest' | 'repeats'> {
  if (position?.digest !== digest) return { digest }
  const repeats = (position.repeats ?? 0) + 1
  if (maximumRereads > 0 && repeats <= TOLERATED_REPEATS) return { digest, repeats }
  throw new FatalSourceError('request', 'The source gave the same page twice; does it know the paging parameter?')
}

function lastPage({ last }: PageRule, headers: Readonly<Record<string, string>>): number {
  if (last === null) return Infinity
  if (typeof last === 'number') return last
  const value = headers[last.header]
  return value !== undefined && /^\s*\d+\s*$/.test(value) ? Number(value) : Infinity
}

function holds({ path, value }: EndCondition, body: JsonValue): boolean {
  const found = path.first(body) ?? null
  return found === value || String(found) === String(value)
}

function isNothing(value: JsonValue | undefined): boolean {
  return value === undefined || value === null || value === '' || value === false
}
