import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import express from 'express'
import request from 'supertest'
import { FlowServiceError, notFound } from '../../src/errors.ts'
import { MAX_BODY_BYTES, MAX_BODY_DEPTH } from '../../src/http/body.ts'
import { GatewayError, problemResponse } from '../../src/http/problem.ts'
import type { ApiRequest, Route } from '../../src/http/route.ts'
import { rawRequest } from '../support/raw-request.ts'
import { ACME, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

const BASE = '/data/foundation/flowservice'

async function echo({ params, query, body, ifMatch }: ApiRequest) {
  return { status: 200, headers: { ETag: '"e1"' }, body: { params, query, body, ifMatch } }
}

const failures: Record<string, () => unknown> = {
  plain: () => new Error('secret detail'),
  text: () => 'just text',
  full: () => sqliteError(13, 'database or disk is full'),
  locked: () => sqliteError(261, 'database is locked'),
  wrapped: () => new Error('commit failed', { cause: sqliteError(5, 'database is locked') }),
  disk: () => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' }),
  constraint: () => sqliteError(19, 'UNIQUE constraint failed: secret'),
  uri: () => new URIError('URI malformed'),
  faults: () =>
    new FlowServiceError('1304-400', 'name is missing.', {
      faults: [
        { path: '/name', message: 'is missing' },
        { path: '/auth', message: 'is missing' },
      ],
    }),
  entity: () => notFound('things', 'abc'),
  etag: () =>
    new FlowServiceError('1404-412', 'Supplied version=["aa"] does not match the current version on entity=["bb"]'),
}

const routes = (): Route[] => [
  { method: 'GET', path: `${BASE}/things/:id`, handler: echo },
  { method: 'PATCH', path: `${BASE}/things/:thingId`, body: 'required', handler: echo },
  { method: 'PUT', path: `${BASE}/things/:id`, body: 'required', handler: echo },
  { method: 'DELETE', path: `${BASE}/things/:id`, handler: async () => ({ status: 204 }) },
  { method: 'GET', path: `${BASE}/things`, handler: echo },
  { method: 'POST', path: `${BASE}/things`, body: 'required', handler: echo },
  { method: 'POST', path: `${BASE}/things/search`, body: 'required', handler: echo },
  { method: 'POST', path: `${BASE}/things/:id/action`, body: 'optional', handler: echo },
  {
    method: 'GET',
    path: `${BASE}/failures/:name`,
    handler: async ({ params: { name = '' } }) => {
      throw failures[name]?.()
    },
  },
  {
    method: 'GET',
    path: `${BASE}/json`,
    handler: async () => ({ status: 200, json: '{"ready":"made"}' }),
  },
  {
    method: 'GET',
    path: `${BASE}/stream`,
    handler: async () => ({
      status: 200,
      headers: { 'Content-Type': 'text/csv' },
      raw: Readable.from(['a,', 'b']),
    }),
  },
]

function sqliteError(errcode: number, message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode })
}

let target: TestHost
beforeAll(async () => {
  target = await startTestHost({ routes })
})
afterAll(() => target.stop())

const headerLines = () => Object.entries(target.api.headers).map(([name, value]) => `${name}: ${value}`)
const raw = (requestTarget: string, method = 'GET', lines: readonly string[] = [], body: string | Uint8Array = '') =>
  rawRequest(
    target.host.router,
    [`${method} ${requestTarget} HTTP/1.1`, 'Host: flow.test', ...headerLines(), ...lines],
    body,
  )

