import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { readSpecFile } from '../../src/flow/load-specs.ts'
import { RESOURCE_PATHS } from '../../src/plugins/stripe/resources.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

const FLOW_SERVICE = '/data/foundation/flowservice'
const STRIPE = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'
const DATA_LAKE = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c'
const REST_FLOW = '6499120c-0b15-42dc-936e-847ea3c24d72'

let started: TestHost

beforeAll(async () => {
  started = await startTestHost({
    plugins: [createStripePlugin({ apiBase: 'http://127.0.0.1:1' })],
  })
})

afterAll(() => started.stop())

async function get(path: string): Promise<{ status: number; body: { items: { id: string; name: string }[] } }> {
  const { status, body } = await started.api.get(FLOW_SERVICE + path)
  return { status, body }
}

async function names(path: string): Promise<readonly string[]> {
  const { status, body } = await get(path)
  expect(status).toBe(200)
  return body.items.map(({ name }) => name)
}

test('all specs come on one page', async () => {
  expect(await get('/connectionSpecs')).toEqual({
    status: 200,
    body: {
      items: [
        readSpecFile('connection-spec.json'),
        readSpecFile('specs/data-lake.connection-spec.json'),
        readSpecFile('specs/xsolla.connection-spec.json'),
      ],
      _links: {},
    },
  })
  expect((await get('/flowSpecs')).body).toEqual({ items: [readSpecFile('specs/rest.flow-spec.json')], _links: {} })
})

test('specs are found by id, name, provider and attribute', async () => {
  expect(await names('/connectionSpecs?property=name=="stripe"')).toEqual(['stripe'])
  expect(await names('/connectionSpecs?property=name==stripe,datalake')).toEqual(['stripe', 'datalake'])
  expect(await names(`/connectionSpecs?property=id!=${STRIPE}`)).toEqual(['datalake', 'xsolla'])
  expect(await names('/connectionSpecs?property=attributes.isSource==true')).toEqual(['stripe', 'xsolla'])
  expect(await names('/connectionSpecs?property=attributes.category==Payments')).toEqual(['stripe', 'xsolla'])
  expect(await names('/connectionSpecs?property=providerId==0ed90a81-07f4-4586-8190-b40eccef1c5a')).toHaveLength(3)
  expect(await names('/connectionSpecs?property=name==stripe&property=attributes.isSource==false')).toEqual([])
  expect(await names('/connectionSpecs?property=no.such.path==1')).toEqual([])
  expect(await names(`/flowSpecs?property=name==RestStorageToAEP`)).toEqual(['RestStorageToAEP'])
  expect(await names(`/flowSpecs?property=sourceConnectionSpecIds[]==${STRIPE}`)).toEqual(['RestStorageToAEP'])
})

test('a projection keeps the named members and the id', async () => {
  expect((await get('/connectionSpecs?property=name,version')).body.items).toEqual([
    { id: STRIPE, name: 'stripe', version: '1.0' },
    { id: DATA_LAKE, name: 'datalake', version: '1.0' },
    { id: '2563bc2f-3aed-4f53-8942-e13731d11a78', name: 'xsolla', version: '1.0' },
  ])
})

test('a malformed filter is refused', async () => {
  const { status, body } = await started.api.get(`${FLOW_SERVICE}/connectionSpecs?property=name~stripe`)
  expect([status, body.errorCode]).toEqual([400, '1440-400'])
})

test('one spec comes as a list of one', async () => {
  expect((await get(`/connectionSpecs/${STRIPE}`)).body).toEqual({ items: [readSpecFile('connection-spec.json')] })
  expect((await get(`/flowSpecs/${REST_FLOW}`)).body).toEqual({ items: [readSpecFile('specs/rest.flow-spec.json')] })
})

test('an unknown spec is 404 by its collection', async () => {
  for (const path of [
    `/connectionSpecs/${REST_FLOW}`,
    `/flowSpecs/${STRIPE}`,
    `/connectionSpecs/${REST_FLOW}/explore`,
  ]) {
    const { status, body } = await started.api.get(FLOW_SERVICE + path)
    const [, collection, id] = path.split('/')
    expect([status, body.errorCode, body.detail]).toEqual([
      404,
      '1101-404',
      `${collection} not found with id = [${id}]`,
    ])
  }
})

test('specs look the same from every organisation and sandbox', async () => {
  for (const api of [await started.as(ACME, 'dev'), await started.as(GLOBEX)]) {
    const { body } = await api.get(`${FLOW_SERVICE}/connectionSpecs`)
    expect(body).toEqual((await get('/connectionSpecs')).body)
  }
})

test('a spec cannot be explored without a connection', async () => {
  const { status, body } = await started.api.get(`${FLOW_SERVICE}/connectionSpecs/${STRIPE}/explore`)
  expect([status, body.errorCode]).toEqual([400, '1372-400'])
})

test('a spec has no configurations', async () => {
  expect((await get(`/connectionSpecs/${STRIPE}/configs`)).body).toEqual({ items: [], pageInfo: { hasNext: false } })
})

test('the spec, the plugin and explore name the same resource paths in the same order', async () => {
  const { context } = started.host
  const { store, secretBox, plugins } = context
  const tenant = await store.clients.getSandbox(ACME.orgId, 'prod')
  if (tenant === null) throw new Error('no sandbox')
  const id = '6f0b9f9e-0000-4000-8000-000000000001'
  await store.entities.insert({
    kind: 'connections',
    tenant,
    etag: '"1"',
    document: { id, state: 'enabled', connectionSpec: { id: STRIPE, version: '1.0' } },
    secrets: { '/auth/params/accessToken': secretBox.seal('sk_test_1', id) },
  })
  const { body: listing } = await started.api.get(`${FLOW_SERVICE}/connections/${id}/explore?objectType=root`)
  const { body: spec } = await started.api.get(`${FLOW_SERVICE}/connectionSpecs/${STRIPE}`)

  expect(listing.map(({ path }: { path: string }) => path)).toEqual(RESOURCE_PATHS)
  expect(spec.items[0].sourceSpec.spec.properties.resourcePath.enum).toEqual(RESOURCE_PATHS)
  expect(plugins.get(STRIPE)?.resources.map(({ resourcePath }) => resourcePath)).toEqual(RESOURCE_PATHS)
})
