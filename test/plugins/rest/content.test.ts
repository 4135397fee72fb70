import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import { FatalSourceError } from '../../../src/plugins/plugin.ts'
import { failure, openRest, readAll, readPage } from './open-rest.ts'
import { startTestSource } from './test-source.ts'
import type { TestSource } from './test-source.ts'

let server: TestSource

beforeEach(async () => {
  server = await startTestSource()
})

afterEach(() => server.close())

const read = (body: unknown, attributes: JsonObject) => {
  server.answer = () => ({ body })
  return readAll(openRest({ server, attributes }))
}

const codeOf = async (body: unknown, attributes: JsonObject) => {
  const error = await failure(read(body, attributes))
  return error instanceof FatalSourceError ? error.code : error
}

const PAGE = { next: '/2', total: 2, items: [{ id: 1 }, { id: 2 }] }

test('a record is the page with the array replaced by one element', async () => {
  expect(await read(PAGE, { contentPath: { path: '$.items' } })).toEqual([
    { next: '/2', total: 2, items: { id: 1 } },
    { next: '/2', total: 2, items: { id: 2 } },
  ])
})

test('the content path may be the path alone', async () => {
  expect(await read(PAGE, { contentPath: '$.items[*]' })).toHaveLength(2)
})

test('skipAttributes removes what stands beside the array', async () => {
  const contentPath = { path: '$.items', skipAttributes: ['next', 'unknown'] }
  expect((await read(PAGE, { contentPath }))[0]).toEqual({ total: 2, items: { id: 1 } })
})

test('keepAttributes keeps the named ones only', async () => {
  const contentPath = { path: '$.items', keepAttributes: ['total'] }
  expect((await read(PAGE, { contentPath }))[0]).toEqual({ total: 2, items: { id: 1 } })
})

test('an attribute to keep that stands nowhere is 1319-400', async () => {
  expect(await codeOf(PAGE, { contentPath: { path: '$.items', keepAttributes: ['count'] } })).toBe('1319-400')
})

test('overrideWrapperAttribute renames the array', async () => {
  const contentPath = { path: '$.items', overrideWrapperAttribute: 'total' }
  expect((await read(PAGE, { contentPath }))[0]).toEqual({ next: '/2', total: { id: 1 } })
})

test('an array further down is replaced where it is', async () => {
  const body = { ok: true, result: { page: 1, 'the rows': [{ id: 1 }] } }
  const contentPath = { path: "$.result['the rows']", skipAttributes: ['page'], overrideWrapperAttribute: 'row' }
  expect(await read(body, { contentPath })).toEqual([{ ok: true, result: { row: { id: 1 } } }])
})

test('the answer itself may be the array', async () => {
  expect(await read([{ id: 1 }], { contentPath: '$' })).toEqual([{ id: 1 }])
  expect(await read([1, 2], { contentPath: { path: '$', overrideWrapperAttribute: 'n' } })).toEqual([
    { n: 1 },
    { n: 2 },
  ])
  expect(await codeOf([1, 2], { contentPath: '$' })).toBe('1315-400')
})

test('a path that leads nowhere is 1313-400, one that leads to no array 1315-400', async () => {
  expect(await codeOf(PAGE, { contentPath: '$.rows' })).toBe('1313-400')
  expect(await codeOf(PAGE, { contentPath: '$.items.rows' })).toBe('1313-400')
  expect(await codeOf(PAGE, { contentPath: '$.total' })).toBe('1315-400')
})

test('explodeEntityPath flattens an array inside each record', async () => {
  const body = {
    total: 2,
    emails: [
      { email: 'a@x.test', activity: [{ action: 'open' }, { action: 'click' }] },
      { email: 'b@x.test', activity: [] },
      { email: 'c@x.test' },
      { email: 'd@x.test', activity: [{ action: 'open' }] },
    ],
  }
  const records = await read(body, {
    contentPath: { path: '$.emails', skipAttributes: ['total'], overrideWrapperAttribute: 'email' },
    explodeEntityPath: { path: '$.email.activity', overrideWrapperAttribute: 'event' },
  })
  expect(records).toEqual([
    { email: { email: 'a@x.test', event: { action: 'open' } } },
    { email: { email: 'a@x.test', event: { action: 'click' } } },
    { email: { email: 'd@x.test', event: { action: 'open' } } },
  ])
})

test('an entity path that leads to no array is 1315-400', async () => {
  const attributes = { contentPath: '$.items', explodeEntityPath: { path: '$.items.id' } }
  expect(await codeOf(PAGE, attributes)).toBe('1315-400')
})

test('records have an id only where idPath points at one', async () => {
  const idsWith = async (idPath?: string | string[]) => {
    server.answer = () => ({ body: { total: 7, items: [{ id: 1, sub: { key: 'a' } }] } })
    const page = await readPage(openRest({ server, attributes: idPath === undefined ? {} : { idPath } }))
    return page.records.map(({ id }) => id)
  }
  expect(await idsWith()).toEqual([null])
  expect(await idsWith('$.items.id')).toEqual(['1'])
  expect(await idsWith(['$.items.id', 'items.sub.key'])).toEqual(['1:a'])
  expect((await failure<FatalSourceError>(idsWith('$.items.uuid'))).code).toBe('1313-400')
})

test('attributes named like members of every object are ordinary attributes', async () => {
  const body = '{"__proto__":{"polluted":true},"constructor":1,"items":[{"id":1}]}'
  const [record] = await read(body, { contentPath: '$.items' })
  expect(JSON.stringify(record)).toBe('{"__proto__":{"polluted":true},"constructor":1,"items":{"id":1}}')
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
})
