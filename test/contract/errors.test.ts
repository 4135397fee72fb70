import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Test } from 'supertest'
import type { ErrorCode } from '../../src/errors.ts'
import { FatalSourceError, RetriableSourceError } from '../../src/plugins/plugin.ts'
import { scriptedPlugin, skippingClock } from '../flow/explore/scripted-source.ts'
import {
  connectionBody,
  create,
  createChain,
  flowBody,
  FLOW_SERVICE,
  NOW,
  read,
  sourceBody,
  startFlowHost,
  STRIPE_SPEC,
  targetBody,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { Chain, FlowHost } from '../support/flow-host.ts'
import { rawRequest } from '../support/raw-request.ts'
import { createStripeChain, firstRun, startStripeHost } from '../support/stripe-host.ts'
import type { StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'
import { ACME_PROD, expectProblem } from './shapes.ts'
import type { Answer, ExpectedProblem } from './shapes.ts'

/** Every code of the contract's catalogue, section 7.3, that a caller can meet, with the whole body of section 7.2. */

let host: FlowHost
/** A flow every 15 minutes that has started, in use of all the others. */
let chain: Chain
let draftId: string
/** A flow with frequency once, not due yet. */
let onceId: string
/** Knows the sandbox Stripe and works on runs. */
let stripe: StripeHost

beforeAll(async () => {
  host = await startFlowHost()
  chain = await createChain(host.api, {
    scheduleParams: { startTime: NOW / 1000 - 1, frequency: 'minute', interval: 15 },
  })
  draftId = await create(host.api, 'connections', connectionBody(), '?mode=draft')
  onceId = await create(host.api, 'flows', flow({ scheduleParams: { startTime: NOW / 1000 + 600, frequency: 'once' } }))
  stripe = await startStripeHost({ counts: { charges: 10 } })
})
afterAll(() => Promise.all([host.stop(), stripe.stop()]))

const flow = (change: object = {}) => ({ ...flowBody(chain.sourceId, chain.targetId), ...change })
const source = (change: object = {}) => ({ ...sourceBody(chain.baseId), ...change })
const target = (change: object = {}) => ({ ...targetBody(chain.dataSetId), ...change })
const schedule = (scheduleParams: object) => post('/flows', flow({ scheduleParams }))

const get = (path: string) => host.api.get(FLOW_SERVICE + path)
const post = (path: string, body?: unknown) => host.api.post(FLOW_SERVICE + path, body)
const text = (path: string, type: string, body: string) =>
  host.api
    .post(FLOW_SERVICE + path)
    .set('Content-Type', type)
    .send(body)

/** A patch with `If-Match: *`, which matches whatever is there. */
const patch = (path: string, operations: unknown): Test =>
  host.api.patch(FLOW_SERVICE + path, operations).set('If-Match', '*')
const replace = (path: string, value: unknown) => [{ op: 'replace', path, value }]
const action = (path: string, query: string) => post(`${path}/action?${query}`)

const EXPLORE = 'objectType=rest&object=json'
const sourceParams = (params: object) => Buffer.from(JSON.stringify(params)).toString('base64url')

/** The code, when it comes, how to make it come, and what else its answer holds. */
type Row = readonly [
  code: ErrorCode,
  when: string,
  call: () => PromiseLike<Answer>,
  expected?: Omit<ExpectedProblem, 'code'>,
]

const SOURCES: Omit<ExpectedProblem, 'code'> = { prefix: 'CONNECTOR' }
const badRequest = (...errors: readonly string[]): Omit<ExpectedProblem, 'code'> => ({
  prefix: 'CONNECTOR',
  title: 'Bad Request',
  ...(errors.length > 0 ? { errors } : {}),
})
const fault = (...errors: readonly string[]): Omit<ExpectedProblem, 'code'> => ({ errors })

const bodies: readonly Row[] = [
  ['1000-400', 'the body is not JSON', () => text('/flows', 'application/json', '{"name": "x",}'), badRequest()],
  ['1000-400', 'the body is an array', () => post('/connections', []), badRequest()],
  ['1000-400', 'a patch is a bare value', () => patch(`/flows/${chain.flowId}`, 7), badRequest()],
  [
    '1304-400',
    'a mandatory field is missing',
    () => post('/connections', { ...connectionBody(), name: '' }),
    badRequest('/name'),
  ],
  [
    '1304-400',
    'the access token is missing',
    () => post('/connections', { ...connectionBody(), auth: { specName: 'OAuth2 Refresh Code', params: {} } }),
    badRequest('/auth/params/accessToken'),
  ],
  [
    '1307-400',
    'the target is not the data lake',
    () => post('/targetConnections', target({ connectionSpec: STRIPE_SPEC })),
    badRequest('/connectionSpec/id'),
  ],
  [
    '1312-400',
    'a value is not valid for its property',
    () => post('/sourceConnections', source({ params: { resourcePath: 'payouts' } })),
    badRequest('/params/resourcePath'),
  ],
  [
    '1320-400',
    'a list of ids is empty',
    () => post('/flows', flow({ sourceConnectionIds: [] })),
    badRequest('/sourceConnectionIds'),
  ],
  [
    '1320-400',
    'a source connection has no base connection',
    () => post('/sourceConnections', source({ baseConnectionId: undefined })),
    badRequest('/baseConnectionId'),
  ],
  [
    '1321-400',
    'a list of ids has more than one',
    () => post('/flows', flow({ targetConnectionIds: [chain.targetId, chain.targetId] })),
    badRequest('/targetConnectionIds'),
  ],
  [
    '1325-400',
    'dataSetId is missing',
    () => post('/targetConnections', target({ params: {} })),
    badRequest('/params/dataSetId'),
  ],
  [
    '1325-400',
    'the catalog does not know dataSetId',
    () => post('/targetConnections', target({ params: { dataSetId: '0123456789abcdef01234567' } })),
    badRequest('/params/dataSetId'),
  ],
  [
    '1327-400',
    'the format is not supported',
    () => post('/sourceConnections', source({ data: { format: 'delimited' } })),
    badRequest('/data/format'),
  ],
  ['1368-400', 'mode is in the body of a flow', () => post('/flows', flow({ mode: 'draft' })), badRequest('/mode')],
  ['1405-400', 'the body is empty', () => post('/flows')],
  ['1405-400', 'the body is null', () => text('/flows', 'application/json', 'null')],
  ['1405-400', 'a patch holds no operation', () => patch(`/flows/${chain.flowId}`, [])],
  ['1410-400', 'state is in the body of a flow', () => post('/flows', flow({ state: 'enabled' })), fault('/state')],
  [
    '1413-400',
    'the spec id is unknown',
    () => post('/connections', { ...connectionBody(), connectionSpec: { id: UNKNOWN_ID } }),
    fault('/connectionSpec/id'),
  ],
  [
    '1413-400',
    'the flow spec id is unknown',
    () => post('/flows', flow({ flowSpec: { id: STRIPE_SPEC.id } })),
    fault('/flowSpec/id'),
  ],
  [
    '1415-400',
    'the auth spec is unknown',
    () => post('/connections', { ...connectionBody(), auth: { specName: 'Basic', params: { accessToken: 'x' } } }),
    fault('/auth/specName'),
  ],
  [
    '1419-400',
    'the mapping set is unknown',
    () => post('/flows', flow({ transformations: [{ name: 'Mapping', params: { mappingId: 'no-such-set' } }] })),
    fault('/transformations/0/params/mappingId'),
  ],
  [
    '1439-400',
    'a referenced connection does not exist',
    () => post('/sourceConnections', source({ baseConnectionId: UNKNOWN_ID })),
    fault('/baseConnectionId'),
  ],
]

const schedules: readonly Row[] = [
  [
    '1304-400',
    'a periodic schedule has no interval',
    () => schedule({ startTime: 1, frequency: 'day' }),
    badRequest('/scheduleParams/interval'),
  ],
  [
    '1361-400',
    'a schedule of frequency once has an interval',
    () => schedule({ startTime: 1, frequency: 'once', interval: 1 }),
    badRequest('/scheduleParams/interval'),
  ],
  [
    '1362-400',
    'the interval is under the minimum',
    () => schedule({ startTime: 1, frequency: 'minute', interval: '14' }),
    badRequest('/scheduleParams/interval'),
  ],
  [
    '1363-400',
    'the interval is no whole number',
    () => schedule({ startTime: 1, frequency: 'hour', interval: 1.5 }),
    badRequest('/scheduleParams/interval'),
  ],
  [
    '1364-400',
    'a schedule of frequency once has a backfill',
    () => schedule({ startTime: 1, frequency: 'once', backfill: true }),
    badRequest('/scheduleParams/backfill'),
  ],
  [
    '1397-400',
    'the frequency is unknown',
    () => schedule({ startTime: 1, frequency: 'month', interval: 1 }),
    badRequest('/scheduleParams/frequency'),
  ],
  [
    '1366-400',
    'the start time changes after it has passed',
    () => patch(`/flows/${chain.flowId}`, replace('/scheduleParams/startTime', NOW / 1000 + 60)),
    badRequest('/scheduleParams/startTime'),
  ],
  [
    '1403-400',
    'a schedule that has started becomes once',
    () => patch(`/flows/${chain.flowId}`, replace('/scheduleParams', { startTime: NOW / 1000 - 1, frequency: 'once' })),
    { prefix: 'CONNECTOR', errors: ['/scheduleParams/frequency'] },
  ],
  [
    '1404-400',
    'backfill changes after the start time',
    () => patch(`/flows/${chain.flowId}`, [{ op: 'add', path: '/scheduleParams/backfill', value: false }]),
    badRequest('/scheduleParams/backfill'),
  ],
]

const changes: readonly Row[] = [
  [
    '1365-400',
    'a patch names a path that may not change',
    () => patch(`/flows/${chain.flowId}`, replace('/id', 'x')),
    badRequest('/0/path'),
  ],
  [
    '1365-400',
    'a patch has no path',
    () => patch(`/flows/${chain.flowId}`, [{ op: 'add', value: 1 }]),
    badRequest('/0/path'),
  ],
  [
    '1403-400',
    'If-Match is missing',
    () => host.api.patch(`${FLOW_SERVICE}/flows/${chain.flowId}`, replace('/name', 'x')),
    { title: 'Header is missing' },
  ],
  [
    '1414-400',
    'a patch changes the connection spec',
    () => patch(`/connections/${chain.baseId}`, replace('/connectionSpec/id', UNKNOWN_ID)),
    fault('/0/path'),
  ],
  [
    '1434-400',
    'a patch has another operation',
    () => patch(`/flows/${chain.flowId}`, [{ op: 'move', path: '/name' }]),
    fault('/0/op'),
  ],
  [
    '1455-400',
    'a patch names what is not there',
    () => patch(`/flows/${chain.flowId}`, [{ op: 'remove', path: '/scheduleParams/nothing' }]),
    fault('/scheduleParams/nothing'),
  ],
  [
    '1426-400',
    'a built-in connection spec is replaced',
    () => host.api.put(`${FLOW_SERVICE}/connectionSpecs/${STRIPE_SPEC.id}`, { name: 'x', providerId: UNKNOWN_ID }),
  ],
  [
    '1418-400',
    'a base connection is deleted under a flow',
    () => host.api.delete(`${FLOW_SERVICE}/connections/${chain.baseId}`),
  ],
  [
    '1447-400',
    'a source connection is deleted under a flow',
    () => host.api.delete(`${FLOW_SERVICE}/sourceConnections/${chain.sourceId}`),
  ],
  [
    '1447-400',
    'a target connection is deleted under a flow',
    () => host.api.delete(`${FLOW_SERVICE}/targetConnections/${chain.targetId}`),
  ],
]

const actions: readonly Row[] = [
  ['1398-400', 'an operation is unknown', () => action(`/flows/${chain.flowId}`, 'op=explode'), SOURCES],
  ['1398-400', 'an operation is missing', () => post(`/flows/${chain.flowId}/action`), SOURCES],
  ['1398-400', 'a run has no such operation', () => action(`/runs/${UNKNOWN_ID}`, 'op=cancel'), SOURCES],
  ['1402-400', 'a user finalizes a connection', () => action(`/connections/${chain.baseId}`, 'op=finalize')],
  ['1402-400', 'a user finalizes a flow', () => action(`/flows/${chain.flowId}`, 'op=FINALIZE_UPDATE')],
  ['1422-400', 'what is no draft is published', () => action(`/connections/${chain.baseId}`, 'op=publish')],
  ['1422-400', 'an enabled flow is enabled', () => action(`/flows/${chain.flowId}`, 'op=enable')],
  [
    '1422-400',
    'a source connection rests on a draft',
    () => post('/sourceConnections', source({ baseConnectionId: draftId })),
    fault('/baseConnectionId'),
  ],
  ['1435-400', 'a sub operation is unknown', () => action(`/flows/${chain.flowId}`, 'op=disable&subOp=explode')],
  ['1436-400', 'enable has a sub operation', () => action(`/flows/${chain.flowId}`, 'op=enable&subOp=APPLY')],
]

const runs: readonly Row[] = [
  [
    '1381-400',
    'the window ends before it starts',
    () => post('/runs', { flowId: onceId, params: { windowStartTime: 20, windowEndTime: 10 } }),
    badRequest('/params/windowEndTime'),
  ],
  [
    '1382-400',
    'deltaColumn contradicts the Copy transformation',
    async () => {
      const copy = [{ name: 'Copy', params: { deltaColumn: { name: 'created' } } }]
      const scheduleParams = { startTime: NOW / 1000 + 600, frequency: 'once' }
      const flowId = await create(host.api, 'flows', flow({ scheduleParams, transformations: copy }))
      return post('/runs', { flowId, params: { deltaColumn: { name: 'updated' } } })
    },
    SOURCES,
  ],
  ['1386-400', 'a periodic flow is run on demand', () => post('/runs', { flowId: chain.flowId }), SOURCES],
  [
    '1387-400',
    'a run that has not failed is triggered again',
    async () => action(`/runs/${await create(host.api, 'runs', { flowId: onceId })}`, 'op=RE_TRIGGER'),
    SOURCES,
  ],
  [
    '1388-400',
    'a disabled flow is run',
    async () => {
      const scheduleParams = { startTime: NOW / 1000 + 600, frequency: 'once' }
      const flowId = await create(host.api, 'flows', flow({ scheduleParams }))
      await action(`/flows/${flowId}`, 'op=disable')
      return post('/runs', { flowId })
    },
    SOURCES,
  ],
  [
    '1427-400',
    'a user writes a run',
    async () => {
      const id = await create(host.api, 'runs', { flowId: onceId })
      return host.api.put(`${FLOW_SERVICE}/runs/${id}`, { metrics: {} }).set('If-Match', '*')
    },
  ],
  ['1430-400', 'the flow of a run is unknown', () => post('/runs', { flowId: UNKNOWN_ID })],
  ['1446-400', 'the flow of a run is not named', () => post('/runs', { params: {} }), fault('/flowId')],
]

const explores: readonly Row[] = [
  [
    '1100-400',
    'the source refuses the credential',
    async () => {
      const id = await create(stripe.api, 'connections', connectionBody('sk_test_unknown'))
      const params = sourceParams({ resourcePath: 'charges' })
      return stripe.api.get(`${FLOW_SERVICE}/connections/${id}/explore?${EXPLORE}&sourceParams=${params}`)
    },
  ],
  ['1305-400', 'nothing serves the connection spec', () => get(`/connections/${chain.baseId}/test`), SOURCES],
  ['1353-400', 'filters are given', () => get(`/connections/${chain.baseId}/explore?${EXPLORE}&filters=e30`), SOURCES],
  [
    '1358-400',
    'the objectType is unknown',
    () => get(`/connections/${chain.baseId}/explore?objectType=bucket`),
    SOURCES,
  ],
  [
    '1359-400',
    'sourceParams are missing',
    async () => {
      const id = await create(stripe.api, 'connections', connectionBody())
      return stripe.api.get(`${FLOW_SERVICE}/connections/${id}/explore?${EXPLORE}`)
    },
    SOURCES,
  ],
  [
    '1372-400',
    'a spec is explored without a connection',
    () => get(`/connectionSpecs/${STRIPE_SPEC.id}/explore`),
    SOURCES,
  ],
  [
    '1389-400',
    'sourceParams are no base64',
    () => get(`/connections/${chain.baseId}/explore?${EXPLORE}&sourceParams=%7B%7D`),
    SOURCES,
  ],
  [
    '1399-400',
    'the fileType is unknown',
    () => get(`/connections/${chain.baseId}/explore?${EXPLORE}&fileType=csv`),
    SOURCES,
  ],
  ['1416-400', 'a draft is explored', () => get(`/connections/${draftId}/explore`)],
]

const parameters: readonly Row[] = [
  ['1432-400', 'orderby has another prefix', () => get('/flows?orderby=*name')],
  ['1433-400', 'orderby names an unknown field', () => get('/flows?orderby=colour')],
  ['1440-400', 'a filter has the operator ~', () => get('/flows?property=name~x')],
  ['1443-400', 'a range operator has several values', () => get('/flows?property=createdAt%3E1,2')],
  ['1448-400', 'a range operator compares an id', () => get('/flows?property=id%3E%3D1')],
  ['1450-400', 'a filter has no known operator', () => get('/flows?property=name=!x')],
  ['1452-400', 'limit is no whole number from 1 on', () => get('/flows?limit=0')],
  ['1452-400', 'continuationToken is made up', () => get('/flows?continuationToken=abc')],
  ['1452-400', 'a number is compared with a word', () => get('/flows?property=createdAt%3Etoday')],
  ['1453-400', 'a filter has an empty value', () => get('/flows?property=createdAt==')],
]

const statuses: readonly Row[] = [
  [
    '2111-403',
    'the sandbox is *',
    () => get('/flows').set('x-sandbox-name', '*'),
    { tenantInfo: { sandboxName: '*', imsOrgId: ACME.orgId } },
  ],
  ['1101-404', 'the addressed entity is unknown', () => get(`/flows/${UNKNOWN_ID}`), { title: 'Resource not found' }],
  ['1101-404', 'the path is unknown', () => get('/nothing'), { title: 'Resource not found', tenantInfo: {} }],
  [
    '2100-404',
    'the sandbox is unknown',
    () => get('/flows').set('x-sandbox-name', 'nowhere'),
    { title: 'Sandbox not found', tenantInfo: { sandboxName: 'nowhere', imsOrgId: ACME.orgId } },
  ],
  ['1000-405', 'the method is not allowed', () => host.api.put(`${FLOW_SERVICE}/flows`, {}), { tenantInfo: {} }],
  [
    '1404-412',
    'the version does not match',
    () => host.api.patch(`${FLOW_SERVICE}/flows/${chain.flowId}`, replace('/name', 'x')).set('If-Match', '"aa"'),
    { title: 'Version not matching' },
  ],
  [
    '1000-413',
    'the body is larger than 1 MB',
    () => text('/flows', 'application/json', JSON.stringify({ name: 'x'.repeat(1_048_577) })),
    SOURCES,
  ],
  [
    '1004-415',
    'the content type is not supported',
    () => text('/flows', 'text/plain', '{}'),
    { prefix: 'CONNECTOR', title: 'Unsupported Media Type' },
  ],
]

describe.each([
  ['in a body', bodies],
  ['in a schedule', schedules],
  ['in a change', changes],
  ['in an action', actions],
  ['of runs', runs],
  ['of explore', explores],
  ['in the parameters of a list', parameters],
  ['with a status of its own', statuses],
])('a fault %s', (_, rows) => {
  for (const [code, when, call, expected] of rows) {
    test(`${code} when ${when}`, async () => {
      expectProblem(await call(), { code, ...expected })
    })
  }
})

describe('the fixed texts', () => {
  test.each(['connections', 'sourceConnections', 'targetConnections', 'flows', 'runs', 'connectionSpecs', 'flowSpecs'])(
    '1101-404 of %s names the collection as in the URL, and the id',
    async (collection) => {
      const { body } = await get(`/${collection}/no-such-id`).expect(404)
      expect([body.errorMessage, body.errorDetails]).toEqual([
        `${collection} not found with id = [no-such-id]`,
        `${collection} not found with id = [no-such-id]`,
      ])
    },
  )

  test.each(['connections', 'sourceConnections', 'targetConnections', 'flows'] as const)(
    '1404-412 of %s names the supplied version as sent and the current one',
    async (collection) => {
      const ids = { connections: chain.baseId, sourceConnections: chain.sourceId, targetConnections: chain.targetId }
      const id = collection === 'flows' ? chain.flowId : ids[collection]
      const before = await read(host.api, collection, id)
      const answer = await host.api
        .patch(`${FLOW_SERVICE}/${collection}/${id}`, replace('/name', 'x'))
        .set('If-Match', 'W/\\"aa\\"')
      const detail = `Supplied version=[W/\\"aa\\"] does not match the current version on entity=[${before.etag}]`
      expectProblem(answer, { code: '1404-412', title: 'Version not matching', detail })
      expect(await read(host.api, collection, id)).toEqual(before)
    },
  )
})

describe('what a caller can rely on', () => {
  test('several faults are all listed, and the first is the error', async () => {
    const body = {
      name: 7,
      flowSpec: {},
      sourceConnectionIds: [],
      targetConnectionIds: [UNKNOWN_ID],
      scheduleParams: {},
    }
    expectProblem(await post('/flows', body), {
      code: '1312-400',
      prefix: 'CONNECTOR',
      errors: [
        '/name',
        '/flowSpec/id',
        '/sourceConnectionIds',
        '/targetConnectionIds/0',
        '/scheduleParams/startTime',
        '/scheduleParams/frequency',
      ],
    })
  })

  test('the request id is the one that the caller sent, or a new one', async () => {
    const sent = await get(`/flows/${UNKNOWN_ID}`).set('x-request-id', 'my-own-id')
    expect(sent.body.report.requestId).toBe('my-own-id')
    const made = [await get(`/flows/${UNKNOWN_ID}`), await get(`/flows/${UNKNOWN_ID}`)]
    expect(new Set(made.map(({ body }) => body.report.requestId)).size).toBe(2)
  })

  test('the tenant told is the one of the call', async () => {
    const answer = await (await host.as(GLOBEX, 'dev')).get(`${FLOW_SERVICE}/flows/${UNKNOWN_ID}`)
    expectProblem(answer, {
      code: '1101-404',
      tenantInfo: { ...ACME_PROD, sandboxName: 'dev', imsOrgId: GLOBEX.orgId },
    })
  })

  test('a detail is one sentence that neither repeats a secret nor a stack', async () => {
    const auth = { specName: 'OAuth2 Refresh Code', params: { accessToken: 'sk_live_with space' } }
    const { text: body } = await post('/connections', { ...connectionBody(), auth }).expect(400)
    expect(body).not.toContain('sk_live_with')
    expect(body).not.toMatch(/\bat .*\.ts:\d+/)
  })

  test('no answer of the service is 409, 422 or 428', async () => {
    const answers = await Promise.all(
      [...bodies, ...changes, ...actions].map(async ([, , call]) => (await call()).status),
    )
    for (const status of [409, 422, 428]) expect(answers).not.toContain(status)
  })
})

describe('a fault of the host or of the source', () => {
  const hosts: TestHost[] = []
  afterAll(() => Promise.all(hosts.map((started) => started.stop())))

  /** A host whose source fails in this way, and the answer to trying a credential there. */
  async function failing(error: Error): Promise<Answer> {
    const check = async () => {
      throw error
    }
    const started = await startTestHost({ plugins: [scriptedPlugin({ check }).plugin], clock: skippingClock() })
    hosts.push(started)
    const id = await create(started.api, 'connections', connectionBody())
    return started.api.get(`${FLOW_SERVICE}/connections/${id}/test`)
  }

  test('1102-500 when something inside breaks, without details of it', async () => {
    const answer = await failing(new TypeError('internal detail'))
    expectProblem(answer, { code: '1102-500' })
    expect(JSON.stringify(answer.body)).not.toContain('internal detail')
  })

  test('1103-503 with Retry-After when the source limits the rate', async () => {
    const answer = await failing(new RetriableSourceError('rate', 'Too many requests', { retryAfterMs: 1500 }))
    expectProblem(answer, { code: '1103-503' })
    expect(answer.headers['retry-after']).toBe('2')
  })

  test('1104-504 when the source gives no answer', async () => {
    expectProblem(await failing(new RetriableSourceError('unavailable', 'connect ECONNREFUSED')), { code: '1104-504' })
  })

  test('1388-400 when a failed run of a disabled flow is triggered again', async () => {
    const { flowId } = await createStripeChain(stripe.api, { accessToken: 'sk_test_unknown' })
    const run = await firstRun(stripe.api, flowId)
    await stripe.api.post(`${FLOW_SERVICE}/flows/${flowId}/action?op=disable`).expect(200)
    const answer = await stripe.api.post(`${FLOW_SERVICE}/runs/${run.id}/action?op=RE_TRIGGER`)
    expectProblem(answer, { code: '1388-400', prefix: 'CONNECTOR' })
  })

  test('a refused credential is 200 false to the test, not an error', async () => {
    const answer = await failing(new FatalSourceError('credential', 'Invalid API Key', { status: 401 }))
    expect([answer.status, answer.body]).toEqual([200, { result: false }])
  })
})

describe('the gateway', () => {
  const headers: readonly [string, Readonly<Record<string, string>>, string, string][] = [
    ['no Authorization', { Authorization: '' }, '403010', 'Oauth token is missing.'],
    ['a token that is unknown', { Authorization: 'Bearer x.y.z' }, '401013', 'Oauth token is not valid'],
    ['another scheme', { Authorization: 'Basic eDp5' }, '401013', 'Oauth token is not valid'],
    ['no x-api-key', { 'x-api-key': '' }, '403000', 'Api Key is required'],
    ['an unknown x-api-key', { 'x-api-key': 'nobody' }, '403003', 'Api Key is invalid'],
    ["another organisation's x-api-key", { 'x-api-key': GLOBEX.clientId }, '403003', 'Api Key is invalid'],
    ['no x-gw-ims-org-id', { 'x-gw-ims-org-id': '' }, '400003', 'Missing header'],
    ['another organisation', { 'x-gw-ims-org-id': GLOBEX.orgId }, '403025', 'Profile is not valid'],
    ['a malformed organisation', { 'x-gw-ims-org-id': 'ACME' }, '403027', 'User region is missing'],
  ]

  test.each(headers)('%s answers exactly two members', async (_, change, code, message) => {
    const { status, body } = await get('/flows').set(change)
    expect([status, body]).toEqual([Number(code.slice(0, 3)), { error_code: code, message }])
  })

  test('the first check that fails wins: route, token, key, organisation, sandbox, content type, body', async () => {
    const all = { Authorization: '', 'x-api-key': '', 'x-gw-ims-org-id': '', 'x-sandbox-name': 'nowhere' }
    const codes: string[] = []
    const ask = async (path: string, missing: object, type = 'text/plain') => {
      const answer = await host.api
        .post(FLOW_SERVICE + path)
        .set({ ...missing, 'Content-Type': type })
        .send('{')
      codes.push(answer.body.error_code ?? answer.body.errorCode)
    }
    await ask('/nothing', all)
    await ask('/flows', all)
    await ask('/flows', { ...all, Authorization: host.api.headers['Authorization'] })
    await ask('/flows', { 'x-gw-ims-org-id': '', 'x-sandbox-name': 'nowhere' })
    await ask('/flows', { 'x-sandbox-name': 'nowhere' })
    await ask('/flows', {})
    await ask('/flows', {}, 'application/json')
    expect(codes).toEqual(['1101-404', '403010', '403000', '400003', '2100-404', '1004-415', '1000-400'])
  })

  test('body syntax and meaning come before the existence of the entity, and that before If-Match', async () => {
    const ask = async (id: string, body: string) => {
      const path = `${FLOW_SERVICE}/flows/${id}`
      return (await host.api.patch(path).set('Content-Type', 'application/json').send(body)).body.errorCode
    }
    expect(await ask(UNKNOWN_ID, '{')).toBe('1000-400')
    expect(await ask(UNKNOWN_ID, '[{"op":"x"}]')).toBe('1434-400')
    expect(await ask(UNKNOWN_ID, '[{"op":"remove","path":"/description"}]')).toBe('1101-404')
    expect(await ask(chain.flowId, '[{"op":"remove","path":"/description"}]')).toBe('1403-400')
  })

  test('a damaged path is a 404 in the service shape', async () => {
    const lines = [`GET ${FLOW_SERVICE}/flows/%zz HTTP/1.1`, 'Host: flow.test']
    const { status, json, headers: received } = await rawRequest(host.host.router, lines)
    expectProblem({ status, body: json, headers: received }, { code: '1101-404', tenantInfo: {} })
  })
})
