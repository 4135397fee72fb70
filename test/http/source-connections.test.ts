import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { GLOBEX } from '../support/test-host.ts'
import {
  connectionBody,
  create,
  createChain,
  createDataSet,
  DATA_LAKE_SPEC,
  FLOW_SERVICE,
  patch,
  read,
  sourceBody,
  startFlowHost,
  STRIPE_SPEC,
  targetBody,
  flowBody,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/sourceConnections`
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }

let host: FlowHost
let baseId: string
beforeAll(async () => {
  host = await startFlowHost()
  baseId = await create(host.api, 'connections', connectionBody())
})
afterAll(() => host.stop())

const countAll = () => host.host.context.store.entities.count(tenant, 'sourceConnections', [])

describe('creating a source connection', () => {
  test('shows what was sent, its base connection and the common fields', async () => {
    const response = await host.api.post(ALL, sourceBody(baseId)).expect(201)
    expect(response.headers.location).toBe(`${ALL}/${response.body.id}`)
    const source = await read(host.api, 'sourceConnections', response.body.id)
    expect(source).toMatchObject({
      ...sourceBody(baseId),
      state: 'enabled',
      etag: response.body.etag,
      version: response.body.etag,
      inheritedAttributes: { baseConnection: { id: baseId, connectionSpec: STRIPE_SPEC } },
    })
  })

  test('keeps an API version of the source', async () => {
    const params = { resourcePath: 'prices', apiVersion: '2025-02-24.acacia' }
    const id = await create(host.api, 'sourceConnections', { ...sourceBody(baseId), params })
    expect((await read(host.api, 'sourceConnections', id)).params).toEqual(params)
  })

  test.each([
    ['no name', { name: undefined }, '1304-400', '/name'],
    ['no base connection', { baseConnectionId: undefined }, '1320-400', '/baseConnectionId'],
    ['an empty base connection', { baseConnectionId: '' }, '1320-400', '/baseConnectionId'],
    ['a base connection that is a number', { baseConnectionId: 7 }, '1312-400', '/baseConnectionId'],
    ['an unknown base connection', { baseConnectionId: UNKNOWN_ID }, '1439-400', '/baseConnectionId'],
    ['another spec than the base connection', { connectionSpec: DATA_LAKE_SPEC }, '1413-400', '/connectionSpec/id'],
    ['no data', { data: undefined }, '1304-400', '/data'],
    ['no format', { data: {} }, '1304-400', '/data/format'],
    ['a format that is a number', { data: { format: 1 } }, '1312-400', '/data/format'],
    ['another format', { data: { format: 'delimited' } }, '1327-400', '/data/format'],
    ['no params', { params: undefined }, '1304-400', '/params'],
    ['params that are a string', { params: 'charges' }, '1312-400', '/params'],
    ['no resource path', { params: {} }, '1304-400', '/params/resourcePath'],
    ['an unknown resource path', { params: { resourcePath: 'invoices' } }, '1312-400', '/params/resourcePath'],
    [
      'an API version that would end the header',
      { params: { resourcePath: 'charges', apiVersion: '2025-02-24\r\nX: y' } },
      '1312-400',
      '/params/apiVersion',
    ],
  ])('refuses %s and stores nothing', async (_, change, code, path) => {
    const before = await countAll()
    const response = await host.api.post(ALL, { ...sourceBody(baseId), ...change }).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect(response.body.report.errors[0].path).toBe(path)
    expect(await countAll()).toBe(before)
  })

  test("takes another tenant's base connection for unknown", async () => {
    const other = await host.as(GLOBEX)
    const response = await other.post(ALL, sourceBody(baseId)).expect(400)
    expect(response.body.errorCode).toBe('1439-400')
  })
})

describe('drafts of source connections', () => {
  test('an empty draft is completed by patches and published', async () => {
    const id = await create(
      host.api,
      'sourceConnections',
      { name: 'Later', connectionSpec: STRIPE_SPEC },
      '?mode=draft',
    )
    const publish = `${ALL}/${id}/action?op=publish`
    expect((await host.api.post(publish).expect(400)).body.errorCode).toBe('1304-400')
    const response = await patch(host.api, 'sourceConnections', id, [
      { op: 'add', path: '/baseConnectionId', value: baseId },
      { op: 'add', path: '/data', value: { format: 'json' } },
      { op: 'add', path: '/params/resourcePath', value: 'refunds' },
    ])
    expect(response.status).toBe(200)
    await host.api.post(publish).expect(200)
    expect(await read(host.api, 'sourceConnections', id)).toMatchObject({ state: 'enabled', baseConnectionId: baseId })
  })

  test('nothing but a draft rests on a draft', async () => {
    const draftBase = await create(host.api, 'connections', connectionBody(), '?mode=draft')
    const refused = await host.api.post(ALL, sourceBody(draftBase)).expect(400)
    expect(refused.body.errorCode).toBe('1422-400')
    const id = await create(host.api, 'sourceConnections', sourceBody(draftBase), '?mode=draft')
    const publish = `${ALL}/${id}/action?op=PUBLISH`
    expect((await host.api.post(publish).expect(400)).body.errorCode).toBe('1422-400')
    await host.api.post(`${FLOW_SERVICE}/connections/${draftBase}/action?op=publish`).expect(200)
    await host.api.post(publish).expect(200)
  })

  test('a draft may get its first base connection even when a flow uses it', async () => {
    const id = await create(
      host.api,
      'sourceConnections',
      { name: 'Later', connectionSpec: STRIPE_SPEC },
      '?mode=draft',
    )
    const targetId = await create(host.api, 'targetConnections', targetBody(await createDataSet(host.api)))
    await create(host.api, 'flows', flowBody(id, targetId), '?mode=draft')
    const operations = [{ op: 'add', path: '/baseConnectionId', value: baseId }]
    expect((await patch(host.api, 'sourceConnections', id, operations)).status).toBe(200)
  })
})

describe('patching a source connection', () => {
  test('answers the entity beside id and etag', async () => {
    const id = await create(host.api, 'sourceConnections', sourceBody(baseId))
    const operations = [{ op: 'REPLACE', path: '/params/resourcePath', value: 'customers' }]
    const response = await patch(host.api, 'sourceConnections', id, operations)
    expect(response.body).toMatchObject({ id, items: [{ id, params: { resourcePath: 'customers' } }] })
    expect(response.body.items[0].etag).toBe(response.body.etag)
    expect(response.body.items[0]).toEqual(await read(host.api, 'sourceConnections', id))
  })

  test.each([
    ['an unknown resource path', [{ op: 'replace', path: '/params/resourcePath', value: 'nope' }], '1312-400'],
    ['no params', [{ op: 'remove', path: '/params' }], '1304-400'],
    ['another format', [{ op: 'replace', path: '/data/format', value: 'parquet' }], '1327-400'],
    ['an unknown base connection', [{ op: 'replace', path: '/baseConnectionId', value: UNKNOWN_ID }], '1439-400'],
    ['the connection spec', [{ op: 'replace', path: '/connectionSpec', value: DATA_LAKE_SPEC }], '1365-400'],
    ['a parameter that is not there', [{ op: 'remove', path: '/params/apiVersion' }], '1455-400'],
    ['a prototype', [{ op: 'add', path: '/params/__proto__', value: { polluted: true } }], '1365-400'],
  ])('refuses %s and changes nothing', async (_, operations, code) => {
    const id = await create(host.api, 'sourceConnections', sourceBody(baseId))
    const before = await read(host.api, 'sourceConnections', id)
    const response = await patch(host.api, 'sourceConnections', id, operations)
    expect(response.status).toBe(400)
    expect(response.body.errorCode).toBe(code)
    expect(await read(host.api, 'sourceConnections', id)).toEqual(before)
  })

  test('changes the base connection only while no flow uses it', async () => {
    const otherBase = await create(host.api, 'connections', connectionBody())
    const operations = [{ op: 'replace', path: '/baseConnectionId', value: otherBase }]
    const { sourceId, flowId } = await createChain(host.api)
    const refused = await patch(host.api, 'sourceConnections', sourceId, operations)
    expect(refused.status).toBe(400)
    expect(refused.body.errorCode).toBe('1365-400')
    await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
    expect((await patch(host.api, 'sourceConnections', sourceId, operations)).status).toBe(200)
    expect((await read(host.api, 'sourceConnections', sourceId)).inheritedAttributes.baseConnection.id).toBe(otherBase)
  })

  test('a flow takes the history of a resource path that its source connection was turned to', async () => {
    const { store } = host.host.context
    const { sourceId, flowId } = await createChain(host.api)
    const { no: flowNo } = (await store.entities.get(tenant, 'flows', flowId))!
    const progress = (await store.progress.get(flowNo))!
    await store.progress.save({ ...progress, position: 1000, changePosition: 'evt_1' })

    await patch(host.api, 'sourceConnections', sourceId, [{ op: 'replace', path: '/name', value: 'x' }])
    expect(await store.progress.get(flowNo)).toMatchObject({ position: 1000 })
    await patch(host.api, 'sourceConnections', sourceId, [
      { op: 'replace', path: '/params/resourcePath', value: 'prices' },
    ])
    expect(await store.progress.get(flowNo)).toEqual({ ...progress, position: null, changePosition: null })
  })

  test('needs If-Match and the current etag', async () => {
    const id = await create(host.api, 'sourceConnections', sourceBody(baseId))
    const operations = [{ op: 'replace', path: '/name', value: 'x' }]
    expect((await host.api.patch(`${ALL}/${id}`, operations).expect(400)).body.errorCode).toBe('1403-400')
    await host.api.patch(`${ALL}/${id}`, operations).set('If-Match', '"stale"').expect(412)
    await host.api.patch(`${ALL}/${id}`, operations).set('If-Match', '*').expect(200)
  })
})

test('a source connection is deleted unless a flow uses it', async () => {
  const { sourceId, flowId } = await createChain(host.api)
  const refused = await host.api.delete(`${ALL}/${sourceId}`).expect(400)
  expect(refused.body.errorCode).toBe('1447-400')
  expect(refused.body.detail).toContain(flowId)
  await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
  await host.api.delete(`${ALL}/${sourceId}`).expect(204)
  const gone = await host.api.get(`${ALL}/${sourceId}`).expect(404)
  expect(gone.body.detail).toBe(`sourceConnections not found with id = [${sourceId}]`)
})

test("another sandbox's source connection is unknown, and finalize is no action of it", async () => {
  const id = await create(host.api, 'sourceConnections', sourceBody(baseId))
  const other = await host.as(GLOBEX, 'dev')
  await other.get(`${ALL}/${id}`).expect(404)
  await other.delete(`${ALL}/${id}`).expect(404)
  await other.post(`${ALL}/${id}/action?op=publish`).expect(404)
  expect((await host.api.post(`${ALL}/${id}/action?op=finalize`).expect(400)).body.errorCode).toBe('1398-400')
  expect((await host.api.post(`${ALL}/${id}/action?op=publish`).expect(400)).body.errorCode).toBe('1422-400')
})