describe('paths', () => {
  test('answer with and without a trailing slash, without a redirect', async () => {
    for (const path of ['/things', '/things/', '/things/1', '/things/1/']) {
      expect((await target.api.get(`${BASE}${path}`)).status).toBe(200)
    }
    expect((await target.api.patch(`${BASE}/things/1/`, { a: 1 })).body.params).toEqual({ thingId: '1' })
    expect((await target.api.post(`${BASE}/things/1/action/`)).status).toBe(200)
  })

  test('are split before they are decoded', async () => {
    const response = await raw(`${BASE}/things/https%3A%2F%2Fns.adobe.com%2Facme%2Fschemas%2F1`)
    expect(response.json).toMatchObject({ params: { id: 'https://ns.adobe.com/acme/schemas/1' } })
  })

  test.each(['%', '%E0%A4%A', '%zz', '%C3%28'])('with damaged percent-encoding are unknown: %s', async (segment) => {
    const { status, json } = await raw(`${BASE}/things/${segment}`)
    expect([status, json]).toEqual([404, expect.objectContaining({ errorCode: '1101-404', status: 404 })])
  })

  test('are case-sensitive', async () => {
    expect((await target.api.get(`${BASE}/Things`)).status).toBe(404)
  })

  test('that are unknown answer 404 in the service shape, with and without API headers', async () => {
    for (const response of [
      await target.api.get('/nothing/here?x=1'),
      await target.anonymous().post('/nothing/here'),
    ]) {
      expect(response.status).toBe(404)
      expect(response.body).toMatchObject({ errorCode: '1101-404', title: 'Resource not found', status: 404 })
      expect(response.body.detail).toContain('/nothing/here')
    }
  })

  test('prefer a literal segment to a parameter', async () => {
    const response = await target.api.post(`${BASE}/things/search`, { queryString: '' })
    expect([response.status, response.body.params]).toEqual([200, {}])
  })

  test.each([
    ['DELETE', '/things', 'GET, POST, HEAD'],
    ['POST', '/things/1', 'GET, PATCH, PUT, DELETE, HEAD'],
    ['GET', '/things/search', 'POST'],
    ['OPTIONS', '/things', 'GET, POST, HEAD'],
  ])('refuse another method: %s %s', async (method, path, allow) => {
    const response = await raw(`${BASE}${path}`, method)
    expect(response.status).toBe(405)
    expect(response.headers['allow']).toBe(allow)
    expect(response.json).toMatchObject({ errorCode: '1000-405', status: 405 })
  })

  test('answer HEAD like GET without a body', async () => {
    const response = await raw(`${BASE}/things`, 'HEAD')
    expect([response.status, response.body]).toEqual([200, ''])
  })

  test.each(['*', 'http://flow.test/health', '//', '/%00', '/\\..', '/data/../health?', "/';--"])(
    'of odd forms never crash the host: %s',
    async (requestTarget) => {
      expect([200, 404]).toContain((await raw(requestTarget)).status)
    },
  )
})

describe('query parameters', () => {
  test('may repeat', async () => {
    const response = await target.api.get(`${BASE}/things?property=a%3D%3D1&property=b%3D%3D2&limit=5`)
    expect(response.body.query).toEqual({ property: ['a==1', 'b==2'], limit: ['5'] })
  })

  test('arrive raw as curl sends them', async () => {
    const response = await raw(`${BASE}/things?property=name=="google-big-query"&property=ids[]==<a>`)
    expect(response.json).toMatchObject({ query: { property: ['name=="google-big-query"', 'ids[]==<a>'] } })
  })

  test('without a value or with an unfilled template are absent', async () => {
    const response = await target.api.get(`${BASE}/things?a=&b&c={{limit}}&d=%7B%7Bd%7D%7D&e=1&e=&f=x{{y}}`)
    expect(response.body.query).toEqual({ e: ['1'], f: ['x{{y}}'] })
  })

  test('take any name and any encoding', async () => {
    const response = await raw(`${BASE}/things?__proto__=1&constructor=2&bad=%E0%A4&plus=+created`)
    expect(response.status).toBe(200)
    expect(response.json).toMatchObject({ query: { constructor: ['2'], bad: ['\ufffd'], plus: [' created'] } })
  })
})

