import { afterEach, describe, expect, test } from '@jest/globals'
import { readSpecFile } from '../../src/flow/load-specs.ts'
import type { XsollaSandboxOptions } from '../../src/sandbox/xsolla/sandbox.ts'
import { create, createDataSet, FLOW_SERVICE, FLOW_SPEC, patch, read, targetBody } from '../support/flow-host.ts'
import {
  firstRun,
  pause,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  statusOf,
  untilEnded,
} from '../support/stripe-host.ts'
import { GLOBEX, startTestHost, type TestHostOptions } from '../support/test-host.ts'
import {
  createXsollaChain,
  merchantConnectionBody,
  PROJECT_ID,
  startXsollaHost,
  USER_PARAMS,
  userConnectionBody,
  XSOLLA_SPEC,
  xsollaSourceBody,
  type XsollaHost,
} from '../support/xsolla-host.ts'

const MAILCHIMP = readSpecFile('specs/examples/mailchimp-members.connection-spec.json')
const LIST = `/api/user/v1/projects/${PROJECT_ID}/subscriptions`

let host: XsollaHost

afterEach(() => host.stop())

async function start(sandbox: XsollaSandboxOptions = {}, options: TestHostOptions = {}): Promise<XsollaHost> {
  host = await startXsollaHost(sandbox, options)
  return host
}

const userChain = (params: object = USER_PARAMS) =>
  createXsollaChain(host.api, userConnectionBody(host.sandbox.issueToken()), params)
const idsOf = (records: readonly { readonly id: string }[]) => records.map(({ id }) => Number(id))
const rowIds = () => host.sandbox.world.rows.map(({ id }) => id)
const sorted = (ids: readonly number[]) => ids.toSorted((one, other) => one - other)
const listRequests = () => host.sandbox.journal.entries(LIST)
const sourceParams = (params: object) => Buffer.from(JSON.stringify(params)).toString('base64url')
const explore = (baseId: string, params: object, api = host.api) =>
  api.get(
    `${FLOW_SERVICE}/connections/${baseId}/explore?objectType=rest&object=json&preview=true&sourceParams=${sourceParams(params)}`,
  )

describe('a connection to Xsolla', () => {
  test('shows neither token nor API key, and takes both kinds of credential', async () => {
    await start({ subscriptions: 1 })
    const token = host.sandbox.issueToken()
    const userId = await create(host.api, 'connections', userConnectionBody(token))
    const merchantId = await create(host.api, 'connections', merchantConnectionBody(host.sandbox, 'api-key-123456'))
    const user = await read(host.api, 'connections', userId)
    const merchant = await read(host.api, 'connections', merchantId)
    expect(user.auth.params).toEqual({ accessToken: '********' })
    expect(merchant.auth.params).toEqual({ username: '2340', password: '********' })
    expect(JSON.stringify([user, merchant])).not.toMatch(/api-key-123456|eyJ/)
  })

  test.each([
    ['OAuth2 Refresh Code', {}, '/auth/params/accessToken'],
    ['Basic Authentication', { username: '1' }, '/auth/params/password'],
    ['Basic Authentication', { username: '../x', password: 'p' }, '/auth/params/username'],
  ])('%s with %j is refused', async (specName, params, path) => {
    await start({ subscriptions: 0 })
    const body = { name: 'X', connectionSpec: XSOLLA_SPEC, auth: { specName, params } }
    const { status, body: answer } = await host.api.post(`${FLOW_SERVICE}/connections`, body)
    expect([status, answer.report.errors.map((error: { path: string }) => error.path)]).toEqual([400, [path]])
    expect((await host.api.get(`${FLOW_SERVICE}/connections`)).body.items).toEqual([])
  })

  test('sends no call anywhere else, whatever a request names', async () => {
    await start({ subscriptions: 1 })
    const { auth, ...body } = userConnectionBody(host.sandbox.issueToken())
    const params = { ...auth.params, host: 'http://127.0.0.1:1', authorizationTestUrl: 'http://127.0.0.1:1/' }
    const baseId = await create(host.api, 'connections', { ...body, auth: { ...auth, params } })
    expect((await read(host.api, 'connections', baseId)).auth.params).toEqual({ accessToken: '********' })
    await explore(baseId, { ...USER_PARAMS, host: 'http://127.0.0.1:1' }).expect(200)
  })

  test('opens no door for the specs of clients', async () => {
    await start({ subscriptions: 1 })
    const { body: spec } = await host.api.post(`${FLOW_SERVICE}/connectionSpecs`, MAILCHIMP).expect(201)
    const params = { host: host.sandbox.url, accessToken: 'a', authorizationTestUrl: host.sandbox.url }
    const body = { name: 'Own', connectionSpec: { id: spec.id }, auth: { specName: 'OAuth2RefreshCode', params } }
    const { body: answer } = await host.api.post(`${FLOW_SERVICE}/connections`, body).expect(400)
    expect([answer.errorCode, answer.detail]).toEqual(['1100-400', expect.stringContaining('REST_ALLOWED_HOSTS')])
    expect(host.sandbox.journal.total).toBe(0)
  })

  test('is tried on the list that its credential fits', async () => {
    await start({ subscriptions: 1 })
    const tested = async (body: object) => {
      const id = await create(host.api, 'connections', body)
      return (await host.api.get(`${FLOW_SERVICE}/connections/${id}/test`)).body
    }
    expect(await tested(merchantConnectionBody(host.sandbox))).toEqual({ result: true })
    expect(await tested(merchantConnectionBody(host.sandbox, 'wrong-key-1'))).toMatchObject({ result: false })
    // A user's list is one of a project, which only a source connection names.
    const untried = await tested(userConnectionBody(host.sandbox.issueToken()))
    expect(untried).toMatchObject({ errorCode: '1304-400' })
    expect(untried.detail).not.toContain('authorizationTestUrl')
  })
})

