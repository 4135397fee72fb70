import type { ChangeFeedRules } from '../../plugins/plugin.ts'
import type { StoredEntity } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import type { Flow, SourceConnection } from '../types.ts'
import { parseChangePosition } from './change-position.ts'
import type { Checkpoint } from './checkpoint.ts'
import type { PageCommitter } from './page-committer.ts'
import { relistAfterHole } from './prepare-run.ts'
import { readChanges } from './read-changes.ts'
import { readFindings } from './read-findings.ts'
import { readLists, type ListProgress } from './read-lists.ts'
import { readUndecided } from './read-undecided.ts'
import { readNotifications } from './read-notifications.ts'
import { readUnlisted } from './read-unlisted.ts'
import type { RunParts } from './run-parts.ts'
import { flowBeginning } from './run-window.ts'
import { refineForRun } from './selection.ts'
import type { SourceReader } from './source-reader.ts'

export interface RunStagesOptions {
  readonly context: FlowContext
  readonly parts: RunParts
  readonly reader: SourceReader
  readonly committer: PageCommitter
  /** Take nothing further. */
  readonly stop: AbortSignal
  readonly onListed: (progress: ListProgress) => void
  /** The run has delivered something before this stretch of work. */
  readonly hasDelivered: boolean
  /** Stores a checkpoint without records. */
  readonly save: (checkpoint: Checkpoint) => Promise<Checkpoint>
}

/** Reads what the run's checkpoint says is left to read, stage by stage. */
export async function runStages(options: RunStagesOptions): Promise<void> {
  const { context, parts, reader, committer, stop, onListed, save } = options
  const { resource, target, mapper } = parts
  const { records, audits, progress } = context.store
  const refine = refineForRun({ resource, records, target })
  const lists = { reader, committer, resource, mapper, refine, stop, onProgress: onListed }
  const deletable = resource.deletable ?? false
  const objects = { reader, committer, records, target, mapper, deletable, stop }

  const isOwnRun = createOwnRunCheck(context, parts)
  if (committer.checkpoint.notifications !== null) {
    await readNotifications({ ...options, objects, lists, isOwnRun })
    // Among them may be objects of another account, which this one does not know.
    return readUndecided({ ...objects, deletable: false })
  }
  const readAnnounced = async (feed: ChangeFeedRules): Promise<void> => {
    const position = parseChangePosition((await progress.get(parts.flow.no))?.changePosition ?? null)
    const known = new Set(position?.known)
    const createdFrom = Math.ceil(flowBeginning(parts.schedule) / 1000)
    await readChanges({ ...objects, feed, optionalPasses: resource.optionalPasses ?? [], known, createdFrom })
    // The passes that changes have added.
    await readLists({ ...lists, takes: (pass) => !resource.passes.includes(pass) })
    const { changes, relist } = committer.checkpoint
    const isHole = changes !== null && !changes.isCovered && !changes.metKnown
    if (isHole && relist === null && position !== null && known.size > 0) {
      committer.restart(await save(relistAfterHole(committer.checkpoint, changes, { parts }, position.takenAt)))
    }
  }
  const { changeFeed, selection } = resource
  // A run delivers an object once: what an index shows of it must not come before its newest state.
  if (selection !== undefined && changeFeed !== undefined) await readAnnounced(changeFeed)
  await readLists(lists)
  if (selection === undefined && changeFeed !== undefined) {
    await readAnnounced(changeFeed)
    await readLists(lists)
  }
  await readUnlisted({ ...objects, isOwnRun })
  // What an audit calls extra is known to be gone.
  await readFindings({ ...objects, audits, deletable: true })
  await readUndecided(objects)
}

/**
 * Tells whether a run was over the same base connection, asking the store once for each run. Where the source connection
 * selects objects it must be the same source connection: others may have brought any number that this one never shows.
 */
export function createOwnRunCheck(
  { store }: FlowContext,
  { base, sourceConnection, resource }: Pick<RunParts, 'base' | 'sourceConnection' | 'resource'>,
): (runNo: number) => Promise<boolean> {
  const answers = new Map<number, Promise<boolean>>()
  const ask = async (runNo: number): Promise<boolean> => {
    const run = await store.entities.getByNo(runNo)
    if (run === null) return false
    const flow = (await store.entities.get(run, 'flows', String(run.document.flowId))) as StoredEntity<Flow> | null
    const sourceId = flow?.document.sourceConnectionIds[0]
    if (sourceId === undefined) return false
    if (resource.selection !== undefined) return sourceId === sourceConnection.id
    const source = await store.entities.get(run, 'sourceConnections', sourceId)
    return (source as StoredEntity<SourceConnection> | null)?.document.baseConnectionId === base.id
  }
  return (runNo) => {
    const answer = answers.get(runNo) ?? ask(runNo)
    answers.set(runNo, answer)
    return answer
  }
}
