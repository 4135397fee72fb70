import type { RecordStore } from '../store.ts'
import { atomically } from './atomically.ts'
import { chunksOf } from './chunks.ts'
import { DELIVERED_COLUMNS, selectCurrent, toCurrentRecord, toDeliveredRecord } from './current-records.ts'
import { touchObjects, type DeliverPages } from './deliver-pages.ts'
import { deleteDeliveryCauses } from './delivery-causes.ts'
import { createObjectQueries } from './object-queries.ts'
import type { QueryTexts } from './query-texts.ts'
import { createHistoryQueries } from './record-history.ts'
import { findRecordSet } from './record-sets.ts'
import { deleteSearchIndex } from './search-segments.ts'
import type { Database } from './tables.ts'

export function createRecordStore(db: Database, texts: QueryTexts, deliverPages: DeliverPages): RecordStore {
  return {
    ...createObjectQueries(db, texts),
    ...createHistoryQueries(db),

    async deliver({ observedAt, records, ...request }) {
      const pages = [{ observedAt, records }]
      const [result] = await atomically(db, (db) => deliverPages(db, { ...request, pages }))
      return result!
    },

    deliverPages(request) {
      return atomically(db, (db) => deliverPages(db, request))
    },

    confirm(target, objectIds, observedAt) {
      return atomically(db, async (db) => {
        const recordSetNo = await findRecordSet(db, texts, target)
        if (recordSetNo !== null) await touchObjects(db, texts, { target, observedAt }, recordSetNo, objectIds)
      })
    },

    async delivered(runNo, afterSequence, limit) {
      const rows = await db
        .selectFrom('deliveries')
        .innerJoin('record_sets', 'record_sets.no', 'deliveries.record_set_no')
        .select([...DELIVERED_COLUMNS])
        .where('deliveries.run_no', '=', runNo)
        .where('deliveries.sequence', '>', afterSequence)
        .orderBy('deliveries.sequence')
        .limit(limit)
        .execute()
      return rows.map(toDeliveredRecord)
    },

    async current(dataSetNo, after, limit, includeDeleted) {
      const rows = await selectCurrent(db)
        .where('objects.data_set_no', '=', dataSetNo)
        .$if(!includeDeleted, (query) => query.where('objects.deleted', '=', 0))
        .$if(after !== null, (query) =>
          query.where((eb) =>
            eb(
              eb.refTuple('objects.object_id', 'objects.record_set_no'),
              '>',
              eb.tuple(after!.objectId, after!.recordSetNo),
            ),
          ),
        )
        .orderBy('objects.object_id')
        .orderBy('objects.record_set_no')
        .limit(limit)
        .execute()
      return rows.map(toCurrentRecord)
    },

    async refuse(runNo, records) {
      const rows = records.map(({ number, objectId, body, reasons }) => ({
        run_no: runNo,
        number,
        object_id: objectId,
        body,
        reasons,
      }))
      for (const chunk of chunksOf(rows)) await db.insertInto('refused_records').values(chunk).execute()
    },

    async refused(runNo, afterNumber, limit) {
      const rows = await db
        .selectFrom('refused_records')
        .selectAll()
        .where('run_no', '=', runNo)
        .where('number', '>', afterNumber)
        .orderBy('number')
        .limit(limit)
        .execute()
      return rows.map((row) => ({
        number: row.number,
        objectId: row.object_id,
        body: row.body,
        reasons: row.reasons,
      }))
    },

    async refusedAmong(runNo, objectIds) {
      const found = new Set<string>()
      for (const chunk of chunksOf(objectIds)) {
        const rows = await db
          .selectFrom('refused_records')
          .select('object_id')
          .where('run_no', '=', runNo)
          .where('object_id', 'in', chunk)
          .execute()
        for (const { object_id } of rows) if (object_id !== null) found.add(object_id)
      }
      return found
    },

    async forgetRefused(runNo) {
      await db.deleteFrom('refused_records').where('run_no', '=', runNo).execute()
    },

    fixPageEnd(runNo, afterSequence, limit, endSequence) {
      return atomically(db, async (db) => {
        await db
          .insertInto('page_ends')
          .values({ run_no: runNo, after_sequence: afterSequence, page_limit: limit, end_sequence: endSequence })
          .onConflict((conflict) => conflict.columns(['run_no', 'after_sequence', 'page_limit']).doNothing())
          .execute()
        return (await selectPageEnd(db, runNo, afterSequence, limit)) ?? endSequence
      })
    },

    fixedPageEnd(runNo, afterSequence, limit) {
      return selectPageEnd(db, runNo, afterSequence, limit)
    },

    deleteDataSet(dataSetNo) {
      return atomically(db, async (db) => {
        const sets = await db.selectFrom('record_sets').select('no').where('data_set_no', '=', dataSetNo).execute()
        for (const { no } of sets) {
          await deleteRecordSet(db, no)
          await deleteSearchIndex(db, no)
        }
        await db.deleteFrom('objects').where('data_set_no', '=', dataSetNo).execute()
        await db.deleteFrom('record_sets').where('data_set_no', '=', dataSetNo).execute()
      })
    },
  }
}

async function deleteRecordSet(db: Database, recordSetNo: number): Promise<void> {
  const runs = await db
    .selectFrom('record_set_runs')
    .select('run_no')
    .where('record_set_no', '=', recordSetNo)
    .execute()
  for (const { run_no } of runs) {
    await deleteDeliveryCauses(db, run_no, recordSetNo)
    await db.deleteFrom('deliveries').where('run_no', '=', run_no).where('record_set_no', '=', recordSetNo).execute()
    await db.deleteFrom('refused_records').where('run_no', '=', run_no).execute()
    await db.deleteFrom('page_ends').where('run_no', '=', run_no).execute()
  }
  await db.deleteFrom('record_set_runs').where('record_set_no', '=', recordSetNo).execute()
}

async function selectPageEnd(
  db: Database,
  runNo: number,
  afterSequence: number,
  limit: number,
): Promise<number | null> {
  const row = await db
    .selectFrom('page_ends')
    .select('end_sequence')
    .where('run_no', '=', runNo)
    .where('after_sequence', '=', afterSequence)
    .where('page_limit', '=', limit)
    .executeTakeFirst()
  return row?.end_sequence ?? null
}
