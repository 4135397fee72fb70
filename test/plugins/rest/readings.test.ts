import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import type { Page, Source } from '../../../src/plugins/plugin.ts'
import { openRest, readPage } from './open-rest.ts'
import { startTestSource, type TestSource } from './test-source.ts'

const OFFSET = { type: 'OFFSET', limitName: 'limit', limitValue: 4, offSetName: 'offset' }
const PAGE = { type: 'PAGE', limitName: 'limit', limitValue: 4, pageParamName: 'page' }

let server: TestSource
/** The list as it is now. */
let rows: number[]
/** Called before the answer to the request of that number, from 1. */
let meanwhile: (request: number) => void

beforeEach(async () => {
  rows = Array.from({ length: 10 }, (_, index) => index + 1)
  meanwhile = () => {}
  server = await startTestSource(({ query }) => {
    meanwhile(server.requests.length)
    const limit = Number(query.get('limit'))
    const start = query.has('page') ? Number(query.get('page')) * limit : Number(query.get('offset'))
    const items = rows.slice(start, start + limit).map((id) => ({ id }))
    return { body: { items, more: start + items.length < rows.length } }
  })
})

afterEach(() => server.close())

const open = (paginationParams: JsonObject, more: JsonObject = { idPath: '$.items.id' }) =>
  openRest({ server, attributes: { paginationParams, ...more } })

/** Every page of a run, each from the cursor of the one before. */
async function pagesOf(source: Source): Promise<Page[]> {
  const pages: Page[] = []
  for (let cursor: string | null = null, isFirst = true; isFirst || cursor !== null; isFirst = false) {
    const page: Page = await readPage(source, cursor)
    if (page.nextCursor !== null && page.nextCursor === cursor) throw new Error('The cursor did not advance.')
    pages.push(page)
    cursor = page.nextCursor
  }
  return pages
}

const idsOf = (pages: readonly Page[]) => pages.flatMap(({ records }) => records.map(({ id }) => Number(id)))
const distinct = (pages: readonly Page[]) => [...new Set(idsOf(pages))].toSorted((one, other) => one - other)
const rereadIds = (pages: readonly Page[]) => idsOf(pages.filter(({ isReread }) => isReread))
const places = (name = 'offset') => server.requests.map(({ query }) => Number(query.get(name)))

