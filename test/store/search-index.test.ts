import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { IndexedTerm, IndexWork, ObservedRecord, RecordTarget, Store } from '../../src/store/store.ts'

const SPEC = 'stripe'
const TARGET: RecordTarget = { dataSetNo: 1, connectionSpecId: SPEC, resourcePath: 'charges' }
const RUN = 5

describe.each(['a folder', 'memory'])('the search index of a store in %s', (place) => {
  let folder: string
  let store: Store

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'search-index-'))
    store = await openSqliteStore({ dataDir: place === 'memory' ? ':memory:' : folder })
  })

  afterEach(async () => {
    await store.close()
    rmSync(folder, { recursive: true })
  })

  const deliver = async (runNo: number, records: readonly ObservedRecord[], target = TARGET, lastSequence = 0) =>
    store.records.deliver({ target, runNo, lastSequence, observedAt: runNo, records })
  const pending = (dataSetNo: number | null = 1) => store.searchIndex.pending([SPEC], dataSetNo, 100)
  const workOf = async (runNo: number): Promise<IndexWork> => {
    const work = (await pending()).find((each) => each.runNo === runNo)
    if (work === undefined) throw new Error(`Nothing of run ${runNo} is pending.`)
    return work
  }
  const publish = async (runNo: number, terms: readonly IndexedTerm[] = []) => {
    const work = await workOf(runNo)
    const request = { work, toSequence: work.lastSequence, segmentNo: null, terms, obsolete: [] }
    return store.searchIndex.publish(request)
  }
  const objectsWith = async (term: number, recordSetNo = 1): Promise<readonly string[]> => {
    const segments = await store.searchIndex.segments([recordSetNo])
    const lists = segments.map(({ no }) => ({ segmentNo: no, term }))
    return (await store.searchIndex.objectsWith(lists, '', 100)).flat()
  }

  test('tells of every delivery that is not in it, by run, and of none that is', async () => {
    expect(await pending()).toEqual([])
    await deliver(RUN, [record('a'), record('b')])
    await deliver(RUN + 1, [record('c')])
    const first = { dataSetNo: 1, recordSetNo: 1, resourcePath: 'charges', indexedSequence: 0, isGoingOn: false }
    expect(await pending()).toEqual([
      { ...first, runNo: RUN, lastSequence: 2 },
      { ...first, runNo: RUN + 1, lastSequence: 1 },
    ])
    await publish(RUN)
    expect(await pending()).toEqual([{ ...first, runNo: RUN + 1, lastSequence: 1 }])
    await deliver(RUN, [record('d')], TARGET, 2)
    expect((await workOf(RUN)).indexedSequence).toBe(2)
    expect(await store.searchIndex.pending([SPEC], 1, 1)).toHaveLength(1)
    const state = { runNo: RUN, flowNo: 1, notBefore: 0, lastSequence: 3, checkpoint: null }
    await store.runs.insert({ ...state, status: 'inProgress' })
    expect((await workOf(RUN)).isGoingOn).toBe(true)
  })

  test('keeps datasets and connection specs apart', async () => {
    const elsewhere = { ...TARGET, dataSetNo: 2 }
    await deliver(RUN, [record('a')])
    await deliver(RUN + 1, [record('a')], elsewhere)
    await deliver(RUN + 2, [record('a')], { ...TARGET, connectionSpecId: 'another' })
    expect((await pending(1)).map(({ runNo }) => runNo)).toEqual([RUN])
    expect((await pending(null)).map(({ runNo }) => runNo)).toEqual([RUN, RUN + 1])
    expect(await store.searchIndex.pending([], null, 100)).toEqual([])
    expect(await store.searchIndex.recordSets(1, [SPEC])).toEqual([{ recordSetNo: 1, resourcePath: 'charges' }])
    expect(await store.searchIndex.recordSets(3, [SPEC])).toEqual([])
    expect(await store.searchIndex.recordSets(1, [])).toEqual([])
  })

  test('gives each delivery with the newest version of its object and the version that it replaced', async () => {
    await deliver(RUN, [record('a'), record('b'), record('c'), { ...record('x'), objectId: null }])
    await deliver(RUN + 1, [record('a', 2), { ...record('b'), operation: 'delete', body: null, contentHash: null }])
    const old = await store.searchIndex.deliveries(await workOf(RUN), 0, 10)
    const first = (id: string, sequence: number) => ({ runNo: RUN, sequence, body: bodyOf(id, 1) })
    const second = { runNo: RUN + 1, sequence: 1, body: bodyOf('a', 2) }
    const plain = { isNewestIndexed: false, replaced: null }
    expect(old).toEqual([
      { ...plain, sequence: 1, objectId: 'a', isNewest: false, newest: second },
      { ...plain, sequence: 2, objectId: 'b', isNewest: false, newest: null },
      { ...plain, sequence: 3, objectId: 'c', isNewest: true, newest: first('c', 3) },
    ])
    expect(await store.searchIndex.deliveries(await workOf(RUN + 1), 0, 10)).toEqual([
      { ...plain, sequence: 1, objectId: 'a', isNewest: true, newest: second, replaced: first('a', 1) },
      { ...plain, sequence: 2, objectId: 'b', isNewest: true, newest: null, replaced: first('b', 2) },
    ])
    await publish(RUN + 1)
    const [stale] = await store.searchIndex.deliveries(await workOf(RUN), 0, 1)
    expect(stale).toMatchObject({ isNewest: false, isNewestIndexed: true })
    expect((await store.searchIndex.deliveries(await workOf(RUN), 1, 1)).map(({ objectId }) => objectId)).toEqual(['b'])
  })

  test('moves its position and its terms together, or neither', async () => {
    await deliver(RUN, [record('a')])
    const work = await workOf(RUN)
    await expect(
      store.transaction(async (scope) => {
        await scope.searchIndex.publish({ work, toSequence: 1, segmentNo: null, terms: [term(7, 'a')], obsolete: [] })
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await pending()).toEqual([work])
    expect(await objectsWith(7)).toEqual([])
    expect(await publish(RUN, [term(7, 'a')])).toBe(true)
    expect(await pending()).toEqual([])
    expect(await objectsWith(7)).toEqual(['a'])
  })

  test('refuses terms of a run that stands elsewhere by now', async () => {
    await deliver(RUN, [record('a')])
    const work = await workOf(RUN)
    await publish(RUN, [term(7, 'a')])
    const late = { work, toSequence: 1, segmentNo: null, terms: [term(8, 'a')], obsolete: [] }
    expect(await store.searchIndex.publish(late)).toBe(false)
    expect(await objectsWith(8)).toEqual([])
  })

  test('searches a segment only once it is published', async () => {
    await deliver(RUN, [record('a'), record('b')])
    const work = await workOf(RUN)
    const segmentNo = await store.searchIndex.openSegment(work)
    expect(await store.searchIndex.fillSegment(segmentNo!, [term(7, 'a'), term(7, 'b'), term(9, 'b')])).toBe(true)
    expect(await objectsWith(7)).toEqual([])
    await store.searchIndex.publish({ work, toSequence: 2, segmentNo, terms: [], obsolete: [] })
    expect(await objectsWith(7)).toEqual(['a', 'b'])
    const [a, b, c] = [7, 9, 11].map((number) => ({ segmentNo: segmentNo!, term: number }))
    expect(await store.searchIndex.objectsWith([b!, c!, a!], 'a', 10)).toEqual([['b'], [], ['a', 'b']])
    expect(await store.searchIndex.objectsWith([a!], 'b', 10)).toEqual([['b']])
    expect(await store.searchIndex.objectsWith([a!], '', 1)).toEqual([['a']])
    expect(await store.searchIndex.objectsWith([], '', 1)).toEqual([])
    expect(await store.searchIndex.objectsWith(Array(450).fill(b), '', 1)).toEqual(Array(450).fill(['b']))
    const versions = [1, 2, 3].map((sequence) => ({ runNo: RUN, sequence }))
    expect(await store.searchIndex.segmentsOf(1, versions)).toEqual([segmentNo, segmentNo, null])
  })

  test('drops what was begun and never published', async () => {
    await deliver(RUN, [record('a')])
    const work = await workOf(RUN)
    const segmentNo = (await store.searchIndex.openSegment(work))!
    await store.searchIndex.fillSegment(segmentNo, [term(7, 'a')])
    await store.searchIndex.dropOpenSegments()
    expect(await store.searchIndex.objectsWith([{ segmentNo, term: 7 }], '', 10)).toEqual([[]])
    expect(await store.searchIndex.fillSegment(segmentNo, [term(7, 'a')])).toBe(false)
    const request = { work, toSequence: 1, segmentNo, terms: [], obsolete: [] }
    await expect(store.searchIndex.publish(request)).rejects.toThrow(/is gone/)
    expect(await pending()).toEqual([work])
  })

  test('removes obsolete terms where they were indexed, and a segment that nothing is left of', async () => {
    await deliver(RUN, [record('a'), record('b')])
    const work = await workOf(RUN)
    const segmentNo = (await store.searchIndex.openSegment(work))!
    await store.searchIndex.fillSegment(segmentNo, [term(7, 'a'), term(7, 'b')])
    await store.searchIndex.publish({ work, toSequence: 2, segmentNo, terms: [], obsolete: [] })

    await deliver(RUN + 1, [record('a', 2), record('b', 2)])
    const replacing = { work: await workOf(RUN + 1), segmentNo: null }
    const obsoleteA = { ...term(7, 'a'), segmentNo }
    await store.searchIndex.publish({ ...replacing, toSequence: 1, terms: [term(8, 'a')], obsolete: [obsoleteA] })
    expect(await objectsWith(7)).toEqual(['b'])
    const rest = { ...replacing, work: await workOf(RUN + 1), toSequence: 2 }
    await store.searchIndex.publish({ ...rest, terms: [term(7, 'b')], obsolete: [{ ...term(7, 'b'), segmentNo }] })
    expect(await objectsWith(7)).toEqual(['b'])
    expect((await store.searchIndex.segments([1])).map(({ no }) => no)).not.toContain(segmentNo)
  })

  test('keeps a term that is obsolete and new at once', async () => {
    await deliver(RUN, [record('a')])
    await publish(RUN, [term(7, 'a')])
    await deliver(RUN + 1, [record('a', 2)])
    const obsolete = [{ ...term(7, 'a'), segmentNo: null }]
    const request = { work: await workOf(RUN + 1), toSequence: 1, segmentNo: null, terms: [term(7, 'a')], obsolete }
    await store.searchIndex.publish(request)
    expect(await objectsWith(7)).toEqual(['a'])
  })

  test('does not look again at a run that has ended well, but at one that may go on', async () => {
    const state = { flowNo: 1, notBefore: 0, lastSequence: 1, checkpoint: null }
    await store.runs.insert({ ...state, runNo: RUN, status: 'success' })
    await store.runs.insert({ ...state, runNo: RUN + 1, status: 'failed' })
    await deliver(RUN, [record('a')])
    await deliver(RUN + 1, [record('b')])
    expect(await store.searchIndex.settle(10)).toBe(0)
    await publish(RUN)
    await publish(RUN + 1)
    expect(await store.searchIndex.settle(10)).toBe(1)
    expect(await store.searchIndex.settle(10)).toBe(0)
    await deliver(RUN + 1, [record('c')], TARGET, 1)
    expect((await pending()).map(({ runNo }) => runNo)).toEqual([RUN + 1])
  })

  test('goes with its dataset, and takes nothing more of it', async () => {
    const elsewhere = { ...TARGET, dataSetNo: 2 }
    await deliver(RUN, [record('a')])
    await deliver(RUN + 1, [record('a')], elsewhere)
    const work = await workOf(RUN)
    const segmentNo = (await store.searchIndex.openSegment(work))!
    await store.searchIndex.fillSegment(segmentNo, [term(7, 'a')])
    const [other] = await pending(2)
    const kept = { work: other!, toSequence: 1, segmentNo: null, terms: [term(7, 'a')], obsolete: [] }
    await store.searchIndex.publish(kept)

    await store.records.deleteDataSet(1)
    expect(await store.searchIndex.fillSegment(segmentNo, [term(7, 'b')])).toBe(false)
    expect(await store.searchIndex.openSegment(work)).toBeNull()
    const late = { work, toSequence: 1, segmentNo: null, terms: [term(7, 'a')], obsolete: [] }
    expect(await store.searchIndex.publish(late)).toBe(false)
    expect(await store.searchIndex.objectsWith([{ segmentNo, term: 7 }], '', 10)).toEqual([[]])
    expect(await store.searchIndex.segments([work.recordSetNo])).toEqual([])
    expect(await objectsWith(7, other!.recordSetNo)).toEqual(['a'])
  })

  test('finds the newest versions at positions in their order, without what is deleted or unknown', async () => {
    const customers = { ...TARGET, resourcePath: 'customers' }
    await deliver(RUN, [record('a'), record('b'), record('c')])
    await deliver(RUN + 1, [record('a', 2)], customers)
    await deliver(RUN + 2, [record('c', 3), { ...record('b'), operation: 'delete', body: null, contentHash: null }])
    const positions = [
      { objectId: 'a', recordSetNo: 1 },
      { objectId: 'a', recordSetNo: 2 },
      { objectId: 'b', recordSetNo: 1 },
      { objectId: 'c', recordSetNo: 1 },
      { objectId: 'd', recordSetNo: 1 },
    ]
    const found = await store.searchIndex.present(1, positions)
    expect(found.map(({ body }) => body)).toEqual([bodyOf('a', 1), bodyOf('a', 2), bodyOf('c', 3)])
    expect(found.map(({ position }) => position)).toEqual([positions[0], positions[1], positions[3]])
    expect(await store.searchIndex.present(2, positions)).toEqual([])
  })
})

function record(objectId: string, version = 1): ObservedRecord {
  const body = bodyOf(objectId, version)
  return { objectId, operation: 'upsert', body, contentHash: body }
}

function bodyOf(id: string, version: number): string {
  return JSON.stringify({ data: { id, version } })
}

function term(number: number, objectId: string): IndexedTerm {
  return { term: number, objectId }
}
