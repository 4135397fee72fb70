import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { RESOURCE_PATHS } from '../../src/plugins/stripe/resources.ts'
import {
  CATALOG,
  connectionBody,
  create,
  createDataSet,
  DATA_LAKE_SPEC,
  dataSetBody,
  flowBody,
  FLOW_SERVICE,
  FLOW_SPEC,
  patch,
  read,
  sourceBody,
  STRIPE_SPEC,
  targetBody,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { Chain } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  recordsOfRun,
  runNow,
  runsOf,
  SANDBOX_KEY,
  startStripeHost,
  statusOf,
} from '../support/stripe-host.ts'
import type { StripeHost } from '../support/stripe-host.ts'
import { GLOBEX, startTestHost } from '../support/test-host.ts'
import { ETAG, expectNotFound, expectProblem, expectReceipt, UUID } from './shapes.ts'

/**
 * The rows of the contract's section 9 and the decisions of section 10, each with its number, as far as they concern what
 * goes over the wire. What only a catalogue, a registry or Data Prep can show is tested with those.
 */

const SOON = Math.floor(Date.now() / 1000) + 86_400
const HOURLY = { startTime: SOON, frequency: 'hour', interval: 1 }
const RENAME = [{ op: 'replace', path: '/name', value: 'Renamed' }]

let host: StripeHost
/** Hourly from tomorrow on: nothing of it runs. */
let chain: Chain
/** Of a flow with frequency once over charges. */
let onceFlowId: string
let onceRunId: string

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 130 } })
  chain = await createStripeChain(host.api, { scheduleParams: HOURLY })
  onceFlowId = (await createStripeChain(host.api)).flowId
  onceRunId = (await firstRun(host.api, onceFlowId)).id
})
afterAll(() => host.stop())

const get = (path: string) => host.api.get(FLOW_SERVICE + path)
const post = (path: string, body?: unknown) => host.api.post(FLOW_SERVICE + path, body)
const flow = (change: object = {}) => ({
  ...flowBody(chain.sourceId, chain.targetId),
  scheduleParams: HOURLY,
  ...change,
})
const base = (change: object = {}) => ({ ...connectionBody(SANDBOX_KEY), ...change })
const params = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const idsOf = (body: { items: { id: string }[] }) => body.items.map(({ id }) => id)
const patchable = () =>
  [
    ['connections', chain.baseId],
    ['sourceConnections', chain.sourceId],
    ['targetConnections', chain.targetId],
    ['flows', chain.flowId],
  ] as const

