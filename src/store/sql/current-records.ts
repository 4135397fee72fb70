import type { Selectable } from 'kysely'
import type { CurrentRecord, DeliveredRecord } from '../store.ts'
import type { Database, DeliveryTable } from './tables.ts'

export const DELIVERED_COLUMNS = [
  'deliveries.run_no',
  'deliveries.sequence',
  'deliveries.object_id',
  'record_sets.resource_path',
  'deliveries.operation',
  'deliveries.observed_at',
  'deliveries.body',
  'deliveries.mapped',
] as const

type DeliveredRow = Omit<Selectable<DeliveryTable>, 'record_set_no' | 'replaced_run_no' | 'replaced_sequence'> & {
  readonly resource_path: string
}

/** The newest versions of objects with their bodies, to be narrowed down. */
export function selectCurrent(db: Database) {
  return db
    .selectFrom('objects')
    .innerJoin('deliveries', (join) =>
      join.onRef('deliveries.run_no', '=', 'objects.run_no').onRef('deliveries.sequence', '=', 'objects.sequence'),
    )
    .innerJoin('record_sets', 'record_sets.no', 'objects.record_set_no')
    .select([...DELIVERED_COLUMNS, 'objects.object_id as id', 'objects.record_set_no'])
}

export function toCurrentRecord(
  row: DeliveredRow & { readonly id: string; readonly record_set_no: number },
): CurrentRecord {
  return { ...toDeliveredRecord(row), position: { objectId: row.id, recordSetNo: row.record_set_no } }
}

export function toDeliveredRecord(row: DeliveredRow): DeliveredRecord {
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
