import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import { openMemory } from '../../../src/store/sqlite/open-connections.ts'
import { createSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { MOST_EXAMINED } from '../../../src/flow/search-index/record-search.ts'
import { DATA_SET, deliver, idsOf, indexAll, openIndex, SMALL, subscription, type Tags } from './indexed-dataset.ts'

let database: DatabaseSync
let store: Store

async function open(): Promise<void> {
  database = new DatabaseSync(':memory:')
  store = await createSqliteStore(openMemory(database))
}

const termsInIndex = () => Number(database.prepare('select count(*) as count from search_terms').get()!['count'])
const segments = () => Number(database.prepare('select count(*) as count from search_segments').get()!['count'])

beforeEach(open)
afterEach(() => store.close())

describe('a search over any history of deliveries', () => {
  const IDS = ['s1', 's2', 's3', 's4', 's5', 's6', 's\ud83d\ude00', 's\uff5e'] as const
  const tags = fc.option(
    fc.record(
      { device: fc.constantFrom('tv', 'box', 'TV'), Samsung: fc.constantFrom('yes', 'no') },
      { requiredKeys: [] },
    ),
  )
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('deliver' as const),
      run: fc.integer({ min: 1, max: 4 }),
      page: fc.uniqueArray(fc.tuple(fc.constantFrom(...IDS), tags), { maxLength: 8, selector: ([id]) => id }),
    }),
    fc.record({ kind: fc.constant('index' as const), parts: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('restart' as const) }),
  )
  const QUERIES = [
    'metadata["device"]:"tv"',
    '-metadata["device"]:"tv"',
    'metadata["device"]:"tv" OR metadata["Samsung"]:"yes"',
    '-metadata["Samsung"]:null AND metadata["device"]:"box"',
    'status:"active"',
  ]

  test('finds what a look at every record finds, whatever of it is in the index', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer({ min: 1, max: 4 }), async (steps, limit) => {
        await store.close()
        await open()
        let { indexer, search } = openIndex(store)
        let time = 0
        for (const each of steps) {
          if (each.kind === 'restart') ({ indexer, search } = openIndex(store))
          else if (each.kind === 'index') for (let part = 0; part < each.parts; part++) await indexer.indexSome()
          else {
            const records = each.page.map(([id, given]) => subscription(id, given as Tags))
            await deliver(store, each.run, records, { observedAt: ++time })
          }
        }
        const scan = openIndex(store, { ...SMALL, waitFor: -1 }).search
        const expected = await Promise.all(QUERIES.map((query) => idsOf(scan, query)))
        const found = await Promise.all(QUERIES.map((query) => idsOf(search, query, limit)))
        expect(found).toEqual(expected)
      }),
      { numRuns: 150 },
    )
  }, 120_000)

  test('leaves nothing in the index but the terms of the newest versions', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        await store.close()
        await open()
        const { indexer } = openIndex(store)
        let time = 0
        for (const each of steps) {
          if (each.kind !== 'deliver') await indexer.indexSome()
          else {
            const records = each.page.map(([id, given]) => subscription(id, given as Tags))
            await deliver(store, each.run, records, { observedAt: ++time })
          }
        }
        await indexAll(indexer)
        const grown = termsInIndex()
        database.exec('delete from search_terms; delete from search_segments')
        database.exec('update record_set_runs set indexed_sequence = 0')
        await indexAll(openIndex(store).indexer)
        expect(grown).toBe(termsInIndex())
      }),
      { numRuns: 150 },
    )
  }, 120_000)
})

