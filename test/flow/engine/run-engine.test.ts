import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { FlowContext } from '../../../src/flow/context.ts'
import { insertRun } from '../../../src/flow/engine/insert-run.ts'
import { createRunEngine, type RunEngineOptions } from '../../../src/flow/engine/run-engine.ts'
import type { Flow, Run } from '../../../src/flow/types.ts'
import type { JsonObject } from '../../../src/json.ts'
import { FatalSourceError, RetriableSourceError } from '../../../src/plugins/plugin.ts'
import type { StoredEntity, Store } from '../../../src/store/store.ts'
import { createEngineFixture, TENANT, type StillClock } from '../../support/engine-fixture.ts'
import { scriptedObjects, type ScriptedSource } from '../../support/scripted-source.ts'

const BY = { userId: 'user', clientId: 'client' }

let store: Store
let source: ScriptedSource
let context: FlowContext
let clock: StillClock
let flow: StoredEntity<Flow>
let dataSetNo: number

beforeEach(async () => {
  const fixture = await createEngineFixture()
  ;({ store, source, context, clock, dataSetNo } = fixture)
  flow = await fixture.createFlow('flow', { startTime: 1_700_000_000, frequency: 'once' })
})

afterEach(() => store.close())

function engine(options: Partial<RunEngineOptions> = {}) {
  return createRunEngine(context, { giveUpMs: 900_000, publicUrl: () => 'http://host', random: () => 1, ...options })
}

async function newRun(params: JsonObject = {}): Promise<number> {
  const run = await store.transaction((scope) =>
    insertRun(scope, context, { flow, params, notBefore: clock.time, by: BY }),
  )
  return (await store.entities.get(TENANT, 'runs', run.id))?.no ?? 0
}

async function execute(runNo: number, options: Partial<RunEngineOptions> = {}, stop = new AbortController()) {
  const state = await store.runs.get(runNo)
  if (state === null) throw new Error('no such run')
  await engine(options).execute(state, { gentle: stop.signal, immediate: new AbortController().signal })
  return readRun(runNo)
}

async function readRun(runNo: number) {
  const document = (await store.entities.getByNo(runNo))?.document as Run
  const delivered = await store.records.delivered(runNo, 0, 100_000)
  const metrics = document.metrics as Record<string, Record<string, unknown>>
  return {
    document,
    ids: delivered.map((record) => record.objectId),
    sequences: delivered.map((record) => record.sequence),
    status: metrics.statusSummary?.status,
    errors: metrics.statusSummary?.errors as { code: string; message: string }[],
    counts: metrics.recordSummary ?? {},
  }
}

async function dataSetIds(): Promise<(string | null)[]> {
  return (await store.records.current(dataSetNo, null, 100_000, false)).map((record) => record.objectId)
}

