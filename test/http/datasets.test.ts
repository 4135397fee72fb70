import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createDataSetService } from '../../src/catalog/dataset-service.ts'
import type { Store } from '../../src/store/store.ts'
import { GLOBEX } from '../support/test-host.ts'
import {
  CATALOG,
  create,
  createDataSet,
  dataSetBody,
  FLOW_SERVICE,
  NOW,
  SCHEMA_REF,
  startFlowHost,
  targetBody,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${CATALOG}/dataSets`
const UNKNOWN = 'f'.repeat(24)
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }

let host: FlowHost
beforeAll(async () => {
  host = await startFlowHost()
})
afterAll(() => host.stop())

const get = async (id: string) => (await host.api.get(`${ALL}/${id}`).expect(200)).body[id]

describe('creating a dataset', () => {
  test('answers a reference to it and stores the schema reference as given', async () => {
    const response = await host.api.post(`${ALL}?requestDataSource=true`, dataSetBody()).expect(201)
    expect(response.body).toEqual([expect.stringMatching(/^@\/dataSets\/[0-9a-f]{24}$/)])
    const id = response.body[0].replace('@/dataSets/', '')
    expect(response.headers.location).toBe(`${ALL}/${id}`)

    const map = await host.api.get(`${ALL}/${id}`).expect(200)
    expect(Object.keys(map.body)).toEqual([id])
    expect(map.body[id]).toEqual({
      name: 'Stripe Charges',
      schemaRef: SCHEMA_REF,
      imsOrg: tenant.orgId,
      sandboxId: expect.any(String),
      version: '1.0.0',
      created: NOW,
      updated: NOW,
      createdClient: 'acme-client',
      createdUser: expect.any(String),
      updatedUser: expect.any(String),
      tags: { 'adobe/pqs/table': ['stripe_charges'] },
      viewId: expect.stringMatching(/^[0-9a-f]{24}$/),
      basePath: `/dataSets/${id}`,
      files: `@/dataSetFiles?dataSetId=${id}`,
      observableSchema: {},
    })
  })

  test('keeps optional members, tags among them, and no others', async () => {
    const members = {
      description: 'All charges',
      tags: { unifiedProfile: ['enabled:true'] },
      fileDescription: { persisted: true, format: 'parquet' },
      enableErrorDiagnostics: true,
      unifiedTags: ['a'],
      systemLabels: ['b'],
    }
    const id = await createDataSet(host.api, { ...dataSetBody(), ...members, imsOrg: 'x', status: 'y', other: 1 })
    const dataSet = await get(id)
    expect(dataSet).toMatchObject({ ...members, imsOrg: tenant.orgId })
    expect(dataSet.tags['adobe/pqs/table']).toEqual(['stripe_charges'])
    expect(dataSet).not.toHaveProperty('status')
    expect(dataSet).not.toHaveProperty('other')
  })

  test('needs no schema reference', async () => {
    expect(await get(await createDataSet(host.api, { name: 'Plain' }))).not.toHaveProperty('schemaRef')
  })

  test('keeps a table name that is given, and finds one for a name without letters', async () => {
    const tags = { 'adobe/pqs/table': ['my_table'] }
    expect((await get(await createDataSet(host.api, { ...dataSetBody(), tags }))).tags).toEqual(tags)
    const nameless = await get(await createDataSet(host.api, { ...dataSetBody(), name: '***' }))
    expect(nameless.tags['adobe/pqs/table']).toEqual(['dataset'])
  })

  test.each([
    ['no name', { name: undefined }, '1304-400', '/name'],
    ['a blank name', { name: ' ' }, '1304-400', '/name'],
    ['a name that is a number', { name: 3 }, '1312-400', '/name'],
    ['a huge name', { name: 'x'.repeat(5000) }, '1312-400', '/name'],
    ['a schema reference without an id', { schemaRef: {} }, '1304-400', '/schemaRef/id'],
    ['a schema reference that is a string', { schemaRef: 'x' }, '1312-400', '/schemaRef'],
    ['tags that are strings', { tags: { a: 'b' } }, '1312-400', '/tags/a'],
    ['an empty table name', { tags: { 'adobe/pqs/table': [] } }, '1312-400', '/tags/adobe~1pqs~1table'],
    ['diagnostics that are a string', { enableErrorDiagnostics: 'true' }, '1312-400', '/enableErrorDiagnostics'],
  ])('refuses %s and stores nothing', async (_, change, code, path) => {
    const { entities } = host.host.context.store
    const before = await entities.count(tenant, 'dataSets', [])
    const response = await host.api.post(ALL, { ...dataSetBody(), ...change }).expect(400)
    expect(response.body).toMatchObject({ errorCode: code, status: 400 })
    expect(response.body.report.errors[0].path).toBe(path)
    expect(await entities.count(tenant, 'dataSets', [])).toBe(before)
  })

  test('refuses a body that is no object, and an empty one', async () => {
    expect((await host.api.post(ALL, []).expect(400)).body.errorCode).toBe('1000-400')
    expect((await host.api.post(ALL).expect(400)).body.errorCode).toBe('1405-400')
  })
})

describe('reading datasets', () => {
  test('both spellings of the path lead to the same datasets', async () => {
    const response = await host.api.post(`${CATALOG}/datasets`, dataSetBody()).expect(201)
    const id = response.body[0].replace('@/dataSets/', '')
    expect((await host.api.get(`${CATALOG}/datasets/${id}/`).expect(200)).body[id].name).toBe('Stripe Charges')
    await host.api.get(`${ALL}/${id}`).expect(200)
  })

  test('an unknown dataset is a 404 whose status is a number', async () => {
    const response = await host.api.get(`${ALL}/${UNKNOWN}`).expect(404)
    expect(response.body).toMatchObject({ status: 404, detail: `dataSets not found with id = [${UNKNOWN}]` })
  })

  test('properties cuts every dataset down to some members', async () => {
    const id = await createDataSet(host.api)
    const one = await host.api.get(`${ALL}/${id}?properties=name,schemaRef`).expect(200)
    expect(one.body).toEqual({ [id]: { name: 'Stripe Charges', schemaRef: SCHEMA_REF } })
    const list = await host.api.get(`${ALL}?properties=version&limit=1`).expect(200)
    expect(Object.values(list.body)).toEqual([{ version: '1.0.0' }])
  })

  test('the list is a map with limit, start, name, order and filter', async () => {
    const api = await host.as(GLOBEX, 'dev')
    const ids: string[] = []
    for (const name of ['a', 'b', 'c', 'b']) {
      host.clock.time += 1000
      ids.push(await createDataSet(api, { ...dataSetBody(), name }))
    }
    const list = async (query: string) => Object.keys((await api.get(`${ALL}?${query}`).expect(200)).body)
    const [a, b, c, b2] = ids
    expect(await list('')).toEqual([b2, c, b, a])
    expect(await list('orderBy=desc:created')).toEqual([b2, c, b, a])
    expect(await list('orderBy=asc:created&limit=2')).toEqual([a, b])
    expect(await list('orderBy=created&limit=2&start=1')).toEqual([b, c])
    expect(await list('orderBy=name,desc:created')).toEqual([a, b2, b, c])
    expect(await list('start=4')).toEqual([])
    expect(await list('start=999999999&limit=100')).toEqual([])
    expect((await list('name=b')).toSorted()).toEqual([b, b2].toSorted())
    expect(await list('property=name==c')).toEqual([c])
    expect(await list('name=b&property=name==c')).toEqual([])
  })

  test('a page holds at most 100 datasets', async () => {
    const api = await host.as(GLOBEX)
    for (let count = 0; count < 101; count++) await createDataSet(api)
    const page = async (query: string) => Object.keys((await api.get(`${ALL}?${query}`).expect(200)).body)
    const first = await page('limit=5000')
    expect(first).toHaveLength(100)
    const second = await page('start=100')
    expect(second).toHaveLength(1)
    expect(first).not.toContain(second[0])
  })

  test.each([
    ['limit=0', '1452-400'],
    ['limit=ten', '1452-400'],
    ['start=-1', '1452-400'],
    ['start=1.5', '1452-400'],
    ['orderBy=up:created', '1432-400'],
    ['orderBy=desc:', '1433-400'],
    ['orderBy=desc:a..b', '1433-400'],
    ['property=name==', '1453-400'],
  ])('the list refuses %s', async (query, code) => {
    expect((await host.api.get(`${ALL}?${query}`).expect(400)).body.errorCode).toBe(code)
  })
})

describe('changing a dataset', () => {
  test('a merge object changes and removes members, and raises the version', async () => {
    const id = await createDataSet(host.api, { ...dataSetBody(), description: 'x', fileDescription: { a: 1, b: 2 } })
    const before = await get(id)
    host.clock.time += 1000
    const change = {
      name: 'Renamed',
      description: null,
      fileDescription: { a: null, c: 3 },
      imsOrg: 'other',
      created: 1,
    }
    const response = await host.api.patch(`${ALL}/${id}`, change).expect(200)
    expect(response.body).toEqual([`@/dataSets/${id}`])
    delete before.description
    expect(await get(id)).toEqual({
      ...before,
      name: 'Renamed',
      fileDescription: { b: 2, c: 3 },
      version: '1.0.1',
      updated: before.updated + 1000,
    })
  })

  test('a JSON Patch changes members', async () => {
    const id = await createDataSet(host.api)
    const operations = [
      { op: 'add', path: '/tags/unifiedIdentity', value: ['enabled:true'] },
      { op: 'replace', path: '/description', value: 'New' },
    ]
    await host.api.patch(`${ALL}/${id}`, operations).expect(200)
    expect(await get(id)).toMatchObject({
      description: 'New',
      version: '1.0.1',
      tags: { unifiedIdentity: ['enabled:true'], 'adobe/pqs/table': ['stripe_charges'] },
    })
  })

  test('PUT replaces all that a client writes, and keeps the table name', async () => {
    const id = await createDataSet(host.api, { ...dataSetBody(), description: 'x', tags: { a: ['b'] } })
    const response = await host.api.put(`${ALL}/${id}`, { name: 'Other', schemaRef: SCHEMA_REF }).expect(200)
    expect(response.body).toEqual([`@/dataSets/${id}`])
    const dataSet = await get(id)
    expect(dataSet).toMatchObject({ name: 'Other', tags: { 'adobe/pqs/table': ['stripe_charges'] }, version: '1.0.1' })
    expect(dataSet).not.toHaveProperty('description')
    expect(dataSet.tags).not.toHaveProperty('a')
  })

  test.each([
    ['patch', { name: null }, '1304-400'],
    ['patch', { schemaRef: 5 }, '1312-400'],
    ['patch', [{ op: 'remove', path: '/name' }], '1304-400'],
    ['patch', [{ op: 'replace', path: '/imsOrg', value: 'x' }], '1365-400'],
    ['patch', [{ op: 'add', path: '/fileDescription/__proto__', value: 'x' }], '1365-400'],
    ['patch', [{ op: 'remove', path: '/description' }], '1455-400'],
    ['patch', [{ op: 'test', path: '/name', value: 'x' }], '1434-400'],
    ['patch', [], '1405-400'],
    ['put', { schemaRef: SCHEMA_REF }, '1304-400'],
    ['put', [], '1000-400'],
  ] as const)('%s of %j is refused and changes nothing', async (method, body, code) => {
    const id = await createDataSet(host.api)
    const before = await get(id)
    const response = await host.api[method](`${ALL}/${id}`, body).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect(await get(id)).toEqual(before)
  })

  test('changes made at the same time are all kept', async () => {
    const id = await createDataSet(host.api)
    const names = ['one', 'two', 'three', 'four']
    await Promise.all(names.map((name) => host.api.patch(`${ALL}/${id}`, { tags: { [name]: ['x'] } }).expect(200)))
    const { tags, version } = await get(id)
    expect(Object.keys(tags).toSorted()).toEqual(['adobe/pqs/table', ...names].toSorted())
    expect(version).toBe('1.0.4')
  })
})

test('a change on top of a version that is gone by then is refused', async () => {
  const id = await createDataSet(host.api)
  const before = await get(id)
  const { store, clock } = host.host.context
  const overtaken: Store = {
    ...store,
    transaction: (work) =>
      store.transaction((scope) => work({ ...scope, entities: { ...scope.entities, update: async () => false } })),
  }
  const caller = { tenant: { ...tenant, sandboxId: 's' }, userId: 'u', clientId: 'c', requestId: 'r' }
  const change = createDataSetService({ store: overtaken, clock }).merge(caller, id, { name: 'x' })
  await expect(change).rejects.toMatchObject({ code: '1103-503' })
  expect(await get(id)).toEqual(before)
})

describe('deleting a dataset', () => {
  test('is refused while a target connection uses it', async () => {
    const id = await createDataSet(host.api)
    const targetId = await create(host.api, 'targetConnections', targetBody(id))
    const refused = await host.api.delete(`${ALL}/${id}`).expect(400)
    expect(refused.body).toMatchObject({ errorCode: '1447-400', status: 400 })
    expect(refused.body.detail).toContain(targetId)
    await host.api.delete(`${FLOW_SERVICE}/targetConnections/${targetId}`).expect(204)
    const response = await host.api.delete(`${ALL}/${id}`).expect(200)
    expect(response.body).toEqual([`@/dataSets/${id}`])
    await host.api.get(`${ALL}/${id}`).expect(404)
    await host.api.delete(`${ALL}/${id}`).expect(404)
  })

  test('removes its records', async () => {
    const { store } = host.host.context
    const id = await createDataSet(host.api)
    const dataSet = (await store.entities.get(tenant, 'dataSets', id))!
    const runNo = await store.entities.insert({
      kind: 'runs',
      tenant: { ...tenant, sandboxId: 's' },
      etag: '"1"',
      document: { id: `run-of-${id}` },
    })
    const target = { dataSetNo: dataSet.no, connectionSpecId: 'spec', resourcePath: 'charges' }
    const record = { objectId: 'ch_1', operation: 'upsert' as const, body: '{}', contentHash: 'h' }
    await store.records.deliver({ target, runNo, lastSequence: 0, observedAt: NOW, records: [record] })
    expect(await store.records.current(dataSet.no, null, 10, true)).toHaveLength(1)
    await host.api.delete(`${ALL}/${id}`).expect(200)
    expect(await store.records.current(dataSet.no, null, 10, true)).toEqual([])
  })
})

test("another organisation's dataset is unknown to every call", async () => {
  const id = await createDataSet(host.api)
  const other = await host.as(GLOBEX)
  await other.get(`${ALL}/${id}`).expect(404)
  await other.patch(`${ALL}/${id}`, { name: 'x' }).expect(404)
  await other.put(`${ALL}/${id}`, dataSetBody()).expect(404)
  await other.delete(`${ALL}/${id}`).expect(404)
  expect((await get(id)).name).toBe('Stripe Charges')
})
