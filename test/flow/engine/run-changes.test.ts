import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { insertRun } from '../../../src/flow/engine/insert-run.ts'
import { createRunEngine, type RunEngine } from '../../../src/flow/engine/run-engine.ts'
import type { Flow, Run } from '../../../src/flow/types.ts'
import type { JsonObject } from '../../../src/json.ts'
import { FatalSourceError, type Change } from '../../../src/plugins/plugin.ts'
import { StoreUnavailableError } from '../../../src/store/store-unavailable-error.ts'
import type { StoredEntity } from '../../../src/store/store.ts'
import { createEngineFixture, TENANT, type EngineFixture } from '../../support/engine-fixture.ts'
import { scriptedObjects, type ScriptedObject } from '../../support/scripted-source.ts'

const BY = { userId: 'user', clientId: 'client' }
const DAY_MS = 86_400_000

let fixture: EngineFixture
let flow: StoredEntity<Flow>
let engine: RunEngine
let changeCount = 0

beforeEach(async () => {
  fixture = await createEngineFixture({ hasFeed: true })
  flow = await fixture.createFlow('flow', { startTime: 1_700_000_000, frequency: 'once' })
  engine = createRunEngine(fixture.context, { giveUpMs: 900_000, publicUrl: () => 'http://host', random: () => 1 })
  changeCount = 0
})

afterEach(() => fixture.store.close())

/** The host's clock in Unix seconds. */
function now(): number {
  return Math.floor(fixture.clock.time / 1000)
}

function later(ms: number): void {
  fixture.clock.time += ms
}

function change(objectId: string, createdAt = now()): Change {
  const entry = { changeId: `evt_${++changeCount}`, createdAt, objectIds: [objectId] }
  fixture.source.changes.unshift(entry)
  return entry
}

/** Gives an object of the source another value, and announces it. */
function update(id: string, value: number, createdAt = now()): void {
  const { source } = fixture
  source.objects = source.objects.map((object) => (object.id === id ? { ...object, value } : object))
  change(id, createdAt)
}

function remove(id: string): void {
  fixture.source.objects = fixture.source.objects.filter((object) => object.id !== id)
  change(id)
}

async function run(params: JsonObject = {}, of = flow) {
  const { store, context } = fixture
  const { id } = await store.transaction((scope) =>
    insertRun(scope, context, { flow: of, params, notBefore: fixture.clock.time, by: BY }),
  )
  const { no } = (await store.entities.get(TENANT, 'runs', id))!
  const never = new AbortController().signal
  await engine.execute((await store.runs.get(no))!, { gentle: never, immediate: never })
  const document = (await store.entities.getByNo(no))?.document as Run
  const metrics = document.metrics as Record<string, Record<string, unknown>>
  const delivered = await store.records.delivered(no, 0, 100_000)
  return {
    status: metrics.statusSummary?.status,
    extensions: (metrics.statusSummary?.extensions ?? {}) as { relisted?: JsonObject; notes?: string[] },
    delivered: delivered.map(({ objectId, operation, body }) => [objectId, operation, valueOf(body)]),
  }
}

function valueOf(body: string | null): unknown {
  return body === null ? null : (JSON.parse(body) as { data: ScriptedObject }).data.value
}

async function dataSet(): Promise<(string | null)[]> {
  const current = await fixture.store.records.current(fixture.dataSetNo, null, 100_000, false)
  return current.map(({ objectId }) => objectId)
}

