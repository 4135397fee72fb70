import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { gzipSync } from 'node:zlib'
import { createAddressGuard } from '../../../src/plugins/rest/allowed-hosts.ts'
import { createRestHttp } from '../../../src/plugins/rest/http.ts'
import { FatalSourceError, RetriableSourceError } from '../../../src/plugins/plugin.ts'
import { failure } from './open-rest.ts'
import { startTestSource } from './test-source.ts'
import type { TestSource } from './test-source.ts'

let server: TestSource

beforeEach(async () => {
  server = await startTestSource(() => ({ body: { ok: true } }))
})

afterEach(() => server.close())

const send = (url: string, allowedHosts: readonly string[], more = {}) =>
  createRestHttp({ allowedHosts, ...more }).send(
    { method: 'GET', url: new URL(url), headers: {} },
    AbortSignal.timeout(10_000),
  )

describe('addresses', () => {
  const port = () => server.host.split(':')[1]

  test.each([
    '127.0.0.1',
    'localhost',
    '2130706433',
    '0x7f.1',
    '0177.0.0.1',
    '127.1',
    '0.0.0.0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '169.254.169.254',
    '10.0.0.1',
    '192.168.1.1',
    '172.16.0.1',
    '100.64.0.1',
    '[fe80::1]',
    '[fd00::1]',
  ])('%s cannot be reached', async (host) => {
    const error = await failure(send(`http://${host}:${port()}/`, []))
    expect([error.constructor, error.message]).toEqual([FatalSourceError, expect.stringMatching(/REST_ALLOWED_HOSTS/)])
    expect(server.requests).toEqual([])
  })

  test.each(['127.0.0.1', '127.0.0.1:PORT', 'localhost:PORT', 'LOCALHOST', '10.0.0.5, 127.0.0.1'])(
    'unless the operator allows it by %s',
    async (entry) => {
      const host = entry.toLowerCase().startsWith('localhost') ? 'localhost' : '127.0.0.1'
      const allowed = entry.replace('PORT', String(port())).split(', ')
      // The name may mean IPv6 as well, where nobody listens.
      if (host === 'localhost') allowed.push('127.0.0.1')
      expect((await send(`http://${host}:${port()}/`, allowed)).status).toBe(200)
    },
  )

  test('another port of an allowed host stays closed', async () => {
    expect(await failure(send(`${server.url}/`, ['127.0.0.1:1']))).toBeInstanceOf(FatalSourceError)
  })

  test('a name counts by what it resolves to', () => {
    const guard = createAddressGuard(['internal.test', '[fd00::5]:8080', '10.0.0.9'])
    expect(guard.allows('api.test', 443, '93.184.216.34')).toBe(true)
    expect(guard.allows('api.test', 443, '10.0.0.1')).toBe(false)
    expect(guard.allows('api.test', 443, '10.0.0.9')).toBe(true)
    expect(guard.allows('Internal.test.', 443, '10.0.0.1')).toBe(true)
    expect(guard.allows('fd00::5', 8080, 'fd00::5')).toBe(true)
    expect(guard.allows('fd00::5', 8081, 'fd00::5')).toBe(false)
    expect(guard.allows('api.test', 443, '2606:4700::1')).toBe(true)
    expect(guard.allows('api.test', 443, 'not an address')).toBe(false)
  })
})

describe('redirects', () => {
  test('are followed on the same host', async () => {
    server.answer = ({ path }) =>
      path === '/old' ? { status: 302, headers: { Location: '/new?x=1' } } : { body: { path } }
    expect((await send(`${server.url}/old`, [server.host])).body).toBe('{"path":"/new"}')
  })

  test('to another host, port or scheme are not', async () => {
    const other = await startTestSource()
    for (const target of [
      `${other.url}/`,
      'https://api.test/',
      server.url.replace('http', 'ftp'),
      'http://169.254.169.254/',
    ]) {
      server.answer = () => ({ status: 307, headers: { Location: target } })
      const error = await failure(send(`${server.url}/`, [server.host, other.host]))
      expect(error.message).toMatch(/not to the same host/)
    }
    expect(other.requests).toEqual([])
    await other.close()
  })

  test('end after five', async () => {
    server.answer = ({ path }) => ({ status: 301, headers: { Location: `${path}x` } })
    expect((await failure(send(`${server.url}/`, [server.host]))).message).toMatch(/more than 5 times/)
    expect(server.requests).toHaveLength(6)
  })

  test('turn a POST into a GET, but for 307 and 308', async () => {
    const post = async (status: number) => {
      server.requests.length = 0
      server.answer = ({ path }) => (path === '/old' ? { status, headers: { Location: '/new' } } : { body: {} })
      const url = new URL(`${server.url}/old`)
      const request = { method: 'POST', url, headers: { 'content-type': 'text/plain' }, body: 'hello' } as const
      await createRestHttp({ allowedHosts: [server.host] }).send(request, AbortSignal.timeout(5000))
      return server.requests.map(({ method, body }) => `${method} ${body}`)
    }
    expect(await post(303)).toEqual(['POST hello', 'GET '])
    expect(await post(308)).toEqual(['POST hello', 'POST hello'])
  })
})

describe('limits', () => {
  test('an answer that is too large is refused, also a packed one', async () => {
    const large = JSON.stringify({ text: 'x'.repeat(5000) })
    server.answer = () => ({ body: large })
    const error = await failure(send(`${server.url}/`, [server.host], { maxBodyBytes: 1000 }))
    expect([error.constructor, error.message]).toEqual([
      FatalSourceError,
      expect.stringMatching(/larger than 1000 bytes/),
    ])

    const packed = gzipSync(large)
    expect(packed.length).toBeLessThan(1000)
    const unpacking = createRestHttp({ allowedHosts: [server.host], maxBodyBytes: 1000 })
    server.answer = () => ({ headers: { 'Content-Encoding': 'gzip', 'X-Binary': '1' }, body: packed })
    expect(
      await failure(
        unpacking.send({ method: 'GET', url: new URL(server.url), headers: {} }, AbortSignal.timeout(5000)),
      ),
    ).toBeInstanceOf(FatalSourceError)
  })

  test('an answer that does not come in time is asked for again', async () => {
    server.answer = () => new Promise((resolve) => setTimeout(() => resolve({ body: {} }), 500).unref())
    const error = await failure(send(`${server.url}/`, [server.host], { timeoutMs: 50 }))
    expect([error.constructor, error.message]).toEqual([RetriableSourceError, expect.stringMatching(/0.05 s/)])
  })

  test('a stopped call rejects with its own reason', async () => {
    server.answer = () => new Promise(() => {})
    const controller = new AbortController()
    const call = createRestHttp({ allowedHosts: [server.host] }).send(
      { method: 'GET', url: new URL(server.url), headers: {} },
      controller.signal,
    )
    setTimeout(() => controller.abort(new Error('stopped')), 30)
    expect((await failure(call)).message).toBe('stopped')
  })

  test('a host that does not listen is asked again', async () => {
    await server.close()
    const error = await failure(send(`${server.url}/`, [server.host]))
    expect([error.constructor, error.message]).toEqual([RetriableSourceError, expect.stringMatching(/ECONNREFUSED/)])
    server = await startTestSource()
  })
})
