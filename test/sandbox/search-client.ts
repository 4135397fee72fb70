import { expect } from '@jest/globals'
import type { ResourceName, StripeObject, StripeSandbox } from '../../src/sandbox/index.ts'
import { matches, parseQuery } from '../../src/search/search-query.ts'
import type { Answered, CallOptions } from './client.ts'
import { call } from './client.ts'

/** A version that can search. */
export const VERSION = '2026-10-28.endive'
export const DEVICE_QUERY = 'metadata["device_type"]:"samsung"'
/** What it finds can be changed. */
export const ACTIVE_QUERY = `${DEVICE_QUERY} status:"active"`

/** One page of a search. */
export function searchPage(
  sandbox: StripeSandbox,
  resource: string,
  query: string,
  more: Readonly<Record<string, string>> = {},
  options: CallOptions = {},
): Promise<Answered> {
  const path = `/v1/${resource}/search?${new URLSearchParams({ query, ...more })}`
  return call(sandbox, path, { version: VERSION, ...options })
}

/** Walks all pages and answers the ids, in order. */
export async function searchIds(
  sandbox: StripeSandbox,
  resource: string,
  query: string,
  limit = 100,
  options: CallOptions = {},
): Promise<string[]> {
  const ids: string[] = []
  for (let page: string | null | undefined; page !== null;) {
    const more = { limit: String(limit), ...(page ? { page } : {}) }
    const { json, status, text } = await searchPage(sandbox, resource, query, more, options)
    if (status !== 200) throw new Error(text)
    ids.push(...json.data.map(({ id }: StripeObject) => id))
    expect(json.has_more).toBe(json.next_page !== null)
    page = json.next_page
  }
  return ids
}

/** The ids that a query should find, of all there is. */
export function fittingIds(sandbox: StripeSandbox, resource: ResourceName, query: string): string[] {
  const parsed = parseQuery(query)
  return [...sandbox.world.all(resource)]
    .filter((object) => object.deleted !== true && matches(parsed, object))
    .map(({ id }) => id)
}

/** A subscription with a device, made now. */
export function subscribe(sandbox: StripeSandbox, device = 'samsung'): StripeObject {
  const params = { metadata: { device_type: device } }
  return sandbox.apply({ type: 'create', resource: 'subscriptions', params })[0] as StripeObject
}
