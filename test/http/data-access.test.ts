import { readdir, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { readParquet, withoutNulls } from '../catalog/read-parquet.ts'
import { seedBatch } from '../catalog/seed-batch.ts'
import type { SeedRequest } from '../catalog/seed-batch.ts'
import { CATALOG, createDataSet, FLOW_SERVICE } from '../support/flow-host.ts'
import { createStripeChain, firstRun, recordsOfRun, startStripeHost, type StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX, type TestApi } from '../support/test-host.ts'

const EXPORT = '/data/foundation/export'
const UNKNOWN = '01ARZ3NDEKTSV4RRFFQ69G5FAV'
const NDJSON = 'part-00000.json'
const PARQUET = 'part-00000.parquet'

let host: StripeHost
let folder: string

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 230 } })
  folder = path.join(host.dataDir, 'files')
})

afterAll(() => host.stop())

const seed = (request: SeedRequest) => seedBatch(host.host.context.store, request)
const seeded = async (request: Omit<SeedRequest, 'dataSetId'>) =>
  (await seed({ dataSetId: await createDataSet(host.api), ...request })).batchId

/** The path of an absolute URL of the host. */
const pathOf = (href: string) => {
  expect(href).toMatch(/^http:\/\/flow\.test\//)
  return href.replace('http://flow.test', '')
}

function download(api: TestApi, target: string, headers: Record<string, string> = {}) {
  return api
    .get(target)
    .set(headers)
    .buffer(true)
    .parse((response, done) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => done(null, Buffer.concat(chunks)))
    })
}

async function bytesOf(batchId: string, name: string): Promise<Buffer> {
  return (await download(host.api, `${EXPORT}/files/${batchId}-1?path=${name}`).expect(200)).body
}

const linesOf = (text: string | Buffer) =>
  String(text)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

async function parquetRows(batchId: string) {
  const file = path.join(host.dataDir, `${batchId}.parquet`)
  await writeFile(file, await bytesOf(batchId, PARQUET))
  return readParquet(file)
}

