import type { Selectable } from 'kysely'
import { isOverlapping } from '../observation.ts'
import type { DeliverRequest, DeliverResult, JsonText, ObservedRecord } from '../store.ts'
import type { DeliveryTable, ObjectTable } from './tables.ts'

export type ObjectRow = Selectable<ObjectTable>
/** As it is inserted. */
export interface DeliveryRow extends Omit<Selectable<DeliveryTable>, 'body' | 'mapped'> {
  readonly body: JsonText | null
  readonly mapped: JsonText | null
}
export type StoredObject = Pick<
  ObjectRow,
  'object_id' | 'run_no' | 'sequence' | 'content_hash' | 'observed_at' | 'deleted'
>

export interface PagePlan {
  readonly deliveries: readonly DeliveryRow[]
  /** New versions. */
  readonly objects: readonly ObjectRow[]
  /** Stored versions that the new ones replace. */
  readonly replaced: readonly StoredObject[]
  /** Ids of objects that a newer observation found unchanged. */
  readonly confirmed: readonly string[]
  readonly result: DeliverResult
}

const NONE: ReadonlySet<string> = new Set()

/** Decides what each record of a page does to what is stored. `delivered` are objects known to be delivered by the run. */
export function planPage(
  request: DeliverRequest,
  recordSetNo: number,
  stored: ReadonlyMap<string, StoredObject>,
  delivered: ReadonlySet<string> = NONE,
): PagePlan {
  const deliveries: DeliveryRow[] = []
  const objects: ObjectRow[] = []
  const replaced: StoredObject[] = []
  const confirmed: string[] = []
  const undecided: string[] = []
  const counts = { created: 0, updated: 0, deleted: 0, skipped: 0, repeated: 0 }
  let bytes = 0
  let sequence = request.lastSequence
  const seen = new Set<string>()

  for (const record of request.records) {
    const { objectId, body } = record
    if (objectId !== null && seen.has(objectId)) {
      counts.repeated += 1
      continue
    }
    if (objectId !== null) seen.add(objectId)
    const known = objectId === null ? undefined : stored.get(objectId)
    const outcome = outcomeOf(request, record, known, delivered)
    if (outcome === 'buried') {
      counts.skipped += 1
      objects.push(objectRow(request, record, objectId!, recordSetNo, 0))
      continue
    }
    if (outcome === 'undecided') {
      undecided.push(objectId!)
      continue
    }
    counts[outcome] += 1
    if (outcome === 'skipped' || outcome === 'repeated') {
      if (known && isUnchanged(record, known) && request.observedAt > known.observed_at) confirmed.push(objectId!)
      continue
    }
    sequence += 1
    if (body !== null) bytes += Buffer.byteLength(body)
    const isReplacing = known !== undefined && known.sequence > 0
    if (isReplacing) replaced.push(known)
    deliveries.push(deliveryRow(request, record, recordSetNo, sequence, isReplacing ? known : null))
    if (objectId !== null) objects.push(objectRow(request, record, objectId, recordSetNo, sequence))
  }
  return { deliveries, objects, replaced, confirmed, result: { ...counts, undecided, bytes, lastSequence: sequence } }
}

type Outcome = 'created' | 'updated' | 'deleted' | 'buried' | 'skipped' | 'repeated' | 'undecided'

function outcomeOf(
  request: DeliverRequest,
  record: ObservedRecord,
  known: StoredObject | undefined,
  delivered: ReadonlySet<string>,
): Outcome {
  const { runNo, observedAt, force = false } = request
  const isDeletion = record.operation === 'delete'
  if (!known) return isDeletion ? (record.objectId === null ? 'skipped' : 'buried') : 'created'
  // Sequence 0 is a tombstone that the run has left without delivering anything.
  if (known.run_no === runNo && known.sequence > 0) return 'repeated'
  if (isOverlapping(request, known.observed_at) && !isUnchanged(record, known)) return 'undecided'
  if (observedAt < known.observed_at) return 'skipped'
  // At the same time the tombstone wins: only something newer brings an object back.
  if (known.deleted && (isDeletion || observedAt === known.observed_at)) return 'skipped'
  if (isUnchanged(record, known) && !force) return 'skipped'
  if (delivered.has(known.object_id)) return 'repeated'
  if (isDeletion) return 'deleted'
  return known.deleted ? 'created' : 'updated'
}

function isUnchanged({ operation, contentHash }: ObservedRecord, known: StoredObject): boolean {
  if (operation === 'delete') return known.deleted === 1
  return known.deleted === 0 && contentHash !== null && contentHash === known.content_hash
}

function deliveryRow(
  { runNo, observedAt }: DeliverRequest,
  { objectId, operation, body, mapped = null }: ObservedRecord,
  recordSetNo: number,
  sequence: number,
  replaced: StoredObject | null,
): DeliveryRow {
  return {
    run_no: runNo,
    sequence,
    record_set_no: recordSetNo,
    object_id: objectId,
    operation,
    observed_at: observedAt,
    body,
    mapped,
    replaced_run_no: replaced?.run_no ?? null,
    replaced_sequence: replaced?.sequence ?? null,
  }
}

function objectRow(
  { target, runNo, observedAt }: DeliverRequest,
  { operation, contentHash, createdAt = null, revisitAt = null }: ObservedRecord,
  objectId: string,
  recordSetNo: number,
  sequence: number,
): ObjectRow {
  const isDeletion = operation === 'delete'
  return {
    data_set_no: target.dataSetNo,
    object_id: objectId,
    record_set_no: recordSetNo,
    run_no: runNo,
    sequence,
    content_hash: contentHash,
    observed_at: observedAt,
    deleted: isDeletion ? 1 : 0,
    created_at: createdAt,
    revisit_at: isDeletion ? null : revisitAt,
  }
}
