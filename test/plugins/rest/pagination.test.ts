import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import type { FatalSourceError } from '../../../src/plugins/plugin.ts'
import { failure, openRest, readAll, readPage } from './open-rest.ts'
import { items, startTestSource } from './test-source.ts'
import type { SourceRequest, TestSource } from './test-source.ts'

const ITEMS = items(25)
const IDS = ITEMS.map(({ id }) => id)

let server: TestSource

beforeEach(async () => {
  server = await startTestSource()
})

afterEach(() => server.close())

const open = (paginationParams: JsonObject, more: JsonObject = {}) =>
  openRest({ server, attributes: { paginationParams, ...more } })

async function idsOf(paginationParams: JsonObject): Promise<unknown[]> {
  const records = await readAll(open(paginationParams))
  return records.map(({ items: item }) => (item as JsonObject)['id'])
}

const asked = (name: string) => server.requests.map(({ query }) => query.get(name))
const numberOf = ({ query }: SourceRequest, name: string) => Number(query.get(name))

describe('OFFSET', () => {
  beforeEach(() => {
    server.answer = (request) => {
      const offset = numberOf(request, 'offset')
      const rest = ITEMS.slice(offset, offset + numberOf(request, 'count'))
      return { body: { items: rest, hasMore: offset + rest.length < ITEMS.length } }
    }
  })

  test.each(['offSetName', 'offsetName'])('reads to the first empty page with %s', async (spelling) => {
    const params = { type: 'OFFSET', limitName: 'count', limitValue: '10', [spelling]: 'offset' }
    expect(await idsOf(params)).toEqual(IDS)
    expect(asked('offset')).toEqual(['0', '10', '20', '25'])
    expect(asked('count')).toEqual(['10', '10', '10', '10'])
  })

  test('stops by its end condition', async () => {
    const end = { endConditionName: '$.hasMore', endConditionValue: 'Const:false' }
    expect(await idsOf({ type: 'OFFSET', limitName: 'count', limitValue: 10, offSetName: 'offset', ...end })).toEqual(
      IDS,
    )
    expect(asked('offset')).toEqual(['0', '10', '20'])
  })

  test('loses nothing when the source caps its pages below the limit', async () => {
    server.answer = (request) => {
      const offset = numberOf(request, 'offset')
      return { body: { items: ITEMS.slice(offset, offset + Math.min(4, numberOf(request, 'count'))) } }
    }
    expect(await idsOf({ type: 'offset', limitName: 'count', limitValue: 100, offSetName: 'offset' })).toEqual(IDS)
  })

  test('fails when the source ignores the offset', async () => {
    server.answer = () => ({ body: { items: ITEMS } })
    const reading = idsOf({ type: 'OFFSET', limitName: 'count', limitValue: 10, offSetName: 'offset' })
    expect((await failure<FatalSourceError>(reading)).message).toMatch(/same page twice/)
  })
})

describe('POINTER', () => {
  const pages = (next: (page: number) => unknown) => (request: SourceRequest) => {
    const page = numberOf(request, 'page') || 1
    return {
      body: { items: ITEMS.slice((page - 1) * 10, page * 10), paging: { next: page < 3 ? next(page + 1) : null } },
    }
  }
  const params = { type: 'POINTER', limitName: 'count', limitValue: 10 }

  test.each(['pointerPath', 'pointerName'])('follows the URL at %s', async (spelling) => {
    server.answer = pages((page) => `${server.url}/items?page=${page}`)
    expect(await idsOf({ ...params, [spelling]: '$.paging.next' })).toEqual(IDS)
    expect(asked('count')).toEqual(['10', null, null])
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill('Bearer token-1'))
  })

  test('takes a relative URL and a path without $', async () => {
    server.answer = pages((page) => `/items?page=${page}`)
    expect(await idsOf({ ...params, pointerPath: 'paging.next' })).toEqual(IDS)
  })

  test('takes a path with a filter', async () => {
    const linked = pages((page) => `?page=${page}`)
    server.answer = (request) => {
      const { items: list, paging } = linked(request).body
      const links = [{ rel: 'self', href: '/' }, ...(paging.next === null ? [] : [{ rel: 'next', href: paging.next }])]
      return { body: { items: list, links } }
    }
    expect(await idsOf({ ...params, pointerPath: '$.links[?@.rel=="next"].href' })).toEqual(IDS)
  })

  test('never takes the credential to another host', async () => {
    const other = await startTestSource()
    server.answer = pages(() => `${other.url}/items`)
    const error = await failure<FatalSourceError>(idsOf({ ...params, pointerPath: '$.paging.next' }))
    expect(error.message).toMatch(/not to the same host/)
    expect(other.requests).toEqual([])
    await other.close()
  })
})

