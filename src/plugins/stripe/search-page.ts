import Stripe from 'stripe'
import type { CreatedWindow, Cursor, Page, ReadPageRequest } from '../plugin.ts'
import type { StripeClient, StripeObject, StripeSearchResult } from './client.ts'
import { createdOf } from './cursor.ts'
import { completeAll } from './nested-lists.ts'
import { toRecord } from './reader.ts'
import { STRIPE_RESOURCES } from './resources.ts'
import { isSearchable, type StripeSearch } from './search-params.ts'

/** The one pass of a source that searches. */
export const SEARCH_PASS = 'search'

/** Where a page of a search ended. */
interface SearchPosition {
  /** Stripe's `next_page`; null: at the beginning. */
  readonly page: string | null
  /** How often the search had to begin anew because Stripe did not know the page any more. */
  readonly restarts: number
}

const BEGINNING: SearchPosition = { page: null, restarts: 0 }
const MOST_RESTARTS = 3

/**
 * Reads one page of what a search finds in a window of creation, nested lists completed. What the index shows although
 * it is not what the query asks for is dropped. Throws what the client throws.
 */
export async function readSearchPage(
  client: StripeClient,
  search: StripeSearch,
  { window, cursor, limit, signal }: ReadPageRequest,
): Promise<Page> {
  const position = cursor === null ? BEGINNING : (JSON.parse(cursor) as SearchPosition)
  const { page, restarts } = position
  const ask = (): Promise<StripeSearchResult> => {
    const parameters = { query: queryWithin(search, window), limit: String(limit), ...(page === null ? {} : { page }) }
    return client.search(search.path, parameters, signal)
  }
  let found: StripeSearchResult
  try {
    found = await ask()
    // Search is known to answer nothing at times although there is something. What a later run reads again needs no care.
    if (page === null && window.from === null && isEmpty(found)) found = await ask()
  } catch (error) {
    if (page === null || restarts >= MOST_RESTARTS || !isPageRefused(error)) throw error
    return { records: [], nextCursor: toCursor({ page: null, restarts: restarts + 1 }) }
  }
  const hits = found.data.filter((object) => isWithin(object, window))
  const selected = hits.filter((object) => search.selects(object))
  const resource = STRIPE_RESOURCES[search.resourcePath]
  const objects = await completeAll(client, resource, selected, signal)
  return {
    records: objects.map((object) => toRecord(resource, object)),
    nextCursor: found.nextPage === null ? null : toCursor({ page: found.nextPage, restarts }),
    dropped: hits.length - selected.length,
  }
}

/**
 * The query with the window's bounds among its clauses, as far as Stripe takes them: not in a query of alternatives, not
 * beyond the number of clauses, and not for prices, whose creation cannot be searched.
 */
export function queryWithin({ query, resourcePath }: StripeSearch, { from, to }: CreatedWindow): string {
  const bounds = [...(from === null ? [] : [`created>=${from}`]), ...(to === null ? [] : [`created<${to}`])]
  return bounds.reduce((narrowed, bound) => {
    const narrower = `${narrowed} AND ${bound}`
    return isSearchable(narrower, resourcePath) ? narrower : narrowed
  }, query)
}

function isWithin(object: StripeObject, { from, to }: CreatedWindow): boolean {
  const created = createdOf(object)
  if (created === null) return true
  return (from === null || created >= from) && (to === null || created < to)
}

function isEmpty({ data, nextPage }: StripeSearchResult): boolean {
  return data.length === 0 && nextPage === null
}

/** True when Stripe does not know the page: nobody says how long it does. */
function isPageRefused(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.param === 'page' && (error.statusCode ?? 0) < 500
}

function toCursor(position: SearchPosition): Cursor {
  return JSON.stringify(position)
}
