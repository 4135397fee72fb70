import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { insertBatch } from '../../src/catalog/batch.ts'
import type { InsertBatchRequest } from '../../src/catalog/batch.ts'
import { SEED_TENANT, seedBatch } from '../catalog/seed-batch.ts'
import type { SeedRequest } from '../catalog/seed-batch.ts'
import { CATALOG, createDataSet } from '../support/flow-host.ts'
import { createStripeChain, firstRun, startStripeHost, type StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'

const ALL = `${CATALOG}/batches`
const UNKNOWN = '01ARZ3NDEKTSV4RRFFQ69G5FAV'

let host: StripeHost

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 30 } })
})

afterAll(() => host.stop())

const seed = (request: SeedRequest) => seedBatch(host.host.context.store, request)
const dataSet = async (id: string) => (await host.api.get(`${CATALOG}/dataSets/${id}`).expect(200)).body[id]
const ids = async (query: string) => Object.keys((await host.api.get(`${ALL}?${query}`).expect(200)).body)

function batchIdOf(run: { activities: { targetInfo?: { reference: { ids: string[] } }[] }[] }): string {
  return run.activities[1]?.targetInfo?.[0]?.reference.ids[0] ?? ''
}

describe('the batch of a run', () => {
  test('says what the run has written, and its dataset names it', async () => {
    const chain = await createStripeChain(host.api)
    const run = await firstRun(host.api, chain.flowId)
    const id = batchIdOf(run)
    expect(id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)

    const { body } = await host.api.get(`${ALL}/${id}`).expect(200)
    const { startedAtUTC, completedAtUTC } = run.metrics.durationSummary
    const { completed } = body[id]
    expect(Math.abs(completed - completedAtUTC)).toBeLessThan(1000)
    expect(body).toEqual({
      [id]: {
        imsOrg: ACME.orgId,
        created: completed,
        updated: completed,
        started: startedAtUTC,
        completed,
        createdClient: run.createdClient,
        createdUser: run.createdBy,
        updatedUser: run.createdBy,
        status: 'success',
        recordCount: 30,
        failedRecordCount: 0,
        size: run.metrics.sizeSummary.outputBytes,
        version: '1.0.0',
        availableDates: {},
        relatedObjects: [{ type: 'dataSet', id: chain.dataSetId }],
        metrics: {
          startTime: startedAtUTC,
          endTime: completed,
          recordsRead: 30,
          recordsWritten: 30,
          recordsFailed: 0,
        },
        errors: [],
        externalId: run.id,
        tags: { 'source/apiVersion': ['2026-10-28.endive'] },
        inputFormat: { format: 'json' },
      },
    })
    expect(await dataSet(chain.dataSetId)).toMatchObject({
      lastBatchId: id,
      lastBatchStatus: 'success',
      lastSuccessfulBatch: id,
    })
  })

  test('is replaced when the run ends again', async () => {
    const dataSetId = await createDataSet(host.api)
    const errors = [{ code: 'CONNECTOR-1001-500', message: 'The source went away.' }]
    const failed = await seed({ dataSetId, status: 'failed', errors })
    const id = failed.batchId
    expect((await host.api.get(`${ALL}/${id}`)).body[id]).toMatchObject({
      status: 'failed',
      errors: [{ code: 'CONNECTOR-1001-500', description: 'The source went away.', rows: [] }],
    })
    expect(await dataSet(dataSetId)).toMatchObject({ lastBatchStatus: 'failed', lastFailedBatch: id })

    const again: InsertBatchRequest = { ...failed, status: 'success', errors: [], completedAt: failed.completedAt + 5 }
    await seed({ ...again })
    const { body } = await host.api.get(`${ALL}/${id}`).expect(200)
    expect(body[id]).toMatchObject({
      status: 'success',
      errors: [],
      version: '1.0.1',
      created: failed.completedAt,
      updated: failed.completedAt + 5,
    })
    expect(await ids(`dataSet=${dataSetId}`)).toEqual([id])
    const after = await dataSet(dataSetId)
    expect(after).toMatchObject({ lastBatchId: id, lastBatchStatus: 'success', lastSuccessfulBatch: id })
    expect(after).not.toHaveProperty('lastFailedBatch')
  })

  test('leaves the last batch of the other outcome named, and the version of the dataset as it is', async () => {
    const dataSetId = await createDataSet(host.api)
    const good = await seed({ dataSetId })
    const bad = await seed({ dataSetId, status: 'failed' })
    expect(await dataSet(dataSetId)).toMatchObject({
      version: '1.0.0',
      lastBatchId: bad.batchId,
      lastBatchStatus: 'failed',
      lastSuccessfulBatch: good.batchId,
      lastFailedBatch: bad.batchId,
    })
    await host.api.patch(`${CATALOG}/dataSets/${dataSetId}`, { description: 'x' }).expect(200)
    expect(await dataSet(dataSetId)).toMatchObject({ lastBatchId: bad.batchId })
  })
})

