import type { Change, ChangeFeedRules, SourceRecord } from '../../plugins/plugin.ts'
import type { DeliveryCause, RecordTarget, StoreScope } from '../../store/store.ts'
import type { RowMapper } from '../row-mapper.ts'
import { allOver } from '../../all-over.ts'
import type { ChangeProgress } from './change-position.ts'
import type { Checkpoint } from './checkpoint.ts'
import { NO_OBSERVATION, NOTHING_OBSERVED, observeRecords, withCause, withDeletions } from './observe-records.ts'
import type { PageCommitter, PageToCommit } from './page-committer.ts'
import { Stopped } from './patience.ts'
import { withLeftOut } from './read-lists.ts'
import { withoutUnknown } from './selection.ts'
import type { SourceReader } from './source-reader.ts'

export interface ReadObjectsOptions {
  readonly reader: SourceReader
  readonly committer: PageCommitter
  readonly records: StoreScope['records']
  readonly target: RecordTarget
  readonly mapper: RowMapper | null
  /** An object that the source no longer knows was deleted. */
  readonly deletable: boolean
  /** Take nothing further. */
  readonly stop: AbortSignal
}

/** What else matters to the reading of objects that something has named. */
export interface NamedObjectOptions {
  readonly createdFrom?: number
  /** The event because of which each of the objects is read, by its id. */
  readonly causes?: ReadonlyMap<string, DeliveryCause>
}

export interface ReadChangesOptions extends ReadObjectsOptions {
  readonly feed: ChangeFeedRules
  /** Those of the resource, see `SourceResource`. */
  readonly optionalPasses: readonly string[]
  /** Entries that the flow has handled before this run. */
  readonly known: ReadonlySet<string>
  /** Of what changed, the flow takes objects created since then, Unix seconds, and those that are there already. */
  readonly createdFrom: number
}

/**
 * Takes the changes up to the run's mark: each entry of the feed only names objects, and these are read anew unless this
 * run has seen them. Entries that the next run will meet again are noted, so that it leaves them out. List passes that
 * entries name are left to be read in the checkpoint.
 */
export async function readChanges(options: ReadChangesOptions): Promise<void> {
  const { committer, reader, stop } = options
  for (;;) {
    const { changes: progress } = committer.checkpoint
    if (progress === null || progress.done) return
    if (stop.aborted) throw new Stopped()
    const { at } = progress.mark
    const window = { from: progress.from, to: at === null ? null : at + 1 }
    const page = at === null ? NO_CHANGES : await reader.readChanges(window, progress.cursor)
    const after = advanceChanges(progress, page.changes, page.nextCursor, options)
    const changes = toHandle(page.changes, progress, options.known)
    const ids = await idsToRead(options, changes, progress)
    const passes = changes.flatMap(({ listPasses = [] }) => listPasses)
    const causes = causesOf(changes)
    const refused = refusalsIn(changes, options)
    const advance = (checkpoint: Checkpoint) => ({ ...refused(withPasses(checkpoint, passes)), changes: after })
    await readAndCommit({ ...options, causes }, ids, { advance })
  }
}

/** The checkpoint with these list passes still to be read, each once. */
export function withPasses(checkpoint: Checkpoint, passes: readonly string[]): Checkpoint {
  const { ranges, planned } = checkpoint
  const open = new Set(ranges.map(({ pass }) => pass))
  let no = Math.max(-1, ...[...ranges, ...planned].map((range) => range.no))
  const added = [...new Set(passes)]
    .filter((pass) => !open.has(pass))
    .map((pass) => ({ no: ++no, pass, created: { from: null, to: null }, cursor: null, done: false }))
  return { ...checkpoint, ranges: [...ranges, ...added] }
}

const UNNAMED = 'changes concern objects that the source refused to name.'

/** Notes what the source has refused to show of the entries' objects, as if the pass itself had been refused. */
function refusalsIn(
  changes: readonly Change[],
  { optionalPasses }: ReadChangesOptions,
): (checkpoint: Checkpoint) => Checkpoint {
  const refused = optionalPasses.filter((pass) => changes.some(({ refusedPass }) => refusedPass === pass))
  return (checkpoint) => refused.reduce((noted, pass) => withLeftOut(noted, pass, UNNAMED), checkpoint)
}

const NO_CHANGES = { changes: [], nextCursor: null }

