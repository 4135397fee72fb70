import type { AuditStore } from '../../store/store.ts'
import { PAGE_SIZE } from './live-range.ts'
import { Stopped } from './patience.ts'
import { readAndCommit, type ReadObjectsOptions } from './read-changes.ts'

export interface ReadFindingsOptions extends ReadObjectsOptions {
  readonly audits: Pick<AuditStore, 'findings'>
}

/** Mends what an audit found: reads each object that it named anew. */
export async function readFindings(options: ReadFindingsOptions): Promise<void> {
  const { committer, audits, stop } = options
  for (;;) {
    const { repair } = committer.checkpoint
    if (repair === null || repair.done) return
    if (stop.aborted) throw new Stopped()
    const found = await audits.findings(repair.auditNo, repair.mendedUpTo, PAGE_SIZE)
    const after = {
      ...repair,
      mendedUpTo: found.at(-1)?.number ?? repair.mendedUpTo,
      done: found.length < PAGE_SIZE,
    }
    const ids = found.map(({ objectId }) => objectId)
    await readAndCommit(options, ids, { advance: (checkpoint) => ({ ...checkpoint, repair: after }) })
  }
}
