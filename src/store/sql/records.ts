import type { Selectable } from 'kysely'
import { CompiledQuery } from 'kysely'
import type { DeliverRequest, DeliverResult, DeliveredRecord, RecordStore, RecordTarget } from '../store.ts'
import { atomically } from './atomically.ts'
import type { QueryTexts } from './query-texts.ts'
import type { Database, DeliveryTable, ObjectTable } from './tables.ts'

/** Rows that go into one statement; a larger page takes several. */
const ROWS_PER_STATEMENT = 500

const OBJECT_COLUMNS = [
  'data_set_no',
  'object_id',
  'record_set_no',
  'run_no',
  'sequence',
  'content_hash',
  'observed_at',
  'deleted',
] as const satisfies readonly (keyof ObjectTable)[]

const DELIVERY_COLUMNS = [
  'run_no',
  'sequence',
  'record_set_no',
  'object_id',
  'operation',
  'observed_at',
  'body',
  'mapped',
] as const satisfies readonly (keyof DeliveryTable)[]

type ObjectRow = Selectable<ObjectTable>
type DeliveryRow = Selectable<DeliveryTable>
type StoredObject = Pick<ObjectRow, 'object_id' | 'run_no' | 'content_hash' | 'observed_at' | 'deleted'>

export function createRecordStore(db: Database, texts: QueryTexts): RecordStore {
  return {
    deliver(request) {
      return atomically(db, async (db) => {
        const recordSetNo = await ensureRecordSet(db, request.target)
        const stored = await selectObjects(db, texts, request, recordSetNo)
        const plan = planPage(request, recordSetNo, stored)
        if (plan.deliveries.length > 0) await noteRun(db, recordSetNo, request.runNo)
        await insertDeliveries(db, texts, plan.deliveries)
        await upsertObjects(db, texts, plan.objects)
        await touchObjects(db, texts, request, recordSetNo, plan.confirmed)
        return plan.result
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
      const rows = await db
        .selectFrom('objects')
        .innerJoin('deliveries', (join) =>
          join.onRef('deliveries.run_no', '=', 'objects.run_no').onRef('deliveries.sequence', '=', 'objects.sequence'),
        )
        .innerJoin('record_sets', 'record_sets.no', 'objects.record_set_no')
        .select([...DELIVERED_COLUMNS, 'objects.object_id as id', 'objects.record_set_no'])
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
      return rows.map((row) => ({
        ...toDeliveredRecord(row),
        position: { objectId: row.id, recordSetNo: row.record_set_no },
      }))
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
        for (const { no } of sets) await deleteRecordSet(db, no)
        await db.deleteFrom('objects').where('data_set_no', '=', dataSetNo).execute()
        await db.deleteFrom('record_sets').where('data_set_no', '=', dataSetNo).execute()
      })
    },
  }
}

interface PagePlan {
  readonly deliveries: readonly DeliveryRow[]
  /** New versions. */
  readonly objects: readonly ObjectRow[]
  /** Ids of objects that a newer observation found unchanged. */
  readonly confirmed: readonly string[]
  readonly result: DeliverResult
}

/** Decides what each record of a page does to what is stored. */
function planPage(request: DeliverRequest, recordSetNo: number, stored: ReadonlyMap<string, StoredObject>): PagePlan {
  const { target, runNo, observedAt } = request
  const deliveries: DeliveryRow[] = []
  const objects: ObjectRow[] = []
  const confirmed: string[] = []
  const counts = { created: 0, updated: 0, deleted: 0, skipped: 0, repeated: 0 }
  let bytes = 0
  let sequence = request.lastSequence
  const seen = new Set<string>()

  for (const { objectId, operation, body, contentHash, mapped = null } of request.records) {
    const known = objectId === null ? undefined : stored.get(objectId)
    const isRepeated = objectId !== null && seen.has(objectId)
    if (objectId !== null) seen.add(objectId)
    const outcome = isRepeated ? 'repeated' : outcomeOf(request, operation, contentHash, known)
    if (outcome === 'confirmed') confirmed.push(objectId!)
    if (outcome === 'confirmed' || outcome === 'skipped' || outcome === 'repeated') {
      counts[outcome === 'repeated' ? 'repeated' : 'skipped'] += 1
      continue
    }
    counts[outcome] += 1
    sequence += 1
    if (body !== null) bytes += Buffer.byteLength(body)
    deliveries.push({
      run_no: runNo,
      sequence,
      record_set_no: recordSetNo,
      object_id: objectId,
      operation,
      observed_at: observedAt,
      body,
      mapped,
    })
    if (objectId === null) continue
    objects.push({
      data_set_no: target.dataSetNo,
      object_id: objectId,
      record_set_no: recordSetNo,
      run_no: runNo,
      sequence,
      content_hash: contentHash,
      observed_at: observedAt,
      deleted: operation === 'delete' ? 1 : 0,
    })
  }
  return { deliveries, objects, confirmed, result: { ...counts, bytes, lastSequence: sequence } }
}