describe('changes that the source announces', () => {
  beforeEach(async () => {
    fixture.source.objects = [
      { id: 'newest', created: 1_750_000_000, value: 1 },
      { id: 'a', created: 1_700_000_000, value: 1 },
    ]
    expect((await run()).delivered).toHaveLength(2)
    later(60_000)
  })

  test('are taken by the next run, each object read once however often it changed', async () => {
    update('a', 2)
    update('a', 3)
    later(60_000)
    expect((await run()).delivered).toEqual([['a', 'upsert', 3]])
    expect(fixture.source.objectsRead).toEqual(['a'])
    later(60_000)
    expect((await run()).delivered).toEqual([])
    expect(fixture.source.objectsRead).toEqual(['a'])
  })

  test('of one second that fills several pages of the feed are all taken', async () => {
    const { source } = fixture
    const added = Array.from({ length: 250 }, (_, index) => ({ id: `b${index}`, created: 1_600_000_000, value: 1 }))
    source.unlisted = added
    for (const { id } of added) change(id)
    later(60_000)
    expect((await run()).delivered).toHaveLength(250)
  })

  test('that come into the mark’s second after the mark are left to the next run', async () => {
    update('a', 2)
    const second = now()
    later(60_000)
    // The object is listed in the run, then changes again in the second of the newest change.
    fixture.source.objects.unshift({ id: 'new', created: now(), value: 1 })
    change('new')
    fixture.source.onRead = () => {
      fixture.source.onRead = () => {}
      queueMicrotask(() => update('new', 2))
    }
    expect(second).toBeLessThan(now())
    await run()
    later(60_000)
    await run()
    const current = await fixture.store.records.current(fixture.dataSetNo, null, 10, false)
    expect(current.map(({ objectId, body }) => [objectId, valueOf(body)])).toEqual([
      ['a', 2],
      ['new', 2],
      ['newest', 1],
    ])
  })

  test('that show up late are found by reading the last minutes again', async () => {
    update('a', 2)
    later(60_000)
    await run()
    // Dated before the newest change that the run has seen.
    const { source } = fixture
    source.unlisted = [{ id: 'late', created: 1_650_000_000, value: 1 }]
    source.changes.push({ changeId: 'evt_late', createdAt: now() - 100, objectIds: ['late'] })
    later(60_000)
    expect((await run()).delivered).toEqual([['late', 'upsert', 1]])
  })

  test('of an object that no list shows are taken although it was created after the run was planned', async () => {
    fixture.source.unlisted = [{ id: 'inline', created: now() + 5, value: 1 }]
    change('inline', now() + 5)
    expect((await run()).delivered).toEqual([['inline', 'upsert', 1]])
  })

  test('that delete an object deliver a deletion', async () => {
    remove('a')
    later(60_000)
    expect((await run()).delivered).toEqual([['a', 'delete', null]])
    expect(await dataSet()).toEqual(['newest'])
  })

  test('are left to the next run by a run whose window ends in the past', async () => {
    update('a', 2)
    later(60_000)
    expect((await run({ windowEndTime: now() - 30 })).delivered).toEqual([])
    expect((await run()).delivered).toEqual([['a', 'upsert', 2]])
  })
})

describe('changes that nobody can tell any more', () => {
  beforeEach(async () => {
    fixture.source.objects = scriptedObjects(250)
    change(fixture.source.objects[0]!.id)
    expect((await run()).delivered).toHaveLength(250)
  })

  function missUpdateAndDeletion(): [string, string] {
    const { source } = fixture
    const [first, second] = [source.objects[120]!.id, source.objects[240]!.id]
    update(first, 2)
    remove(second)
    source.changes = []
    return [first, second]
  }

  test('after more than thirty days are found by listing everything anew, and the run says so', async () => {
    const [updated, deleted] = missUpdateAndDeletion()
    const gapStart = fixture.clock.time
    later(31 * DAY_MS)
    const { delivered, extensions } = await run()
    expect(delivered).toEqual([
      [updated, 'upsert', 2],
      [deleted, 'delete', null],
    ])
    expect(extensions.relisted).toMatchObject({ gapStart: expect.any(Number), gapEnd: fixture.clock.time })
    expect(Number(extensions.relisted?.gapStart)).toBeLessThanOrEqual(gapStart)
    later(60_000)
    expect(await run()).toMatchObject({ delivered: [], extensions: {} })
  })

  test('although the clocks say that nothing is missing are found when the feed no longer holds what was known', async () => {
    const [updated, deleted] = missUpdateAndDeletion()
    change('somebody else')
    later(60_000)
    const { delivered, extensions } = await run()
    expect(delivered).toEqual([
      [updated, 'upsert', 2],
      [deleted, 'delete', null],
    ])
    expect(extensions.relisted?.reason).toMatch(/no longer has all changes/)
  })

  test('because the key may not read them are found by every run, which names the permission', async () => {
    fixture.source.mayReadChanges = false
    const [updated, deleted] = missUpdateAndDeletion()
    later(60_000)
    const { delivered, extensions } = await run()
    expect(delivered.map(([id]) => id)).toEqual([updated, deleted])
    expect(extensions.notes?.join()).toContain('rak_event_read')
  })
})

