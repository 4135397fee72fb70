import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createMappingSetService } from '../../src/mapping/mapping-set-service.ts'
import {
  connectionBody,
  create as createEntity,
  createDataSet,
  FLOW_SERVICE,
  flowBody,
  NOW,
  SCHEMA_REF as DATA_SET_SCHEMA,
  sourceBody,
  startFlowHost,
  targetBody,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'

const DATA_PREP = '/data/foundation/conversion'
const ALL = `${DATA_PREP}/mappingSets`
const LANGUAGE = `${DATA_PREP}/languages/el`
const REGISTRY = '/data/foundation/schemaregistry'
const HEX_ID = /^[0-9a-f]{32}$/
const UNKNOWN = 'f'.repeat(32)

const SCHEMA = 'https://ns.adobe.com/acme/schemas/5f76be8c4e4b847fdac13ca42aa6b596a89a5b91dea48b16'
const SCHEMA_REF = { id: SCHEMA, contentType: 'application/vnd.adobe.xed-full+json;version=1' }

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../mapping/fixtures/${name}`, import.meta.url), 'utf8'))
const OLD_DIALECT = fixture('stripe-charges-mapping.json')
const newDialect = () => ({
  name: 'People',
  inputSchema: { id: 'a167ff2947ff447ebd8bcf7ef6756232', version: 0 },
  outputSchema: { schemaRef: SCHEMA_REF },
  mappings: [
    { sourceType: 'ATTRIBUTE', source: 'id', destination: '_id', name: 'id', description: 'Identifier field' },
    { sourceType: 'EXPRESSION', source: 'concat(first, " ", last)', destination: 'person.name.fullName' },
    { sourceType: 'STATIC', source: 'crm', destination: 'person.source' },
  ],
})

let host: FlowHost
beforeAll(async () => {
  host = await startFlowHost()
})
afterAll(() => host.stop())

const create = async (body: unknown = newDialect()): Promise<string> =>
  (await host.api.post(ALL, body).expect(200)).body.id
const get = async (id: string, query = '') => (await host.api.get(`${ALL}/${id}${query}`).expect(200)).body

describe('creating a mapping set', () => {
  test('answers 200 with a receipt whose dates are numbers', async () => {
    const { body } = await host.api.post(`${ALL}?validate=true`, OLD_DIALECT).expect(200)
    expect(body).toEqual({
      id: expect.stringMatching(HEX_ID),
      version: 0,
      createdDate: NOW,
      modifiedDate: NOW,
      createdBy: expect.stringMatching(/@techacct\.adobe\.com$/),
      modifiedBy: expect.stringMatching(/@techacct\.adobe\.com$/),
    })
  })

  test('in the old dialect reads back in the words of both', async () => {
    const mappingSet = await get(await create(OLD_DIALECT))
    expect(mappingSet).toMatchObject({
      version: 0,
      outputSchema: { schemaRef: SCHEMA_REF },
      schemaRef: SCHEMA_REF,
      xdmSchema: SCHEMA,
      xdmVersion: '1.0',
      status: 'PUBLISHED',
      strictMapping: false,
      allowNullValues: false,
      supportVersion: '1.1',
    })
    expect(mappingSet).not.toHaveProperty('updatedAt')
    expect(mappingSet.mappings).toHaveLength(OLD_DIALECT.mappings.length)
    expect(mappingSet.mappings[3]).toEqual({
      id: expect.stringMatching(HEX_ID),
      version: 0,
      createdDate: NOW,
      modifiedDate: NOW,
      createdBy: expect.any(String),
      modifiedBy: expect.any(String),
      sourceType: 'ATTRIBUTE',
      source: 'data.payment_method_details.card.last4',
      destination: '_acme.charges_data.payment_method_details.card.last4',
      sourceAttribute: 'data.payment_method_details.card.last4',
      destinationXdmPath: '_acme.charges_data.payment_method_details.card.last4',
      identity: false,
      primaryIdentity: false,
      matchScore: 0,
      functionVersion: 1,
    })
  })

  test('in the new dialect reads back in the words of both', async () => {
    const mappingSet = await get(await create())
    expect(mappingSet).toMatchObject({ name: 'People', xdmSchema: SCHEMA, inputSchema: newDialect().inputSchema })
    expect(mappingSet.mappings).toMatchObject([
      { sourceType: 'ATTRIBUTE', sourceAttribute: 'id', destinationXdmPath: '_id', name: 'id', identity: false },
      { sourceType: 'EXPRESSION', sourceAttribute: 'concat(first, " ", last)' },
      { sourceType: 'STATIC', source: 'crm', destinationXdmPath: 'person.source' },
    ])
  })

  test('takes a mixture, older names of types, and the identity members', async () => {
    const identity = { identity: true, primaryIdentity: true, identityGroup: 'g', namespaceCode: 'Email' }
    const mappingSet = await get(
      await create({
        schemaRef: { id: SCHEMA, contentType: '1.0' },
        xdmSchema: SCHEMA,
        mappings: [
          { sourceAttribute: 'a', destination: 'x', ...identity },
          { source: 'b', destinationXdmPath: 'y', sourceType: 'text/x.schema-path' },
          { source: 'upper(c)', destination: 'z', sourceType: 'text/x.aep-xl' },
          { sourceAttribute: 'concat(a, b)', destinationXdmPath: 'w' },
        ],
      }),
    )
    expect(mappingSet.mappings).toMatchObject([
      { sourceType: 'ATTRIBUTE', source: 'a', destination: 'x', ...identity },
      { sourceType: 'ATTRIBUTE', source: 'b', destination: 'y' },
      { sourceType: 'EXPRESSION', source: 'upper(c)' },
      { sourceType: 'EXPRESSION', source: 'concat(a, b)' },
    ])
  })

  test('stores nothing that it does not know', async () => {
    const mappingSet = await get(await create({ ...newDialect(), createdBy: 'me', colour: 'red', version: 7 }))
    expect(mappingSet.version).toBe(0)
    expect(mappingSet.createdBy).not.toBe('me')
    expect(mappingSet).not.toHaveProperty('colour')
  })

  const entry = { source: 'a', destination: 'b' }
  const withMapping = (mapping: unknown) => ({ outputSchema: { schemaRef: SCHEMA_REF }, mappings: [mapping] })
  test.each<[string, unknown, string, string]>([
    ['an array', [], '1000-400', 'JSON object'],
    ['no schema', { mappings: [] }, '1304-400', '/outputSchema/schemaRef/id'],
    ['an empty schema id', { xdmSchema: ' ', mappings: [] }, '1304-400', '/outputSchema/schemaRef/id'],
    ['two schemas', { ...newDialect(), xdmSchema: 'https://other' }, '1312-400', 'two different'],
    ['a schema of a wrong type', { ...newDialect(), outputSchema: 'x' }, '1312-400', '/outputSchema'],
    ['a version of a wrong type', { ...OLD_DIALECT, xdmVersion: {} }, '1312-400', '/xdmVersion'],
    ['no mappings', { xdmSchema: SCHEMA }, '1304-400', '/mappings is missing'],
    ['mappings that are no array', { xdmSchema: SCHEMA, mappings: {} }, '1312-400', '/mappings is an object'],
    ['too many mappings', { xdmSchema: SCHEMA, mappings: Array(1001).fill(entry) }, '1312-400', 'at most 1000'],
    ['a mapping that is no object', withMapping('x'), '1312-400', '/mappings/0'],
    ['a mapping without a source', withMapping({ destination: 'b' }), '1304-400', '/mappings/0/source'],
    ['a mapping without a destination', withMapping({ sourceAttribute: 'a' }), '1304-400', '/mappings/0/destination'],
    ['an empty source', withMapping({ ...entry, source: '' }), '1304-400', '/mappings/0/source'],
    ['a source of a wrong type', withMapping({ ...entry, source: 5 }), '1312-400', '/mappings/0/source'],
    ['two different sources', withMapping({ ...entry, sourceAttribute: 'z' }), '1312-400', 'differ'],
    ['an unknown type', withMapping({ ...entry, sourceType: 'MAGIC' }), '1312-400', 'ATTRIBUTE, EXPRESSION or STATIC'],
    ['a damaged path', withMapping({ ...entry, source: 'a..b' }), '1312-400', 'the source cannot be read'],
    ['a reserved word', withMapping({ ...entry, destination: 'x.for' }), '1312-400', 'write ${for}'],
    [
      'a damaged expression',
      withMapping({ ...entry, source: 'nope(', sourceType: 'EXPRESSION' }),
      '1312-400',
      'too early',
    ],
    [
      'an unknown function',
      withMapping({ ...entry, source: 'f(1)', sourceType: 'EXPRESSION' }),
      '1312-400',
      'no function f',
    ],
    ['a flag of a wrong type', withMapping({ ...entry, identity: 'yes' }), '1312-400', '/mappings/0/identity'],
    ['a name of a wrong type', { ...newDialect(), name: 5 }, '1312-400', '/name'],
    ['a name that is too long', { ...newDialect(), name: 'x'.repeat(1025) }, '1312-400', '/name'],
    ['an endless source', withMapping({ ...entry, source: 'a'.repeat(8193) }), '1312-400', 'at most 8192'],
  ])('refuses %s', async (_, body, code, detail) => {
    const response = await host.api.post(ALL, body).expect(400)
    expect(response.body).toMatchObject({ errorCode: code, status: 400, detail: expect.stringContaining(detail) })
  })

  test('lists all faults of a body', async () => {
    const body = { mappings: [{ source: 'a..b', destination: 'x' }, {}] }
    const response = await host.api.post(ALL, body).expect(400)
    expect(response.body.report.errors.map(({ path }: { path: string }) => path)).toEqual([
      '/outputSchema/schemaRef/id',
      '/mappings/0',
      '/mappings/1/source',
      '/mappings/1/destination',
    ])
  })
})

describe('versions', () => {
  test('a change makes the next version, and every version stays readable', async () => {
    const id = await create()
    host.clock.time += 1000
    const { body: changed } = await host.api.put(`${ALL}/${id}`, { ...OLD_DIALECT, id, name: 'Charges' }).expect(200)
    host.clock.time -= 1000
    expect(changed).toMatchObject({ id, version: 1, name: 'Charges', createdDate: NOW, modifiedDate: NOW + 1000 })
    expect(changed.mappings).toHaveLength(OLD_DIALECT.mappings.length)

    expect(await get(id)).toEqual(changed)
    expect(await get(id, '?version=1')).toEqual(changed)
    expect(await get(id, '?version=0')).toMatchObject({ version: 0, name: 'People' })
    await host.api.get(`${ALL}/${id}?version=2`).expect(404)
  })

  test('a mapping that is sent back keeps its id and its age', async () => {
    const id = await create()
    const before = await get(id)
    host.clock.time += 1000
    const { body: after } = await host.api
      .put(`${ALL}/${id}`, { ...before, mappings: [...before.mappings, { source: 'new1', destination: 'x' }] })
      .expect(200)
    host.clock.time -= 1000
    expect(after.mappings).toMatchObject([
      ...before.mappings.map((mapping: { id: string }) => ({
        id: mapping.id,
        createdDate: NOW,
        modifiedDate: NOW + 1000,
      })),
      { id: expect.stringMatching(HEX_ID), createdDate: NOW + 1000 },
    ])
  })

  test('a change that is refused leaves the set as it is', async () => {
    const id = await create()
    await host.api.put(`${ALL}/${id}`, { mappings: [] }).expect(400)
    expect(await get(id)).toMatchObject({ version: 0, name: 'People' })
  })

  test.each(['-1', '1.5', 'latest', '99999999999'])('version=%s is refused', async (version) => {
    const id = await create()
    const response = await host.api.get(`${ALL}/${id}?version=${version}`).expect(400)
    expect(response.body.errorCode).toBe('1452-400')
  })
})

describe('reading', () => {
  test('the mappings of a set, and one of them', async () => {
    const id = await create()
    const { body: mappings } = await host.api.get(`${ALL}/${id}/mappings`).expect(200)
    expect(mappings).toEqual((await get(id)).mappings)
    const { body: mapping } = await host.api.get(`${ALL}/${id}/mappings/${mappings[1].id}`).expect(200)
    expect(mapping).toEqual(mappings[1])
    const response = await host.api.get(`${ALL}/${id}/mappings/${UNKNOWN}`).expect(404)
    expect(response.body.errorMessage).toBe(`mappings not found with id = [${UNKNOWN}]`)
  })

  test.each([UNKNOWN, 'x', 'F'.repeat(32), '0', `${'a'.repeat(32)}:0`, '..%2F', '%00', '__proto__'])(
    'the id %s is simply unknown',
    async (id) => {
      for (const response of [
        await host.api.get(`${ALL}/${id}`),
        await host.api.get(`${ALL}/${id}?version=0`),
        await host.api.get(`${ALL}/${id}/mappings`),
        await host.api.get(`${ALL}/${id}/mappings/${UNKNOWN}`),
        await host.api.put(`${ALL}/${id}`, newDialect()),
        await host.api.put(`${ALL}/${id}`, {}),
        await host.api.delete(`${ALL}/${id}`),
      ]) {
        expect([response.status, response.body.errorCode, response.body.status]).toEqual([404, '1101-404', 404])
      }
    },
  )

  test('expandSchema is a boolean', async () => {
    const id = await create()
    await get(id, '?expandSchema=True')
    const response = await host.api.get(`${ALL}/${id}?expandSchema=maybe`).expect(400)
    expect(response.body.errorCode).toBe('1452-400')
  })

  test('a method that does not exist is 405', async () => {
    await host.api.patch(`${ALL}/${UNKNOWN}`, {}).expect(405)
    await host.api.get(`${LANGUAGE}/validate`).expect(405)
  })
})

describe('the list', () => {
  let stage: Awaited<ReturnType<FlowHost['as']>>
  const ids: string[] = []
  beforeAll(async () => {
    stage = await host.as(ACME, 'stage')
    for (let number = 0; number < 23; number++) {
      host.clock.time += 1000
      const body = { ...newDialect(), name: `Set ${number % 3}` }
      ids.push((await stage.post(ALL, body).expect(200)).body.id)
    }
    host.clock.time = NOW
  })
  const list = async (query = '') => (await stage.get(`${ALL}${query}`).expect(200)).body
  const idsOf = (body: { data: { id: string }[] }) => body.data.map(({ id }) => id)

  test('has ten sets by default, the latest first, and a link to the next', async () => {
    const body = await list()
    expect(idsOf(body)).toEqual(ids.toReversed().slice(0, 10))
    expect(body._page).toEqual({ count: 10, limit: 10 })
    expect(body._links.next.href).toBe('/mappingSets?limit=10&start=10')
  })

  test('is read to its end by limit and start', async () => {
    const pages = await Promise.all(['0', '9', '18', '27', '1000000'].map((start) => list(`?limit=9&start=${start}`)))
    expect(pages.flatMap(idsOf)).toEqual(ids.toReversed())
    expect(pages.map((page) => Object.keys(page._links).length)).toEqual([1, 1, 0, 0, 0])
    expect(pages[3]).toEqual({ data: [], _page: { count: 0, limit: 9 }, _links: {} })
  })

  test('is filtered by name and ordered', async () => {
    expect(idsOf(await list('?name=Set%201&limit=100'))).toEqual(ids.filter((_, at) => at % 3 === 1).toReversed())
    expect(idsOf(await list('?limit=100&orderBy=%2BcreatedDate'))).toEqual(ids)
    expect(idsOf(await list('?limit=100&orderBy=+updatedDate'))).toEqual(ids)
    expect(idsOf(await list('?limit=100&orderBy=-createdDate'))).toEqual(ids.toReversed())
    expect(await list('?name=nobody')).toMatchObject({ data: [], _links: {} })
  })

  test.each([
    ['limit=0', '1452-400'],
    ['limit=many', '1452-400'],
    ['start=-1', '1452-400'],
    ['start=1.5', '1452-400'],
    ['orderBy=colour', '1433-400'],
    ['orderBy=__proto__', '1433-400'],
    ['orderBy=~createdDate', '1432-400'],
    ['expandSchema=2', '1452-400'],
  ])('%s is refused', async (query, code) => {
    const response = await stage.get(`${ALL}?${query}`).expect(400)
    expect(response.body.errorCode).toBe(code)
  })
})

describe('deleting', () => {
  test('takes the set away with all versions', async () => {
    const id = await create()
    await host.api.put(`${ALL}/${id}`, newDialect()).expect(200)
    await host.api.delete(`${ALL}/${id}`).expect(204)
    await host.api.get(`${ALL}/${id}`).expect(404)
    await host.api.get(`${ALL}/${id}?version=0`).expect(404)
    await host.api.delete(`${ALL}/${id}`).expect(404)
  })

  test('is refused while a flow refers to the set', async () => {
    const { api } = host
    const id = await create({ ...OLD_DIALECT, xdmSchema: DATA_SET_SCHEMA.id })
    const source = await createEntity(
      api,
      'sourceConnections',
      sourceBody(await createEntity(api, 'connections', connectionBody())),
    )
    const target = await createEntity(api, 'targetConnections', targetBody(await createDataSet(api)))
    const transformations = [{ name: 'Mapping', params: { mappingId: id, mappingVersion: 0 } }]
    const flow = await createEntity(api, 'flows', { ...flowBody(source, target), transformations })
    const response = await api.delete(`${ALL}/${id}`).expect(400)
    expect(response.body).toMatchObject({ errorCode: '1447-400', detail: expect.stringContaining(flow) })
    await api.delete(`${FLOW_SERVICE}/flows/${flow}`).expect(204)
    await api.delete(`${ALL}/${id}`).expect(204)
  })
})

test('a set of another organisation or sandbox is unknown', async () => {
  const id = await create()
  for (const other of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
    await other.get(`${ALL}/${id}`).expect(404)
    await other.get(`${ALL}/${id}?version=0`).expect(404)
    await other.put(`${ALL}/${id}`, newDialect()).expect(404)
    await other.delete(`${ALL}/${id}`).expect(404)
    const listed = await other.get(`${ALL}?limit=100`).expect(200)
    expect(listed.body.data.map((mappingSet: { id: string }) => mappingSet.id)).not.toContain(id)
  }
  await get(id)
})

describe('find, for flows and runs', () => {
  test('gives a version with its schema, or null', async () => {
    const id = await create()
    await host.api.put(`${ALL}/${id}`, OLD_DIALECT).expect(200)
    const { store, clock } = host.host.context
    const { find } = createMappingSetService({ store, clock })
    const tenant = { orgId: ACME.orgId, sandboxName: 'prod' }
    expect(await find(store, tenant, id)).toMatchObject({ schemaId: SCHEMA, document: { id, version: 1 } })
    expect(await find(store, tenant, id, 0)).toMatchObject({ schemaId: SCHEMA, document: { id, version: 0 } })
    expect(await find(store, tenant, id, 2)).toBeNull()
    expect(await find(store, tenant, UNKNOWN)).toBeNull()
    expect(await find(store, { ...tenant, sandboxName: 'dev' }, id)).toBeNull()
  })
})

describe('validating a set', () => {
  const validate = async (body: unknown) => (await host.api.post(`${ALL}/validate`, body).expect(200)).body

  test('answers one row for each mapping', async () => {
    expect(await validate(newDialect())).toEqual({
      validationResponse: Array(3).fill({ status: 'SUCCESS', errors: null }),
    })
    const mappings = [
      { source: 'a', destination: 'b' },
      { sourceType: 'EXPRESSION', source: 'nope(a)', destination: 'b' },
      { destination: 'b' },
      'x',
    ]
    const { validationResponse } = await validate({ mappings })
    expect(validationResponse).toMatchObject([
      { status: 'SUCCESS', errors: null },
      {
        status: 'FAILED',
        errors: [
          {
            source: 'nope(a)',
            sourceType: 'EXPRESSION',
            destination: 'b',
            exception: expect.stringContaining('there is no function nope'),
          },
        ],
      },
      {
        status: 'FAILED',
        errors: [{ source: '', destination: 'b', exception: expect.stringContaining('/mappings/2/source') }],
      },
      { status: 'FAILED', errors: [{ source: '', destination: '', exception: expect.stringContaining('a string') }] },
    ])
  })

  test('refuses a body that is no set', async () => {
    for (const body of [[], {}, { mappings: 'x' }]) await host.api.post(`${ALL}/validate`, body).expect(400)
    const response = await host.api.post(`${ALL}/validate`).expect(400)
    expect(response.body.errorCode).toBe('1405-400')
  })
})

describe('previewing a set', () => {
  const preview = async (body: unknown) => (await host.api.post(`${ALL}/preview`, body).expect(200)).body
  const { mappings } = newDialect()
  const mappingSet = { outputSchema: { schemaRef: SCHEMA_REF }, mappings }
  const person = { id: '1234', first: 'Jim', last: 'Seltzer' }
  const row = { data: { _id: '1234', person: { name: { fullName: 'Jim Seltzer' }, source: 'crm' } }, errors: null }

  test('answers an array for an array, and one row for one record', async () => {
    expect(await preview({ data: [person, person], mappingSet })).toEqual([row, row])
    expect(await preview({ data: person, mappingSet })).toEqual(row)
    expect(await preview({ data: [], mappingSet })).toEqual([])
    expect(await preview({ data: person, mappingSet: { mappings } })).toEqual(row)
  })

  test('maps a charge with the mapping of the tutorial', async () => {
    const charge = fixture('charge.json')
    const { data, errors } = await preview({ data: { data: charge }, mappingSet: OLD_DIALECT })
    expect(errors).toBeNull()
    expect(data._acme.charges_data).toMatchObject({
      id: charge.id,
      amount: 1099,
      payment_method_details: { card: { last4: '4242' } },
      outcome: { risk_score: 32, seller_message: 'Payment complete.' },
    })
  })

  test('shows what failed beside what could be mapped', async () => {
    const failing = { sourceType: 'EXPRESSION', source: 'to_integer(first)', destination: 'n' }
    const result = await preview({ data: person, mappingSet: { mappings: [...mappings, failing] } })
    expect(result).toEqual({
      data: row.data,
      errors: [{ ...failing, exception: expect.stringContaining('"Jim" is no number') }],
    })
  })

  test.each<[string, unknown, string, string]>([
    ['an array', [], '1000-400', 'JSON object'],
    ['no data', { mappingSet }, '1304-400', '/data'],
    ['data that is a text', { data: 'x', mappingSet }, '1312-400', '/data'],
    ['a record that is none', { data: [person, 1], mappingSet }, '1312-400', '/data/1'],
    ['too many records', { data: Array(101).fill({}), mappingSet }, '1312-400', 'at most 100'],
    ['no set', { data: person }, '1304-400', '/mappingSet'],
    ['a set that is none', { data: person, mappingSet: [] }, '1312-400', '/mappingSet'],
    [
      'a damaged mapping',
      { data: person, mappingSet: { mappings: [{}] } },
      '1304-400',
      '/mappingSet/mappings/0/source',
    ],
  ])('refuses %s', async (_, body, code, detail) => {
    const response = await host.api.post(`${ALL}/preview`, body).expect(400)
    expect(response.body).toMatchObject({ errorCode: code, detail: expect.stringContaining(detail) })
  })
})

describe('with a schema of the registry', () => {
  let schemaId: string
  let tenant: string
  beforeAll(async () => {
    tenant = (await host.api.get(`${REGISTRY}/stats`).expect(200)).body.tenantId
    const { body } = await host.api
      .post(`${REGISTRY}/tenant/schemas`, {
        title: 'Charges',
        type: 'object',
        allOf: [{ $ref: 'https://ns.adobe.com/xdm/context/profile' }],
        properties: {
          [`_${tenant}`]: {
            type: 'object',
            properties: { amount: { type: 'integer' }, at: { type: 'string', format: 'date-time' } },
          },
        },
      })
      .expect(201)
    schemaId = body.$id
  })

  test('a value of the wrong type is an error of the preview', async () => {
    const mappingSet = () => ({
      outputSchema: { schemaRef: { id: schemaId, contentType: 'application/vnd.adobe.xed-full+json;version=1' } },
      mappings: [
        { sourceType: 'ATTRIBUTE', source: 'amount', destination: `_${tenant}.amount` },
        { sourceType: 'ATTRIBUTE', source: 'amount', destination: `_${tenant}.other` },
        {
          sourceType: 'EXPRESSION',
          source: `dformat(created * 1000, "yyyy-MM-dd'T'HH:mm:ssX")`,
          destination: `_${tenant}.at`,
        },
      ],
    })
    const data = [
      { amount: 1099, created: 1_679_090_539 },
      { amount: 'ten', created: 0 },
    ]
    const { body } = await host.api.post(`${ALL}/preview`, { data, mappingSet: mappingSet() }).expect(200)
    expect(body).toMatchObject([
      { data: { [`_${tenant}`]: { amount: 1099, other: 1099, at: '2023-03-17T22:02:19Z' } }, errors: null },
      {
        data: { [`_${tenant}`]: { other: 'ten', at: '1970-01-01T00:00:00Z' } },
        errors: [{ source: 'amount', exception: expect.stringContaining('the schema wants integer') }],
      },
    ])
    const { body: validation } = await host.api.post(`${ALL}/validate`, mappingSet()).expect(200)
    expect(validation.validationResponse.map(({ status }: { status: string }) => status)).toEqual([
      'SUCCESS',
      'FAILED',
      'SUCCESS',
    ])
  })
})

describe('the expression language', () => {
  const validate = async (body: unknown) => (await host.api.post(`${LANGUAGE}/validate`, body).expect(200)).body

  test('an expression is valid or not', async () => {
    const succeeded = { validationStatus: 'succeeded', error: 'none' }
    expect(await validate({ expression: 'concat("Hi", ",", "there", "!")' })).toEqual(succeeded)
    expect(await validate({ expression: 'concat("Hi"' })).toEqual({
      validationStatus: 'failed',
      error: expect.stringContaining('ends too early'),
    })
    expect(await validate({ expression: 'nope(1)' })).toMatchObject({ validationStatus: 'failed' })
    const mappingSetId = await create()
    expect(await validate({ expression: 'a', mappingSetId, sampleDataType: 'json' })).toEqual(succeeded)
  })

  test('a sample shows what only a record can show', async () => {
    const expression = 'to_integer(a)'
    const ofSample = async (sampleData: unknown, sampleDataType = 'application/json') =>
      (await validate({ expression, sampleData, sampleDataType })).validationStatus
    expect(await ofSample('{"a": "12"}')).toBe('succeeded')
    expect(await ofSample({ a: '12' })).toBe('succeeded')
    expect(await ofSample('{"a": "x"}')).toBe('failed')
    expect(await ofSample('a,b\n1,2', 'text/csv')).toBe('succeeded')
  })

  test.each<[unknown, string]>([
    [{}, '1304-400'],
    [{ expression: '' }, '1304-400'],
    [{ expression: { expression: 'a' } }, '1312-400'],
    [{ expression: 'a'.repeat(8193) }, '1312-400'],
    [{ expression: 'a', sampleData: '{' }, '1312-400'],
    [{ expression: 'a', sampleData: 5 }, '1312-400'],
    [{ expression: 'a', mappingSetId: 5 }, '1312-400'],
    [{ expression: 'a', mappingSetId: UNKNOWN }, '1439-400'],
    [[], '1000-400'],
  ])('%j is refused', async (body, code) => {
    const response = await host.api.post(`${LANGUAGE}/validate`, body).expect(400)
    expect(response.body.errorCode).toBe(code)
  })

  test('its functions and operators are listed', async () => {
    const { body: functions } = await host.api.get(`${LANGUAGE}/functions`).expect(200)
    expect(functions.find((row: { function: string }) => row.function === 'first')).toEqual({
      category: 'Hierarchies - Arrays',
      function: 'first',
      description: expect.any(String),
      syntax: 'Object first(Object...)',
      returns: expect.any(String),
      returnType: 'java.lang.Object',
      example: 'first("1", "2", "3")',
      result: '"1"',
      params: [
        {
          name: 'input',
          description: expect.any(String),
          type: 'object',
          dataType: '[Ljava.lang.Object;',
          position: 1,
        },
      ],
      since: 1,
    })
    const { body: operators } = await host.api.get(`${LANGUAGE}/operators`).expect(200)
    expect(operators.find((row: { operatorSymbol: string }) => row.operatorSymbol === '+')).toEqual({
      operatorSymbol: '+',
      methodName: 'add',
      numberOfOperands: 2,
      description: expect.any(String),
      example: '1 + 2',
    })
  })
})
