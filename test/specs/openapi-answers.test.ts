import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Response, Test } from 'supertest'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { CATALOG, DATA_LAKE_SPEC, FLOW_SERVICE, FLOW_SPEC, STRIPE_SPEC, UNKNOWN_ID } from '../support/flow-host.ts'
import { checkAnswer, findOperation, METHODS, openapi, pointerTo, resolve } from '../support/openapi-check.ts'
import type { Method } from '../support/openapi-check.ts'
import { pause, SANDBOX_KEY, startStripeHost } from '../support/stripe-host.ts'
import type { StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestApi, TestHost } from '../support/test-host.ts'

const IMS = '/ims/token'
const SANDBOXES = '/data/foundation/sandbox-management/sandboxes'

let host: StripeHost
/** `operationId status` of every answer that was checked. */
const checked = new Set<string>()

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 250 } })
})

afterEach(() => host.sandbox.faults.clear())
afterAll(() => host.stop())

interface CallOptions {
  readonly body?: unknown
  /** Set on top of the API headers; an empty one is taken out of them. */
  readonly headers?: Readonly<Record<string, string>>
  readonly api?: TestApi
}

/** Makes a call, holds its answer against the description, and returns its body. */
async function call(method: Method, path: string, status: number, options: CallOptions = {}) {
  const { body, headers = {}, api = host.api } = options
  let request: Test = ['get', 'delete'].includes(method)
    ? api[method as 'get' | 'delete'](path)
    : api[method as 'post' | 'put' | 'patch'](path, body)
  for (const [name, value] of Object.entries(headers)) {
    request = value === '' ? request.unset(name) : request.set(name, value)
  }
  return answerOf(method, path, status, await request)
}

function answerOf(method: Method, path: string, status: number, response: Response) {
  const body = response.type.startsWith('text/') ? response.text : response.text === '' ? undefined : response.body
  checkAnswer(method, path, response.status, body)
  expect([path, response.status, body?.errorCode ?? '']).toEqual([path, status, expect.any(String)])
  checked.add(`${findOperation(method, path)?.operation.operationId} ${response.status}`)
  return body
}

/** An example of the description as a request body, with the ids that exist here. */
function example(name: string, changes: object = {}): unknown {
  const { value } = resolve(pointerTo('components', 'examples', name)).value as { value: object }
  return Array.isArray(value) ? value : { ...value, ...changes }
}

const credential = (accessToken: string) => ({ auth: { specName: 'OAuth2 Refresh Code', params: { accessToken } } })
const sourceParams = (params: object) => Buffer.from(JSON.stringify(params)).toString('base64url')

