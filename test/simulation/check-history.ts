import type { JsonObject } from '../../src/json.ts'
import { isSameJson } from '../../src/json.ts'
import type { CurrentRecord, DeliveredRecord, Store, StoredEntity } from '../../src/store/store.ts'
import type { HistoryPlan } from './history-plan.ts'
import type { ModelObject, Version } from './model/model-object.ts'
import { embeddedPriceIds, itemsOf } from './model/mutations.ts'
import type { World } from './model/world.ts'
import { TENANT, type StoredFlow } from './simulated-host.ts'

/** A promise of the product that a history breaks. */
export class HistoryFailure extends Error {}

export interface FinishedHistory {
  readonly plan: HistoryPlan
  readonly store: Store
  readonly flows: readonly StoredFlow[]
  readonly world: World
  /** Milliseconds. */
  readonly now: number
  /** What the host logged as an error of its own. */
  readonly errors: readonly string[]
}

interface FinishedRun {
  readonly no: number
  readonly document: JsonObject
  readonly flow: StoredFlow
  readonly log: readonly DeliveredRecord[]
}

const ALL = 1_000_000

/** Compares what a history left with the truth. Returns the number of runs; throws `HistoryFailure`. */
export async function checkHistory(history: FinishedHistory): Promise<number> {
  const { errors, flows } = history
  if (errors.length > 0) throw new HistoryFailure(`The host met an error of its own: ${errors[0]}`)
  const runs = await readRuns(history)
  for (const run of runs) checkRun(run, history.world)
  for (const flow of flows) checkLastRuns(runs.filter((run) => run.flow === flow))
  for (const dataSetNo of new Set(flows.map((flow) => flow.dataSetNo))) {
    const sources = flows.filter((flow) => flow.dataSetNo === dataSetNo)
    const resource = sources[0]!.resource
    const stored = await history.store.records.current(dataSetNo, null, ALL, true)
    checkDataSet(history, resource, stored)
    if (sources.length === 1) {
      checkVersions(
        runs.filter(({ flow }) => flow === sources[0]),
        history.world,
      )
    }
  }
  return runs.length
}

async function readRuns({ store, flows }: FinishedHistory): Promise<FinishedRun[]> {
  const entities = await store.entities.list(TENANT, 'runs', { filter: [], order: [], limit: ALL, after: null })
  const runs: FinishedRun[] = []
  for (const { no, document } of entities as readonly StoredEntity[]) {
    const flow = flows.find(({ id }) => id === document['flowId'])!
    runs.push({ no, document, flow, log: await store.records.delivered(no, 0, ALL) })
  }
  return runs.sort((a, b) => a.no - b.no)
}

function checkRun({ no, document, log, flow }: FinishedRun, world: World): void {
  const ids = new Set<string | null>()
  for (const [index, { sequence, objectId, operation, body }] of log.entries()) {
    const what = `Run ${no} of ${flow.resource}, delivery ${sequence} of ${objectId}`
    if (sequence !== index + 1) throw new HistoryFailure(`${what} has a gap before it.`)
    if (ids.has(objectId)) throw new HistoryFailure(`${what} repeats the object.`)
    ids.add(objectId)
    const object = world.find(objectId ?? '')
    if (object?.kind !== flow.resource) throw new HistoryFailure(`${what} is not of the flow's resource.`)
    if (operation === 'delete') {
      if (object.deletedAt === null) throw new HistoryFailure(`${what} deletes what was never deleted.`)
    } else versionIndex(object, bodyOf(body), what)
  }
  checkMetrics(no, document, log)
}

function checkMetrics(no: number, document: JsonObject, log: readonly DeliveredRecord[]): void {
  const metrics = document.metrics as JsonObject
  const { status } = metrics.statusSummary as JsonObject
  if (status !== 'success' && status !== 'failed') throw new HistoryFailure(`Run ${no} is ${String(status)}.`)
  const counts = metrics.recordSummary as Readonly<Record<string, number>>
  const deletes = log.filter(({ operation }) => operation === 'delete').length
  const { outputRecordCount = 0, createdRecordCount = 0, updatedRecordCount = 0, deletedRecordCount = 0 } = counts
  const { inputRecordCount = 0, skippedRecordCount = 0 } = counts
  const isRight =
    outputRecordCount === log.length &&
    deletedRecordCount === deletes &&
    createdRecordCount + updatedRecordCount === log.length - deletes &&
    inputRecordCount === outputRecordCount + skippedRecordCount
  if (!isRight)
    throw new HistoryFailure(`Run ${no} delivered ${log.length}, its metrics say ${JSON.stringify(counts)}.`)
}

