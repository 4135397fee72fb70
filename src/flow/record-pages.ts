import type { Caller } from '../caller.ts'
import { notFound } from '../errors.ts'
import type { DeliveredRecord, ObjectPosition } from '../store/store.ts'
import type { FlowContext } from './context.ts'
import type { RecordQuery, RecordSearch } from './search-index/record-search.ts'

/** A page of records as JSON text: the bodies are stored as JSON and go out as they are. */
export interface RecordsPage<Position> {
  /** One JSON object each. */
  readonly items: readonly string[]
  /** Where the next page starts; null when there is none and will be none. */
  readonly next: Position | null
}

export interface RecordPageOptions {
  /** Adds `mapped`, the row that the flow's mapping made, to each item that has one. */
  readonly includeMapped?: boolean
}

export interface RecordPages {
  /**
   * What a run has delivered after `afterSequence`, in delivery order. A page never changes once it was served: one that
   * was served short while the run was going on keeps its length, and what comes later is on the next page. While the run
   * goes on there is always a next page, empty until there is more.
   */
  ofRun(
    caller: Caller,
    runId: string,
    afterSequence: number,
    limit: number,
    options?: RecordPageOptions,
  ): Promise<RecordsPage<number>>
  /** The newest version of every object of a dataset, ordered by id. */
  ofDataSet(
    caller: Caller,
    dataSetId: string,
    after: ObjectPosition | null,
    limit: number,
    options?: RecordPageOptions & { readonly includeDeleted?: boolean },
  ): Promise<RecordsPage<ObjectPosition>>
  /**
   * The newest versions in a dataset that match a query, ordered by id. A page may hold fewer than `limit`, even none, and
   * still have a next one: so many records and no more are looked at for one page.
   */
  search(
    caller: Caller,
    dataSetId: string,
    query: RecordQuery,
    after: ObjectPosition | null,
    limit: number,
    options?: RecordPageOptions,
  ): Promise<RecordsPage<ObjectPosition>>
}

export function createRecordPages({ store }: Pick<FlowContext, 'store'>, recordSearch: RecordSearch): RecordPages {
  return {
    async ofRun(caller, runId, afterSequence, limit, { includeMapped = false } = {}) {
      const run = await store.entities.get(caller.tenant, 'runs', runId)
      // The status is read before the records: a run seen as ended has delivered all of them.
      const state = run === null ? null : await store.runs.get(run.no)
      if (run === null || state === null) throw notFound('runs', runId)
      const found = await store.records.delivered(run.no, afterSequence, limit)

      const fixed = await store.records.fixedPageEnd(run.no, afterSequence, limit)
      let end = fixed ?? found.at(-1)?.sequence ?? afterSequence
      const isShort = found.length > 0 && found.length < limit
      // A failed run may be triggered again and deliver more.
      if (fixed === null && isShort && state.status !== 'success') {
        end = await store.records.fixPageEnd(run.no, afterSequence, limit, end)
      }
      const goesOn = state.status === 'scheduled' || state.status === 'inProgress'
      return {
        items: found.filter((record) => record.sequence <= end).map((record) => toItem(record, includeMapped)),
        next: goesOn || end < state.lastSequence ? end : null,
      }
    },

    async ofDataSet(caller, dataSetId, after, limit, { includeMapped = false, includeDeleted = false } = {}) {
      const dataSet = await store.entities.get(caller.tenant, 'dataSets', dataSetId)
      if (dataSet === null) throw notFound('dataSets', dataSetId)
      const found = await store.records.current(dataSet.no, after, limit + 1, includeDeleted)
      const page = found.slice(0, limit)
      return {
        items: page.map((record) => toItem(record, includeMapped)),
        next: found.length > limit ? (page.at(-1)?.position ?? null) : null,
      }
    },

    async search(caller, dataSetId, query, after, limit, { includeMapped = false } = {}) {
      const dataSet = await store.entities.get(caller.tenant, 'dataSets', dataSetId)
      if (dataSet === null) throw notFound('dataSets', dataSetId)
      const { records, next } = await recordSearch.search(dataSet.no, query, after, limit)
      return { items: records.map((record) => toItem(record, includeMapped)), next }
    },
  }
}

function toItem(record: DeliveredRecord, includeMapped: boolean): string {
  const head = JSON.stringify({
    id: record.objectId,
    op: record.operation,
    resourcePath: record.resourcePath,
    sequence: record.sequence,
    observedAt: record.observedAt,
  })
  const body = record.body === null ? '' : `,"record":${record.body}`
  const mapped = includeMapped && record.mapped !== null ? `,"mapped":${record.mapped}` : ''
  return `${head.slice(0, -1)}${body}${mapped}}`
}
