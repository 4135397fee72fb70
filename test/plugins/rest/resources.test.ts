import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import type { FatalSourceError, Page } from '../../../src/plugins/plugin.ts'
import { createRestHttp } from '../../../src/plugins/rest/http.ts'
import { createRestPlugin } from '../../../src/plugins/rest/plugin.ts'
import type { RestSpecError } from '../../../src/plugins/rest/spec-reader.ts'
import { silentLogger } from '../../../src/logger.ts'
import { EVERYTHING, failure, restSpec } from './open-rest.ts'
import { startTestSource, type TestSource } from './test-source.ts'

const AUTH_SPECS = [
  {
    name: 'Token',
    type: 'OAuth2RefreshCode',
    spec: {
      type: 'object',
      properties: { accessToken: { type: 'string', format: 'password' } },
      required: ['accessToken'],
    },
  },
  {
    name: 'Key',
    type: 'BasicAuthentication',
    spec: {
      type: 'object',
      properties: { username: { type: 'string' }, password: { type: 'string', format: 'password' } },
      required: ['username', 'password'],
    },
  },
]

let server: TestSource
beforeEach(async () => {
  server = await startTestSource(({ path }) => ({ body: path === '/v2/u7/all' ? [{ id: 2 }] : { items: [{ id: 1 }] } }))
})
afterEach(() => server.close())

const ALL = {
  urlParams: { host: 'https://api.example.com/v2', path: '/${username}/all', queryParams: { 'state[]': '${states}' } },
  contentPath: { path: '$', overrideWrapperAttribute: 'data' },
  idPath: '$.data.id',
  authSpecName: 'Key',
}

function spec(resources: JsonObject = { mine: {}, all: ALL }, property: JsonObject = { enum: ['mine', 'all'] }) {
  const plain = restSpec({
    server,
    properties: { resourcePath: { type: 'string', ...property }, states: { type: 'array' } },
  })
  const { sourceSpec } = plain
  const urlParams = { host: 'https://example.com', path: '/mine' }
  const attributes = { ...sourceSpec.attributes, urlParams, authSpecName: 'Token', resources }
  return { ...plain, authSpec: AUTH_SPECS, sourceSpec: { ...sourceSpec, attributes } }
}

function plugin(document = spec()) {
  const http = createRestHttp({ allowedHosts: [server.host] })
  return createRestPlugin(document, { http, apiBase: server.url })
}

const KEY = { username: 'u7', password: 'secret-1' }
const TOKEN = { accessToken: 'token-1' }

function read(resourcePath: string, auth: JsonObject, params: JsonObject = {}): Promise<Page> {
  const source = plugin().connect(auth, params, { logger: silentLogger })
  const signal = AbortSignal.timeout(10_000)
  return source.readPage({ resourcePath, pass: 'all', window: EVERYTHING, cursor: null, limit: 100, signal })
}

describe('resources of one spec', () => {
  test('are read each in its own way, from the host that the setting names', async () => {
    expect((await read('mine', TOKEN)).records).toEqual([{ id: null, record: { items: { id: 1 } } }])
    expect((await read('all', KEY)).records).toEqual([{ id: '2', record: { data: { id: 2 } } }])
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization])).toEqual([
      ['/mine', 'Bearer token-1'],
      ['/v2/u7/all', `Basic ${Buffer.from('u7:secret-1').toString('base64')}`],
    ])
  })

  test('take a list of values as a repeated query parameter', async () => {
    await read('all', KEY, { states: ['a', 'b'] })
    expect(server.requests[0]?.query.getAll('state[]')).toEqual(['a', 'b'])
  })

  test('are listed, described and, without a name, the default one is taken', () => {
    const made = plugin(spec(undefined, { enum: ['mine', 'all'], default: 'mine' }))
    expect(made.resources.map(({ resourcePath }) => resourcePath)).toEqual(['mine', 'all'])
    expect(made.resources[1]?.builtInSchema).toMatchObject({ properties: { data: {} } })
    expect(made.resourceOf?.({})?.resourcePath).toBe('mine')
    expect(plugin().resourceOf?.({})).toBeUndefined()
  })

  test('a credential is never shown to a list that needs another one', async () => {
    for (const [resourcePath, auth, name] of [
      ['mine', KEY, 'Token'],
      ['all', TOKEN, 'Key'],
    ] as const) {
      const error = await failure<FatalSourceError>(read(resourcePath, auth))
      expect([error.code, error.message]).toEqual(['1312-400', expect.stringContaining(`"${name}"`)])
    }
    expect(server.requests).toEqual([])
  })

  test('the credential is tried on the list that it fits', async () => {
    const check = (auth: JsonObject) =>
      plugin().connect(auth, {}, { logger: silentLogger }).check(AbortSignal.timeout(5000))
    await check(KEY)
    await check(TOKEN)
    expect(server.requests.map(({ path }) => path)).toEqual(['/v2/u7/all', '/mine'])
  })

  test.each<[string, JsonObject, string]>([
    ['a resource that no source connection may name', { other: {} }, '/sourceSpec/attributes/resources'],
    ['an auth spec that is none', { all: { authSpecName: 'X' } }, '/sourceSpec/attributes/resources/all/authSpecName'],
    [
      'an undeclared parameter',
      { all: { urlParams: { path: '/${x}' } } },
      '/sourceSpec/attributes/resources/all/urlParams/path',
    ],
    ['a complex path', { all: { contentPath: '$..a' } }, '/sourceSpec/attributes/resources/all/contentPath'],
  ])('%s is a fault of the spec', (_name, resources, path) => {
    const faults = (() => {
      try {
        plugin(spec(resources))
        return []
      } catch (error) {
        return (error as RestSpecError).faults
      }
    })()
    expect(faults.map((fault) => fault.path)).toContain(path)
  })
})
