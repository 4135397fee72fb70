import type { Change, ChangeFeedRules, Cursor } from '../../plugins/plugin.ts'

/**
 * Where a flow stands in the change feed of its source.
 *
 * Entries share whole seconds, show up late and out of order. So a position is a time from which to read again and the
 * entries behind it that need no handling. A run takes the changes up to a mark set before its first list call: what
 * changes later may or may not be in its lists, and is left to the next run whole.
 */
export interface ChangePosition {
  /** Read from here, Unix seconds, inclusive; null: from the feed's beginning. */
  readonly from: number | null
  /** Entries at or after `from` that are handled. */
  readonly known: readonly string[]
  /** When the mark was taken, ms by the host's clock. */
  readonly takenAt: number
}

/** Where the feed stood at one moment. */
export interface ChangeMark {
  /** Time of the newest entry, Unix seconds by the source's clock; null when the feed was empty. */
  readonly at: number | null
  /** The entries of that second. One that is not among them came later. */
  readonly ids: readonly string[]
  /** Milliseconds by the host's clock. */
  readonly takenAt: number
  /** Objects observed since then (ms) were read after the mark and hold every change up to it. */
  readonly observedFrom: number
}

/** How far a run has come in taking the changes up to its mark. */
export interface ChangeProgress {
  readonly mark: ChangeMark
  /** Where the run began to read, Unix seconds; null: at the feed's beginning. */
  readonly from: number | null
  readonly cursor: Cursor | null
  readonly done: boolean
  /** Everything is listed after the mark, so changes before it need no handling. */
  readonly isCovered: boolean
  /** An entry handled by an earlier run was met: the feed has no hole between that run and this. */
  readonly metKnown: boolean
  /** Entries near the mark that this run has handled, which the next run will meet again. */
  readonly handled: readonly string[]
}

/** The mark that entries of a feed amount to, among them all of the newest second. */
export function markOf(changes: readonly Change[], moment: Pick<ChangeMark, 'takenAt' | 'observedFrom'>): ChangeMark {
  const at = changes.length === 0 ? null : Math.max(...changes.map((change) => change.createdAt))
  return { at, ids: changes.filter((change) => change.createdAt === at).map((change) => change.changeId), ...moment }
}

/** Where the next run begins. `known` are the entries that the flow knew before this run. */
export function positionAfter(
  { mark, from, isCovered, handled }: ChangeProgress,
  known: readonly string[],
  { overlapSeconds }: ChangeFeedRules,
): ChangePosition {
  const { at, ids, takenAt } = mark
  // Lists are never behind the feed, so what was listed after the mark holds even changes that show up late.
  if (isCovered) return { from: at, known: ids, takenAt }
  if (at === null) return { from, known, takenAt }
  return { from: Math.max(from ?? 0, at - overlapSeconds), known: handled, takenAt }
}

/**
 * True when the entries after the position cannot all be there any more. What the clocks do not tell shows later: a feed
 * without a hole still holds an entry that the flow knows.
 */
export function hasHole(position: ChangePosition, mark: ChangeMark, { horizonSeconds }: ChangeFeedRules): boolean {
  if (mark.takenAt - position.takenAt >= horizonSeconds * 1000) return true
  if (position.from === null) return false
  return mark.at === null || mark.at < position.from || mark.at - position.from >= horizonSeconds
}

export function parseChangePosition(text: string | null): ChangePosition | null {
  return text === null ? null : (JSON.parse(text) as ChangePosition)
}