describe('a run', () => {
  test('delivers every object once, newest first, also where pages end inside a second', async () => {
    source.objects = scriptedObjects(1234)
    const { ids, sequences, status, counts } = await execute(await newRun())
    expect(status).toBe('success')
    expect(ids).toEqual(source.objects.map((object) => object.id))
    expect(sequences).toEqual(ids.map((_, index) => index + 1))
    expect(await dataSetIds()).toEqual(ids.toSorted())
    expect(counts).toMatchObject({
      inputRecordCount: 1234,
      outputRecordCount: 1234,
      createdRecordCount: 1234,
      skippedRecordCount: 0,
      failedRecordCount: 0,
    })
  })

  test('ends well on an account without objects', async () => {
    const { status, counts } = await execute(await newRun())
    expect(status).toBe('success')
    expect(counts).toMatchObject({ inputRecordCount: 0, outputRecordCount: 0 })
    expect(source.requests).toHaveLength(1)
  })

  test('does not deliver again what has not changed, and delivers what is new or changed', async () => {
    source.objects = scriptedObjects(250, Math.floor(clock.time / 1000) - 10)
    await execute(await newRun())
    clock.time += 60_000
    const [first, ...others] = source.objects
    source.objects = [
      { id: 'new', created: Math.floor(clock.time / 1000) - 1 },
      { ...first!, value: 'changed' },
      ...others,
    ]
    const { ids, counts } = await execute(await newRun())
    expect(ids).toEqual(['new', first!.id])
    expect(counts).toMatchObject({ createdRecordCount: 1, updatedRecordCount: 1, outputRecordCount: 2 })
    expect(counts.inputRecordCount).toBe((counts.outputRecordCount as number) + (counts.skippedRecordCount as number))
  })

  test('catches an object that became visible after the window of its second was read', async () => {
    source.objects = scriptedObjects(10, Math.floor(clock.time / 1000) - 10)
    await execute(await newRun())
    source.objects = [...source.objects, { id: 'late', created: Math.floor(clock.time / 1000) - 60 }]
    clock.time += 30_000
    expect((await execute(await newRun())).ids).toEqual(['late'])
  })

  test('begins its window where the one before it ended', async () => {
    const first = await execute(await newRun())
    clock.time += 3_600_000
    const second = await execute(await newRun())
    const windowOf = (run: { document: Run }) =>
      (run.document.activities[0]?.durationSummary as JsonObject).extensions as JsonObject
    expect(windowOf(second).windowStart).toBe(windowOf(first).windowEnd)
    expect(windowOf(second).windowEnd).toBe(clock.time)
  })

  test('takes only the window that its params name and leaves the flow where it stood', async () => {
    source.objects = scriptedObjects(300, 1_750_000_000)
    const params = { windowStartTime: 1_749_999_950, windowEndTime: '1750000000' }
    const { ids } = await execute(await newRun(params))
    const expected = source.objects.filter(
      (object) => object.created >= 1_749_999_950 && object.created < 1_750_000_000,
    )
    expect(ids).toEqual(expected.map((object) => object.id))
    expect((await store.progress.get(flow.no))?.position).toBeNull()
    expect((await execute(await newRun())).ids).toHaveLength(300 - expected.length)
  })

  test('shows two activities that agree with its metrics, and itself on its flow', async () => {
    source.objects = scriptedObjects(120)
    const { document } = await execute(await newRun())
    const metrics = document.metrics as Record<string, JsonObject>
    expect(document.activities.map((activity) => activity.id)).toEqual(['copyActivity', 'promotionActivity'])
    const [copy, promotion] = document.activities as Record<string, JsonObject>[]
    expect(metrics.sizeSummary?.inputBytes).toBe(copy?.sizeSummary?.inputBytes)
    expect(metrics.sizeSummary?.outputBytes).toBe(promotion?.sizeSummary?.outputBytes)
    expect(metrics.durationSummary?.startedAtUTC).toBe(copy?.durationSummary?.startedAtUTC)
    expect(metrics.durationSummary?.completedAtUTC).toBe(promotion?.durationSummary?.completedAtUTC)
    const shown = (await store.entities.getByNo(flow.no))?.document.lastRunDetails
    expect(shown).toMatchObject({ id: document.id, state: 'success' })
  })
})

describe('a run that is interrupted', () => {
  test('goes on after the last stored page and reads no page twice', async () => {
    source.objects = scriptedObjects(1000)
    const runNo = await newRun()
    const stop = new AbortController()
    source.onRead = (_, count) => {
      if (count === 4) stop.abort()
    }
    const interrupted = await execute(runNo, {}, stop)
    expect(interrupted.status).toBe('inProgress')
    expect(interrupted.ids.length).toBeGreaterThan(0)
    expect(interrupted.ids.length).toBeLessThan(1000)
    const { ids, status, counts } = await execute(runNo)
    expect(status).toBe('success')
    expect(ids).toEqual(source.objects.map((object) => object.id))
    expect(counts).toMatchObject({ inputRecordCount: 1000, outputRecordCount: 1000 })
    expect(source.requests.length).toBeLessThanOrEqual(11)
  })

  test('keeps its window when it goes on later', async () => {
    source.objects = scriptedObjects(300)
    const runNo = await newRun()
    const stop = new AbortController()
    source.onRead = () => stop.abort()
    await execute(runNo, {}, stop)
    clock.time += 86_400_000
    source.onRead = () => {}
    source.objects = [{ id: 'after', created: Math.floor(clock.time / 1000) - 5 }, ...source.objects]
    const { ids } = await execute(runNo)
    expect(ids).toHaveLength(300)
    expect(ids).not.toContain('after')
  })

  test('stops without a trace when its flow is deleted meanwhile', async () => {
    source.objects = scriptedObjects(500)
    const runNo = await newRun()
    source.onRead = async (_, count) => {
      if (count !== 3) return
      const state = await store.runs.get(runNo)
      await store.runs.save({ ...state!, status: 'failed' })
    }
    await execute(runNo)
    expect((await store.runs.get(runNo))?.status).toBe('failed')
    expect((await readRun(runNo)).ids.length).toBeLessThan(500)
  })
})

