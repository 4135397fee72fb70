import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Response, Test } from 'supertest'
import {
  connectionBody,
  create,
  createDataSet,
  DATA_LAKE_SPEC,
  flowBody,
  FLOW_SERVICE,
  FLOW_SPEC,
  read,
  sourceBody,
  STRIPE_SPEC,
  targetBody,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import { firstRun, SANDBOX_KEY, startStripeHost } from '../support/stripe-host.ts'
import type { StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import type { TestApi } from '../support/test-host.ts'
import { ETAG, expectList, expectNotFound, expectProblem, expectReceipt, UUID } from './shapes.ts'

/** Every row of the contract's endpoint table, section 2.3. */

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
const METHODS: readonly Method[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** A call that is about to be made. */
interface Call {
  /** Stands in the path for `{id}`. */
  readonly id?: string
  readonly query?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

interface Row {
  readonly method: Method
  readonly path: string
  /** Goes into the name of the test. */
  readonly answers: string
  readonly arrange?: () => Promise<Call>
  readonly expected: (response: Response, call: Call) => void | Promise<void>
}

const LATER = { startTime: Math.floor(Date.now() / 1000) + 86_400, frequency: 'hour', interval: 1 }
const ONCE_LATER = { startTime: LATER.startTime, frequency: 'once' }
const CREATED = ['POST /connections', 'POST /sourceConnections', 'POST /targetConnections', 'POST /flows']

let host: StripeHost
let dataSetId: string
let baseId: string
let sourceId: string
let targetId: string
/** Ended, one well and one not. */
let goodRunId: string
let failedRunId: string

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 20 } })
  dataSetId = await createDataSet(host.api)
  baseId = await connection()
  sourceId = await sourceConnection()
  targetId = await targetConnection()
  goodRunId = (await firstRun(host.api, await flow({ scheduleParams: onceNow() }))).id
  const refusedBase = await create(host.api, 'connections', connectionBody('sk_test_unknown'))
  const refused = await create(host.api, 'sourceConnections', sourceBody(refusedBase))
  const failing = await flow({ sourceConnectionIds: [refused], scheduleParams: onceNow() })
  failedRunId = (await firstRun(host.api, failing)).id
})
afterAll(() => host.stop())

const onceNow = () => ({ startTime: Math.floor(Date.now() / 1000), frequency: 'once' })
const connection = (query = '') => create(host.api, 'connections', connectionBody(SANDBOX_KEY), query)
const sourceConnection = (query = '') => create(host.api, 'sourceConnections', sourceBody(baseId), query)
const targetConnection = (query = '') => create(host.api, 'targetConnections', targetBody(dataSetId), query)
const flow = (change: object = {}, query = '') =>
  create(host.api, 'flows', { ...flowBody(sourceId, targetId), scheduleParams: LATER, ...change }, query)

const RENAME = [{ op: 'replace', path: '/name', value: 'Renamed' }]

async function renaming(collection: string, id: string): Promise<Call> {
  const { etag } = await read(host.api, collection, id)
  return { id, body: RENAME, headers: { 'If-Match': etag } }
}

function expectOne(response: Response, { id }: Call): void {
  expect([response.status, Object.keys(response.body)]).toEqual([200, ['items']])
  expect(response.body.items).toEqual([expect.objectContaining({ id })])
  const { etag } = response.body.items[0]
  if (etag !== undefined) expect([etag, response.headers['etag']]).toEqual([expect.stringMatching(ETAG), etag])
}

function expectCreated(collection: string) {
  return ({ status, headers, body }: Response): void => {
    expect([status, body]).toEqual([201, { id: expect.stringMatching(UUID), etag: expect.stringMatching(ETAG) }])
    expect(headers['location']).toBe(`${FLOW_SERVICE}/${collection}/${body.id}`)
  }
}

/** The receipt and, beside it, the list shape that is documented for source and target connections. */
function expectPatched(collection: string) {
  return async (response: Response, { id }: Call): Promise<void> => {
    const entity = await read(host.api, collection, id ?? '')
    expect([response.status, response.body]).toEqual([200, { id, etag: entity.etag, items: [entity] }])
    expect([entity.name, response.headers['etag']]).toEqual(['Renamed', entity.etag])
  }
}

