import type { Checkpoint } from './checkpoint.ts'
import { PAGE_SIZE } from './live-range.ts'
import { Stopped } from './patience.ts'
import { readAndCommit, type ReadObjectsOptions } from './read-changes.ts'

/**
 * Reads the objects again of which this run and another flow read different versions at the same moment: only a request
 * sent after both tells which is the newer.
 */
export async function readUndecided(options: ReadObjectsOptions): Promise<void> {
  const { committer, stop } = options
  for (;;) {
    const ids = committer.checkpoint.undecided.slice(0, PAGE_SIZE)
    if (ids.length === 0) return
    if (stop.aborted) throw new Stopped()
    // Taken out before what this reading finds is put in: it may be undecided once more.
    const advanceBy = (checkpoint: Checkpoint, id: string) => ({
      ...checkpoint,
      undecided: checkpoint.undecided.filter((other) => other !== id),
    })
    await readAndCommit(options, ids, { advanceBy })
  }
}
