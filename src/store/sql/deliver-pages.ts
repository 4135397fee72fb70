import { CompiledQuery, sql, type RawBuilder } from 'kysely'
import { allOver } from '../../all-over.ts'
import type { DeliverPagesRequest, DeliverRequest, DeliverResult, JsonText, RecordTarget } from '../store.ts'
import { chunksOf } from './chunks.ts'
import { insertDeliveryCauses } from './delivery-causes.ts'
import { findEarlierDeliveries } from './earlier-deliveries.ts'
import { planPage } from './plan-page.ts'
import type { DeliveryRow, ObjectRow, PagePlan, StoredObject } from './plan-page.ts'
import type { QueryTexts } from './query-texts.ts'
import { ensureRecordSet, noteRun } from './record-sets.ts'
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
  'created_at',
  'revisit_at',
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
  'replaced_run_no',
  'replaced_sequence',
] as const satisfies readonly (keyof DeliveryTable)[]

/** `RecordStore.deliverPages` in the transaction that `db` has open. */
export type DeliverPages = (db: Database, request: DeliverPagesRequest) => Promise<readonly DeliverResult[]>

/**
 * `RecordStore.deliverPages`, inside a transaction. The one hot path of the store: its statements are compiled once per
 * row count, and those that do not wait for one another are sent together.
 */
export async function deliverPages(
  db: Database,
  texts: QueryTexts,
  { pages, ...request }: DeliverPagesRequest,
): Promise<readonly DeliverResult[]> {
  const { target, runNo } = request
  const recordSetNo = await ensureRecordSet(db, texts, target)
  const stored = await selectObjects(db, texts, pages, target, recordSetNo)
  const plans: PagePlan[] = []
  let { lastSequence } = request
  for (const page of pages) {
    const plan = await planWithoutRepeats(db, texts, { ...request, ...page, lastSequence }, recordSetNo, stored)
    plans.push(plan)
    applyPlan(stored, plan, page.observedAt)
    lastSequence = plan.result.lastSequence
  }
  await write(db, texts, { target, runNo, pages, plans, recordSetNo })
  return plans.map(({ result }) => result)
}

/** What the pages before have changed is stored only after all of them are planned. */
function applyPlan(stored: Map<string, StoredObject>, { objects, confirmed }: PagePlan, observedAt: number): void {
  for (const row of objects) stored.set(row.object_id, row)
  for (const id of confirmed) stored.set(id, { ...stored.get(id)!, observed_at: observedAt })
}

interface PlannedPages extends Pick<DeliverPagesRequest, 'target' | 'runNo' | 'pages'> {
  readonly plans: readonly PagePlan[]
  readonly recordSetNo: number
}

async function write(
  db: Database,
  texts: QueryTexts,
  { target, runNo, pages, plans, recordSetNo }: PlannedPages,
): Promise<void> {
  const deliveries = plans.flatMap((plan) => plan.deliveries)
  const observed = pages.filter((_, index) => plans[index]!.deliveries.length > 0).map(({ observedAt }) => observedAt)
  const writes = [
    ...(observed.length > 0 ? [noteRun(db, texts, recordSetNo, runNo, Math.min(...observed))] : []),
    insertDeliveries(db, texts, deliveries),
    insertDeliveryCauses(db, pages, plans),
    upsertObjects(
      db,
      texts,
      plans.flatMap((plan) => plan.objects),
    ),
    ...plans.map(({ confirmed }, index) => {
      const { observedAt } = pages[index]!
      return touchObjects(db, texts, { target, observedAt }, recordSetNo, confirmed)
    }),
  ]
  // All are over before the transaction can end.
  await allOver(writes)
}

async function planWithoutRepeats(
  db: Database,
  texts: QueryTexts,
  request: DeliverRequest,
  recordSetNo: number,
  stored: ReadonlyMap<string, StoredObject>,
): Promise<PagePlan> {
  const plan = planPage(request, recordSetNo, stored)
  const delivered = await findEarlierDeliveries(db, texts, request, recordSetNo, plan.replaced)
  return delivered.size === 0 ? plan : planPage(request, recordSetNo, stored, delivered)
}

