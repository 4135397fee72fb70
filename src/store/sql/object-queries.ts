import { CompiledQuery } from 'kysely'
import type { DueObject, RecordStore, RecordTarget, StoredVersion } from '../store.ts'
import { chunksOf } from './chunks.ts'
import type { QueryTexts } from './query-texts.ts'
import { findRecordSet } from './record-sets.ts'
import type { Database } from './tables.ts'

type ObjectQueries = Pick<RecordStore, 'observedSince' | 'versionsOf' | 'dueForRevisit' | 'notObservedSince'>

/** Objects looked at in one statement; a scan of many takes several, so that the process gets its turn in between. */
const SCAN_STEP = 10_000

/** What the engine and the audit ask about newest versions. */
export function createObjectQueries(db: Database, texts: QueryTexts): ObjectQueries {
  return {
    async observedSince(target, objectIds, since) {
      const found = new Set<string>()
      const recordSetNo = await findRecordSet(db, texts, target)
      if (recordSetNo === null) return found
      for (const chunk of chunksOf(objectIds)) {
        const text = texts.get('observed since', chunk.length, (count) =>
          db
            .selectFrom('objects')
            .select('object_id')
            .where('data_set_no', '=', 0)
            .where('record_set_no', '=', 0)
            .where('observed_at', '>=', 0)
            .where('object_id', 'in', Array<string>(count).fill(''))
            .compile(),
        )
        const { rows } = await db.executeQuery<{ object_id: string }>(
          CompiledQuery.raw(text, [target.dataSetNo, recordSetNo, since, ...chunk]),
        )
        for (const { object_id } of rows) found.add(object_id)
      }
      return found
    },

    async versionsOf(target, objectIds) {
      const versions: StoredVersion[] = []
      const recordSetNo = await findRecordSet(db, texts, target)
      if (recordSetNo === null) return versions
      for (const chunk of chunksOf(objectIds)) {
        // A version whose delivery is gone is still told of: an audit is to find just that.
        const rows = await db
          .selectFrom('objects')
          .leftJoin('deliveries', (join) =>
            join
              .onRef('deliveries.run_no', '=', 'objects.run_no')
              .onRef('deliveries.sequence', '=', 'objects.sequence'),
          )
          .select([...VERSION_COLUMNS, 'deliveries.body'])
          .where('objects.data_set_no', '=', target.dataSetNo)
          .where('objects.record_set_no', '=', recordSetNo)
          .where('objects.object_id', 'in', chunk)
          .execute()
        for (const row of rows) versions.push({ ...toVersion(row), body: row.body })
      }
      return versions
    },

    async dueForRevisit(target, dueAt, limit) {
      const recordSetNo = await findRecordSet(db, texts, target)
      if (recordSetNo === null) return []
      // Deleted objects have no `revisit_at`, so that the index answers alone.
      const rows = await db
        .selectFrom('objects')
        .select(['object_id', 'created_at'])
        .where('record_set_no', '=', recordSetNo)
        .where('revisit_at', 'is not', null)
        .$if(Number.isFinite(dueAt), (query) => query.where('revisit_at', '<=', dueAt))
        .where('created_at', 'is not', null)
        .orderBy('created_at', 'desc')
        .limit(limit)
        .execute()
      return rows.map((row): DueObject => ({ objectId: row.object_id, createdAt: row.created_at! }))
    },

    async notObservedSince(target, before, afterId, limit) {
      const versions: Omit<StoredVersion, 'body'>[] = []
      const recordSetNo = await findRecordSet(db, texts, target)
      if (recordSetNo === null) return versions
      for (let after = afterId; ;) {
        const end = await endOfStep(db, target, after)
        const rows = await db
          .selectFrom('objects')
          .select(VERSION_COLUMNS)
          .where('objects.data_set_no', '=', target.dataSetNo)
          .where('objects.record_set_no', '=', recordSetNo)
          .where('objects.observed_at', '<', before)
          .where('objects.deleted', '=', 0)
          .$if(after !== null, (query) => query.where('objects.object_id', '>', after!))
          .$if(end !== null, (query) => query.where('objects.object_id', '<=', end!))
          .orderBy('objects.object_id')
          .limit(limit - versions.length)
          .execute()
        versions.push(...rows.map(toVersion))
        if (end === null || versions.length >= limit) return versions
        after = end
      }
    },
  }
}

/** The id of the last object of a step through the dataset after `afterId`; null when the step reaches the end. */
async function endOfStep(db: Database, { dataSetNo }: RecordTarget, afterId: string | null): Promise<string | null> {
  const row = await db
    .selectFrom('objects')
    .select('object_id')
    .where('data_set_no', '=', dataSetNo)
    .$if(afterId !== null, (query) => query.where('object_id', '>', afterId!))
    .orderBy('object_id')
    .limit(1)
    .offset(SCAN_STEP - 1)
    .executeTakeFirst()
  return row?.object_id ?? null
}

const VERSION_COLUMNS = [
  'objects.object_id',
  'objects.run_no',
  'objects.sequence',
  'objects.content_hash',
  'objects.observed_at',
  'objects.deleted',
] as const

interface VersionRow {
  readonly object_id: string
  readonly run_no: number
  readonly sequence: number
  readonly content_hash: string | null
  readonly observed_at: number
  readonly deleted: number
}

function toVersion(row: VersionRow): Omit<StoredVersion, 'body'> {
  return {
    objectId: row.object_id,
    runNo: row.sequence === 0 ? 0 : row.run_no,
    contentHash: row.content_hash,
    observedAt: row.observed_at,
    deleted: row.deleted === 1,
  }
}