describe('the files of a run', () => {
  let batchId: string
  let records: { data: object }[]

  beforeAll(async () => {
    const { flowId } = await createStripeChain(host.api)
    const run = await firstRun(host.api, flowId)
    batchId = run.activities[1].targetInfo[0].reference.ids[0]
    records = (await recordsOfRun(host.api, run.id)).map(({ record }) => record)
    expect(records).toHaveLength(230)
  })

  test('are found from the batch by their links', async () => {
    const { body } = await host.api.get(`${EXPORT}/batches/${batchId}/files`).expect(200)
    expect(body).toMatchObject({ data: [{ version: '1.0.0', isValid: true }], _page: { limit: 100, count: 1 } })
    const [set] = body.data
    expect(set.dataSetViewId).toMatch(/^[0-9a-f]{24}$/)
    expect(set.created).toMatch(/^\d{13}$/)
    expect(set.updated).toMatch(/^\d{13}$/)

    const listed = await host.api.get(pathOf(set._links.self.href)).expect(200)
    expect(listed.body._page).toEqual({ limit: 100, count: 2 })
    expect(listed.body.data.map((file: { name: string }) => file.name)).toEqual([PARQUET, NDJSON])
    for (const { length, _links } of listed.body.data) {
      const content = await download(host.api, pathOf(_links.self.href)).expect(200)
      expect(length).toBe(String(content.body.length))
    }
  })

  test('as NDJSON hold the records that the run delivered', async () => {
    expect(linesOf(await bytesOf(batchId, NDJSON))).toEqual(records)
  })

  test('as Parquet hold the same', async () => {
    const { rows, columns } = await parquetRows(batchId)
    expect(rows.map(withoutNulls)).toEqual(records.map(withoutNulls))
    expect(columns['data']).toMatch(/^STRUCT\(.*amount BIGINT.*created BIGINT/)
  })

  test('are described by HEAD', async () => {
    const file = `${EXPORT}/files/${batchId}-1`
    const { headers, body } = await download(host.api, `${file}?path=${NDJSON}`).expect(200)
    const length = String(body.length)
    const call = (name: string) => {
      const test = host.api.get(`${file}?path=${name}`)
      test.method = 'HEAD'
      return test.expect(200)
    }
    const json = await call(NDJSON)
    expect(json.headers).toMatchObject({
      'content-length': length,
      'content-type': 'application/json',
      'accept-ranges': 'bytes',
    })
    expect(json.text ?? '').toBe('')
    expect(headers['content-length']).toBe(length)
    expect((await call(PARQUET)).headers['content-type']).toBe('application/octet-stream')
  })

  test('are kept where only the owner can read them, and nothing is left of their making', async () => {
    await bytesOf(batchId, PARQUET)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
    expect(await readdir(path.join(folder, '.making'))).toEqual([])
    const [dataSetNo = ''] = (await readdir(folder)).filter((name) => name !== '.making')
    const batch = path.join(folder, dataSetNo, batchId)
    expect((await stat(batch)).mode & 0o777).toBe(0o700)
    expect((await stat(path.join(batch, NDJSON))).mode & 0o777).toBe(0o600)
  })

  test('are unknown to other organisations and sandboxes', async () => {
    for (const other of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
      for (const target of [
        `batches/${batchId}/files`,
        `batches/${batchId}/failed`,
        `batches/${batchId}/meta`,
        `files/${batchId}-1`,
        `files/${batchId}-1?path=${NDJSON}`,
      ]) {
        const { body } = await other.get(`${EXPORT}/${target}`).expect(404)
        expect(body).toMatchObject({ errorCode: '1101-404', status: 404 })
        expect(body.report.tenantInfo.imsOrgId).toBe(other.headers['x-gw-ims-org-id'])
      }
    }
  })

  test('need the API headers', async () => {
    const { body } = await host.anonymous().get(`${EXPORT}/files/${batchId}-1?path=${NDJSON}`).expect(403)
    expect(body).toEqual({ error_code: '403010', message: 'Oauth token is missing.' })
  })
})

describe('a range of a file', () => {
  let target: string
  let whole: Buffer

  beforeAll(async () => {
    const batchId = await seeded({ rows: [{ id: 'a', data: { id: 'a', text: 'Grüße' } }] })
    target = `${EXPORT}/files/${batchId}-1?path=${NDJSON}`
    whole = await bytesOf(batchId, NDJSON)
  })

  test.each([
    ['bytes=0-9', 0, 9],
    ['bytes=5-5', 5, 5],
    ['bytes=10-', 10, -1],
    ['bytes=-7', -7, -1],
    ['bytes=3-99999', 3, -1],
    ['bytes=-99999', 0, -1],
    ['Bytes= 1-2 ', 1, 2],
  ])('%s is answered with that part', async (range, first, last) => {
    const { length } = whole
    const start = first < 0 ? length + first : first
    const end = last < 0 ? length + last : last
    const { body, headers } = await download(host.api, target, { Range: range }).expect(206)
    expect(headers).toMatchObject({
      'content-range': `bytes ${start}-${end}/${length}`,
      'content-length': String(end - start + 1),
      'accept-ranges': 'bytes',
    })
    expect(body).toEqual(whole.subarray(start, end + 1))
  })

  test.each(['bytes=99999-', 'bytes=99999-100000', 'bytes=-0'])('%s lies outside', async (range) => {
    const { body, headers } = await host.api.get(target).set('Range', range).expect(416)
    expect(headers['content-range']).toBe(`bytes */${whole.length}`)
    expect(body).toMatchObject({ status: 416, errorCode: '1000-416', report: { tenantInfo: { sandboxName: 'prod' } } })
    expect(body.detail).toBe(body.message)
  })

  test.each(['bytes=5-2', 'bytes=a-b', 'bytes=-', 'rows=0-5', 'bytes=0-1,4-5', 'bytes', 'bytes=1.5-2'])(
    '%s counts as none',
    async (range) => {
      const { body, headers } = await download(host.api, target, { Range: range }).expect(200)
      expect(headers).not.toHaveProperty('content-range')
      expect(body).toEqual(whole)
    },
  )
})

describe('the rows', () => {
  test('are those that the mapping made, where the flow had one', async () => {
    const batchId = await seeded({
      rows: [
        { id: 'a', data: { id: 'a', amount: 5 }, mapped: { _id: 'a', _acme: { total: 0.05 } } },
        { id: 'b', data: { id: 'b', amount: 7 }, mapped: { _id: 'b', _acme: { total: 0.07 } } },
      ],
    })
    const expected = [
      { _id: 'a', _acme: { total: 0.05 } },
      { _id: 'b', _acme: { total: 0.07 } },
    ]
    expect(linesOf(await bytesOf(batchId, NDJSON))).toEqual(expected)
    expect((await parquetRows(batchId)).rows).toEqual(expected)
  })

  test('leave deleted objects out', async () => {
    const dataSetId = await createDataSet(host.api)
    await seed({ dataSetId, rows: [{ id: 'a', data: { id: 'a' } }] })
    const rows = [
      { id: 'a', data: {}, deleted: true },
      { id: 'b', data: { id: 'b' } },
    ]
    const { batchId } = await seed({ dataSetId, rows })
    expect(linesOf(await bytesOf(batchId, NDJSON))).toEqual([{ data: { id: 'b' } }])
    expect((await parquetRows(batchId)).rows).toEqual([{ data: { id: 'b' } }])
  })

  test('of a run that delivered nothing are none, in both files', async () => {
    const batchId = await seeded({ rows: [] })
    expect(await bytesOf(batchId, NDJSON)).toHaveLength(0)
    expect((await parquetRows(batchId)).rows).toEqual([])
    await host.api.get(`${EXPORT}/files/${batchId}-1?path=${NDJSON}`).set('Range', 'bytes=0-').expect(416)
  })

  test('with half of a surrogate pair hold the replacement character for it', async () => {
    const batchId = await seeded({ rows: [{ id: 'a', data: { cut: 'x\ud83d', whole: '😀', text: '\\ud83d' } }] })
    const expected = [{ data: { cut: 'x\ufffd', whole: '😀', text: '\\ud83d' } }]
    expect(linesOf(await bytesOf(batchId, NDJSON))).toEqual(expected)
    expect((await parquetRows(batchId)).rows).toEqual(expected)
  })
})

describe('making files', () => {
  test('happens once for callers at the same time', async () => {
    const rows = Array.from({ length: 500 }, (_, n) => ({ id: `id-${n}`, data: { n } }))
    const batchId = await seeded({ rows })
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => download(host.api, `${EXPORT}/files/${batchId}-1?path=${PARQUET}`).expect(200)),
    )
    for (const { body } of answers) expect(body).toEqual(answers[0]!.body)
    expect(await readdir(path.join(folder, '.making'))).toEqual([])
  })
})

