import type { SourceRecord } from '../../plugins/plugin.ts'
import type { RecordTarget, StoreScope } from '../../store/store.ts'
import type { AuditCommitter, PageToCompare } from './audit-committer.ts'
import { PAGE_SIZE } from './live-range.ts'
import { observeRecords } from './observe-records.ts'
import { Stopped } from './patience.ts'
import type { SourceReader } from './source-reader.ts'

export interface CompareUnlistedOptions {
  /** Null when the source reads no single objects: what its lists do not show is not there. */
  readonly reader: SourceReader | null
  readonly committer: AuditCommitter
  readonly records: StoreScope['records']
  readonly audits: StoreScope['audits']
  readonly auditNo: number
  readonly target: RecordTarget
  /** True when a run over the flow's own base connection delivered the object: others may come from other accounts. */
  readonly isOwnRun: (runNo: number) => Promise<boolean>
  /** Take nothing further. */
  readonly stop: AbortSignal
}

/** Looks at each object of the dataset that the lists did not show. */
export async function compareUnlisted(options: CompareUnlistedOptions): Promise<void> {
  const { committer, records, target, stop } = options
  for (;;) {
    const { unlisted, observedFrom } = committer.checkpoint
    if (unlisted.done) return
    if (stop.aborted) throw new Stopped()
    const versions = await records.notObservedSince(target, observedFrom, unlisted.lookedAtUpTo, PAGE_SIZE)
    const after = {
      lookedAtUpTo: versions.at(-1)?.objectId ?? unlisted.lookedAtUpTo,
      done: versions.length < PAGE_SIZE,
    }
    const read = await readAtSource(options, await idsToLookAt(options, versions), observedFrom)
    await committer.commit({ ...read, advance: (checkpoint) => ({ ...checkpoint, unlisted: after }) })
  }
}

/** Those that the flow's own connection has brought and that were not found to differ by the lists. */
async function idsToLookAt(
  { audits, auditNo, isOwnRun }: CompareUnlistedOptions,
  versions: readonly { readonly objectId: string; readonly runNo: number }[],
): Promise<string[]> {
  const own: string[] = []
  for (const { objectId, runNo } of versions) if (await isOwnRun(runNo)) own.push(objectId)
  const found = await audits.found(auditNo, own)
  return own.filter((id) => !found.has(id))
}

async function readAtSource(
  { reader }: CompareUnlistedOptions,
  ids: readonly string[],
  observedFrom: number,
): Promise<Omit<PageToCompare, 'advance'>> {
  if (reader === null)
    return { observed: observeRecords([], null), gone: ids, observation: { observedAt: observedFrom } }
  const present: SourceRecord[] = []
  const gone: string[] = []
  const readings = await reader.readObjects(ids)
  readings.forEach(({ value }, index) => {
    if (value.state === 'present') present.push(value.record)
    else gone.push(ids[index]!)
  })
  const observedAt = readings.reduce((first, { observation }) => Math.min(first, observation.observedAt), Infinity)
  return { observed: observeRecords(present, null), gone, observation: { observedAt } }
}
