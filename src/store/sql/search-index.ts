import { sql } from 'kysely'
import type {
  CurrentRecord,
  IndexableDelivery,
  IndexWork,
  ObsoleteTerm,
  PublishTermsRequest,
  SearchIndexStore,
  VersionBody,
} from '../store.ts'
import { atomically } from './atomically.ts'
import { chunksOf } from './chunks.ts'
import { selectCurrent, toCurrentRecord } from './current-records.ts'
import type { QueryTexts } from './query-texts.ts'
import {
  createSegmentStore,
  deleteEmptySegment,
  deleteTerms,
  ensureCollectingSegment,
  insertTerms,
} from './search-segments.ts'
import type { Database } from './tables.ts'

export function createSearchIndexStore(db: Database, texts: QueryTexts): SearchIndexStore {
  return {
    ...createSegmentStore(db, texts),

    async pending(connectionSpecIds, dataSetNo, limit) {
      if (connectionSpecIds.length === 0) return []
      const rows = await db
        .selectFrom('record_sets')
        .innerJoin('record_set_runs', 'record_set_runs.record_set_no', 'record_sets.no')
        .leftJoin('run_states', 'run_states.run_no', 'record_set_runs.run_no')
        .select([
          'record_sets.data_set_no',
          'record_sets.no',
          'record_sets.resource_path',
          'record_set_runs.run_no',
          'record_set_runs.indexed_sequence',
          'run_states.status',
          lastDelivery.as('last_sequence'),
        ])
        .where('record_sets.connection_spec_id', 'in', connectionSpecIds)
        .$if(dataSetNo !== null, (query) => query.where('record_sets.data_set_no', '=', dataSetNo!))
        .where('record_set_runs.indexed_sequence', '>=', FIRST)
        .where('record_set_runs.indexed_sequence', '<', lastDelivery)
        .limit(limit)
        .execute()
      return rows.map((row) => ({
        dataSetNo: row.data_set_no,
        recordSetNo: row.no,
        resourcePath: row.resource_path,
        runNo: row.run_no,
        indexedSequence: row.indexed_sequence!,
        lastSequence: row.last_sequence,
        isGoingOn: row.status === 'inProgress',
      }))
    },

    async recordSets(dataSetNo, connectionSpecIds) {
      if (connectionSpecIds.length === 0) return []
      const rows = await db
        .selectFrom('record_sets')
        .select(['no', 'resource_path'])
        .where('data_set_no', '=', dataSetNo)
        .where('connection_spec_id', 'in', connectionSpecIds)
        .execute()
      return rows.map((row) => ({ recordSetNo: row.no, resourcePath: row.resource_path }))
    },

    deliveries: (work, afterSequence, limit) => selectDeliveries(db, work, afterSequence, limit),

    publish: (request) => atomically(db, (db) => publish(db, texts, request)),

    async settle(limit) {
      const settled = await db
        .selectFrom('record_set_runs')
        .innerJoin('run_states', 'run_states.run_no', 'record_set_runs.run_no')
        .select(['record_set_runs.record_set_no', 'record_set_runs.run_no'])
        .where('record_set_runs.indexed_sequence', '>=', FIRST)
        .where('run_states.status', '=', 'success')
        .where('record_set_runs.indexed_sequence', '>=', lastDelivery)
        .limit(limit)
        .execute()
      if (settled.length === 0) return 0
      await atomically(db, async (db) => {
        for (const { record_set_no, run_no } of settled) {
          await db
            .updateTable('record_set_runs')
            .set({ indexed_sequence: null })
            .where('record_set_no', '=', record_set_no)
            .where('run_no', '=', run_no)
            .execute()
        }
      })
      return settled.length
    },

    async present(dataSetNo, positions) {
      const found = new Map<string, CurrentRecord>()
      for (const recordSetNo of new Set(positions.map((position) => position.recordSetNo))) {
        const ids = positions.filter((position) => position.recordSetNo === recordSetNo).map(({ objectId }) => objectId)
        for (const chunk of chunksOf(ids)) {
          const rows = await selectCurrent(db)
            .where('objects.data_set_no', '=', dataSetNo)
            .where('objects.record_set_no', '=', recordSetNo)
            .where('objects.object_id', 'in', chunk)
            .where('objects.deleted', '=', 0)
            .execute()
          for (const row of rows) found.set(`${recordSetNo} ${row.id}`, toCurrentRecord(row))
        }
      }
      return positions.flatMap(({ objectId, recordSetNo }) => found.get(`${recordSetNo} ${objectId}`) ?? [])
    },
  }
}

