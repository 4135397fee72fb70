import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createBatchFiles } from '../../../src/catalog/files/batch-files.ts'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { SEED_TENANT, seedBatch } from '../seed-batch.ts'

let folder: string
let store: Store
let dataSetNo: number

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'batch-files-'))
  store = await openSqliteStore({ dataDir: ':memory:' })
  dataSetNo = await store.entities.insert({
    kind: 'dataSets',
    tenant: SEED_TENANT,
    etag: '1',
    document: { id: 'ds', version: '1.0.0' },
  })
})

afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true, force: true })
})

async function seed(count: number) {
  const rows = Array.from({ length: count }, (_, n) => ({ id: `id-${n}`, data: { n } }))
  const { batchId, runNo } = await seedBatch(store, { dataSetId: 'ds', rows })
  return { dataSetNo, batchId, runNo }
}

test('a stop gives up what is being made and leaves nothing half', async () => {
  const files = createBatchFiles({ store, folder })
  const key = await seed(20_000)
  const json = await files.path(key, 'part-00000.json')
  const parquet = files.path(key, 'part-00000.parquet')
  const refused = expect(parquet).rejects.toMatchObject({ code: '1103-503', retryAfterSeconds: 5 })
  await files.stop()
  await refused
  await expect(files.path(key, 'part-00000.json')).rejects.toMatchObject({ code: '1103-503' })
  expect(await readdir(path.dirname(json))).toEqual(['part-00000.json'])
  expect(await readdir(path.join(folder, '.making'))).toEqual([])
})

test('a dataset that is deleted while a file is made leaves no file', async () => {
  const key = await seed(500)
  const slow: Pick<Store, 'records' | 'entities'> = {
    entities: store.entities,
    records: {
      ...store.records,
      async delivered(runNo, after, limit) {
        if (after === 0) return store.records.delivered(runNo, after, limit)
        await store.records.deleteDataSet(dataSetNo)
        await store.entities.delete(dataSetNo)
        return []
      },
    },
  }
  const files = createBatchFiles({ store: slow, folder })
  await expect(files.path(key, 'part-00000.json')).rejects.toThrow('was deleted')
  expect(await readdir(folder)).toEqual(['.making'])
})

test('a sweep removes the files of deleted datasets and nothing else', async () => {
  const files = createBatchFiles({ store, folder })
  await files.path(await seed(1), 'part-00000.json')
  await files.path({ ...(await seed(1)), dataSetNo: (await seed(1)).runNo }, 'part-00000.json')
  await store.entities.delete(dataSetNo)
  const before = await readdir(folder)
  await files.sweep()
  expect((await readdir(folder)).toSorted()).toEqual(before.filter((name) => name !== String(dataSetNo)).toSorted())
})