test('an object that a failed first run has delivered and that was deleted since is deleted by the next first run', async () => {
  const { source } = fixture
  source.objects = scriptedObjects(250)
  source.onRead = (_, count) => {
    if (count === 2) throw new FatalSourceError('request', 'no')
  }
  expect((await run()).status).toBe('failed')
  source.onRead = () => {}
  const gone = source.objects[10]!.id
  remove(gone)
  later(60_000)
  const { status, delivered } = await run()
  expect(status).toBe('success')
  expect(delivered.filter(([, operation]) => operation === 'delete')).toEqual([[gone, 'delete', null]])
  expect(await dataSet()).toHaveLength(249)
})

test('a run waits for a store that cannot be read, and goes on where it was', async () => {
  fixture.source.objects = scriptedObjects(250)
  const { progress } = fixture.store
  const { get } = progress
  const fault = new StoreUnavailableError('locked', 'locked')
  Object.assign(progress, { get: () => Promise.reject(fault) })
  await expect(run()).rejects.toBe(fault)
  Object.assign(progress, { get })
  const [open] = await fixture.store.runs.openRuns(flow.no)
  expect(open?.status).toBe('inProgress')
  const never = new AbortController().signal
  await engine.execute(open!, { gentle: never, immediate: never })
  expect((await fixture.store.runs.get(open!.runNo))?.status).toBe('success')
  expect(await dataSet()).toHaveLength(250)
})

describe('two flows that read one object at the same moment', () => {
  /** The other flow's request for the list waits, at the source, for what `meanwhile` does. */
  async function whileOtherReads(meanwhile: () => Promise<unknown>) {
    const other = await fixture.createFlow('other', { startTime: 1_700_000_000, frequency: 'once' })
    const { source } = fixture
    let held: Promise<unknown> | undefined
    source.onRead = async () => {
      if (held !== undefined) return
      held = meanwhile()
      await held
    }
    return run({}, other)
  }

  beforeEach(() => {
    fixture.source.objects = [{ id: 'a', created: 1_700_000_000, value: 1 }]
  })

  test('leave the newer state although the request that saw it was sent first', async () => {
    const { delivered } = await whileOtherReads(async () => {
      expect((await run()).delivered).toEqual([['a', 'upsert', 1]])
      fixture.source.objects = [{ id: 'a', created: 1_700_000_000, value: 2 }]
    })
    expect(delivered).toEqual([['a', 'upsert', 2]])
    expect(fixture.source.objectsRead).toEqual(['a'])
    const [stored] = await fixture.store.records.current(fixture.dataSetNo, null, 1, false)
    expect(valueOf(stored!.body)).toBe(2)
  })

  test('read it once more only when they saw different states', async () => {
    expect((await whileOtherReads(run)).delivered).toEqual([])
    expect(fixture.source.objectsRead).toEqual([])
  })
})

describe('lists read side by side', () => {
  test.each([
    ['evenly spread', (index: number) => 1_750_000_000 - index * 997],
    ['within one hour', (index: number) => 1_750_000_000 - Math.floor(index / 2)],
    ['in bursts', (index: number) => 1_750_000_000 - Math.floor(index / 500) * 1_000_000 - (index % 500)],
    ['in one second', () => 1_750_000_000],
  ])('deliver every object once when objects lie %s', async (_, created) => {
    const { source } = fixture
    source.parallelism = 12
    source.objects = Array.from({ length: 5000 }, (_, index) => ({ id: `ch_${index}`, created: created(index) }))
    const { delivered } = await run()
    expect(new Set(delivered.map(([id]) => id)).size).toBe(5000)
    expect(delivered).toHaveLength(5000)
  })

  test('read a small account one page after the other, in one request for each page', async () => {
    const { source } = fixture
    source.parallelism = 12
    source.objects = scriptedObjects(300)
    await run()
    expect(source.requests.map(({ window }) => window.from)).toEqual([null, null, null])
  })

  test('need at most 1.1 requests for each full page of fifty thousand objects', async () => {
    const { source } = fixture
    source.parallelism = 20
    source.objects = Array.from({ length: 50_000 }, (_, index) => ({
      id: `${index}`,
      created: 1_750_000_000 - index * 997,
    }))
    await run()
    expect(source.requests.length).toBeLessThanOrEqual(550)
    expect(new Set(source.requests.map(({ window }) => window.from)).size).toBeGreaterThan(10)
  })
})
