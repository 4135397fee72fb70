import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ErrorCode } from '../../src/errors.ts'
import { create, createChain, flowBody, FLOW_SERVICE, read, startFlowHost, UNKNOWN_ID } from '../support/flow-host.ts'
import type { Chain, FlowHost } from '../support/flow-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import type { TestApi } from '../support/test-host.ts'
import { expectProblem } from './shapes.ts'
import type { Answer } from './shapes.ts'

/** The codes of the contract's catalogue, section 7.3, for the mapping set of a flow. */

const MAPPING_SETS = '/data/foundation/conversion/mappingSets'
const OTHER_SCHEMA = 'https://ns.adobe.com/acme/schemas/ffffffffffffffffffffffffffffffffffffffffffffffff'
const AT = '/transformations/0/params'

let host: FlowHost
let chain: Chain
let schemaId: string
/** For the dataset's schema, in the versions 0 and 1. */
let mappingId: string
/** For another schema. */
let foreignId: string

beforeAll(async () => {
  host = await startFlowHost()
  chain = await createChain(host.api)
  const { body } = await host.api.get(`/data/foundation/catalog/dataSets/${chain.dataSetId}`).expect(200)
  schemaId = body[chain.dataSetId].schemaRef.id
  mappingId = await createMappingSet(host.api, schemaId)
  await host.api.put(`${MAPPING_SETS}/${mappingId}`, mappingSet(schemaId)).expect(200)
  foreignId = await createMappingSet(host.api, OTHER_SCHEMA)
})
afterAll(() => host.stop())

const mappingSet = (xdmSchema: string) => ({
  version: 0,
  xdmSchema,
  xdmVersion: '1.0',
  id: null,
  mappings: [{ sourceAttribute: 'data.id', destinationXdmPath: '_id', identity: false, version: 0 }],
})

async function createMappingSet(api: TestApi, xdmSchema: string): Promise<string> {
  return (await api.post(MAPPING_SETS, mappingSet(xdmSchema)).expect(200)).body.id
}

const mapping = (params: object) => [{ name: 'Mapping', params }]
const flow = (params: object) => ({ ...flowBody(chain.sourceId, chain.targetId), transformations: mapping(params) })

const post = (params: object) => host.api.post(`${FLOW_SERVICE}/flows`, flow(params))
const publish = async (params: object) => {
  const draftId = await create(host.api, 'flows', flow(params), '?mode=draft')
  return host.api.post(`${FLOW_SERVICE}/flows/${draftId}/action?op=publish`)
}
const patch = (params: object) =>
  host.api
    .patch(`${FLOW_SERVICE}/flows/${chain.flowId}`, [{ op: 'add', path: '/transformations', value: mapping(params) }])
    .set('If-Match', '*')

const WAYS: Readonly<Record<string, (params: object) => PromiseLike<Answer>>> = {
  'a flow is created': post,
  'a draft is published': publish,
  'a flow is patched': patch,
}

interface Fault {
  readonly code: ErrorCode
  readonly when: string
  readonly title: string
  /** Of the transformation. */
  readonly params: () => object
  readonly path: string
  /** What the detail must name. */
  readonly names: () => readonly string[]
}

/** A detail shows the first 80 characters of a long value. */
const start = (value: string) => value.slice(0, 80)

const FAULTS: readonly Fault[] = [
  {
    code: '1419-400',
    when: 'the mapping set does not exist',
    title: 'Mapping not valid',
    params: () => ({ mappingId: UNKNOWN_ID, mappingVersion: 0 }),
    path: `${AT}/mappingId`,
    names: () => [UNKNOWN_ID],
  },
  {
    code: '1412-400',
    when: 'the mapping set has no such version',
    title: 'Mapping version not valid',
    params: () => ({ mappingId, mappingVersion: 2 }),
    path: `${AT}/mappingVersion`,
    names: () => ['2', '0 to 1'],
  },
  {
    code: '1412-400',
    when: 'the version is a text and does not exist',
    title: 'Mapping version not valid',
    params: () => ({ mappingId, mappingVersion: '7' }),
    path: `${AT}/mappingVersion`,
    names: () => ['7'],
  },
  {
    code: '1425-400',
    when: 'the mapping set is for another schema than the dataset',
    title: 'Schemas of mapping and dataset differ',
    params: () => ({ mappingId: foreignId, mappingVersion: 0 }),
    path: `${AT}/mappingId`,
    names: () => [start(schemaId), start(OTHER_SCHEMA)],
  },
]

describe.each(Object.entries(WAYS))('when %s', (_, call) => {
  for (const { code, when, title, params, path, names } of FAULTS) {
    test(`${code} when ${when}`, async () => {
      const answer = await call(params())
      expectProblem(answer, { code, title, errors: [path] })
      for (const name of names()) expect(answer.body.detail).toContain(name)
    })
  }
})

test.each([{}, { mappingVersion: 0 }, { mappingVersion: '1' }])(
  'a mapping that fits is taken with %j',
  async (more) => {
    const flowId = await create(host.api, 'flows', flow({ mappingId, ...more }))
    expect((await read(host.api, 'flows', flowId)).transformations).toEqual(mapping({ mappingId, ...more }))
  },
)

test('1419-400 when the mapping set is of another organisation or another sandbox', async () => {
  for (const other of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
    const theirs = await createMappingSet(other, schemaId)
    expectProblem(await post({ mappingId: theirs }), { code: '1419-400', errors: [`${AT}/mappingId`] })
  }
})

test('1419-400 when the mapping set was deleted', async () => {
  const deleted = await createMappingSet(host.api, schemaId)
  await host.api.delete(`${MAPPING_SETS}/${deleted}`).expect(204)
  expectProblem(await post({ mappingId: deleted }), { code: '1419-400', errors: [`${AT}/mappingId`] })
})

test('a refused flow leaves nothing behind', async () => {
  const flows = async () => (await host.api.get(`${FLOW_SERVICE}/flows?count=true`).expect(200)).body
  const before = await flows()
  const unchanged = await read(host.api, 'flows', chain.flowId)
  for (const { params } of FAULTS) await post(params()).expect(400)
  for (const { params } of FAULTS) await patch(params()).expect(400)
  expect(await flows()).toEqual(before)
  expect(await read(host.api, 'flows', chain.flowId)).toEqual(unchanged)
})
