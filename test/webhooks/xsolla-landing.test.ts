import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { FLOW_SERVICE, CATALOG } from '../support/flow-host.ts'
import { firstRun, recordsOfDataSet, recordsOfRun, statusOf } from '../support/stripe-host.ts'
import { eventsOf, eventsPath, until, untilNothingPends, webhookRunsOf } from './support.ts'
import {
  connect,
  createXsollaFlow,
  landed,
  nextTransaction,
  order,
  payment,
  refund,
  send,
  startXsollaHost,
  subscriptionNotice,
  userValidation,
  type XsollaHost,
} from './xsolla-support.ts'

let host: XsollaHost

beforeAll(async () => {
  host = await startXsollaHost({ answer: ({ path }) => ({ body: path === '/users' ? [{ id: 'player-1' }] : [] }) })
})

afterAll(() => host.stop())

/** A connection with a flow that takes its notifications. */
async function follow() {
  const baseId = await connect(host.api, host.source.url)
  const chain = await createXsollaFlow(host.api, baseId)
  const run = await firstRun(host.api, chain.flowId)
  expect([statusOf(run), run.metrics.recordSummary.outputRecordCount]).toEqual(['success', 0])
  return chain
}

describe('an accepted notification', () => {
  test('of every type lands in the dataset, its body as it was sent', async () => {
    const chain = await follow()
    const users = await createXsollaFlow(host.api, chain.baseId, 'users')
    await firstRun(host.api, users.flowId)
    const sent = [
      userValidation(),
      payment({}, { dry_run: 1 }),
      refund(nextTransaction()),
      refund(nextTransaction(), 'partial_refund', 2),
      ...['create_subscription', 'update_subscription', 'cancel_subscription', 'non_renewal_subscription'].map((type) =>
        subscriptionNotice(type),
      ),
      order('order_paid'),
      order('order_canceled'),
      { notification_type: 'afs_reject', settings: { project_id: 1 }, user: { id: 'player-1' } },
      { notification_type: 'a_type_of_tomorrow', amounts: [1.5, '0.2500', null, true, { '': 'ünï' }] },
    ]
    for (const body of sent) await send(host, chain.baseId, body).expect(204)
    await untilNothingPends(host.api, chain.baseId)
    const records = await landed(host.api, chain)
    expect([...records.values()].map(({ data }) => data)).toEqual(expect.arrayContaining(sent))
    expect(records.size).toBe(sent.length)
    expect([...records.keys()].toSorted()).toEqual(
      (await eventsOf(host.api, chain.baseId)).map(({ id }) => id).toSorted(),
    )
    // The other flow of the connection has taken none of them.
    expect(await recordsOfDataSet(host.api, users.dataSetId)).toHaveLength(1)
  }, 60_000)

  test('lands once however often it comes, with the body that came first', async () => {
    const chain = await follow()
    const sent = payment()
    const changed = { ...sent, custom_parameters: { late: true } }
    for (const body of [sent, sent, changed]) await send(host, chain.baseId, body).expect(204)
    await untilNothingPends(host.api, chain.baseId)
    expect([...(await landed(host.api, chain))]).toEqual([[`payment:${sent.transaction.id}`, { data: sent }]])
    const runs = await webhookRunsOf(host.api, chain)
    const delivered = await Promise.all(runs.map(({ id }) => recordsOfRun(host.api, id)))
    expect(delivered.flat()).toHaveLength(1)
  }, 30_000)

  test('names itself in the history of its record', async () => {
    const chain = await follow()
    const sent = payment()
    await send(host, chain.baseId, sent).expect(204)
    const id = `payment:${sent.transaction.id}`
    await until(async () => (await landed(host.api, chain)).has(id))
    const path = `${CATALOG}/dataSets/${chain.dataSetId}/records/${encodeURIComponent(id)}/history`
    const { body } = await host.api.get(path).expect(200)
    expect(body.items).toMatchObject([{ op: 'upsert', event: { id, type: 'payment' } }])
  }, 30_000)

  test('that is refused does not land', async () => {
    const chain = await follow()
    await send(host, chain.baseId, payment(), { key: 'another' }).expect(400)
    await send(host, chain.baseId, payment({ transaction: {} })).expect(400)
    await send(host, chain.baseId, userValidation('nobody')).expect(400)
    const kept = payment()
    await send(host, chain.baseId, kept).expect(204)
    await untilNothingPends(host.api, chain.baseId)
    expect([...(await landed(host.api, chain)).keys()]).toEqual([`payment:${kept.transaction.id}`])
  }, 30_000)

  test('lands in the dataset of each flow that takes notifications, and of no other connection', async () => {
    const one = await follow()
    const another = await createXsollaFlow(host.api, one.baseId)
    await firstRun(host.api, another.flowId)
    const foreign = await follow()
    const sent = payment()
    await send(host, one.baseId, sent).expect(204)
    await untilNothingPends(host.api, one.baseId)
    for (const chain of [one, another]) expect((await landed(host.api, chain)).size).toBe(1)
    expect((await landed(host.api, foreign)).size).toBe(0)
  }, 30_000)

  test('that came before there was a flow lands after its first run', async () => {
    const baseId = await connect(host.api, host.source.url)
    const sent = payment()
    await send(host, baseId, sent).expect(204)
    const chain = await createXsollaFlow(host.api, baseId)
    await firstRun(host.api, chain.flowId)
    await untilNothingPends(host.api, baseId)
    expect([...(await landed(host.api, chain)).values()]).toEqual([{ data: sent }])
    const { body } = await host.api.post(eventsPath(baseId, '/replay'), { from: 0 }).expect(200)
    expect(body.replayed).toBe(1)
    await untilNothingPends(host.api, baseId)
    expect(await landed(host.api, chain)).toHaveProperty('size', 1)
    // A replayed one is still known.
    await send(host, baseId, sent).expect(204)
    expect(await eventsOf(host.api, baseId)).toHaveLength(1)
  }, 30_000)
})

describe('many notifications', () => {
  test('all land, each once, while the flow is running and while it is not', async () => {
    const chain = await follow()
    const sent = Array.from({ length: 250 }, () => payment())
    const halves = [sent.slice(0, 125), sent.slice(125)]
    await Promise.all(halves[0]!.map((body) => send(host, chain.baseId, body).expect(204)))
    await host.api.post(`${FLOW_SERVICE}/flows/${chain.flowId}/action?op=disable`).expect(200)
    await Promise.all(halves[1]!.map((body) => send(host, chain.baseId, body).expect(204)))
    await host.api.post(`${FLOW_SERVICE}/flows/${chain.flowId}/action?op=enable`).expect(200)
    await untilNothingPends(host.api, chain.baseId)
    const records = await landed(host.api, chain)
    expect([...records.keys()].toSorted()).toEqual(
      sent.map(({ transaction }) => `payment:${transaction.id}`).toSorted(),
    )
    const runs = await webhookRunsOf(host.api, chain)
    const delivered = (await Promise.all(runs.map(({ id }) => recordsOfRun(host.api, id)))).flat()
    expect(delivered).toHaveLength(sent.length)
  }, 60_000)
})