describe('If-Match', () => {
  const patch = (path: string, headers: Record<string, string> = {}) => target.api.patch(path, { a: 1 }).set(headers)

  test('comes as a header or as a query parameter, as sent; the header wins', async () => {
    expect((await patch(`${BASE}/things/1`, { 'If-Match': '"x"' })).body.ifMatch).toBe('"x"')
    expect((await patch(`${BASE}/things/1?if-match=%22y%22`)).body.ifMatch).toBe('"y"')
    expect((await patch(`${BASE}/things/1?if-match=y`, { 'if-match': 'x' })).body.ifMatch).toBe('x')
    expect((await patch(`${BASE}/things/1`)).body.ifMatch).toBeUndefined()
  })
})

describe('the content type of a body', () => {
  const send = (method: 'post' | 'patch' | 'put', type: string | undefined, body: string) =>
    raw(
      method === 'post' ? `${BASE}/things` : `${BASE}/things/1`,
      method.toUpperCase(),
      [...(type === undefined ? [] : [`Content-Type: ${type}`]), `Content-Length: ${Buffer.byteLength(body)}`],
      body,
    )

  test.each([
    ['post', 'application/json'],
    ['post', 'application/json; charset=utf-8'],
    ['post', 'APPLICATION/JSON;charset="UTF-8"'],
    ['patch', 'application/json-patch+json'],
    ['put', 'application/json'],
    ['post', undefined],
    ['patch', undefined],
    ['post', 'application/x-www-form-urlencoded'],
    ['patch', 'application/x-www-form-urlencoded; charset=UTF-8'],
  ] as const)('is accepted: %s %s', async (method, type) => {
    const { status, json } = await send(method, type, '{"a":"ü"}')
    expect([status, json]).toEqual([200, expect.objectContaining({ body: { a: 'ü' } })])
  })

  test.each([
    ['post', 'text/plain'],
    ['patch', 'application/xml'],
    ['post', 'multipart/form-data; boundary=x'],
    ['put', undefined],
    ['put', 'application/x-www-form-urlencoded'],
    ['post', 'application/json; charset=klingon'],
  ] as const)('is refused: %s %s', async (method, type) => {
    const { status, json } = await send(method, type, '{"a":1}')
    expect([status, json]).toEqual([
      415,
      expect.objectContaining({ errorCode: '1004-415', title: 'Unsupported Media Type', status: 415 }),
    ])
  })

  test('of a form is refused when the body is a form', async () => {
    expect((await send('post', 'application/x-www-form-urlencoded', 'a=1&b=2')).status).toBe(415)
    expect((await send('patch', undefined, 'a=1')).status).toBe(415)
  })

  test('is of no interest when there is no body', async () => {
    for (const type of [undefined, 'text/plain', 'application/json']) {
      const lines = type === undefined ? [] : [`Content-Type: ${type}`]
      expect((await raw(`${BASE}/things/1/action?op=publish`, 'POST', lines)).status).toBe(200)
      expect((await raw(`${BASE}/things/1`, 'GET', lines)).status).toBe(200)
      expect((await raw(`${BASE}/things/1`, 'DELETE', lines)).status).toBe(204)
    }
  })

  test('other than plain is refused by Content-Encoding', async () => {
    const response = await target.api.post(`${BASE}/things`, { a: 1 }).set('Content-Encoding', 'gzip')
    expect(response.body.errorCode).toBe('1004-415')
  })
})