describe('the shapes of answers', () => {
  test('9.1 a delete answers 204, not 202', async () => {
    const id = await create(host.api, 'connections', base())
    const { status, text } = await host.api.delete(`${FLOW_SERVICE}/connections/${id}`)
    expect([status, text]).toEqual([204, ''])
  })

  test('9.2 and 9.54 a single GET answers {items: [x]}, of specs too', async () => {
    const single = [
      ...patchable(),
      ['runs', onceRunId],
      ['connectionSpecs', STRIPE_SPEC.id],
      ['connectionSpecs', DATA_LAKE_SPEC.id],
      ['flowSpecs', FLOW_SPEC.id],
    ]
    for (const [collection, id] of single) {
      const { body } = await get(`/${collection}/${id}`).expect(200)
      expect(body).toEqual({ items: [expect.objectContaining({ id })] })
    }
  })

  test('9.3 POST /runs answers {id, etag}, {items: [{id, etag}]} and the whole run in one', async () => {
    const { body } = await post('/runs', { flowId: onceFlowId }).expect(201)
    expect(body).toMatchObject({
      id: expect.stringMatching(UUID),
      etag: expect.stringMatching(ETAG),
      items: [{ id: body.id, etag: body.etag }],
      flowId: onceFlowId,
      flowSpec: FLOW_SPEC,
      activities: [],
    })
    expect(statusOf(body)).toBe('scheduled')
  })

  test('9.11 patching a source or target connection answers {id, etag} and the list shape', async () => {
    for (const [collection, id] of patchable()) {
      const { body } = await patch(host.api, collection, id, RENAME)
      const entity = await read(host.api, collection, id)
      const items = collection === 'sourceConnections' || collection === 'targetConnections' ? { items: [entity] } : {}
      expect(body).toEqual({ id, etag: entity.etag, ...items })
    }
  })

  test('9.16 an error holds the members of all three documented shapes', async () => {
    const { body } = await get(`/flows/${UNKNOWN_ID}`)
    expectNotFound(
      { status: 404, headers: { 'content-type': 'application/json', 'x-request-id': body.report.requestId }, body },
      'flows',
      UNKNOWN_ID,
    )
    expect(Object.keys(body)).toEqual(
      expect.arrayContaining([
        'errorMessage',
        'errorDetails',
        'message',
        'type',
        'title',
        'status',
        'detail',
        'report',
      ]),
    )
  })

  test('9.24 and 9.25 count=true answers only {count}, and limit beside it is allowed', async () => {
    for (const parameters of ['count=true', 'count=True&limit=100', 'limit=1&count=TRUE']) {
      expect((await get(`/flows?${parameters}&property=id==${chain.flowId}`).expect(200)).body).toEqual({ count: 1 })
    }
  })

  test('9.36 permissionsInfo of the specs holds arrays', async () => {
    const specs = [...(await get('/connectionSpecs')).body.items, ...(await get('/flowSpecs')).body.items]
    const infos = specs.map(({ permissionsInfo }) => permissionsInfo).filter((info) => info !== undefined)
    expect(infos.length).toBeGreaterThan(0)
    for (const { manage, view } of infos) expect([Array.isArray(manage), Array.isArray(view)]).toEqual([true, true])
  })

  test('9.35 the flow spec has transformationSpecs as an array of {name, spec}', async () => {
    const spec = await read(host.api, 'flowSpecs', FLOW_SPEC.id)
    expect(spec.transformationSpecs).toContainEqual({ name: 'Mapping', spec: expect.any(Object) })
    expect([spec.transformationSpec, spec.transformationSpecDTOS]).toEqual([undefined, undefined])
  })

  test('9.40 a flow tells its runs as /runs?property=flowId==, and both paths are served', async () => {
    const { runs } = await read(host.api, 'flows', onceFlowId)
    expect(runs).toBe(`/runs?property=flowId==${onceFlowId}`)
    const linked = (await get(runs).expect(200)).body
    expect(idsOf(linked)).toContain(onceRunId)
    expect((await get(`/flows/${onceFlowId}/runs`).expect(200)).body).toEqual(linked)
  })

  test('9.41 a run has etag and eTag of one value, and activities spelt right', async () => {
    const run = await read(host.api, 'runs', onceRunId)
    expect([run.eTag, Array.isArray(run.activities), run.activites]).toEqual([run.etag, true, undefined])
    const [listed] = await runsOf(host.api, onceFlowId)
    expect([listed.eTag, Array.isArray(listed.activities), listed.activites]).toEqual([listed.etag, true, undefined])
  })

  test('9.42 the activities of a run have their literal ids and a name', async () => {
    const { activities } = await read(host.api, 'runs', onceRunId)
    const named = activities.map(({ id, name }: { id: string; name: string }) => [id, name])
    expect(named).toEqual([
      ['copyActivity', 'Stripe Copy Activity'],
      ['promotionActivity', 'Promotion Activity'],
    ])
  })

  test('9.43 explore answers an array to a listing and an object to a resource', async () => {
    const listing = await get(`/connections/${chain.baseId}/explore?objectType=root`).expect(200)
    expect(listing.body.map(({ path }: { path: string }) => path)).toEqual(RESOURCE_PATHS)
    const charges = `/connections/${chain.baseId}/explore?objectType=rest&sourceParams=${params({ resourcePath: 'charges' })}`
    expect(Object.keys((await get(charges).expect(200)).body)).toEqual(['format', 'schema'])
  })

  test('9.44 a preview is the schema with flattened records beside it', async () => {
    const sourceParams = params({ resourcePath: 'charges' })
    const path = `/connections/${chain.baseId}/explore?objectType=rest&preview=true&sourceParams=${sourceParams}`
    const { body } = await get(path).expect(200)
    expect(Object.keys(body)).toEqual(['format', 'schema', 'data'])
    expect(body.data).toHaveLength(10)
    for (const record of body.data) {
      expect([Object.keys(record), record.data.object]).toEqual([['data'], 'charge'])
      expect(Object.values(record.data)).not.toContain(null)
    }
  })

  test('9.47 a new dataset is told as @/dataSets/, and both spellings of the path are served', async () => {
    const { body } = await host.api.post(`${CATALOG}/datasets`, dataSetBody()).expect(201)
    expect(body).toEqual([expect.stringMatching(/^@\/dataSets\/[0-9a-f]{24}$/)])
    const id = body[0].replace('@/dataSets/', '')
    const [one, other] = [`${CATALOG}/dataSets/${id}`, `${CATALOG}/datasets/${id}`]
    expect((await host.api.get(one).expect(200)).body).toEqual((await host.api.get(other).expect(200)).body)
  })

  test('9.53 the start of a page of datasets is counted from zero', async () => {
    const api = await host.as(GLOBEX, 'dev')
    const ids = [await createDataSet(api), await createDataSet(api)]
    const page = async (start: number) =>
      Object.keys((await api.get(`${CATALOG}/dataSets?limit=1&start=${start}&orderBy=asc:created`)).body)
    const pages = [await page(0), await page(1), await page(2)]
    expect(pages.map(({ length }) => length)).toEqual([1, 1, 0])
    expect(new Set(pages.flat())).toEqual(new Set(ids))
  })
})

