import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { FLOW_SERVICE, patch, read, type Chain } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  runsOf,
  startStripeHost,
  statusOf,
  type StripeHost,
} from '../support/stripe-host.ts'
import { ACME } from '../support/test-host.ts'
import {
  change,
  deliver,
  eventAbout,
  eventsOf,
  recordOf,
  setSecret,
  until,
  untilNothingPends,
  versionOf,
  webhookRunsOf,
} from './support.ts'

const COUNTS = { charges: 30, customers: 30, subscriptions: 12, prices: 8, refunds: 10, balance_transactions: 5 }

const TENANT = { orgId: ACME.orgId, sandboxName: 'prod' }

let host: StripeHost

beforeAll(async () => {
  host = await startStripeHost({ counts: COUNTS })
})

afterAll(() => host.stop())

/** A flow that has landed its resource and takes notifications. */
async function follow(resourcePath: string, scheduleParams?: object): Promise<Chain> {
  const chain = await createStripeChain(host.api, { resourcePath, ...(scheduleParams && { scheduleParams }) })
  await setSecret(host.api, chain.baseId)
  await firstRun(host.api, chain.flowId)
  return chain
}

const idsOf = (resource: 'charges' | 'customers' | 'subscriptions' | 'prices') =>
  Array.from(host.sandbox.world.all(resource), ({ id }) => id)