/** Entries that are neither known nor later than the mark. */
function toHandle(changes: readonly Change[], { mark }: ChangeProgress, known: ReadonlySet<string>): Change[] {
  const ids = new Set(mark.ids)
  return changes.filter(
    ({ changeId, createdAt }) =>
      !known.has(changeId) && mark.at !== null && (createdAt < mark.at || (createdAt === mark.at && ids.has(changeId))),
  )
}

function advanceChanges(
  progress: ChangeProgress,
  changes: readonly Change[],
  cursor: string | null,
  { known, feed }: ReadChangesOptions,
): ChangeProgress {
  const { mark } = progress
  const from = Math.max(progress.from ?? 0, (mark.at ?? 0) - feed.overlapSeconds)
  const near = changes.filter(({ changeId, createdAt }) => createdAt >= from && known.has(changeId))
  const handled = [...near, ...toHandle(changes, progress, known).filter(({ createdAt }) => createdAt >= from)]
  return {
    ...progress,
    cursor,
    done: cursor === null,
    metKnown: progress.metKnown || changes.some(({ changeId }) => known.has(changeId)),
    handled: [...new Set([...progress.handled, ...handled.map(({ changeId }) => changeId)])],
  }
}

/** The newest entry about each object; of several in one second the one that the feed has first. */
function causesOf(changes: readonly Change[]): ReadonlyMap<string, DeliveryCause> {
  const causes = new Map<string, DeliveryCause>()
  for (const { changeId, type, createdAt, objectIds } of changes) {
    if (type === undefined) continue
    const cause = { eventId: changeId, type, createdAt: createdAt * 1000 }
    for (const id of objectIds) if ((causes.get(id)?.createdAt ?? -Infinity) < cause.createdAt) causes.set(id, cause)
  }
  return causes
}

/** The objects that the entries name, without those that this run has seen after the mark. */
async function idsToRead(
  { records, target }: ReadChangesOptions,
  changes: readonly Change[],
  { mark }: ChangeProgress,
): Promise<string[]> {
  const ids = [...new Set(changes.flatMap(({ objectIds }) => objectIds))]
  const seen = await records.observedSince(target, ids, mark.observedFrom)
  return ids.filter((id) => !seen.has(id))
}

/** What is stored together with objects that were read. */
export interface ReadObjectsEffects {
  /** The checkpoint once all of them are stored. */
  readonly advance?: (checkpoint: Checkpoint) => Checkpoint
  /** The checkpoint with which one of them is stored. */
  readonly advanceBy?: (checkpoint: Checkpoint, id: string) => Checkpoint
  /** Beside the last checkpoint. */
  readonly alsoStore?: PageToCommit['alsoStore']
}

const same = (checkpoint: Checkpoint): Checkpoint => checkpoint

/** Reads the objects and stores each. */
export async function readAndCommit(
  options: ReadObjectsOptions & NamedObjectOptions,
  ids: readonly string[],
  { advance = same, advanceBy = same, alsoStore }: ReadObjectsEffects,
): Promise<void> {
  const { reader, committer, mapper, deletable } = options
  const readings = await reader.readObjects(ids)
  const present = readings.flatMap(({ value }) => (value.state === 'present' ? [value.record] : []))
  const taken = new Set(await takenByFlow(options, present))
  const stored = readings.map(({ value, observation }, index) => {
    const id = ids[index]!
    const records = value.state === 'present' && taken.has(value.record) ? [value.record] : []
    const isDeleted = value.state === 'deleted' || (value.state === 'unknown' && deletable)
    const read = withDeletions(observeRecords(records, mapper), isDeleted ? [id] : [])
    const observed = withCause(read, options.causes?.get(id))
    return committer.commit({ observed, observation, advance: (checkpoint) => advanceBy(checkpoint, id) })
  })
  // Comes after them, so that the checkpoint is never ahead of what is stored.
  const advanced = committer.commit({
    observed: NOTHING_OBSERVED,
    observation: NO_OBSERVATION,
    advance,
    ...(alsoStore && { alsoStore }),
  })
  await allOver([...stored, advanced])
}

/** An object from before the flow's beginning, or one that is not selected, is taken only when it is there already. */
function takenByFlow(
  { records, target, createdFrom = 0 }: ReadObjectsOptions & NamedObjectOptions,
  present: readonly SourceRecord[],
): Promise<readonly SourceRecord[]> {
  const isDoubtful = ({ createdAt = null, isSelected = true }: SourceRecord) =>
    !isSelected || (createdAt !== null && createdAt < createdFrom)
  return withoutUnknown(records, target, present, isDoubtful)
}