describe.each([
  ['OFFSET', OFFSET, 'offset', [0, 4, 8, 10]],
  ['PAGE', PAGE, 'page', [0, 1, 2, 3]],
])('%s', (_type, params, name, reading) => {
  test('a list that stands still is read twice, the second time as a rereading', async () => {
    const pages = await pagesOf(open(params))
    expect(places(name)).toEqual([...reading, ...reading])
    expect(rereadIds(pages)).toEqual(rows)
    expect(pages.map(({ isReread = false }) => isReread)).toEqual([...Array(4).fill(false), ...Array(4).fill(true)])
    expect(pages.flatMap(({ note }) => note ?? [])).toEqual([])
  })

  test('a row that slips over a page boundary because another one vanished is found', async () => {
    meanwhile = (request) => {
      if (request === 2) rows.splice(0, 1)
    }
    const pages = await pagesOf(open(params))
    const first = pages.filter(({ isReread }) => !isReread)
    expect(idsOf(first)).not.toContain(5)
    expect(distinct(pages)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(pages.at(-1)?.note).toBeUndefined()
  })

  test('a row that is added while the list is read is found, and repeats do not keep the reading going', async () => {
    meanwhile = (request) => {
      if (request === 2) rows.unshift(11)
    }
    const pages = await pagesOf(open(params))
    expect(idsOf(pages).filter((id) => id === 4).length).toBeGreaterThan(1)
    expect(distinct(pages)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(pages.at(-1)?.note).toBeUndefined()
  })

  test('a list that never stands still is read four times and said to move', async () => {
    let next = 100
    meanwhile = (request) => {
      if (request % 2 === 0) rows.unshift(next++)
    }
    const pages = await pagesOf(open(params))
    expect(places(name).filter((place) => place === 0)).toHaveLength(4)
    expect(pages.slice(0, -1).flatMap(({ note }) => note ?? [])).toEqual([])
    expect(pages.at(-1)?.note).toMatch(/after 4 readings .* differ/)
  })

  test('maximumRereads bounds the readings, 0 reads once', async () => {
    let next = 100
    meanwhile = (request) => {
      if (request % 2 === 0) rows.unshift(next++)
    }
    await pagesOf(open({ ...params, maximumRereads: '1' }))
    expect(places(name).filter((place) => place === 0)).toHaveLength(2)
    server.requests.length = 0
    meanwhile = () => {}
    const pages = await pagesOf(open({ ...params, maximumRereads: 0 }))
    expect(places(name).filter((place) => place === 0)).toHaveLength(1)
    expect(pages.at(-1)?.note).toBeUndefined()
  })

  test('records without an id are read once: nothing tells one from the other', async () => {
    const pages = await pagesOf(open(params, {}))
    expect(places(name)).toEqual(reading)
    expect(pages.flatMap(({ records }) => records)).toHaveLength(10)
  })
})

test('rows that change their order without any change of the rows are all found', async () => {
  meanwhile = (request) => {
    if (request === 2) rows = [...rows.slice(6), ...rows.slice(0, 6)]
  }
  const pages = await pagesOf(open(OFFSET))
  expect(distinct(pages.slice(0, 4))).not.toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(distinct(pages)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
})

test('a page that repeats the one before because rows were added does not end the run', async () => {
  const params = { ...OFFSET, limitValue: 1 }
  rows = [1, 2, 3]
  meanwhile = (request) => {
    if (request === 2 || request === 3) rows.unshift(request * 10)
  }
  expect(distinct(await pagesOf(open(params)))).toEqual([1, 2, 3, 20, 30])
})

test('a source that ignores the offset ends the run', async () => {
  server.answer = () => ({ body: { items: [{ id: 1 }] } })
  await expect(pagesOf(open(OFFSET))).rejects.toThrow('same page twice')
  expect(server.requests).toHaveLength(5)
})

test('a list that fits on one page is read once', async () => {
  rows = [1, 2]
  const end = { endConditionName: '$.more', endConditionValue: 'Const:false' }
  expect(distinct(await pagesOf(open({ ...OFFSET, ...end })))).toEqual([1, 2])
  expect(server.requests).toHaveLength(1)
})

test('a list that always shows a row twice counts as standing still', async () => {
  rows = [1, 2, 3, 3, 4, 5]
  const pages = await pagesOf(open(OFFSET))
  expect(places()).toEqual([0, 4, 6, 0, 4, 6])
  expect(pages.at(-1)?.note).toBeUndefined()
})

test('maximumRequest bounds all readings of a run together', async () => {
  const pages = await pagesOf(open({ ...PAGE, maximumRequest: 6 }))
  expect(server.requests).toHaveLength(6)
  expect(pages.at(-1)?.note).toMatch(/after 2 readings/)
  expect(distinct(pages)).toEqual(rows)
})

test('the cursor does not grow with what was read', async () => {
  rows = Array.from({ length: 4000 }, (_, index) => index + 1)
  const pages = await pagesOf(open({ ...OFFSET, limitValue: 500 }))
  const lengths = pages.flatMap(({ nextCursor }) => nextCursor?.length ?? [])
  expect(lengths.length).toBeGreaterThan(10)
  expect(Math.max(...lengths)).toBeLessThan(400)
})

test('a page that is read again after a crash continues the reading it belongs to', async () => {
  const source = open(OFFSET)
  const first = await readPage(source)
  const second = await readPage(source, first.nextCursor)
  expect(await readPage(source, first.nextCursor)).toEqual(second)
})