describe('CONTINUATION_TOKEN', () => {
  const answerBy = (read: (request: SourceRequest) => string | null) => (request: SourceRequest) => {
    const start = Number(read(request) ?? 0)
    const end = start + 10
    return { body: { items: ITEMS.slice(start, end), meta: { token: end < ITEMS.length ? end : undefined } } }
  }
  const params = { type: 'CONTINUATION_TOKEN', continuationTokenPath: '$.meta.token', parameterName: 'X-After' }

  test('sends the token as a query parameter', async () => {
    server.answer = answerBy(({ query }) => query.get('X-After'))
    expect(await idsOf({ ...params, parameterType: 'QUERYPARAM' })).toEqual(IDS)
    expect(asked('X-After')).toEqual([null, '10', '20'])
  })

  test('sends the token as a header', async () => {
    server.answer = answerBy(({ headers }) => (headers['x-after'] as string | undefined) ?? null)
    expect(await idsOf({ ...params, parameterType: 'headerparam' })).toEqual(IDS)
    expect(server.requests.map(({ headers }) => headers['x-after'])).toEqual([undefined, '10', '20'])
  })

  test('waits before every page but the first', async () => {
    server.answer = answerBy(({ query }) => query.get('X-After'))
    const startedAt = performance.now()
    await idsOf({ ...params, parameterType: 'QUERYPARAM', delayRequestMillis: '60' })
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(115)
  })

  test('speaks the language of Stripe', async () => {
    server.answer = ({ query }) => {
      const start = ITEMS.findIndex(({ id }) => String(id) === query.get('starting_after')) + 1
      return {
        body: {
          data: ITEMS.slice(start, start + numberOf({ query } as SourceRequest, 'limit')),
          has_more: start + 10 < 25,
        },
      }
    }
    const paginationParams = {
      type: 'CONTINUATION_TOKEN',
      continuationTokenPath: '$.data[-1].id',
      parameterType: 'QUERYPARAM',
      parameterName: 'starting_after',
      limitName: 'limit',
      limitValue: 10,
      endConditionName: '$.has_more',
      endConditionValue: 'Const:false',
    }
    const contentPath = { path: '$.data', skipAttributes: ['has_more'] }
    const records = await readAll(open(paginationParams, { contentPath }))
    expect(records).toEqual(ITEMS.map((item) => ({ data: item })))
    expect(asked('starting_after')).toEqual([null, '10', '20'])
  })

  test('goes on after an empty page that has a token', async () => {
    const bodies = [
      { items: [], meta: { token: 'a' } },
      { items: ITEMS.slice(0, 1), meta: {} },
    ]
    server.answer = ({ query }) => ({ body: bodies[query.has('X-After') ? 1 : 0] })
    expect(await idsOf({ ...params, parameterType: 'QUERYPARAM' })).toEqual([1])
  })

  test('gives the same cursor for the same token, for the engine to see', async () => {
    server.answer = () => ({ body: { items: ITEMS, meta: { token: 'again' } } })
    const source = open({ ...params, parameterType: 'QUERYPARAM' })
    const first = await readPage(source)
    expect((await readPage(source, first.nextCursor)).nextCursor).toBe(first.nextCursor)
  })
})

describe('PAGE', () => {
  const answerFrom =
    (first: number, headers: Record<string, string> = {}) =>
    (request: SourceRequest) => {
      const start = (numberOf(request, 'page') - first) * 10
      return { headers, body: { items: ITEMS.slice(start, start + 10) } }
    }
  const params = { type: 'PAGE', limitName: 'per_page', limitValue: '10', pageParamName: 'page' }

  test('begins at 0 and ends at the first empty page', async () => {
    server.answer = answerFrom(0)
    expect(await idsOf(params)).toEqual(IDS)
    expect(asked('page')).toEqual(['0', '1', '2', '3'])
    expect(asked('per_page')).toEqual(['10', '10', '10', '10'])
  })

  test('begins at the initial index and ends with the last one', async () => {
    server.answer = answerFrom(1)
    expect(await idsOf({ ...params, initialPageIndex: '1', endPageIndex: 3 })).toEqual(IDS)
    expect(asked('page')).toEqual(['1', '2', '3'])
  })

  test('takes the last index from a response header', async () => {
    server.answer = answerFrom(1, { 'X-Page-Count': '3' })
    expect(await idsOf({ ...params, initialPageIndex: 1, endPageIndex: 'headers.x-page-count' })).toEqual(IDS)
    expect(asked('page')).toEqual(['1', '2', '3'])
  })

  test('asks for maximumRequest pages at most', async () => {
    server.answer = answerFrom(0)
    expect(await idsOf({ ...params, maximumRequest: 2 })).toEqual(IDS.slice(0, 20))
    expect(server.requests).toHaveLength(2)
  })

  test('stops by its end condition', async () => {
    server.answer = (request) => ({
      body: { ...answerFrom(0)(request).body, last: numberOf(request, 'page') === 1 ? 'yes' : 'no' },
    })
    expect(await idsOf({ ...params, endConditionName: 'last', endConditionValue: 'yes' })).toEqual(IDS.slice(0, 20))
  })
})

test('NONE makes one request', async () => {
  server.answer = () => ({ body: { items: ITEMS } })
  expect(await idsOf({ type: 'NONE' })).toEqual(IDS)
  expect(server.requests).toHaveLength(1)
})

test('an answer without content is an empty page', async () => {
  server.answer = () => ({ status: 204 })
  expect(await idsOf({ type: 'NONE' })).toEqual([])
})