function outcomeOf(
  { runNo, observedAt }: DeliverRequest,
  operation: DeliveryRow['operation'],
  contentHash: string | null,
  known: StoredObject | undefined,
): 'created' | 'updated' | 'deleted' | 'confirmed' | 'skipped' | 'repeated' {
  if (!known) return operation === 'delete' ? 'skipped' : 'created'
  if (known.run_no === runNo) return 'repeated'
  if (observedAt < known.observed_at) return 'skipped'
  if (operation === 'delete') return known.deleted ? 'skipped' : 'deleted'
  // At the same time the tombstone wins: only something newer brings an object back.
  if (known.deleted) return observedAt > known.observed_at ? 'created' : 'skipped'
  if (contentHash === null || contentHash !== known.content_hash) return 'updated'
  return observedAt > known.observed_at ? 'confirmed' : 'skipped'
}

async function ensureRecordSet(db: Database, target: RecordTarget): Promise<number> {
  const select = db
    .selectFrom('record_sets')
    .select('no')
    .where('data_set_no', '=', target.dataSetNo)
    .where('connection_spec_id', '=', target.connectionSpecId)
    .where('resource_path', '=', target.resourcePath)
  const known = await select.executeTakeFirst()
  if (known) return known.no
  await db
    .insertInto('record_sets')
    .values({
      data_set_no: target.dataSetNo,
      connection_spec_id: target.connectionSpecId,
      resource_path: target.resourcePath,
    })
    .onConflict((conflict) => conflict.columns(['data_set_no', 'connection_spec_id', 'resource_path']).doNothing())
    .execute()
  return (await select.executeTakeFirstOrThrow()).no
}

async function noteRun(db: Database, recordSetNo: number, runNo: number): Promise<void> {
  await db
    .insertInto('record_set_runs')
    .values({ record_set_no: recordSetNo, run_no: runNo })
    .onConflict((conflict) => conflict.columns(['record_set_no', 'run_no']).doNothing())
    .execute()
}

async function selectObjects(
  db: Database,
  texts: QueryTexts,
  { target, records }: DeliverRequest,
  recordSetNo: number,
): Promise<ReadonlyMap<string, StoredObject>> {
  const ids = new Set<string>()
  for (const { objectId } of records) if (objectId !== null) ids.add(objectId)
  const stored = new Map<string, StoredObject>()
  for (const chunk of chunksOf([...ids])) {
    const text = texts.get('select objects', chunk.length, (count) =>
      db
        .selectFrom('objects')
        .select(['object_id', 'run_no', 'content_hash', 'observed_at', 'deleted'])
        .where('data_set_no', '=', 0)
        .where('record_set_no', '=', 0)
        .where('object_id', 'in', Array<string>(count).fill(''))
        .compile(),
    )
    const { rows } = await db.executeQuery<StoredObject>(
      CompiledQuery.raw(text, [target.dataSetNo, recordSetNo, ...chunk]),
    )
    for (const row of rows) stored.set(row.object_id, row)
  }
  return stored
}