describe('a source that fails', () => {
  test('is asked again, after longer and longer pauses, and nothing is lost', async () => {
    source.objects = scriptedObjects(350)
    source.onRead = (_, count) => {
      if (count >= 2 && count <= 5) throw new RetriableSourceError('unavailable', 'Stripe answered 503')
    }
    const { ids, status } = await execute(await newRun())
    expect(status).toBe('success')
    expect(ids).toHaveLength(350)
    expect(clock.slept).toEqual([500, 1000, 2000, 4000])
  })

  test('is given the time that it asks for', async () => {
    source.onRead = (_, count) => {
      if (count === 1) throw new RetriableSourceError('rate', 'Stripe answered 429', { retryAfterMs: 17_000 })
    }
    await execute(await newRun())
    expect(clock.slept).toEqual([17_000])
  })

  test('fails the run after the time without progress; the run keeps what it has and a new start goes on from there', async () => {
    source.objects = scriptedObjects(350)
    source.onRead = (_, count) => {
      if (count > 2) throw new RetriableSourceError('unavailable', 'Stripe answered 503')
    }
    const runNo = await newRun()
    const startedAt = clock.time
    const failed = await execute(runNo, { giveUpMs: 60_000 })
    expect(failed.status).toBe('failed')
    expect(failed.errors[0]?.code).toBe('CONNECTOR-1001-500')
    expect(failed.errors[0]?.message).toContain('503')
    expect(clock.time - startedAt).toBeGreaterThanOrEqual(60_000)
    expect(failed.ids).toHaveLength(200)
    expect(failed.document.activities.map((activity) => activity.id)).toEqual(['copyActivity'])
    expect((await store.progress.get(flow.no))?.position).toBeNull()

    source.onRead = () => {}
    await store.runs.save({ ...(await store.runs.get(runNo))!, status: 'scheduled' })
    const again = await execute(runNo)
    expect(again.status).toBe('success')
    expect(again.ids).toEqual(source.objects.map((object) => object.id))
  })

  test('fails the run at once when the credential is refused', async () => {
    source.onRead = () => {
      throw new FatalSourceError('credential', 'Stripe answered 401: Invalid API Key', { status: 401 })
    }
    const { status, errors } = await execute(await newRun())
    expect(status).toBe('failed')
    expect(errors.map((error) => error.code)).toEqual(['CONNECTOR-1001-500', '1100-400'])
    expect(clock.slept).toEqual([])
  })

  test('fails the run when its cursor does not advance', async () => {
    source.objects = scriptedObjects(300)
    source.onRead = () => ({ records: [{ id: 'x', record: {} }], nextCursor: 'same' })
    const { status, errors } = await execute(await newRun())
    expect(status).toBe('failed')
    expect(errors[0]?.message).toContain('did not advance')
  })
})

describe('a store that cannot be written', () => {
  test('is waited for, and nothing is half-written', async () => {
    source.objects = scriptedObjects(250)
    const runNo = await newRun()
    let refusals = 0
    const transaction = store.transaction.bind(store)
    context = {
      ...context,
      store: {
        ...store,
        transaction: (work) =>
          transaction(async (scope) => {
            const result = await work(scope)
            if (source.requests.length === 2 && refusals++ < 3) throw new Error('database or disk is full')
            return result
          }),
      },
    }
    const { status, ids } = await execute(runNo)
    expect(refusals).toBeGreaterThan(2)
    expect(status).toBe('success')
    expect(ids).toEqual(source.objects.map((object) => object.id))
  })
})
