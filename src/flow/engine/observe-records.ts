import { hash } from 'node:crypto'
import type { SourceRecord } from '../../plugins/plugin.ts'
import type { DeliveryCause, JsonText, Observation, ObservedRecord, RefusedRecord } from '../../store/store.ts'
import type { RowMapper } from '../row-mapper.ts'
import { newest, type ReadCounts } from './checkpoint.ts'
import { encodeTexts } from './encode-texts.ts'

export interface ObservedRecords {
  readonly records: readonly ObservedRecord[]
  /** Not numbered yet: that depends on what was stored before. */
  readonly refused: readonly Omit<RefusedRecord, 'number'>[]
  readonly counts: ReadCounts
}

/** Goes with `NOTHING_OBSERVED`. */
export const NO_OBSERVATION: Observation = { observedAt: 0 }

export const NOTHING_OBSERVED: ObservedRecords = {
  records: [],
  refused: [],
  counts: { recordCount: 0, failedCount: 0, droppedCount: 0, inputBytes: 0, newestCreated: null },
}

/**
 * Records as the store takes them: the source form as JSON text, the mapped row beside it, and apart the records that
 * the mapping refuses.
 */
export function observeRecords(read: readonly SourceRecord[], mapper: RowMapper | null): ObservedRecords {
  const records: ObservedRecord[] = []
  const refused: Omit<RefusedRecord, 'number'>[] = []
  const texts = read.map(({ record }) => JSON.stringify(record))
  const bodies = encodeTexts(texts)
  let inputBytes = 0
  let newestCreated: number | null = null
  for (const [index, { id, record, createdAt = null, revisitAt = null }] of read.entries()) {
    const body = bodies[index]!
    inputBytes += body.byteLength
    newestCreated = newest(newestCreated, createdAt)
    const row = mapper?.map(record)
    if (row?.ok === false) {
      refused.push({ objectId: id, body: texts[index]!, reasons: JSON.stringify(row.errors) })
      continue
    }
    const contentHash = contentHashOf(body)
    const mapped = row === undefined ? null : JSON.stringify(row.xdm)
    records.push({ objectId: id, operation: 'upsert', body, contentHash, mapped, createdAt, revisitAt })
  }
  const counts = { recordCount: read.length, failedCount: refused.length, droppedCount: 0, inputBytes, newestCreated }
  return { records, refused, counts }
}

/** What was observed, with the count of what the source showed besides and that is not taken. */
export function withDropped(observed: ObservedRecords, droppedCount: number): ObservedRecords {
  return droppedCount === 0 ? observed : { ...observed, counts: { ...observed.counts, droppedCount } }
}

/** Deletions of objects, added to what was observed with them. */
export function withDeletions(observed: ObservedRecords, ids: readonly string[]): ObservedRecords {
  const deletions = ids.map((objectId) => ({
    objectId,
    operation: 'delete' as const,
    body: null,
    contentHash: null,
  }))
  const { counts } = observed
  return {
    ...observed,
    records: [...observed.records, ...deletions],
    counts: { ...counts, recordCount: counts.recordCount + ids.length },
  }
}

/** The same records, read because of an event. */
export function withCause(observed: ObservedRecords, cause: DeliveryCause | undefined): ObservedRecords {
  if (cause === undefined) return observed
  return { ...observed, records: observed.records.map((record) => ({ ...record, cause })) }
}

/** Equal for equal records in source form, of which `body` is the JSON text. */
export function contentHashOf(body: JsonText): string {
  return hash('sha256', body, 'base64')
}