describe('a search', () => {
  const many = (from: number, to: number, given: Tags) =>
    Array.from({ length: to - from }, (_, index) => subscription(`s${String(from + index).padStart(6, '0')}`, given))

  test('waits for what was delivered before it, without anybody else at work', async () => {
    const { search } = openIndex(store)
    await deliver(store, 1, many(0, 50, { device: 'tv' }))
    expect(await idsOf(search, 'metadata["device"]:"tv"')).toHaveLength(50)
    expect(termsInIndex()).toBeGreaterThan(0)
  })

  test('reads the records when too much is pending, and finds the same', async () => {
    const { search } = openIndex(store, { ...SMALL, waitFor: 10 })
    await deliver(store, 1, [...many(0, 50, { device: 'tv' }), ...many(50, 60, { device: 'box' })])
    expect(await idsOf(search, 'metadata["device"]:"box"', 3)).toHaveLength(10)
    expect(termsInIndex()).toBe(0)
  })

  test('reads the records when the index cannot be written', async () => {
    await deliver(store, 1, many(0, 5, { device: 'tv' }))
    const publish = () => Promise.reject(new Error('disk full'))
    const { search } = openIndex({ ...store, searchIndex: { ...store.searchIndex, publish } })
    expect(await idsOf(search, 'metadata["device"]:"tv"')).toHaveLength(5)
  })

  test('looks at no more than so many records for a page, and goes on from there', async () => {
    const { search } = openIndex(store)
    await deliver(store, 1, [...many(0, MOST_EXAMINED + 50, {}), subscription('t', { device: 'television' })])
    const query = { text: 'metadata["device"]~"television" OR created>1', isLenient: false }
    const first = await search.search(DATA_SET, query, null, 10)
    expect(first.records).toEqual([])
    expect(first.next).not.toBeNull()
    const second = await search.search(DATA_SET, query, first.next, 10)
    expect(second.records.map(({ objectId }) => objectId)).toEqual(['t'])
    expect(second.next).toBeNull()
  }, 60_000)

  test('finds an object that matches before and after a change, while the index moves it elsewhere', async () => {
    const ids = many(0, 30, {}).map(({ objectId }) => objectId!)
    const version = (number: string) => ids.map((id) => subscription(id, { device: 'tv', number }))
    let change: Promise<void> | undefined
    const searchIndex = {
      ...store.searchIndex,
      async segments(recordSetNos: readonly number[]) {
        const found = await store.searchIndex.segments(recordSetNos)
        change ??= deliver(store, 2, version('2')).then(() => indexAll(indexer))
        for (let turn = 0; turn < 300; turn++) await setImmediate()
        return found
      },
    }
    const { indexer, search } = openIndex({ ...store, searchIndex })
    await deliver(store, 1, version('1'))
    await indexAll(indexer)
    expect(await idsOf(search, 'metadata["device"]:"tv"')).toEqual(ids)
    await change
    expect(await idsOf(search, 'metadata["number"]:"2"')).toEqual(ids)
  })

  test('keeps record sets of one dataset apart that hold the same id', async () => {
    const { search } = openIndex(store)
    await deliver(store, 1, [subscription('x', { device: 'tv' }), subscription('y', { device: 'tv' })])
    await deliver(store, 2, [subscription('x', { device: 'tv' })], { resourcePath: 'charges' })
    for (const limit of [1, 2, 100]) {
      expect(await idsOf(search, 'metadata["device"]:"tv"', limit)).toEqual(['x', 'x', 'y'])
    }
    await deliver(store, 3, [subscription('x', { device: 'box' })])
    expect(await idsOf(search, 'metadata["device"]:"tv"', 1)).toEqual(['x', 'y'])
  })

  test('leaves out records that are no objects of Stripe', async () => {
    const { search } = openIndex(store)
    const odd = [
      'null',
      '[]',
      '{"data":{"metadata":{"dev',
      '{"data":null}',
      '{"data":[1]}',
      '{"data":{"metadata":"tv"}}',
      '{}',
    ]
    const records = odd.map((body, index) => ({ ...subscription(`o${index}`, {}), body, contentHash: body }))
    await deliver(store, 1, [...records, subscription('p', { device: 'tv' })])
    expect(await idsOf(search, 'metadata["device"]:"tv"')).toEqual(['p'])
    expect(await idsOf(search, '-metadata["device"]:"tv"')).toEqual(['o5'])
  })
})

describe('the index of many deliveries', () => {
  test('is written in segments, of which emptied ones go', async () => {
    const { indexer, search } = openIndex(store)
    const ids = Array.from({ length: 40 }, (_, index) => `s${index + 10}`)
    await deliver(
      store,
      1,
      ids.map((id) => subscription(id, { device: 'tv' })),
    )
    await indexAll(indexer)
    const written = segments()
    expect(written).toBeGreaterThan(3)
    await deliver(
      store,
      2,
      ids.slice(0, 36).map((id) => subscription(id, { device: 'box' })),
    )
    await indexAll(indexer)
    expect(await idsOf(search, 'metadata["device"]:"tv"')).toEqual(ids.slice(36))
    expect(await idsOf(search, 'metadata["device"]:"box"')).toEqual(ids.slice(0, 36))
    await deliver(
      store,
      3,
      ids.map((id) => subscription(id, null)),
    )
    await indexAll(indexer)
    expect(termsInIndex()).toBe(0)
    expect(segments()).toBe(1)
  })
})
