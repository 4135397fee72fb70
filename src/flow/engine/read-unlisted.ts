import type { Relist } from './checkpoint.ts'
import { PAGE_SIZE } from './live-range.ts'
import { Stopped } from './patience.ts'
import { readAndCommit, type ReadObjectsOptions } from './read-changes.ts'

export interface ReadUnlistedOptions extends ReadObjectsOptions {
  /** True when a run over the flow's own base connection delivered the object: others may come from other accounts. */
  readonly isOwnRun: (runNo: number) => Promise<boolean>
}

/**
 * After everything was listed anew: reads each object of the dataset that the lists did not show. Most often it was
 * deleted while nobody looked.
 */
export async function readUnlisted(options: ReadUnlistedOptions): Promise<void> {
  const { committer, records, target, stop, isOwnRun } = options
  for (;;) {
    const { relist } = committer.checkpoint
    if (relist === null || relist.done) return
    if (stop.aborted) throw new Stopped()
    const found = await records.notObservedSince(target, relist.observedFrom, relist.lookedAtUpTo, PAGE_SIZE)
    const ids: string[] = []
    for (const { objectId, runNo } of found) if (await isOwnRun(runNo)) ids.push(objectId)
    const after: Relist = {
      ...relist,
      lookedAtUpTo: found.at(-1)?.objectId ?? relist.lookedAtUpTo,
      done: found.length < PAGE_SIZE,
    }
    await readAndCommit(options, ids, { advance: (checkpoint) => ({ ...checkpoint, relist: after }) })
  }
}
