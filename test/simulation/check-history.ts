import type { DatabaseSync } from 'node:sqlite'
import type { Store, StoredEntity } from '../../src/store/store.ts'
import { checkDataSet, type DataSetContent } from './check-dataset.ts'
import { checkLastRuns, checkRelisting, checkRun, type FinishedRun, type Peace } from './check-runs.ts'
import { checkVersionChains } from './check-versions.ts'
import { HistoryFailure } from './history-failure.ts'
import type { World } from './model/world.ts'
import { TENANT, type StoredFlow } from './simulated-host.ts'

export interface FinishedHistory {
  readonly store: Store
  /** Beneath the store. */
  readonly database: DatabaseSync
  readonly flows: readonly StoredFlow[]
  readonly world: World
  /** Milliseconds. */
  readonly now: number
  /** What the host logged as an error of its own. */
  readonly errors: readonly string[]
  readonly peace: Peace
}

export interface HistoryCounts {
  readonly runs: number
  /** Runs that listed everything anew because Stripe had forgotten changes. */
  readonly relisted: number
}

const ALL = 1_000_000

/** Compares what a history left with the truth. Throws `HistoryFailure`. */
export async function checkHistory(history: FinishedHistory): Promise<HistoryCounts> {
  const { errors, flows, world, database, peace } = history
  if (errors.length > 0) throw new HistoryFailure(`The host met an error of its own: ${errors[0]}`)
  const runs = await readRuns(history)
  for (const run of runs) checkRun(run, world)
  let relisted = 0
  for (const flow of flows) {
    const own = runs.filter((run) => run.flow === flow)
    checkLastRuns(own, peace)
    relisted += checkRelisting(own)
  }
  checkVersionChains(world, database)
  for (const flow of flows) checkDataSet(await contentOf(history, flow))
  return { runs: runs.length, relisted }
}

/** What stands in the flow's dataset and at Stripe. */
export async function contentOf(
  { store, world, now }: Pick<FinishedHistory, 'store' | 'world' | 'now'>,
  { dataSetNo, resource }: StoredFlow,
): Promise<DataSetContent> {
  return { world, now, resource, stored: await store.records.current(dataSetNo, null, ALL, true) }
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