/** The last run found nothing changed, so it delivered nothing; both of the last two succeeded. */
function checkLastRuns(runs: readonly FinishedRun[]): void {
  for (const { no, document } of runs.slice(-2)) {
    const { status, errors } = (document.metrics as JsonObject).statusSummary as JsonObject
    if (status !== 'success') {
      throw new HistoryFailure(`Run ${no} is ${String(status)} although nothing failed: ${JSON.stringify(errors)}`)
    }
  }
  const last = runs.at(-1)!
  if (last.log.length > 0) {
    throw new HistoryFailure(`Run ${last.no} delivered ${last.log[0]?.objectId} although nothing had changed.`)
  }
}

/** Each delivery of an object is newer than the one before it, and nothing comes after its deletion. */
function checkVersions(runs: readonly FinishedRun[], world: World): void {
  const newest = new Map<string, { readonly index: number; readonly body: string | null }>()
  for (const { no, log, flow } of runs) {
    for (const { objectId, operation, body } of log) {
      const what = `Run ${no} of ${flow.resource}: object ${objectId}`
      const object = world.find(objectId!)!
      const index = operation === 'delete' ? Infinity : versionIndex(object, bodyOf(body), what)
      const before = newest.get(object.id)
      if (before === undefined && operation === 'delete') throw new HistoryFailure(`${what} was never there.`)
      // Two readings of one version may differ in the nested entries that were read after it.
      if (before !== undefined && (index < before.index || body === before.body)) {
        const step = body === before.body ? 'is delivered unchanged' : 'goes back in time'
        throw new HistoryFailure(`${what} ${step}: version ${index} after version ${before.index}.`)
      }
      newest.set(object.id, { index, body })
    }
  }
}

function checkDataSet(history: FinishedHistory, resource: string, stored: readonly CurrentRecord[]): void {
  const { world, now } = history
  const there = new Map<string, CurrentRecord>()
  for (const record of stored) {
    if (there.has(record.objectId!)) throw new HistoryFailure(`The dataset holds ${record.objectId} twice.`)
    there.set(record.objectId!, record)
  }
  const required = requiredIds(world, now)
  for (const object of world.list(resource as ModelObject['kind'])) {
    const record = there.get(object.id)
    const isStored = record !== undefined && record.operation === 'upsert'
    const what = `${resource} ${object.id}, created ${new Date(object.created * 1000).toISOString()},`
    if (!object.isThere(now)) {
      if (isStored) throw new HistoryFailure(`${what} was deleted and is still in the dataset.`)
      continue
    }
    if (!isStored) {
      if (object.isInline && !required.has(object.id)) continue
      throw new HistoryFailure(`${what} is missing from the dataset.`)
    }
    const body = bodyOf(record.body)
    if (!isSameJson(body, object.at(now))) {
      const found = JSON.stringify(body)
      throw new HistoryFailure(`${what} is stale: the dataset has ${found}, true is ${JSON.stringify(object.at(now))}`)
    }
  }
}

/** Inline prices that a subscription still shows. */
function requiredIds(world: World, now: number): ReadonlySet<string> {
  return new Set(world.list('subscriptions').flatMap((subscription) => embeddedPriceIds(subscription.at(now))))
}

/** Which of its states the body is; throws when the object never had it. */
function versionIndex(object: ModelObject, body: JsonObject, what: string): number {
  const index = object.versions.findIndex((version) => isState(version, body, object))
  if (index < 0) throw new HistoryFailure(`${what} is a state that it never had: ${JSON.stringify(body)}`)
  return index
}

function isState({ body: state }: Version, body: JsonObject, { kind, versions }: ModelObject): boolean {
  if (isSameJson(state, body)) return true
  if (kind !== 'subscriptions' || versions.length === 1) return false
  // Its items are read page by page after itself, while they may change: they are judged by the end of the history.
  return isSameJson({ ...state, items: null }, { ...body, items: null }) && itemsOf(body).length > 0
}

function bodyOf(text: string | null): JsonObject {
  return (JSON.parse(text ?? '{}') as { data: JsonObject }).data
}
