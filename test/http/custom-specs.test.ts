import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { readSpecFile } from '../../src/flow/load-specs.ts'
import type { JsonObject } from '../../src/json.ts'
import type { SourceAnswer, SourceRequest, TestSource } from '../plugins/rest/test-source.ts'
import { startTestSource } from '../plugins/rest/test-source.ts'
import { create, createDataSet, FLOW_SERVICE, FLOW_SPEC, read, STRIPE_SPEC, targetBody } from '../support/flow-host.ts'
import { firstRun, pause, recordsOfDataSet, recordsOfRun, runNow, statusOf } from '../support/stripe-host.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestApi, TestHost } from '../support/test-host.ts'

const EXAMPLE: JsonObject = readSpecFile('specs/examples/mailchimp-members.connection-spec.json')
const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
const CONNECTION_SPECS = `${FLOW_SERVICE}/connectionSpecs`
const FLOW_SPECS = `${FLOW_SERVICE}/flowSpecs`
const REST_FLOW_SPEC = `${FLOW_SPECS}/${FLOW_SPEC.id}`
const PROVIDER = '0ed90a81-07f4-4586-8190-b40eccef1c5a'

let names = 0
const minimal = (more: object = {}) => ({ name: `spec ${++names}`, providerId: PROVIDER, ...more })
/** The example under a name of its own, with other `sourceSpec.attributes`. */
const source = (attributes: object = {}, more: object = {}) => {
  const sourceSpec = EXAMPLE['sourceSpec'] as { attributes: object }
  const merged = { ...sourceSpec, attributes: { ...sourceSpec.attributes, ...attributes } }
  return { ...EXAMPLE, name: `source ${++names}`, sourceSpec: merged, ...more }
}

