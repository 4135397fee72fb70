import type { Tenant } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import type { EntityDocument, StoredEntity, StoreScope } from '../store/store.ts'
import { nextVersion } from './dataset.ts'
import type { DataSet } from './dataset.ts'

/** What one run has written into a dataset, in the wire form of the catalog. Times are ms since the epoch. */
export interface Batch extends EntityDocument {
  /** ULID. */
  readonly id: string
  readonly imsOrg: string
  readonly created: number
  readonly updated: number
  readonly started: number
  readonly completed: number
  readonly createdClient: string
  readonly createdUser: string
  readonly updatedUser: string
  readonly status: BatchStatus
  readonly recordCount: number
  readonly failedRecordCount: number
  /** Bytes written. */
  readonly size: number
  /** `1.0.0`, rises when the run ends again. */
  readonly version: string
  readonly availableDates: JsonObject
  readonly relatedObjects: readonly { readonly type: 'dataSet' | 'batch'; readonly id: string }[]
  readonly metrics: BatchMetrics
  readonly errors: readonly {
    readonly code: string
    readonly description: string
    readonly rows: readonly string[]
  }[]
  /** Id of the run. */
  readonly externalId: string
  readonly tags: JsonObject
  readonly inputFormat: { readonly format: string }
}

export type BatchStatus = 'success' | 'failed'

interface BatchMetrics extends JsonObject {
  readonly startTime: number
  readonly endTime: number
  readonly recordsRead: number
  readonly recordsWritten: number
  readonly recordsFailed: number
}

/** A batch as it is kept. `origin` never goes over the wire. */
export interface StoredBatch extends Batch {
  readonly origin: {
    /** The store's number of the run entity: key of the delivery log. */
    readonly runNo: number
    readonly dataSetId: string
  }
}

const API_VERSION_TAG = 'source/apiVersion'

export interface InsertBatchRequest {
  readonly tenant: Tenant
  /** ULID. */
  readonly batchId: string
  readonly runNo: number
  readonly runId: string
  readonly dataSetId: string
  readonly status: BatchStatus
  /** ms since the epoch, like `completedAt`. */
  readonly startedAt: number
  readonly completedAt: number
  readonly recordsRead: number
  readonly recordsWritten: number
  readonly recordsFailed: number
  /** Bytes written to the dataset. */
  readonly bytes: number
  readonly errors: readonly { readonly code: string; readonly message: string }[]
  readonly by: { readonly userId: string; readonly clientId: string }
  /** The version of the source's API that rendered the records; null when it has none or was never reached. */
  readonly apiVersion: string | null
}

/**
 * Stores the batch of a run that has ended, or replaces it when the run has ended before, and names it on its dataset.
 * Call it in the transaction that closes the run.
 */
export async function insertBatch(scope: Pick<StoreScope, 'entities'>, request: InsertBatchRequest): Promise<void> {
  const { tenant, batchId, dataSetId, runId } = request
  const stored = (await scope.entities.get(tenant, 'batches', batchId)) as StoredEntity<StoredBatch> | null
  const document = batchDocument(request, stored?.document ?? null)
  const references = [dataSetId, runId]
  if (stored === null) {
    await scope.entities.insert({ kind: 'batches', tenant, etag: document.version, document, references })
  } else if (!(await scope.entities.update(stored, { etag: document.version, document, references }))) {
    throw new Error(`Batch ${batchId} changed while it was being replaced.`)
  }
  await nameOnDataSet(scope, request)
}

/** The batch as it is stored; `former` is what stood there before, or null. */
export function batchDocument(request: InsertBatchRequest, former: StoredBatch | null): StoredBatch {
  const { tenant, by, startedAt, completedAt, recordsRead, recordsWritten, recordsFailed, dataSetId } = request
  return {
    id: request.batchId,
    imsOrg: tenant.orgId,
    created: former?.created ?? completedAt,
    updated: completedAt,
    started: startedAt,
    completed: completedAt,
    createdClient: former?.createdClient ?? by.clientId,
    createdUser: former?.createdUser ?? by.userId,
    updatedUser: by.userId,
    status: request.status,
    recordCount: recordsWritten,
    failedRecordCount: recordsFailed,
    size: request.bytes,
    version: former === null ? '1.0.0' : nextVersion(former.version),
    availableDates: {},
    relatedObjects: [{ type: 'dataSet', id: dataSetId }],
    metrics: { startTime: startedAt, endTime: completedAt, recordsRead, recordsWritten, recordsFailed },
    errors: request.errors.map(({ code, message }) => ({ code, description: message, rows: [] })),
    externalId: request.runId,
    tags: request.apiVersion === null ? {} : { [API_VERSION_TAG]: [request.apiVersion] },
    inputFormat: { format: 'json' },
    origin: { runNo: request.runNo, dataSetId },
  }
}

/** Keeps the dataset's version: a client has changed nothing. A dataset that is gone stays gone. */
async function nameOnDataSet(
  { entities }: Pick<StoreScope, 'entities'>,
  { tenant, dataSetId, batchId, status }: InsertBatchRequest,
): Promise<void> {
  const dataSet = (await entities.get(tenant, 'dataSets', dataSetId)) as StoredEntity<DataSet> | null
  if (dataSet === null) return
  const [named, other] =
    status === 'success'
      ? (['lastSuccessfulBatch', 'lastFailedBatch'] as const)
      : (['lastFailedBatch', 'lastSuccessfulBatch'] as const)
  const { [other]: formerOther, ...kept } = dataSet.document
  await entities.updateDocument(dataSet, {
    ...kept,
    id: dataSetId,
    ...(formerOther === undefined || formerOther === batchId ? {} : { [other]: formerOther }),
    lastBatchId: batchId,
    lastBatchStatus: status,
    [named]: batchId,
  })
}
