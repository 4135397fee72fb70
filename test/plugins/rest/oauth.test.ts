import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import type { Logger } from '../../../src/logger.ts'
import { RetriableSourceError } from '../../../src/plugins/plugin.ts'
import type { PluginContext, FatalSourceError } from '../../../src/plugins/plugin.ts'
import { failure, NOW, openRest, readPage } from './open-rest.ts'
import type { AnySourceError } from './open-rest.ts'
import { startTestSource } from './test-source.ts'
import type { SourceRequest, TestSource } from './test-source.ts'

const SECRETS = { clientSecret: 'client-secret-1', accessToken: 'access-token-1', refreshToken: 'refresh-token-1' }

let server: TestSource
/** What the connection holds now; the source accepts `valid`. */
let stored: JsonObject
let valid: string

beforeEach(async () => {
  server = await startTestSource()
  stored = { ...SECRETS, clientId: 'client-1', accessTokenUrl: `${server.url}/token` }
  valid = 'access-token-2'
  server.answer = (request) => (request.path === '/token' ? { body: tokens() } : list(request))
})

afterEach(() => server.close())

const tokens = (): object => ({ access_token: 'access-token-2', refresh_token: 'refresh-token-2', expires_in: 3600 })
const list = ({ headers }: SourceRequest) =>
  headers.authorization === `Bearer ${valid}`
    ? { body: { items: [{ id: 1 }] } }
    : { status: 401, body: { message: 'expired' } }

const renewAuth: NonNullable<PluginContext['renewAuth']> = async (renew) => {
  stored = { ...stored, ...(await renew(stored)) }
  return stored
}

const open = (more: { logger?: Logger; authProperties?: JsonObject } = {}) =>
  openRest({ server, auth: stored, renewAuth, ...more })
const paths = () => server.requests.map(({ path }) => path)
const form = () => Object.fromEntries(new URLSearchParams(server.requests.find(({ path }) => path === '/token')?.body))

describe('an access token', () => {
  test('that is refused is renewed, stored and used', async () => {
    expect((await readPage(open())).records).toHaveLength(1)
    expect(paths()).toEqual(['/items', '/token', '/items'])
    expect(stored).toMatchObject({ accessToken: 'access-token-2', refreshToken: 'refresh-token-2' })
    expect(form()).toEqual({
      grant_type: 'refresh_token',
      refresh_token: 'refresh-token-1',
      client_id: 'client-1',
      client_secret: 'client-secret-1',
    })
  })

  test.each([new Date(NOW + 30_000).toISOString(), String(NOW / 1000 - 5), NOW - 5000, '2026-07-01'])(
    'that ends at %s is renewed before it is used',
    async (expirationDate) => {
      stored = { ...stored, expirationDate }
      await readPage(open())
      expect(paths()).toEqual(['/token', '/items'])
      expect(stored['expirationDate']).toBe(new Date(NOW + 3600_000).toISOString())
    },
  )

  test('that is good is left alone', async () => {
    valid = 'access-token-1'
    stored = { ...stored, expirationDate: new Date(NOW + 3600_000).toISOString() }
    await readPage(open())
    expect(paths()).toEqual(['/items'])
  })

  test('is renewed once: a source that refuses the new one too has refused', async () => {
    valid = 'another'
    const error = await failure<FatalSourceError>(readPage(open()))
    expect([error.reason, error.status]).toEqual(['credential', 401])
    expect(paths()).toEqual(['/items', '/token', '/items'])
  })

  test('without a refresh token is just refused', async () => {
    stored = { accessToken: 'access-token-1' }
    expect((await failure<FatalSourceError>(readPage(open()))).reason).toBe('credential')
    expect(paths()).toEqual(['/items'])
  })

  test('keeps its refresh token when the source sends no new one', async () => {
    server.answer = (request) =>
      request.path === '/token' ? { body: { access_token: 'access-token-2' } } : list(request)
    await readPage(open())
    expect(stored).toMatchObject({ refreshToken: 'refresh-token-1', expirationDate: '' })
  })
})

test('names and method follow requestParameterOverride, also from the defaults of the spec', async () => {
  stored = {
    ...stored,
    requestParameterOverride: { accessTokenField: 'token', clientId: 'app', authenticationMethod: 'GET' },
  }
  server.answer = (request) =>
    request.path === '/token'
      ? { body: { token: 'access-token-2', again: 'refresh-token-2', left: 60 } }
      : list(request)
  const defaults = {
    refreshTokenField: { default: 'again' },
    expireInField: { default: 'left' },
    clientSecret: { default: 'pw' },
  }
  await readPage(open({ authProperties: { requestParameterOverride: { type: 'object', properties: defaults } } }))
  const request = server.requests.find(({ path }) => path === '/token')!
  expect([request.method, Object.fromEntries(request.query)]).toEqual([
    'GET',
    { grant_type: 'refresh_token', refresh_token: 'refresh-token-1', app: 'client-1', pw: 'client-secret-1' },
  ])
  expect(stored).toMatchObject({ accessToken: 'access-token-2', refreshToken: 'refresh-token-2' })
})

test('the new tokens are stored before the new access token is used', async () => {
  const seen: unknown[] = []
  server.answer = (request) => {
    if (request.path === '/token') return { body: tokens() }
    seen.push([request.headers.authorization, stored['refreshToken']])
    return list(request)
  }
  await readPage(open())
  expect(seen.at(-1)).toEqual(['Bearer access-token-2', 'refresh-token-2'])
})

test('tokens that cannot be stored are not used', async () => {
  const source = openRest({
    server,
    auth: stored,
    renewAuth: async (renew) => {
      await renew(stored)
      throw new Error('The disk is full.')
    },
  })
  expect((await failure(readPage(source))).message).toBe('The disk is full.')
  expect(paths()).toEqual(['/items', '/token'])
})

test('tokens that somebody else has renewed are taken over', async () => {
  const source = open()
  stored = { ...stored, accessToken: 'access-token-2', refreshToken: 'refresh-token-2' }
  expect((await readPage(source)).records).toHaveLength(1)
  expect(paths()).toEqual(['/items', '/items'])
})

describe('a renewal that fails', () => {
  const errorOf = async (status: number, body: unknown) => {
    server.answer = (request) => (request.path === '/token' ? { status, body } : list(request))
    return failure<AnySourceError>(readPage(open()))
  }

  test('by a refusal ends the run', async () => {
    const error = await errorOf(400, { error: 'invalid_grant', error_description: 'revoked' })
    expect([error.reason, error.message]).toEqual(['credential', expect.stringContaining('revoked')])
  })

  test('without an access token ends the run', async () => {
    expect((await errorOf(200, { token_type: 'bearer' })).reason).toBe('credential')
  })

  test('by a fault of the server is tried again', async () => {
    expect((await errorOf(503, {})).constructor).toBe(RetriableSourceError)
    expect((await errorOf(200, '<html>')).constructor).toBe(RetriableSourceError)
  })
})

test('no message and no log line holds an old or a new secret', async () => {
  const lines: unknown[] = []
  const note = (fields: object, message: string) => lines.push([fields, message])
  const logger: Logger = { debug: note, info: note, warn: note, error: note, child: () => logger }
  valid = 'another'
  const echo = [...Object.values(SECRETS), 'access-token-2', 'refresh-token-2'].join(' ')
  server.answer = (request) =>
    request.path === '/token' ? { body: tokens() } : { status: 401, body: { message: echo } }
  const { message } = await failure(readPage(open({ logger })))
  expect(message + JSON.stringify(lines)).not.toMatch(/token-1|token-2|secret-1/)
  expect(lines).not.toEqual([])
})
