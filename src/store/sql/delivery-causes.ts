import type { DeliverPagesRequest, DeliveryCause, ObservedRecord } from '../store.ts'
import { chunksOf } from './chunks.ts'
import type { DeliveryRow, PagePlan } from './plan-page.ts'
import type { Database, DeliveryCauseTable } from './tables.ts'

/** Keeps with the deliveries of these pages the events that they were read because of. Most pages have none. */
export async function insertDeliveryCauses(
  db: Database,
  pages: DeliverPagesRequest['pages'],
  plans: readonly PagePlan[],
): Promise<void> {
  const rows = pages.flatMap(({ records }, index) => causeRows(records, plans[index]!.deliveries))
  for (const chunk of chunksOf(rows)) await db.insertInto('delivery_causes').values(chunk).execute()
}

function causeRows(records: readonly ObservedRecord[], deliveries: readonly DeliveryRow[]): DeliveryCauseTable[] {
  const causes = new Map<string, DeliveryCause>()
  for (const { cause, objectId } of records) if (cause && objectId !== null) causes.set(objectId, cause)
  if (causes.size === 0) return []
  return deliveries.flatMap(({ run_no, sequence, object_id }) => {
    const cause = object_id === null ? undefined : causes.get(object_id)
    if (cause === undefined) return []
    return [{ run_no, sequence, event_id: cause.eventId, event_type: cause.type, event_created_at: cause.createdAt }]
  })
}

/** Removes the causes of what a run has delivered to a record set; call it while its deliveries are still there. */
export async function deleteDeliveryCauses(db: Database, runNo: number, recordSetNo: number): Promise<void> {
  await db
    .deleteFrom('delivery_causes')
    .where('run_no', '=', runNo)
    .where('sequence', 'in', (deliveries) =>
      deliveries
        .selectFrom('deliveries')
        .select('deliveries.sequence')
        .where('deliveries.run_no', '=', runNo)
        .where('deliveries.record_set_no', '=', recordSetNo),
    )
    .execute()
}
