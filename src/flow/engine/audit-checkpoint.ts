import type { AuditFinding } from '../../store/store.ts'
import type { ReadRange, RunWindow } from './checkpoint.ts'
import type { FlowParts } from './run-parts.ts'
import { flowBeginning } from './run-window.ts'

/**
 * The durable side of an audit, written in the transaction that writes its findings. It compares in two stages: what the
 * lists show; then, object by object, what is in the dataset and was not listed.
 */
export interface AuditCheckpoint {
  /** First start, ms. */
  readonly startedAt: number
  /** What is compared with what: a flow that is pointed at something else meanwhile cannot go on. */
  readonly joins: string
  /** Everything created in it must be in the dataset, ms. */
  readonly window: RunWindow
  /** Objects not observed since then, ms, are left to look at after the lists. */
  readonly observedFrom: number
  readonly planned: readonly ReadRange[]
  readonly ranges: readonly ReadRange[]
  readonly unlisted: UnlistedProgress
  /** List passes that the source refused to show. */
  readonly leftOut: readonly string[]
  /** What could not be listed. */
  readonly notes: readonly string[]
  readonly counts: AuditCounts
}

export interface UnlistedProgress {
  /** Id of the last object that was looked at. */
  readonly lookedAtUpTo: string | null
  readonly done: boolean
}

export interface AuditCounts {
  /** Objects looked at, at the source or in the dataset. */
  readonly compared: number
  /** At the source, not in the dataset. */
  readonly missing: number
  /** In the dataset, no longer at the source. */
  readonly extra: number
  /** In both, and not the same. */
  readonly stale: number
}

export const NOTHING_COMPARED: AuditCounts = { compared: 0, missing: 0, extra: 0, stale: 0 }

export interface NewAuditCheckpoint {
  readonly parts: FlowParts
  /** End of the flow's last good window, ms. */
  readonly position: number
  readonly now: number
  readonly observedFrom: number
}

export function newAuditCheckpoint({ parts, position, now, observedFrom }: NewAuditCheckpoint): AuditCheckpoint {
  const beginning = flowBeginning(parts.schedule)
  const from = Math.ceil(beginning / 1000)
  // Of the second in which the last window ended, objects created after it are not taken yet.
  const created = { from: from <= 0 ? null : from, to: Math.floor(position / 1000) }
  const planned = parts.resource.passes.map((pass, no) => ({ no, pass, created, cursor: null, done: false }))
  return {
    startedAt: now,
    joins: joinsOf(parts),
    window: { start: beginning, end: position },
    observedFrom,
    planned,
    ranges: planned,
    unlisted: { lookedAtUpTo: null, done: false },
    leftOut: [],
    notes: notesOf(parts),
    counts: NOTHING_COMPARED,
  }
}

function notesOf({ resource: { selection } }: FlowParts): readonly string[] {
  if (selection === undefined) return []
  const behind = `an index of the source that may be ${selection.lagSeconds} s behind`
  return [`Missing objects were looked for in ${behind}; all that was compared was read by its id.`]
}

/** Equal for equal source and target. */
export function joinsOf({ sourceConnection, dataSetId }: FlowParts): string {
  const { id, document } = sourceConnection
  return JSON.stringify([id, document.baseConnectionId, document.params, dataSetId])
}

export function driftOf({ missing, extra, stale }: AuditCounts): boolean {
  return missing + extra + stale > 0
}

/** The counts after `compared` objects were looked at and these differed. */
export function countCompared(counts: AuditCounts, compared: number, findings: readonly AuditFinding[]): AuditCounts {
  const after = { ...counts, compared: counts.compared + compared }
  for (const { kind } of findings) after[kind] += 1
  return after
}
