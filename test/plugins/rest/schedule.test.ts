import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import type { CreatedWindow } from '../../../src/plugins/plugin.ts'
import { DatePatternError, parseDatePattern } from '../../../src/plugins/rest/date-pattern.ts'
import { EVERYTHING, NOW, openRest, readPage } from './open-rest.ts'
import { startTestSource } from './test-source.ts'
import type { SourceRequest, TestSource } from './test-source.ts'

const MOMENT = Date.UTC(2026, 2, 4, 5, 6, 7, 89)

describe('date patterns', () => {
  test.each([
    ['yyyy-MM-ddTHH:mm:ssZ', '2026-03-04T05:06:07Z'],
    ['yyyy-MM-ddTHH:mm:ss:fffffffK', '2026-03-04T05:06:07:0890000Z'],
    ['yyyy-MM-ddTHH:mm:ss.fffK', '2026-03-04T05:06:07.089Z'],
    ["yyyy-MM-dd'T'HH:mm:ss.SSSXXX", '2026-03-04T05:06:07.089Z'],
    ['yyyy-MM-ddTHH:mm:sszzz', '2026-03-04T05:06:07+00:00'],
    ['yyyy-MM-dd', '2026-03-04'],
    ['M/d/yy H:m:s', '3/4/26 5:6:7'],
    ["yyyyMMdd'at'HH", '20260304at05'],
    ['x', String(MOMENT)],
    ['X', String(Math.floor(MOMENT / 1000))],
    [undefined, String(Math.floor(MOMENT / 1000))],
  ])('%s', (pattern, expected) => {
    expect(parseDatePattern(pattern)(MOMENT)).toBe(expected)
  })

  test('an unknown letter is refused with those that are known', () => {
    expect(() => parseDatePattern('EEE, dd MMM yyyy')).toThrow(DatePatternError)
    expect(() => parseDatePattern('yyyy-MM-dd hh')).toThrow(/"hh".*HH/)
  })
})

describe('a run reads its window', () => {
  let server: TestSource

  beforeEach(async () => {
    server = await startTestSource(() => ({ body: { items: [] } }))
  })

  afterEach(() => server.close())

  async function sent(attributes: JsonObject, window: CreatedWindow): Promise<SourceRequest> {
    await readPage(openRest({ server, attributes }), null, window)
    return server.requests[0]!
  }

  const WINDOW = { from: NOW / 1000 - 3600, to: NOW / 1000 }
  const NAMES = { scheduleStartParamName: 'since', scheduleEndParamName: 'before' }

  test('by two parameters with their formats', async () => {
    const formats = { scheduleStartParamFormat: 'yyyy-MM-ddTHH:mm:ssZ', scheduleEndParamFormat: 'x' }
    const { query } = await sent({ scheduleParams: { ...NAMES, ...formats } }, WINDOW)
    expect(Object.fromEntries(query)).toEqual({ since: '2026-07-01T11:00:00Z', before: String(NOW) })
  })

  test('in Unix seconds when the spec names no format', async () => {
    const { query } = await sent({ scheduleParams: NAMES }, WINDOW)
    expect(Object.fromEntries(query)).toEqual({ since: String(WINDOW.from), before: String(WINDOW.to) })
  })

  test('without the parameter of an open side', async () => {
    const { query } = await sent({ scheduleParams: NAMES }, { from: null, to: WINDOW.to })
    expect(Object.fromEntries(query)).toEqual({ before: String(WINDOW.to) })
  })

  test('whole when the spec has no scheduleParams', async () => {
    expect([...(await sent({}, WINDOW)).query]).toEqual([])
  })

  const ADVANCE = {
    type: 'ADVANCE',
    paramFormat: 'yyyy-MM-ddTHH:mm:ssZ',
    incremental: 'changed >= {START_TIME} and changed < {END_TIME}',
    backfill: 'changed < {END_TIME}',
  }
  const inQuery = (server: TestSource) => ({
    urlParams: { host: server.url, path: '/items', queryParams: { where: '({SCHEDULE_QUERY})' } },
    scheduleParams: ADVANCE,
  })

  test('by an expression in the query', async () => {
    const { query } = await sent(inQuery(server), WINDOW)
    expect(query.get('where')).toBe('(changed >= 2026-07-01T11:00:00Z and changed < 2026-07-01T12:00:00Z)')
  })

  test('by the backfill expression when it has no beginning', async () => {
    const { query } = await sent(inQuery(server), { from: null, to: WINDOW.to })
    expect(query.get('where')).toBe('(changed < 2026-07-01T12:00:00Z)')
  })

  test('up to now when it has no end either', async () => {
    const { query } = await sent(inQuery(server), EVERYTHING)
    expect(query.get('where')).toBe('(changed < 2026-07-01T12:00:00Z)')
  })

  test('by an expression in the path, its times encoded', async () => {
    const { query, path } = await sent(
      {
        urlParams: { host: server.url, path: '/items?{SCHEDULE_QUERY}' },
        scheduleParams: {
          ...ADVANCE,
          paramFormat: 'yyyy-MM-ddTHH:mm:sszzz',
          incremental: 'from={START_TIME}&to={END_TIME}',
        },
      },
      WINDOW,
    )
    expect([path, query.get('from'), query.get('to')]).toEqual([
      '/items',
      '2026-07-01T11:00:00+00:00',
      '2026-07-01T12:00:00+00:00',
    ])
  })

  test('by an expression in a header and in the body', async () => {
    const { headers, body } = await sent(
      {
        urlParams: { host: server.url, path: '/items', method: 'POST' },
        headerParams: { 'X-Where': '{SCHEDULE_QUERY}' },
        bodyParams: { filter: { where: '{SCHEDULE_QUERY}' }, size: 10 },
        scheduleParams: { ...ADVANCE, paramFormat: undefined },
      },
      WINDOW,
    )
    const expression = `changed >= ${WINDOW.from} and changed < ${WINDOW.to}`
    expect(headers['x-where']).toBe(expression)
    expect(JSON.parse(body)).toEqual({ filter: { where: expression }, size: 10 })
  })
})