describe('every answer is as described', () => {
  test('from the token to the records and back to nothing', async () => {
    const connections = `${FLOW_SERVICE}/connections`
    const sources = `${FLOW_SERVICE}/sourceConnections`
    const targets = `${FLOW_SERVICE}/targetConnections`
    const flows = `${FLOW_SERVICE}/flows`
    const runs = `${FLOW_SERVICE}/runs`
    const dataSets = `${CATALOG}/dataSets`

    // Specs.
    for (const collection of ['connectionSpecs', 'flowSpecs']) {
      await call('get', `${FLOW_SERVICE}/${collection}`, 200)
      await call('get', `${FLOW_SERVICE}/${collection}?property=name,version`, 200)
      await call('get', `${FLOW_SERVICE}/${collection}?property=name==none`, 200)
    }
    for (const { id } of [STRIPE_SPEC, DATA_LAKE_SPEC]) await call('get', `${FLOW_SERVICE}/connectionSpecs/${id}`, 200)
    await call('get', `${FLOW_SERVICE}/flowSpecs/${FLOW_SPEC.id}`, 200)
    await call('get', `${FLOW_SERVICE}/connectionSpecs/${STRIPE_SPEC.id}/configs`, 200)
    await call('get', `${FLOW_SERVICE}/connectionSpecs/${STRIPE_SPEC.id}/explore`, 400)

    // A base connection, first as a draft.
    const draft = { name: 'Draft', connectionSpec: STRIPE_SPEC }
    const { id: baseId } = await call('post', `${connections}?mode=draft`, 201, { body: draft })
    await call('get', `${connections}/${baseId}`, 200)
    const withAuth = [{ op: 'Add', path: '/auth', value: credential(SANDBOX_KEY).auth }]
    await call('patch', `${connections}/${baseId}?if-match=*`, 200, { body: withAuth })
    await call('post', `${connections}/${baseId}/action?op=publish`, 200)
    await call('post', `${connections}/${baseId}/action?op=publish`, 400)
    const renamed = [{ op: 'replace', path: '/description', value: 'The one account' }]
    await call('patch', `${connections}/${baseId}`, 200, { body: renamed, headers: { 'If-Match': '*' } })
    await call('get', `${connections}/${baseId}/`, 200)
    await call('get', `${connections}/${baseId}/configs`, 200)
    expect(await call('get', `${connections}/${baseId}/test`, 200)).toEqual({ result: true })

    // Explore.
    expect(await call('get', `${connections}/${baseId}/explore`, 200)).toHaveLength(6)
    for (const resourcePath of ['charges', 'subscriptions', 'prices']) {
      const query = `objectType=rest&object=json&fileType=json&sourceParams=${sourceParams({ resourcePath })}`
      await call('get', `${connections}/${baseId}/explore?${query}`, 200)
      expect((await call('get', `${connections}/${baseId}/explore?${query}&preview=true`, 200)).data).toHaveLength(10)
    }
    await call('get', `${connections}/${baseId}/explore?objectType=table&object=refunds`, 200)

    // A dataset.
    const [reference] = await call('post', dataSets, 201, { body: example('dataSetRequest') })
    const dataSetId = reference.split('/')[2]
    await call('patch', `${dataSets}/${dataSetId}`, 200, { body: example('dataSetMerge') })
    await call('patch', `${dataSets}/${dataSetId}`, 200, { body: example('dataSetPatch') })
    await call('put', `${dataSets}/${dataSetId}`, 200, { body: example('dataSetRequest') })
    await call('get', `${dataSets}/${dataSetId}`, 200)
    await call('get', `${CATALOG}/datasets/${dataSetId}?properties=name,created`, 200)
    await call('get', `${dataSets}?limit=1&orderBy=desc:created`, 200)

    // Source and target connection, each also as a draft.
    const sourceBody = example('sourceConnectionRequest', { baseConnectionId: baseId })
    const { id: sourceId } = await call('post', sources, 201, { body: sourceBody })
    const { id: sourceDraft } = await call('post', `${sources}?mode=draft`, 201, { body: draft })
    await call('get', `${sources}/${sourceDraft}`, 200)
    await call('post', `${sources}/${sourceDraft}/action?op=publish`, 400)
    await call('delete', `${sources}/${sourceDraft}`, 204)
    const { etag } = (await call('get', `${sources}/${sourceId}`, 200)).items[0]
    const toCharges = [{ op: 'replace', path: '/params/resourcePath', value: 'charges' }]
    await call('patch', `${sources}/${sourceId}`, 200, { body: toCharges, headers: { 'If-Match': etag } })
    await call('patch', `${sources}/${sourceId}`, 412, { body: toCharges, headers: { 'If-Match': etag } })
    await call('get', `${sources}/${sourceId}/explore?objectType=rest&preview=true`, 200)
    const publishedSource = await call('post', `${sources}?mode=draft`, 201, { body: sourceBody })
    await call('post', `${sources}/${publishedSource.id}/action?op=publish`, 200)

    const targetBody = example('targetConnectionRequest', { params: { dataSetId } })
    const { id: targetId } = await call('post', `${targets}?mode=draft`, 201, { body: targetBody })
    await call('get', `${targets}/${targetId}`, 200)
    await call('post', `${targets}/${targetId}/action?op=PUBLISH`, 200)
    const targetPatch = { body: example('targetConnectionPatch'), headers: { 'If-Match': '*' } }
    await call('patch', `${targets}/${targetId}`, 200, targetPatch)

    // Flows: one with a schedule, one on demand.
    const ids = { sourceConnectionIds: [sourceId], targetConnectionIds: [targetId] }
    const later = String(Math.floor(Date.now() / 1000) + 3600)
    const hourly = { ...ids, scheduleParams: { startTime: later, frequency: 'hour', interval: '1' } }
    const { id: flowDraft } = await call('post', `${flows}?mode=draft`, 201, { body: example('flowRequest', ids) })
    await call('get', `${flows}/${flowDraft}`, 200)
    await call('delete', `${flows}/${flowDraft}`, 204)
    const { id: hourlyId } = await call('post', flows, 201, { body: example('flowRequest', hourly) })
    for (const op of ['disable', 'enable']) await call('post', `${flows}/${hourlyId}/action?op=${op}`, 200)
    const flowPatch = { body: example('flowPatch'), headers: { 'If-Match': '*' } }
    await call('patch', `${flows}/${hourlyId}`, 200, flowPatch)
    await call('get', `${flows}/${hourlyId}`, 200)
    await call('post', runs, 400, { body: { flowId: hourlyId } })
    await call('post', `${flows}/${hourlyId}/action?op=disable`, 412, { headers: { 'If-Match': '"old"' } })

    const once = { ...ids, scheduleParams: { startTime: 1_767_225_600, frequency: 'once' } }
    const { id: flowId } = await call('post', flows, 201, { body: example('flowRequest', once) })
    const first = await untilEnded(`${flows}/${flowId}/runs`)
    expect(first.metrics.statusSummary.status).toBe('success')
    const created = await call('post', runs, 201, { body: example('runRequest', { flowId }) })
    await call('get', `${runs}/${created.id}/records?limit=10`, 200)
    await untilEnded(`${flows}/${flowId}/runs?property=id==${created.id}`)
    await call('get', `${flows}/${flowId}`, 200)

    // A run that fails is triggered again.
    host.sandbox.faults.add({ match: { path: '/v1/charges' }, fault: { kind: 'status', status: 403 } })
    const refused = await call('post', runs, 201, { body: { flowId } })
    const failed = await untilEnded(`${flows}/${flowId}/runs?property=id==${refused.id}`)
    expect(failed.metrics.statusSummary.status).toBe('failed')
    host.sandbox.faults.clear()
    await call('post', `${runs}/${refused.id}/action?op=RE_TRIGGER`, 412, { headers: { 'If-Match': '"old"' } })
    await call('post', `${runs}/${refused.id}/action?op=RE_TRIGGER`, 200)
    await untilEnded(`${flows}/${flowId}/runs?property=id==${refused.id}`)
    await call('post', `${runs}/${refused.id}/action?op=RE_TRIGGER`, 400)
    await call('post', `${runs}/${refused.id}/action?op=stop`, 400)

    // Records.
    for (let path: string | undefined = `/runs/${first.id}/records?limit=100`; path !== undefined;) {
      path = (await call('get', FLOW_SERVICE + path, 200))._links.next?.href
    }
    for (let path: string | undefined = `/dataSets/${dataSetId}/records?includeDeleted=true`; path !== undefined;) {
      path = (await call('get', CATALOG + path, 200))._links.next?.href
    }

    // Lists.
    for (const collection of [connections, sources, targets, flows, runs]) {
      const { items, _links } = await call('get', `${collection}?limit=1&orderby=-createdAt`, 200)
      expect(items).toHaveLength(1)
      await call('get', `${collection}?count=True`, 200)
      await call('get', `${collection}?property=createdAt,etag`, 200)
      if (_links.next) await call('get', FLOW_SERVICE + _links.next.href, 200)
    }
    for (const [collection, name] of [
      [connections, 'connectionSearch'],
      [flows, 'flowSearch'],
    ] as const) {
      await call('post', `${collection}/search`, 200)
      await call('post', `${collection}/search`, 200, { body: example(name) })
      await call('post', `${collection}/search`, 200, { body: { count: true } })
      await call('post', `${collection}/search`, 400, { body: { limit: 0 } })
    }

    // What is in use stays, the rest goes.
    await call('delete', `${connections}/${baseId}`, 400)
    await call('delete', `${sources}/${sourceId}`, 400)
    await call('delete', `${targets}/${targetId}`, 400)
    await call('delete', `${dataSets}/${dataSetId}`, 400)
    for (const id of [hourlyId, flowId]) await call('delete', `${flows}/${id}`, 204)
    await call('get', `${flows}/${flowId}`, 404)
    await call('get', `${runs}/${first.id}`, 200)
    for (const id of [sourceId, publishedSource.id]) await call('delete', `${sources}/${id}`, 204)
    await call('delete', `${targets}/${targetId}`, 204)
    await call('delete', `${connections}/${baseId}`, 204)
    await call('delete', `${dataSets}/${dataSetId}`, 200)
  })

  async function untilEnded(path: string) {
    for (;;) {
      const { items } = await call('get', path, 200)
      const [run] = items
      if (run !== undefined) {
        const { items: read } = await call('get', `${FLOW_SERVICE}/runs/${run.id}`, 200)
        if (['success', 'failed'].includes(read[0].metrics.statusSummary.status)) return read[0]
      }
      await pause()
    }
  }

  test('the token endpoint', async () => {
    const credentials = { client_id: ACME.clientId, client_secret: ACME.clientSecret }
    for (const version of ['v1', 'v2', 'v3']) {
      const path = `${IMS}/${version}`
      const post = (form: object) => host.anonymous().post(path).type('form').send(form)
      const granted = await post({ grant_type: 'client_credentials', ...credentials })
      answerOf('post', path, 200, granted)
      answerOf('post', path, 400, await post(credentials))
      answerOf('post', path, 401, await post(example('tokenRequest') as object))
      const query = new URLSearchParams({ grant_type: 'client_credentials', ...credentials })
      answerOf('post', path, 200, await host.anonymous().post(`${path}?${query}`))
      answerOf('post', path, 413, await post({ grant_type: 'x'.repeat(1_048_577) }))
    }
  })

  test('the system routes', async () => {
    for (const path of ['/health', '/ready', '/metrics', '/openapi.json']) {
      answerOf('get', path, 200, await host.anonymous().get(path))
    }
    await call('get', `${SANDBOXES}/prod`, 200)
    await call('get', `${SANDBOXES}/other`, 404)
  })

  test.each<[number, string, Record<string, string>]>([
    [403, 'no token', { Authorization: '' }],
    [401, 'a token that is none', { Authorization: 'Bearer none' }],
    [403, 'no key', { 'x-api-key': '' }],
    [403, 'an unknown key', { 'x-api-key': 'none' }],
    [400, 'no organisation', { 'x-gw-ims-org-id': '' }],
    [403, 'no organisation of that form', { 'x-gw-ims-org-id': 'none' }],
    [403, 'an organisation of others', { 'x-gw-ims-org-id': GLOBEX.orgId }],
    [404, 'an unknown sandbox', { 'x-sandbox-name': 'none' }],
    [403, 'all sandboxes', { 'x-sandbox-name': '*' }],
  ])('%i for %s, on every operation', async (status, _name, headers) => {
    for (const { method, path } of guardedOperations()) await call(method, path, status, { headers })
  })

  test('404 for an unknown id', async () => {
    const body = { op: 'replace', path: '/name', value: 'x' }
    for (const { method, path } of guardedOperations()) {
      if (path.includes(UNKNOWN_ID)) await call(method, withAction(path), 404, bodyFor(method, path, body))
    }
  })

  test('405 and 404 for what is not described', async () => {
    await call('put', `${FLOW_SERVICE}/connections`, 405, { body: {} })
    await call('delete', '/health', 405)
    await call('get', `${FLOW_SERVICE}/none`, 404)
  })

  test('bodies and parameters that are not right', async () => {
    const collections = ['connections', 'sourceConnections', 'targetConnections', 'flows', 'runs']
    for (const path of [...collections.map((name) => `${FLOW_SERVICE}/${name}`), `${CATALOG}/dataSets`]) {
      await call('post', path, 400, { body: {} })
      await call('post', path, 400, { body: [] })
      await call('post', path, 400)
      await call('post', path, 413, { body: { name: 'x'.repeat(1_048_577) } })
      await call('post', path, 415, { body: {}, headers: { 'Content-Type': 'text/plain' } })
      await call('get', `${path}?limit=0`, 400)
    }
    for (const name of collections) {
      for (const query of ['orderby=*x', 'property=name~x', 'count=maybe', 'continuationToken=none']) {
        await call('get', `${FLOW_SERVICE}/${name}?${query}`, 400)
      }
    }
    for (const name of collections.slice(0, 4)) {
      const path = `${FLOW_SERVICE}/${name}/${UNKNOWN_ID}`
      await call('patch', path, 400, { body: [] })
      await call('patch', path, 400, { body: [{ op: 'move', path: '/name', from: '/id' }] })
      await call('post', `${path}/action?op=none`, 400)
    }
  })

  test('a source that refuses, limits or does not answer', async () => {
    const body = (token: string) => ({ ...(example('connectionRequest') as object), ...credential(token) })
    const connections = `${FLOW_SERVICE}/connections`
    const refused = await call('post', connections, 201, { body: body('sk_test_wrong') })
    expect(await call('get', `${connections}/${refused.id}/test`, 200)).toEqual({ result: false })
    const explore = 'explore?objectType=table&object=charges'
    await call('get', `${connections}/${refused.id}/${explore}`, 400)
    for (const query of ['objectType=rest', 'objectType=file', 'objectType=rest&sourceParams=-', 'filters=x']) {
      await call('get', `${connections}/${refused.id}/explore?${query}`, 400)
    }

    const hasty = await startHastyHost()
    try {
      const { api } = hasty
      const { id } = await call('post', connections, 201, { body: body(SANDBOX_KEY), api })
      host.sandbox.faults.add({ times: null, fault: { kind: 'status', status: 429 } })
      await call('get', `${connections}/${id}/${explore}`, 503, { api })
      await call('get', `${connections}/${id}/test`, 503, { api })
      host.sandbox.faults.clear()
      host.sandbox.faults.add({ times: null, fault: { kind: 'reset' } })
      await call('get', `${connections}/${id}/${explore}`, 504, { api })
      await call('get', `${connections}/${id}/test`, 504, { api })
    } finally {
      await hasty.stop()
    }
  })

  /** A host on the same sandbox that does not wait between its attempts. */
  function startHastyHost(): Promise<TestHost> {
    const clock = { now: () => Date.now(), sleep: async () => {} }
    return startTestHost({ clock, plugins: [createStripePlugin({ apiBase: host.sandbox.url })] })
  }

  test('no operation and none of its successes was left out', () => {
    const due = Object.values(openapi.paths).flatMap((item) =>
      METHODS.flatMap((method) => {
        const { operationId, responses = {} } = item[method] ?? {}
        return Object.keys(responses)
          .filter((status) => status.startsWith('2'))
          .map((status) => `${operationId} ${status}`)
      }),
    )
    expect(due.filter((answer) => !checked.has(answer))).toEqual([])
  })
})

/** Every operation that needs the API headers, with ids that do not exist. */
function guardedOperations() {
  return Object.entries(openapi.paths).flatMap(([template, item]) =>
    METHODS.filter((method) => item[method] !== undefined && !('security' in item[method])).map((method) => ({
      method,
      path: template.replace('{id}', UNKNOWN_ID).replace('{name}', 'prod'),
    })),
  )
}

function withAction(path: string): string {
  if (!path.endsWith('/action')) return path
  return `${path}?op=${path.includes('/runs/') ? 'RE_TRIGGER' : 'publish'}`
}

function bodyFor(method: Method, path: string, patch: object): CallOptions {
  if (method !== 'patch' && method !== 'put') return {}
  const body = path.includes('dataSets') ? { name: 'x' } : [patch]
  return { body, headers: { 'If-Match': '*' } }
}
