import type { JsonObject } from '../../src/json.ts'
import type { DeliveredRecord } from '../../src/store/store.ts'
import { bodyOf, versionIndex } from './check-versions.ts'
import { HistoryFailure } from './history-failure.ts'
import type { World } from './model/world.ts'
import type { StoredFlow } from './simulated-host.ts'

const DAY = 86_400_000

/** Changes are announced for so long. */
const HORIZON_MS = 30 * DAY
/** Host and Stripe may disagree about the time, and Stripe counts whole seconds. */
const MARGIN_MS = 600_000

export interface FinishedRun {
  readonly no: number
  readonly document: JsonObject
  readonly flow: StoredFlow
  readonly log: readonly DeliveredRecord[]
}

/** The end of a history, when nothing changes, fails or is hidden any more. */
export interface Peace {
  /** By the host's clock, ms. */
  readonly since: number
  /** So many runs of each flow begin in it, if not more. */
  readonly runs: number
}

/** Checks what one run delivered and says about itself. Throws `HistoryFailure`. */
export function checkRun({ no, document, log, flow }: FinishedRun, world: World): void {
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
    } else versionIndex(world, object, bodyOf(body), what)
  }
  checkMetrics(no, document, log)
}

function checkMetrics(no: number, document: JsonObject, log: readonly DeliveredRecord[]): void {
  const metrics = document.metrics as JsonObject
  const { status, errors } = metrics.statusSummary as JsonObject
  if (status !== 'success' && status !== 'failed') throw new HistoryFailure(`Run ${no} is ${String(status)}.`)
  if (status === 'failed' && !(errors as readonly JsonObject[]).some(({ message }) => String(message).length > 0)) {
    throw new HistoryFailure(`Run ${no} failed without saying why.`)
  }
  const said = JSON.stringify(errors)
  // A cursor or an object that is gone, or a request that Stripe does not understand.
  if (/Stripe answered (400|404)/.test(said)) throw new HistoryFailure(`Run ${no} could not go on: ${said}`)
  // Whatever Stripe, the network and the store do has a name; a store that fails is waited for.
  if (said.includes('internal error')) throw new HistoryFailure(`Run ${no} met an error of the host's own: ${said}`)
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

/**
 * When nothing failed and nothing changed any more, every run of a flow succeeded, and all but the first delivered nothing.
 * Also those that a schedule made besides the ones that were asked for.
 */
export function checkLastRuns(runs: readonly FinishedRun[], { since, runs: least }: Peace): void {
  const last = runs.filter(({ document }) => Number(document.createdAt) >= since)
  if (last.length < least) throw new HistoryFailure(`Of at least ${least} runs at the end there are ${last.length}.`)
  for (const [index, { no, document, log }] of last.entries()) {
    const { status, errors } = statusOf(document)
    if (status !== 'success') {
      throw new HistoryFailure(`Run ${no} is ${String(status)} although nothing failed: ${JSON.stringify(errors)}`)
    }
    if (index > 0 && log.length > 0) {
      throw new HistoryFailure(`Run ${no} delivered ${log[0]?.objectId} although nothing had changed.`)
    }
  }
}

/** A run after which Stripe had forgotten changes lists everything anew and says so; others have no reason to. */
export function checkRelisting(runs: readonly FinishedRun[]): number {
  let relisted = 0
  let before: number | null = null
  for (const run of runs) {
    const startedAt = startOf(run)
    const { status, extensions } = statusOf(run.document)
    if (status !== 'success' || startedAt === null) continue
    const said = (extensions as JsonObject | undefined)?.relisted as JsonObject | undefined
    if (run.flow.resource !== 'balance_transactions' && before !== null) {
      const gap = startedAt - before
      if (gap > HORIZON_MS + MARGIN_MS && said === undefined) {
        throw new HistoryFailure(`Run ${run.no} comes ${gap / DAY} days after the one before and does not say so.`)
      }
      if (gap > HORIZON_MS + MARGIN_MS) relisted += 1
      if (said !== undefined && Number(said.gapStart) > before + MARGIN_MS) {
        throw new HistoryFailure(`Run ${run.no} says that changes are missing since ${String(said.gapStart)} only.`)
      }
    }
    before = startedAt
  }
  return relisted
}

function startOf({ document }: FinishedRun): number | null {
  const copy = (document.activities as readonly JsonObject[])[0]
  return copy === undefined ? null : Number((copy.durationSummary as JsonObject).startedAtUTC)
}

function statusOf({ metrics }: JsonObject): JsonObject {
  return (metrics as JsonObject).statusSummary as JsonObject
}
