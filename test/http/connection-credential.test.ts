import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import { FatalSourceError, RetriableSourceError } from '../../src/plugins/plugin.ts'
import type { SourcePlugin } from '../../src/plugins/plugin.ts'
import type { JsonObject } from '../../src/json.ts'
import { connectionBody, FLOW_SERVICE, patch, startFlowHost, STRIPE_SPEC, TOKEN } from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/connections`
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }

/** What the plugin was given, and what it answers. */
const checked: JsonObject[] = []
let fault: Error | undefined

const plugin: SourcePlugin = {
  connectionSpec: { id: STRIPE_SPEC.id, name: 'stripe' },
  resources: [],
  connect: (auth) => ({
    async check() {
      checked.push(auth)
      if (fault !== undefined) throw fault
    },
    readPage: () => Promise.reject(new Error('not used')),
  }),
}

let host: FlowHost
beforeAll(async () => {
  host = await startFlowHost({ plugins: [plugin] })
})
beforeEach(() => {
  checked.length = 0
  fault = undefined
})
afterAll(() => host.stop())

const body = (authorizationTestUrl?: string) => ({
  ...connectionBody(),
  auth: { specName: 'OAuth2 Refresh Code', params: { accessToken: TOKEN, authorizationTestUrl } },
})
const URL = 'https://api.stripe.com/v1/charges'
const count = () => host.host.context.store.entities.count(tenant, 'connections', [])

test('a connection that names a test URL is tried with the real token before it is stored', async () => {
  const { id } = (await host.api.post(ALL, body(URL)).expect(201)).body
  expect(checked).toEqual([{ accessToken: TOKEN, authorizationTestUrl: URL }])
  const read = await host.api.get(`${ALL}/${id}`)
  expect(read.body.items[0].auth.params).toEqual({ accessToken: '********', authorizationTestUrl: URL })
})

test.each([
  [new FatalSourceError('credential', 'Invalid API Key provided', { status: 401 }), 400, '1100-400'],
  [new FatalSourceError('permission', 'Needs rak_charge_read', { status: 403 }), 400, '1100-400'],
  [new RetriableSourceError('rate', 'Too many', { retryAfterMs: 60_000 }), 503, '1103-503'],
  [new RetriableSourceError('unavailable', 'Silence', { retryAfterMs: 60_000 }), 504, '1104-504'],
])('a connection whose trial ends with "%s" is not stored', async (error, status, code) => {
  fault = error
  const before = await count()
  const response = await host.api.post(ALL, body(URL)).expect(status)
  expect(response.body.errorCode).toBe(code)
  expect(response.body.detail).toContain(error.message)
  if (error instanceof FatalSourceError) expect(response.body.detail).toContain(String(error.status))
  expect(await count()).toBe(before)
})

test('without a test URL, as a draft or on a patch, no call is made', async () => {
  fault = new FatalSourceError('credential', 'Invalid API Key provided', { status: 401 })
  const { id } = (await host.api.post(ALL, body()).expect(201)).body
  await host.api.post(`${ALL}?mode=draft`, body(URL)).expect(201)
  const operations = [{ op: 'add', path: '/auth/params/authorizationTestUrl', value: URL }]
  expect((await patch(host.api, 'connections', id, operations)).status).toBe(200)
  expect(checked).toEqual([])
})