describe('exploring Xsolla', () => {
  test('lists its resources and shows what a subscription looks like', async () => {
    await start({ subscriptions: 20 })
    const baseId = await create(host.api, 'connections', userConnectionBody(host.sandbox.issueToken()))
    const root = await host.api.get(`${FLOW_SERVICE}/connections/${baseId}/explore?objectType=root`).expect(200)
    expect(root.body.map(({ path }: { path: string }) => path)).toEqual([
      'user_subscriptions',
      'merchant_subscriptions',
      'users',
      'notifications',
    ])
    const { body } = await explore(baseId, USER_PARAMS).expect(200)
    expect(body.schema.properties.data.properties).toMatchObject({
      id: { type: 'integer' },
      date_create: { type: 'string' },
      charge: { properties: { amount: { type: 'string' }, currency: { type: 'string' } } },
    })
    expect(body.data).toHaveLength(10)
    expect(body.data[0].data.id).toBe(rowIds()[0])
  })

  test.each([
    [{}, '/projectId'],
    [{ projectId: 'abc' }, '/projectId'],
    [{ projectId: 0 }, '/projectId'],
    [{ projectId: 1, locale: 'english' }, '/locale'],
    [{ projectId: 1, resourcePath: 'plans' }, '/resourcePath'],
    [{ resourcePath: 'merchant_subscriptions', statuses: ['pause'] }, '/statuses/0'],
    [{ resourcePath: 'merchant_subscriptions', statuses: [] }, '/statuses'],
  ])('%j is refused without a call, by explore and by a source connection', async (params, path) => {
    await start({ subscriptions: 1 })
    const baseId = await create(host.api, 'connections', userConnectionBody(host.sandbox.issueToken()))
    const explored = await explore(baseId, params).expect(400)
    const created = await host.api
      .post(`${FLOW_SERVICE}/sourceConnections`, xsollaSourceBody(baseId, params))
      .expect(400)
    expect(explored.body.report.errors[0].path).toBe(path)
    expect(created.body.report.errors[0].path).toBe(`/params${path}`)
    expect(host.sandbox.journal.total).toBe(0)
  })

  test('is closed to another organisation', async () => {
    await start({ subscriptions: 1 })
    const baseId = await create(host.api, 'connections', userConnectionBody(host.sandbox.issueToken()))
    await explore(baseId, USER_PARAMS, await host.as(GLOBEX)).expect(404)
    expect(host.sandbox.journal.total).toBe(0)
  })

  test('needs the credential that the resource takes, and shows it to no other', async () => {
    await start({ subscriptions: 1 })
    const userId = await create(host.api, 'connections', userConnectionBody(host.sandbox.issueToken()))
    const merchantId = await create(host.api, 'connections', merchantConnectionBody(host.sandbox))
    const refused = await explore(userId, { resourcePath: 'merchant_subscriptions' }).expect(400)
    expect([refused.body.errorCode, refused.body.detail]).toEqual([
      '1312-400',
      expect.stringContaining('Basic Authentication'),
    ])
    await explore(merchantId, USER_PARAMS).expect(400)
    expect(host.sandbox.journal.total).toBe(0)
    await explore(merchantId, { resourcePath: 'merchant_subscriptions' }).expect(200)
  })
})

