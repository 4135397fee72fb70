import type { JsonObject } from '../../json.ts'
import type { RunStatus } from '../../store/store.ts'
import type { Flow, Run } from '../types.ts'
import type { Checkpoint, RunCounts } from './checkpoint.ts'

/** What stopped a run. The first entry is the service's own code, a second one names the source's refusal. */
export type RunErrors = readonly { readonly code: string; readonly message: string }[]

/** Copying from the source failed. */
export const COPY_FAILED = 'CONNECTOR-1001-500'

/** Parsing, validating or transforming failed. */
export const PROMOTION_FAILED = 'CONNECTOR-2001-500'

/** Records could not be mapped. */
export const MAPPING_FAILED = 'MAPPER-3700-400'

/** Some records were refused, the rest was ingested. */
const PARTLY_INGESTED = 'INGEST-1212-400'

export interface RunDocumentRequest {
  readonly run: Run
  readonly flow: Flow
  readonly status: RunStatus
  /** Null before the run is planned. */
  readonly checkpoint: Checkpoint | null
  readonly errors: RunErrors
  readonly now: number
  /** This server's own base, for the manifests' absolute URLs. */
  readonly publicUrl: string
}

/** The run's wire form with metrics and activities as they stand. Counts come from the checkpoint, so they are exact. */
export function runDocument(request: RunDocumentRequest): Run {
  return { ...request.run, updatedAt: request.now, metrics: metrics(request), activities: activities(request) }
}

/** The metrics of a run that has not been planned. */
export function scheduledMetrics(): JsonObject {
  return {
    durationSummary: {},
    latencySummary: {},
    sizeSummary: {},
    recordSummary: {},
    fileSummary: {},
    statusSummary: { status: 'scheduled', errors: [] },
  }
}

function metrics({ status, checkpoint, errors, now }: RunDocumentRequest): JsonObject {
  if (checkpoint === null) return { ...scheduledMetrics(), statusSummary: { status, errors } }
  const ended = isEnded(status)
  return {
    durationSummary: {
      startedAtUTC: checkpoint.startedAt,
      ...(ended ? { completedAtUTC: now } : {}),
    },
    latencySummary: {},
    sizeSummary: { inputBytes: checkpoint.counts.inputBytes, outputBytes: checkpoint.counts.outputBytes },
    recordSummary: recordSummary(checkpoint.counts),
    fileSummary: NO_FILES,
    statusSummary: { status, errors, activityRefs: activityRefs(status, checkpoint), ...remarks(checkpoint) },
  }
}

/**
 * What whoever relies on the run must know: what was listed anew and why, what could not be read, how much a search has
 * found wrongly.
 */
function remarks({ relist, notes, window, counts: { dropped } }: Checkpoint): JsonObject {
  const isTold = relist !== null && relist.reason !== null
  if (!isTold && notes.length === 0 && dropped === null) return {}
  const relisted = isTold && {
    reason: relist.reason,
    ...(relist.changesMissedSince === null ? {} : { gapStart: relist.changesMissedSince, gapEnd: window.end }),
  }
  return {
    extensions: {
      ...(relisted === false ? {} : { relisted }),
      ...(notes.length === 0 ? {} : { notes }),
      ...(dropped === null ? {} : { droppedRecordCount: dropped }),
    },
  }
}

function recordSummary(counts: RunCounts): JsonObject {
  return {
    inputRecordCount: counts.input,
    outputRecordCount: outputCount(counts),
    createdRecordCount: counts.created,
    updatedRecordCount: counts.updated,
    deletedRecordCount: counts.deleted,
    skippedRecordCount: counts.skipped,
    failedRecordCount: counts.failed,
    ...(counts.failed > 0
      ? { failedInfo: [{ code: MAPPING_FAILED, message: refusedMessage(counts), count: counts.failed }] }
      : {}),
    ...(counts.skipped > 0
      ? { skippedInfo: [{ code: 'UNCHANGED', message: 'In the dataset already, unchanged.', count: counts.skipped }] }
      : {}),
  }
}

/** Records go straight into the dataset; no file is written on the way. */
const NO_FILES: JsonObject = { inputFileCount: 0, outputFileCount: 0, skippedFileCount: 0, failedFileCount: 0 }

