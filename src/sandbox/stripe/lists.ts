import type { Row } from './collection.ts'
import { badParameter, missingResource, StripeError } from './errors.ts'
import { expandAll } from './expand.ts'
import type { ParamSchema, ValidParams } from './parameters.ts'
import { Range } from './parameters.ts'
import type { Resource } from './resources.ts'
import { listBody, ReadyPage } from './serialize.ts'
import { nestedList, shape } from './shapes.ts'
import type { JsonHash, StripeObject } from './types.ts'
import type { World } from './world.ts'

/** The parameters that every list takes. */
export const LIST_PARAMS = {
  limit: { kind: 'integer', min: 1, max: 100 },
  starting_after: { kind: 'text' },
  ending_before: { kind: 'text' },
  expand: { kind: 'texts', max: 20 },
} as const satisfies ParamSchema

const DEFAULT_LIMIT = 10

/** The schema of a resource's list. */
export function listSchema(resource: Resource): ParamSchema {
  const filters = Object.entries(resource.filters).map(([name, filter]) => [name, filter.rule])
  return { ...LIST_PARAMS, created: { kind: 'range' }, ...Object.fromEntries(filters) }
}

/** One page of a resource, newest first, as the API answers it. */
export function listResource(
  world: World,
  resource: Resource,
  params: ValidParams,
  version: string,
  url: string,
  otherWorld?: World,
): JsonHash | ReadyPage {
  const { starting_after: after, ending_before: before } = checkCursors(params)
  if (params.type !== undefined && params.types !== undefined) {
    throw badParameter(
      'parameters_exclusive',
      'types',
      'Received both type and types parameters. Please pass in only one.',
    )
  }
  const collection = world.collections[resource.name]
  const { from, to } = params.created instanceof Range ? params.created : new Range(-Infinity, Infinity)
  const passes = predicateOf(world, resource, params)
  const limit = Number(params.limit ?? DEFAULT_LIMIT)
  const cursorId = after ?? before
  let cursor: Row | undefined
  if (cursorId !== undefined) {
    cursor = collection.row(cursorId)
    if (!cursor || cursor.created < from || cursor.created > to || !passes(cursor)) {
      const hint = cursor ? '' : otherModeHint(resource, cursorId, world, otherWorld)
      const param = after === undefined ? 'ending_before' : 'starting_after'
      throw missingCursor(world, resource.kind, cursorId, param, hint)
    }
  }
  const walk = before !== undefined && cursor ? collection.newer(from, to, cursor) : collection.older(from, to, cursor)
  const rows: Row[] = []
  for (const row of walk) {
    if (!passes(row)) continue
    rows.push(row)
    if (rows.length > limit) break
  }
  const hasMore = rows.length > limit
  if (hasMore) rows.pop()
  if (before !== undefined) rows.reverse()
  if (params.expand === undefined) {
    const entries = rows.map((row) => {
      const bytes = collection.bytes(row, version)
      return bytes === undefined ? shape(collection.object(row), version, world) : { bytes }
    })
    const last = rows.at(-1)
    return new ReadyPage(listBody(entries, { has_more: hasMore, url }), last && collection.idOf(last.index))
  }
  const data = rows.map((row) => shape(collection.object(row), version, world))
  const page: JsonHash = { object: 'list', data, has_more: hasMore, url }
  return expandPage(page, params, version, world, () => count(world, resource, params))
}

/** One page of a list that is held as a whole: subscription items, the refunds of a charge. */
export function listEntries(
  world: World,
  entries: readonly StripeObject[],
  kind: string,
  params: ValidParams,
  version: string,
  url: string,
): JsonHash {
  const { starting_after: after, ending_before: before } = checkCursors(params)
  const limit = Number(params.limit ?? DEFAULT_LIMIT)
  const place = (id: string, param: string): number => {
    const found = entries.findIndex((entry) => entry.id === id)
    if (found < 0) throw missingCursor(world, kind, id, param)
    return found
  }
  let from = 0
  let hasMore = entries.length > limit
  let end = limit
  if (after !== undefined) {
    from = place(after, 'starting_after') + 1
    end = from + limit
    hasMore = entries.length > end
  } else if (before !== undefined) {
    end = place(before, 'ending_before')
    from = Math.max(0, end - limit)
    hasMore = from > 0
  }
  const data = entries.slice(from, end).map((entry) => shape(entry, version, world))
  const page = { ...nestedList(data, url, limit), has_more: hasMore }
  return expandPage(page, params, version, world, () => entries.length)
}

function missingCursor(world: World, kind: string, id: string, param: string, hint = ''): StripeError {
  return missingResource(kind, id, param, hint, world.behaviour.missingCursorStatus)
}

function checkCursors(params: ValidParams): { starting_after: string | undefined; ending_before: string | undefined } {
  const { starting_after: after, ending_before: before } = params
  if (after !== undefined && before !== undefined) {
    throw badParameter(
      'parameters_exclusive',
      'ending_before',
      'Received both starting_after and ending_before parameters. Please pass in only one.',
    )
  }
  return { starting_after: after as string | undefined, ending_before: before as string | undefined }
}

function predicateOf(world: World, resource: Resource, params: ValidParams): (row: Row) => boolean {
  const collection = world.collections[resource.name]
  const predicates = Object.entries(resource.filters).flatMap(([name, filter]) => {
    const value = params[name]
    return value === undefined ? [] : [filter.predicate(value, world)]
  })
  if (resource.visible) predicates.unshift(resource.visible(params, world))
  const nowMs = world.clock.nowMs()
  return (row) => {
    if (row.visibleAtMs !== undefined && row.visibleAtMs > nowMs) return false
    if (predicates.length === 0) return true
    const facts = collection.facts(row)
    let built: StripeObject | undefined
    const object = () => (built ??= collection.object(row))
    return predicates.every((predicate) => predicate(facts, object))
  }
}

function count(world: World, resource: Resource, params: ValidParams): number {
  const passes = predicateOf(world, resource, params)
  const { from, to } = params.created instanceof Range ? params.created : new Range(-Infinity, Infinity)
  let total = 0
  for (const row of world.collections[resource.name].older(from, to)) if (passes(row)) total++
  return total
}

/** `total_count` counts as an expansion on older versions and is refused since basil. */
function expandPage(page: JsonHash, params: ValidParams, version: string, world: World, total: () => number): JsonHash {
  const paths = (params.expand as string[] | undefined) ?? []
  const wantsTotal = paths.includes('total_count')
  if (wantsTotal && version >= '2025-03-31') {
    throw new StripeError(400, 'The property total_count cannot be expanded.', {
      code: 'property_forbidden',
      param: 'expand',
    })
  }
  expandAll(
    page,
    paths.filter((path) => path !== 'total_count'),
    world,
    version,
  )
  return wantsTotal ? { ...page, total_count: total() } : page
}

/** Says so when the id belongs to the other mode, as Stripe does. */
export function otherModeHint(resource: Resource, id: string, world: World, otherWorld?: World): string {
  if (!otherWorld?.collections[resource.name].row(id)) return ''
  return `; a similar object exists in ${otherWorld.mode} mode, but a ${world.mode} mode key was used to make this request.`
}
