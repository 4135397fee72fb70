import type { SearchClause, SearchQuery } from '../../search/search-query.ts'
import { matches } from '../../search/search-query.ts'
import type { Row } from './collection.ts'
import type { Resource } from './resources.ts'
import type { World } from './world.ts'

/** Creation in Unix seconds, both ends included. */
export interface CreationBounds {
  readonly from: number
  readonly to: number
}

const UNBOUNDED: CreationBounds = { from: -Infinity, to: Infinity }

/** Nothing that a query finds was created outside of these bounds. */
export function creationBounds(query: SearchQuery): CreationBounds {
  if (query.kind === 'any') return UNBOUNDED
  if (query.kind === 'clause') return boundsOfClause(query)
  return query.parts.map(creationBounds).reduce((one, other) => ({
    from: Math.max(one.from, other.from),
    to: Math.min(one.to, other.to),
  }))
}

/**
 * The rows that a query about nothing but creation finds, newest first, in the order and number of a search that builds
 * every object. Null when objects must be built to tell.
 */
export function rowsByCreation(world: World, resource: Resource, query: SearchQuery): Iterable<Row> | null {
  const isBuilt = world.behaviour.searchShows === 'indexed' || !isAboutCreation(query)
  return isBuilt ? null : found(world, resource, query)
}

function* found(world: World, resource: Resource, query: SearchQuery): Generator<Row> {
  const collection = world.collections[resource.name]
  const index = world.searchIndexes.get(resource.name)
  const nowMs = world.clock.nowMs()
  const { from, to } = creationBounds(query)
  for (const row of collection.older(from, to)) {
    if (row.visibleAtMs !== undefined && row.visibleAtMs > nowMs) continue
    const creation = { id: '', object: resource.kind, created: row.created }
    const indexed = index?.state(row, () => creation)
    if (indexed && matches(query, indexed) && collection.facts(row).deleted !== true) yield row
  }
}

function isAboutCreation(query: SearchQuery): boolean {
  return query.kind === 'clause' ? isCreated(query) : query.parts.every(isAboutCreation)
}

function boundsOfClause(clause: SearchClause): CreationBounds {
  const { operator, value, negated } = clause
  if (negated || value === null || !isCreated(clause)) return UNBOUNDED
  const time = Number(value)
  if (operator === ':') return { from: time, to: time }
  return operator.startsWith('>') ? { from: time, to: Infinity } : { from: -Infinity, to: time }
}

function isCreated({ field }: SearchClause): boolean {
  return field.kind === 'path' && field.name === 'created'
}
