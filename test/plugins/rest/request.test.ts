import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import { FatalSourceError, RetriableSourceError } from '../../../src/plugins/plugin.ts'
import { failure, openRest, readPage, restPlugin } from './open-rest.ts'
import type { AnySourceError } from './open-rest.ts'
import { startTestSource } from './test-source.ts'
import type { SourceRequest, TestSource } from './test-source.ts'

let server: TestSource

beforeEach(async () => {
  server = await startTestSource(() => ({ body: { items: [] } }))
})

afterEach(() => server.close())

const TEXTS = Object.fromEntries(
  ['list', 'account', 'flag', 'resourcePath', 'key', 'domain'].map((name) => [name, { type: 'string' }]),
)

interface Sent {
  readonly urlParams?: JsonObject
  readonly attributes?: JsonObject
  readonly params?: JsonObject
  readonly auth?: JsonObject
  readonly authProperties?: JsonObject
}

function read({ urlParams, attributes, ...rest }: Sent) {
  const url = { host: server.url, path: '/items', ...urlParams }
  return readPage(openRest({ server, properties: TEXTS, ...rest, attributes: { urlParams: url, ...attributes } }))
}

async function sent(request: Sent): Promise<SourceRequest> {
  await read(request)
  return server.requests.at(-1)!
}

describe('templates', () => {
  test('parameters fill the path, each within its segment', async () => {
    const { path } = await sent({ urlParams: { path: '/v1/${list}/x' }, params: { list: 'a/b ?#ü' } })
    expect(path).toBe('/v1/a%2Fb%20%3F%23%C3%BC/x')
  })

  test('a resource path may be several segments', async () => {
    const { path } = await sent({ urlParams: { path: '/v1/${resourcePath}' }, params: { resourcePath: '/lists/7' } })
    expect(path).toBe('/v1/lists/7')
  })

  test.each([
    ['list', '..'],
    ['resourcePath', 'lists/../../admin'],
  ])('the parameter %s=%s may not lead out of the path', async (name, value) => {
    const error = await failure<FatalSourceError>(
      read({ urlParams: { path: `/v1/\${${name}}` }, params: { [name]: value } }),
    )
    expect([error.code, server.requests.length]).toEqual(['1312-400', 0])
  })

  test('a parameter without a value is 1304-400 in the path', async () => {
    const error = await failure<FatalSourceError>(read({ urlParams: { path: '/v1/${list}' } }))
    expect([error.code, error.message]).toEqual(['1304-400', expect.stringContaining('list')])
  })

  test('query parameters are an object or a text; what has no value is left out', async () => {
    const params = { list: 'a&b=c', account: 7 }
    const object = await sent({
      urlParams: { queryParams: { id: '${list}', n: '${account}', no: '${flag}', fixed: 3, many: ['a', 'b'] } },
      params,
    })
    expect([...object.query]).toEqual([
      ['id', 'a&b=c'],
      ['n', '7'],
      ['fixed', '3'],
      ['many', 'a'],
      ['many', 'b'],
    ])
    const text = await sent({ urlParams: { queryParams: 'exclude=_links,total,id=${list}' }, params })
    expect([...text.query]).toEqual([
      ['exclude', '_links,total'],
      ['id', 'a&b=c'],
    ])
  })

  test('headers are an object or a text, and win over the credential', async () => {
    const object = await sent({
      attributes: { headerParams: { 'X-List': '${list}', 'X-No': '${flag}' } },
      params: { list: 'a' },
    })
    expect([object.headers['x-list'], object.headers['x-no'], object.headers.authorization]).toEqual([
      'a',
      undefined,
      'Bearer token-1',
    ])
    const text = await sent({
      attributes: { headerParams: 'X-One=1,Authorization=Token ${list}' },
      params: { list: 'a' },
    })
    expect([text.headers['x-one'], text.headers.authorization]).toEqual(['1', 'Token a'])
  })

  test('a header cannot be broken out of', async () => {
    const error = await failure(
      read({ attributes: { headerParams: { 'X-List': '${list}' } }, params: { list: 'a\r\nX-Evil: 1' } }),
    )
    expect([error.constructor, server.requests.length]).toEqual([FatalSourceError, 0])
  })

  test('a body is sent as JSON, its parameters with their own type', async () => {
    const bodyParams = {
      list: '${list}',
      page: { size: '${account}', text: 'n${account}' },
      no: '${flag}',
      all: ['${list}', '${flag}'],
    }
    const { method, body, headers } = await sent({
      urlParams: { method: 'post' },
      attributes: { bodyParams },
      params: { list: 'a"b', account: 5 },
    })
    expect([method, headers['content-type']]).toEqual(['POST', 'application/json'])
    expect(JSON.parse(body)).toEqual({ list: 'a"b', page: { size: 5, text: 'n5' }, all: ['a"b'] })
  })

  test('a body is sent as a form when the spec says so', async () => {
    const headerParams = { 'Content-Type': 'application/x-www-form-urlencoded' }
    const { body } = await sent({
      urlParams: { method: 'POST' },
      attributes: { headerParams, bodyParams: { q: '${list}', n: 1 } },
      params: { list: 'a b' },
    })
    expect(body).toBe('q=a+b&n=1')
  })
})

