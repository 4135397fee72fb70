import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import type { Response } from 'supertest'
import type { StripeSandboxOptions } from '../../src/sandbox/stripe/sandbox.ts'
import { create, flowBody, FLOW_SERVICE, UNKNOWN_ID } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  pause,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  runsOf,
  startStripeHost,
  statusOf,
  untilEnded,
  type StripeChainRequest,
  type StripeHost,
} from '../support/stripe-host.ts'
import { ACME, GLOBEX, type TestApi } from '../support/test-host.ts'

let host: StripeHost

afterEach(() => host.stop())

const CHARGES: StripeSandboxOptions = { counts: { charges: 250 } }

async function startWithFlow(options: StripeSandboxOptions = CHARGES, chain: StripeChainRequest = {}) {
  host = await startStripeHost(options)
  const made = await createStripeChain(host.api, chain)
  const run = await firstRun(host.api, made.flowId)
  expect(statusOf(run)).toBe('success')
  return { ...made, runId: run.id as string }
}

async function startAudit(flowId: string, query = '', api: TestApi = host.api): Promise<string> {
  return (await api.post(`${FLOW_SERVICE}/flows/${flowId}/audit${query}`).expect(202)).body.id
}

async function readAudit(flowId: string, auditId: string, query = '') {
  return (await host.api.get(`${FLOW_SERVICE}/flows/${flowId}/audits/${auditId}${query}`).expect(200)).body
}

async function untilAudited(flowId: string, auditId: string) {
  for (;;) {
    const audit = await readAudit(flowId, auditId, '?limit=1000')
    if (['success', 'failed'].includes(audit.status)) return audit
    await pause()
  }
}

async function audit(flowId: string, query = '') {
  return untilAudited(flowId, await startAudit(flowId, query))
}

/** Changes the store behind the host's back. */
function damage(work: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(path.join(host.dataDir, 'host.db'))
  db.exec('pragma busy_timeout = 5000')
  work(db)
  db.close()
}

const idsOf = () => [...host.sandbox.world.all('charges')].map(({ id }) => id)

const itemsOf = (subscription: Record<string, unknown>) => (subscription['items'] as { data: unknown[] }).data

const byKind = (findings: readonly { id: string; kind: string }[]) =>
  Object.fromEntries(
    ['missing', 'extra', 'stale'].map((kind) => [
      kind,
      findings
        .filter((f) => f.kind === kind)
        .map(({ id }) => id)
        .toSorted(),
    ]),
  )

async function progressOf(flowId: string) {
  const { store } = host.host.context
  const tenant = { orgId: ACME.orgId, sandboxName: 'prod' }
  const flow = await store.entities.get(tenant, 'flows', flowId)
  return store.progress.get(flow?.no ?? 0)
}

/** The dataset holds the objects of the account and no others. */
async function expectSameAsSource(dataSetId: string) {
  const records = await recordsOfDataSet(host.api, dataSetId)
  expect(records.map(({ id }) => id)).toEqual(idsOf().toSorted())
}

