import type { JsonObject } from '../../src/json.ts'
import { isSameJson } from '../../src/json.ts'
import type { AuditFindingKind, CurrentRecord } from '../../src/store/store.ts'
import { bodyOf } from './check-versions.ts'
import { HistoryFailure } from './history-failure.ts'
import type { Kind, ModelObject } from './model/model-object.ts'
import { embeddedPriceIds } from './model/mutations.ts'
import { shownAt } from './model/shown-state.ts'
import type { World } from './model/world.ts'

/** What of an account stands in a dataset. */
export interface DataSetContent {
  readonly world: World
  /** Milliseconds. */
  readonly now: number
  readonly resource: Kind
  /** With tombstones. */
  readonly stored: readonly CurrentRecord[]
}

export interface Difference {
  readonly kind: AuditFindingKind
  readonly object: ModelObject
  readonly found: JsonObject | null
}

/** Throws `HistoryFailure` unless the dataset holds every object once and in its newest state, and nothing else. */
export function checkDataSet(content: DataSetContent): void {
  for (const { kind, object, found } of differences(content)) {
    const truth = JSON.stringify(shownAt(content.world, object, content.now))
    const created = new Date(object.created * 1000).toISOString()
    const what = `${content.resource} ${object.id}, created ${created}, is ${kind} in the dataset`
    throw new HistoryFailure(`${what}: it has ${JSON.stringify(found)}, true is ${truth}`)
  }
}

/** Every object in which dataset and account differ. */
export function differences({ world, now, resource, stored }: DataSetContent): readonly Difference[] {
  const there = new Map<string, CurrentRecord>()
  for (const record of stored) {
    if (there.has(record.objectId!)) throw new HistoryFailure(`The dataset holds ${record.objectId} twice.`)
    there.set(record.objectId!, record)
  }
  const shown = shownPrices(world, now)
  const found: Difference[] = []
  for (const object of world.list(resource)) {
    const record = there.get(object.id)
    const body = record?.operation === 'upsert' ? bodyOf(record.body) : null
    const kind = differenceOf(object, body)
    if (kind !== null) found.push({ kind, object, found: body })
  }
  return found

  function differenceOf(object: ModelObject, body: JsonObject | null): AuditFindingKind | null {
    if (!object.isThere(now)) return body === null ? null : 'extra'
    if (body === null) return object.isInline && !shown.has(object.id) ? null : 'missing'
    return isSameJson(body, shownAt(world, object, now)) ? null : 'stale'
  }
}

/** Prices that subscriptions show; one that was made inline is shown nowhere else. */
function shownPrices(world: World, now: number): ReadonlySet<string> {
  return new Set(world.list('subscriptions').flatMap((subscription) => embeddedPriceIds(subscription.at(now))))
}
