import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Fault } from '../../src/sandbox/stripe/faults.ts'
import { RESOURCE_PATHS } from '../../src/plugins/stripe/resources.ts'
import { create, FLOW_SERVICE, patch, read, UNKNOWN_ID } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  runsOf,
  startStripeHost,
  statusOf,
  untilEnded,
  type StripeHost,
} from '../support/stripe-host.ts'
import { GLOBEX } from '../support/test-host.ts'

const RUNS = `${FLOW_SERVICE}/runs`

let host: StripeHost

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 730 } }, { env: { RUN_GIVE_UP_SECONDS: '60' } })
})

afterEach(() => host.sandbox.faults.clear())
afterAll(() => host.stop())

describe('what a run lands', () => {
  test.each(RESOURCE_PATHS)(
    '%s: every object of the account that lists or their parents can show, each once',
    async (resourcePath) => {
      const { flowId, dataSetId } = await createStripeChain(host.api, { resourcePath })
      const run = await firstRun(host.api, flowId)
      expect(statusOf(run)).toBe('success')
      const expected = visibleIds(resourcePath)
      const delivered = (await recordsOfRun(host.api, run.id)).map((item) => item.id)
      expect(delivered.toSorted()).toEqual(expected)
      expect((await recordsOfDataSet(host.api, dataSetId)).map((item) => item.id)).toEqual(expected)
      expect(run.metrics.recordSummary).toMatchObject({
        inputRecordCount: expected.length,
        outputRecordCount: expected.length,
      })
    },
  )

  test('canceled subscriptions and inactive prices are among them', async () => {
    const statuses = await valuesOf('subscriptions', 'status')
    expect(statuses).toContain('canceled')
    expect(await valuesOf('prices', 'active')).toEqual(new Set([true, false]))
  })

  test('a subscription holds all of its items', async () => {
    const { flowId } = await createStripeChain(host.api, { resourcePath: 'subscriptions' })
    const records = await recordsOfRun(host.api, (await firstRun(host.api, flowId)).id)
    const lists = records.map((item) => item.record.data.items as { data: { id: string }[]; has_more: boolean })
    expect(Math.max(...lists.map((list) => list.data.length))).toBeGreaterThan(10)
    for (const list of lists) {
      expect(list.has_more).toBe(false)
      expect(new Set(list.data.map((item) => item.id)).size).toBe(list.data.length)
    }
  })

  test('an object is the one that Stripe sends, nulls kept', async () => {
    const { flowId } = await createStripeChain(host.api)
    const [item] = await recordsOfRun(host.api, (await firstRun(host.api, flowId)).id)
    const answer = await fetch(`${host.sandbox.url}/v1/charges/${item!.id}`, {
      headers: { Authorization: 'Bearer sk_test_sandbox', 'Stripe-Version': '2026-10-28.endive' },
    })
    expect(item!.record).toEqual({ data: await answer.json() })
  })

  test('two flows into one dataset double nothing', async () => {
    const first = await createStripeChain(host.api)
    await firstRun(host.api, first.flowId)
    const second = await createStripeChain(host.api, { dataSetId: first.dataSetId })
    const run = await firstRun(host.api, second.flowId)
    expect(run.metrics.recordSummary).toMatchObject({ outputRecordCount: 0, skippedRecordCount: 730 })
    expect(await recordsOfDataSet(host.api, first.dataSetId)).toHaveLength(730)
  })

  async function valuesOf(resourcePath: string, member: string): Promise<Set<unknown>> {
    const { flowId } = await createStripeChain(host.api, { resourcePath })
    const records = await recordsOfRun(host.api, (await firstRun(host.api, flowId)).id)
    return new Set(records.map((item) => item.record.data[member]))
  }

  /** All objects but those that no list shows: deleted ones, inline prices, objects on test clocks. */
  function visibleIds(resourcePath: (typeof RESOURCE_PATHS)[number]): string[] {
    const { world } = host.sandbox
    const collection = world.collections[resourcePath]
    const isInline = (id: string) => collection.facts(collection.row(id)!).inline === true
    const sold = new Set(
      [...world.all('subscriptions')]
        .filter((subscription) => !subscription.test_clock)
        .flatMap(({ items }) => (items as unknown as { data: { price: { id: string } }[] }).data)
        .map(({ price }) => price.id),
    )
    return [...world.all(resourcePath)]
      .filter((object) => object.deleted !== true && !object.test_clock)
      .filter(({ id }) => !isInline(id) || sold.has(id))
      .map((object) => object.id)
      .toSorted()
  }
})