async function selectObjects(
  db: Database,
  texts: QueryTexts,
  pages: DeliverPagesRequest['pages'],
  target: RecordTarget,
  recordSetNo: number,
): Promise<Map<string, StoredObject>> {
  const ids = new Set<string>()
  for (const { records } of pages) for (const { objectId } of records) if (objectId !== null) ids.add(objectId)
  const stored = new Map<string, StoredObject>()
  await inChunks([...ids], async (chunk) => {
    const text = texts.get('select objects', chunk.length, (count) =>
      db
        .selectFrom('objects')
        .select(['object_id', 'run_no', 'sequence', 'content_hash', 'observed_at', 'deleted'])
        .where('data_set_no', '=', 0)
        .where('record_set_no', '=', 0)
        .where('object_id', 'in', Array<string>(count).fill(''))
        .compile(),
    )
    const { rows } = await db.executeQuery<StoredObject>(
      CompiledQuery.raw(text, [target.dataSetNo, recordSetNo, ...chunk]),
    )
    for (const row of rows) stored.set(row.object_id, row)
  })
  return stored
}

function insertDeliveries(db: Database, texts: QueryTexts, rows: readonly DeliveryRow[]): Promise<void> {
  return inChunks(rows, async (chunk) => {
    const text = texts.get('insert deliveries', chunk.length, (count) =>
      db
        .insertInto('deliveries')
        .values(
          Array<DeliveryRow>(count)
            .fill(chunk[0]!)
            .map((row) => ({ ...pick(row, DELIVERY_COLUMNS), body: asText(row.body), mapped: asText(row.mapped) })),
        )
        .compile(),
    )
    await db.executeQuery(CompiledQuery.raw(text, parametersOf(chunk, DELIVERY_COLUMNS)))
  })
}

function upsertObjects(db: Database, texts: QueryTexts, rows: readonly ObjectRow[]): Promise<void> {
  return inChunks(rows, async (chunk) => {
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
              created_at: eb.ref('excluded.created_at'),
              revisit_at: eb.ref('excluded.revisit_at'),
            }))
            .whereRef('excluded.observed_at', '>=', 'objects.observed_at'),
        )
        .compile(),
    )
    await db.executeQuery(CompiledQuery.raw(text, parametersOf(chunk, OBJECT_COLUMNS)))
  })
}

/** Sends the statements of all chunks together: they are carried out in order, and none waits for this thread. */
async function inChunks<T>(rows: readonly T[], execute: (chunk: readonly T[]) => Promise<void>): Promise<void> {
  await allOver(Array.from(chunksOf(rows), execute))
}

/** Notes the newer observation of unchanged objects, or a page read between the two could still overwrite them. */
export function touchObjects(
  db: Database,
  texts: QueryTexts,
  { target, observedAt }: Pick<DeliverRequest, 'target' | 'observedAt'>,
  recordSetNo: number,
  ids: readonly string[],
): Promise<void> {
  return inChunks(ids, async (chunk) => {
    const text = texts.get('touch objects', chunk.length, (count) =>
      db
        .updateTable('objects')
        .set({ observed_at: 0 })
        .where('data_set_no', '=', 0)
        .where('record_set_no', '=', 0)
        .where('object_id', 'in', Array<string>(count).fill(''))
        .where('observed_at', '<', 0)
        .compile(),
    )
    await db.executeQuery(CompiledQuery.raw(text, [observedAt, target.dataSetNo, recordSetNo, ...chunk, observedAt]))
  })
}

/** A parameter that is stored as text, also when it is the bytes of one. */
function asText(text: JsonText | null): RawBuilder<string | null> {
  return sql`cast(${text} as text)`
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
