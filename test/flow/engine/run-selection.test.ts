import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { insertRun } from '../../../src/flow/engine/insert-run.ts'
import { createRunEngine, type RunEngine } from '../../../src/flow/engine/run-engine.ts'
import type { StopSignals } from '../../../src/flow/job-loop.ts'
import type { Flow, Run } from '../../../src/flow/types.ts'
import { RetriableSourceError } from '../../../src/plugins/plugin.ts'
import type { StoredEntity } from '../../../src/store/store.ts'
import { createEngineFixture, TENANT, type EngineFixture } from '../../support/engine-fixture.ts'
import { SCRIPTED_SELECTION, scriptedObjects } from '../../support/scripted-source.ts'

const BY = { userId: 'user', clientId: 'client' }
const LAG_MS = SCRIPTED_SELECTION.lagSeconds * 1000
const NEVER = new AbortController().signal

let fixture: EngineFixture
let flow: StoredEntity<Flow>
let engine: RunEngine

beforeEach(async () => {
  fixture = await createEngineFixture({ hasFeed: true, selects: ({ value }) => value !== 'other' })
  flow = await fixture.createFlow('flow', { startTime: 1_700_000_000, frequency: 'once' })
  engine = createRunEngine(fixture.context, { giveUpMs: 900_000, publicUrl: () => 'http://host', random: () => 1 })
})
afterEach(() => fixture.store.close())

const now = () => Math.floor(fixture.clock.time / 1000)

async function insert(): Promise<number> {
  const { store, context, clock } = fixture
  const { no } = await store.transaction(async (scope) => {
    const { id } = await insertRun(scope, context, { flow, params: {}, notBefore: clock.time, by: BY })
    return (await scope.entities.get(TENANT, 'runs', id))!
  })
  return no
}

async function execute(runNo: number, stop: Partial<StopSignals> = {}) {
  const { store } = fixture
  await engine.execute((await store.runs.get(runNo))!, { gentle: NEVER, immediate: NEVER, ...stop })
  const { metrics } = (await store.entities.getByNo(runNo))!.document as Run
  return (metrics as Record<string, { status?: string; extensions?: unknown }>).statusSummary!
}

const delivered = (runNo: number) => fixture.store.records.delivered(runNo, 0, 100_000)

test('what the index shows is dated back, and what was announced is read before it', async () => {
  const { source } = fixture
  const [fresh, old] = [
    { id: 'fresh', created: now() - 60, value: 2 },
    { id: 'old', created: now() - 86_400, value: 1 },
  ]
  source.objects = [fresh, old]
  source.changes = [{ changeId: 'evt_1', createdAt: now() - 30, objectIds: ['fresh'] }]
  const readBefore: number[] = []
  source.onRead = () => void readBefore.push(source.objectsRead.length)
  const startedAt = fixture.clock.time
  const runNo = await insert()
  const { status, extensions } = await execute(runNo)
  expect(status).toBe('success')
  expect(extensions).toEqual({ notes: [SCRIPTED_SELECTION.note], droppedRecordCount: 0 })
  expect(source.objectsRead).toEqual(['fresh'])
  expect(readBefore).toEqual([1])
  const dates = Object.fromEntries((await delivered(runNo)).map(({ objectId, observedAt }) => [objectId, observedAt]))
  expect(dates.fresh).toBeGreaterThanOrEqual(startedAt)
  expect(dates.old).toBeLessThan(startedAt - LAG_MS + 1000)
  expect(dates.old).toBeGreaterThanOrEqual(startedAt - LAG_MS)
})

test('a run that is stopped in the middle goes on with the next page, and delivers nothing twice', async () => {
  const { source } = fixture
  source.objects = scriptedObjects(450)
  source.changes = [{ changeId: 'evt_1', createdAt: now() - 30, objectIds: [source.objects[7]!.id] }]
  const stop = new AbortController()
  source.onRead = (_request, count) => {
    if (count === 3) stop.abort()
  }
  const runNo = await insert()
  expect((await execute(runNo, { immediate: stop.signal, gentle: stop.signal })).status).toBe('inProgress')
  const before = await delivered(runNo)
  expect(before.length).toBeGreaterThan(0)
  expect(before.length).toBeLessThan(450)

  source.onRead = () => {}
  expect((await execute(runNo)).status).toBe('success')
  const ids = (await delivered(runNo)).map(({ objectId }) => objectId)
  expect(ids).toHaveLength(450)
  expect(new Set(ids).size).toBe(450)
  expect(source.requests.length).toBeLessThanOrEqual(6)
  expect(source.objectsRead).toHaveLength(1)
})

test('a page that shows what was dropped is counted once, however often it is read', async () => {
  const { source } = fixture
  source.objects = scriptedObjects(3)
  let tries = 0
  source.onRead = ({ window }) => {
    if (++tries === 1) throw new RetriableSourceError('unavailable', 'not now')
    const records = source.objects.map((object) => ({ id: object.id, record: { data: { ...object } } }))
    return window.from === null ? { records, nextCursor: null, dropped: 4 } : undefined
  }
  expect((await execute(await insert())).extensions).toMatchObject({ droppedRecordCount: 4 })
  fixture.clock.time += 60_000
  expect((await execute(await insert())).extensions).toMatchObject({ droppedRecordCount: 0 })
})

test('an object that is not selected is taken only when the dataset holds it', async () => {
  const { source, clock } = fixture
  source.objects = [{ id: 'held', created: now() - 86_400, value: 1 }]
  await execute(await insert())
  clock.time += 60_000
  source.objects = []
  source.unlisted = [
    { id: 'held', created: now() - 86_400, value: 'other' },
    { id: 'never', created: now() - 10, value: 'other' },
  ]
  source.changes = ['held', 'never'].map((id) => ({ changeId: `evt_${id}`, createdAt: now(), objectIds: [id] }))
  const runNo = await insert()
  await execute(runNo)
  expect((await delivered(runNo)).map(({ objectId, operation }) => [objectId, operation])).toEqual([['held', 'upsert']])
})
