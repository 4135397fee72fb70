import type { CreatedWindow, Cursor } from '../../plugins/plugin.ts'
import type { DeliverResult } from '../../store/store.ts'
import type { ChangeProgress } from './change-position.ts'

/**
 * The durable side of a run: everything needed to go on after the process died. It is written in the transaction that
 * writes a page's records, so it never runs ahead of the data nor behind.
 *
 * A run reads in stages: the ranges of its lists, side by side; then the changes that the source announced up to the
 * mark taken before the first list call; then, when everything was listed anew, what the lists did not show.
 */
export interface Checkpoint {
  /** ULID of the batch that the run promotes. */
  readonly batchId: string
  /** The connection spec's name, for people: `stripe`. */
  readonly sourceName: string
  /** First start of the run, ms. */
  readonly startedAt: number
  /** End of the reading, ms; null while it goes on. */
  readonly copiedAt: number | null
  readonly window: RunWindow
  /** False until it is known what to read; nothing was read before. */
  readonly isPrepared: boolean
  /** What the lists were to read when the run was planned, cursors at their beginning. */
  readonly planned: readonly ReadRange[]
  /** What is left of it; ranges of one pass do not overlap. */
  readonly ranges: readonly ReadRange[]
  /** Null when the run takes no changes. */
  readonly changes: ChangeProgress | null
  /** Null unless everything is listed anew. */
  readonly relist: Relist | null
  /** Null unless the run mends what an audit found. */
  readonly repair: Repair | null
  /** Objects that are to be read again: another flow read them at the same moment, and they differ. */
  readonly undecided: readonly string[]
  /** Null unless the run reads what notifications have named. */
  readonly notifications: NotificationProgress | null
  /** Creation of the newest object seen, Unix seconds by the source's clock; null when none was. */
  readonly newestCreated: number | null
  /** List passes that the source refused to show, each once; the flow's next run reads them from its beginning. */
  readonly leftOut: readonly string[]
  /** What the reader of the run's metrics must know: what it could not read and what follows from it. */
  readonly notes: readonly string[]
  readonly counts: RunCounts
}

/** What a run takes: created in `[start, end)`, milliseconds. Fixed when the run is planned. */
export interface RunWindow {
  readonly start: number
  readonly end: number
}

/** A part of a list pass with the position reached in it. */
export interface ReadRange {
  /** Tells the ranges of a run apart. */
  readonly no: number
  readonly pass: string
  readonly created: CreatedWindow
  readonly cursor: Cursor | null
  readonly done: boolean
}

/** Everything since the flow's beginning is listed anew, because changes may have been missed. */
export interface Relist {
  /** Null on a first run, which lists everything anyway and only looks for what earlier runs have left. */
  readonly reason: string | null
  /** Changes may be missing since then, ms; null when it is not known. */
  readonly changesMissedSince: number | null
  /** Objects not observed since then (ms) were not shown by the lists. */
  readonly observedFrom: number
  /** Id of the last object that was looked at after the lists. */
  readonly lookedAtUpTo: string | null
  readonly done: boolean
}

/** The run reads just the objects that an audit found missing, extra or stale. */
export interface Repair {
  readonly auditNo: number
  /** Number of the last finding that was mended. */
  readonly mendedUpTo: number
  readonly done: boolean
}

/** The run reads just the objects that notifications in the inbox name, from the flow's position in it. */
export interface NotificationProgress {
  /** How many notifications it has taken. */
  readonly taken: number
  readonly done: boolean
}

export interface RunCounts {
  readonly input: number
  readonly created: number
  readonly updated: number
  readonly deleted: number
  readonly skipped: number
  /** Refused by the flow's mapping. */
  readonly failed: number
  /**
   * Shown by the source although the connection's parameters do not select it, and not among the input. Null when they
   * select nothing.
   */
  readonly dropped: number | null
  readonly inputBytes: number
  readonly outputBytes: number
}

export const NO_COUNTS: RunCounts = {
  input: 0,
  created: 0,
  updated: 0,
  deleted: 0,
  skipped: 0,
  failed: 0,
  dropped: null,
  inputBytes: 0,
  outputBytes: 0,
}

/** What was read at once, as far as it is counted. */
export interface ReadCounts {
  readonly recordCount: number
  /** How many of them the mapping refused. */
  readonly failedCount: number
  /** What the source showed besides although the connection's parameters do not select it. */
  readonly droppedCount: number
  readonly inputBytes: number
  /** Creation of the newest of them, Unix seconds; null when unknown. */
  readonly newestCreated: number | null
}

/** The checkpoint after records were delivered. What the run delivered before is not counted again. */
export function countDelivered(checkpoint: Checkpoint, read: ReadCounts, delivered: DeliverResult): Checkpoint {
  const { counts, undecided } = checkpoint
  return {
    ...checkpoint,
    newestCreated: newest(checkpoint.newestCreated, read.newestCreated),
    undecided: delivered.undecided.length === 0 ? undecided : [...new Set([...undecided, ...delivered.undecided])],
    counts: {
      input: counts.input + read.recordCount - delivered.repeated - delivered.undecided.length,
      created: counts.created + delivered.created,
      updated: counts.updated + delivered.updated,
      deleted: counts.deleted + delivered.deleted,
      skipped: counts.skipped + delivered.skipped,
      failed: counts.failed + read.failedCount,
      dropped: counts.dropped === null ? null : counts.dropped + read.droppedCount,
      inputBytes: counts.inputBytes + read.inputBytes,
      outputBytes: counts.outputBytes + delivered.bytes,
    },
  }
}

/** The later of two times, of which either may be unknown. */
export function newest(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other
  return Math.max(one, other)
}

/**
 * The checkpoint of a run that is triggered again. One that failed while reading goes on where it stopped; one that had
 * read everything failed by its refused records, so it reads everything anew and what it delivered stays delivered.
 */
export function checkpointForRetry(checkpoint: Checkpoint): Checkpoint {
  if (checkpoint.copiedAt === null) return checkpoint
  const { created, updated, deleted, outputBytes } = checkpoint.counts
  const dropped = checkpoint.counts.dropped === null ? null : 0
  const { changes, relist, repair, notifications } = checkpoint
  return {
    ...checkpoint,
    copiedAt: null,
    ranges: checkpoint.planned,
    leftOut: [],
    changes: changes && { ...changes, cursor: null, done: changes.isCovered, metKnown: false },
    relist: relist && { ...relist, lookedAtUpTo: null, done: false },
    repair: repair && { ...repair, mendedUpTo: 0, done: false },
    notifications: notifications && { ...notifications, done: false },
    counts: { ...NO_COUNTS, input: created + updated + deleted, created, updated, deleted, dropped, outputBytes },
  }
}

/** Reads a stored checkpoint; one that an earlier version wrote lacks what that version did not do. */
export function parseCheckpoint(text: string): Checkpoint {
  const stored = JSON.parse(text) as Checkpoint
  const ranges = stored.ranges.map((range, index) => ({ ...range, no: range.no ?? index }))
  const planned = stored.planned ?? ranges.map((range) => ({ ...range, cursor: null, done: false }))
  return { ...LATER_MEMBERS, ...stored, ranges, planned, counts: { ...NO_COUNTS, ...stored.counts } }
}

const LATER_MEMBERS = {
  isPrepared: true,
  changes: null,
  relist: null,
  repair: null,
  undecided: [],
  notifications: null,
  newestCreated: null,
  leftOut: [],
  notes: [],
}