describe('a notification', () => {
  test('makes the flow read the object again, in a run of its own', async () => {
    const chain = await follow('charges')
    const [id = ''] = idsOf('charges')
    await deliver(host, chain.baseId, change(host.sandbox, id, 'one')).expect(200, { received: true })
    await until(async () => (await versionOf(host.api, chain, id)) === 'one')
    await untilNothingPends(host.api, chain.baseId)
    const [run, ...others] = await webhookRunsOf(host.api, chain)
    expect(others).toEqual([])
    const delivered = await recordsOfRun(host.api, run?.id ?? '')
    expect(delivered.map((item) => [item.id, item.op])).toEqual([[id, 'upsert']])
  }, 30_000)

  test('leaves the position of the flow and of its change feed where they are', async () => {
    const chain = await follow('charges')
    const { store } = host.host.context
    const { no } = (await store.entities.get(TENANT, 'flows', chain.flowId))!
    const before = await store.progress.get(no)
    const [, id = ''] = idsOf('charges')
    await deliver(host, chain.baseId, change(host.sandbox, id, 'kept')).expect(200)
    await until(async () => (await webhookRunsOf(host.api, chain)).some((run) => statusOf(run) === 'success'))
    expect(await store.progress.get(no)).toEqual(before)
    // The next ordinary run meets the same change in the feed and has nothing to deliver.
    const run = await runNow(host.api, chain.flowId)
    expect([statusOf(run), await recordsOfRun(host.api, run.id)]).toEqual(['success', []])
  }, 30_000)

  test('that comes after a newer one does not make the object older', async () => {
    const chain = await follow('customers')
    const [id = ''] = idsOf('customers')
    const older = change(host.sandbox, id, 'older')
    const newer = change(host.sandbox, id, 'newer')
    await deliver(host, chain.baseId, newer).expect(200)
    await until(async () => (await versionOf(host.api, chain, id)) === 'newer')
    await deliver(host, chain.baseId, older).expect(200)
    await untilNothingPends(host.api, chain.baseId)
    expect(await versionOf(host.api, chain, id)).toBe('newer')
  }, 30_000)

  test('of a deletion leaves a tombstone', async () => {
    const chain = await follow('customers')
    const [, id = ''] = idsOf('customers')
    host.sandbox.apply({ type: 'delete', id })
    await deliver(host, chain.baseId, eventAbout(host.sandbox, id)).expect(200)
    await until(async () => (await recordOf(host.api, chain, id)) === undefined)
    const all = await recordsOfDataSet(host.api, chain.dataSetId, 'limit=1000&includeDeleted=true')
    expect(all.find((item) => item.id === id)?.op).toBe('delete')
  }, 30_000)

  test('about a child changes its parent', async () => {
    const chain = await follow('charges')
    const id = Array.from(host.sandbox.world.all('charges')).find(
      (charge) => charge.status === 'succeeded' && charge.disputed === false,
    )!.id
    host.sandbox.apply({ type: 'dispute', id })
    const [dispute] = Array.from(host.sandbox.world.all('events')).filter(
      ({ type }) => type === 'charge.dispute.created',
    )
    await deliver(host, chain.baseId, dispute!).expect(200)
    await until(async () => (await recordOf(host.api, chain, id))?.disputed === true)
  }, 30_000)

  test('about a price reaches every subscription that holds it', async () => {
    const chain = await follow('subscriptions')
    const holders = (priceId: string) =>
      Array.from(host.sandbox.world.all('subscriptions')).filter((subscription) =>
        (subscription.items as { data: { price: { id: string } }[] }).data.some(({ price }) => price.id === priceId),
      )
    const priceId = idsOf('prices').find((id) => holders(id).length > 0)!
    const nicknames = async () => {
      const records = await recordsOfDataSet(host.api, chain.dataSetId)
      const held = new Set(holders(priceId).map(({ id }) => id))
      return records
        .filter(({ id }) => held.has(id))
        .flatMap(({ record }) => (record.data.items as { data: { price: { id: string; nickname: string } }[] }).data)
        .filter(({ price }) => price.id === priceId)
        .map(({ price }) => price.nickname)
    }
    host.sandbox.apply({ type: 'update', id: priceId, params: { nickname: 'Renamed' } })
    await deliver(host, chain.baseId, eventAbout(host.sandbox, priceId, 'price.updated')).expect(200)
    await untilNothingPends(host.api, chain.baseId)
    expect(new Set(await nicknames())).toEqual(new Set(['Renamed']))
  }, 30_000)

  test('that concerns no flow is kept and makes no run', async () => {
    const chain = await follow('refunds')
    const [id = ''] = idsOf('charges')
    await deliver(host, chain.baseId, change(host.sandbox, id, 'unwatched')).expect(200)
    const [shown] = await eventsOf(host.api, chain.baseId)
    expect(shown).toMatchObject({ type: 'charge.updated', objectId: id, state: 'ignored' })
    // A look at everything, which comes every few seconds, changes nothing.
    await host.host.context.clock.sleep(5_500)
    expect(await webhookRunsOf(host.api, chain)).toEqual([])
  }, 30_000)

  test('reaches a flow with a schedule too', async () => {
    const start = Math.floor(Date.now() / 1000)
    const chain = await follow('charges', { startTime: start, frequency: 'day', interval: 1 })
    const [, , id = ''] = idsOf('charges')
    await deliver(host, chain.baseId, change(host.sandbox, id, 'scheduled')).expect(200)
    await until(async () => (await versionOf(host.api, chain, id)) === 'scheduled')
  }, 30_000)
})

describe('many notifications', () => {
  test('about one object cost one read in a step, and every version that a read found is there', async () => {
    const chain = await follow('charges')
    const [, , , id = ''] = idsOf('charges')
    await host.api.post(`${FLOW_SERVICE}/flows/${chain.flowId}/action?op=disable`).expect(200)
    const events = Array.from({ length: 20 }, (_, index) => change(host.sandbox, id, `v${index}`))
    await Promise.all(events.map((event) => deliver(host, chain.baseId, event).expect(200)))
    const since = host.sandbox.journal.entries().length
    await host.api.post(`${FLOW_SERVICE}/flows/${chain.flowId}/action?op=enable`).expect(200)
    await untilNothingPends(host.api, chain.baseId)
    const reads = host.sandbox.journal
      .entries()
      .slice(since)
      .filter(({ path }) => path === `/v1/charges/${id}`)
    expect(reads).toHaveLength(1)
    expect(await versionOf(host.api, chain, id)).toBe('v19')
  }, 30_000)

  test('that keep coming while runs go on are all taken, and no run delivers an object twice', async () => {
    const chain = await follow('charges')
    const ids = idsOf('charges').slice(0, 10)
    for (let round = 0; round < 6; round++) {
      await Promise.all(
        ids.map((id) => deliver(host, chain.baseId, change(host.sandbox, id, `round ${round}`)).expect(200)),
      )
    }
    await untilNothingPends(host.api, chain.baseId)
    for (const id of ids) expect(await versionOf(host.api, chain, id)).toBe('round 5')
    for (const run of await webhookRunsOf(host.api, chain)) {
      const delivered = (await recordsOfRun(host.api, run.id)).map((item) => item.id)
      expect(new Set(delivered).size).toBe(delivered.length)
    }
  }, 60_000)
})