describe('a body', () => {
  const post = (body: string | Uint8Array, path = `${BASE}/things`) =>
    raw(path, 'POST', ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`], body)

  test.each(['{"a":', 'nonsense', "{'a':1}", '"text"', '17', 'true', '{"a":1}{', '\u0000'])(
    'that is no JSON object or array is 1000-400: %j',
    async (body) => {
      const { status, json } = await post(body)
      expect([status, json]).toEqual([400, expect.objectContaining({ errorCode: '1000-400', status: 400 })])
    },
  )

  test.each(['', '  \n', 'null'])('that is empty is 1405-400 where one is needed: %j', async (body) => {
    const { status, json } = await post(body)
    expect([status, json]).toEqual([400, expect.objectContaining({ errorCode: '1405-400' })])
  })

  test.each(['', '  ', 'null'])('that is empty is none where it is optional: %j', async (body) => {
    const response = await post(body, `${BASE}/things/1/action`)
    expect([response.status, response.body.includes('"body"')]).toEqual([200, false])
  })

  test('that is no valid UTF-8 is 1000-400', async () => {
    const { json } = await post(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))
    expect(json).toMatchObject({ errorCode: '1000-400', detail: expect.stringContaining('UTF-8') })
  })

  test('may start with a byte order mark', async () => {
    expect((await post('\ufeff{"a":1}')).status).toBe(200)
  })

  test('may nest 100 levels and not one more', async () => {
    const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
    expect((await post(nested(MAX_BODY_DEPTH))).status).toBe(200)
    expect((await post(nested(MAX_BODY_DEPTH + 1))).json).toMatchObject({ errorCode: '1000-400' })
    expect((await post('{"a":'.repeat(200_000))).json).toMatchObject({ errorCode: '1000-400' })
    expect((await post(JSON.stringify({ text: '[{"\\"'.repeat(500) }))).status).toBe(200)
  })

  test('may be 1 MB large and not one byte more', async () => {
    const sized = (bytes: number) => `{"a":"${'x'.repeat(bytes - 8)}"}`
    expect((await post(sized(MAX_BODY_BYTES))).status).toBe(200)
    expect((await post(sized(MAX_BODY_BYTES + 1))).status).toBe(413)
  })

  test('that announces too much is refused before it is sent', async () => {
    const { status, json } = await raw(`${BASE}/things`, 'POST', [
      'Content-Type: application/json',
      'Content-Length: 9000000000',
    ])
    expect([status, json]).toEqual([413, expect.objectContaining({ errorCode: '1000-413', status: 413 })])
  })

  test('that grows too large without an announcement is refused', async () => {
    const chunk = `${(65_536).toString(16)}\r\n${'x'.repeat(65_536)}\r\n`
    const { status } = await raw(
      `${BASE}/things`,
      'POST',
      ['Content-Type: application/json', 'Transfer-Encoding: chunked'],
      `${chunk.repeat(17)}0\r\n\r\n`,
    )
    expect(status).toBe(413)
  })

  test('of GET and DELETE is ignored, whatever it is', async () => {
    const lines = ['Content-Type: text/plain', 'Content-Length: 4']
    expect((await raw(`${BASE}/things/1`, 'GET', lines, '{{{{')).status).toBe(200)
    expect((await raw(`${BASE}/things/1`, 'DELETE', lines, '{{{{')).status).toBe(204)
  })

  test('that an app around the host has parsed already is taken from there', async () => {
    const parent = express().use(express.json()).use(target.host.router)
    const response = await request(parent).post(`${BASE}/things`).set(target.api.headers).send({ a: 1 })
    expect([response.status, response.body.body]).toEqual([200, { a: 1 }])
  })
})

describe('an error', () => {
  test('carries every member that a reader of the documentation may look for', async () => {
    const response = await target.api.get(`${BASE}/failures/entity`)
    const sentence = 'things not found with id = [abc]'
    expect(response.status).toBe(404)
    expect(response.headers['content-type']).toBe('application/json')
    expect(response.body).toEqual({
      type: 'http://ns.adobe.com/aep/errors/FLOW-1101-404',
      errorCode: '1101-404',
      title: 'Resource not found',
      status: 404,
      detail: sentence,
      message: sentence,
      errorMessage: sentence,
      errorDetails: sentence,
      report: {
        requestId: response.headers['x-request-id'],
        tenantInfo: { sandboxName: 'prod', sandboxId: expect.stringMatching(/^[0-9a-f-]{36}$/), imsOrgId: ACME.orgId },
      },
    })
  })

  test('of a precondition names both versions', async () => {
    const { status, body } = await target.api.get(`${BASE}/failures/etag`)
    const sentence = 'Supplied version=["aa"] does not match the current version on entity=["bb"]'
    expect([status, body.errorMessage, body.errorDetails, body.title]).toEqual([
      412,
      sentence,
      sentence,
      'Version not matching',
    ])
  })

  test('of a body lists all its faults', async () => {
    const { body } = await target.api.get(`${BASE}/failures/faults`)
    expect(body.type).toBe('http://ns.adobe.com/aep/errors/CONNECTOR-1304-400')
    expect(body.report.errors).toEqual([
      { path: '/name', message: 'is missing' },
      { path: '/auth', message: 'is missing' },
    ])
  })

  test.each(['plain', 'text', 'constraint', 'uri'])('that nobody expected is 500 without details: %s', async (name) => {
    const { status, body } = await target.api.get(`${BASE}/failures/${name}`)
    expect([status, body.errorCode, body.status]).toEqual([500, '1102-500', 500])
    expect(JSON.stringify(body)).not.toMatch(/secret|UNIQUE|just text/)
  })

  test.each(['full', 'locked', 'wrapped', 'disk'])(
    'of a store that cannot work is 503, to be tried again: %s',
    async (name) => {
      const { status, body, headers } = await target.api.get(`${BASE}/failures/${name}`)
      expect([status, body.errorCode]).toEqual([503, '1103-503'])
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    },
  )

  test('of too many calls has the gateway shape and says when to come back', () => {
    const error = new GatewayError('429050', { retryAfterSeconds: 3 })
    expect(problemResponse(error, { requestId: 'r', tenant: undefined })).toEqual({
      status: 429,
      headers: { 'Retry-After': '3' },
      body: { error_code: '429050', message: 'Too many requests' },
    })
  })

  test('of the HTTP parser is JSON of the same shape', async () => {
    const { url } = await target.host.start()
    const { hostname, port } = new URL(url)
    const send = (bytes: string) => {
      const socket = connect(Number(port), hostname)
      socket.write(bytes)
      return text(socket)
    }
    for (const bytes of ['NONSENSE\r\n\r\n', `GET /health HTTP/1.1\r\nHost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`]) {
      const [head = '', body = ''] = (await send(bytes)).split('\r\n\r\n')
      expect(head).toMatch(/^HTTP\/1\.1 400 /)
      expect(JSON.parse(body)).toMatchObject({ errorCode: '1000-400', status: 400 })
    }
  })
})

describe('an answer', () => {
  test('has an id, which a client may choose', async () => {
    expect((await target.api.get(`${BASE}/things`)).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    const chosen = await target.api.get(`${BASE}/things`).set('x-request-id', 'job-17.a')
    expect(chosen.headers['x-request-id']).toBe('job-17.a')
    const odd = await target.api.get(`${BASE}/things`).set('x-request-id', 'a b"c')
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('carries the ETag of its entity and no other, and is never shortened to 304', async () => {
    const response = await target.api.get(`${BASE}/things/1`).set('If-None-Match', '"e1"')
    expect([response.status, response.headers['etag']]).toEqual([200, '"e1"'])
    expect((await target.api.get(`${BASE}/json`)).headers['etag']).toBeUndefined()
  })

  test('may be ready-made JSON or a stream', async () => {
    expect((await target.api.get(`${BASE}/json`)).body).toEqual({ ready: 'made' })
    const stream = await target.api.get(`${BASE}/stream`)
    expect([stream.text, stream.headers['content-type']]).toEqual(['a,b', 'text/csv'])
  })

  test('comes from a host that is mounted below a path of another app', async () => {
    const server = createServer(express().use('/platform', target.host.router))
    const response = await request(server).get(`/platform${BASE}/things?limit=1`).set(target.api.headers)
    expect([response.status, response.body.query]).toEqual([200, { limit: ['1'] }])
  })
})
