import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import { EVERYTHING, failure, openRest, type AnySourceError } from './open-rest.ts'
import { startTestSource, type SourceAnswer, type SourceRequest, type TestSource } from './test-source.ts'

let server: TestSource
let count: number

beforeEach(async () => {
  count = 95
  server = await startTestSource(answer)
})
afterEach(() => server.close())

function answer({ query }: SourceRequest): SourceAnswer {
  const limit = Number(query.get('limit') ?? 10)
  const start = query.has('page')
    ? Number(query.get('page')) * limit
    : Number(query.get('offset') ?? query.get('after'))
  const length = Math.max(0, Math.min(limit, count - start))
  const list = Array.from({ length }, (_, index) => ({ id: start + index }))
  const end = start + list.length
  return { body: { items: list, more: end < count, next: end < count ? end : null } }
}

const END = { endConditionName: '$.more', endConditionValue: 'Const:false' }
const OFFSET = { type: 'OFFSET', limitName: 'limit', limitValue: 10, offSetName: 'offset' }
const PAGE = { type: 'PAGE', limitName: 'limit', limitValue: 10, pageParamName: 'page' }
const TOKEN = {
  type: 'CONTINUATION_TOKEN',
  continuationTokenPath: '$.next',
  parameterType: 'QUERYPARAM',
  parameterName: 'after',
}

function estimate(paginationParams: JsonObject, more: JsonObject = { idPath: '$.items.id' }) {
  const source = openRest({ server, attributes: { paginationParams, ...more } })
  const signal = AbortSignal.timeout(20_000)
  return source.estimate!({ resourcePath: 'test source', window: EVERYTHING, signal })
}

describe.each([
  ['OFFSET with an end condition', { ...OFFSET, ...END }, 10],
  ['OFFSET to the first empty page', OFFSET, 11],
  ['PAGE with an end condition', { ...PAGE, ...END }, 10],
  ['PAGE to the first empty page', PAGE, 11],
])('%s', (_name, params, pages) => {
  test('is counted exactly with few calls, for two readings', async () => {
    const estimated = await estimate(params)
    expect(estimated).toMatchObject({ rows: 95, exact: true, requests: 2 * pages })
    expect(estimated.permissions).toEqual([{ resourcePath: 'test source', granted: true, missing: null }])
    expect(estimated.calls).toBeLessThan(pages)
    expect(server.requests).toHaveLength(estimated.calls)
  })

  test('is read once without ids', async () => {
    expect(await estimate(params, {})).toMatchObject({ rows: 95, requests: pages })
  })

  test.each([0, 1, 10, 11, 20, 640])('%d rows are counted', async (rows) => {
    count = rows
    expect(await estimate(params)).toMatchObject({ rows, exact: true })
  })
})

test('a list that is too long to be counted is estimated within 20 calls', async () => {
  count = 1_000_003
  const estimated = await estimate({ ...OFFSET, ...END })
  expect(estimated.calls).toBe(20)
  expect(estimated.exact).toBe(false)
  expect(Math.abs(estimated.rows / count - 1)).toBeLessThan(0.3)
})

test('a source that refuses places behind its end is estimated all the same', async () => {
  server.answer = (request) =>
    Number(request.query.get('offset')) >= count ? { status: 400, body: {} } : answer(request)
  expect(await estimate(OFFSET)).toMatchObject({ rows: 95, exact: false })
})

test('other lists are followed from the beginning', async () => {
  expect(await estimate(TOKEN)).toMatchObject({ rows: 95, exact: true, requests: 10, calls: 10 })
  count = 950
  expect(await estimate(TOKEN)).toMatchObject({ rows: 200, exact: false, calls: 20 })
  expect(await estimate({ type: 'NONE' })).toMatchObject({ rows: 10, exact: true, requests: 1, calls: 1 })
})

test('waits between requests count', async () => {
  count = 15
  const { seconds, requests } = await estimate({ ...OFFSET, ...END, delayRequestMillis: 50 })
  expect(requests).toBe(4)
  expect(seconds).toBeGreaterThanOrEqual(0.15)
})

test('a refused list is planned with no records, a refused credential is an error', async () => {
  server.answer = () => ({ status: 403, body: { message: 'Not yours' } })
  expect(await estimate(OFFSET)).toEqual({
    permissions: [{ resourcePath: 'test source', granted: false, missing: null }],
    rows: 0,
    exact: true,
    requests: 0,
    seconds: 0,
    calls: 1,
  })
  server.answer = () => ({ status: 401, body: {} })
  expect((await failure<AnySourceError>(estimate(OFFSET))).reason).toBe('credential')
})

test('an unwilling source in the middle makes the estimate less sure', async () => {
  server.answer = (request) => (server.requests.length > 3 ? { status: 503 } : answer(request))
  expect(await estimate({ ...OFFSET, ...END })).toMatchObject({ exact: false, calls: 4 })
})
