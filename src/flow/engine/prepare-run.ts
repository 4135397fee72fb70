import {
  FatalSourceError,
  type Change,
  type ChangeFeedRules,
  type ChangePage,
  type Cursor,
  type SelectionRules,
} from '../../plugins/plugin.ts'
import type { DueObject, FlowProgress, StoreScope } from '../../store/store.ts'
import { hasHole, markOf, parseChangePosition, type ChangeMark, type ChangeProgress } from './change-position.ts'
import type { Checkpoint, Relist } from './checkpoint.ts'
import type { ObservationClock } from './observation-clock.ts'
import { prepare } from './plan-run.ts'
import type { RunParts } from './run-parts.ts'
import { flowBeginning, movesFlow } from './run-window.ts'
import { lagMsOf } from './selection.ts'
import type { SourceReader } from './source-reader.ts'

export interface PrepareOptions {
  readonly parts: RunParts
  readonly reader: SourceReader
  readonly observations: ObservationClock
  /** Milliseconds. */
  readonly now: number
}

/** Fewer are all looked at again, whether due or not: they cost next to nothing, and clocks differ. */
const FEW_OBJECTS = 500
/** More are left to the next run. */
const MOST_DUE = 100_000

/** Where the change feed stands before the first list call; null when the run takes no changes. */
export type FeedMark = ChangeMark | { readonly refused: FatalSourceError } | null

/**
 * True when the run continues its flow, and so takes changes too; not for a window somewhere else. One that ends in the
 * past leaves them to the next run, unless it is the first and lists everything.
 */
export async function takesChanges(
  scope: StoreScope,
  { window, startedAt }: Pick<Checkpoint, 'window' | 'startedAt'>,
  { flow, schedule }: RunParts,
): Promise<boolean> {
  const progress = await scope.progress.get(flow.no)
  if (progress === null || !movesFlow(window, schedule, progress.position)) return false
  return window.end >= startedAt || window.start <= flowBeginning(schedule)
}

/**
 * Takes the mark in the change feed. What changes after it may or may not be in the lists that are read from now on; it
 * is the next run's.
 */
export async function takeMark({ parts, reader, observations, now }: PrepareOptions): Promise<FeedMark> {
  if (parts.resource.changeFeed === undefined) return null
  try {
    const changes = await newestChanges(reader)
    return markOf(changes, { takenAt: now, observedFrom: observations.observe() })
  } catch (error) {
    if (error instanceof FatalSourceError && error.reason === 'permission') return { refused: error }
    throw error
  }
}

/** The newest entries of the feed, among them all of the newest second, on however many pages. */
async function newestChanges(reader: SourceReader): Promise<readonly Change[]> {
  const page = await reader.readChanges({ from: null, to: null }, null)
  const at = page.changes[0]?.createdAt
  if (at === undefined || page.nextCursor === null || page.changes.at(-1)?.createdAt !== at) return page.changes
  const changes = [...page.changes]
  let cursor: Cursor | null = null
  do {
    const next: ChangePage = await reader.readChanges({ from: at, to: at + 1 }, cursor)
    changes.push(...next.changes)
    cursor = next.nextCursor
  } while (cursor !== null)
  return changes
}

/** The checkpoint with everything that the run is to read, as the flow's progress and the mark have it. */
export async function prepareRun(
  scope: StoreScope,
  checkpoint: Checkpoint,
  feedMark: FeedMark,
  { parts, observations, now }: PrepareOptions,
): Promise<Checkpoint> {
  const { window } = checkpoint
  const progress = await scope.progress.get(parts.flow.no)
  const continues = progress !== null && window.start === progress.position
  const beginning = flowBeginning(parts.schedule)
  const isFirst = window.start <= beginning
  const endsNow = window.end >= checkpoint.startedAt
  const plan =
    progress !== null && feedMark !== null
      ? planChanges(parts, feedMark, progress, { isFirst, observations })
      : NO_CHANGES
  const hasLeftovers = isFirst && endsNow && (await holdsObjects(scope, parts))
  const relist = hasLeftovers ? newRelist(null, null, seenFrom(parts, observations.observe())) : plan.relist
  const due = endsNow && relist === null ? await dueObjects(scope, parts, now) : []
  // A window somewhere else shows too little to make up for what was left out.
  const moves = progress !== null && movesFlow(window, parts.schedule, progress.position)
  const owed = moves ? (progress.leftOut ?? parts.resource.optionalPasses ?? []) : []
  const lists = { window, resource: parts.resource, beginning, continues, due, owed }
  const notes = [...plan.notes, ...(parts.resource.selection ? [parts.resource.selection.note] : [])]
  return prepare(checkpoint, { ...plan, ...lists, relist, notes, newestCreated: progress?.newestCreated ?? null })
}

