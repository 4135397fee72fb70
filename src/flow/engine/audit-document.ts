import type { JsonObject } from '../../json.ts'
import type { RunStatus } from '../../store/store.ts'
import type { CommonFields } from '../types.ts'
import { driftOf, NOTHING_COMPARED, type AuditCheckpoint, type AuditCounts } from './audit-checkpoint.ts'
import type { RunErrors } from './run-document.ts'

/** A comparison of a flow's dataset with its source, in its wire form. */
export interface Audit extends CommonFields, AuditFigures {
  readonly flowId: string
  readonly status: RunStatus
  /** Whether what differs is to be mended. */
  readonly repair: boolean
  /** Times in ms; null while it has not come to that. */
  readonly startedAt: number | null
  readonly completedAt: number | null
  /** What could not be looked at. */
  readonly notes: readonly string[]
  readonly errors: RunErrors
  /** The run that mends what was found; null while there is none. */
  readonly repairRunId: string | null
}

interface AuditFigures extends AuditCounts, JsonObject {
  /** Something differs. */
  readonly drift: boolean
  /** Estimate of the objects to compare in all; null before the first page. */
  readonly toCompare: number | null
}

/** The members that change while the audit goes on. */
export interface AuditState {
  readonly status: RunStatus
  /** Null before it starts. */
  readonly checkpoint: AuditCheckpoint | null
  readonly errors: RunErrors
  /** Estimate of the objects that are left; null when unknown. */
  readonly left: number | null
  readonly repairRunId: string | null
  readonly now: number
}

export const NEW_AUDIT = {
  status: 'scheduled',
  startedAt: null,
  completedAt: null,
  ...NOTHING_COMPARED,
  toCompare: null,
  drift: false,
  notes: [],
  errors: [],
  repairRunId: null,
} as const

/** The audit's wire form as it stands. Counts come from the checkpoint, so they are exact. */
export function auditDocument(audit: Audit, state: AuditState): Audit {
  const { status, checkpoint, errors, left, repairRunId, now } = state
  const counts = checkpoint?.counts ?? NOTHING_COMPARED
  return {
    ...audit,
    updatedAt: now,
    status,
    startedAt: checkpoint?.startedAt ?? null,
    completedAt: status === 'success' || status === 'failed' ? now : null,
    ...counts,
    toCompare: left === null ? audit.toCompare : counts.compared + left,
    drift: driftOf(counts),
    notes: checkpoint?.notes ?? [],
    errors,
    repairRunId,
  }
}