function expectGone(collection: string) {
  return async ({ status, text }: Response, { id = '' }: Call): Promise<void> => {
    expect([status, text]).toEqual([204, ''])
    expectNotFound(await host.api.get(`${FLOW_SERVICE}/${collection}/${id}`), collection, id)
  }
}

function expectRun({ status, headers, body }: Response, { id }: Call): void {
  expect(status).toBe(200)
  expect(body).toMatchObject({ id, flowId: expect.stringMatching(UUID), metrics: expect.any(Object) })
  expect([body.etag, headers['etag']]).toEqual([body.eTag, body.eTag])
}

const noConfigs = ({ status, body }: Response) =>
  expect([status, body]).toEqual([200, { items: [], pageInfo: { hasNext: false } }])

/** Rows that base connections, source connections, target connections and flows have in common. */
function commonRows(collection: string, one: () => Promise<string>, body: () => object): readonly Row[] {
  const receipt = collection === 'connections' || collection === 'flows'
  return [
    {
      method: 'GET',
      path: `/${collection}`,
      answers: '200 with a list',
      arrange: async () => ({ id: await one() }),
      expected: (response, { id = '' }) => expectList(response, [id]),
    },
    {
      method: 'POST',
      path: `/${collection}`,
      answers: '201 {id, etag} and its Location',
      arrange: async () => ({ body: body() }),
      expected: expectCreated(collection),
    },
    {
      method: 'GET',
      path: `/${collection}/{id}`,
      answers: '200 {items: [entity]} and its ETag',
      arrange: async () => ({ id: await one() }),
      expected: expectOne,
    },
    {
      method: 'PATCH',
      path: `/${collection}/{id}`,
      answers: receipt ? '200 {id, etag}' : '200 {id, etag, items: [entity]}',
      arrange: async () => renaming(collection, await one()),
      expected: receipt ? (response, { id }) => expectReceipt(response, id) : expectPatched(collection),
    },
    {
      method: 'DELETE',
      path: `/${collection}/{id}`,
      answers: '204 with an empty body',
      arrange: async () => ({ id: await one() }),
      expected: expectGone(collection),
    },
  ]
}

function publishRow(collection: string, draft: (query: string) => Promise<string>): Row {
  return {
    method: 'POST',
    path: `/${collection}/{id}/action`,
    answers: '200 {id, etag} to op=PUBLISH',
    arrange: async () => ({ id: await draft('?mode=draft'), query: '?op=PUBLISH' }),
    expected: async (response, { id = '' }) => {
      expectReceipt(response, id)
      expect(await read(host.api, collection, id)).toMatchObject({ state: 'enabled', etag: response.body.etag })
    },
  }
}

function searchRow(collection: string, one: () => Promise<string>): Row {
  return {
    method: 'POST',
    path: `/${collection}/search`,
    answers: '200 with a list',
    arrange: async () => {
      const id = await one()
      return { id, body: { queryString: `property=id==${id}`, limit: 5 } }
    },
    expected: (response, { id = '' }) => expectList(response, [id]),
  }
}

const CHARGES = Buffer.from('{"resourcePath":"charges"}').toString('base64url')

let specs = 0
const PROVIDER = '0ed90a81-07f4-4586-8190-b40eccef1c5a'
const connectionSpecBody = () => ({ name: `own spec ${++specs}`, providerId: PROVIDER, version: '1.0' })
const flowSpecBody = () => ({
  name: `own flow spec ${++specs}`,
  providerId: PROVIDER,
  version: '1.0',
  sourceConnectionSpecIds: [STRIPE_SPEC.id],
  targetConnectionSpecIds: [DATA_LAKE_SPEC.id],
})

