import { CompiledQuery } from 'kysely'
import type { RecordTarget } from '../store.ts'
import type { QueryTexts } from './query-texts.ts'
import type { Database } from './tables.ts'

/** The number of the record set of a target, or null while nothing was written to it. */
export async function findRecordSet(db: Database, texts: QueryTexts, target: RecordTarget): Promise<number | null> {
  const text = texts.get('find record set', 1, () =>
    db
      .selectFrom('record_sets')
      .select('no')
      .where('data_set_no', '=', 0)
      .where('connection_spec_id', '=', '')
      .where('resource_path', '=', '')
      .compile(),
  )
  const { rows } = await db.executeQuery<{ no: number }>(CompiledQuery.raw(text, keyOf(target)))
  return rows[0]?.no ?? null
}

/** The number of the record set of a target, which is created unless it exists. */
export async function ensureRecordSet(db: Database, texts: QueryTexts, target: RecordTarget): Promise<number> {
  const known = await findRecordSet(db, texts, target)
  if (known !== null) return known
  const [data_set_no, connection_spec_id, resource_path] = keyOf(target)
  await db
    .insertInto('record_sets')
    .values({ data_set_no, connection_spec_id, resource_path })
    .onConflict((conflict) => conflict.columns(['data_set_no', 'connection_spec_id', 'resource_path']).doNothing())
    .execute()
  return ensureRecordSet(db, texts, target)
}

/** Notes that a run delivers to a record set what was observed at `observedAt` (ms). */
export async function noteRun(
  db: Database,
  texts: QueryTexts,
  recordSetNo: number,
  runNo: number,
  observedAt: number,
): Promise<void> {
  const text = texts.get('note run', 1, () =>
    db
      .insertInto('record_set_runs')
      .values({ record_set_no: 0, run_no: 0, first_observed_at: 0 })
      .onConflict((conflict) =>
        conflict
          .columns(['record_set_no', 'run_no'])
          .doUpdateSet((eb) => ({ first_observed_at: eb.ref('excluded.first_observed_at') }))
          .whereRef('excluded.first_observed_at', '<', 'record_set_runs.first_observed_at'),
      )
      .compile(),
  )
  await db.executeQuery(CompiledQuery.raw(text, [recordSetNo, runNo, observedAt]))
}

function keyOf({ dataSetNo, connectionSpecId, resourcePath }: RecordTarget): [number, string, string] {
  return [dataSetNo, connectionSpecId, resourcePath]
}
