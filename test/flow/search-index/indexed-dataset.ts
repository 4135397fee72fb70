import { createRecordSearch, type RecordSearch } from '../../../src/flow/search-index/record-search.ts'
import { SearchIndexer, type IndexLimits } from '../../../src/flow/search-index/search-indexer.ts'
import { silentLogger } from '../../../src/logger.ts'
import type { ObjectPosition, ObservedRecord, RecordTarget, RunStatus, Store } from '../../../src/store/store.ts'

export const SPEC = 'stripe'
export const DATA_SET = 1

/** Small enough for a few records to go every way. */
export const SMALL: IndexLimits = {
  waitFor: 1_000,
  segmentFrom: 8,
  segmentTo: 12,
  collected: 3,
  obsolete: 20,
  slice: 2,
  terms: 5,
}

/** What a subscription is tagged with; null for a deletion. */
export type Tags = Readonly<Record<string, string>> | null

export interface IndexedDataSet {
  readonly indexer: SearchIndexer
  readonly search: RecordSearch
}

export function openIndex(store: Store, limits: IndexLimits = SMALL): IndexedDataSet {
  const specIds = () => [SPEC]
  const indexer = new SearchIndexer({ store, specIds, limits })
  return { indexer, search: createRecordSearch({ store, logger: silentLogger, indexer, specIds }) }
}

export function subscription(objectId: string, tags: Tags): ObservedRecord {
  if (tags === null) return { objectId, operation: 'delete', body: null, contentHash: null }
  const body = JSON.stringify({ data: { id: objectId, object: 'subscription', status: 'active', metadata: tags } })
  return { objectId, operation: 'upsert', body, contentHash: body }
}

interface DeliverOptions {
  readonly observedAt?: number
  readonly resourcePath?: string
  readonly status?: RunStatus
}

/** Delivers as the run's next page, and saves the run with it; as one that is over, unless told otherwise. */
export async function deliver(
  store: Store,
  runNo: number,
  records: readonly ObservedRecord[],
  { observedAt = runNo, resourcePath = 'subscriptions', status = 'success' }: DeliverOptions = {},
): Promise<void> {
  const target: RecordTarget = { dataSetNo: DATA_SET, connectionSpecId: SPEC, resourcePath }
  await store.transaction(async (scope) => {
    const known = await scope.runs.get(runNo)
    const state = { runNo, flowNo: 1, status, notBefore: 0, checkpoint: null }
    if (known === null) await scope.runs.insert({ ...state, lastSequence: 0 })
    const request = { target, runNo, lastSequence: known?.lastSequence ?? 0, observedAt, records }
    const { lastSequence } = await scope.records.deliver(request)
    await scope.runs.save({ ...state, lastSequence })
  })
}

/** The ids that a search finds, over all of its pages. */
export async function idsOf(search: RecordSearch, text: string, limit = 100): Promise<readonly string[]> {
  const ids: string[] = []
  let after: ObjectPosition | null = null
  do {
    const page = await search.search(DATA_SET, { text, isLenient: true }, after, limit)
    ids.push(...page.records.map(({ position }) => position.objectId))
    after = page.next
  } while (after !== null)
  return ids
}

export async function indexAll(indexer: SearchIndexer): Promise<void> {
  while ((await indexer.indexSome()) > 0) continue
}