describe('the plan of a source connection', () => {
  test('counts a list of several pages, which a run reads twice', async () => {
    await start({ subscriptions: 50 })
    const { sourceId } = await userChain()
    const { body } = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${sourceId}/plan`).expect(200)
    expect(body).toMatchObject({
      resourcePath: 'user_subscriptions',
      permissions: [{ resourcePath: 'user_subscriptions', granted: true }],
      estimatedRecordCount: 50,
      isExact: true,
      estimatedRequestCount: 8,
    })
    expect(body.callCount).toBeLessThanOrEqual(5)
  })
})

describe('a run over a user’s subscriptions', () => {
  test('delivers each once, as Xsolla has sent it', async () => {
    await start({ subscriptions: 50 })
    const { flowId, dataSetId } = await userChain({ ...USER_PARAMS, locale: 'de' })
    const run = await firstRun(host.api, flowId)
    expect([statusOf(run), run.metrics.recordSummary]).toMatchObject([
      'success',
      { inputRecordCount: 50, outputRecordCount: 50, skippedRecordCount: 0 },
    ])
    const records = await recordsOfRun(host.api, run.id)
    expect(idsOf(records)).toEqual(rowIds())
    const [first] = records
    const details = first!.record.data as unknown as { charge: { amount: string }; plan_name: string }
    expect(details.charge.amount).toMatch(/^\d+\.\d{4}$/)
    expect(first!.record.data['date_create']).toMatch(/\+03:00$/)
    expect(details.plan_name).toMatch(/^Kampfpass/)
    expect(Object.values(first!.record.data)).toContain(null)
    expect(first!.resourcePath).toBe('user_subscriptions')
    expect(await recordsOfDataSet(host.api, dataSetId)).toHaveLength(50)
    expect(listRequests().map(({ params }) => params['offset'])).toEqual(['0', '15', '30', '45', '0', '15', '30', '45'])
    expect(listRequests()[0]?.params).toEqual({ locale: 'de', limit: '15', offset: '0' })
  })

  test('reads a list of one page once', async () => {
    await start({ subscriptions: 15 })
    const run = await firstRun(host.api, (await userChain()).flowId)
    expect(run.metrics.recordSummary.outputRecordCount).toBe(15)
    expect(listRequests()).toHaveLength(1)
  })

  test('loses and repeats nothing while rows come and go between its pages', async () => {
    await start({ subscriptions: 60 })
    const before = rowIds()
    host.sandbox.script.add({ after: 1, actions: [{ type: 'insert', count: 3 }] })
    host.sandbox.script.add({
      after: 2,
      actions: [
        { type: 'remove', at: 0 },
        { type: 'remove', at: 4 },
      ],
    })
    host.sandbox.script.add({ after: 3, actions: [{ type: 'move', at: 2, to: 50 }] })
    const { flowId, dataSetId } = await userChain()
    const run = await firstRun(host.api, flowId)
    expect([statusOf(run), run.metrics.statusSummary.extensions]).toEqual(['success', undefined])
    const delivered = idsOf(await recordsOfRun(host.api, run.id))
    expect(new Set(delivered).size).toBe(delivered.length)
    expect(delivered).toEqual(expect.arrayContaining(rowIds()))
    for (const id of delivered) expect([...before, ...rowIds()]).toContain(id)
    expect(run.metrics.recordSummary.inputRecordCount).toBe(delivered.length)
    expect(await recordsOfDataSet(host.api, dataSetId)).toHaveLength(delivered.length)
  })

  test('says so when the list never stood still, and the next run takes what it has not shown', async () => {
    await start({ subscriptions: 40 })
    host.sandbox.script.add({ match: { params: { offset: '15' } }, times: null, actions: [{ type: 'insert' }] })
    const { flowId, dataSetId } = await userChain()
    const run = await firstRun(host.api, flowId)
    expect(statusOf(run)).toBe('success')
    expect(run.metrics.statusSummary.extensions.notes).toEqual([expect.stringContaining('kept moving')])
    expect(listRequests().filter(({ params }) => params['offset'] === '0')).toHaveLength(4)
    host.sandbox.script.clear()
    await runNow(host.api, flowId)
    expect(sorted(idsOf(await recordsOfDataSet(host.api, dataSetId)))).toEqual(sorted(rowIds()))
  })

  test('delivers later only what is new or changed, and counts the rest once', async () => {
    await start({ subscriptions: 40 })
    const { flowId } = await userChain()
    await firstRun(host.api, flowId)
    host.sandbox.apply({ type: 'set-amount', at: 20, amount: '9.5000' })
    const [added] = host.sandbox.apply({ type: 'insert' })
    const changed = host.sandbox.world.rows[21]!
    const again = await runNow(host.api, flowId)
    expect(again.metrics.recordSummary).toMatchObject({
      inputRecordCount: 41,
      outputRecordCount: 2,
      createdRecordCount: 1,
      updatedRecordCount: 1,
      skippedRecordCount: 39,
    })
    const records = await recordsOfRun(host.api, again.id)
    expect(sorted(idsOf(records))).toEqual(sorted([added!.id, changed.id]))
    const amounts = records.map(({ record }) => (record.data['charge'] as { amount: string }).amount)
    expect(amounts).toContain('9.5000')
  })

  test('keeps the last state of a subscription that was canceled and so left the list', async () => {
    await start({ subscriptions: 20 })
    const { flowId, dataSetId } = await userChain()
    await firstRun(host.api, flowId)
    const [gone] = host.sandbox.apply({ type: 'set-status', at: 3, status: 'canceled' })
    expect(statusOf(await runNow(host.api, flowId))).toBe('success')
    const kept = (await recordsOfDataSet(host.api, dataSetId)).find(({ id }) => id === String(gone!.id))
    expect(kept?.record.data['status']).not.toBe('canceled')
  })

  test('fails with a credential error when the token ends, and goes on where it stopped with a new one', async () => {
    await start({ subscriptions: 50 })
    const ended = { kind: 'status', status: 401 } as const
    host.sandbox.script.add({ match: { params: { offset: '30' } }, fault: ended })
    const { flowId, baseId, dataSetId } = await userChain()
    const run = await firstRun(host.api, flowId)
    expect(statusOf(run)).toBe('failed')
    expect(JSON.stringify(run.metrics.statusSummary.errors)).toMatch(/401/)
    expect(JSON.stringify(run)).not.toContain('eyJ')

    const before = listRequests().length
    const token = host.sandbox.issueToken()
    const operations = [{ op: 'replace', path: '/auth/params/accessToken', value: token }]
    expect((await patch(host.api, 'connections', baseId, operations)).status).toBe(200)
    await host.api.post(`${FLOW_SERVICE}/runs/${run.id}/action?op=RE_TRIGGER`).expect(200)
    const mended = await untilEnded(host.api, run.id)
    expect([statusOf(mended), mended.metrics.recordSummary.outputRecordCount]).toEqual(['success', 50])
    expect(sorted(idsOf(await recordsOfRun(host.api, run.id)))).toEqual(sorted(rowIds()))
    expect(await recordsOfDataSet(host.api, dataSetId)).toHaveLength(50)
    // It did not begin anew.
    expect(listRequests()[before]?.params['offset']).not.toBe('0')
  })

  test('a token that has ended is a credential error wherever it is used', async () => {
    await start({ subscriptions: 5, now: 1_782_907_200 })
    const token = host.sandbox.issueToken('user-1', { lifeSeconds: 60 })
    const { flowId, baseId, sourceId } = await createXsollaChain(host.api, userConnectionBody(token), USER_PARAMS)
    expect(statusOf(await firstRun(host.api, flowId))).toBe('success')
    host.sandbox.clock.advance(60)
    const run = await runNow(host.api, flowId)
    expect([statusOf(run), JSON.stringify(run.metrics.statusSummary.errors)]).toEqual([
      'failed',
      expect.stringContaining('token has expired'),
    ])
    const explored = await explore(baseId, USER_PARAMS).expect(400)
    const planned = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${sourceId}/plan`).expect(400)
    for (const { body, text } of [explored, planned]) {
      expect(body.errorCode).toBe('1100-400')
      expect(text).not.toContain(token)
    }
  })

  test('waits out what passes: refusals by rate, server errors, resets and answers that are no JSON', async () => {
    await start({ subscriptions: 50 })
    for (const [index, fault] of (
      [
        { kind: 'status', status: 429, retryAfter: 0 },
        { kind: 'status', status: 503, retryAfter: 0 },
        { kind: 'reset' },
        // As in a sample of the documents, which lacks a comma.
        { kind: 'not-json', body: '{"items":[{"id":1,"plan_id":2 "plan_name":null}],"has_more":false}' },
      ] as const
    ).entries()) {
      host.sandbox.script.add({ after: index * 2, fault })
    }
    const run = await firstRun(host.api, (await userChain()).flowId)
    expect([statusOf(run), run.metrics.recordSummary.outputRecordCount]).toEqual(['success', 50])
  }, 60_000)

  test('goes on in the middle of the second reading when the host is stopped and started again', async () => {
    await start({ subscriptions: 50 })
    host.sandbox.script.add({ after: 5, fault: { kind: 'latency', ms: 400 } })
    const { flowId } = await userChain()
    while (listRequests().length < 6) await pause(5)
    await host.host.stop()
    const restarted = await startTestHost({ dataDir: host.dataDir, env: { XSOLLA_API_BASE: host.sandbox.url } })
    try {
      restarted.host.startRuns()
      const run = await firstRun(restarted.api, flowId)
      expect([statusOf(run), run.metrics.recordSummary]).toMatchObject([
        'success',
        { inputRecordCount: 50, outputRecordCount: 50, skippedRecordCount: 0 },
      ])
      expect(idsOf(await recordsOfRun(restarted.api, run.id))).toEqual(rowIds())
      const begun = listRequests().filter(({ params }) => params['offset'] === '0')
      expect(begun).toHaveLength(2)
    } finally {
      await restarted.stop()
    }
  })

  test('an audit compares each once, also while rows come and go, and finds what has changed', async () => {
    await start({ subscriptions: 40 })
    const { flowId } = await userChain()
    await firstRun(host.api, flowId)
    const audit = async () => {
      const { body } = await host.api.post(`${FLOW_SERVICE}/flows/${flowId}/audit`).expect(202)
      for (;;) {
        const found = await host.api.get(`${FLOW_SERVICE}/flows/${flowId}/audits/${body.id}`).expect(200)
        if (found.body.status === 'success' || found.body.status === 'failed') return found.body
        await pause()
      }
    }
    host.sandbox.script.add({ after: 1, actions: [{ type: 'move', at: 0, to: 30 }] })
    expect(await audit()).toMatchObject({ status: 'success', compared: 40, drift: false, findings: [] })
    const [changed] = host.sandbox.apply({ type: 'set-amount', at: 7, amount: '1.2345' })
    const stale = { id: String(changed!.id), kind: 'stale' }
    expect(await audit()).toMatchObject({ compared: 40, drift: true, findings: [stale] })
  })

  test('a page size that Xsolla caps below what was asked for loses nothing', async () => {
    await start({ subscriptions: 25, mostPerPage: 10 })
    const run = await firstRun(host.api, (await userChain()).flowId)
    expect(idsOf(await recordsOfRun(host.api, run.id))).toEqual(rowIds())
  })

  test('two users in one dataset do not mix up, their subscriptions have ids of their own', async () => {
    await start({ subscriptions: 3 })
    host.sandbox.apply({ type: 'insert', userId: 'user-2', count: 2 })
    const dataSetId = await createDataSet(host.api)
    for (const user of ['user-1', 'user-2']) {
      const baseId = await create(host.api, 'connections', userConnectionBody(host.sandbox.issueToken(user)))
      const sourceId = await create(host.api, 'sourceConnections', xsollaSourceBody(baseId, USER_PARAMS))
      const targetId = await create(host.api, 'targetConnections', targetBody(dataSetId))
      const flowId = await create(host.api, 'flows', {
        name: user,
        flowSpec: FLOW_SPEC,
        sourceConnectionIds: [sourceId],
        targetConnectionIds: [targetId],
        scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
      })
      await firstRun(host.api, flowId)
    }
    expect(await recordsOfDataSet(host.api, dataSetId)).toHaveLength(5)
  })
})

