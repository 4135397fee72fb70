import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { setTimeout } from 'node:timers/promises'
import { IndexLoop } from '../../../src/flow/search-index/index-loop.ts'
import { silentLogger } from '../../../src/logger.ts'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { deliver, openIndex, SMALL, SPEC, subscription } from './indexed-dataset.ts'

let store: Store
let time: number
let wake: () => void

/** Sleeps until the test wakes it, which takes a second of the loop's time. */
const clock = {
  now: () => time,
  sleep: (_ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      wake = resolve
      signal?.addEventListener('abort', () => resolve(), { once: true })
    }),
}

beforeEach(async () => {
  store = await openSqliteStore({ dataDir: ':memory:' })
  time = 0
  wake = () => {}
})

afterEach(() => store.close())

const isIndexed = async () => (await store.searchIndex.pending([SPEC], null, 1)).length === 0

/** Lets the loop do one more round, and waits until it sleeps again. */
async function round(): Promise<void> {
  const before = wake
  time += 1000
  before()
  while (wake === before) await setTimeout(1)
}

function page(from: number, count: number) {
  return Array.from({ length: count }, (_, index) => subscription(`s${from + index}`, { device: 'tv' }))
}

describe('the loop that keeps the search index up', () => {
  test('indexes what runs deliver, without any search', async () => {
    const loop = new IndexLoop({ indexer: openIndex(store).indexer, clock, logger: silentLogger })
    loop.start()
    await deliver(store, 1, page(0, 20))
    await round()
    await round()
    expect(await isIndexed()).toBe(true)
    await loop.stop()
  })

  test('waits while runs write hard, and goes on when they leave time', async () => {
    const { indexer } = openIndex(store, { ...SMALL, slice: 1000, segmentTo: 10_000, terms: 10_000 })
    const loop = new IndexLoop({ indexer, clock, logger: silentLogger })
    loop.start()
    await round()
    await deliver(store, 1, page(0, 6000))
    await round()
    expect(await isIndexed()).toBe(false)
    await deliver(store, 1, page(6000, 100))
    await round()
    expect(await isIndexed()).toBe(true)
    await loop.stop()
  })

  test('goes on after a failure of the store', async () => {
    let failures = 0
    const publish: typeof store.searchIndex.publish = (request) => {
      if (failures++ < 2) return Promise.reject(new Error('disk full'))
      return store.searchIndex.publish(request)
    }
    const { indexer } = openIndex({ ...store, searchIndex: { ...store.searchIndex, publish } })
    const loop = new IndexLoop({ indexer, clock, logger: silentLogger })
    await deliver(store, 1, page(0, 20))
    loop.start()
    for (let rounds = 0; rounds < 4; rounds++) await round()
    expect(await isIndexed()).toBe(true)
    expect(failures).toBeGreaterThan(2)
    await loop.stop()
  })

  test('looks no more at a run that has ended well', async () => {
    const loop = new IndexLoop({ indexer: openIndex(store).indexer, clock, logger: silentLogger })
    await deliver(store, 1, page(0, 3))
    await store.runs.save({ ...(await store.runs.get(1))!, status: 'success' })
    loop.start()
    await round()
    await round()
    expect(await store.searchIndex.settle(1)).toBe(0)
    await loop.stop()
  })
})
