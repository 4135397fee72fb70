import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { setTimeout } from 'node:timers/promises'
import { IndexLoop } from '../../../src/flow/search-index/index-loop.ts'
import { silentLogger } from '../../../src/logger.ts'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { deliver, idsOf, openIndex, SMALL, SPEC, subscription } from './indexed-dataset.ts'

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
    const loop = new IndexLoop({ indexer: openIndex(store).indexer, clock, logger: silentLogger, isBusy: () => false })
    loop.start()
    await deliver(store, 1, page(0, 20))
    await round()
    await round()
    expect(await isIndexed()).toBe(true)
    await loop.stop()
  })

  test('waits while runs write hard, and goes on when they leave time', async () => {
    const { indexer } = openIndex(store, { ...SMALL, slice: 1000, segmentTo: 10_000, terms: 10_000 })
    const loop = new IndexLoop({ indexer, clock, logger: silentLogger, isBusy: () => false })
    loop.start()
    await round()
    await deliver(store, 1, page(0, 6000), { status: 'inProgress' })
    await round()
    expect(await isIndexed()).toBe(false)
    await deliver(store, 1, page(6000, 100), { status: 'inProgress' })
    await round()
    expect(await isIndexed()).toBe(true)
    await loop.stop()
  })

  test('rests after every step while runs are going on', async () => {
    const loop = new IndexLoop({ indexer: openIndex(store).indexer, clock, logger: silentLogger, isBusy: () => true })
    await deliver(store, 1, page(0, 200))
    loop.start()
    let rounds = 0
    for (; !(await isIndexed()); rounds++) await round()
    expect(rounds).toBeGreaterThan(2)
    await loop.stop()
  })

  test('leaves what a run delivers little by little until there is a segment of it, or the run is over', async () => {
    const { indexer, search } = openIndex(store)
    const loop = new IndexLoop({ indexer, clock, logger: silentLogger, isBusy: () => false })
    loop.start()
    await round()
    const pending = async () => {
      await round()
      await round()
      const [work] = await store.searchIndex.pending([SPEC], null, 1)
      return work === undefined ? 0 : work.lastSequence - work.indexedSequence
    }
    await deliver(store, 1, page(0, 5), { status: 'inProgress' })
    expect(await pending()).toBe(5)
    await deliver(store, 1, page(5, 5), { status: 'inProgress' })
    expect(await pending()).toBe(0)
    await deliver(store, 1, page(10, 1), { status: 'inProgress' })
    expect(await pending()).toBe(1)
    expect(await idsOf(search, 'metadata["device"]:"tv"')).toHaveLength(11)
    expect(await pending()).toBe(0)
    await deliver(store, 1, page(11, 1), { status: 'inProgress' })
    expect(await pending()).toBe(1)
    await deliver(store, 1, page(12, 1), { status: 'success' })
    expect(await pending()).toBe(0)
    await loop.stop()
  })

  test('goes on after a failure of the store', async () => {
    let failures = 0
    const publish: typeof store.searchIndex.publish = (request) => {
      if (failures++ < 2) return Promise.reject(new Error('disk full'))
      return store.searchIndex.publish(request)
    }
    const { indexer } = openIndex({ ...store, searchIndex: { ...store.searchIndex, publish } })
    const loop = new IndexLoop({ indexer, clock, logger: silentLogger, isBusy: () => false })
    await deliver(store, 1, page(0, 20))
    loop.start()
    for (let rounds = 0; rounds < 4; rounds++) await round()
    expect(await isIndexed()).toBe(true)
    expect(failures).toBeGreaterThan(2)
    await loop.stop()
  })

  test('looks no more at a run that has ended well', async () => {
    const loop = new IndexLoop({ indexer: openIndex(store).indexer, clock, logger: silentLogger, isBusy: () => false })
    await deliver(store, 1, page(0, 3))
    loop.start()
    await round()
    await round()
    expect(await store.searchIndex.settle(1)).toBe(0)
    await loop.stop()
  })
})
