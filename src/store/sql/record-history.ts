import type { RecordStore } from '../store.ts'
import type { Database } from './tables.ts'

type HistoryQueries = Pick<RecordStore, 'newestVersions' | 'versionsFrom'>

/** Versions of one object. Each delivery names the version that it replaced, so they are walked one by one. */
export function createHistoryQueries(db: Database): HistoryQueries {
  return {
    async newestVersions(dataSetNo, objectId, resourcePath) {
      const rows = await db
        .selectFrom('objects')
        .innerJoin('record_sets', 'record_sets.no', 'objects.record_set_no')
        .select(['objects.record_set_no', 'objects.run_no', 'objects.sequence'])
        .where('objects.data_set_no', '=', dataSetNo)
        .where('objects.object_id', '=', objectId)
        // What was deleted before it was ever delivered has no version.
        .where('objects.sequence', '>', 0)
        .$if(resourcePath !== null, (query) => query.where('record_sets.resource_path', '=', resourcePath!))
        .orderBy('objects.record_set_no')
        .execute()
      return rows.map((row) => ({ recordSetNo: row.record_set_no, runNo: row.run_no, sequence: row.sequence }))
    },

    async versionsFrom({ recordSetNo, runNo, sequence }, limit) {
      const rows = await db
        .withRecursive('chain(run_no, sequence, replaced_run_no, replaced_sequence, depth)', (chain) =>
          chain
            .selectFrom('deliveries')
            .select((eb) => [
              'deliveries.run_no',
              'deliveries.sequence',
              'deliveries.replaced_run_no',
              'deliveries.replaced_sequence',
              eb.lit(1).as('depth'),
            ])
            .where('deliveries.run_no', '=', runNo)
            .where('deliveries.sequence', '=', sequence)
            .where('deliveries.record_set_no', '=', recordSetNo)
            .unionAll(
              chain
                .selectFrom('chain')
                .innerJoin('deliveries as older', (join) =>
                  join
                    .onRef('older.run_no', '=', 'chain.replaced_run_no')
                    .onRef('older.sequence', '=', 'chain.replaced_sequence'),
                )
                .select((eb) => [
                  'older.run_no',
                  'older.sequence',
                  'older.replaced_run_no',
                  'older.replaced_sequence',
                  eb('chain.depth', '+', 1).as('depth'),
                ])
                .where('chain.depth', '<', limit),
            ),
        )
        .selectFrom('chain')
        .innerJoin('deliveries', (join) =>
          join.onRef('deliveries.run_no', '=', 'chain.run_no').onRef('deliveries.sequence', '=', 'chain.sequence'),
        )
        .innerJoin('record_sets', 'record_sets.no', 'deliveries.record_set_no')
        .leftJoin('entities', 'entities.no', 'chain.run_no')
        .leftJoin('delivery_causes', (join) =>
          join
            .onRef('delivery_causes.run_no', '=', 'chain.run_no')
            .onRef('delivery_causes.sequence', '=', 'chain.sequence'),
        )
        .select([
          'chain.run_no',
          'chain.sequence',
          'deliveries.operation',
          'deliveries.observed_at',
          'deliveries.body',
          'record_sets.resource_path',
          'entities.id as run_id',
          'delivery_causes.event_id',
          'delivery_causes.event_type',
          'delivery_causes.event_created_at',
        ])
        .orderBy('chain.depth')
        .execute()
      return rows.map((row) => ({
        position: { recordSetNo, runNo: row.run_no, sequence: row.sequence },
        runId: row.run_id,
        resourcePath: row.resource_path,
        operation: row.operation,
        observedAt: row.observed_at,
        body: row.body,
        cause:
          row.event_id === null
            ? null
            : { eventId: row.event_id, type: row.event_type!, createdAt: row.event_created_at! },
      }))
    },
  }
}
