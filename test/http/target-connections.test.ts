import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { GLOBEX } from '../support/test-host.ts'
import {
  CATALOG,
  connectionBody,
  create,
  createChain,
  createDataSet,
  DATA_LAKE_SPEC,
  dataSetBody,
  FLOW_SERVICE,
  patch,
  read,
  SCHEMA_REF,
  startFlowHost,
  STRIPE_SPEC,
  targetBody,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/targetConnections`
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }

let host: FlowHost
let dataSetId: string
beforeAll(async () => {
  host = await startFlowHost()
  dataSetId = await createDataSet(host.api)
})
afterAll(() => host.stop())

const countAll = () => host.host.context.store.entities.count(tenant, 'targetConnections', [])

describe('creating a target connection', () => {
  test('takes the schema from the dataset when none is given', async () => {
    const response = await host.api.post(ALL, targetBody(dataSetId)).expect(201)
    expect(response.headers.location).toBe(`${ALL}/${response.body.id}`)
    expect(await read(host.api, 'targetConnections', response.body.id)).toMatchObject({
      name: 'Into the dataset',
      state: 'enabled',
      connectionSpec: DATA_LAKE_SPEC,
      data: { format: 'parquet_xdm', schema: { id: SCHEMA_REF.id, version: SCHEMA_REF.contentType } },
      params: { dataSetId },
    })
  })

  test('has no schema when the dataset has none either', async () => {
    const plain = await createDataSet(host.api, { name: 'Plain' })
    const target = await read(
      host.api,
      'targetConnections',
      await create(host.api, 'targetConnections', targetBody(plain)),
    )
    expect(target.data).toEqual({ format: 'parquet_xdm' })
  })

  test('keeps a schema that is given, and knows the dataset by the other spelling too', async () => {
    const schema = { id: SCHEMA_REF.id, version: 'application/vnd.adobe.xed-full+json; version=1' }
    const body = { ...targetBody(dataSetId), data: { schema }, params: { datasetId: dataSetId } }
    const target = await read(host.api, 'targetConnections', await create(host.api, 'targetConnections', body))
    expect(target).toMatchObject({ data: { schema }, params: { dataSetId } })
  })

  test('keeps a base connection that is given', async () => {
    const baseConnectionId = await create(host.api, 'connections', connectionBody())
    const id = await create(host.api, 'targetConnections', { ...targetBody(dataSetId), baseConnectionId })
    expect((await read(host.api, 'targetConnections', id)).baseConnectionId).toBe(baseConnectionId)
  })

  test.each([
    ['no name', { name: '' }, '1304-400', '/name'],
    ['a source spec', { connectionSpec: STRIPE_SPEC }, '1307-400', '/connectionSpec/id'],
    ['an unknown spec', { connectionSpec: { id: UNKNOWN_ID } }, '1307-400', '/connectionSpec/id'],
    ['no spec', { connectionSpec: undefined }, '1304-400', '/connectionSpec'],
    ['no data', { data: undefined }, '1304-400', '/data'],
    ['a format that is an array', { data: { format: [] } }, '1312-400', '/data/format'],
    ['a schema that is a string', { data: { schema: 'x' } }, '1312-400', '/data/schema'],
    ['a schema without an id', { data: { schema: {} } }, '1304-400', '/data/schema/id'],
    ['no params', { params: undefined }, '1325-400', '/params'],
    ['no dataset', { params: {} }, '1325-400', '/params/dataSetId'],
    ['an empty dataset', { params: { dataSetId: '' } }, '1325-400', '/params/dataSetId'],
    ['an unknown dataset', { params: { dataSetId: 'f'.repeat(24) } }, '1325-400', '/params/dataSetId'],
    ['a dataset that is a number', { params: { dataSetId: 4 } }, '1325-400', '/params/dataSetId'],
    ['an unknown base connection', { baseConnectionId: UNKNOWN_ID }, '1439-400', '/baseConnectionId'],
    ['a base connection that is an object', { baseConnectionId: {} }, '1312-400', '/baseConnectionId'],
  ])('refuses %s and stores nothing', async (_, change, code, path) => {
    const before = await countAll()
    const response = await host.api.post(ALL, { ...targetBody(dataSetId), ...change }).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect(response.body.report.errors[0].path).toBe(path)
    expect(await countAll()).toBe(before)
  })

  test('names the spec that data can land in', async () => {
    const response = await host.api.post(ALL, { ...targetBody(dataSetId), connectionSpec: STRIPE_SPEC }).expect(400)
    expect(response.body.detail).toContain(DATA_LAKE_SPEC.id)
  })

  test("takes another tenant's dataset for unknown", async () => {
    const other = await host.as(GLOBEX)
    expect((await other.post(ALL, targetBody(dataSetId)).expect(400)).body.errorCode).toBe('1325-400')
  })
})

describe('drafts of target connections', () => {
  test('an empty draft is completed by patches and published', async () => {
    const id = await create(
      host.api,
      'targetConnections',
      { name: 'Later', connectionSpec: DATA_LAKE_SPEC },
      '?mode=draft',
    )
    const publish = `${ALL}/${id}/action?op=publish`
    expect((await host.api.post(publish).expect(400)).body.errorCode).toBe('1325-400')
    await patch(host.api, 'targetConnections', id, [
      { op: 'replace', path: '/params', value: { dataSetId } },
      { op: 'add', path: '/data/format', value: 'parquet_xdm' },
    ])
    await host.api.post(publish).expect(200)
    expect(await read(host.api, 'targetConnections', id)).toMatchObject({
      state: 'enabled',
      data: { format: 'parquet_xdm', schema: { id: SCHEMA_REF.id } },
    })
  })

  test('nothing but a draft rests on a draft base connection', async () => {
    const baseConnectionId = await create(host.api, 'connections', connectionBody(), '?mode=draft')
    const body = { ...targetBody(dataSetId), baseConnectionId }
    expect((await host.api.post(ALL, body).expect(400)).body.errorCode).toBe('1422-400')
    const id = await create(host.api, 'targetConnections', body, '?mode=draft')
    expect((await host.api.post(`${ALL}/${id}/action?op=publish`).expect(400)).body.errorCode).toBe('1422-400')
  })
})

describe('patching a target connection', () => {
  test('a patch to another dataset takes its schema along and lets flows start anew', async () => {
    const { store } = host.host.context
    const otherRef = {
      id: 'https://ns.adobe.com/acme/schemas/other',
      contentType: 'application/vnd.adobe.xed+json;version=1',
    }
    const otherId = await createDataSet(host.api, { ...dataSetBody(), schemaRef: otherRef })
    const { targetId, flowId } = await createChain(host.api)
    const { no: flowNo } = (await store.entities.get(tenant, 'flows', flowId))!
    const progress = (await store.progress.get(flowNo))!
    await store.progress.save({ ...progress, position: 1000 })

    const response = await patch(host.api, 'targetConnections', targetId, [
      { op: 'replace', path: '/params/dataSetId', value: otherId },
    ])
    expect(response.body.items[0]).toMatchObject({
      params: { dataSetId: otherId },
      data: { format: 'parquet_xdm', schema: { id: otherRef.id, version: otherRef.contentType } },
    })
    expect(await store.progress.get(flowNo)).toMatchObject({ position: null })
    await host.api.delete(`${CATALOG}/dataSets/${otherId}`).expect(400)
  })

  test.each([
    ['an unknown dataset', [{ op: 'replace', path: '/params/dataSetId', value: 'nope' }], '1325-400'],
    ['no dataset', [{ op: 'remove', path: '/params/dataSetId' }], '1325-400'],
    ['no data', [{ op: 'remove', path: '/data' }], '1304-400'],
    ['a schema id that is a number', [{ op: 'replace', path: '/data/schema/id', value: 5 }], '1312-400'],
    ['the connection spec', [{ op: 'replace', path: '/connectionSpec/id', value: STRIPE_SPEC.id }], '1365-400'],
    ['the base connection', [{ op: 'add', path: '/baseConnectionId', value: UNKNOWN_ID }], '1365-400'],
  ])('refuses %s and changes nothing', async (_, operations, code) => {
    const id = await create(host.api, 'targetConnections', targetBody(dataSetId))
    const before = await read(host.api, 'targetConnections', id)
    const response = await patch(host.api, 'targetConnections', id, operations)
    expect(response.status).toBe(400)
    expect(response.body.errorCode).toBe(code)
    expect(await read(host.api, 'targetConnections', id)).toEqual(before)
  })
})

test('a target connection is deleted unless a flow uses it', async () => {
  const { targetId, flowId } = await createChain(host.api)
  expect((await host.api.delete(`${ALL}/${targetId}`).expect(400)).body.errorCode).toBe('1447-400')
  await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
  await host.api.delete(`${ALL}/${targetId}`).expect(204)
  await host.api.get(`${ALL}/${targetId}`).expect(404)
})

test("another organisation's target connection is unknown to every call", async () => {
  const id = await create(host.api, 'targetConnections', targetBody(dataSetId))
  const other = await host.as(GLOBEX)
  await other.get(`${ALL}/${id}`).expect(404)
  await other
    .patch(`${ALL}/${id}`, [{ op: 'remove', path: '/name' }])
    .set('If-Match', '*')
    .expect(404)
  await other.post(`${ALL}/${id}/action?op=publish`).expect(404)
  await other.delete(`${ALL}/${id}`).expect(404)
})