/** Specs are answered with themselves: neither a receipt nor a list. */
function specRows(collection: string, body: () => object): readonly Row[] {
  return [
    {
      method: 'POST',
      path: `/${collection}`,
      answers: '201 with the spec itself and its Location',
      arrange: async () => ({ body: body() }),
      expected: ({ status, headers, body }, call) => {
        expect([status, body]).toEqual([201, expect.objectContaining({ ...(call.body as object), id: body.id })])
        expect([body.id, body.items]).toEqual([expect.stringMatching(UUID), undefined])
        expect(headers['location']).toBe(`${FLOW_SERVICE}/${collection}/${body.id}`)
      },
    },
    {
      method: 'PUT',
      path: `/${collection}/{id}`,
      answers: '200 with the spec itself',
      arrange: async () => ({ id: await create(host.api, collection, body()), body: body() }),
      expected: async ({ status, body }, { id = '', body: sent }) => {
        expect([status, body]).toEqual([200, expect.objectContaining({ ...(sent as object), id })])
        expect(await read(host.api, collection, id)).toEqual(body)
      },
    },
  ]
}

const rows: readonly Row[] = [
  ...commonRows('connections', connection, () => connectionBody(SANDBOX_KEY)),
  {
    method: 'GET',
    path: '/connections/{id}/test',
    answers: '200 {result: boolean}',
    arrange: async () => ({ id: baseId }),
    expected: async ({ status, body }) => {
      expect([status, body]).toEqual([200, { result: true }])
      const refused = await create(host.api, 'connections', connectionBody('sk_test_unknown'))
      const answer = await host.api.get(`${FLOW_SERVICE}/connections/${refused}/test`)
      expect([answer.status, answer.body]).toEqual([200, { result: false }])
    },
  },
  {
    method: 'GET',
    path: '/connections/{id}/explore',
    answers: '200 with an array',
    arrange: async () => ({ id: baseId }),
    expected: ({ status, body }) => {
      expect([status, body.length]).toEqual([200, 6])
      expect(body[0]).toEqual({
        type: 'table',
        name: 'charges',
        path: 'charges',
        canPreview: true,
        canFetchSchema: true,
      })
    },
  },
  {
    method: 'GET',
    path: '/connections/{id}/explore',
    answers: '200 with an object when a resource is named',
    arrange: async () => ({
      id: baseId,
      query: `?objectType=rest&object=json&fileType=json&preview=true&sourceParams=${CHARGES}`,
    }),
    expected: ({ status, body }) => {
      expect([status, Object.keys(body)]).toEqual([200, ['format', 'schema', 'data']])
      expect([body.format, body.data.length]).toEqual(['hierarchical', 10])
    },
  },
  {
    method: 'GET',
    path: '/connections/{id}/configs',
    answers: '200 {items: [], pageInfo}',
    arrange: async () => ({ id: baseId }),
    expected: noConfigs,
  },
  publishRow('connections', connection),
  searchRow('connections', connection),
  {
    method: 'GET',
    path: '/connectionSpecs',
    answers: '200 {items: [spec...]}',
    expected: (response) => expectList(response, [STRIPE_SPEC.id, DATA_LAKE_SPEC.id]),
  },
  {
    method: 'GET',
    path: '/connectionSpecs/{id}',
    answers: '200 {items: [spec]}',
    arrange: async () => ({ id: STRIPE_SPEC.id }),
    expected: expectOne,
  },
  {
    method: 'GET',
    path: '/connectionSpecs/{id}/explore',
    answers: '400 1372-400 for a source that needs a connection',
    arrange: async () => ({ id: STRIPE_SPEC.id }),
    expected: (response) => expectProblem(response, { code: '1372-400', prefix: 'CONNECTOR' }),
  },
  {
    method: 'GET',
    path: '/connectionSpecs/{id}/configs',
    answers: '200 {items: [], pageInfo}',
    arrange: async () => ({ id: STRIPE_SPEC.id, query: '?outputType=a&outputField=b&limit=1&start=0' }),
    expected: noConfigs,
  },
  ...specRows('connectionSpecs', connectionSpecBody),
  ...commonRows('flows', flow, () => ({ ...flowBody(sourceId, targetId), scheduleParams: LATER })),
  publishRow('flows', (query) => flow({}, query)),
  {
    method: 'POST',
    path: '/flows/{id}/action',
    answers: '200 {id, etag} to op=disable and op=enable',
    arrange: async () => ({ id: await flow(), query: '?op=disable' }),
    expected: async (response, { id = '' }) => {
      expectReceipt(response, id)
      expectReceipt(await host.api.post(`${FLOW_SERVICE}/flows/${id}/action?op=enable`), id)
    },
  },
  {
    method: 'GET',
    path: '/flows/{id}/runs',
    answers: '200 with a list, the same as /runs?property=flowId==',
    arrange: async () => ({ id: (await read(host.api, 'runs', goodRunId)).flowId }),
    expected: async (response, { id }) => {
      expectList(response, [goodRunId])
      expect(response.body).toEqual((await host.api.get(`${FLOW_SERVICE}/runs?property=flowId==${id}`)).body)
    },
  },
  searchRow('flows', flow),
  {
    method: 'GET',
    path: '/flowSpecs',
    answers: '200 {items: [spec...]}',
    expected: (response) => expectList(response, [FLOW_SPEC.id]),
  },
  {
    method: 'GET',
    path: '/flowSpecs/{id}',
    answers: '200 {items: [spec]}',
    arrange: async () => ({ id: FLOW_SPEC.id }),
    expected: expectOne,
  },
  ...specRows('flowSpecs', flowSpecBody),
  {
    method: 'POST',
    path: '/flowSpecs/search',
    answers: '200 {items}',
    arrange: async () => ({ body: { queryString: `id==${FLOW_SPEC.id}` } }),
    expected: (response) => expectList(response, [FLOW_SPEC.id]),
  },
  {
    method: 'GET',
    path: '/runs',
    answers: '200 with a list',
    expected: (response) => expectList(response, [goodRunId, failedRunId]),
  },
  {
    method: 'POST',
    path: '/runs',
    answers: '201 with the run, its items and its Location',
    arrange: async () => ({ body: { flowId: await flow({ scheduleParams: ONCE_LATER }) } }),
    expected: ({ status, headers, body }, call) => {
      expect(status).toBe(201)
      expect(body).toMatchObject({ ...(call.body as object), id: expect.stringMatching(UUID) })
      expect(body.metrics.statusSummary.status).toBe('scheduled')
      expect(body.items).toEqual([{ id: body.id, etag: body.etag }])
      expect(headers['location']).toBe(`${FLOW_SERVICE}/runs/${body.id}`)
    },
  },
  {
    method: 'GET',
    path: '/runs/{id}',
    answers: '200 {items: [run]} and its ETag',
    arrange: async () => ({ id: goodRunId }),
    expected: expectOne,
  },
  {
    method: 'PUT',
    path: '/runs/{id}',
    answers: '400 1427-400, for only a provider writes runs, after 1403-400 and 412',
    arrange: async () => {
      const { id, etag } = await read(host.api, 'runs', goodRunId)
      return { id, body: { metrics: {} }, headers: { 'If-Match': etag } }
    },
    expected: async (response, { id, body }) => {
      expectProblem(response, { code: '1427-400' })
      const path = `${FLOW_SERVICE}/runs/${id}`
      expectProblem(await host.api.put(path, body), { code: '1403-400' })
      expectProblem(await host.api.put(path, body).set('If-Match', '"aa"'), { code: '1404-412' })
    },
  },
  {
    method: 'POST',
    path: '/runs/{id}/action',
    answers: '200 with the run to op=RE_TRIGGER',
    arrange: async () => {
      const { flowId } = await read(host.api, 'runs', failedRunId)
      return { id: (await firstRun(host.api, flowId)).id, query: '?op=RE_TRIGGER' }
    },
    expected: expectRun,
  },
  ...commonRows('sourceConnections', sourceConnection, () => sourceBody(baseId)),
  publishRow('sourceConnections', sourceConnection),
  ...commonRows('targetConnections', targetConnection, () => targetBody(dataSetId)),
  publishRow('targetConnections', targetConnection),
]

