import { CompiledQuery } from 'kysely'
import type { DeliverRequest, DeliverResult, RecordTarget } from '../store.ts'
import { chunksOf } from './chunks.ts'
import { planPage } from './plan-page.ts'
import type { DeliveryRow, ObjectRow, StoredObject } from './plan-page.ts'
import type { QueryTexts } from './query-texts.ts'
import type { Database, DeliveryTable, ObjectTable } from './tables.ts'

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

/** `RecordStore.deliver`, inside a transaction. The one hot path of the store: its statements are compiled once per row count. */
export async function deliverPage(db: Database, texts: QueryTexts, request: DeliverRequest): Promise<DeliverResult> {
  const recordSetNo = await ensureRecordSet(db, request.target)
  const stored = await selectObjects(db, texts, request, recordSetNo)
  const plan = planPage(request, recordSetNo, stored)
  if (plan.deliveries.length > 0) await noteRun(db, recordSetNo, request.runNo)
  await insertDeliveries(db, texts, plan.deliveries)
  await upsertObjects(db, texts, plan.objects)
  await touchObjects(db, texts, request, recordSetNo, plan.confirmed)
  return plan.result
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

/** The row with its members in the order of `columns`, which is the order of the statement's parameters. */
function pick<T, K extends keyof T>(row: T, columns: readonly K[]): Pick<T, K> {
  return Object.fromEntries(columns.map((column) => [column, row[column]])) as Pick<T, K>
}

function parametersOf<T>(rows: readonly T[], columns: readonly (keyof T)[]): unknown[] {
  const parameters: unknown[] = []
  for (const row of rows) for (const column of columns) parameters.push(row[column])
  return parameters
}
