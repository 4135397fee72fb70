import { insertBatch } from '../../src/catalog/batch.ts'
import type { InsertBatchRequest } from '../../src/catalog/batch.ts'
import type { Tenant } from '../../src/caller.ts'
import type { Store } from '../../src/store/store.ts'

export interface SeedRow {
  readonly id: string
  readonly data: object
  /** What a mapping made of it. */
  readonly mapped?: object
  readonly deleted?: boolean
}

export interface SeedRequest extends Partial<InsertBatchRequest> {
  readonly dataSetId: string
  readonly rows?: readonly SeedRow[]
  readonly refused?: readonly { readonly id: string; readonly data: object; readonly reasons: readonly object[] }[]
}

export const SEED_TENANT: Tenant = {
  orgId: 'ACME000000000000000000@AdobeOrg',
  sandboxName: 'prod',
  sandboxId: 'sandbox-1',
}

let seeds = 0

/** What a run leaves behind when it has ended, without the run: its deliveries, its refusals and its batch. */
export async function seedBatch(store: Store, request: SeedRequest): Promise<InsertBatchRequest> {
  const { rows = [], refused = [], dataSetId, ...given } = request
  const number = ++seeds
  const tenant = SEED_TENANT
  const runId = `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
  const dataSet = await store.entities.get(tenant, 'dataSets', dataSetId)
  if (dataSet === null) throw new Error(`There is no dataset ${dataSetId}.`)
  const runNo =
    given.runNo ?? (await store.entities.insert({ kind: 'runs', tenant, etag: '"1"', document: { id: runId } }))
  await store.records.deliver({
    target: { dataSetNo: dataSet.no, connectionSpecId: 'spec', resourcePath: 'charges' },
    runNo,
    lastSequence: 0,
    observedAt: number,
    records: rows.map(({ id, data, mapped, deleted = false }) => ({
      objectId: id,
      operation: deleted ? 'delete' : 'upsert',
      body: deleted ? null : JSON.stringify({ data }),
      contentHash: deleted ? null : `${id} ${number}`,
      mapped: mapped === undefined ? null : JSON.stringify(mapped),
    })),
  })
  await store.records.refuse(
    runNo,
    refused.map(({ id, data, reasons }, index) => ({
      number: index + 1,
      objectId: id,
      body: JSON.stringify({ data }),
      reasons: JSON.stringify(reasons),
    })),
  )
  const batch: InsertBatchRequest = {
    tenant,
    batchId: `01J${String(number).padStart(23, '0')}`,
    runNo,
    runId,
    dataSetId,
    status: 'success',
    startedAt: 1_782_907_200_000 + number * 1000,
    completedAt: 1_782_907_200_500 + number * 1000,
    recordsRead: rows.length + refused.length,
    recordsWritten: rows.length,
    recordsFailed: refused.length,
    bytes: 100,
    errors: [],
    by: { userId: 'user@techacct.adobe.com', clientId: 'acme-client' },
    apiVersion: null,
    ...given,
  }
  await store.transaction((scope) => insertBatch(scope, batch))
  return batch
}