describe('If-Match and patches', () => {
  test('9.6 If-Match may be a query parameter; the header wins', async () => {
    for (const [collection, id] of patchable()) {
      const etag = async () => encodeURIComponent((await read(host.api, collection, id)).etag)
      const path = `${FLOW_SERVICE}/${collection}/${id}/`
      await host.api.patch(`${path}?if-match=${await etag()}`, RENAME).expect(200)
      const stale = await host.api.patch(`${path}?if-match=${await etag()}`, RENAME).set('If-Match', '"stale"')
      expectProblem(stale, { code: '1404-412' })
      const { etag: current } = await read(host.api, collection, id)
      await host.api.patch(`${path}?if-match=stale`, RENAME).set('if-match', current).expect(200)
    }
  })

  test('9.7 the quotes of If-Match may be there, missing, escaped or marked as weak', async () => {
    const forms: ((etag: string) => string)[] = [
      (etag) => etag,
      (etag) => etag.slice(1, -1),
      (etag) => `\\"${etag.slice(1, -1)}\\"`,
      (etag) => `W/${etag}`,
      (etag) => ` ${etag} `,
      () => '*',
    ]
    for (const form of forms) {
      const { etag } = await read(host.api, 'flows', chain.flowId)
      await host.api.patch(`${FLOW_SERVICE}/flows/${chain.flowId}`, RENAME).set('If-Match', form(etag)).expect(200)
    }
    const { etag } = await read(host.api, 'flows', chain.flowId)
    for (const wrong of ['"aa"', etag.slice(0, -2), `${etag}x`, `"${etag}"`]) {
      const answer = await host.api.patch(`${FLOW_SERVICE}/flows/${chain.flowId}`, RENAME).set('If-Match', wrong)
      expectProblem(answer, { code: '1404-412' })
    }
  })

  test('9.8 and 9.51 without If-Match a patch is 400 1403-400, without a body 400 1405-400', async () => {
    for (const [collection, id] of patchable()) {
      const before = await read(host.api, collection, id)
      const path = `${FLOW_SERVICE}/${collection}/${id}`
      expectProblem(await host.api.patch(path, RENAME), { code: '1403-400', title: 'Header is missing' })
      expectProblem(await host.api.patch(path).set('If-Match', before.etag), { code: '1405-400' })
      expectProblem(await host.api.patch(path), { code: '1405-400' })
      expect(await read(host.api, collection, id)).toEqual(before)
    }
  })

  test('9.9 the op of a patch may be in any letter case', async () => {
    const operations = ['ADD', 'Add', 'add', 'REPLACE', 'Replace', 'replace', 'REMOVE']
    for (const op of operations) {
      const answer = await patch(host.api, 'flows', chain.flowId, [{ op, path: '/description', value: op }])
      expect([op, answer.status]).toEqual([op, 200])
      const { description } = await read(host.api, 'flows', chain.flowId)
      expect(description).toBe(op === 'REMOVE' ? undefined : op)
    }
  })

  test('9.10 a patch may be one object instead of an array', async () => {
    for (const [collection, id] of patchable()) {
      expect((await patch(host.api, collection, id, { op: 'replace', path: '/name', value: 'Alone' })).status).toBe(200)
      expect((await read(host.api, collection, id)).name).toBe('Alone')
    }
  })

  test('9.12 a patch that is JSON needs no Content-Type, and may have the one of a form', async () => {
    for (const type of [
      'application/x-www-form-urlencoded',
      'application/json; charset=utf-8',
      'application/json-patch+json',
    ]) {
      const { etag } = await read(host.api, 'flows', chain.flowId)
      const body = JSON.stringify([{ op: 'replace', path: '/name', value: type }])
      await host.api
        .patch(`${FLOW_SERVICE}/flows/${chain.flowId}`)
        .set({ 'If-Match': etag, 'Content-Type': type })
        .send(body)
        .expect(200)
      expect((await read(host.api, 'flows', chain.flowId)).name).toBe(type)
    }
  })

  test('9.13 and 9.50 another Content-Type is 415, and JSON is taken strictly', async () => {
    const send = (type: string, body: string) =>
      host.api.post(`${FLOW_SERVICE}/flows`).set('Content-Type', type).send(body)
    expectProblem(await send('application/xml', '<flow/>'), {
      code: '1004-415',
      prefix: 'CONNECTOR',
      title: 'Unsupported Media Type',
    })
    const valid = JSON.stringify(flow())
    for (const broken of [
      `${valid.slice(0, -1)},}`,
      `${valid}},`,
      valid.replace(`${SOON}`, '{{start}}'),
      `${valid}x`,
    ]) {
      expectProblem(await send('application/json', broken), { code: '1000-400', prefix: 'CONNECTOR' })
    }
  })

  test('9.52 a flow reads its connections live: a patched source connection counts from the next run on', async () => {
    const own = await createStripeChain(host.api, { scheduleParams: { startTime: SOON, frequency: 'once' } })
    await patch(host.api, 'sourceConnections', own.sourceId, [
      { op: 'replace', path: '/params/resourcePath', value: 'prices' },
    ])
    const run = await runNow(host.api, own.flowId)
    const records = await recordsOfRun(host.api, run.id)
    expect(new Set(records.map(({ resourcePath }) => resourcePath))).toEqual(new Set(['prices']))
  })
})