describe('a batch that failed', () => {
  const refused = Array.from({ length: 150 }, (_, n) => ({
    id: `ch_${n}`,
    data: { id: `ch_${n}`, amount: 'much' },
    reasons: [{ path: '_acme.amount', message: 'It is no integer.' }],
  }))
  const errorOf = (n: number) => ({
    number: n + 1,
    id: `ch_${n}`,
    errors: refused[n]!.reasons,
    record: { data: refused[n]!.data },
  })
  let batchId: string
  const get = (rest: string) => host.api.get(`${EXPORT}/batches/${batchId}/${rest}`)

  beforeAll(async () => {
    batchId = await seeded({ status: 'failed', rows: [{ id: 'a', data: { id: 'a' } }], refused })
  })

  test('has no files', async () => {
    expect((await get('files').expect(200)).body).toEqual({ data: [], _page: { limit: 100, count: 0 } })
    await host.api.get(`${EXPORT}/files/${batchId}-1`).expect(404)
    await host.api.get(`${EXPORT}/files/${batchId}-1?path=${NDJSON}`).expect(404)
  })

  test('offers the records that were refused, as the source gave them', async () => {
    const { body } = await get('failed').expect(200)
    expect(body).toMatchObject({ data: [{ name: NDJSON }], _page: { limit: 100, count: 1 } })
    const [file] = body.data
    const content = await download(host.api, pathOf(file._links.self.href)).expect(200)
    expect(file.length).toBe(String(content.body.length))
    expect(linesOf(content.body)).toEqual(refused.map(({ data }) => ({ data })))
    await get('failed?path=other.json').expect(404)
  })

  test('lists what else is known about it', async () => {
    const { body } = await get('meta').expect(200)
    const names = body.data.map((file: { name: string }) => file.name)
    expect(names).toEqual(['row_errors', 'row_error_samples.json', 'input_files'])
    for (const { length, _links } of body.data.slice(0, 2)) {
      const content = await download(host.api, pathOf(_links.self.href)).expect(200)
      expect(length).toBe(String(content.body.length))
    }
    const rest = (await get('meta?start=1&limit=1').expect(200)).body
    expect(rest).toMatchObject({ data: [{ name: 'row_error_samples.json' }], _page: { limit: 1, count: 1 } })
    expect((await host.api.get(pathOf(rest._links.next.href)).expect(200)).body.data).toHaveLength(1)
  })

  test('says of every refused record why', async () => {
    const { body } = await download(host.api, `${EXPORT}/batches/${batchId}/meta?path=row_errors`).expect(200)
    expect(linesOf(body)).toEqual(refused.map((_, n) => errorOf(n)))
  })

  test.each(['row_error_samples.json', 'row_errors_sample.json'])('shows the first of them as %s', async (name) => {
    const { body } = await get(`meta?path=${name}`).expect(200)
    expect(body).toEqual(refused.slice(0, 100).map((_, n) => errorOf(n)))
  })

  test('has no input files', async () => {
    expect((await get('meta?path=input_files').expect(200)).body).toEqual({ data: [], _page: { limit: 100, count: 0 } })
  })

  test.each(['meta?path=other', 'meta?path=constructor', 'meta?path=../../host.db'])('knows no %s', async (rest) => {
    expect((await get(rest).expect(404)).body.errorCode).toBe('1101-404')
  })
})