function send(api: TestApi, { method, path }: Row, call: Call, slash = ''): Test {
  const target = `${FLOW_SERVICE}${path.replace('{id}', call.id ?? '')}${slash}${call.query ?? ''}`
  const test =
    method === 'GET'
      ? api.get(target)
      : method === 'DELETE'
        ? api.delete(target)
        : api[method.toLowerCase() as 'post' | 'put' | 'patch'](target, call.body)
  return test.set(call.headers ?? {})
}

const arranged = async ({ arrange }: Row): Promise<Call> => (await arrange?.()) ?? {}

describe('the endpoint table', () => {
  for (const row of rows) {
    test(`${row.method} ${row.path} answers ${row.answers}`, async () => {
      for (const slash of ['', '/']) {
        const call = await arranged(row)
        await row.expected(await send(host.api, row, call, slash), call)
      }
    })
  }

  test('a create is answered with a Location that can be read', async () => {
    for (const row of rows.filter(({ method, path }) => CREATED.includes(`${method} ${path}`))) {
      const { headers, body } = await send(host.api, row, await arranged(row))
      const { status, body: found } = await host.api.get(String(headers['location']))
      expect([status, found.items[0].id, found.items[0].etag]).toEqual([200, body.id, body.etag])
    }
  })
})

describe('an id that is unknown, or known to another organisation or sandbox only', () => {
  const addressed = rows.filter(({ path }, index) => {
    const first = rows.findIndex((row) => row.path === path && row.method === rows[index]!.method)
    return path.includes('{id}') && first === index
  })

  for (const row of addressed) {
    test(`${row.method} ${row.path} answers 404`, async () => {
      const collection = row.path.split('/')[1] ?? ''
      const call = await arranged(row)
      for (const id of [UNKNOWN_ID, 'no-uuid', 'a%2Fb', String(call.id).toUpperCase()]) {
        expectNotFound(await send(host.api, row, { ...call, id }), collection, decodeURIComponent(id))
      }
      if (collection.endsWith('Specs')) return
      const before = await read(host.api, collection, call.id ?? '')
      for (const [client, sandboxName] of [
        [GLOBEX, 'prod'],
        [ACME, 'dev'],
      ] as const) {
        const response = await send(await host.as(client, sandboxName), row, call)
        const tenantInfo = { sandboxName, sandboxId: expect.stringMatching(UUID), imsOrgId: client.orgId }
        expectNotFound(response, collection, call.id ?? '', tenantInfo)
      }
      expect(await read(host.api, collection, call.id ?? '')).toEqual(before)
    })
  }
})