describe('an audit', () => {
  test('finds nothing in a dataset that is like its source, by one request per 100 objects', async () => {
    const { flowId } = await startWithFlow()
    const before = host.sandbox.journal.total
    const done = await audit(flowId)
    expect(done).toMatchObject({ status: 'success', repair: false, compared: 250, toCompare: 250, drift: false })
    expect(done).toMatchObject({
      missing: 0,
      extra: 0,
      stale: 0,
      findings: [],
      errors: [],
      repairRunId: null,
      _links: {},
    })
    expect(host.sandbox.journal.total - before).toBe(3)
    expect(await runsOf(host.api, flowId)).toHaveLength(1)
  })

  test('names what was lost, what is too much and what differs in the dataset, and leaves it as it is', async () => {
    const { flowId, dataSetId } = await startWithFlow()
    const [lost, emptied, damaged, other, forgotten] = idsOf()
    damage((db) => {
      db.prepare('delete from objects where object_id = ?').run(lost!)
      db.prepare('delete from deliveries where object_id = ?').run(emptied!)
      // The hash beside it still fits the source.
      db.prepare(`update deliveries set body = '{"data":{}}' where object_id = ?`).run(damaged!)
      db.prepare(`update objects set object_id = 'ch_invented' where object_id = ?`).run(other!)
      db.prepare('update objects set deleted = 1 where object_id = ?').run(forgotten!)
    })
    const before = await recordsOfDataSet(host.api, dataSetId)
    const done = await audit(flowId)
    expect(done).toMatchObject({ status: 'success', drift: true, missing: 4, extra: 1, stale: 1, compared: 251 })
    expect(byKind(done.findings)).toEqual({
      missing: [lost, emptied, other, forgotten].toSorted(),
      extra: ['ch_invented'],
      stale: [damaged],
    })
    expect(await recordsOfDataSet(host.api, dataSetId)).toEqual(before)
    expect(done.repairRunId).toBeNull()
  })

  test('finds what changed at the source without a word', async () => {
    const { flowId } = await startWithFlow()
    const [removed, changed] = idsOf().slice(100)
    host.sandbox.apply({ type: 'remove', id: removed! })
    host.sandbox.apply({ type: 'patch', id: changed!, fields: { description: 'changed' }, silent: true })
    host.sandbox.apply({ type: 'advance_clock', seconds: -90 * 86_400 })
    const [late] = host.sandbox.apply({ type: 'create', resource: 'charges' })
    host.sandbox.apply({ type: 'advance_clock', seconds: 90 * 86_400 })
    const done = await audit(flowId)
    expect(byKind(done.findings)).toEqual({ missing: [late!.id], extra: [removed], stale: [changed] })
  })

  test('does not miss what is to come with the next run', async () => {
    const { flowId } = await startWithFlow()
    host.sandbox.apply({ type: 'create', resource: 'charges', count: 3 })
    expect(await audit(flowId)).toMatchObject({ drift: false, compared: 250 })
  })

  test('compares nested lists to their last entry', async () => {
    const counts = { charges: 300, subscriptions: 60 }
    const { flowId, dataSetId } = await startWithFlow({ counts }, { resourcePath: 'subscriptions' })
    const records = await recordsOfDataSet(host.api, dataSetId)
    const long = records.find(({ record }) => itemsOf(record.data).length > 10)!
    const isLike = { status: 'success', compared: records.length }
    expect(await audit(flowId)).toMatchObject({ ...isLike, drift: false })
    damage((db) => {
      const record = structuredClone(long.record)
      itemsOf(record.data).pop()
      db.prepare('update deliveries set body = ? where object_id = ?').run(JSON.stringify(record), long.id)
    })
    expect((await audit(flowId)).findings).toEqual([{ id: long.id, kind: 'stale' }])
  })

  test.each(['customers', 'prices', 'refunds', 'balance_transactions'])(
    'finds %s like their source',
    async (resourcePath) => {
      const { flowId } = await startWithFlow({ counts: { charges: 300 } }, { resourcePath })
      expect(await audit(flowId)).toMatchObject({ status: 'success', drift: false, findings: [] })
    },
  )

  test('shows its findings page by page', async () => {
    const { flowId } = await startWithFlow()
    damage((db) => db.exec(`update deliveries set body = '{}'`))
    const done = await audit(flowId)
    expect(done).toMatchObject({ stale: 250, compared: 250 })
    const ids: string[] = []
    let next: string | undefined = `/flows/${flowId}/audits/${done.id}?limit=120`
    const sizes: number[] = []
    while (next !== undefined) {
      const { body }: Response = await host.api.get(FLOW_SERVICE + next).expect(200)
      sizes.push(body.findings.length)
      ids.push(...body.findings.map(({ id }: { id: string }) => id))
      next = body._links.next?.href
    }
    expect(sizes).toEqual([120, 120, 10])
    expect(ids.toSorted()).toEqual(idsOf().toSorted())
  })

  test('waits for the run of its flow that is going on', async () => {
    const { flowId } = await startWithFlow()
    const [changed] = idsOf()
    host.sandbox.apply({ type: 'update', id: changed!, params: { description: 'new' } })
    host.sandbox.faults.add({ match: { path: '/v1/charges' }, fault: { kind: 'latency', ms: 300 } })
    const runId = await create(host.api, 'runs', { flowId, params: {} })
    const auditId = await startAudit(flowId)
    const done = await untilAudited(flowId, auditId)
    const run = await untilEnded(host.api, runId)
    expect(run.metrics.recordSummary.updatedRecordCount).toBe(1)
    expect(done.startedAt).toBeGreaterThanOrEqual(run.metrics.durationSummary.completedAtUTC)
    expect(done).toMatchObject({ status: 'success', drift: false })
  })

  test('goes one by one with others of its flow, and each finds the same', async () => {
    const { flowId } = await startWithFlow()
    damage((db) => db.exec(`delete from objects where object_id in (select object_id from objects limit 7)`))
    const ids = [await startAudit(flowId), await startAudit(flowId)]
    const [first, second] = [await untilAudited(flowId, ids[0]!), await untilAudited(flowId, ids[1]!)]
    expect([first.missing, second.missing]).toEqual([7, 7])
    expect(second.startedAt).toBeGreaterThanOrEqual(first.completedAt)
    const { body } = await host.api.get(`${FLOW_SERVICE}/flows/${flowId}/audits?limit=1`).expect(200)
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual([ids[1]])
    const more = await host.api.get(FLOW_SERVICE + body._links.next.href).expect(200)
    expect([more.body.items.map(({ id }: { id: string }) => id), more.body._links]).toEqual([[ids[0]], {}])
  })

  test('leaves alone what another account has brought into the same dataset', async () => {
    const { flowId, dataSetId } = await startWithFlow()
    const other = await createStripeChain(host.api, { dataSetId, accessToken: 'sk_live_sandbox' })
    expect(statusOf(await firstRun(host.api, other.flowId))).toBe('success')
    expect(await audit(flowId)).toMatchObject({ status: 'success', drift: false, compared: 250 })
    expect(await audit(other.flowId)).toMatchObject({ status: 'success', drift: false })
  })
})

