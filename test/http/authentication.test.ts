import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ACCESS_TOKEN_SECONDS, createAccessTokens } from '../../src/auth/access-tokens.ts'
import type { Clock } from '../../src/clock.ts'
import type { ApiRequest, Route } from '../../src/http/route.ts'
import { rawRequest } from '../support/raw-request.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestApi, TestHost } from '../support/test-host.ts'

const PATH = '/data/foundation/flowservice/things'

/** Answers with the caller, so that a test sees who the host took it for. */
const routes = (): Route[] => [
  { method: 'GET', path: PATH, handler: async ({ caller }: ApiRequest) => ({ status: 200, body: caller }) },
  {
    method: 'POST',
    path: PATH,
    body: 'required',
    handler: async ({ body }: ApiRequest) => ({ status: 201, body: { body } }),
  },
]

let now = Date.parse('2026-01-01T00:00:00Z')
const clock: Clock = { now: () => now, sleep: async () => {} }

let target: TestHost
let dev: TestHost
beforeAll(async () => {
  target = await startTestHost({ routes, clock })
  dev = await startTestHost({ routes, clock, env: { AUTH_MODE: 'dev' } })
})
afterAll(async () => {
  await target.stop()
  await dev.stop()
})

/** The headers of a good request with some replaced; undefined takes one away. */
function headersWith(changes: Record<string, string | undefined>, api: TestApi = target.api): Record<string, string> {
  const entries = Object.entries({ ...api.headers, ...changes })
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

const get = (changes: Record<string, string | undefined>) => target.anonymous().get(PATH).set(headersWith(changes))

const MISSING_TOKEN = { error_code: '403010', message: 'Oauth token is missing.' }
const BAD_TOKEN = { error_code: '401013', message: 'Oauth token is not valid' }
const MISSING_KEY = { error_code: '403000', message: 'Api Key is required' }
const BAD_KEY = { error_code: '403003', message: 'Api Key is invalid' }
const MISSING_ORG = { error_code: '400003', message: 'Missing header' }
const FOREIGN_ORG = { error_code: '403025', message: 'Profile is not valid' }
const BAD_ORG = { error_code: '403027', message: 'User region is missing' }

describe('the gateway answers', () => {
  test.each([
    ['no Authorization', { Authorization: undefined }, 403, MISSING_TOKEN],
    ['an empty Authorization', { Authorization: '' }, 403, MISSING_TOKEN],
    ['a malformed token', { Authorization: 'Bearer nonsense' }, 401, BAD_TOKEN],
    ['a scheme without a token', { Authorization: 'Bearer' }, 401, BAD_TOKEN],
    ['another scheme', { Authorization: 'Basic YTpi' }, 401, BAD_TOKEN],
    ['no x-api-key', { 'x-api-key': undefined }, 403, MISSING_KEY],
    ['an unknown x-api-key', { 'x-api-key': 'nobody' }, 403, BAD_KEY],
    ['a key of another organisation', { 'x-api-key': GLOBEX.clientId }, 403, BAD_KEY],
    ['no x-gw-ims-org-id', { 'x-gw-ims-org-id': undefined }, 400, MISSING_ORG],
    ['an organisation that the token is not entitled to', { 'x-gw-ims-org-id': GLOBEX.orgId }, 403, FOREIGN_ORG],
    ['an organisation that nobody knows', { 'x-gw-ims-org-id': 'nobody@AdobeOrg' }, 403, FOREIGN_ORG],
    ['a malformed organisation', { 'x-gw-ims-org-id': 'ACME' }, 403, BAD_ORG],
    ['an organisation of another realm', { 'x-gw-ims-org-id': 'ACME@AdobeID' }, 403, BAD_ORG],
  ])('%s', async (_case, changes, status, body) => {
    const response = await get(changes)
    expect({ status: response.status, body: response.body }).toEqual({ status, body })
    expect(response.headers['content-type']).toMatch(/^application\/json/)
  })

  test('an unknown sandbox in the service shape', async () => {
    const response = await get({ 'x-sandbox-name': 'nowhere' })
    expect(response.status).toBe(404)
    expect(response.body).toMatchObject({
      status: 404,
      errorCode: '2100-404',
      title: 'Sandbox not found',
      report: { tenantInfo: { sandboxName: 'nowhere', imsOrgId: ACME.orgId } },
    })
  })

  test('the sandbox of another organisation as an unknown one', async () => {
    const response = await target
      .anonymous()
      .get(PATH)
      .set((await target.as(GLOBEX, 'stage')).headers)
    expect([response.status, response.body.errorCode]).toEqual([404, '2100-404'])
  })

  test('the sandbox name * as closed to user tokens', async () => {
    const response = await get({ 'x-sandbox-name': '*' })
    expect([response.status, response.body.errorCode, response.body.status]).toEqual([403, '2111-403', 403])
  })

  test('a sandbox id that does not belong to the named sandbox as an unknown sandbox', async () => {
    const response = await get({ 'x-sandbox-id': '00000000-0000-4000-8000-000000000000' })
    expect([response.status, response.body.errorCode]).toEqual([404, '2100-404'])
  })
})

describe('a good request', () => {
  test('is answered for its tenant', async () => {
    const response = await get({ 'x-sandbox-name': 'dev' })
    expect(response.status).toBe(200)
    expect(response.body).toMatchObject({
      clientId: ACME.clientId,
      userId: expect.stringMatching(/^[0-9A-F]{24}@techacct\.adobe\.com$/),
      tenant: { orgId: ACME.orgId, sandboxName: 'dev', sandboxId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      requestId: response.headers['x-request-id'],
    })
  })

  test('without a sandbox name is for prod', async () => {
    const response = await get({ 'x-sandbox-name': undefined })
    expect(response.body.tenant.sandboxName).toBe('prod')
  })

  test('may spell the scheme in any letter case', async () => {
    const token = await target.token(ACME)
    const statuses = await Promise.all(
      ['bearer', 'BEARER', 'Bearer'].map(async (scheme) => (await get({ Authorization: `${scheme} ${token}` })).status),
    )
    expect(statuses).toEqual([200, 200, 200])
  })

  test('may name the id of its sandbox', async () => {
    const { sandboxId } = (await get({})).body.tenant
    expect((await get({ 'x-sandbox-id': sandboxId })).status).toBe(200)
    expect((await get({ 'x-sandbox-id': sandboxId.toUpperCase() })).status).toBe(200)
  })

  test('has another tenant in another organisation under the same sandbox name', async () => {
    const globex = await (await target.as(GLOBEX)).get(PATH)
    const acme = await get({})
    expect(globex.body.tenant.orgId).toBe(GLOBEX.orgId)
    expect(globex.body.tenant.sandboxId).not.toBe(acme.body.tenant.sandboxId)
  })
})

describe('a token', () => {
  test('is good for its 86400 seconds and not longer', async () => {
    const issuedAt = now
    const headers = headersWith({ Authorization: `Bearer ${await target.token(ACME)}` })
    const status = async () => (await target.anonymous().get(PATH).set(headers)).status
    try {
      now = issuedAt + (ACCESS_TOKEN_SECONDS - 1) * 1000
      expect(await status()).toBe(200)
      now = issuedAt + ACCESS_TOKEN_SECONDS * 1000
      expect(await status()).toBe(401)
    } finally {
      now = issuedAt
    }
  })

  test('signed with another key is refused', async () => {
    const forger = createAccessTokens({ current: Buffer.alloc(32, 7), old: [] }, clock)
    const response = await get({ Authorization: `Bearer ${await forger.issue(ACME)}` })
    expect([response.status, response.body]).toEqual([401, BAD_TOKEN])
  })

  test('for a client that the host does not know is refused', async () => {
    const token = await target.host.accessTokens.issue({ clientId: 'ghost', orgId: ACME.orgId })
    expect((await get({ Authorization: `Bearer ${token}` })).body).toEqual(BAD_TOKEN)
  })

  test('that claims another organisation than its client has is refused', async () => {
    const token = await target.host.accessTokens.issue({ clientId: ACME.clientId, orgId: GLOBEX.orgId })
    expect((await get({ Authorization: `Bearer ${token}` })).body).toEqual(BAD_TOKEN)
  })

  test('with any character changed is refused', async () => {
    const token = await target.token(ACME)
    for (let index = 0; index < token.length; index += 7) {
      const other = token[index] === 'A' ? 'B' : 'A'
      const changed = token.slice(0, index) + other + token.slice(index + 1)
      expect((await get({ Authorization: `Bearer ${changed}` })).body).toEqual(BAD_TOKEN)
    }
    const last = token.at(-1) ?? ''
    for (const other of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.replace(last, '')) {
      expect((await get({ Authorization: `Bearer ${token.slice(0, -1)}${other}` })).status).toBe(401)
    }
  })

  test('without a signature is refused', async () => {
    const [, payload = ''] = (await target.token(ACME)).split('.')
    const header = Buffer.from('{"alg":"none"}').toString('base64url')
    expect((await get({ Authorization: `Bearer ${header}.${payload}.` })).body).toEqual(BAD_TOKEN)
  })
})

describe('the first failure wins', () => {
  /** In the order of the checks: each fault alone gives its code, and any two give the code of the earlier one. */
  const faults: readonly (readonly [string, Record<string, string | undefined>, string])[] = [
    ['a missing token', { Authorization: undefined }, '403010'],
    ['a bad token', { Authorization: 'Bearer nonsense' }, '401013'],
    ['a missing key', { 'x-api-key': undefined }, '403000'],
    ['a bad key', { 'x-api-key': 'nobody' }, '403003'],
    ['a missing organisation', { 'x-gw-ims-org-id': undefined }, '400003'],
    ['a malformed organisation', { 'x-gw-ims-org-id': 'ACME' }, '403027'],
    ['a foreign organisation', { 'x-gw-ims-org-id': GLOBEX.orgId }, '403025'],
    ['a closed sandbox', { 'x-sandbox-name': '*' }, '2111-403'],
    ['an unknown sandbox', { 'x-sandbox-name': 'nowhere' }, '2100-404'],
    ['a wrong sandbox id', { 'x-sandbox-id': 'wrong' }, '2100-404'],
    ['a bad content type', { 'Content-Type': 'text/plain' }, '1004-415'],
  ]
  const pairs = faults.flatMap((first, index) =>
    faults
      .slice(index + 1)
      .filter((second) => Object.keys(second[1])[0] !== Object.keys(first[1])[0])
      .map((second) => [first[0], second[0], first, second] as const),
  )

  test.each(pairs)('%s before %s', async (_first, _second, first, second) => {
    const headers = headersWith({ 'Content-Type': 'application/json', ...second[1], ...first[1] })
    const response = await target.anonymous().post(PATH).set(headers).send('{"broken":')
    expect(response.body.error_code ?? response.body.errorCode).toBe(first[2])
  })

  test('an unknown path and a wrong method before any header', async () => {
    expect((await target.anonymous().get(`${PATH}/unknown`)).status).toBe(404)
    expect((await target.anonymous().delete(PATH)).status).toBe(405)
  })

  test('a missing header before a body that is too large', async () => {
    const response = await target
      .anonymous()
      .post(PATH)
      .send({ filler: 'x'.repeat(2_000_000) })
    expect(response.body).toEqual(MISSING_TOKEN)
  })
})

describe('a header that comes twice', () => {
  const twice = async (name: string, first: string, second: string) => {
    const headers = Object.entries(headersWith({})).filter(([other]) => other.toLowerCase() !== name.toLowerCase())
    return rawRequest(target.host.router, [
      `GET ${PATH} HTTP/1.1`,
      'Host: flow.test',
      ...headers.map(([other, value]) => `${other}: ${value}`),
      `${name}: ${first}`,
      `${name}: ${second}`,
    ])
  }

  test.each([
    ['Authorization', 'Bearer other', 401, BAD_TOKEN],
    ['x-api-key', 'other', 403, BAD_KEY],
    ['x-gw-ims-org-id', GLOBEX.orgId, 403, BAD_ORG],
  ])('with different values is not valid: %s', async (name, other, status, body) => {
    const good = target.api.headers[name] ?? ''
    const responses = [await twice(name, good, other), await twice(name, other, good)]
    expect(responses.map((response) => [response.status, response.json])).toEqual([
      [status, body],
      [status, body],
    ])
  })

  test('with different sandbox names is an unknown sandbox', async () => {
    const { status, json } = await twice('x-sandbox-name', 'prod', 'dev')
    expect([status, json]).toEqual([404, expect.objectContaining({ errorCode: '2100-404' })])
  })

  test.each(['Authorization', 'x-api-key', 'x-gw-ims-org-id', 'x-sandbox-name'])(
    'with the same value counts once: %s',
    async (name) => {
      const good = target.api.headers[name] ?? ''
      expect((await twice(name, good, good)).status).toBe(200)
    },
  )
})

describe('the development mode', () => {
  const anyone = { Authorization: 'Bearer anything', 'x-api-key': 'any-key', 'x-gw-ims-org-id': 'any-org' }

  test('accepts any token, key and organisation and makes a prod sandbox for it once', async () => {
    const first = await dev.anonymous().get(PATH).set(anyone)
    const second = await dev.anonymous().get(PATH).set(anyone)
    expect(first.status).toBe(200)
    expect(first.body).toMatchObject({ clientId: 'any-key', tenant: { orgId: 'any-org', sandboxName: 'prod' } })
    expect(second.body.tenant).toEqual(first.body.tenant)
  })

  test.each([
    ['Authorization', MISSING_TOKEN],
    ['x-api-key', MISSING_KEY],
    ['x-gw-ims-org-id', MISSING_ORG],
  ])('still needs %s', async (name, body) => {
    const response = await dev
      .anonymous()
      .get(PATH)
      .set(headersWith({ [name]: undefined }, { ...dev.api, headers: anyone }))
    expect(response.body).toEqual(body)
  })

  test('knows only the sandboxes that exist beside prod', async () => {
    const named = (sandbox: string, org: string) =>
      dev
        .anonymous()
        .get(PATH)
        .set({ ...anyone, 'x-gw-ims-org-id': org, 'x-sandbox-name': sandbox })
    expect((await named('dev', ACME.orgId)).status).toBe(200)
    expect((await named('dev', 'any-org')).body.errorCode).toBe('2100-404')
    expect((await named('*', 'any-org')).body.errorCode).toBe('2111-403')
  })
})
