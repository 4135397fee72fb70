import type { Selectable } from 'kysely'
import type { DeliverRequest, DeliverResult } from '../store.ts'
import type { DeliveryTable, ObjectTable } from './tables.ts'

export type ObjectRow = Selectable<ObjectTable>
export type DeliveryRow = Selectable<DeliveryTable>
export type StoredObject = Pick<ObjectRow, 'object_id' | 'run_no' | 'content_hash' | 'observed_at' | 'deleted'>

export interface PagePlan {
  readonly deliveries: readonly DeliveryRow[]
  /** New versions. */
  readonly objects: readonly ObjectRow[]
  /** Ids of objects that a newer observation found unchanged. */
  readonly confirmed: readonly string[]
  readonly result: DeliverResult
}

/** Decides what each record of a page does to what is stored. */
export function planPage(
  request: DeliverRequest,
  recordSetNo: number,
  stored: ReadonlyMap<string, StoredObject>,
): PagePlan {
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
