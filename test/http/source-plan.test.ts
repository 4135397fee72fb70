import { afterEach, expect, test } from '@jest/globals'
import type { JsonObject } from '../../src/json.ts'
import type { SourceEstimate, SourcePlugin } from '../../src/plugins/plugin.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { connectionBody, create, FLOW_SERVICE, sourceBody, UNKNOWN_ID } from '../support/flow-host.ts'
import { checkAnswer } from '../support/openapi-check.ts'
import { GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'
import { scriptedPlugin } from '../flow/explore/scripted-source.ts'

const KEY = 'sk_test_sandbox'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(plugin: SourcePlugin): Promise<TestHost> {
  const started = await startTestHost({ plugins: [plugin] })
  cleanups.push(() => started.stop())
  return started
}

/** The Stripe source with its estimate, in front of a sandbox with 60 charges. */
async function stripe(): Promise<SourcePlugin> {
  const sandbox = await createStripeSandbox({ counts: { charges: 60 } })
  cleanups.push(() => sandbox.close())
  return createStripePlugin({ apiBase: sandbox.url, share: 1 })
}

/** A source whose estimate is scripted. */
function estimating(estimate: () => Promise<SourceEstimate>): SourcePlugin {
  const { plugin } = scriptedPlugin()
  return {
    ...plugin,
    connect: (auth, params, context) => ({ ...plugin.connect(auth, params, context), estimate }),
  }
}

async function sourceOf({ api }: TestHost, token = KEY, params: JsonObject = { resourcePath: 'charges' }) {
  const baseId = await create(api, 'connections', connectionBody(token))
  return create(api, 'sourceConnections', { ...sourceBody(baseId), params })
}

test('the plan tells permissions, records, requests and duration of the first run', async () => {
  const host = await start(await stripe())
  const id = await sourceOf(host)
  const { status, body } = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${id}/plan`)
  expect(status).toBe(200)
  expect(body).toMatchObject({
    sourceConnectionId: id,
    resourcePath: 'charges',
    estimatedRecordCount: 60,
    isExact: true,
    estimatedRequestCount: 2,
    callCount: 7,
  })
  expect(body.permissions).toContainEqual({ resourcePath: 'events', granted: true })
  expect(body.permissions).toHaveLength(7)
  expect(body.estimatedDurationSeconds).toBeGreaterThan(0)
  expect(body.requestsPerSecond).toBeGreaterThan(0)
  checkAnswer('get', `${FLOW_SERVICE}/sourceConnections/${id}/plan`, status, body)
})

test('a forbidden resource is planned with no records and the name of the missing permission', async () => {
  const host = await start(await stripe())
  const id = await sourceOf(host, 'rk_test_charges_only', { resourcePath: 'refunds' })
  const { status, body } = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${id}/plan`)
  expect(status).toBe(200)
  expect(body).toMatchObject({ estimatedRecordCount: 0, estimatedRequestCount: 0, estimatedDurationSeconds: 0 })
  expect(body.permissions).toContainEqual({ resourcePath: 'charges', granted: true })
  expect(body.permissions).toContainEqual({
    resourcePath: 'refunds',
    granted: false,
    missing: 'rak_refund_read',
  })
})

test('a refused credential is a provider error', async () => {
  const host = await start(await stripe())
  const id = await sourceOf(host, 'sk_test_expired')
  const { status, body } = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${id}/plan`)
  expect([status, body.errorCode]).toEqual([400, '1100-400'])
})

test('an unknown source connection, and that of another organisation, is not found', async () => {
  const host = await start(estimating(() => Promise.reject(new Error('never asked'))))
  const id = await sourceOf(host)
  const unknown = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${UNKNOWN_ID}/plan`)
  expect([unknown.status, unknown.body.errorCode]).toEqual([404, '1101-404'])
  const foreign = await (await host.as(GLOBEX)).get(`${FLOW_SERVICE}/sourceConnections/${id}/plan`)
  expect([foreign.status, foreign.body.errorCode]).toEqual([404, '1101-404'])
})

test('a source that cannot estimate says so', async () => {
  const host = await start(scriptedPlugin().plugin)
  const id = await sourceOf(host)
  const { status, body } = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${id}/plan`)
  expect([status, body.errorCode]).toEqual([400, '1402-400'])
})

test('a draft without a base connection cannot be planned yet', async () => {
  const host = await start(scriptedPlugin().plugin)
  const body = { ...sourceBody(UNKNOWN_ID), baseConnectionId: undefined }
  const id = await create(host.api, 'sourceConnections', body, '?mode=draft')
  const answer = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${id}/plan`)
  expect([answer.status, answer.body.errorCode]).toEqual([400, '1416-400'])
})