describe('a method that a path does not have', () => {
  for (const [path, methods] of Map.groupBy(rows, (row) => row.path)) {
    test(`${path} answers 405 and names in Allow what it has`, async () => {
      const served = [...new Set(methods.map(({ method }) => method))]
      for (const method of METHODS.filter((method) => !served.includes(method))) {
        const row: Row = { ...methods[0]!, method }
        const answer = await send(host.api, row, { id: UNKNOWN_ID })
        const allow = String(answer.headers['allow']).split(', ')
        expect(allow).not.toContain(method)
        expectProblem(answer, { code: '1000-405', tenantInfo: {} })
        expect(allow).toEqual(expect.arrayContaining([...served]))
      }
    })
  }

  test('/sourceConnections/search and /targetConnections/search do not exist', async () => {
    for (const collection of ['sourceConnections', 'targetConnections']) {
      const answer = await host.api.post(`${FLOW_SERVICE}/${collection}/search`, {})
      // "search" is no id that could be posted to either.
      expect([404, 405]).toContain(answer.status)
    }
  })

  test('an unknown path answers 404 in the service shape', async () => {
    for (const path of ['/nothing', '/connections/a/b/c', '/Connections', '']) {
      expectProblem(await host.api.get(FLOW_SERVICE + path), { code: '1101-404', tenantInfo: {} })
    }
  })
})