async function insertDeliveries(db: Database, texts: QueryTexts, rows: readonly DeliveryRow[]): Promise<void> {
  for (const chunk of chunksOf(rows)) {
    const text = texts.get('insert deliveries', chunk.length, (count) =>
      db
        .insertInto('deliveries')
        .values(
          Array<DeliveryRow>(count)
            .fill(chunk[0]!)
            .map((row) => pick(row, DELIVERY_COLUMNS)),
        )
        .compile(),
    )
    await db.executeQuery(CompiledQuery.raw(text, parametersOf(chunk, DELIVERY_COLUMNS)))
  }
}

async function upsertObjects(db: Database, texts: QueryTexts, rows: readonly ObjectRow[]): Promise<void> {
  for (const chunk of chunksOf(rows)) {
    const text = texts.get('upsert objects', chunk.length, (count) =>
      db
        .insertInto('objects')
        .values(
          Array<ObjectRow>(count)
            .fill(chunk[0]!)
            .map((row) => pick(row, OBJECT_COLUMNS)),
        )
        .onConflict((conflict) =>
          conflict
            .columns(['data_set_no', 'object_id', 'record_set_no'])
            .doUpdateSet((eb) => ({
              run_no: eb.ref('excluded.run_no'),
              sequence: eb.ref('excluded.sequence'),
              content_hash: eb.ref('excluded.content_hash'),
              observed_at: eb.ref('excluded.observed_at'),
              deleted: eb.ref('excluded.deleted'),
            }))
            .whereRef('excluded.observed_at', '>=', 'objects.observed_at'),
        )
        .compile(),
    )
    await db.executeQuery(CompiledQuery.raw(text, parametersOf(chunk, OBJECT_COLUMNS)))
  }
}

/** Notes the newer observation of unchanged objects, or a page read between the two could still overwrite them. */
async function touchObjects(
  db: Database,
  texts: QueryTexts,
  { target, observedAt }: DeliverRequest,
  recordSetNo: number,
  ids: readonly string[],
): Promise<void> {
  for (const chunk of chunksOf(ids)) {
    const text = texts.get('touch objects', chunk.length, (count) =>
      db
        .updateTable('objects')
        .set({ observed_at: 0 })
        .where('data_set_no', '=', 0)
        .where('record_set_no', '=', 0)
        .where('object_id', 'in', Array<string>(count).fill(''))
        .compile(),
    )
    await db.executeQuery(CompiledQuery.raw(text, [observedAt, target.dataSetNo, recordSetNo, ...chunk]))
  }
}

async function deleteRecordSet(db: Database, recordSetNo: number): Promise<void> {
  const runs = await db
    .selectFrom('record_set_runs')
    .select('run_no')
    .where('record_set_no', '=', recordSetNo)
    .execute()
  for (const { run_no } of runs) {
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

const DELIVERED_COLUMNS = [
  'deliveries.run_no',
  'deliveries.sequence',
  'deliveries.object_id',
  'record_sets.resource_path',
  'deliveries.operation',
  'deliveries.observed_at',
  'deliveries.body',
  'deliveries.mapped',
] as const

function toDeliveredRecord(row: Omit<DeliveryRow, 'record_set_no'> & { resource_path: string }): DeliveredRecord {
  return {
    runNo: row.run_no,
    sequence: row.sequence,
    objectId: row.object_id,
    resourcePath: row.resource_path,
    operation: row.operation,
    observedAt: row.observed_at,
    body: row.body,
    mapped: row.mapped,
  }
}

function* chunksOf<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += ROWS_PER_STATEMENT) {
    yield items.slice(start, start + ROWS_PER_STATEMENT)
  }
}

/** The row with its members in the order of `columns`, which is the order of the statement's parameters. */
function pick<T, K extends keyof T>(row: T, columns: readonly K[]): Pick<T, K> {
  return Object.fromEntries(columns.map((column) => [column, row[column]])) as Pick<T, K>
}

function parametersOf<T>(rows: readonly T[], columns: readonly (keyof T)[]): unknown[] {
  const parameters: unknown[] = []
  for (const row of rows) for (const column of columns) parameters.push(row[column])
  return parameters
}