test('a run that ends after its dataset is gone leaves its batch', async () => {
  const { store } = host.host.context
  const { dataSetId, ...rest } = await seed({ dataSetId: await createDataSet(host.api), status: 'failed' })
  await host.api.delete(`${CATALOG}/dataSets/${dataSetId}`).expect(200)
  await store.transaction((scope) => insertBatch(scope, { ...rest, dataSetId, status: 'success' }))
  expect((await host.api.get(`${ALL}/${rest.batchId}`)).body[rest.batchId].status).toBe('success')
})

describe('the list of batches', () => {
  let dataSetId: string
  let batches: InsertBatchRequest[]

  beforeAll(async () => {
    dataSetId = await createDataSet(host.api)
    const request = { dataSetId, tenant: SEED_TENANT }
    batches = [
      await seed({ ...request }),
      await seed({ ...request, status: 'failed' }),
      await seed({ ...request, recordsWritten: 9 }),
    ]
  })

  const named = (...indexes: number[]) => indexes.map((index) => batches[index]!.batchId)

  test('is a map by id, newest first, with and without a slash', async () => {
    expect(await ids(`dataSet=${dataSetId}`)).toEqual(named(2, 1, 0))
    const { body } = await host.api.get(`${ALL}/?dataSet=${dataSetId}`).expect(200)
    expect(Object.keys(body)).toEqual(named(2, 1, 0))
    expect(body[named(0)[0]!]).toMatchObject({ status: 'success' })
    expect(JSON.stringify(body)).not.toMatch(/origin|runNo/)
  })

  test('is filtered, ordered and cut', async () => {
    const own = `dataSet=${dataSetId}`
    const at = batches[1]!.completedAt
    expect(await ids(`${own}&status=success`)).toEqual(named(2, 0))
    expect(await ids(`${own}&status=FAILED,loading`)).toEqual(named(1))
    expect(await ids(`${own}&status=active`)).toEqual([])
    expect(await ids(`${own}&createdAfter=${at}`)).toEqual(named(2))
    expect(await ids(`${own}&createdBefore=${at}`)).toEqual(named(0))
    expect(await ids(`${own}&orderBy=asc:created`)).toEqual(named(0, 1, 2))
    expect(await ids(`${own}&sort=desc:recordCount&limit=1`)).toEqual(named(2))
    expect(await ids(`${own}&orderBy=asc:created&start=1&limit=1`)).toEqual(named(1))
    expect(await ids(`${own}&start=99`)).toEqual([])
    expect(await ids(`batch=${named(1)[0]}`)).toEqual(named(1))
    expect(await ids('dataSet=000000000000000000000000')).toEqual([])
  })

  test('holds the properties asked for', async () => {
    const { body } = await host.api.get(`${ALL}?dataSet=${dataSetId}&properties=status,size&limit=1`).expect(200)
    expect(body).toEqual({ [named(2)[0]!]: { status: 'success', size: 100 } })
  })

  test.each([
    ['limit=0', '1452-400'],
    ['start=-1', '1452-400'],
    ['status=done', '1452-400'],
    ['createdAfter=yesterday', '1452-400'],
    ['orderBy=up:created', '1432-400'],
    ['orderBy=desc:a..b', '1433-400'],
  ])('refuses %s', async (query, code) => {
    expect((await host.api.get(`${ALL}?${query}`).expect(400)).body.errorCode).toBe(code)
  })

  test('and the batches are those of one organisation and sandbox', async () => {
    for (const other of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
      expect((await other.get(ALL).expect(200)).body).toEqual({})
      const { body } = await other.get(`${ALL}/${named(0)[0]}`).expect(404)
      expect(body).toMatchObject({ status: 404, errorCode: '1101-404' })
    }
  })
})

test('an unknown batch is answered with a status at the top level', async () => {
  expect((await host.api.get(`${ALL}/${UNKNOWN}`).expect(404)).body).toMatchObject({ status: 404 })
})
