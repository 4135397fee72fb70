import { createHash } from 'node:crypto'
import type { SearchQuery } from '../../search/search-query.ts'
import {
  checkFields,
  matches,
  parseQuery,
  SearchQueryError,
  STRIPE_SEARCHABLE_RESOURCES,
} from '../../search/search-query.ts'
import type { Row } from './collection.ts'
import type { Call } from './endpoints.ts'
import { StripeError } from './errors.ts'
import { expandAll } from './expand.ts'
import { LIST_PARAMS } from './lists.ts'
import type { ParamSchema } from './parameters.ts'
import type { Resource } from './resources.ts'
import { creationBounds, rowsByCreation } from './search-creation.ts'
import { shape } from './shapes.ts'
import type { JsonHash, ResourceName, StripeObject } from './types.ts'
import type { World } from './world.ts'

export const SEARCH_PARAMS: ParamSchema = {
  query: { kind: 'text', required: true },
  limit: LIST_PARAMS.limit,
  page: { kind: 'text' },
  expand: LIST_PARAMS.expand,
}

const DEFAULT_LIMIT = 10
const OLDEST_VERSION = '2020-08-27'
/** `total_count` counts no further. */
const MOST_COUNTED = 10_000

interface Hit {
  readonly row: Row
  readonly object: StripeObject
}

/** Where a page ended. */
type Place = Pick<Row, 'created' | 'index'>

export function isSearchable(name: ResourceName): boolean {
  return STRIPE_SEARCHABLE_RESOURCES.includes(name)
}

/** One page of a search, newest first. Nothing is hidden but what is deleted or not in the index yet. */
export function searchResource({ world, version, path, params }: Call, resource: Resource): JsonHash {
  refuseAccount(world, version)
  const text = String(params.query)
  const query = queryOf(text, resource.name)
  const after = typeof params.page === 'string' ? placeOf(params.page, world, resource.name, text) : undefined
  const limit = Number(params.limit ?? DEFAULT_LIMIT)
  const found = take(hits(world, resource, query, after), limit + 1)
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  const hasMore = found.length > limit && last !== undefined
  const page: JsonHash = {
    object: 'search_result',
    data: shown.map(({ object }) => shape(object, version, world)),
    has_more: hasMore,
    next_page: hasMore ? tokenOf(last.row, world, resource.name, text) : null,
    url: path,
  }
  const expand = (params.expand as string[] | undefined) ?? []
  const paths = expand.filter((each) => each !== 'total_count')
  expandAll(page, paths, world, version)
  if (paths.length === expand.length) return page
  return { ...page, total_count: count(rowsByCreation(world, resource, query) ?? hits(world, resource, query)) }
}

function refuseAccount(world: World, version: string): void {
  if (world.behaviour.indiaAccount) throw new StripeError(400, 'Search is not available for accounts in India.')
  if (version >= OLDEST_VERSION) return
  throw new StripeError(
    400,
    `Search is not supported on API version ${version}. Set the API version of this request to ${OLDEST_VERSION} or newer.`,
  )
}

function queryOf(text: string, name: ResourceName): SearchQuery {
  try {
    const query = parseQuery(text)
    checkFields(query, name)
    return query
  } catch (error) {
    if (!(error instanceof SearchQueryError)) throw error
    throw new StripeError(
      400,
      `We were unable to parse your search query: ${error.message} (at character ${error.position + 1}).`,
      { param: 'query' },
    )
  }
}

function* hits(world: World, resource: Resource, query: SearchQuery, after?: Place): Generator<Hit> {
  const collection = world.collections[resource.name]
  const index = world.searchIndexes.get(resource.name)
  const nowMs = world.clock.nowMs()
  const { from, to } = creationBounds(query)
  for (const row of collection.older(from, Math.min(to, after?.created ?? Infinity))) {
    if (after && !isBehind(row, after)) continue
    if (row.visibleAtMs !== undefined && row.visibleAtMs > nowMs) continue
    const indexed = index?.state(row, () => collection.object(row))
    if (!indexed || !matches(query, indexed)) continue
    const object = world.behaviour.searchShows === 'indexed' ? indexed : collection.object(row)
    if (object.deleted !== true) yield { row, object }
  }
}

function take<T>(values: Iterable<T>, most: number): readonly T[] {
  const taken: T[] = []
  for (const value of values) {
    taken.push(value)
    if (taken.length === most) break
  }
  return taken
}

function count(values: Iterable<unknown>): number {
  const iterator = values[Symbol.iterator]()
  let total = 0
  while (total < MOST_COUNTED && iterator.next().done !== true) total++
  return total
}

/** Of one second the higher index comes first. */
function isBehind(row: Row, place: Place): boolean {
  return row.created < place.created || row.index < place.index
}

const NUMBER_BYTES = 6
const SEAL_BYTES = 8

/** Opaque to clients: the place where a page ended, sealed together with what was asked. */
function tokenOf(place: Place, world: World, name: ResourceName, query: string): string {
  const numbers = Buffer.alloc(2 * NUMBER_BYTES)
  numbers.writeUIntBE(place.created, 0, NUMBER_BYTES)
  numbers.writeUIntBE(place.index, NUMBER_BYTES, NUMBER_BYTES)
  const { seed, mode } = world.plan.options
  const sealed = JSON.stringify([seed, mode, name, query, place.created, place.index])
  const seal = createHash('sha256').update(sealed).digest().subarray(0, SEAL_BYTES)
  return Buffer.concat([seal, numbers]).toString('base64url')
}

function placeOf(token: string, world: World, name: ResourceName, query: string): Place {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length === SEAL_BYTES + 2 * NUMBER_BYTES) {
    const created = bytes.readUIntBE(SEAL_BYTES, NUMBER_BYTES)
    const index = bytes.readUIntBE(SEAL_BYTES + NUMBER_BYTES, NUMBER_BYTES)
    if (tokenOf({ created, index }, world, name, query) === token) return { created, index }
  }
  throw new StripeError(400, 'Invalid page: it must be the next_page of an earlier page of the same search.', {
    param: 'page',
  })
}
