import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createAuditService } from '../../../src/flow/audit-service.ts'
import type { Audit } from '../../../src/flow/engine/audit-document.ts'
import { insertRun } from '../../../src/flow/engine/insert-run.ts'
import { createRunEngine, type RunEngineOptions } from '../../../src/flow/engine/run-engine.ts'
import type { Flow } from '../../../src/flow/types.ts'
import { FatalSourceError, RetriableSourceError } from '../../../src/plugins/plugin.ts'
import type { StoredEntity } from '../../../src/store/store.ts'
import { createEngineFixture, TENANT, type EngineFixture } from '../../support/engine-fixture.ts'
import { StoreUnavailableError } from '../../../src/store/store-unavailable-error.ts'
import { scriptedObjects } from '../../support/scripted-source.ts'

const CALLER = { tenant: TENANT, userId: 'user', clientId: 'client', requestId: 'request' }

let fixture: EngineFixture
let flow: StoredEntity<Flow>

/** A flow of 1,000 objects that has had its run. */
beforeEach(async () => {
  fixture = await createEngineFixture()
  const { store, source, context, clock } = fixture
  flow = await fixture.createFlow('flow', { startTime: 1_700_000_000, frequency: 'once' })
  source.objects = scriptedObjects(1000)
  const run = await store.transaction((scope) =>
    insertRun(scope, context, { flow, params: {}, notBefore: clock.time, by: CALLER }),
  )
  await execute(run.id, 'runs')
  source.requests.length = 0
})

afterEach(() => fixture.store.close())

async function execute(
  id: string,
  kind: 'runs' | 'audits' = 'audits',
  options: Partial<RunEngineOptions> = {},
  stop = new AbortController(),
  death = new AbortController(),
) {
  const { store, context } = fixture
  const no = (await store.entities.get(TENANT, kind, id))!.no
  const state = (await store.runs.get(no))!
  const engine = createRunEngine(context, { giveUpMs: 900_000, publicUrl: () => '', random: () => 1, ...options })
  await engine.execute(state, { gentle: stop.signal, immediate: death.signal })
}

const service = () => createAuditService(fixture.context, { onRunnable: () => {} })

async function newAudit(repair = false): Promise<string> {
  return (await service().create(CALLER, 'flow', { repair })).id
}

async function read(id: string) {
  const { audit, findings, next } = await service().findings(CALLER, 'flow', id, 0, 1000)
  return { ...audit.document, findings: findings.map(({ kind, objectId }) => [kind, objectId]), next } as Audit & {
    readonly findings: readonly (readonly [string, string])[]
    readonly next: number | null
  }
}

/** Takes these objects from the account and changes others, so that both show. */
function change(gone: number, changed: number) {
  const { source } = fixture
  const before = source.objects
  source.objects = before.slice(gone).map((object, at) => (at < changed ? { ...object, value: 'changed' } : object))
  return {
    goneIds: before.slice(0, gone).map(({ id }) => id),
    changedIds: source.objects.slice(0, changed).map(({ id }) => id),
  }
}

