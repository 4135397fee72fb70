import { createWriteStream } from 'node:fs'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FlowServiceError } from '../../errors.ts'
import type { Store } from '../../store/store.ts'
import { deliveredLines } from './batch-lines.ts'
import { createMadeFiles } from './made-files.ts'
import { runConversion } from './run-conversion.ts'

/** The files of a successful batch, in the order in which they are listed. */
export const BATCH_FILE_NAMES = ['part-00000.parquet', 'part-00000.json'] as const
export type BatchFileName = (typeof BATCH_FILE_NAMES)[number]

export interface BatchFilesKey {
  readonly dataSetNo: number
  readonly batchId: string
  readonly runNo: number
}

export interface BatchFiles {
  /** Absolute path of the file, which is made when it is not there. */
  path(key: BatchFilesKey, name: BatchFileName): Promise<string>
  /** Removes the files of datasets that are gone. */
  sweep(): Promise<void>
  /** Gives up what is being made; from then on `path` throws 1103-503. */
  stop(): Promise<void>
}

/** Rows as NDJSON and as Parquet, made of the delivery log, which does not change any more once a run has succeeded. */
export function createBatchFiles({
  store,
  folder,
}: {
  readonly store: Pick<Store, 'records' | 'entities'>
  readonly folder: string
}): BatchFiles {
  const files = createMadeFiles(folder)
  const stopping = new AbortController()
  const { signal } = stopping
  const oneAtATime = createQueue()

  function rows({ dataSetNo, batchId, runNo }: BatchFilesKey): Promise<string> {
    return files.get(path.join(String(dataSetNo), batchId, 'part-00000.json'), async (target) => {
      await pipeline(deliveredLines(store, runNo), createWriteStream(target, { mode: 0o600 }), { signal })
      // A dataset that is deleted meanwhile takes its log along, and the file lacks rows.
      if ((await store.entities.getByNo(dataSetNo)) === null) throw new Error(`Dataset ${dataSetNo} was deleted.`)
    })
  }

  function columns(key: BatchFilesKey): Promise<string> {
    return files.get(
      path.join(String(key.dataSetNo), key.batchId, 'part-00000.parquet'),
      async (target, spillFolder) => {
        const source = await rows(key)
        await oneAtATime(() => runConversion({ source, target, spillFolder }, signal))
      },
    )
  }

  return {
    async path(key, name) {
      try {
        signal.throwIfAborted()
        return await (name === 'part-00000.json' ? rows(key) : columns(key))
      } catch (cause) {
        if (!signal.aborted) throw cause
        const detail = 'The host is stopping; ask again when it is back.'
        throw new FlowServiceError('1103-503', detail, { retryAfterSeconds: 5, cause })
      }
    },

    async sweep() {
      for (const dataSetNo of await files.folders()) {
        if (/^\d+$/.test(dataSetNo) && (await store.entities.getByNo(Number(dataSetNo))) === null)
          await files.remove(dataSetNo)
      }
    },

    async stop() {
      stopping.abort()
      await files.settled()
    },
  }
}

/** Runs one piece of work after the other, so that their memory does not add up. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
}