describe('specs', () => {
  let host: TestHost
  let api: TestApi
  let globex: TestApi

  beforeAll(async () => {
    host = await startTestHost()
    api = host.api
    globex = await host.as(GLOBEX)
  })

  afterAll(() => host.stop())

  async function refusal(body: object) {
    const response = await api.post(CONNECTION_SPECS, body)
    const { errorCode, report } = response.body
    return [response.status, errorCode, report?.errors?.map(({ path }: { path: string }) => path)]
  }

  test('a created spec is answered whole and found by every organisation', async () => {
    const body = source()
    const { body: spec, headers } = await api
      .post(CONNECTION_SPECS, { ...body, unknown: 1, id: UNKNOWN_ID })
      .expect(201)
    expect(headers['location']).toBe(`${CONNECTION_SPECS}/${spec.id}`)
    expect(spec).toMatchObject({ ...body, imsOrgId: ACME.orgId, sandboxName: 'prod', createdClient: ACME.clientId })
    expect(spec).not.toHaveProperty('unknown')
    expect(spec.id).not.toBe(UNKNOWN_ID)
    for (const other of [globex, await host.as(ACME, 'dev')]) {
      expect((await other.get(`${CONNECTION_SPECS}/${spec.id}`).expect(200)).body).toEqual({ items: [spec] })
      const { body: found } = await other.get(`${CONNECTION_SPECS}?property=name=="${body.name}"`).expect(200)
      expect(found.items).toEqual([spec])
    }
  })

  test('a name and a provider are all that a spec needs', async () => {
    const { body } = await api.post(CONNECTION_SPECS, minimal()).expect(201)
    expect(body.version).toBe('1.0')
    expect(await refusal({})).toEqual([400, '1304-400', ['/name', '/providerId']])
    expect(await refusal({ name: '', providerId: 'x' })).toEqual([400, '1304-400', ['/name', '/name', '/providerId']])
  })

  test('permissions given as objects come back as lists', async () => {
    const permissionsInfo = { manage: { name: 'EnterpriseSource' }, view: [{ name: 'EnterpriseSource' }] }
    const { body } = await api.post(CONNECTION_SPECS, minimal({ permissionsInfo })).expect(201)
    expect(body.permissionsInfo.manage).toEqual([{ name: 'EnterpriseSource' }])
  })

  test('a name is given once, built-in ones included', async () => {
    const body = minimal()
    const both = await Promise.all([api.post(CONNECTION_SPECS, body), globex.post(CONNECTION_SPECS, body)])
    expect(both.map(({ status }) => status).toSorted()).toEqual([201, 400])
    expect(await refusal(minimal({ name: 'stripe' }))).toEqual([400, '1312-400', ['/name']])
  })

  const AT = '/sourceSpec/attributes'
  test.each<[string, object, string, string]>([
    ['no url', { urlParams: undefined }, '1304-400', `${AT}/urlParams`],
    ['no content path', { contentPath: undefined }, '1304-400', `${AT}/contentPath`],
    ['no pagination', { paginationParams: undefined }, '1316-400', `${AT}/paginationParams`],
    ['empty pagination', { paginationParams: {} }, '1316-400', `${AT}/paginationParams/type`],
    [
      'offset without a name',
      { paginationParams: { type: 'OFFSET', limitName: 'a', limitValue: 1 } },
      '1316-400',
      `${AT}/paginationParams/offSetName`,
    ],
    [
      'pointer without a path',
      { paginationParams: { type: 'POINTER', limitName: 'a', limitValue: 1 } },
      '1316-400',
      `${AT}/paginationParams/pointerPath`,
    ],
    [
      'token without a name',
      { paginationParams: { type: 'CONTINUATION_TOKEN', continuationTokenPath: '$.a', parameterType: 'QUERYPARAM' } },
      '1316-400',
      `${AT}/paginationParams/parameterName`,
    ],
    ['page without a name', { paginationParams: { type: 'PAGE' } }, '1316-400', `${AT}/paginationParams/pageParamName`],
    [
      'end without a value',
      { paginationParams: { type: 'NONE', endConditionName: '$.a' } },
      '1316-400',
      `${AT}/paginationParams/endConditionValue`,
    ],
    ['unknown pagination', { paginationParams: { type: 'CURSOR' } }, '1312-400', `${AT}/paginationParams/type`],
    [
      'a limit that is no number',
      { paginationParams: { type: 'NONE', limitName: 'a', limitValue: 'ten' } },
      '1312-400',
      `${AT}/paginationParams/limitValue`,
    ],
    [
      'a path that is none',
      { paginationParams: { type: 'NONE', endConditionName: '$[', endConditionValue: 1 } },
      '1312-400',
      `${AT}/paginationParams/endConditionName`,
    ],
    [
      'a path with a pattern',
      { paginationParams: { type: 'NONE', endConditionName: '$[?search(@.a, "(a+)+$")]', endConditionValue: 1 } },
      '1312-400',
      `${AT}/paginationParams/endConditionName`,
    ],
    ['empty schedule', { scheduleParams: {} }, '1317-400', `${AT}/scheduleParams`],
    [
      'half a schedule',
      { scheduleParams: { scheduleStartParamName: 'a' } },
      '1317-400',
      `${AT}/scheduleParams/scheduleEndParamName`,
    ],
    [
      'unknown date pattern',
      { scheduleParams: { scheduleStartParamName: 'a', scheduleEndParamName: 'b', scheduleEndParamFormat: 'QQQ' } },
      '1312-400',
      `${AT}/scheduleParams/scheduleEndParamFormat`,
    ],
    [
      'an unused expression',
      { scheduleParams: { type: 'ADVANCE', incremental: 'a', backfill: 'b' } },
      '1317-400',
      `${AT}/scheduleParams`,
    ],
    [
      'half an expression',
      { bodyParams: '{SCHEDULE_QUERY}', scheduleParams: { type: 'ADVANCE', incremental: 'a' } },
      '1317-400',
      `${AT}/scheduleParams/backfill`,
    ],
    [
      'an expression nobody makes',
      { bodyParams: '{SCHEDULE_QUERY}', scheduleParams: undefined },
      '1317-400',
      `${AT}/scheduleParams`,
    ],
    ['a complex content path', { contentPath: '$..members' }, '1314-400', `${AT}/contentPath`],
    [
      'a complex entity path',
      { explodeEntityPath: { path: '$.member[0].tags' } },
      '1314-400',
      `${AT}/explodeEntityPath/path`,
    ],
    [
      'a path as an attribute',
      { contentPath: { path: '$.members', keepAttributes: ['$.total'] } },
      '1319-400',
      `${AT}/contentPath/keepAttributes/0`,
    ],
    [
      'an undeclared parameter',
      { urlParams: { host: '${host}', path: '/${campaignId}' } },
      '1312-400',
      `${AT}/urlParams/path`,
    ],
    ['a header of the connection', { headerParams: { Host: 'internal' } }, '1312-400', `${AT}/headerParams`],
    ['an unknown method', { urlParams: { path: '/', method: 'DELETE' } }, '1312-400', `${AT}/urlParams/method`],
  ])('a source with %s is refused', async (_name, attributes, code, path) => {
    const [status, errorCode, paths] = await refusal(source(attributes))
    expect([status, errorCode]).toEqual([400, code])
    expect(paths).toContain(path)
  })

  test('secrets must be declared as such, parameters as a schema', async () => {
    const authSpec = (spec: object) => [{ name: 'A', type: 'BasicAuthentication', spec }]
    const password = (format: object) =>
      authSpec({ type: 'object', properties: { host: {}, listId: {}, password: format } })
    expect(await refusal(source({}, { authSpec: password({ type: 'string' }) }))).toEqual([
      400,
      '1312-400',
      ['/authSpec/0/spec/properties/password/format'],
    ])
    const broken = { type: 'object', properties: { host: { type: 'text' } } }
    expect(await refusal(source({}, { authSpec: authSpec(broken) }))).toEqual([400, '1312-400', ['/authSpec/0/spec']])
    const later = { $async: true, type: 'object', properties: { host: {} } }
    expect(await refusal(source({}, { authSpec: authSpec(later) }))).toEqual([400, '1312-400', ['/authSpec/0/spec']])
    expect(await refusal(source({}, { authSpec: authSpec({ type: 'object', properties: {} }) }))).toEqual([
      400,
      '1312-400',
      [`${AT}/urlParams/host`],
    ])
  })

  test('a pattern that never ends does not keep the host busy', async () => {
    const properties = { host: { type: 'string', pattern: '^(a+)+$' } }
    const authSpec = [{ name: 'A', type: 'A', spec: { type: 'object', properties } }]
    const { body: spec } = await api.post(CONNECTION_SPECS, source({}, { authSpec })).expect(201)
    const params = { host: `${'a'.repeat(60)}!` }
    const body = { name: 'A', connectionSpec: { id: spec.id }, auth: { specName: 'A', params } }
    const { body: answer } = await api.post(`${FLOW_SERVICE}/connections`, body).expect(400)
    expect(answer.errorCode).toBe('1312-400')
  })

  test('a replacement takes all but the id and the creation', async () => {
    const { body: created } = await api.post(CONNECTION_SPECS, source({}, { description: 'old' })).expect(201)
    const body = minimal({ version: '2.0' })
    const { body: replaced } = await api.put(`${CONNECTION_SPECS}/${created.id}`, body).expect(200)
    const { id, createdAt, createdBy } = created
    expect(replaced).toMatchObject({ id, createdAt, createdBy, name: body.name, version: '2.0' })
    expect(replaced).not.toHaveProperty('sourceSpec')
    expect((await api.get(`${CONNECTION_SPECS}/${id}`)).body.items).toEqual([replaced])
    expect((await api.put(`${CONNECTION_SPECS}/${id}`, {}).expect(400)).body.errorCode).toBe('1304-400')
    expect((await api.put(`${CONNECTION_SPECS}/${id}`, minimal({ name: 'stripe' })).expect(400)).body.errorCode).toBe(
      '1312-400',
    )
  })

  test('what is built in or was made by another organisation is not replaced', async () => {
    const { body: spec } = await api.post(CONNECTION_SPECS, minimal()).expect(201)
    for (const [caller, id] of [
      [api, STRIPE_SPEC.id],
      [globex, spec.id],
    ] as const) {
      expect((await caller.put(`${CONNECTION_SPECS}/${id}`, minimal()).expect(400)).body.errorCode).toBe('1426-400')
    }
    expect((await api.put(`${CONNECTION_SPECS}/${UNKNOWN_ID}`, minimal()).expect(404)).body.errorCode).toBe('1101-404')
    expect((await api.put(`${FLOW_SPECS}/${UNKNOWN_ID}`, minimal()).expect(404)).body.errorCode).toBe('1101-404')
  })

  test('flow specs are created and replaced alike, under any name of their transformations', async () => {
    const transformationSpec = { name: 'Mapping', spec: { type: 'object' } }
    const body = minimal({ sourceConnectionSpecIds: [STRIPE_SPEC.id], transformationSpec })
    const { body: spec, headers } = await api.post(FLOW_SPECS, body).expect(201)
    expect(headers['location']).toBe(`${FLOW_SPECS}/${spec.id}`)
    expect(spec).toMatchObject({ sourceConnectionSpecIds: [STRIPE_SPEC.id], transformationSpecs: [transformationSpec] })
    const { body: replaced } = await api
      .put(`${FLOW_SPECS}/${spec.id}`, minimal({ transformationSpecDTOS: [] }))
      .expect(200)
    expect(replaced).toMatchObject({ id: spec.id, sourceConnectionSpecIds: [], transformationSpecs: [] })
    const unknown = await api.post(FLOW_SPECS, minimal({ sourceConnectionSpecIds: [UNKNOWN_ID] })).expect(400)
    expect([unknown.body.errorCode, unknown.body.report.errors[0].path]).toEqual([
      '1413-400',
      '/sourceConnectionSpecIds/0',
    ])
  })

  test('the built-in flow spec takes further sources and gives none of its own away', async () => {
    const [mine, theirs] = await Promise.all(
      [api, globex].map(async (caller) => (await caller.post(CONNECTION_SPECS, source()).expect(201)).body.id),
    )
    const get = async () => (await api.get(REST_FLOW_SPEC)).body.items[0]
    const builtIn = await get()
    const put = (caller: TestApi, sourceConnectionSpecIds: string[], more = {}) =>
      caller.put(REST_FLOW_SPEC, { ...builtIn, sourceConnectionSpecIds, ...more })

    await put(globex, [...builtIn.sourceConnectionSpecIds, theirs]).expect(200)
    const { body } = await put(api, [...builtIn.sourceConnectionSpecIds, mine]).expect(200)
    expect(body.sourceConnectionSpecIds).toEqual([...builtIn.sourceConnectionSpecIds, theirs, mine])
    expect(await get()).toEqual(body)
    expect(body).toMatchObject({ name: builtIn.name, scheduleSpec: builtIn.scheduleSpec })

    expect((await put(api, builtIn.sourceConnectionSpecIds).expect(200)).body.sourceConnectionSpecIds).not.toContain(
      mine,
    )
    expect((await get()).sourceConnectionSpecIds).toContain(theirs)
    expect((await put(api, []).expect(400)).body.errorCode).toBe('1426-400')
    expect((await put(api, builtIn.sourceConnectionSpecIds, { name: 'mine' }).expect(400)).body.errorCode).toBe(
      '1426-400',
    )
    expect((await put(api, [...builtIn.sourceConnectionSpecIds, UNKNOWN_ID]).expect(400)).body.errorCode).toBe(
      '1413-400',
    )
  })

  test('flow specs are searched page by page', async () => {
    const marked = minimal().name
    for (const name of ['b', 'c', 'a'])
      await api.post(FLOW_SPECS, minimal({ name: `${marked} ${name}`, description: marked })).expect(201)
    const body = {
      queryString: `property=description==${marked}`,
      orderby: '-name',
      limit: 2,
      projectionFields: 'name',
    }
    const first = (await api.post(`${FLOW_SPECS}/search`, body).expect(200)).body
    expect(first.items.map(({ name }: { name: string }) => name)).toEqual([`${marked} c`, `${marked} b`])
    const next = (await api.get(FLOW_SERVICE + first._links.next.href).expect(200)).body
    expect(next).toEqual({ items: [{ id: expect.any(String), name: `${marked} a` }], _links: {} })
    expect((await api.post(`${FLOW_SPECS}/search`, { ...body, count: true }).expect(200)).body).toEqual({ count: 3 })
    expect((await api.post(`${FLOW_SPECS}/search`, { limit: 0 }).expect(400)).body.errorCode).toBe('1452-400')
    expect((await api.post(`${FLOW_SPECS}/search`).expect(200)).body.items.length).toBeGreaterThanOrEqual(4)
  })
})