describe('headers', () => {
  const without = (name: string) => get('/flows').unset(name)

  test('9.14 a missing token is 403 with 403010, a bad one 401', async () => {
    const missing = await without('Authorization')
    expect([missing.status, missing.body.error_code]).toEqual([403, '403010'])
    const bad = await get('/flows').set('Authorization', 'Bearer expired')
    expect([bad.status, bad.body.error_code]).toEqual([401, '401013'])
  })

  test('9.15 error_code is text', async () => {
    for (const name of ['Authorization', 'x-api-key', 'x-gw-ims-org-id']) {
      expect((await without(name)).body).toEqual({
        error_code: expect.stringMatching(/^\d{6}$/),
        message: expect.stringMatching(/./),
      })
    }
  })

  test('9.19 without x-sandbox-name the sandbox is prod', async () => {
    for (const path of [
      `/connections/${chain.baseId}`,
      `/targetConnections/${chain.targetId}`,
      '/connections?limit=1',
    ]) {
      const { body } = await get(path).unset('x-sandbox-name').expect(200)
      expect(body.items[0].sandboxName).toBe('prod')
    }
  })
})

describe('lists and filters', () => {
  test('9.20 property is a filter with an operator, a projection without one', async () => {
    const { body } = await get(`/flows?property=id==${chain.flowId}&property=state,flowSpec`).expect(200)
    expect(body.items).toEqual([{ id: chain.flowId, state: 'enabled', flowSpec: FLOW_SPEC }])
  })

  test('9.21 a comma in a filter means or', async () => {
    const { body } = await get(`/flows?property=id==${chain.flowId},${onceFlowId},${UNKNOWN_ID}`).expect(200)
    expect(new Set(idsOf(body))).toEqual(new Set([chain.flowId, onceFlowId]))
  })

  test('9.22 state and status are compared in any letter case, other texts are not', async () => {
    const count = async (path: string) => (await get(`${path}&count=true`).expect(200)).body.count
    const own = `property=flowId==${onceFlowId}&property=id==${onceRunId}`
    for (const value of ['success', 'Success', 'SUCCESS']) {
      expect(await count(`/runs?${own}&property=metrics.statusSummary.status==${value}`)).toBe(1)
    }
    expect(await count(`/runs?${own}&property=metrics.statusSummary.status==Failed`)).toBe(0)
    expect(await count(`/connections?property=id==${chain.baseId}&property=state==Enabled`)).toBe(1)
    await patch(host.api, 'connections', chain.baseId, RENAME)
    expect(await count(`/connections?property=id==${chain.baseId}&property=name==RENAMED`)).toBe(0)
  })

  test('9.23 state of a run is another name of its status', async () => {
    const filtered = async (property: string) =>
      idsOf((await get(`/runs?property=flowId==${onceFlowId}&property=${property}`).expect(200)).body)
    expect(await filtered('state==success')).toContain(onceRunId)
    expect(await filtered('state==success')).toEqual(await filtered('metrics.statusSummary.status==success'))
    expect(await filtered('state==failed')).toEqual([])
  })

  test('9.26 a page has 100 entities unless limit asks for up to 1000', async () => {
    const api = await host.as(GLOBEX, 'dev')
    const made: Promise<string>[] = []
    for (let count = 0; count < 105; count++) made.push(create(api, 'connections', base()))
    await Promise.all(made)
    const page = async (limit: string) => (await api.get(`${FLOW_SERVICE}/connections${limit}`).expect(200)).body
    const first = await page('')
    expect([first.items.length, Object.keys(first._links)]).toEqual([100, ['next']])
    for (const limit of ['?limit=1000', '?limit=999999']) expect(await page(limit)).toMatchObject({ _links: {} })
    expect((await page('?limit=1000')).items).toHaveLength(105)
  })

  test('9.27 the link to the next page is relative, with one parameter that no client can split wrongly', async () => {
    for (const collection of ['connections', 'sourceConnections', 'targetConnections', 'flows', 'runs']) {
      const { body } = await get(`/${collection}?limit=1&orderby=-createdAt&property=id!=a`).expect(200)
      expect(body._links.next.href).toMatch(new RegExp(`^/${collection}\\?continuationToken=[A-Za-z0-9_-]+$`))
      const rest = await get(`/${collection}?continuationToken=${body._links.next.href.split('=')[1]}`).expect(200)
      expect(rest.body.items).toHaveLength(1)
    }
  })

  test('9.45 the names of explore parameters may be in any letter case', async () => {
    const sourceParams = params({ resourcePath: 'charges' })
    const path = `OBJECTTYPE=REST&Object=json&FileType=json&PREVIEW=TRUE&SourceParams=${sourceParams}`
    const { body } = await get(`/connections/${chain.baseId}/explore?${path}`).expect(200)
    expect(body.data).toHaveLength(10)
  })
})

