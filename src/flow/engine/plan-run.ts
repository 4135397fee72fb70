import { ulid } from 'ulid'
import type { CreatedWindow, SourceResource } from '../../plugins/plugin.ts'
import type { DueObject, FlowProgress } from '../../store/store.ts'
import type { ChangeProgress } from './change-position.ts'
import {
  NO_COUNTS,
  type Checkpoint,
  type NotificationProgress,
  type ReadRange,
  type Relist,
  type Repair,
  type RunWindow,
} from './checkpoint.ts'

export interface NewCheckpoint {
  /** The connection spec's name. */
  readonly sourceName: string
  readonly now: number
  readonly window: RunWindow
  readonly repair?: Repair
  readonly notifications?: NotificationProgress
}

/** The checkpoint of a run of which only the window is fixed. */
export function newCheckpoint({ sourceName, now, window, repair, notifications }: NewCheckpoint): Checkpoint {
  return {
    batchId: ulid(now),
    sourceName,
    startedAt: now,
    copiedAt: null,
    window,
    isPrepared: repair !== undefined || notifications !== undefined,
    planned: [],
    ranges: [],
    changes: null,
    relist: null,
    repair: repair ?? null,
    undecided: [],
    notifications: notifications ?? null,
    newestCreated: null,
    leftOut: [],
    notes: [],
    counts: NO_COUNTS,
  }
}

export interface ListPlan {
  readonly window: RunWindow
  readonly resource: SourceResource
  /** The flow takes nothing created before, ms. */
  readonly beginning: number
  /** The window continues the flow's position, so that late objects before it must be looked for. */
  readonly continues: boolean
  /** Creation of the newest object that the flow has seen, Unix seconds by the source's clock. */
  readonly newestCreated: FlowProgress['newestCreated']
  readonly changes: ChangeProgress | null
  readonly relist: Relist | null
  /** Objects to look at again although nothing announces a change. */
  readonly due: readonly DueObject[]
  /** Passes to read from the flow's beginning: an earlier run had to leave them out. */
  readonly owed: readonly string[]
  readonly notes: readonly string[]
}

/** The checkpoint with everything that the run is to read. */
export function prepare(checkpoint: Checkpoint, plan: ListPlan): Checkpoint {
  const { resource, changes, relist, notes } = plan
  const created = listWindow(plan)
  const windows = windowsToRead(created, plan.due)
  const owed = windowsToRead({ ...created, from: fromOrAll(Math.ceil(plan.beginning / 1000)) }, plan.due)
  const passes = resource.passes.flatMap((pass) =>
    (plan.owed.includes(pass) ? owed : windows).map((window) => ({ pass, created: window })),
  )
  const planned: ReadRange[] = passes.map((range, no) => ({ ...range, no, cursor: null, done: false }))
  const counts = { ...checkpoint.counts, dropped: resource.selection ? (checkpoint.counts.dropped ?? 0) : null }
  return { ...checkpoint, isPrepared: true, planned, ranges: planned, leftOut: [], changes, relist, notes, counts }
}

function windowsToRead(created: CreatedWindow, due: readonly DueObject[]): readonly CreatedWindow[] {
  const isEmpty = created.to !== null && (created.from ?? 0) >= created.to
  return [...(isEmpty ? [] : [created]), ...revisitWindows(due, created)]
}

/**
 * The sources filter by whole seconds. An object created in the second of `end` belongs to the window when that second
 * began before `end`, so two windows that meet leave nothing between them and share nothing but the overlap.
 */
export function listWindow(plan: ListPlan): CreatedWindow {
  const { window, resource, beginning, continues, newestCreated, relist } = plan
  const to = Math.ceil(window.end / 1000)
  const earliest = Math.ceil(beginning / 1000)
  let from = Math.ceil((relist === null ? window.start : beginning) / 1000)
  if (continues && relist === null) {
    // The source's clock may be behind: what it dates after the newest object seen has not been seen.
    const seen = resource.divisible ? Math.min(from, newestCreated ?? earliest) : from
    from = Math.max(earliest, seen - resource.overlapSeconds)
  }
  return { from: fromOrAll(from), to }
}

function fromOrAll(from: number): number | null {
  return from <= 0 ? null : from
}

/** More single ranges than this cost more than reading what lies between them. */
const MOST_REVISIT_WINDOWS = 50

/** Few stretches of creation time that hold all objects to look at again, outside `listed`, which is read anyway. */
export function revisitWindows(due: readonly DueObject[], listed: CreatedWindow): CreatedWindow[] {
  const times = due.map(({ createdAt }) => createdAt).filter((createdAt) => !isWithin(createdAt, listed))
  times.sort((one, other) => one - other)
  for (let gap = 60; ; gap *= 2) {
    const windows = stretches(times, gap)
    if (windows.length <= MOST_REVISIT_WINDOWS) return windows
  }
}

function isWithin(createdAt: number, { from, to }: CreatedWindow): boolean {
  return (from === null || createdAt >= from) && (to === null || createdAt < to)
}

/** Times in order, those together that are less than `gap` seconds apart. */
function stretches(times: readonly number[], gap: number): CreatedWindow[] {
  const windows: { from: number; to: number }[] = []
  for (const time of times) {
    const last = windows.at(-1)
    if (last !== undefined && time < last.to + gap) last.to = time + 1
    else windows.push({ from: time, to: time + 1 })
  }
  return windows
}
