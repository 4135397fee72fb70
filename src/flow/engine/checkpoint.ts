import type { CreatedWindow, Cursor, SourceResource } from '../../plugins/plugin.ts'
import type { DeliverResult } from '../../store/store.ts'

/**
 * The durable side of a run: everything needed to go on after the process died. It is written in the transaction that
 * writes a page's records, so it never runs ahead of the data nor behind.
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
  /** What is to be read; ranges of one pass do not overlap and together make up the window. */
  readonly ranges: readonly ReadRange[]
  readonly counts: RunCounts
}

/** What a run takes: created in `[start, end)`, milliseconds. Fixed when the run is planned. */
export interface RunWindow {
  readonly start: number
  readonly end: number
}

/** A part of a list pass with the position reached in it. */
export interface ReadRange {
  readonly pass: string
  readonly created: CreatedWindow
  readonly cursor: Cursor | null
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
  inputBytes: 0,
  outputBytes: 0,
}

export interface PlanRequest {
  readonly batchId: string
  readonly sourceName: string
  readonly now: number
  readonly window: RunWindow
  readonly resource: SourceResource
  /** Re-read the seconds before the window, for objects that became visible late. */
  readonly overlap: boolean
}

/** The checkpoint of a run that has read nothing yet. */
export function planRun({ batchId, sourceName, now, window, resource, overlap }: PlanRequest): Checkpoint {
  const created = toCreatedWindow(window, overlap ? resource.overlapSeconds : 0)
  const empty = created.to !== null && (created.from ?? 0) >= created.to
  return {
    batchId,
    sourceName,
    startedAt: now,
    copiedAt: null,
    window,
    ranges: empty ? [] : resource.passes.map((pass) => ({ pass, created, cursor: null, done: false })),
    counts: NO_COUNTS,
  }
}

/**
 * The sources filter by whole seconds. An object created in the second of `end` belongs to the window when that second
 * began before `end`, so two windows that meet leave nothing between them and share nothing.
 */
function toCreatedWindow({ start, end }: RunWindow, overlapSeconds: number): CreatedWindow {
  const from = Math.ceil(start / 1000) - overlapSeconds
  return { from: from <= 0 ? null : from, to: Math.ceil(end / 1000) }
}

/** A page that was read. */
export interface ReadResult {
  readonly nextCursor: Cursor | null
  readonly recordCount: number
  /** How many of them the mapping refused. */
  readonly failedCount: number
  readonly inputBytes: number
}

/** The checkpoint after a page of the range at `index` was delivered. What the run delivered before is not counted again. */
export function afterPage(
  checkpoint: Checkpoint,
  index: number,
  page: ReadResult,
  delivered: DeliverResult,
): Checkpoint {
  const { counts } = checkpoint
  return {
    ...checkpoint,
    ranges: checkpoint.ranges.map((range, at) =>
      at === index ? { ...range, cursor: page.nextCursor, done: page.nextCursor === null } : range,
    ),
    counts: {
      input: counts.input + page.recordCount - delivered.repeated,
      created: counts.created + delivered.created,
      updated: counts.updated + delivered.updated,
      deleted: counts.deleted + delivered.deleted,
      skipped: counts.skipped + delivered.skipped,
      failed: counts.failed + page.failedCount,
      inputBytes: counts.inputBytes + page.inputBytes,
      outputBytes: counts.outputBytes + delivered.bytes,
    },
  }
}

/**
 * The checkpoint of a run that is triggered again. One that failed while reading goes on where it stopped; one that had
 * read everything failed by its refused records, so its window is read anew and what it delivered stays delivered.
 */
export function checkpointForRetry(checkpoint: Checkpoint): Checkpoint {
  if (checkpoint.copiedAt === null) return checkpoint
  const { created, updated, deleted, outputBytes } = checkpoint.counts
  return {
    ...checkpoint,
    copiedAt: null,
    ranges: checkpoint.ranges.map((range) => ({ ...range, cursor: null, done: false })),
    counts: { ...NO_COUNTS, input: created + updated + deleted, created, updated, deleted, outputBytes },
  }
}

export function parseCheckpoint(text: string): Checkpoint {
  return JSON.parse(text) as Checkpoint
}