describe('creating and acting', () => {
  test('9.4 a periodic flow cannot be run on demand: 1386-400 names the frequency', async () => {
    const answer = await post('/runs', { flowId: chain.flowId })
    expectProblem(answer, { code: '1386-400', prefix: 'CONNECTOR' })
    expect(answer.body.detail).toContain('hour')
    expect(await runsOf(host.api, chain.flowId)).toEqual([])
  })

  test('9.5 a time of a run from 10^12 on is milliseconds, below that seconds', async () => {
    const charges = await recordsOfRun(host.api, onceRunId)
    const created = charges.map(({ record }) => Number(record.data['created'])).toSorted((a, b) => a - b)
    const [windowStartTime, windowEndTime] = [created[30]!, created[60]!]
    const inside = created.filter((time) => time >= windowStartTime && time < windowEndTime)
    for (const unit of [1, 1000]) {
      const own = await createStripeChain(host.api, { scheduleParams: { startTime: SOON, frequency: 'once' } })
      const window = { windowStartTime: windowStartTime * unit, windowEndTime: String(windowEndTime * unit) }
      const run = await runNow(host.api, own.flowId, window)
      expect(run.params).toEqual(window)
      const [{ durationSummary }] = run.activities
      expect(durationSummary.extensions).toEqual({
        windowStart: windowStartTime * 1000,
        windowEnd: windowEndTime * 1000,
      })
      expect(await recordsOfRun(host.api, run.id)).toHaveLength(inside.length)
    }
  })

  test('9.5 a time of eleven digits is a far second, and its window is capped at now', async () => {
    const own = await createStripeChain(host.api, { scheduleParams: { startTime: SOON, frequency: 'once' } })
    const run = await runNow(host.api, own.flowId, { windowStartTime: 1_651_585_956, windowEndTime: 16_515_859_567 })
    expect(statusOf(run)).toBe('success')
    expect(run.activities[0].durationSummary.extensions.windowEnd).toBeLessThanOrEqual(Date.now() + 1000)
  })

  test('9.17 a base connection in use is refused with 400 1418-400, not 409', async () => {
    expectProblem(await host.api.delete(`${FLOW_SERVICE}/connections/${chain.baseId}`), { code: '1418-400' })
    await get(`/connections/${chain.baseId}`).expect(200)
  })

  test('9.18 the version of a spec is optional', async () => {
    const id = await create(host.api, 'connections', base({ connectionSpec: { id: STRIPE_SPEC.id } }))
    expect((await read(host.api, 'connections', id)).connectionSpec).toEqual(STRIPE_SPEC)
    const flowId = await create(host.api, 'flows', flow({ flowSpec: { id: FLOW_SPEC.id } }))
    expect((await read(host.api, 'flows', flowId)).flowSpec).toEqual(FLOW_SPEC)
  })

  test('9.28 and 9.29 an action needs no subOp, and its op may be in any letter case', async () => {
    const id = await create(host.api, 'flows', flow())
    const operations = ['disable', 'ENABLE', 'Disable', 'enable', 'DISABLE', 'Enable', 'disable&subOp=apply']
    for (const op of operations) expectReceipt(await post(`/flows/${id}/action?op=${op}`), id)
  })

  test('9.30 a draft source or target connection may be published under the path of base connections', async () => {
    const sourceId = await create(host.api, 'sourceConnections', sourceBody(chain.baseId), '?mode=draft')
    const targetId = await create(host.api, 'targetConnections', targetBody(chain.dataSetId), '?mode=draft')
    for (const [collection, id] of [
      ['sourceConnections', sourceId],
      ['targetConnections', targetId],
    ] as const) {
      expectReceipt(await post(`/connections/${id}/action?op=publish`), id)
      expect((await read(host.api, collection, id)).state).toBe('enabled')
    }
    expectNotFound(await post(`/connections/${chain.flowId}/action?op=publish`), 'connections', chain.flowId)
  })

  test('9.31 the parameter mode=draft decides whether a connection is a draft', async () => {
    for (const [parameters, state] of [
      ['', 'enabled'],
      ['?mode=draft', 'draft'],
      ['?mode=DRAFT', 'draft'],
      ['?mode=', 'enabled'],
    ] as const) {
      const id = await create(host.api, 'connections', base(), parameters)
      expect((await read(host.api, 'connections', id)).state).toBe(state)
    }
  })

  test('9.32 specName is the name or the type of an auth spec, in any letter case', async () => {
    for (const specName of ['OAuth2 Refresh Code', 'oauth2 refresh code', 'oAuth2RefreshCode', 'OAuth2RefreshCode']) {
      const auth = { specName, params: { accessToken: SANDBOX_KEY } }
      const id = await create(host.api, 'connections', base({ auth }))
      expect((await get(`/connections/${id}/test`)).body).toEqual({ result: true })
    }
  })

  test('9.33 Stripe needs neither host nor domain', async () => {
    const [authSpec] = (await read(host.api, 'connectionSpecs', STRIPE_SPEC.id)).authSpec
    expect(authSpec.spec.required).toEqual(['accessToken'])
    await create(host.api, 'connections', base())
  })

  test('9.37 interval is a number or text, with a minimum of 15 for minute and 1 for the rest', async () => {
    for (const frequency of ['minute', 'hour', 'day', 'week']) {
      const least = frequency === 'minute' ? 15 : 1
      for (const interval of [least, String(least)]) {
        const scheduleParams = { startTime: SOON, frequency, interval }
        const id = await create(host.api, 'flows', flow({ scheduleParams }))
        expect((await read(host.api, 'flows', id)).scheduleParams).toEqual(scheduleParams)
      }
      const refused = await post(
        '/flows',
        flow({ scheduleParams: { startTime: SOON, frequency, interval: least - 1 } }),
      )
      expectProblem(refused, { code: '1362-400', prefix: 'CONNECTOR', errors: ['/scheduleParams/interval'] })
      expect(refused.body.detail).toContain(String(least))
    }
  })

  test('9.38 a start time in the past is accepted, and its first run is due at once', async () => {
    const { flowId } = await createStripeChain(host.api, {
      scheduleParams: { startTime: '1567411548', frequency: 'week', interval: '1' },
    })
    expect(statusOf(await firstRun(host.api, flowId))).toBe('success')
  })

  test('9.39 backfill is a boolean or text, and comes back as it was sent', async () => {
    for (const backfill of [true, false, 'true', 'false', 'False']) {
      const scheduleParams = { ...HOURLY, backfill }
      const id = await create(host.api, 'flows', flow({ scheduleParams }))
      expect((await read(host.api, 'flows', id)).scheduleParams).toEqual(scheduleParams)
    }
    for (const backfill of ['yes', 1, {}]) {
      const answer = await post('/flows', flow({ scheduleParams: { ...HOURLY, backfill } }))
      expectProblem(answer, { code: '1312-400', prefix: 'CONNECTOR', errors: ['/scheduleParams/backfill'] })
    }
  })

  test('9.49 a target connection with the spec of a source is refused, naming the right one', async () => {
    const answer = await post('/targetConnections', { ...targetBody(chain.dataSetId), connectionSpec: STRIPE_SPEC })
    expectProblem(answer, { code: '1307-400', prefix: 'CONNECTOR', errors: ['/connectionSpec/id'] })
    expect(answer.body.detail).toContain(DATA_LAKE_SPEC.id)
  })
})