describe('an audit', () => {
  test('calls extra what the lists do not show, when the source reads no single objects', async () => {
    const { goneIds, changedIds } = change(150, 2)
    const id = await newAudit()
    await execute(id)
    const done = await read(id)
    expect(done).toMatchObject({ status: 'success', compared: 1000, missing: 0, extra: 150, stale: 2, next: null })
    expect(done.findings.map(([kind, objectId]) => `${kind} ${objectId}`).toSorted()).toEqual(
      [...goneIds.map((gone) => `extra ${gone}`), ...changedIds.map((changed) => `stale ${changed}`)].toSorted(),
    )
    expect(fixture.source.requests).toHaveLength(9)
  })

  test('that is stopped in the middle goes on where it was, reading no page twice', async () => {
    const { goneIds, changedIds } = change(3, 2)
    const id = await newAudit()
    const stop = new AbortController()
    fixture.source.onRead = (_, count) => {
      if (count === 4) stop.abort()
    }
    await execute(id, 'audits', {}, stop)
    const stopped = await read(id)
    expect(stopped).toMatchObject({ status: 'inProgress', compared: 400, completedAt: null, next: 2 })
    expect(stopped.findings.map(([, objectId]) => objectId)).toEqual(changedIds)

    fixture.source.onRead = () => {}
    fixture.clock.time += 3_600_000
    await execute(id)
    expect(fixture.source.requests).toHaveLength(10)
    const done = await read(id)
    expect(done).toMatchObject({ status: 'success', compared: 1000, startedAt: stopped.startedAt, extra: 3, stale: 2 })
    expect(done.findings.slice(2).map(([, objectId]) => objectId)).toEqual(goneIds.toSorted())
  })

  test('whose process dies reads at most the page in hand again', async () => {
    change(3, 2)
    const id = await newAudit()
    const reached = new Promise<void>((resolve) => {
      fixture.source.onRead = ({ signal }, count) => {
        if (count !== 6) return
        resolve()
        return new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
    })
    const death = new AbortController()
    const dead = execute(id, 'audits', {}, new AbortController(), death)
    await reached
    expect(await read(id)).toMatchObject({ status: 'inProgress', compared: 500 })

    fixture.source.onRead = () => {}
    await execute(id)
    expect(fixture.source.requests).toHaveLength(11)
    expect(await read(id)).toMatchObject({ status: 'success', compared: 1000, extra: 3, stale: 2, missing: 0 })
    death.abort()
    await dead
  })

  test('waits for a store that cannot be read, and goes on where it was', async () => {
    change(3, 2)
    const id = await newAudit()
    const { records } = fixture.store
    const { notObservedSince } = records
    const fault = new StoreUnavailableError('locked', 'locked')
    Object.assign(records, { notObservedSince: () => Promise.reject(fault) })
    await expect(execute(id)).rejects.toBe(fault)
    expect(await read(id)).toMatchObject({ status: 'inProgress', compared: 997 })
    Object.assign(records, { notObservedSince })
    await execute(id)
    expect(fixture.source.requests).toHaveLength(10)
    expect(await read(id)).toMatchObject({ status: 'success', compared: 1000, extra: 3, stale: 2, missing: 0 })
  })

  test('waits for a source that does not answer, and gives up after the time of a run', async () => {
    let refusals = 3
    fixture.source.onRead = () => {
      if (refusals-- > 0) throw new RetriableSourceError('unavailable', 'busy')
    }
    const patient = await newAudit()
    await execute(patient)
    expect(await read(patient)).toMatchObject({ status: 'success', compared: 1000, drift: false })
    expect(fixture.clock.slept).toHaveLength(3)

    refusals = Infinity
    const given = await newAudit()
    await execute(given, 'audits', { giveUpMs: 60_000 })
    const { status, errors } = await read(given)
    expect([status, errors[0]?.message]).toEqual(['failed', expect.stringContaining('No progress for 60 s. busy')])
  })

  test('that fails keeps what it has found', async () => {
    const { changedIds } = change(0, 2)
    fixture.source.onRead = (_, count) => {
      if (count === 3) throw new FatalSourceError('permission', 'closed')
    }
    const id = await newAudit()
    await execute(id)
    const done = await read(id)
    expect(done).toMatchObject({ status: 'failed', compared: 200, stale: 2, drift: true, next: null })
    expect(done.errors.map(({ code }) => code)).toEqual(['CONNECTOR-1001-500', '1100-400'])
    expect(done.findings.map(([, objectId]) => objectId)).toEqual(changedIds)
  })

  test('does not go on when its flow was pointed at another dataset meanwhile', async () => {
    const id = await newAudit()
    const stop = new AbortController()
    fixture.source.onRead = () => stop.abort()
    await execute(id, 'audits', {}, stop)
    const { store } = fixture
    await store.entities.insert({
      kind: 'dataSets',
      tenant: TENANT,
      etag: '"1"',
      document: { id: 'other', name: 'other' },
    })
    const target = (await store.entities.get(TENANT, 'targetConnections', 'target'))!
    await store.entities.updateDocument(target, { ...target.document, params: { dataSetId: 'other' } })
    await execute(id)
    const { status, errors } = await read(id)
    expect([status, errors[0]?.message]).toEqual(['failed', expect.stringContaining('pointed at something else')])
  })

  test('refuses records without ids: there is nothing to tell them apart by', async () => {
    fixture.source.onRead = () => ({ records: [{ id: null, record: { data: { value: 1 } } }], nextCursor: null })
    const id = await newAudit()
    await execute(id)
    const { status, errors } = await read(id)
    expect([status, errors[0]?.message]).toEqual(['failed', expect.stringContaining('have no ids')])
  })

  test('cannot mend by a source that reads no single objects, and says so at once', async () => {
    await expect(newAudit(true)).rejects.toMatchObject({
      code: '1402-400',
      detail: expect.stringContaining('leave repair out'),
    })
    expect(await fixture.store.runs.openRuns(flow.no)).toEqual([])
  })
})