describe('a run on demand', () => {
  test('is answered with the run, its items and its place', async () => {
    const { flowId } = await createStripeChain(host.api)
    await firstRun(host.api, flowId)
    const params = { windowStartTime: 1_700_000_000, windowEndTime: '1700000500' }
    const { body, headers } = await host.api.post(RUNS, { flowId, params }).expect(201)
    expect(headers.location).toBe(`${RUNS}/${body.id}`)
    expect(body.items).toEqual([{ id: body.id, etag: body.etag }])
    expect(body).toMatchObject({ flowId, params, activities: [], eTag: body.etag })
    expect(statusOf(body)).toBe('scheduled')
    expect(statusOf(await untilEnded(host.api, body.id))).toBe('success')
  })

  test('takes only what was created in its window', async () => {
    const { flowId } = await createStripeChain(host.api)
    const all = await recordsOfRun(host.api, (await firstRun(host.api, flowId)).id)
    const windowStartTime = all[500]!.record.data.created as number
    const windowEndTime = all[200]!.record.data.created as number
    const other = await createStripeChain(host.api, { scheduleParams: { startTime: 9_999_999_999, frequency: 'once' } })
    const run = await runNow(host.api, other.flowId, { windowStartTime, windowEndTime })
    const taken = await recordsOfRun(host.api, run.id)
    const expected = all.filter(({ record: { data } }) => {
      return Number(data.created) >= windowStartTime && Number(data.created) < windowEndTime
    })
    expect(taken.map((item) => item.id)).toEqual(expected.map((item) => item.id))
    expect(run.activities[0].durationSummary.extensions).toEqual({
      windowStart: windowStartTime * 1000,
      windowEnd: windowEndTime * 1000,
    })
  })

  test('takes what is new since the run before it, and shows itself on the flow', async () => {
    const { flowId } = await createStripeChain(host.api, { resourcePath: 'customers' })
    await firstRun(host.api, flowId)
    const [made] = host.sandbox.apply({ type: 'create', resource: 'customers' })
    const run = await runNow(host.api, flowId)
    expect((await recordsOfRun(host.api, run.id)).map((item) => item.id)).toEqual([made!.id])
    expect((await read(host.api, 'flows', flowId)).lastRunDetails).toMatchObject({ id: run.id, state: 'success' })
  })

  const bodies: [string, unknown, string][] = [
    ['without a flowId', {}, '1446-400'],
    ['with an empty flowId', { flowId: '' }, '1446-400'],
    ['with a flowId that is no text', { flowId: 7 }, '1312-400'],
    ['of an unknown flow', { flowId: UNKNOWN_ID }, '1430-400'],
    ['with params that are no object', { flowId: 'FLOW', params: 'all' }, '1312-400'],
    ['with a window that is no time', { flowId: 'FLOW', params: { windowStartTime: 'soon' } }, '1312-400'],
    [
      'with a window that ends before it starts',
      { flowId: 'FLOW', params: { windowStartTime: 2, windowEndTime: 1 } },
      '1381-400',
    ],
    ['that is a list', [], '1000-400'],
  ]
  test.each(bodies)('%s is refused and makes no run', async (_, body, code) => {
    const { flowId } = await createStripeChain(host.api, {
      scheduleParams: { startTime: 9_999_999_999, frequency: 'once' },
    })
    const filled = JSON.parse(JSON.stringify(body).replace('FLOW', flowId))
    const answer = await host.api.post(RUNS, filled).expect(400)
    expect(answer.body.errorCode).toBe(code)
    expect(await runsOf(host.api, flowId)).toEqual([])
  })

  test('of a flow with a schedule is refused, naming the frequency', async () => {
    const scheduleParams = { startTime: 9_999_999_999, frequency: 'hour', interval: 1 }
    const { flowId } = await createStripeChain(host.api, { scheduleParams })
    const { body } = await host.api.post(RUNS, { flowId }).expect(400)
    expect(body.errorCode).toBe('1386-400')
    expect(body.detail).toContain('hour')
  })

  test('of a disabled flow is refused', async () => {
    const { flowId } = await createStripeChain(host.api, {
      scheduleParams: { startTime: 9_999_999_999, frequency: 'once' },
    })
    await host.api.post(`${FLOW_SERVICE}/flows/${flowId}/action?op=disable`).expect(200)
    expect((await host.api.post(RUNS, { flowId }).expect(400)).body.errorCode).toBe('1388-400')
  })

  test('of another organisation is unknown, and so are its records', async () => {
    const { flowId } = await createStripeChain(host.api)
    const run = await firstRun(host.api, flowId)
    const stranger = await host.as(GLOBEX)
    expect((await stranger.post(RUNS, { flowId }).expect(400)).body.errorCode).toBe('1430-400')
    await stranger.get(`${RUNS}/${run.id}`).expect(404)
    await stranger.get(`${RUNS}/${run.id}/records`).expect(404)
    await stranger.post(`${RUNS}/${run.id}/action?op=RE_TRIGGER`).expect(404)
    await stranger.get(`${FLOW_SERVICE}/flows/${flowId}/runs`).expect(404)
  })
})