describe('a repair', () => {
  test('mends what was found and touches nothing else', async () => {
    const { flowId, dataSetId } = await startWithFlow()
    const ids = idsOf()
    const [lost, damaged, removed, changed] = [ids[3]!, ids[70]!, ids[140]!, ids[210]!]
    damage((db) => {
      db.prepare('delete from objects where object_id = ?').run(lost)
      db.prepare(`update deliveries set body = '{"data":{}}' where object_id = ?`).run(damaged)
    })
    host.sandbox.apply({ type: 'remove', id: removed })
    host.sandbox.apply({ type: 'patch', id: changed, fields: { description: 'changed' }, silent: true })

    const requests = host.sandbox.journal.total
    const done = await audit(flowId, '?repair=true')
    expect(done).toMatchObject({ repair: true, missing: 1, stale: 2, extra: 1 })
    const run = await untilEnded(host.api, done.repairRunId)
    expect(statusOf(run)).toBe('success')
    expect(run.metrics.recordSummary).toMatchObject({ inputRecordCount: 4, outputRecordCount: 4 })
    const { position } = (await progressOf(flowId))!
    const [copy] = run.activities
    expect(copy.durationSummary.extensions).toEqual({ windowStart: 0, windowEnd: position })
    expect(run.metrics.statusSummary.extensions.notes).toEqual([`The run mends what audit ${done.id} found.`])
    // Three lists, the one object that they did not show, and the four that are mended.
    expect(host.sandbox.journal.total - requests).toBe(3 + 1 + 4)
    const delivered = await recordsOfRun(host.api, run.id)
    expect(delivered.map(({ id, op }) => [id, op]).toSorted()).toEqual(
      [
        [lost, 'upsert'],
        [damaged, 'upsert'],
        [removed, 'delete'],
        [changed, 'upsert'],
      ].toSorted(),
    )
    await expectSameAsSource(dataSetId)
    const mended = (await recordsOfDataSet(host.api, dataSetId)).find(({ id }) => id === changed)
    expect(mended?.record.data['description']).toBe('changed')
    expect(await audit(flowId)).toMatchObject({ drift: false })
  })

  test('makes no run when nothing differs', async () => {
    const { flowId } = await startWithFlow()
    expect(await audit(flowId, '?repair=true')).toMatchObject({ drift: false, repairRunId: null })
    expect(await runsOf(host.api, flowId)).toHaveLength(1)
  })

  test('does not move the flow: the next run takes what is new', async () => {
    const { flowId, dataSetId } = await startWithFlow()
    damage((db) => db.exec(`delete from objects where object_id in (select object_id from objects limit 5)`))
    const [added] = host.sandbox.apply({ type: 'create', resource: 'charges' })
    const { repairRunId } = await audit(flowId, '?repair=true')
    await untilEnded(host.api, repairRunId)
    const run = await runNow(host.api, flowId)
    expect((await recordsOfRun(host.api, run.id)).map(({ id }) => id)).toEqual([added!.id])
    await expectSameAsSource(dataSetId)
  })

  test('may be asked for in the body', async () => {
    const { flowId } = await startWithFlow()
    const { body } = await host.api.post(`${FLOW_SERVICE}/flows/${flowId}/audit`, { repair: true }).expect(202)
    expect(body).toMatchObject({ flowId, repair: true, status: 'scheduled', startedAt: null, completedAt: null })
  })
})

