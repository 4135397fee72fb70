import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Caller } from '../../caller.ts'
import { notFound } from '../../errors.ts'
import type { Store, StoredEntity } from '../../store/store.ts'
import type { StoredBatch } from '../batch.ts'
import type { DataSet } from '../dataset.ts'
import { BATCH_FILE_NAMES, createBatchFiles } from './batch-files.ts'
import type { BatchFileName, BatchFilesKey } from './batch-files.ts'
import { refusedLines, rowErrorLines, rowErrorSamples } from './batch-lines.ts'

/** A file that can be read more than once. */
export interface ReadableFile {
  readonly name: string
  /** Bytes. */
  readonly length: number
  readonly contentType: string
  /** From byte `start` to byte `end`, both included; all of it without them. */
  read(start?: number, end?: number): Readable
}

/** The one set of files that a successful batch has. */
export interface DataSetFile {
  readonly dataSetFileId: string
  readonly dataSetViewId: string
  readonly version: string
  /** ms since the epoch. */
  readonly created: number
  readonly updated: number
}

/** Every call throws 1101-404 for what is not there, for the caller, or not any more: a dataset takes its files along. */
export interface DataAccess {
  /** None for a batch that failed. */
  dataSetFiles(caller: Caller, batchId: string): Promise<readonly DataSetFile[]>
  /** Makes the files that are not there yet. */
  files(caller: Caller, dataSetFileId: string): Promise<readonly ReadableFile[]>
  file(caller: Caller, dataSetFileId: string, name: string): Promise<ReadableFile>
  /** The records that the run refused, as the source gave them. */
  failed(caller: Caller, batchId: string): Promise<readonly ReadableFile[]>
  meta(caller: Caller, batchId: string): Promise<readonly ReadableFile[]>
  /** The first rows of a dataset as it is now, JSON texts. */
  preview(caller: Caller, dataSetId: string): Promise<readonly string[]>
  stop(): Promise<void>
}

const SAMPLE_ROWS = 100
const JSON_TYPE = 'application/json'
const DATA_SET_FILE_ID = /^([0-9A-Z]{26})-1$/

interface FoundBatch {
  readonly batch: StoredBatch
  readonly dataSet: StoredEntity<DataSet>
}

export function createDataAccess({ store, folder }: { readonly store: Store; readonly folder: string }): DataAccess {
  const batchFiles = createBatchFiles({ store, folder })
  let swept: Promise<void> | undefined

  async function findBatch({ tenant }: Caller, batchId: string): Promise<FoundBatch | null> {
    const batch = (await store.entities.get(tenant, 'batches', batchId)) as StoredEntity<StoredBatch> | null
    if (batch === null) return null
    const dataSet = await store.entities.get(tenant, 'dataSets', batch.document.origin.dataSetId)
    if (dataSet !== null) return { batch: batch.document, dataSet: dataSet as StoredEntity<DataSet> }
    await batchFiles.sweep()
    return null
  }

  async function existingBatch(caller: Caller, batchId: string): Promise<FoundBatch> {
    const found = await findBatch(caller, batchId)
    if (found === null) throw notFound('batches', batchId)
    return found
  }

  async function filesKey(caller: Caller, dataSetFileId: string): Promise<BatchFilesKey> {
    const [, batchId] = DATA_SET_FILE_ID.exec(dataSetFileId) ?? []
    const found = batchId === undefined ? null : await findBatch(caller, batchId)
    if (found?.batch.status !== 'success') throw notFound('files', dataSetFileId)
    swept ??= batchFiles.sweep().catch((error: unknown) => {
      swept = undefined
      throw error
    })
    await swept
    return { dataSetNo: found.dataSet.no, batchId: found.batch.id, runNo: found.batch.origin.runNo }
  }

  async function batchFile(caller: Caller, dataSetFileId: string, key: BatchFilesKey, name: BatchFileName) {
    try {
      return await fileOnDisk(name, await batchFiles.path(key, name))
    } catch (cause) {
      // The dataset may have been deleted meanwhile, which is no fault of the host.
      await filesKey(caller, dataSetFileId)
      throw cause
    }
  }

  return {
    async dataSetFiles(caller, batchId) {
      const { batch, dataSet } = await existingBatch(caller, batchId)
      if (batch.status !== 'success') return []
      const { created, updated, version } = batch
      const dataSetViewId = String(dataSet.document['viewId'])
      return [{ dataSetFileId: `${batchId}-1`, dataSetViewId, version, created, updated }]
    },

    async files(caller, dataSetFileId) {
      const key = await filesKey(caller, dataSetFileId)
      return Promise.all(BATCH_FILE_NAMES.map((name) => batchFile(caller, dataSetFileId, key, name)))
    },

    async file(caller, dataSetFileId, name) {
      const key = await filesKey(caller, dataSetFileId)
      const known = BATCH_FILE_NAMES.find((one) => one === name)
      if (known === undefined) throw notFound('files', `${dataSetFileId}?path=${name}`)
      return batchFile(caller, dataSetFileId, key, known)
    },

    async failed(caller, batchId) {
      const { runNo } = (await existingBatch(caller, batchId)).batch.origin
      const file = await generatedFile('part-00000.json', () => refusedLines(store, runNo))
      return file.length === 0 ? [] : [file]
    },

    async meta(caller, batchId) {
      const { runNo } = (await existingBatch(caller, batchId)).batch.origin
      return [
        await generatedFile('row_errors', () => rowErrorLines(store, runNo)),
        await generatedFile('row_error_samples.json', () => rowErrorSamples(store, runNo, SAMPLE_ROWS)),
      ]
    },

    async preview({ tenant }, dataSetId) {
      const dataSet = await store.entities.get(tenant, 'dataSets', dataSetId)
      if (dataSet === null) throw notFound('dataSets', dataSetId)
      const rows = await store.records.current(dataSet.no, null, SAMPLE_ROWS, false)
      return rows.map(({ mapped, body }) => mapped ?? body ?? '{}')
    },

    stop: () => batchFiles.stop(),
  }
}

async function fileOnDisk(name: BatchFileName, file: string): Promise<ReadableFile> {
  const { size } = await stat(file)
  const contentType = name.endsWith('.json') ? JSON_TYPE : 'application/octet-stream'
  return { name, length: size, contentType, read: (start, end) => createReadStream(file, { start, end }) }
}

/** What a run has refused may change until it is triggered no more, so it is read from the store each time. */
async function generatedFile(name: string, chunks: () => AsyncIterable<string>): Promise<ReadableFile> {
  let length = 0
  for await (const chunk of chunks()) length += Buffer.byteLength(chunk)
  return { name, length, contentType: JSON_TYPE, read: () => Readable.from(chunks()) }
}