describe('a run over a merchant’s subscriptions', () => {
  test('reads the bare array of all users, canceled ones included', async () => {
    await start({ subscriptions: 30 })
    host.sandbox.apply({ type: 'insert', userId: 'user-2', status: 'canceled', count: 2 })
    const chain = await createXsollaChain(host.api, merchantConnectionBody(host.sandbox), {
      resourcePath: 'merchant_subscriptions',
    })
    const run = await firstRun(host.api, chain.flowId)
    expect(statusOf(run)).toBe('success')
    const records = await recordsOfRun(host.api, run.id)
    expect(idsOf(records)).toEqual(rowIds())
    expect(records.map(({ record }) => record.data['status'])).toContain('canceled')
    expect(records[0]?.resourcePath).toBe('merchant_subscriptions')
    const requests = host.sandbox.journal.entries('/merchant/')
    expect(requests.map(({ params }) => params)).toEqual([
      { limit: '50', offset: '0' },
      { limit: '50', offset: '32' },
      { limit: '50', offset: '0' },
      { limit: '50', offset: '32' },
    ])
    expect(requests.every(({ status, credential }) => status === 200 && credential === 'Basic')).toBe(true)
  }, 60_000)

  test('narrows the list by status, project, user and time', async () => {
    await start({ subscriptions: 2 })
    host.sandbox.apply({ type: 'insert', userId: 'user-2', status: 'canceled' })
    const baseId = await create(host.api, 'connections', merchantConnectionBody(host.sandbox))
    const found = async (params: object) =>
      (await explore(baseId, { resourcePath: 'merchant_subscriptions', ...params }).expect(200)).body.data.length
    expect(await found({})).toBe(3)
    expect(await found({ statuses: ['canceled'] })).toBe(1)
    expect(await found({ userId: 'user-1' })).toBe(2)
    expect(await found({ projectId: 7 })).toBe(0)
    expect(await found({ statuses: ['canceled'], datetimeFrom: '2000-01-01T00:00:00+03:00' })).toBe(1)
  })

  test('a key of one project only is a missing permission', async () => {
    await start({ merchantKeys: [{ key: 'one-project', allProjects: false }] })
    const params = { resourcePath: 'merchant_subscriptions' }
    const chain = await createXsollaChain(host.api, merchantConnectionBody(host.sandbox, 'one-project'), params)
    const run = await firstRun(host.api, chain.flowId)
    expect([statusOf(run), JSON.stringify(run.metrics.statusSummary.errors)]).toEqual([
      'failed',
      expect.stringContaining('not valid for all projects'),
    ])
    expect(JSON.stringify(run)).not.toContain('one-project')
    const { body } = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${chain.sourceId}/plan`).expect(200)
    expect(body.permissions).toEqual([{ resourcePath: 'merchant_subscriptions', granted: false }])
  })
})