describe('refused is', () => {
  const post = (flowId: string, query = '', body?: object) =>
    host.api.post(`${FLOW_SERVICE}/flows/${flowId}/audit${query}`, body)

  test('a repair that is neither true nor false', async () => {
    const { flowId } = await startWithFlow()
    expect((await post(flowId, '?repair=maybe').expect(400)).body.errorCode).toBe('1452-400')
    expect((await post(flowId, '', { repair: 'yes' }).expect(400)).body.errorCode).toBe('1312-400')
    expect((await post(flowId, '', []).expect(400)).body.errorCode).toBe('1000-400')
  })

  test('a flow that has not had a good run, and a draft', async () => {
    host = await startStripeHost({ ...CHARGES, faults: [] })
    const later = { startTime: Math.floor(Date.now() / 1000) + 3600, frequency: 'minute', interval: 15 }
    const { flowId, sourceId, targetId } = await createStripeChain(host.api, { scheduleParams: later })
    const { body } = await post(flowId).expect(400)
    expect([body.errorCode, body.detail ?? body.message]).toEqual([
      '1422-400',
      expect.stringContaining('no successful run'),
    ])
    const draftId = await create(host.api, 'flows', flowBody(sourceId, targetId), '?mode=draft')
    expect((await post(draftId).expect(400)).body.errorCode).toBe('1422-400')
  })

  test('a repair of a disabled flow; comparing it is fine', async () => {
    const { flowId } = await startWithFlow()
    await host.api.post(`${FLOW_SERVICE}/flows/${flowId}/action?op=disable`).expect(200)
    expect((await post(flowId, '?repair=true').expect(400)).body.errorCode).toBe('1388-400')
    expect(await audit(flowId)).toMatchObject({ status: 'success', drift: false })
  })

  test('what belongs to another tenant or another flow, and what does not exist', async () => {
    const { flowId } = await startWithFlow()
    const { id } = await audit(flowId)
    const other = await host.as(GLOBEX)
    const flow = `${FLOW_SERVICE}/flows/${flowId}`
    await other.post(`${flow}/audit`).expect(404)
    await other.get(`${flow}/audits`).expect(404)
    await other.get(`${flow}/audits/${id}`).expect(404)
    await host.api.get(`${FLOW_SERVICE}/flows/${UNKNOWN_ID}/audits/${id}`).expect(404)
    await host.api.get(`${flow}/audits/${UNKNOWN_ID}`).expect(404)
    await host.api.post(`${FLOW_SERVICE}/flows/${UNKNOWN_ID}/audit`).expect(404)
    await host.api.get(`${flow}/audits/${id}?continuationToken=abc`).expect(400)
    await host.api.get(`${flow}/audits/${id}?limit=0`).expect(400)
  })
})

test('deleting the flow ends its audit, which still tells what it found', async () => {
  const { flowId } = await startWithFlow({ ...CHARGES, latencyMs: 150 })
  const auditId = await startAudit(flowId)
  while ((await readAudit(flowId, auditId)).status !== 'inProgress') await pause()
  await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
  const ended = await readAudit(flowId, auditId)
  expect(ended).toMatchObject({ status: 'failed', errors: [{ message: 'the flow was deleted' }] })
  await host.api.post(`${FLOW_SERVICE}/flows/${flowId}/audit`).expect(404)
  const { body } = await host.api.get(`${FLOW_SERVICE}/flows/${flowId}/audits`).expect(200)
  expect(body.items).toHaveLength(1)
  await pause(400)
  expect(await readAudit(flowId, auditId)).toEqual(ended)
})

test('an audit fails by what the source refuses for good, naming it', async () => {
  const { flowId } = await startWithFlow()
  const fault = { kind: 'status', status: 403, message: 'The key lacks rak_charge_read.' } as const
  host.sandbox.faults.add({ match: { path: '/v1/charges' }, fault })
  const done = await audit(flowId)
  expect(done).toMatchObject({ status: 'failed', compared: 0, drift: false })
  expect(done.errors[0].message).toContain('rak_charge_read')
})
