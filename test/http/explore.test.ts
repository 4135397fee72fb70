import { afterEach, expect, test } from '@jest/globals'
import { Ajv } from 'ajv'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Caller } from '../../src/caller.ts'
import type { JsonObject } from '../../src/json.ts'
import type { SourcePlugin } from '../../src/plugins/plugin.ts'
import { FatalSourceError, RetriableSourceError } from '../../src/plugins/plugin.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { RESOURCE_PATHS } from '../../src/plugins/stripe/resources.ts'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { scriptedPlugin, skippingClock } from '../flow/explore/scripted-source.ts'
import type { Script } from '../flow/explore/scripted-source.ts'
import { readSchema } from '../specs/build-schemas.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

const STRIPE = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'
const FLOW_SERVICE = '/data/foundation/flowservice'
const BASE = '6f0b9f9e-0000-4000-8000-000000000001'
const SOURCE = '6f0b9f9e-0000-4000-8000-000000000002'
const CHARGES = Buffer.from('{"resourcePath":"charges"}').toString('base64')
const CHARGES_QUERY = `objectType=rest&object=json&fileType=json&sourceParams=${encodeURIComponent(CHARGES)}`

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A host with one base connection and one source connection (customers) of ACME in prod. */
async function start(plugin: SourcePlugin, accessToken = 'sk_test_secret'): Promise<TestHost> {
  const started = await startTestHost({
    plugins: [plugin],
    clock: skippingClock(),
  })
  cleanups.push(() => started.stop())
  const { store, secretBox } = started.host.context
  const tenant = await store.clients.getSandbox(ACME.orgId, 'prod')
  if (tenant === null) throw new Error('no sandbox')
  const connectionSpec = { id: STRIPE, version: '1.0' }
  await insert(tenant, 'connections', {
    id: BASE,
    state: 'enabled',
    connectionSpec,
    auth: { specName: 'OAuth2 Refresh Code', params: { accessToken: '********' } },
  })
  await insert(tenant, 'sourceConnections', {
    id: SOURCE,
    state: 'enabled',
    connectionSpec,
    baseConnectionId: BASE,
    data: { format: 'json' },
    params: { resourcePath: 'customers' },
  })
  return started

  async function insert(
    owner: Caller['tenant'],
    kind: 'connections' | 'sourceConnections',
    document: JsonObject & { id: string },
  ): Promise<void> {
    const secrets: Record<string, string> =
      kind === 'connections' ? { '/auth/params/accessToken': secretBox.seal(accessToken, document.id) } : {}
    await store.entities.insert({ kind, tenant: owner, etag: '"1"', document, secrets })
  }
}

async function scripted(script: Script = {}): Promise<TestHost> {
  return start(scriptedPlugin(script).plugin)
}

test('a bare explore lists the six resource paths', async () => {
  const { api } = await scripted()
  const { status, body } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/explore`)
  expect(status).toBe(200)
  expect(body.map(({ name }: { name: string }) => name)).toEqual([
    'charges',
    'subscriptions',
    'refunds',
    'balance_transactions',
    'customers',
    'prices',
  ])
})

test('explore shows the schema of a resource with a preview', async () => {
  const { api } = await scripted({ page: () => [{ id: 'ch_1', note: null }] })
  const { status, body } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/explore?${CHARGES_QUERY}&preview=true`)
  expect(status).toBe(200)
  expect(body).toEqual({
    format: 'hierarchical',
    schema: {
      type: 'object',
      properties: { data: { type: 'object', properties: { id: { type: 'string' }, note: {} } } },
    },
    data: [{ data: { id: 'ch_1' } }],
  })
})

test('sourceParams survive a plus sign that travels as it is', async () => {
  const { api } = await scripted()
  const text = Buffer.from('{"resourcePath":"charges","x":"~~>>??~~"}').toString('base64')
  expect(text).toContain('+')
  const { status } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/explore?objectType=rest&sourceParams=${text}`)
  expect(status).toBe(200)
})

test('a source connection shows the schema of its own resource', async () => {
  const seen: string[] = []
  const { api } = await scripted({
    page: ({ resourcePath }) => {
      seen.push(resourcePath)
      return []
    },
  })
  const { status } = await api.get(`${FLOW_SERVICE}/sourceConnections/${SOURCE}/explore?objectType=rest`)
  expect([status, seen]).toEqual([200, ['customers']])
})

test('an unknown resource path is refused with the known ones', async () => {
  const { api } = await scripted()
  const sourceParams = encodeURIComponent(Buffer.from('{"resourcePath":"foo"}').toString('base64'))
  const { status, body } = await api.get(
    `${FLOW_SERVICE}/connections/${BASE}/explore?objectType=rest&sourceParams=${sourceParams}`,
  )
  expect(status).toBe(400)
  expect(body).toMatchObject({ errorCode: '1312-400', status: 400, detail: expect.stringContaining('"foo"') })
  expect(body.report.errors).toEqual([{ path: '/resourcePath', message: expect.stringContaining('charges') }])
})

test('another sandbox and another organisation do not know the connection', async () => {
  const { as } = await scripted()
  for (const api of [await as(ACME, 'dev'), await as(GLOBEX)]) {
    for (const action of ['explore', 'test']) {
      const { status, body } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/${action}`)
      expect([status, body.errorCode]).toEqual([404, '1101-404'])
    }
  }
})