test('a run in which nothing was refused has empty error files', async () => {
  const batchId = await seeded({ rows: [{ id: 'a', data: {} }] })
  const base = `${EXPORT}/batches/${batchId}`
  expect((await host.api.get(`${base}/failed`).expect(200)).body.data).toEqual([])
  expect((await download(host.api, `${base}/meta?path=row_errors`).expect(200)).body).toHaveLength(0)
  expect((await host.api.get(`${base}/meta?path=row_error_samples.json`).expect(200)).body).toEqual([])
})

describe('what does not exist', () => {
  test.each([
    `batches/${UNKNOWN}/files`,
    `batches/${UNKNOWN}/failed`,
    `batches/${UNKNOWN}/meta?path=row_errors`,
    `files/${UNKNOWN}-1`,
    `files/${UNKNOWN}-1?path=${NDJSON}`,
    'files/constructor',
    'files/..%2F..%2Fhost.db',
    'datasets/000000000000000000000000/preview',
  ])('%s is unknown', async (target) => {
    const { body } = await host.api.get(`${EXPORT}/${target}`).expect(404)
    expect(body).toMatchObject({ errorCode: '1101-404', status: 404 })
  })

  test.each(['..', '../host.db', '%2Fetc%2Fpasswd', 'part-00001.json', 'PART-00000.JSON'])(
    'a file of the name %s is unknown',
    async (name) => {
      const batchId = await seeded({})
      await host.api.get(`${EXPORT}/files/${batchId}-1?path=${name}`).expect(404)
    },
  )

  test('a bad page is refused', async () => {
    const batchId = await seeded({})
    for (const query of ['limit=0', 'start=x']) {
      const { body } = await host.api.get(`${EXPORT}/batches/${batchId}/files?${query}`).expect(400)
      expect(body.errorCode).toBe('1452-400')
    }
  })
})

describe('the preview of a dataset', () => {
  test('is its first 100 rows as they are now', async () => {
    const dataSetId = await createDataSet(host.api)
    const rows = Array.from({ length: 130 }, (_, n) => ({ id: `id-${String(n).padStart(3, '0')}`, data: { n } }))
    await seed({ dataSetId, rows })
    await seed({ dataSetId, rows: [{ id: 'id-000', data: {}, deleted: true }] })
    await seed({ dataSetId, rows: [{ id: 'id-001', data: {}, mapped: { _id: 'new' } }] })
    for (const name of ['datasets', 'dataSets']) {
      const { body } = await host.api.get(`${EXPORT}/${name}/${dataSetId}/preview`).expect(200)
      expect(body.data).toHaveLength(100)
      expect(body.data.slice(0, 2)).toEqual([{ _id: 'new' }, { data: { n: 2 } }])
    }
    const stranger = await host.as(GLOBEX)
    await stranger.get(`${EXPORT}/datasets/${dataSetId}/preview`).expect(404)
  })
})

test('a deleted dataset takes the files of its batches along', async () => {
  const chain = await createStripeChain(host.api)
  const run = await firstRun(host.api, chain.flowId)
  const batchId: string = run.activities[1].targetInfo[0].reference.ids[0]
  await bytesOf(batchId, PARQUET)
  const before = await readdir(folder)
  await host.api.delete(`${FLOW_SERVICE}/flows/${chain.flowId}`).expect(204)
  await host.api.delete(`${FLOW_SERVICE}/targetConnections/${chain.targetId}`).expect(204)
  await host.api.delete(`${CATALOG}/dataSets/${chain.dataSetId}`).expect(200)
  for (const target of [`files/${batchId}-1?path=${PARQUET}`, `files/${batchId}-1`, `batches/${batchId}/files`]) {
    await host.api.get(`${EXPORT}/${target}`).expect(404)
  }
  expect((await readdir(folder)).length).toBe(before.length - 1)
})