describe('credentials', () => {
  test('an access token is sent as a bearer token', async () => {
    expect((await sent({})).headers.authorization).toBe('Bearer token-1')
  })

  test('a user with a password is sent as basic authentication', async () => {
    const { headers } = await sent({ auth: { username: 'jo', password: 'pä:ss' } })
    expect(headers.authorization).toBe(`Basic ${Buffer.from('jo:pä:ss').toString('base64')}`)
  })

  test('a key goes into the header that its auth spec names', async () => {
    const authKey1 = { type: 'string', format: 'password', restAttributes: { headerParamName: 'X-Auth-Key' } }
    const { headers } = await sent({ authProperties: { authKey1 }, auth: { authKey1: 'k-1' } })
    expect([headers['x-auth-key'], headers.authorization]).toEqual(['k-1', undefined])
  })

  test('auth parameters fill placeholders, a spec without a host takes host or domain', async () => {
    const { path } = await sent({
      urlParams: { host: undefined, path: '/${key}/items' },
      authProperties: { domain: { type: 'string' } },
      auth: { domain: `${server.url}/base/`, key: 'k' },
    })
    expect(path).toBe('/base/k/items')
  })

  test.each([
    'ftp://127.0.0.1',
    'http://user:pass@127.0.0.1',
    'http://127.0.0.1?x=1',
    'http://[',
    'file:///etc/passwd',
  ])('the host %s is refused', async (host) => {
    const error = await failure(read({ urlParams: { host: '${domain}' }, params: { domain: host } }))
    expect(error).toBeInstanceOf(FatalSourceError)
  })
})

describe('refusals are sorted by remedy', () => {
  const errorOf = async (status: number, body: unknown = {}, headers: Record<string, string> = {}) => {
    server.answer = () => ({ status, body, headers })
    return failure<AnySourceError>(read({}))
  }

  test.each([
    [401, 'credential'],
    [403, 'permission'],
    [400, 'request'],
    [404, 'request'],
    [304, 'request'],
  ])('%i ends the run: %s', async (status, reason) => {
    const error = await errorOf(status)
    expect([error.constructor, error.reason]).toEqual([FatalSourceError, reason])
  })

  test.each([
    [429, 'rate'],
    [500, 'unavailable'],
    [503, 'unavailable'],
    [408, 'unavailable'],
  ])('%i is asked again: %s', async (status, reason) => {
    const error = await errorOf(status, {}, { 'Retry-After': '7' })
    expect([error.constructor, error.reason, error.retryAfterMs]).toEqual([RetriableSourceError, reason, 7000])
  })

  test("the source's own words are kept, in one short line", async () => {
    const said = (await errorOf(400, { errors: [{ message: 'No such\n list' }] })).message
    expect(said).toContain(': No such list')
    expect((await errorOf(400, { detail: 'x'.repeat(1000) })).message.length).toBeLessThan(400)
    expect((await errorOf(400, '<h1>Bad</h1>', { 'Content-Type': 'text/html' })).message).not.toContain('h1')
  })

  test('no message holds a secret, also not half of one', async () => {
    const secret = 'token-of-some-length-0123456789'
    const padding = 'x'.repeat(280)
    server.answer = () => ({ status: 400, body: { message: `${padding} ${secret}` } })
    const { message } = await failure(read({ auth: { accessToken: secret } }))
    expect(message).not.toContain('token-of')
  })

  test('an answer that is no JSON is asked for again', async () => {
    expect((await errorOf(200, '<html>')).constructor).toBe(RetriableSourceError)
    expect((await errorOf(200, '"text"')).constructor).toBe(RetriableSourceError)
  })
})

describe('the credential is tried', () => {
  const check = (auth: JsonObject, urlParams: JsonObject = {}) =>
    openRest({
      server,
      properties: TEXTS,
      authProperties: { authorizationTestUrl: { type: 'string' } },
      auth: { accessToken: 'token-1', ...auth },
      attributes: { urlParams: { host: server.url, path: '/items', ...urlParams } },
    }).check(AbortSignal.timeout(5000))

  test('at authorizationTestUrl', async () => {
    await check({ authorizationTestUrl: `${server.url}/me` })
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/me', 'Bearer token-1'],
    ])
  })

  test('at the list itself without it', async () => {
    server.answer = () => ({ status: 401 })
    expect((await failure<FatalSourceError>(check({}))).reason).toBe('credential')
    expect(server.requests.map(({ path }) => path)).toEqual(['/items'])
  })

  test('not at all when the list needs parameters', async () => {
    const error = await failure(check({}, { path: '/${list}' }))
    expect(error).toMatchObject({ code: '1304-400', message: expect.stringContaining('authorizationTestUrl') })
  })
})

describe('the resources of a custom source', () => {
  const pathsOf = (properties: JsonObject) =>
    restPlugin({ server, properties }).resources.map(({ resourcePath }) => resourcePath)

  test('are one, named like the spec, unless the spec lists them', () => {
    expect(pathsOf({})).toEqual(['test source'])
    expect(pathsOf({ resourcePath: { type: 'string', enum: ['lists', 'campaigns'] } })).toEqual(['lists', 'campaigns'])
  })

  test('are named by params.resourcePath when the spec declares it', () => {
    const plugin = restPlugin({ server, properties: { resourcePath: { type: 'string' } } })
    expect(plugin.resourceOf?.({ resourcePath: 'lists' })?.resourcePath).toBe('lists')
    expect(plugin.resourceOf?.({})).toBeUndefined()
    expect(restPlugin({ server }).resourceOf?.({})?.resourcePath).toBe('test source')
  })
})
