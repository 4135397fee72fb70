import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { GLOBEX } from '../support/test-host.ts'
import {
  connectionBody,
  create,
  createChain,
  FLOW_SERVICE,
  NOW,
  patch,
  read,
  sourceBody,
  startFlowHost,
  STRIPE_SPEC,
  targetBody,
  createDataSet,
  TOKEN,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/connections`
const MASK = '********'

let host: FlowHost
beforeAll(async () => {
  host = await startFlowHost()
})
afterAll(() => host.stop())

const store = () => host.host.context.store
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }
const stored = async (id: string) => (await store().entities.get(tenant, 'connections', id))!
const storedToken = async (id: string) =>
  host.host.context.secretBox.open((await stored(id)).secrets['/auth/params/accessToken']!, id)
const countAll = () => store().entities.count(tenant, 'connections', [])

describe('creating a base connection', () => {
  test('answers id and etag and the place of the new connection', async () => {
    const response = await host.api.post(ALL, connectionBody()).expect(201)
    expect(Object.keys(response.body)).toEqual(['id', 'etag'])
    expect(response.body.etag).toMatch(/^"[0-9a-f]{8}-0000-0200-0000-[0-9a-f]{12}"$/)
    expect(response.headers.location).toBe(`${ALL}/${response.body.id}`)
  })

  test('stores the token sealed and shows it masked', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const response = await host.api.get(`${ALL}/${id}`).expect(200)
    const connection = response.body.items[0]
    expect(connection).toMatchObject({
      id,
      name: 'Stripe account',
      description: 'The one account',
      connectionSpec: STRIPE_SPEC,
      state: 'enabled',
      auth: { specName: 'OAuth2 Refresh Code', params: { accessToken: MASK } },
      imsOrgId: tenant.orgId,
      sandboxName: 'prod',
      createdAt: NOW,
      updatedAt: NOW,
    })
    expect(connection.version).toBe(connection.etag)
    expect(response.headers.etag).toBe(connection.etag)
    expect(JSON.stringify(await stored(id))).not.toContain(TOKEN)
    expect(await storedToken(id)).toBe(TOKEN)
  })

  test('takes the type of the auth spec in any letter case, and drops parameters that the spec does not declare', async () => {
    const auth = { specName: 'oAuth2RefreshCode', params: { accessToken: TOKEN, apiSecret: 'another secret' } }
    const id = await create(host.api, 'connections', { ...connectionBody(), auth })
    expect((await read(host.api, 'connections', id)).auth).toEqual({
      specName: 'OAuth2 Refresh Code',
      params: { accessToken: MASK },
    })
    expect(JSON.stringify(await stored(id))).not.toContain('another secret')
  })

  test('fills in the version of the connection spec and ignores members that it does not know', async () => {
    const body = { ...connectionBody(), connectionSpec: { id: STRIPE_SPEC.id }, providerId: 'x', __proto__x: 1 }
    const connection = await read(host.api, 'connections', await create(host.api, 'connections', body))
    expect(connection.connectionSpec).toEqual(STRIPE_SPEC)
    expect(connection).not.toHaveProperty('providerId')
  })

  test.each([
    ['no name', { name: undefined }, '1304-400', '/name'],
    ['an empty name', { name: '  ' }, '1304-400', '/name'],
    ['a name that is a number', { name: 5 }, '1312-400', '/name'],
    ['a huge name', { name: 'x'.repeat(100_000) }, '1312-400', '/name'],
    ['a description that is an object', { description: {} }, '1312-400', '/description'],
    ['no connection spec', { connectionSpec: undefined }, '1304-400', '/connectionSpec'],
    ['a connection spec that is a string', { connectionSpec: STRIPE_SPEC.id }, '1312-400', '/connectionSpec'],
    ['an unknown connection spec', { connectionSpec: { id: UNKNOWN_ID } }, '1413-400', '/connectionSpec/id'],
    [
      'an unknown spec version',
      { connectionSpec: { ...STRIPE_SPEC, version: '9' } },
      '1413-400',
      '/connectionSpec/version',
    ],
    ['no auth', { auth: undefined }, '1304-400', '/auth'],
    ['auth that is an array', { auth: [] }, '1312-400', '/auth'],
    ['no auth spec', { auth: { params: { accessToken: TOKEN } } }, '1304-400', '/auth/specName'],
    [
      'an unknown auth spec',
      { auth: { specName: 'Basic', params: { accessToken: TOKEN } } },
      '1415-400',
      '/auth/specName',
    ],
    ['no auth params', { auth: { specName: 'OAuth2RefreshCode' } }, '1304-400', '/auth/params'],
    ['no token', { auth: { specName: 'OAuth2RefreshCode', params: {} } }, '1304-400', '/auth/params/accessToken'],
  ])('refuses %s and stores nothing', async (_, change, code, path) => {
    const before = await countAll()
    const response = await host.api.post(ALL, { ...connectionBody(), ...change }).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect(response.body.report.errors[0].path).toBe(path)
    expect(await countAll()).toBe(before)
  })

  test.each([
    ['an empty token', '', '1304-400'],
    ['a token that is a number', 17, '1312-400'],
    ['a token that is an object', { value: TOKEN }, '1312-400'],
    ['a token with a line break', `${TOKEN}\r\nX-Injected: yes`, '1312-400'],
    ['a token with a space', `${TOKEN} ${TOKEN}`, '1312-400'],
    ['a token with a letter outside ASCII', `${TOKEN}ß`, '1312-400'],
    ['a huge token', 'k'.repeat(9000), '1312-400'],
    ['the mask instead of a token', MASK, '1312-400'],
  ])('refuses %s and does not repeat it', async (_, accessToken, code) => {
    const auth = { specName: 'OAuth2 Refresh Code', params: { accessToken } }
    const response = await host.api.post(ALL, { ...connectionBody(), auth }).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect(response.body.report.errors[0].path).toBe('/auth/params/accessToken')
    expect(response.text).not.toContain(TOKEN)
    expect(response.text).not.toContain('kkkk')
  })

  test('names every fault of the body and answers the first', async () => {
    const response = await host.api.post(ALL, { connectionSpec: STRIPE_SPEC }).expect(400)
    expect(response.body.report.errors.map((fault: { path: string }) => fault.path)).toEqual(['/name', '/auth'])
  })

  test('refuses a body that is no object, and a mode other than draft', async () => {
    expect((await host.api.post(ALL, [connectionBody()]).expect(400)).body.errorCode).toBe('1000-400')
    expect((await host.api.post(`${ALL}?mode=test`, connectionBody()).expect(400)).body.errorCode).toBe('1312-400')
  })
})

describe('drafts', () => {
  test('a draft without credentials is published once they were patched in', async () => {
    const id = await create(host.api, 'connections', { ...connectionBody(), auth: undefined }, '?mode=DRAFT')
    expect(await read(host.api, 'connections', id)).toMatchObject({ state: 'draft' })
    const publish = `${ALL}/${id}/action?op=publish`
    const refused = await host.api.post(publish).expect(400)
    expect(refused.body).toMatchObject({ errorCode: '1304-400' })
    expect(refused.body.detail).toContain('/auth')

    await patch(host.api, 'connections', id, [
      { op: 'add', path: '/auth/specName', value: 'OAuth2 Refresh Code' },
      { op: 'add', path: '/auth/params', value: { accessToken: TOKEN } },
    ])
    const before = await read(host.api, 'connections', id)
    const response = await host.api.post(publish).expect(200)
    expect(Object.keys(response.body)).toEqual(['id', 'etag'])
    expect(response.body.etag).not.toBe(before.etag)
    expect(await read(host.api, 'connections', id)).toMatchObject({
      state: 'enabled',
      auth: { params: { accessToken: MASK } },
      lastOperation: { operation: 'publish' },
    })
    expect(await storedToken(id)).toBe(TOKEN)
    expect((await host.api.post(publish).expect(400)).body.errorCode).toBe('1422-400')
  })

  test('a draft needs a name and a spec, and what it has must be right', async () => {
    const draft = (change: object) => host.api.post(`${ALL}?mode=draft`, { ...connectionBody(), ...change }).expect(400)
    expect((await draft({ name: '' })).body.errorCode).toBe('1304-400')
    expect((await draft({ connectionSpec: {} })).body.errorCode).toBe('1304-400')
    expect((await draft({ auth: { specName: 'Basic' } })).body.errorCode).toBe('1415-400')
    expect((await draft({ auth: 'x' })).body.errorCode).toBe('1312-400')
  })

  test('a draft with parameters needs the auth spec: nothing else says which are secret', async () => {
    const auth = { params: { accessToken: TOKEN } }
    const response = await host.api.post(`${ALL}?mode=draft`, { ...connectionBody(), auth }).expect(400)
    expect(response.body.report.errors[0].path).toBe('/auth/specName')
  })

  test('source and target connections are published under the path of base connections too', async () => {
    const baseId = await create(host.api, 'connections', connectionBody())
    const sourceId = await create(host.api, 'sourceConnections', sourceBody(baseId), '?mode=draft')
    const targetId = await create(
      host.api,
      'targetConnections',
      targetBody(await createDataSet(host.api)),
      '?mode=draft',
    )
    await host.api.post(`${ALL}/${sourceId}/action?op=publish`).expect(200)
    await host.api.post(`${ALL}/${targetId}/action?op=publish`).expect(200)
    expect((await read(host.api, 'sourceConnections', sourceId)).state).toBe('enabled')
    expect((await read(host.api, 'targetConnections', targetId)).state).toBe('enabled')
    const unknown = await host.api.post(`${ALL}/${UNKNOWN_ID}/action?op=publish`).expect(404)
    expect(unknown.body.detail).toBe(`connections not found with id = [${UNKNOWN_ID}]`)
  })

  test.each([
    ['op=finalize', '1402-400'],
    ['op=FINALIZE_UPDATE', '1402-400'],
    ['op=enable', '1398-400'],
    ['op=constructor', '1398-400'],
    ['', '1398-400'],
    ['op=publish&subOp=bogus', '1435-400'],
  ])('the action "%s" answers %s', async (query, code) => {
    const id = await create(host.api, 'connections', connectionBody(), '?mode=draft')
    const response = await host.api.post(`${ALL}/${id}/action?${query}`).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect((await read(host.api, 'connections', id)).state).toBe('draft')
  })
})

describe('deleting and isolation', () => {
  test('a deleted connection is gone', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const response = await host.api.delete(`${ALL}/${id}/`).expect(204)
    expect(response.text).toBe('')
    const gone = await host.api.get(`${ALL}/${id}`).expect(404)
    expect(gone.body).toMatchObject({ status: 404, errorMessage: `connections not found with id = [${id}]` })
    await host.api.delete(`${ALL}/${id}`).expect(404)
  })

  test('a connection that a flow uses stays, one that only a source connection uses goes', async () => {
    const { baseId, flowId } = await createChain(host.api)
    const refused = await host.api.delete(`${ALL}/${baseId}`).expect(400)
    expect(refused.body.errorCode).toBe('1418-400')
    expect(refused.body.detail).toContain(flowId)
    await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
    await host.api.delete(`${ALL}/${baseId}`).expect(204)
  })

  test("another organisation's and another sandbox's connection is unknown to every call", async () => {
    const id = await create(host.api, 'connections', connectionBody())
    for (const other of [
      await host.as(GLOBEX),
      await host.as({ ...GLOBEX, clientId: 'acme-client', orgId: tenant.orgId }, 'dev'),
    ]) {
      await other.get(`${ALL}/${id}`).expect(404)
      await other
        .patch(`${ALL}/${id}`, [{ op: 'remove', path: '/name' }])
        .set('If-Match', '*')
        .expect(404)
      await other.post(`${ALL}/${id}/action?op=publish`).expect(404)
      await other.delete(`${ALL}/${id}`).expect(404)
    }
    expect(await read(host.api, 'connections', id)).toMatchObject({ id })
  })

  test('configs are an empty page of an existing connection', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const response = await host.api.get(`${ALL}/${id}/configs`).expect(200)
    expect(response.body).toEqual({ items: [], pageInfo: { hasNext: false } })
    await host.api.get(`${ALL}/${UNKNOWN_ID}/configs`).expect(404)
  })
})