test('the connection test tells a good credential from a refused one', async () => {
  const good = await scripted()
  const refused = await scripted({
    check: async () => {
      throw new FatalSourceError('credential', 'Invalid API Key', { status: 401 })
    },
  })
  for (const [{ api }, result] of [
    [good, true],
    [refused, false],
  ] as const) {
    const answer = await api.get(`${FLOW_SERVICE}/connections/${BASE}/test`)
    expect([answer.status, answer.body]).toEqual([200, { result }])
  }
})

test('a source that limits the rate is 503 with Retry-After', async () => {
  const { api } = await scripted({
    page: () => {
      throw new RetriableSourceError('rate', 'Too many requests', { retryAfterMs: 30_000 })
    },
  })
  const { status, headers, body } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/explore?${CHARGES_QUERY}`)
  expect([status, body.errorCode, headers['retry-after']]).toEqual([503, '1103-503', '30'])
})

/** A stand-in of Stripe that answers every call alike. */
async function stripeAnswering(status: number, body: unknown): Promise<string> {
  const server: Server = createServer((_request, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(() => resolve())))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('a key that Stripe refuses is told by explore and false in the test', async () => {
  const apiBase = await stripeAnswering(401, {
    error: { type: 'invalid_request_error', message: 'Invalid API Key provided: sk_test_secret' },
  })
  const { api } = await start(createStripePlugin({ apiBase }))
  const explored = await api.get(`${FLOW_SERVICE}/connections/${BASE}/explore?${CHARGES_QUERY}`)
  expect([explored.status, explored.body.errorCode]).toEqual([400, '1100-400'])
  expect(explored.body.detail).toMatch(/401.*Invalid API Key provided/)
  expect(explored.text).not.toContain('sk_test_secret')

  const tested = await api.get(`${FLOW_SERVICE}/connections/${BASE}/test`)
  expect([tested.status, tested.body]).toEqual([200, { result: false }])
})

test('a permission that the key lacks is named', async () => {
  const apiBase = await stripeAnswering(403, {
    error: {
      type: 'invalid_request_error',
      message: "Having the 'rak_charge_read' permission would allow this request to continue.",
    },
  })
  const { api } = await start(createStripePlugin({ apiBase }))
  const { status, body } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/explore?${CHARGES_QUERY}`)
  expect([status, body.errorCode]).toEqual([400, '1100-400'])
  expect(body.detail).toContain('rak_charge_read')
})

test('a Stripe that cannot be reached is 504 in explore and in the test', async () => {
  const { api } = await start(createStripePlugin({ apiBase: 'http://127.0.0.1:1' }))
  for (const path of [`explore?${CHARGES_QUERY}`, 'test']) {
    const { status, body } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/${path}`)
    expect([status, body.errorCode]).toEqual([504, '1104-504'])
  }
})

test('every resource of the sandbox Stripe can be explored, and the preview fits its schema', async () => {
  const sandbox = await createStripeSandbox({ counts: { charges: 300 } })
  cleanups.push(() => sandbox.close())
  const { api } = await start(createStripePlugin({ apiBase: sandbox.url }), 'sk_test_sandbox')

  const tested = await api.get(`${FLOW_SERVICE}/connections/${BASE}/test`)
  expect(tested.body).toEqual({ result: true })
  for (const resourcePath of RESOURCE_PATHS) {
    const sourceParams = Buffer.from(JSON.stringify({ resourcePath })).toString('base64url')
    const { status, body } = await api.get(
      `${FLOW_SERVICE}/connections/${BASE}/explore?objectType=rest&preview=true&sourceParams=${sourceParams}`,
    )
    expect(status).toBe(200)
    expect(body.data).toHaveLength(10)
    const validate = new Ajv({ strict: false }).compile(body.schema)
    for (const record of body.data) expect([validate(record), validate.errors]).toEqual([true, null])
    const attributes = Object.keys(body.schema.properties.data.properties)
    expect(attributes).toEqual(expect.arrayContaining(['id', 'object', 'created']))
  }
})

test('an account without objects shows the built-in schema', async () => {
  const sandbox = await createStripeSandbox({
    counts: { charges: 0, refunds: 0, customers: 0, prices: 0, subscriptions: 0, balance_transactions: 0 },
  })
  cleanups.push(() => sandbox.close())
  const { api } = await start(createStripePlugin({ apiBase: sandbox.url }), 'sk_test_sandbox')
  const { body } = await api.get(`${FLOW_SERVICE}/connections/${BASE}/explore?${CHARGES_QUERY}`)
  expect(body).toEqual({ format: 'hierarchical', schema: readSchema('charges') })
})