/** The last delivery of a run, whatever it was delivered to. */
const lastDelivery = sql<number>`(select max(deliveries.sequence) from deliveries where deliveries.run_no = ${sql.ref('record_set_runs.run_no')})`

/** Where every run begins. Compared with it, runs that are settled are left out by the index that has only the others. */
const FIRST = 0

async function selectDeliveries(
  db: Database,
  { dataSetNo, recordSetNo, runNo, lastSequence }: IndexWork,
  afterSequence: number,
  limit: number,
): Promise<readonly IndexableDelivery[]> {
  const rows = await db
    .selectFrom('deliveries')
    .leftJoin('objects', (join) =>
      join
        .on('objects.data_set_no', '=', dataSetNo)
        .onRef('objects.object_id', '=', 'deliveries.object_id')
        .on('objects.record_set_no', '=', recordSetNo),
    )
    .leftJoin('deliveries as newest', (join) =>
      join.onRef('newest.run_no', '=', 'objects.run_no').onRef('newest.sequence', '=', 'objects.sequence'),
    )
    .leftJoin('record_set_runs', (join) =>
      join.on('record_set_runs.record_set_no', '=', recordSetNo).onRef('record_set_runs.run_no', '=', 'newest.run_no'),
    )
    .leftJoin('deliveries as old', (join) =>
      join
        .onRef('old.run_no', '=', 'deliveries.replaced_run_no')
        .onRef('old.sequence', '=', 'deliveries.replaced_sequence'),
    )
    .select(['deliveries.sequence', 'deliveries.object_id', 'deliveries.replaced_run_no'])
    .select(['deliveries.replaced_sequence', 'old.body as old_body', 'newest.body as newest_body'])
    .select(['newest.run_no as newest_run_no', 'newest.sequence as newest_sequence'])
    .select('record_set_runs.indexed_sequence')
    .where('deliveries.run_no', '=', runNo)
    .where('deliveries.sequence', '>', afterSequence)
    .where('deliveries.sequence', '<=', lastSequence)
    .where('deliveries.record_set_no', '=', recordSetNo)
    .where('deliveries.object_id', 'is not', null)
    .orderBy('deliveries.sequence')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    sequence: row.sequence,
    objectId: row.object_id!,
    isNewest: row.newest_run_no === runNo && row.newest_sequence === row.sequence,
    newest: toVersion(row.newest_run_no, row.newest_sequence, row.newest_body),
    isNewestIndexed: row.indexed_sequence === null || row.indexed_sequence >= row.newest_sequence!,
    replaced: toVersion(row.replaced_run_no, row.replaced_sequence, row.old_body),
  }))
}

function toVersion(runNo: number | null, sequence: number | null, body: string | null): VersionBody | null {
  return runNo === null || sequence === null || body === null ? null : { runNo, sequence, body }
}

async function publish(
  db: Database,
  texts: QueryTexts,
  { work, toSequence, segmentNo, terms, obsolete }: PublishTermsRequest,
): Promise<boolean> {
  const { recordSetNo, runNo, indexedSequence } = work
  const moved = await db
    .updateTable('record_set_runs')
    .set({ indexed_sequence: toSequence })
    .where('record_set_no', '=', recordSetNo)
    .where('run_no', '=', runNo)
    .where('indexed_sequence', '=', indexedSequence)
    .executeTakeFirst()
  if (moved.numUpdatedRows === 0n) return false
  if (segmentNo !== null) await closeSegment(db, segmentNo, toSequence)
  if (obsolete.length > 0 || terms.length > 0) {
    const collecting = await ensureCollectingSegment(db, recordSetNo)
    for (const [no, obsoleteTerms] of bySegment(obsolete)) {
      await deleteTerms(db, texts, no ?? collecting, obsoleteTerms)
      if (no !== null) await deleteEmptySegment(db, no)
    }
    // Last: what an object had and still has is among the obsolete terms too.
    await insertTerms(db, texts, collecting, terms)
  }
  return true
}

async function closeSegment(db: Database, segmentNo: number, toSequence: number): Promise<void> {
  const closed = await db
    .updateTable('search_segments')
    .set({ last_sequence: toSequence })
    .where('no', '=', segmentNo)
    .executeTakeFirst()
  if (closed.numUpdatedRows === 0n) throw new Error(`The segment ${segmentNo} of the search index is gone.`)
}

function bySegment(terms: readonly ObsoleteTerm[]): ReadonlyMap<number | null, readonly ObsoleteTerm[]> {
  const groups = new Map<number | null, ObsoleteTerm[]>()
  for (const term of terms) {
    const group = groups.get(term.segmentNo)
    if (group === undefined) groups.set(term.segmentNo, [term])
    else group.push(term)
  }
  return groups
}
