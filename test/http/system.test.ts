import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import request from 'supertest'
import { createApp } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { systemRoutes } from '../../src/http/system-routes.ts'
import { silentLogger } from '../../src/logger.ts'
import type { Fault } from '../../src/sandbox/stripe/faults.ts'
import { createStripeChain, firstRun, pause, startStripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

let target: TestHost
beforeAll(async () => {
  target = await startTestHost()
})
afterAll(() => target.stop())

/** An app with the system routes only. */
function systemApp(options: { ping?: () => Promise<void>; openapiFile?: string | null }) {
  const metrics = createMetrics()
  return createApp({
    routes: [],
    publicRoutes: systemRoutes({
      store: { ping: options.ping ?? (async () => {}) },
      logger: silentLogger,
      metrics,
      openapiFile: options.openapiFile ?? null,
    }),
    authenticate: () => Promise.reject(new Error('not reached')),
    logger: silentLogger,
    metrics,
    clock: { now: () => 0 },
    newId: () => 'id',
  })
}

describe('the token endpoint', () => {
  const credentials = { grant_type: 'client_credentials', client_id: ACME.clientId, client_secret: ACME.clientSecret }
  const postForm = (fields: Record<string, string>, version = 'v3') =>
    target.anonymous().post(`/ims/token/${version}`).type('form').send(fields)

  test.each(['v3', 'v2'])('gives a token that opens the API, for a form body: %s', async (version) => {
    const response = await postForm({ ...credentials, scope: 'openid' }, version)
    expect(response.status).toBe(200)
    expect(response.body).toEqual({ access_token: expect.any(String), token_type: 'bearer', expires_in: 86_400 })
    expect(response.headers['cache-control']).toBe('no-store')
    const lookup = await target.api
      .get('/data/foundation/sandbox-management/sandboxes/prod')
      .set('Authorization', `Bearer ${response.body.access_token}`)
    expect(lookup.status).toBe(200)
  })

  test.each(['v3', 'v2', 'v2/', 'v3/'])('takes the query string and a trailing slash: %s', async (version) => {
    const response = await target.anonymous().post(`/ims/token/${version}`).query(credentials)
    expect(response.status).toBe(200)
  })

  test('takes a code in its oldest version, where the secret still counts', async () => {
    const fields = { ...credentials, grant_type: 'authorization_code', code: 'abc' }
    expect((await postForm(fields, 'v1')).status).toBe(200)
    expect((await postForm({ ...fields, client_secret: 'wrong-secret' }, 'v1')).status).toBe(401)
  })

  test.each([
    ['a wrong secret', { client_secret: 'wrong-secret' }, 401, 'invalid_client'],
    ['the secret of another client', { client_secret: GLOBEX.clientSecret }, 401, 'invalid_client'],
    ['an unknown client', { client_id: 'nobody' }, 401, 'invalid_client'],
    ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
    ['no grant', { grant_type: '' }, 400, 'invalid_request'],
    ['no client', { client_id: '' }, 400, 'invalid_request'],
    ['no secret', { client_secret: '' }, 400, 'invalid_request'],
  ])('refuses %s', async (_case, change, status, error) => {
    const response = await postForm({ ...credentials, ...change })
    expect(response.status).toBe(status)
    expect(response.body).toEqual({ error, error_description: expect.any(String) })
  })

  test('refuses a parameter that is given twice with different values', async () => {
    const response = await target.anonymous().post('/ims/token/v3?client_id=other').type('form').send(credentials)
    expect([response.status, response.body.error]).toEqual([400, 'invalid_request'])
  })

  test('refuses other methods', async () => {
    const response = await target.anonymous().get('/ims/token/v3')
    expect([response.status, response.headers['allow']]).toEqual([405, 'POST'])
  })
})

describe('the probes', () => {
  test('need no headers', async () => {
    expect((await target.anonymous().get('/health')).status).toBe(200)
    expect((await target.anonymous().get('/ready/')).status).toBe(200)
  })

  test('say that the host is up but not ready when the store does not answer', async () => {
    const app = systemApp({ ping: () => Promise.reject(new Error('disk gone')) })
    expect((await request(app).get('/health')).status).toBe(200)
    const ready = await request(app).get('/ready')
    expect([ready.status, JSON.stringify(ready.body).includes('disk gone')]).toEqual([503, false])
  })
})

describe('the metrics', () => {
  test('count requests by route template and hold nothing of an account', async () => {
    await target.api.get('/data/foundation/sandbox-management/sandboxes/prod')
    await target.api.get('/data/foundation/unknown/sk_test_1234567890')
    const response = await target.anonymous().get('/metrics')
    expect(response.status).toBe(200)
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/)
    expect(response.text).toContain(
      'http_request_duration_seconds_count{method="GET",route="/data/foundation/sandbox-management/sandboxes/:name",status="200"}',
    )
    expect(response.text).toContain('route="none",status="404"')
    expect(response.text).not.toMatch(/acme|ACME|sk_test/)
  })

  test('count what runs do, by the resource that they read', async () => {
    const host = await startStripeHost({ counts: { charges: 250 } })
    const refusals: Fault[] = [
      { kind: 'status', status: 429, reason: 'endpoint-rate' },
      { kind: 'status', status: 429, reason: 'endpoint-rate' },
      { kind: 'status', status: 429 },
    ]
    refusals.forEach((fault, after) => host.sandbox.faults.add({ after, match: { path: '/v1/charges' }, fault }))
    const { flowId } = await createStripeChain(host.api)
    await firstRun(host.api, flowId)
    const requests = host.sandbox.journal.count()
    const { text } = await host.anonymous().get('/metrics').expect(200)
    await host.stop()

    expect(figuresOf(text, /^run_duration_seconds_count/)).toEqual({
      'run_duration_seconds_count{resource_path="charges",status="success"}': 1,
    })
    expect(figuresOf(text, /^(run|source)(?!_duration)/)).toEqual({
      'run_pages_total{resource_path="charges"}': 3,
      'run_records_total{resource_path="charges"}': 250,
      'run_retries_total{resource_path="charges"}': 3,
      'source_requests_total{resource_path="charges"}': requests,
      'source_rate_limited_total{resource_path="charges",reason="endpoint-rate"}': 2,
      'source_rate_limited_total{resource_path="charges",reason="lock_timeout"}': 1,
      'runs_ended_total{resource_path="charges",status="success"}': 1,
      runs_in_progress: 0,
    })
    expect(text).not.toMatch(/acme|ACME|sk_test/)
  })

  test('show how many runs are being worked on', async () => {
    const host = await startStripeHost({ counts: { charges: 10 } })
    host.sandbox.faults.add({ times: null, fault: { kind: 'stall' } })
    const { flowId } = await createStripeChain(host.api)
    const shown = async () =>
      figuresOf((await host.anonymous().get('/metrics').expect(200)).text, /^runs_in_progress/)['runs_in_progress']
    while ((await shown()) === 0) await pause()
    expect(await shown()).toBe(1)
    await host.api.delete(`/data/foundation/flowservice/flows/${flowId}`).expect(204)
    while ((await shown()) === 1) await pause()
    expect(await shown()).toBe(0)
    await host.stop()
  })

  test('name neither resources nor limits but those that are known', async () => {
    const { runs, registry } = createMetrics({ resourcePaths: ['charges'] })
    runs.rateLimited('charges', 'acme-only')
    runs.requestSent('/accounts/acme/orders')
    runs.pageCommitted('/accounts/acme/orders', 7)
    runs.retried('/accounts/acme/orders')
    runs.runEnded('', 'failed', null)
    expect(figuresOf(await registry.metrics(), /./)).toEqual({
      'source_rate_limited_total{resource_path="charges",reason="other"}': 1,
      'source_requests_total{resource_path="other"}': 1,
      'run_pages_total{resource_path="other"}': 1,
      'run_records_total{resource_path="other"}': 7,
      'run_retries_total{resource_path="other"}': 1,
      'runs_ended_total{resource_path="other",status="failed"}': 1,
      runs_in_progress: 0,
    })
  })

  /** The figures whose names match, by name and labels. */
  function figuresOf(text: string, name: RegExp): Record<string, number> {
    const lines = text.split('\n').filter((line) => name.test(line) && !line.startsWith('#'))
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    )
  }
})

describe('the API description', () => {
  test('is served as JSON', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'openapi-'))
    const file = path.join(folder, 'openapi.yaml')
    await writeFile(file, 'openapi: 3.1.0\ninfo:\n  title: Flow Service\n')
    const response = await request(systemApp({ openapiFile: file })).get('/openapi.json')
    await rm(folder, { recursive: true })
    expect([response.status, response.body]).toEqual([200, { openapi: '3.1.0', info: { title: 'Flow Service' } }])
  })

  test('is no resource when the installation has none', async () => {
    expect((await request(systemApp({})).get('/openapi.json')).status).toBe(404)
  })
})

describe('the sandbox look-up', () => {
  test('answers id and name', async () => {
    const response = await (await target.as(ACME, 'dev')).get('/data/foundation/sandbox-management/sandboxes/dev')
    expect(response.body).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), name: 'dev' })
  })
})
