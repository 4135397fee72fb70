import type { DatabaseSync } from 'node:sqlite'
import type { JsonObject } from '../../src/json.ts'
import { isSameJson } from '../../src/json.ts'
import { HistoryFailure } from './history-failure.ts'
import type { ModelObject } from './model/model-object.ts'
import { itemsOf } from './model/mutations.ts'
import type { World } from './model/world.ts'

/** Which of its states the body is; throws when the object never had it. */
export function versionIndex(world: World, object: ModelObject, body: JsonObject, what: string): number {
  const index = object.versions.findIndex(({ body: state }) =>
    object.kind === 'subscriptions' ? isSameJson(withoutItems(state), withoutItems(body)) : isSameJson(state, body),
  )
  if (index < 0) throw new HistoryFailure(`${what} is a state that it never had: ${JSON.stringify(body)}`)
  if (object.kind === 'subscriptions') checkItems(world, object, index, body, what)
  return index
}

function withoutItems(subscription: JsonObject): JsonObject {
  return { ...subscription, items: null }
}

/**
 * The items are read page by page after the subscription, while they may change. So they need not be those of one moment;
 * but what stood there all the time is there, once and in its order, and nothing is that never was.
 */
function checkItems(world: World, object: ModelObject, index: number, body: JsonObject, what: string): void {
  const later = object.versions.slice(index).map((version) => itemsOf(version.body))
  const items = itemsOf(body)
  const ids = items.map(({ id }) => id)
  if (new Set(ids).size < ids.length) throw new HistoryFailure(`${what} holds an item twice: ${ids.join(' ')}`)
  if ((body.items as JsonObject).has_more !== false) throw new HistoryFailure(`${what} does not hold all items.`)
  for (const item of items) {
    const isKnown = later.flat().some(({ id, created }) => id === item.id && created === item.created)
    if (!isKnown) throw new HistoryFailure(`${what} holds item ${String(item.id)}, which was not there then.`)
    checkHeldPrice(world, item, what)
  }
  const stays = (id: unknown) => later.every((state) => state.some((item) => item.id === id))
  const expected = later[0]!.map(({ id }) => id).filter(stays)
  const found = ids.filter((id) => expected.includes(id))
  if (!isSameJson(found as string[], expected as string[])) {
    throw new HistoryFailure(
      `${what} holds the items ${ids.join(' ')} and must hold ${expected.join(' ')} in this order.`,
    )
  }
}

function checkHeldPrice(world: World, { id, price }: JsonObject, what: string): void {
  const held = price as JsonObject
  if (world.find(String(held.id))?.versions.some(({ body }) => isSameJson(body, held))) return
  throw new HistoryFailure(`${what} holds in item ${String(id)} a price in a state that it never had.`)
}

interface Delivery {
  readonly run_no: number
  readonly sequence: number
  readonly record_set_no: number
  readonly object_id: string
  readonly operation: string
  readonly body: string | null
  readonly replaced_run_no: number | null
  readonly replaced_sequence: number | null
}

/**
 * Follows the versions of each object through the dataset, each of which names the one that it replaced: one came first, each
 * later one is newer and not the same, none was replaced twice and nothing is older than a deletion. This holds for all flows
 * into a dataset together, in whatever order they went.
 */
export function checkVersionChains(world: World, database: DatabaseSync): void {
  const rows = database.prepare('select * from deliveries order by run_no, sequence').all() as unknown as Delivery[]
  const byKey = new Map(rows.map((row) => [`${row.run_no} ${row.sequence}`, row]))
  const replacedBy = new Map<Delivery, Delivery>()
  const first = new Map<string, Delivery>()
  for (const row of rows) {
    const what = `Run ${row.run_no}, delivery ${row.sequence} of ${row.object_id}`
    if (row.replaced_run_no === null) {
      const name = `${row.record_set_no} ${row.object_id}`
      if (row.operation === 'delete') throw new HistoryFailure(`${what} deletes what was never there.`)
      if (first.has(name)) throw new HistoryFailure(`${what} replaces nothing although the object was there.`)
      first.set(name, row)
      continue
    }
    const before = byKey.get(`${row.replaced_run_no} ${row.replaced_sequence}`)
    if (before === undefined) throw new HistoryFailure(`${what} replaces what was never delivered.`)
    if (replacedBy.has(before)) throw new HistoryFailure(`${what} replaces what was replaced before.`)
    replacedBy.set(before, row)
    checkStep(world, before, row, what)
  }
}

function checkStep(world: World, before: Delivery, row: Delivery, what: string): void {
  const [older, newer] = [before, row].map((delivery) => indexOf(world, delivery, what)) as [number, number]
  // Two readings of one version may differ in the nested entries, which were read after it.
  const isSame = row.body === before.body && row.operation === before.operation
  if (!isSame && newer >= older) return
  const step = isSame ? 'is delivered unchanged' : 'goes back in time'
  throw new HistoryFailure(`${what} ${step}: version ${newer} after version ${older}.`)
}

function indexOf(world: World, { object_id, operation, body }: Delivery, what: string): number {
  return operation === 'delete' ? Infinity : versionIndex(world, world.find(object_id)!, bodyOf(body), what)
}

/** The object in a stored record. */
export function bodyOf(text: string | null): JsonObject {
  return (JSON.parse(text ?? '{}') as { data: JsonObject }).data
}
