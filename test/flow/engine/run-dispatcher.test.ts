import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createRunDispatcher, type RunDispatcher } from '../../../src/flow/engine/run-dispatcher.ts'
import { createRunEngine } from '../../../src/flow/engine/run-engine.ts'
import type { Run } from '../../../src/flow/types.ts'
import type { JsonObject } from '../../../src/json.ts'
import { createEngineFixture, TENANT, type EngineFixture } from '../../support/engine-fixture.ts'
import { scriptedObjects } from '../../support/scripted-source.ts'

const HOUR = 3_600_000

let fixture: EngineFixture
let dispatcher: RunDispatcher

beforeEach(async () => {
  fixture = await createEngineFixture()
  dispatcher = newDispatcher()
})

afterEach(async () => {
  await dispatcher.stop(1000)
  await fixture.store.close()
})

function newDispatcher(): RunDispatcher {
  const engine = createRunEngine(fixture.context, { giveUpMs: 900_000, publicUrl: () => 'http://host' })
  return createRunDispatcher(fixture.context, engine)
}

/** Rounds of the dispatcher until nothing is open any more. */
async function settle(flowNo: number): Promise<void> {
  for (let round = 0; round < 100; round++) {
    await dispatcher.tick()
    await new Promise(setImmediate)
    if ((await fixture.store.runs.openRuns(flowNo)).length === 0) return
  }
  throw new Error('the runs do not come to an end')
}

async function runs(): Promise<Run[]> {
  const found = await fixture.store.entities.list(TENANT, 'runs', { filter: [], order: [], limit: 100, after: null })
  return found.map((entity) => entity.document as Run).toSorted((a, b) => a.createdAt - b.createdAt)
}

function windowOf(run: Run): JsonObject {
  return (run.activities[0]?.durationSummary as JsonObject).extensions as JsonObject
}

function statusOf(run: Run): unknown {
  return (run.metrics.statusSummary as JsonObject).status
}

test('a flow that is due gets one run, and the next is due on the grid', async () => {
  const { clock, store } = fixture
  const startTime = Math.floor(clock.time / 1000)
  const flow = await fixture.createFlow('f', { startTime, frequency: 'hour', interval: 1 }, clock.time)
  await settle(flow.no)
  expect(await runs()).toHaveLength(1)
  expect((await store.progress.get(flow.no))?.nextDueAt).toBe(startTime * 1000 + HOUR)
  await settle(flow.no)
  expect(await runs()).toHaveLength(1)
})

test('a late run covers the whole gap, and the next is on the grid again', async () => {
  const { clock, store } = fixture
  const startTime = Math.floor(clock.time / 1000)
  const flow = await fixture.createFlow('f', { startTime, frequency: 'hour', interval: '1' }, clock.time)
  await settle(flow.no)
  clock.time += 5 * HOUR + 60_000
  await settle(flow.no)
  const [first, late, ...more] = await runs()
  expect(more).toEqual([])
  expect(windowOf(late!).windowStart).toBe(windowOf(first!).windowEnd)
  expect(Number(windowOf(late!).windowEnd)).toBeGreaterThanOrEqual(startTime * 1000 + 5 * HOUR)
  expect((await store.progress.get(flow.no))?.nextDueAt).toBe(startTime * 1000 + 6 * HOUR)
})

test('without backfill the first run takes nothing from before the start time', async () => {
  const { clock, source } = fixture
  const startTime = Math.floor(clock.time / 1000) - 100
  source.objects = [
    { id: 'after', created: startTime + 5 },
    { id: 'at', created: startTime },
    { id: 'before', created: startTime - 1 },
  ]
  const schedule = { startTime, frequency: 'day', interval: 1, backfill: false }
  const flow = await fixture.createFlow('f', schedule, clock.time)
  await settle(flow.no)
  const delivered = await fixture.store.records.current(fixture.dataSetNo, null, 10, false)
  expect(delivered.map((record) => record.objectId)).toEqual(['after', 'at'])
})