describe('the list of runs', () => {
  test('is the same by filter and by the path under the flow, also after the flow is deleted', async () => {
    const { flowId } = await createStripeChain(host.api)
    const run = await firstRun(host.api, flowId)
    const ids = async (path: string) => {
      const { body } = await host.api.get(`${FLOW_SERVICE}${path}`).expect(200)
      return body.items.map((item: { id: string }) => item.id)
    }
    expect(await ids(`/runs?property=flowId==${flowId}`)).toEqual([run.id])
    expect(await ids(`/flows/${flowId}/runs`)).toEqual([run.id])
    expect(await ids(`/runs?property=flowId==${flowId}&property=state==SUCCESS`)).toEqual([run.id])
    expect(await ids(`/runs?property=flowId==${flowId}&property=metrics.statusSummary.status==failed`)).toEqual([])
    await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
    expect(await ids(`/flows/${flowId}/runs`)).toEqual([run.id])
  })
})

describe('a Stripe that misbehaves for a while', () => {
  const faults: [string, Fault][] = [
    ['429', { kind: 'status', status: 429, reason: 'endpoint-rate' }],
    ['a locked object', { kind: 'status', status: 429 }],
    ['409', { kind: 'status', status: 409 }],
    ['424', { kind: 'status', status: 424 }],
    ['500', { kind: 'status', status: 500 }],
    ['502 with an HTML body', { kind: 'status', status: 502 }],
    ['503', { kind: 'status', status: 503 }],
    ['a cut body', { kind: 'truncated' }],
    ['a body that is not JSON', { kind: 'not-json' }],
    ['a reset connection', { kind: 'reset' }],
    ['a connection reset in the middle of the body', { kind: 'reset-mid-body' }],
  ]
  test.each(faults)('%s: the run goes on and lands every object once', async (_, fault) => {
    host.sandbox.faults.add({ after: 3, times: 2, match: { path: '/v1/charges' }, fault })
    const { flowId } = await createStripeChain(host.api)
    const run = await firstRun(host.api, flowId)
    expect(statusOf(run)).toBe('success')
    expect(new Set((await recordsOfRun(host.api, run.id)).map((item) => item.id)).size).toBe(730)
  })

  test('a deleted cursor object: the reader finds its place again and misses nothing', async () => {
    const { flowId, dataSetId } = await createStripeChain(host.api, {
      resourcePath: 'customers',
      scheduleParams: { startTime: 9_999_999_999, frequency: 'once' },
    })
    const before = [...host.sandbox.world.all('customers')].filter(
      (customer) => !customer.deleted && !customer.test_clock,
    )
    const cut = { type: 'delete', id: '$cursor' } as const
    host.sandbox.faults.add({ after: 1, match: { path: '/v1/customers' }, fault: { kind: 'action', actions: [cut] } })
    const run = await runNow(host.api, flowId)
    expect(statusOf(run)).toBe('success')
    const landed = (await recordsOfDataSet(host.api, dataSetId)).map((item) => item.id)
    expect(landed).toEqual(before.map((customer) => customer.id).toSorted())
  })
})

