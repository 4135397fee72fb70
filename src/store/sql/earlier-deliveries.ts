import { CompiledQuery } from 'kysely'
import type { DeliverRequest } from '../store.ts'
import type { DeliveryRow, StoredObject } from './plan-page.ts'
import type { QueryTexts } from './query-texts.ts'
import type { Database } from './tables.ts'

type Version = Pick<DeliveryRow, 'run_no' | 'sequence' | 'observed_at'>

/**
 * Which of the objects the run has delivered before, although their newest version is another run's. Every delivery names the
 * version that it replaced, so it is enough to walk back to the run's first observation. A version that was last observed
 * before that is known to be older than all that the run has delivered, and so is nearly every version that a run meets.
 */
export async function findEarlierDeliveries(
  db: Database,
  texts: QueryTexts,
  { runNo, lastSequence }: DeliverRequest,
  recordSetNo: number,
  objects: readonly StoredObject[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  if (lastSequence === 0 || objects.length === 0) return found
  const since = await firstObservedAt(db, texts, recordSetNo, runNo)
  for (const object of objects) {
    let version: Version | undefined = object
    while (version !== undefined && version.run_no !== runNo && version.observed_at >= since) {
      version = await findReplaced(db, texts, version)
    }
    if (version?.run_no === runNo) found.add(object.object_id)
  }
  return found
}

/** The oldest observation (ms) that the run has delivered to the record set; Infinity when it has delivered none. */
async function firstObservedAt(db: Database, texts: QueryTexts, recordSetNo: number, runNo: number): Promise<number> {
  const text = texts.get('first observation', 1, () =>
    db
      .selectFrom('record_set_runs')
      .select('first_observed_at')
      .where('record_set_no', '=', 0)
      .where('run_no', '=', 0)
      .compile(),
  )
  const { rows } = await db.executeQuery<{ first_observed_at: number | null }>(
    CompiledQuery.raw(text, [recordSetNo, runNo]),
  )
  return rows[0] === undefined ? Infinity : (rows[0].first_observed_at ?? 0)
}

async function findReplaced(
  db: Database,
  texts: QueryTexts,
  { run_no, sequence }: Version,
): Promise<Version | undefined> {
  const text = texts.get('replaced version', 1, () =>
    db
      .selectFrom('deliveries as newer')
      .innerJoin('deliveries as older', (join) =>
        join
          .onRef('older.run_no', '=', 'newer.replaced_run_no')
          .onRef('older.sequence', '=', 'newer.replaced_sequence'),
      )
      .select(['older.run_no', 'older.sequence', 'older.observed_at'])
      .where('newer.run_no', '=', 0)
      .where('newer.sequence', '=', 0)
      .compile(),
  )
  const { rows } = await db.executeQuery<Version>(CompiledQuery.raw(text, [run_no, sequence]))
  return rows[0]
}