describe('a flow that is not running', () => {
  test('takes nothing while it is disabled, and catches up when it is enabled', async () => {
    const chain = await follow('charges')
    const [, , , , id = ''] = idsOf('charges')
    await host.api.post(`${FLOW_SERVICE}/flows/${chain.flowId}/action?op=disable`).expect(200)
    await deliver(host, chain.baseId, change(host.sandbox, id, 'meanwhile')).expect(200)
    expect((await eventsOf(host.api, chain.baseId))[0]).toMatchObject({ state: 'pending' })
    await host.host.context.clock.sleep(1_000)
    expect(await webhookRunsOf(host.api, chain)).toEqual([])
    await host.api.post(`${FLOW_SERVICE}/flows/${chain.flowId}/action?op=enable`).expect(200)
    await until(async () => (await versionOf(host.api, chain, id)) === 'meanwhile')
  }, 30_000)

  test('leaves notifications of its first run to a run after it', async () => {
    const chain = await createStripeChain(host.api, { resourcePath: 'charges' })
    await setSecret(host.api, chain.baseId)
    const [id = ''] = idsOf('charges')
    await deliver(host, chain.baseId, change(host.sandbox, id, 'early')).expect(200)
    await firstRun(host.api, chain.flowId)
    await untilNothingPends(host.api, chain.baseId)
    expect(await versionOf(host.api, chain, id)).toBe('early')
    const runs = await runsOf(host.api, chain.flowId)
    expect(runs[0].params).toEqual({})
  }, 30_000)
})

describe('a run that fails', () => {
  test('loses nothing: the next one, with a credential that works, takes all of it', async () => {
    const chain = await follow('charges')
    const [, , , , , id = ''] = idsOf('charges')
    const token = (value: string) =>
      patch(host.api, 'connections', chain.baseId, [{ op: 'replace', path: '/auth/params/accessToken', value }])
    await token('sk_test_revoked')
    await deliver(host, chain.baseId, change(host.sandbox, id, 'late')).expect(200)
    await until(async () => (await webhookRunsOf(host.api, chain)).some((run) => statusOf(run) === 'failed'))
    expect((await eventsOf(host.api, chain.baseId))[0]).toMatchObject({ state: 'pending' })
    // It pauses instead of failing again and again.
    await host.host.context.clock.sleep(1_500)
    expect(await webhookRunsOf(host.api, chain)).toHaveLength(1)
    await token('sk_test_sandbox')
    await until(async () => (await versionOf(host.api, chain, id)) === 'late')
    const { lastRunDetails } = await read(host.api, 'flows', chain.flowId)
    expect(['success', 'inProgress']).toContain(lastRunDetails.state)
  }, 30_000)
})

describe('an event of another account', () => {
  test('does not delete what came over another connection into the same dataset', async () => {
    const own = await follow('customers')
    const [, , id = ''] = idsOf('customers')
    // A connection whose key does not know the customer of the first one.
    const other = await createStripeChain(host.api, {
      resourcePath: 'customers',
      accessToken: 'sk_live_sandbox',
      dataSetId: own.dataSetId,
    })
    await setSecret(host.api, other.baseId)
    await firstRun(host.api, other.flowId)
    await deliver(host, other.baseId, change(host.sandbox, id, 'elsewhere')).expect(200)
    await untilNothingPends(host.api, other.baseId)
    expect(await recordOf(host.api, own, id)).toBeDefined()
    const reads = host.sandbox.journal.entries({ path: `/v1/customers/${id}` })
    expect(reads.map(({ status }) => status)).toContain(404)
  }, 30_000)
})