describe('a Stripe that refuses', () => {
  test('the key: the run fails at once with Stripe’s words and without the key', async () => {
    const accessToken = 'sk_test_wrongWRONGwrong1234'
    const { flowId } = await createStripeChain(host.api, { accessToken })
    const run = await firstRun(host.api, flowId)
    expect(statusOf(run)).toBe('failed')
    expect(run.metrics.statusSummary.errors.map((error: { code: string }) => error.code)).toEqual([
      'CONNECTOR-1001-500',
      '1100-400',
    ])
    expect(JSON.stringify(run)).toContain('401')
    expect(JSON.stringify(run)).not.toContain(accessToken)
  })

  test('one resource: that flow fails alone and names the missing permission', async () => {
    const accessToken = 'rk_test_charges_only'
    const refused = await createStripeChain(host.api, { accessToken, resourcePath: 'refunds' })
    const allowed = await createStripeChain(host.api, { accessToken })
    const run = await firstRun(host.api, refused.flowId)
    expect(statusOf(run)).toBe('failed')
    expect(JSON.stringify(run.metrics.statusSummary.errors)).toContain('rak_refund_read')
    expect(statusOf(await firstRun(host.api, allowed.flowId))).toBe('success')
  })

  test('a run whose key was mended goes on when it is triggered again', async () => {
    const { flowId, baseId } = await createStripeChain(host.api, { accessToken: 'sk_test_expired' })
    const failed = await firstRun(host.api, flowId)
    expect(statusOf(failed)).toBe('failed')
    const value = { accessToken: 'sk_test_sandbox' }
    expect(
      (await patch(host.api, 'connections', baseId, [{ op: 'replace', path: '/auth/params', value }])).status,
    ).toBe(200)
    const { body } = await host.api.post(`${RUNS}/${failed.id}/action?op=re_trigger`).expect(200)
    expect(body.id).toBe(failed.id)
    expect(statusOf(body)).toBe('scheduled')
    const again = await untilEnded(host.api, failed.id)
    expect(statusOf(again)).toBe('success')
    expect(again.metrics.recordSummary.outputRecordCount).toBe(730)
  })
})

describe('triggering a run again', () => {
  test('is refused unless it has failed', async () => {
    const { flowId } = await createStripeChain(host.api)
    const run = await firstRun(host.api, flowId)
    const { body } = await host.api.post(`${RUNS}/${run.id}/action?op=RE_TRIGGER`).expect(400)
    expect(body.errorCode).toBe('1387-400')
    expect(body.detail).toContain(run.id)
    expect(body.detail).toContain('success')
  })

  test('knows no other operation', async () => {
    const { flowId } = await createStripeChain(host.api)
    const run = await firstRun(host.api, flowId)
    for (const query of ['', '?op=', '?op=PUBLISH']) {
      const { body } = await host.api.post(`${RUNS}/${run.id}/action${query}`).expect(400)
      expect(body.errorCode).toBe('1398-400')
    }
  })

  test('is refused while its flow is disabled, and when the etag is not the current one', async () => {
    const { flowId } = await createStripeChain(host.api, { accessToken: 'sk_test_expired' })
    const run = await firstRun(host.api, flowId)
    const action = `${RUNS}/${run.id}/action?op=RE_TRIGGER`
    expect((await host.api.post(action).set('If-Match', '"old"').expect(412)).body.errorCode).toBe('1404-412')
    await host.api.post(`${FLOW_SERVICE}/flows/${flowId}/action?op=disable`).expect(200)
    expect((await host.api.post(action).expect(400)).body.errorCode).toBe('1388-400')
  })
})