function activities(request: RunDocumentRequest): JsonObject[] {
  const { checkpoint, status } = request
  if (checkpoint === null) return []
  return activityRefs(status, checkpoint).map((id) =>
    id === 'copyActivity' ? copyActivity(request, checkpoint) : promotionActivity(request, checkpoint),
  )
}

/** A run that fails while copying has no promotion. */
function activityRefs(status: RunStatus, checkpoint: Checkpoint): string[] {
  return checkpoint.copiedAt === null || status === 'scheduled'
    ? ['copyActivity']
    : ['copyActivity', 'promotionActivity']
}

function copyActivity({ flow, status, errors, now }: RunDocumentRequest, checkpoint: Checkpoint): JsonObject {
  const { copiedAt, counts, window } = checkpoint
  const completedAt = copiedAt ?? (isEnded(status) ? now : null)
  return {
    id: 'copyActivity',
    name: `${capitalised(checkpoint.sourceName)} Copy Activity`,
    updatedAtUTC: now,
    durationSummary: {
      startedAtUTC: checkpoint.startedAt,
      ...(completedAt === null ? {} : { completedAtUTC: completedAt }),
      extensions: { windowStart: window.start, windowEnd: window.end },
    },
    latencySummary: {},
    sizeSummary: { inputBytes: counts.inputBytes, outputBytes: counts.outputBytes },
    recordSummary: { inputRecordCount: counts.input, outputRecordCount: outputCount(counts) },
    fileSummary: NO_FILES,
    statusSummary: {
      status: copiedAt === null ? status : 'success',
      ...(copiedAt === null && errors.length > 0 ? { errors } : {}),
      ...(flow.scheduleParams?.frequency === 'once' ? { extensions: { type: 'one-time' } } : {}),
    },
    sourceInfo: [
      {
        id: flow.sourceConnectionIds[0],
        type: 'SourceConnection',
        reference: { type: 'AdfRunId', ids: [checkpoint.batchId] },
      },
    ],
  }
}

function promotionActivity(
  { flow, status, errors, now, publicUrl }: RunDocumentRequest,
  checkpoint: Checkpoint,
): JsonObject {
  const { copiedAt, counts, batchId } = checkpoint
  const batchMeta = `${publicUrl}/data/foundation/export/batches/${batchId}/meta?path=`
  return {
    id: 'promotionActivity',
    name: 'Promotion Activity',
    updatedAtUTC: now,
    durationSummary: { startedAtUTC: copiedAt, ...(isEnded(status) ? { completedAtUTC: now } : {}) },
    latencySummary: {},
    sizeSummary: { inputBytes: counts.outputBytes, outputBytes: counts.outputBytes },
    recordSummary: {
      inputRecordCount: outputCount(counts) + counts.failed,
      outputRecordCount: outputCount(counts),
      failedRecordCount: counts.failed,
    },
    fileSummary: { ...NO_FILES, extensions: { manifest: { fileInfo: `${batchMeta}input_files` } } },
    statusSummary: {
      status,
      errors,
      extensions: {
        manifest: {
          failedRecords: `${batchMeta}row_errors`,
          sampleErrors: `${batchMeta}row_error_samples.json`,
        },
        errors: refusals(counts),
      },
    },
    targetInfo: [
      { id: flow.targetConnectionIds[0], type: 'TargetConnection', reference: { type: 'Batch', ids: [batchId] } },
    ],
  }
}

function refusals(counts: RunCounts): JsonObject[] {
  if (counts.failed === 0) return []
  const message = refusedMessage(counts)
  return [PARTLY_INGESTED, MAPPING_FAILED].map((code) => ({ code, recordCount: counts.failed, message }))
}

export function refusedMessage({ failed, input }: RunCounts): string {
  return `The mapping refused ${failed} of ${input} records; the batch's row_errors say why.`
}

function outputCount(counts: RunCounts): number {
  return counts.created + counts.updated + counts.deleted
}

function capitalised(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

function isEnded(status: RunStatus): boolean {
  return status === 'success' || status === 'failed'
}