describe('the decisions', () => {
  test('10.1 a once flow makes one run by itself, then takes what is new on demand', async () => {
    const { flowId } = await createStripeChain(host.api, { resourcePath: 'customers' })
    const first = await firstRun(host.api, flowId)
    expect(first.metrics.recordSummary.outputRecordCount).toBeGreaterThan(0)
    const [made] = host.sandbox.apply({ type: 'create', resource: 'customers' })
    const run = await runNow(host.api, flowId)
    expect((await recordsOfRun(host.api, run.id)).map(({ id }) => id)).toEqual([made!.id])
    expect(await recordsOfRun(host.api, (await runNow(host.api, flowId)).id)).toEqual([])
    expect(await runsOf(host.api, flowId)).toHaveLength(3)
  })

  test('10.1 a once flow can be run before a start time that lies in the future', async () => {
    const own = await createStripeChain(host.api, { scheduleParams: { startTime: SOON, frequency: 'once' } })
    expect(statusOf(await runNow(host.api, own.flowId))).toBe('success')
  })

  test('10.2 a flow without transformations lands the source form', async () => {
    expect((await read(host.api, 'flows', onceFlowId)).transformations).toEqual([])
    for (const { record } of await recordsOfRun(host.api, onceRunId)) {
      expect([Object.keys(record), record.data['object']]).toEqual([['data'], 'charge'])
    }
  })

  test('10.3 a page of records has 1 to 1000 of them, no id twice, and Stripe objects untouched', async () => {
    const pages = async (limit: number) => (await recordsOfRun(host.api, onceRunId, limit)).map(({ id }) => id)
    const ids = await pages(1000)
    expect([new Set(ids).size, await pages(7)]).toEqual([ids.length, ids])
    for (const limit of ['0', '-1', 'x']) {
      const answer = await get(`/runs/${onceRunId}/records?limit=${limit}`)
      expectProblem(answer, { code: '1452-400' })
    }
    const [item] = await recordsOfRun(host.api, onceRunId)
    expect(Object.keys(item!)).toEqual(expect.arrayContaining(['id', 'op', 'resourcePath', 'record']))
    expect(Object.values(item!.record.data)).toContain(null)
  })

  test('10.5 the Stripe connection spec is named stripe, and every name is there once', async () => {
    const { items } = (await get('/connectionSpecs').expect(200)).body
    const names = items.map(({ name }: { name: string }) => name)
    expect((await read(host.api, 'connectionSpecs', STRIPE_SPEC.id)).name).toBe('stripe')
    expect(new Set(names).size).toBe(names.length)
  })

  test('10.6 an organisation may have hundreds of sandboxes, or prod only', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `s-${index}-${'x'.repeat(index % 7)}`)
    const client = { clientId: 'many', clientSecret: 'secret-1', orgId: 'MANY00000000000000000@AdobeOrg' }
    const few = { clientId: 'few', clientSecret: 'secret-1', orgId: 'FEW000000000000000000@AdobeOrg' }
    const clients = [{ ...client, sandboxes: names }, few]
    const other = await startTestHost({ env: { BOOTSTRAP_CLIENTS: JSON.stringify(clients) } })
    try {
      for (const name of [names[0], names[299]]) {
        await (await other.as({ ...client, sandboxes: names }, name)).get(`${FLOW_SERVICE}/flows`).expect(200)
      }
      const api = await other.as({ ...few, sandboxes: ['prod'] })
      await api.get(`${FLOW_SERVICE}/flows`).expect(200)
      await api.get(`${FLOW_SERVICE}/flows`).set('x-sandbox-name', names[0]!).expect(404)
    } finally {
      await other.stop()
    }
  })

  test('10.6 ten parallel callers are not hindered', async () => {
    const calls = Array.from({ length: 200 }, () => get('/flows?limit=1'))
    expect(new Set((await Promise.all(calls)).map(({ status }) => status))).toEqual(new Set([200]))
  })

  test('10.7 publishing an incomplete draft is refused with its first fault, and succeeds once it is complete', async () => {
    const body = {
      name: 'Draft',
      flowSpec: FLOW_SPEC,
      sourceConnectionIds: [chain.sourceId],
      targetConnectionIds: [chain.targetId],
    }
    const id = await create(host.api, 'flows', body, '?mode=draft')
    const publish = () => post(`/flows/${id}/action?op=publish`)
    expectProblem(await publish(), { code: '1304-400', prefix: 'CONNECTOR', errors: ['/scheduleParams'] })
    expect((await read(host.api, 'flows', id)).state).toBe('draft')
    await patch(host.api, 'flows', id, [{ op: 'add', path: '/scheduleParams', value: { startTime: SOON } }])
    expectProblem(await publish(), { code: '1397-400', prefix: 'CONNECTOR', errors: ['/scheduleParams/frequency'] })
    await patch(host.api, 'flows', id, [{ op: 'replace', path: '/scheduleParams', value: HOURLY }])
    expectReceipt(await publish(), id)
    expect((await read(host.api, 'flows', id)).state).toBe('enabled')
  })

  test('10.9 options sit at the top level of a flow and come back on reads', async () => {
    const options = { errorDiagnosticsEnabled: true, partialIngestionPercent: 2.5 }
    const id = await create(host.api, 'flows', flow({ options }))
    expect((await read(host.api, 'flows', id)).options).toEqual(options)
    await patch(host.api, 'flows', id, RENAME)
    expect((await read(host.api, 'flows', id)).options).toEqual(options)
  })

  test("10.11 a refused credential is 1100-400 with Stripe's own words, in explore and in the failed run", async () => {
    const own = await createStripeChain(host.api, { accessToken: 'sk_test_unknown' })
    const sourceParams = params({ resourcePath: 'charges' })
    const answer = await get(`/connections/${own.baseId}/explore?objectType=rest&sourceParams=${sourceParams}`)
    expectProblem(answer, { code: '1100-400' })
    expect(answer.body.detail).toMatch(/401|Invalid API Key/)
    const run = await firstRun(host.api, own.flowId)
    expect(statusOf(run)).toBe('failed')
    expect(run.metrics.statusSummary.errors).toEqual([
      { code: 'CONNECTOR-1001-500', message: expect.stringContaining('Invalid API Key') },
      { code: '1100-400', message: expect.stringContaining('Invalid API Key') },
    ])
    expect(run.activities.map(({ id }: { id: string }) => id)).toEqual(['copyActivity'])
  })

  test('10.12 unknown members of sourceParams are ignored', async () => {
    const sourceParams = params({ resourcePath: 'charges', colour: 'blue', nested: { a: [1] } })
    await get(`/connections/${chain.baseId}/explore?objectType=rest&sourceParams=${sourceParams}`).expect(200)
  })

  test('10.14 lastOperation.ops shows no secret of a patched connection', async () => {
    const id = await create(host.api, 'connections', base())
    const secret = 'sk_test_another_secret'
    for (const operations of [
      [{ op: 'replace', path: '/auth/params', value: { accessToken: secret } }],
      [{ op: 'replace', path: '/auth/params/accessToken', value: secret }],
      [{ op: 'replace', path: '/auth', value: { specName: 'OAuth2 Refresh Code', params: { accessToken: secret } } }],
    ]) {
      expect((await patch(host.api, 'connections', id, operations)).status).toBe(200)
      const { text, body } = await get(`/connections/${id}`).expect(200)
      expect(text).not.toContain(secret)
      expect(body.items[0].lastOperation).toMatchObject({ operation: 'update', ops: [{ op: 'replace' }] })
    }
  })

  test("10.15 the URLs in a run begin with the host's own public URL", async () => {
    const urls = JSON.stringify(await read(host.api, 'runs', onceRunId)).match(/https?:\/\/[^"]+/g) ?? []
    expect(urls.length).toBeGreaterThan(0)
    for (const url of urls) expect(url).toMatch(/^http:\/\/flow\.test\/data\/foundation\/export\/batches\//)
  })

  test('10.16 a dataset that a target connection uses cannot be deleted: 400', async () => {
    const answer = await host.api.delete(`${CATALOG}/dataSets/${chain.dataSetId}`)
    expect([answer.status, answer.body.status]).toEqual([400, 400])
    await host.api.get(`${CATALOG}/dataSets/${chain.dataSetId}`).expect(200)
  })

  test('10.17 a source connection is explored on its base connection, by default for its own resource', async () => {
    const listing = await get(`/sourceConnections/${chain.sourceId}/explore`).expect(200)
    expect(listing.body).toHaveLength(6)
    const own = await get(`/sourceConnections/${chain.sourceId}/explore?objectType=rest&preview=true`).expect(200)
    expect(own.body.data[0].data.object).toBe('charge')
  })
})