test('a flow of frequency once makes one run by itself and then no more', async () => {
  const { clock, store } = fixture
  const schedule = { startTime: Math.floor(clock.time / 1000), frequency: 'once' }
  const flow = await fixture.createFlow('f', schedule, clock.time)
  await settle(flow.no)
  clock.time += 1000 * HOUR
  await settle(flow.no)
  expect(await runs()).toHaveLength(1)
  expect((await store.progress.get(flow.no))?.nextDueAt).toBeNull()
})

test('two runs of one flow never go on at the same time', async () => {
  const { clock, store, source } = fixture
  const startTime = Math.floor(clock.time / 1000)
  const flow = await fixture.createFlow('f', { startTime, frequency: 'minute', interval: 15 }, clock.time)
  source.objects = scriptedObjects(300)
  let release = () => {}
  source.onRead = () => new Promise<void>((resolve) => (release = resolve))
  await dispatcher.tick()
  clock.time += HOUR
  await dispatcher.tick()
  await dispatcher.tick()
  expect(await store.runs.openRuns(flow.no)).toHaveLength(1)
  source.onRead = () => {}
  release()
  await settle(flow.no)
  await settle(flow.no)
  expect((await runs()).map(statusOf)).toEqual(['success', 'success'])
})

test('a disabled flow makes no run', async () => {
  const { clock, store } = fixture
  const startTime = Math.floor(clock.time / 1000)
  const flow = await fixture.createFlow('f', { startTime, frequency: 'hour', interval: 1 }, clock.time)
  await store.entities.update(flow, { etag: '"2"', document: { ...flow.document, state: 'disabled' } })
  await dispatcher.tick()
  expect(await runs()).toEqual([])
})

test('a failed run does not move the flow: the next one starts where the last good one ended', async () => {
  const { clock, source } = fixture
  const startTime = Math.floor(clock.time / 1000)
  const flow = await fixture.createFlow('f', { startTime, frequency: 'hour', interval: 1 }, clock.time)
  await settle(flow.no)
  clock.time += HOUR
  source.onRead = () => {
    throw new Error('a bug')
  }
  await settle(flow.no)
  clock.time += HOUR
  source.onRead = () => {}
  await settle(flow.no)
  const [good, failed, next] = await runs()
  expect(statusOf(failed!)).toBe('failed')
  expect(windowOf(next!).windowStart).toBe(windowOf(good!).windowEnd)
})

test('a run that a dead process left in progress goes on', async () => {
  const { clock, source } = fixture
  source.objects = scriptedObjects(500)
  const schedule = { startTime: Math.floor(clock.time / 1000), frequency: 'once' }
  const flow = await fixture.createFlow('f', schedule, clock.time)
  // The third page never comes: this dispatcher stands for the process that dies.
  const dead = dispatcher
  source.onRead = ({ signal }, count) =>
    count === 3 ? new Promise<void>((_, reject) => signal.addEventListener('abort', reject)) : undefined
  await dead.tick()
  while (source.requests.length < 3) await new Promise(setImmediate)
  source.onRead = () => {}
  dispatcher = newDispatcher()
  await settle(flow.no)
  await dead.stop(0)
  const [run] = await runs()
  expect(statusOf(run!)).toBe('success')
  expect(run!.metrics.recordSummary).toMatchObject({ inputRecordCount: 500, outputRecordCount: 500 })
})

test('a stop lets the page in hand be stored and leaves the run to be gone on with', async () => {
  const { clock, source, store } = fixture
  source.objects = scriptedObjects(1000)
  const schedule = { startTime: Math.floor(clock.time / 1000), frequency: 'once' }
  const flow = await fixture.createFlow('f', schedule, clock.time)
  // Only the end of the runs cuts the time of grace short.
  clock.sleep = (_, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve()))
  const stopped = new Promise<void>((resolve) => {
    source.onRead = (_, count) => {
      if (count === 3) resolve(dispatcher.stop(1000))
    }
  })
  await dispatcher.tick()
  await stopped
  const [open] = await store.runs.openRuns(flow.no)
  expect(open?.status).toBe('inProgress')
  expect(open?.lastSequence).toBeGreaterThan(0)
  expect((open?.lastSequence ?? 1) % 100).toBe(0)
})