/** Earlier runs, perhaps ones that failed, have delivered what may be gone by now, and nobody has followed that. */
async function holdsObjects(scope: StoreScope, { target, resource }: RunParts): Promise<boolean> {
  if (resource.changeFeed === undefined) return false
  return (await scope.records.notObservedSince(target, Infinity, null, 1)).length > 0
}

interface ChangePlan {
  readonly changes: ChangeProgress | null
  readonly relist: Relist | null
  readonly notes: readonly string[]
}

const NO_CHANGES: ChangePlan = { changes: null, relist: null, notes: [] }

/** Which changes to read, or why everything must be listed anew instead. */
function planChanges(
  parts: RunParts,
  feedMark: NonNullable<FeedMark>,
  { changePosition, position: listedUpTo }: FlowProgress,
  { isFirst, observations }: { readonly isFirst: boolean; readonly observations: ObservationClock },
): ChangePlan {
  const { changeFeed: feed, selection } = parts.resource
  if (feed === undefined) return NO_CHANGES
  const relistFor = (reason: string, changesMissedSince: number | null): Relist | null =>
    isFirst ? null : newRelist(reason, changesMissedSince, seenFrom(parts, observations.observe()))
  if ('refused' in feedMark) {
    const reason = `The source's changes cannot be read: ${feedMark.refused.message}`
    return { changes: null, relist: relistFor(reason, listedUpTo), notes: [reason] }
  }
  const position = parseChangePosition(changePosition)
  let relist: Relist | null = null
  if (position === null) relist = relistFor('The flow has not followed the source’s changes so far.', listedUpTo)
  else if (hasHole(position, feedMark, feed)) relist = relistFor(HOLE, position.takenAt)
  const listsAll = isFirst || relist !== null
  // An index may lack the newest changes, so that however much is listed these are read one by one.
  const isCovered = listsAll && selection === undefined
  const from = listsAll && selection !== undefined ? indexedUpTo(feedMark, feed, selection) : (position?.from ?? null)
  const changes = { mark: feedMark, from, cursor: null, isCovered, done: isCovered, metKnown: false, handled: [] }
  return { changes, relist, notes: [] }
}

/** An index holds every change before this moment, Unix seconds by the source's clock; null when nothing ever changed. */
function indexedUpTo({ at }: ChangeMark, feed: ChangeFeedRules, { lagSeconds }: SelectionRules): number | null {
  return at === null ? null : at - lagSeconds - feed.overlapSeconds
}

const HOLE = 'The source no longer has all changes since the last run.'

/** Objects observed since then count as shown by lists that are read from now on, which may date them back. */
function seenFrom({ resource }: Pick<RunParts, 'resource'>, observedAt: number): number {
  return observedAt - lagMsOf(resource)
}

function newRelist(reason: string | null, changesMissedSince: number | null, observedFrom: number): Relist {
  return { reason, changesMissedSince, observedFrom, lookedAtUpTo: null, done: false }
}

/**
 * The checkpoint when the change feed turned out to have a hole although the clocks did not tell: everything is listed
 * anew in the same run.
 */
export function relistAfterHole(
  checkpoint: Checkpoint,
  changes: ChangeProgress,
  { parts }: Pick<PrepareOptions, 'parts'>,
  takenAt: number,
): Checkpoint {
  const { window, newestCreated, notes } = checkpoint
  const plan = {
    window,
    resource: parts.resource,
    beginning: flowBeginning(parts.schedule),
    continues: true,
    newestCreated,
    changes: { ...changes, isCovered: parts.resource.selection === undefined, done: true },
    // What this run has seen since its mark need not be listed again to count as seen.
    relist: newRelist(HOLE, takenAt, seenFrom(parts, changes.mark.observedFrom)),
    due: [],
    owed: [],
    notes,
  }
  return prepare(checkpoint, plan)
}

async function dueObjects(scope: StoreScope, { target }: RunParts, now: number): Promise<readonly DueObject[]> {
  const few = await scope.records.dueForRevisit(target, Infinity, FEW_OBJECTS + 1)
  if (few.length <= FEW_OBJECTS) return few
  return scope.records.dueForRevisit(target, Math.floor(now / 1000), MOST_DUE)
}
