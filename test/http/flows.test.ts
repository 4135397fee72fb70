import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { GLOBEX } from '../support/test-host.ts'
import {
  connectionBody,
  create,
  createChain,
  createDataSet,
  DATA_LAKE_SPEC,
  flowBody,
  FLOW_SERVICE,
  FLOW_SPEC,
  NOW,
  patch,
  read,
  sourceBody,
  startFlowHost,
  STRIPE_SPEC,
  targetBody,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/flows`
const MINUTE = 60_000
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }

let host: FlowHost
let sourceId: string
let targetId: string
let baseId: string
beforeAll(async () => {
  host = await startFlowHost()
  ;({ sourceId, targetId, baseId } = await createChain(host.api))
})
beforeEach(() => {
  host.clock.time = NOW
})
afterAll(() => host.stop())

const store = () => host.host.context.store
const body = (change: object = {}) => ({ ...flowBody(sourceId, targetId), ...change })
const flow = (change: object = {}, query = '') => create(host.api, 'flows', body(change), query)
const progressOf = async (id: string) => {
  const entity = await store().entities.get(tenant, 'flows', id)
  return store().progress.get(entity!.no)
}
const dueAt = async (id: string) => (await progressOf(id))!.nextDueAt
const act = (id: string, op: string) => host.api.post(`${ALL}/${id}/action?op=${op}`)
const once = (startTime: number) => ({ startTime: startTime / 1000, frequency: 'once' })
const quarterly = (startTime: number) => ({ startTime: startTime / 1000, frequency: 'minute', interval: 15 })

describe('creating a flow', () => {
  test('shows the flow as the documentation does', async () => {
    const transformations = [
      { name: 'Copy', params: { deltaColumn: { name: 'created', dateFormat: 'x' }, extra: [1] } },
    ]
    const options = { errorDiagnosticsEnabled: true, partialIngestionPercent: 10 }
    const response = await host.api.post(ALL, body({ transformations, options, policy: { labels: [] } })).expect(201)
    const { id, etag } = response.body
    expect(response.headers.location).toBe(`${ALL}/${id}`)
    const connectionSpec = STRIPE_SPEC
    expect(await read(host.api, 'flows', id)).toEqual({
      id,
      etag,
      version: etag,
      createdAt: NOW,
      updatedAt: NOW,
      createdBy: expect.any(String),
      updatedBy: expect.any(String),
      createdClient: 'acme-client',
      updatedClient: 'acme-client',
      imsOrgId: tenant.orgId,
      sandboxId: expect.any(String),
      sandboxName: 'prod',
      name: 'Charges flow',
      flowSpec: FLOW_SPEC,
      state: 'enabled',
      sourceConnectionIds: [sourceId],
      targetConnectionIds: [targetId],
      inheritedAttributes: {
        properties: { isSourceFlow: true },
        sourceConnections: [{ id: sourceId, connectionSpec, baseConnection: { id: baseId, connectionSpec } }],
        targetConnections: [{ id: targetId, connectionSpec: DATA_LAKE_SPEC }],
      },
      scheduleParams: flowBody('', '').scheduleParams,
      transformations,
      options,
      policy: { labels: [] },
      runs: `/runs?property=flowId==${id}`,
      lastOperation: { started: NOW, updated: 0, operation: 'create' },
    })
  })

  test('has an empty list of transformations when none are given', async () => {
    expect((await read(host.api, 'flows', await flow())).transformations).toEqual([])
    expect((await read(host.api, 'flows', await flow({ transformations: null }))).transformations).toEqual([])
  })

  test('makes the first run due at the start time, at once when that has passed', async () => {
    expect(await dueAt(await flow({ scheduleParams: quarterly(NOW + MINUTE) }))).toBe(NOW + MINUTE)
    expect(await dueAt(await flow({ scheduleParams: quarterly(NOW - 100 * MINUTE) }))).toBe(NOW)
    expect(await dueAt(await flow({ scheduleParams: once(NOW + MINUTE) }))).toBe(NOW + MINUTE)
    expect(await progressOf(await flow({ scheduleParams: once(NOW - MINUTE) }))).toMatchObject({
      nextDueAt: NOW,
      position: null,
      changePosition: null,
    })
  })

  const mapping = (params: unknown) => ({ transformations: [{ name: 'Mapping', params }] })
  test.each([
    ['no name', { name: '' }, '1304-400', '/name'],
    ['no flow spec', { flowSpec: undefined }, '1304-400', '/flowSpec'],
    ['an unknown flow spec', { flowSpec: { id: UNKNOWN_ID } }, '1413-400', '/flowSpec/id'],
    ['no source connection', { sourceConnectionIds: undefined }, '1320-400', '/sourceConnectionIds'],
    ['an empty list of sources', { sourceConnectionIds: [] }, '1320-400', '/sourceConnectionIds'],
    ['two sources', { sourceConnectionIds: [UNKNOWN_ID, UNKNOWN_ID] }, '1321-400', '/sourceConnectionIds'],
    ['a source that is no array', { sourceConnectionIds: UNKNOWN_ID }, '1312-400', '/sourceConnectionIds'],
    ['a source id that is a number', { sourceConnectionIds: [1] }, '1312-400', '/sourceConnectionIds/0'],
    ['an unknown source', { sourceConnectionIds: [UNKNOWN_ID] }, '1439-400', '/sourceConnectionIds/0'],
    ['an empty list of targets', { targetConnectionIds: [] }, '1320-400', '/targetConnectionIds'],
    ['three targets', { targetConnectionIds: ['a', 'b', 'c'] }, '1321-400', '/targetConnectionIds'],
    ['an unknown target', { targetConnectionIds: ['x'.repeat(5000)] }, '1439-400', '/targetConnectionIds/0'],
    ['no schedule', { scheduleParams: undefined }, '1304-400', '/scheduleParams'],
    [
      'a schedule of AEPP for destinations',
      { scheduleParams: { timeUnit: 'day', interval: 0, startTime: 1 } },
      '1397-400',
      '/scheduleParams/frequency',
    ],
    [
      'once with an interval',
      { scheduleParams: { ...once(NOW), interval: 1 } },
      '1361-400',
      '/scheduleParams/interval',
    ],
    ['5 minutes', { scheduleParams: { ...quarterly(NOW), interval: 5 } }, '1362-400', '/scheduleParams/interval'],
    ['transformations that are an object', { transformations: {} }, '1312-400', '/transformations'],
    ['a transformation that is a string', { transformations: ['Copy'] }, '1312-400', '/transformations/0'],
    ['a transformation without a name', { transformations: [{ params: {} }] }, '1304-400', '/transformations/0/name'],
    [
      'an unknown transformation',
      { transformations: [{ name: 'Filter', params: {} }] },
      '1312-400',
      '/transformations/0/name',
    ],
    [
      'a transformation without params',
      { transformations: [{ name: 'Copy' }] },
      '1304-400',
      '/transformations/0/params',
    ],
    [
      'a Copy without a column',
      { transformations: [{ name: 'Copy', params: {} }] },
      '1304-400',
      '/transformations/0/params/deltaColumn',
    ],
    [
      'a Copy without the column name',
      { transformations: [{ name: 'Copy', params: { deltaColumn: {} } }] },
      '1304-400',
      '/transformations/0/params/deltaColumn/name',
    ],
    ['a Mapping without an id', mapping({}), '1304-400', '/transformations/0/params/mappingId'],
    [
      'a Mapping with a version that is no number',
      mapping({ mappingId: 'x', mappingVersion: 'latest' }),
      '1312-400',
      '/transformations/0/params/mappingVersion',
    ],
    [
      'a Mapping that does not exist',
      mapping({ mappingId: 'f'.repeat(32), mappingVersion: 0 }),
      '1419-400',
      '/transformations/0/params/mappingId',
    ],
    ['options that are an array', { options: [] }, '1312-400', '/options'],
    [
      'diagnostics that are a string',
      { options: { errorDiagnosticsEnabled: 'yes' } },
      '1312-400',
      '/options/errorDiagnosticsEnabled',
    ],
    ['0 percent', { options: { partialIngestionPercent: 0 } }, '1312-400', '/options/partialIngestionPercent'],
    ['101 percent', { options: { partialIngestionPercent: 101 } }, '1312-400', '/options/partialIngestionPercent'],
    [
      'a percentage that is a string',
      { options: { partialIngestionPercent: '5' } },
      '1312-400',
      '/options/partialIngestionPercent',
    ],
    ['a policy that is a string', { policy: 'x' }, '1312-400', '/policy'],
    ['a state', { state: 'enabled' }, '1410-400', '/state'],
    ['a mode', { mode: 'draft' }, '1368-400', '/mode'],
  ])('refuses %s and stores nothing', async (_, change, code, path) => {
    const before = await store().entities.count(tenant, 'flows', [])
    const response = await host.api.post(ALL, body(change)).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect(response.body.report.errors[0].path).toBe(path)
    expect(await store().entities.count(tenant, 'flows', [])).toBe(before)
  })

  test('refuses a source connection whose base connection was deleted', async () => {
    const otherBase = await create(host.api, 'connections', connectionBody())
    const orphan = await create(host.api, 'sourceConnections', sourceBody(otherBase))
    await host.api.delete(`${FLOW_SERVICE}/connections/${otherBase}`).expect(204)
    const response = await host.api.post(ALL, body({ sourceConnectionIds: [orphan] })).expect(400)
    expect(response.body.errorCode).toBe('1439-400')
  })

  test("refuses a connection of another tenant, and a source connection's id as a target", async () => {
    const other = await createChain(await host.as(GLOBEX))
    const foreign = await host.api.post(ALL, body({ sourceConnectionIds: [other.sourceId] })).expect(400)
    expect(foreign.body.errorCode).toBe('1439-400')
    const swapped = await host.api.post(ALL, body({ targetConnectionIds: [sourceId] })).expect(400)
    expect(swapped.body.errorCode).toBe('1439-400')
  })

  test('refuses a source whose spec the flow spec does not join', async () => {
    const { entities } = store()
    const stored = (await entities.get(
      tenant,
      'sourceConnections',
      await create(host.api, 'sourceConnections', sourceBody(baseId)),
    ))!
    await entities.updateDocument(stored, { ...stored.document, connectionSpec: DATA_LAKE_SPEC })
    const response = await host.api.post(ALL, body({ sourceConnectionIds: [stored.id] })).expect(400)
    expect(response.body.errorCode).toBe('1413-400')
    expect(response.body.report.errors[0].path).toBe('/sourceConnectionIds/0')
  })
})

describe('drafts of flows', () => {
  test('an incomplete draft is published once the rest was patched in, and its schedule starts then', async () => {
    const id = await flow({ scheduleParams: undefined }, '?mode=draft')
    expect(await read(host.api, 'flows', id)).toMatchObject({ state: 'draft' })
    expect(await dueAt(id)).toBeNull()
    const refused = await act(id, 'publish').expect(400)
    expect(refused.body.errorCode).toBe('1304-400')
    await patch(host.api, 'flows', id, [{ op: 'add', path: '/scheduleParams', value: quarterly(NOW - MINUTE) }])
    expect(await dueAt(id)).toBeNull()
    const response = await act(id, 'PUBLISH').expect(200)
    expect(Object.keys(response.body)).toEqual(['id', 'etag'])
    expect(await read(host.api, 'flows', id)).toMatchObject({
      state: 'enabled',
      etag: response.body.etag,
      lastOperation: { operation: 'publish', percentCompleted: 100 },
    })
    expect(await dueAt(id)).toBe(NOW)
    expect((await act(id, 'publish').expect(400)).body.errorCode).toBe('1422-400')
  })

  test('a draft needs its connections, and what it has must be right', async () => {
    const refused = (change: object) => host.api.post(`${ALL}?mode=draft`, body(change)).expect(400)
    expect((await refused({ sourceConnectionIds: [] })).body.errorCode).toBe('1320-400')
    expect((await refused({ targetConnectionIds: [UNKNOWN_ID] })).body.errorCode).toBe('1439-400')
    expect((await refused({ scheduleParams: { frequency: 'month' } })).body.errorCode).toBe('1397-400')
    await host.api.post(`${ALL}?mode=draft`, body({ scheduleParams: { startTime: 1 } })).expect(201)
  })

  test('a draft may name a mapping that does not exist yet, but is not published with it', async () => {
    const transformations = [{ name: 'Mapping', params: { mappingId: 'f'.repeat(32), mappingVersion: '0' } }]
    const id = await flow({ transformations }, '?mode=draft')
    expect((await read(host.api, 'flows', id)).transformations).toEqual(transformations)
    const refused = await act(id, 'publish').expect(400)
    expect(refused.body.errorCode).toBe('1419-400')
    expect(refused.body.detail).toContain('no mapping set with that id exists')
  })

  test('only a draft rests on drafts', async () => {
    const draftSource = await create(host.api, 'sourceConnections', sourceBody(baseId), '?mode=draft')
    const draftTarget = await create(
      host.api,
      'targetConnections',
      targetBody(await createDataSet(host.api)),
      '?mode=draft',
    )
    for (const change of [{ sourceConnectionIds: [draftSource] }, { targetConnectionIds: [draftTarget] }]) {
      expect((await host.api.post(ALL, body(change)).expect(400)).body.errorCode).toBe('1422-400')
      const id = await flow(change, '?mode=draft')
      expect((await act(id, 'publish').expect(400)).body.errorCode).toBe('1422-400')
    }
  })

  test('a draft keeps its start time open', async () => {
    const id = await flow({ scheduleParams: quarterly(NOW - MINUTE) }, '?mode=draft')
    const response = await patch(host.api, 'flows', id, [
      { op: 'replace', path: '/scheduleParams', value: once(NOW + MINUTE) },
    ])
    expect(response.status).toBe(200)
  })
})

describe('isolation', () => {
  test("another organisation's flow is unknown to every call", async () => {
    const id = await flow()
    const other = await host.as(GLOBEX)
    await other.get(`${ALL}/${id}`).expect(404)
    await other.patch(`${ALL}/${id}`, replaceName).set('If-Match', '*').expect(404)
    await other.post(`${ALL}/${id}/action?op=disable`).expect(404)
    await other.delete(`${ALL}/${id}`).expect(404)
    expect((await read(host.api, 'flows', id)).state).toBe('enabled')
  })
  const replaceName = [{ op: 'replace', path: '/name', value: 'x' }]
})