describe('a partner runs a spec of its own', () => {
  const TOKEN = 'mailchimp-token-1'
  let server: TestSource
  let host: TestHost
  let api: TestApi
  let specId: string

  beforeEach(async () => {
    server = await startTestSource(members)
    host = await startTestHost({ env: { REST_ALLOWED_HOSTS: server.host } })
    host.host.startRuns()
    api = host.api
    const { body: spec } = await api.post(CONNECTION_SPECS, EXAMPLE).expect(201)
    specId = spec.id
    const { body } = await api.get(REST_FLOW_SPEC).expect(200)
    const [flowSpec] = body.items
    const sourceConnectionSpecIds = [...flowSpec.sourceConnectionSpecIds, specId]
    await api.put(REST_FLOW_SPEC, { ...flowSpec, sourceConnectionSpecIds }).expect(200)
  })

  afterEach(async () => {
    await host.stop()
    await server.close()
  })

  const MEMBERS = Array.from({ length: 250 }, (_, index) => ({
    id: `m${index}`,
    email_address: `m${index}@x.test`,
    vip: null,
  }))

  /** The members of the audience `a1`, honestly paged. */
  function members({ path, query, headers }: SourceRequest) {
    if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: { title: 'API Key Invalid' } }
    if (path !== '/3.0/lists/a1/members') return { status: path === '/3.0/ping' ? 200 : 404, body: {} }
    const offset = Number(query.get('offset'))
    const page = MEMBERS.slice(offset, offset + Number(query.get('count')))
    return { body: { members: page, list_id: 'a1', total_items: MEMBERS.length, _links: [] } }
  }

  const connection = (params: object = {}, id = specId) => ({
    name: 'MailChimp',
    connectionSpec: { id, version: '1.0' },
    auth: { specName: 'oAuth2RefreshCode', params: { host: server.url, accessToken: TOKEN, ...params } },
  })

  async function createFlow(baseConnectionId: string, params: object = { listId: 'a1' }, id = specId) {
    const dataSetId = await createDataSet(api)
    const connectionSpec = { id, version: '1.0' }
    const data = { format: 'json' }
    const sourceId = await create(api, 'sourceConnections', {
      name: 'Members',
      baseConnectionId,
      connectionSpec,
      data,
      params,
    })
    const targetId = await create(api, 'targetConnections', targetBody(dataSetId))
    const scheduleParams = { startTime: Math.floor(Date.now() / 1000), frequency: 'once' }
    const flow = {
      name: 'Members',
      flowSpec: FLOW_SPEC,
      sourceConnectionIds: [sourceId],
      targetConnectionIds: [targetId],
      scheduleParams,
    }
    return { dataSetId, sourceId, flowId: await create(api, 'flows', flow) }
  }

  const sourceParams = (params: object) => Buffer.from(JSON.stringify(params)).toString('base64url')

  test('from the connection to the records', async () => {
    const baseId = await create(api, 'connections', connection())
    const explore = `${FLOW_SERVICE}/connections/${baseId}/explore?objectType`
    expect((await api.get(`${explore}=root`).expect(200)).body).toEqual([
      { type: 'table', name: EXAMPLE.name, path: EXAMPLE.name, canPreview: true, canFetchSchema: true },
    ])
    const schema = await api
      .get(`${explore}=rest&object=json&preview=true&sourceParams=${sourceParams({ listId: 'a1' })}`)
      .expect(200)
    expect(schema.body.schema.properties.member.properties).toMatchObject({ id: { type: 'string' }, vip: {} })
    expect(schema.body.data[0]).toEqual({ member: { id: 'm0', email_address: 'm0@x.test' } })

    const { flowId, dataSetId } = await createFlow(baseId)
    const run = await firstRun(api, flowId)
    expect([statusOf(run), run.metrics.recordSummary.outputRecordCount]).toEqual(['success', 250])
    const records = await recordsOfRun(api, run.id)
    expect(records).toHaveLength(250)
    expect(records[249]).toMatchObject({ id: 'm249', resourcePath: EXAMPLE.name, record: { member: MEMBERS[249] } })

    const since = () => server.requests.map(({ query }) => query.get('since_last_changed'))
    expect(since().every((value) => value === null)).toBe(true)
    const again = await runNow(api, flowId)
    expect([statusOf(again), again.metrics.recordSummary.outputRecordCount]).toEqual(['success', 0])
    expect(since().at(-1)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d:0000000Z$/)
    expect(await recordsOfDataSet(api, dataSetId)).toHaveLength(250)
  })

  test('records without an id are appended by every run', async () => {
    const sourceSpec = EXAMPLE['sourceSpec'] as { attributes: object }
    const attributes = { ...sourceSpec.attributes, idPath: undefined, scheduleParams: undefined }
    const spec = { ...EXAMPLE, name: 'append only', sourceSpec: { ...sourceSpec, attributes } }
    const { body: flowSpec } = await api.get(REST_FLOW_SPEC)
    const { id } = (await api.post(CONNECTION_SPECS, spec).expect(201)).body
    const sourceConnectionSpecIds = [...flowSpec.items[0].sourceConnectionSpecIds, id]
    await api.put(REST_FLOW_SPEC, { ...flowSpec.items[0], sourceConnectionSpecIds }).expect(200)
    const { flowId } = await createFlow(await create(api, 'connections', connection({}, id)), { listId: 'a1' }, id)
    await firstRun(api, flowId)
    // Windows are whole seconds: within one second there is nothing to read.
    await pause(1000)
    const again = await runNow(api, flowId)
    expect(again.metrics.recordSummary.outputRecordCount).toBe(250)
  })

  test('a flow spec of its own joins the source as well', async () => {
    const body = minimal({
      sourceConnectionSpecIds: [specId],
      targetConnectionSpecIds: ['c604ff05-7f1a-43c0-8e18-33bf874cb11c'],
    })
    const { id } = (await api.post(FLOW_SPECS, body).expect(201)).body
    const { flowId } = await createFlow(await create(api, 'connections', connection()))
    const flow = await read(api, 'flows', flowId)
    const { name, sourceConnectionIds, targetConnectionIds, scheduleParams } = flow
    await create(api, 'flows', { name, flowSpec: { id }, sourceConnectionIds, targetConnectionIds, scheduleParams })
    await api.put(`${FLOW_SPECS}/${id}`, { ...body, sourceConnectionSpecIds: [] }).expect(200)
    const refused = await api.post(`${FLOW_SERVICE}/flows`, {
      name,
      flowSpec: { id },
      sourceConnectionIds,
      targetConnectionIds,
      scheduleParams,
    })
    expect([refused.status, refused.body.errorCode]).toEqual([400, '1413-400'])
  })

  test('the credential is tried at creation and by the test when there is a test URL', async () => {
    const tried = { authorizationTestUrl: `${server.url}/3.0/ping` }
    const baseId = await create(api, 'connections', connection(tried))
    expect(server.requests.map(({ path }) => path)).toEqual(['/3.0/ping'])
    const testOf = async (id: string) => (await api.get(`${FLOW_SERVICE}/connections/${id}/test`)).body
    expect(await testOf(baseId)).toEqual({ result: true })
    const refused = await api
      .post(`${FLOW_SERVICE}/connections`, connection({ ...tried, accessToken: 'wrong-token' }))
      .expect(400)
    expect([refused.body.errorCode, refused.body.detail]).toEqual([
      '1100-400',
      expect.stringContaining('API Key Invalid'),
    ])
    expect(refused.text).not.toContain('wrong-token')
    const untried = await create(api, 'connections', connection({ accessToken: 'wrong-token' }))
    expect(await testOf(untried)).toMatchObject({ errorCode: '1304-400' })
  })

  test('faults of the spec show when the source is explored', async () => {
    server.answer = () => ({ body: { members: 7 } })
    const baseId = await create(api, 'connections', connection())
    const explore = (params: object) =>
      api
        .get(`${FLOW_SERVICE}/connections/${baseId}/explore?objectType=rest&sourceParams=${sourceParams(params)}`)
        .expect(400)
    expect((await explore({ listId: 'a1' })).body.errorCode).toBe('1315-400')
    server.answer = () => ({ body: {} })
    expect((await explore({ listId: 'a1' })).body.errorCode).toBe('1313-400')
    expect((await explore({})).body.errorCode).toBe('1312-400')
  })

  test('an empty source shows the shape that the spec implies, a declared schema stands for all', async () => {
    server.answer = () => ({ body: { members: [] } })
    const baseId = await create(api, 'connections', connection())
    const explore = async () =>
      (
        await api
          .get(
            `${FLOW_SERVICE}/connections/${baseId}/explore?objectType=rest&sourceParams=${sourceParams({ listId: 'a1' })}`,
          )
          .expect(200)
      ).body.schema
    expect(await explore()).toEqual({ type: 'object', properties: { member: { type: 'object', properties: {} } } })
    const schema = {
      type: 'object',
      properties: { member: { type: 'object', properties: { id: { type: 'string' } } } },
    }
    const sourceSpec = EXAMPLE['sourceSpec'] as { attributes: object }
    const attributes = { ...sourceSpec.attributes, schema }
    await api
      .put(`${CONNECTION_SPECS}/${specId}`, { ...EXAMPLE, sourceSpec: { ...sourceSpec, attributes } })
      .expect(200)
    server.answer = members
    expect(await explore()).toEqual(schema)
  })

  test('private addresses are closed to the spec, at creation and in a run', async () => {
    const closed = 'http://169.254.169.254/latest/meta-data'
    const refused = await api
      .post(`${FLOW_SERVICE}/connections`, connection({ authorizationTestUrl: closed }))
      .expect(400)
    expect([refused.body.errorCode, refused.body.detail]).toEqual([
      '1100-400',
      expect.stringContaining('REST_ALLOWED_HOSTS'),
    ])
    const baseId = await create(api, 'connections', connection({ host: 'http://localhost:1' }))
    const run = await firstRun(api, (await createFlow(baseId)).flowId)
    expect(statusOf(run)).toBe('failed')
    expect(JSON.stringify(run.metrics.statusSummary.errors)).toContain('REST_ALLOWED_HOSTS')
  })

  test('a spec outlives the process, with its place in the built-in flow spec', async () => {
    const baseId = await create(api, 'connections', connection())
    await host.host.stop()
    const restarted = await startTestHost({ dataDir: host.dataDir, env: { REST_ALLOWED_HOSTS: server.host } })
    const [spec] = (await restarted.api.get(`${CONNECTION_SPECS}/${specId}`).expect(200)).body.items
    expect(spec).toMatchObject(EXAMPLE)
    expect((await restarted.api.get(REST_FLOW_SPEC)).body.items[0].sourceConnectionSpecIds).toContain(specId)
    const path = `${FLOW_SERVICE}/connections/${baseId}/explore?objectType=rest&sourceParams=${sourceParams({ listId: 'a1' })}`
    expect((await restarted.api.get(path).expect(200)).body.format).toBe('hierarchical')
    await restarted.stop()
  })

  test('a stored spec that is no longer valid does not keep the host from starting', async () => {
    const tenant = { orgId: '*', sandboxName: '*', sandboxId: '*' }
    const document = { id: UNKNOWN_ID, name: 'broken', version: '1.0', createdAt: 1, sourceSpec: {} }
    await host.host.context.store.entities.insert({ kind: 'connectionSpecs', tenant, etag: '"1"', document })
    await host.host.stop()
    const restarted = await startTestHost({ dataDir: host.dataDir })
    await restarted.api.get(`${CONNECTION_SPECS}/${UNKNOWN_ID}`).expect(404)
    await restarted.api.get(`${CONNECTION_SPECS}/${specId}`).expect(200)
    await restarted.stop()
  })

  describe('whose tokens end', () => {
    const renewable = { refreshToken: 'refresh-1', clientId: 'app', clientSecret: 'app-secret-1' }
    let accepted: string
    let issued: number

    beforeEach(() => {
      accepted = 'none yet'
      issued = 1
      server.answer = (request) => {
        if (request.path !== '/token') {
          const authorization = request.headers.authorization === `Bearer ${accepted}` ? `Bearer ${TOKEN}` : ''
          return members({ ...request, headers: { ...request.headers, authorization } })
        }
        // Each refresh token counts once.
        if (new URLSearchParams(request.body).get('refresh_token') !== `refresh-${issued}`)
          return { status: 400, body: { error: 'invalid_grant' } }
        accepted = `access-${++issued}`
        return { body: { access_token: accepted, refresh_token: `refresh-${issued}`, expires_in: 3600 } }
      }
    })

    const connect = () =>
      create(api, 'connections', connection({ ...renewable, accessTokenUrl: `${server.url}/token` }))
    const explore = (on: TestApi, baseId: string) =>
      on.get(
        `${FLOW_SERVICE}/connections/${baseId}/explore?objectType=rest&sourceParams=${sourceParams({ listId: 'a1' })}`,
      )

    test('they are rotated, and shown to nobody', async () => {
      const baseId = await connect()
      const { etag } = await read(api, 'connections', baseId)
      await explore(api, baseId).expect(200)
      const shown = await read(api, 'connections', baseId)
      expect(shown.etag).toBe(etag)
      expect(JSON.stringify(shown)).not.toMatch(/access-|refresh-|app-secret/)
      await explore(api, baseId).expect(200)
      expect(issued).toBe(2)
      accepted = 'revoked'
      await explore(api, baseId).expect(200)
      expect(issued).toBe(3)
    })

    test('callers at the same time rotate once', async () => {
      const baseId = await connect()
      await Promise.all(Array.from({ length: 5 }, () => explore(api, baseId).expect(200)))
      expect(issued).toBe(2)
    })

    test('a crash between the rotation and its first use loses nothing', async () => {
      const baseId = await connect()
      const honest = server.answer
      let pending: Promise<void> | undefined
      const call = await new Promise<(answer: SourceAnswer) => void>((reached) => {
        server.answer = (request) => {
          if (request.headers.authorization !== 'Bearer access-2') return honest(request)
          return new Promise((resolve) => reached(resolve))
        }
        pending = explore(api, baseId).then(() => {})
      })
      await host.host.stop()
      server.answer = honest
      accepted = 'revoked meanwhile'
      const restarted = await startTestHost({ dataDir: host.dataDir, env: { REST_ALLOWED_HOSTS: server.host } })
      await explore(restarted.api, baseId).expect(200)
      expect(issued).toBe(3)
      call({ status: 404 })
      await pending
      await restarted.stop()
    })

    test('a patch of the connection keeps the rotated tokens', async () => {
      const baseId = await connect()
      await explore(api, baseId).expect(200)
      const { etag } = await read(api, 'connections', baseId)
      const rename = [{ op: 'replace', path: '/name', value: 'Renamed' }]
      await api.patch(`${FLOW_SERVICE}/connections/${baseId}`, rename).set('If-Match', etag).expect(200)
      await explore(api, baseId).expect(200)
      expect(issued).toBe(2)
    })
  })
})
