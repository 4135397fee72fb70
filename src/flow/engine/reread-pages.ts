import type { RecordStore, RecordTarget } from '../../store/store.ts'
import type { ObservedRecords } from './observe-records.ts'

export interface RereadingRun {
  readonly target: RecordTarget
  readonly runNo: number
  /** First start of the run, ms. */
  readonly startedAt: number
}

/**
 * A page of a list that is read again, without what has been observed since the run began and what the run has refused:
 * those are counted already, and what has changed meanwhile is the next run's.
 */
export async function withoutSeen(
  records: Pick<RecordStore, 'observedSince' | 'refusedAmong'>,
  { target, runNo, startedAt }: RereadingRun,
  observed: ObservedRecords,
): Promise<ObservedRecords> {
  const seen = await records.observedSince(target, idsOf(observed.records), startedAt)
  const known = await records.refusedAmong(runNo, idsOf(observed.refused))
  const kept = observed.records.filter(({ objectId }) => objectId === null || !seen.has(objectId))
  const refused = observed.refused.filter(({ objectId }) => objectId === null || !known.has(objectId))
  const inputBytes = [...kept, ...refused].reduce((bytes, { body }) => bytes + Buffer.byteLength(body ?? ''), 0)
  return {
    records: kept,
    refused,
    counts: {
      ...observed.counts,
      recordCount: kept.length + refused.length,
      failedCount: refused.length,
      inputBytes,
    },
  }
}

function idsOf(records: readonly { readonly objectId: string | null }[]): readonly string[] {
  return records.flatMap(({ objectId }) => objectId ?? [])
}
