import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import request from 'supertest'
import { createApp } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { systemRoutes } from '../../src/http/system-routes.ts'
import { silentLogger } from '../../src/logger.ts'
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