test('deleting a flow ends its run in progress and frees its connections', async () => {
  host.sandbox.faults.add({ after: 2, times: null, fault: { kind: 'latency', ms: 400 } })
  const { flowId, sourceId, targetId } = await createStripeChain(host.api)
  while (!(await runsOf(host.api, flowId))[0]?.metrics.recordSummary.inputRecordCount) await new Promise(setImmediate)
  await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
  const [run] = await runsOf(host.api, flowId)
  expect(statusOf(run)).toBe('failed')
  const count = run.metrics.recordSummary.inputRecordCount
  await host.api.delete(`${FLOW_SERVICE}/sourceConnections/${sourceId}`).expect(204)
  await host.api.delete(`${FLOW_SERVICE}/targetConnections/${targetId}`).expect(204)
  await new Promise((resolve) => setTimeout(resolve, 900))
  const after = await read(host.api, 'runs', run.id)
  expect(statusOf(after)).toBe('failed')
  expect(after.metrics.recordSummary.inputRecordCount).toBe(count)
  expect(await recordsOfRun(host.api, run.id)).toHaveLength(count)
})

test.each([
  [{}, '2026-10-28.endive'],
  [{ apiVersion: '2024-06-20' }, '2024-06-20'],
])('a run with params %j reads in version %s and keeps it with its batch', async (params, version) => {
  const { flowId, sourceId } = await createStripeChain(host.api, {
    scheduleParams: { startTime: 9_999_999_999, frequency: 'once' },
  })
  const value = { resourcePath: 'charges', ...params }
  await patch(host.api, 'sourceConnections', sourceId, [{ op: 'replace', path: '/params', value }])
  const run = await runNow(host.api, flowId)
  const asked = host.sandbox.journal.entries({ path: '/v1/charges' }).at(-1)
  expect(asked?.version).toBe(version)
  const batchId = run.activities[1].targetInfo[0].reference.ids[0]
  const { body } = await host.api.get(`/data/foundation/catalog/batches/${batchId}`).expect(200)
  expect(body[batchId].tags).toEqual({ 'source/apiVersion': [version] })
})

test('a patched source connection is read as it is at the next run', async () => {
  const { flowId, sourceId } = await createStripeChain(host.api)
  await firstRun(host.api, flowId)
  const changed = await patch(host.api, 'sourceConnections', sourceId, [
    { op: 'replace', path: '/params/resourcePath', value: 'refunds' },
  ])
  expect(changed.status).toBe(200)
  const run = await runNow(host.api, flowId)
  const records = await recordsOfRun(host.api, run.id)
  expect(new Set(records.map((item) => item.resourcePath))).toEqual(new Set(['refunds']))
})

test('a flow that is created again makes its own run', async () => {
  const { sourceId, targetId } = await createStripeChain(host.api)
  const scheduleParams = { startTime: Math.floor(Date.now() / 1000), frequency: 'day', interval: '1', backfill: 'true' }
  const body = {
    name: 'daily',
    flowSpec: { id: '6499120c-0b15-42dc-936e-847ea3c24d72' },
    sourceConnectionIds: [sourceId],
    targetConnectionIds: [targetId],
    scheduleParams,
  }
  const flowId = await create(host.api, 'flows', body)
  const run = await firstRun(host.api, flowId)
  expect(statusOf(run)).toBe('success')
  expect(run.activities[0].durationSummary.extensions.windowStart).toBe(0)
})
