import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { insertRun } from '../../../src/flow/engine/insert-run.ts'
import { createRunEngine, type RunEngine } from '../../../src/flow/engine/run-engine.ts'
import type { Flow, Run } from '../../../src/flow/types.ts'
import type { JsonObject } from '../../../src/json.ts'
import { FatalSourceError } from '../../../src/plugins/plugin.ts'
import type { StoredEntity } from '../../../src/store/store.ts'
import { createEngineFixture, TENANT, type EngineFixture } from '../../support/engine-fixture.ts'

const BY = { userId: 'user', clientId: 'client' }
const HOUR_MS = 3_600_000
const NOTE = /^The list pass hidden was left out: /

const SHOWN = { id: 'shown', created: 1_750_000_000 }
/** Only the optional pass shows it. */
const HIDDEN = { id: 'hidden', created: 1_700_000_000 }

let fixture: EngineFixture
let flow: StoredEntity<Flow>
let engine: RunEngine
let isRefused: boolean

beforeEach(async () => {
  fixture = await createEngineFixture({ hasFeed: true, optionalPass: 'hidden' })
  flow = await fixture.createFlow('flow', { startTime: 1_700_000_000, frequency: 'once' })
  engine = createRunEngine(fixture.context, { giveUpMs: 900_000, publicUrl: () => 'http://host', random: () => 1 })
  isRefused = true
  fixture.source.objects = [SHOWN]
  fixture.source.unlisted = [HIDDEN]
  fixture.source.onRead = ({ pass }) => {
    if (pass === 'hidden' && isRefused) throw new FatalSourceError('permission', 'needs rak_hidden_read')
  }
})

afterEach(() => fixture.store.close())

async function run(params: JsonObject = {}) {
  const { store, context, source, clock } = fixture
  clock.time += HOUR_MS
  const { id } = await store.transaction((scope) =>
    insertRun(scope, context, { flow, params, notBefore: clock.time, by: BY }),
  )
  const { no } = (await store.entities.get(TENANT, 'runs', id))!
  const asked = source.requests.length
  const never = new AbortController().signal
  await engine.execute((await store.runs.get(no))!, { gentle: never, immediate: never })
  const { metrics } = (await store.entities.getByNo(no))!.document as Run
  const { status, extensions } = (metrics as { statusSummary: { status: string; extensions?: JsonObject } })
    .statusSummary
  const requests = source.requests.slice(asked).filter(({ pass }) => pass === 'hidden')
  const delivered = await store.records.delivered(no, 0, 100)
  return {
    status,
    notes: (extensions?.notes ?? []) as string[],
    delivered: delivered.map(({ objectId }) => objectId),
    /** Where its reading of the optional pass began, Unix seconds. */
    from: requests.map(({ window }) => window.from),
  }
}

describe('an optional list pass that the source refuses', () => {
  test('is left out of the run, which says so', async () => {
    const { status, notes, delivered } = await run()
    expect({ status, delivered }).toEqual({ status: 'success', delivered: ['shown'] })
    expect(notes).toEqual([expect.stringMatching(NOTE)])
  })

  test('is read from the flow’s beginning by the first run that may read it, and never again', async () => {
    await run()
    expect(await run()).toMatchObject({ delivered: [], from: [null], notes: [expect.stringMatching(NOTE)] })
    isRefused = false
    expect(await run()).toEqual({ status: 'success', notes: [], delivered: ['hidden'], from: [null] })
    const { delivered, from } = await run()
    expect({ delivered, from }).toEqual({ delivered: [], from: [expect.any(Number)] })
  })

  test('begins where a flow without backfill begins', async () => {
    const startTime = HIDDEN.created - 1000
    flow = await fixture.createFlow('later', { startTime, frequency: 'hour', interval: 1, backfill: false })
    await run()
    isRefused = false
    expect(await run()).toMatchObject({ delivered: ['hidden'], from: [startTime] })
  })

  test('is still to be read after a run over a window somewhere else', async () => {
    await run()
    isRefused = false
    const [windowStartTime, windowEndTime] = ['1740000000', '1741000000']
    expect(await run({ windowStartTime, windowEndTime })).toMatchObject({ delivered: [], from: [1_740_000_000] })
    expect(await run()).toMatchObject({ delivered: ['hidden'], from: [null] })
  })

  test('is read from the beginning when the store does not tell whether it ever was', async () => {
    isRefused = false
    fixture.source.unlisted = []
    await run()
    const progress = (await fixture.store.progress.get(flow.no))!
    await fixture.store.progress.save({ ...progress, leftOut: null })
    fixture.source.unlisted = [HIDDEN]
    expect(await run()).toMatchObject({ delivered: ['hidden'], from: [null] })
    expect((await fixture.store.progress.get(flow.no))?.leftOut).toEqual([])
  })

  test('is read from the beginning by the run after one in which a change concerns what it shows', async () => {
    isRefused = false
    fixture.source.unlisted = []
    await run()
    const createdAt = Math.floor(fixture.clock.time / 1000)
    fixture.source.changes = [{ changeId: 'evt_1', createdAt, objectIds: [], refusedPass: 'hidden' }]
    fixture.source.unlisted = [HIDDEN]
    expect(await run()).toMatchObject({ delivered: [], notes: [expect.stringMatching(NOTE)] })
    expect(await run()).toMatchObject({ delivered: ['hidden'], notes: [], from: [null] })
  })
})
