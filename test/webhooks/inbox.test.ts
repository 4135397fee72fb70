import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/clock.ts'
import { connectionBody, create, UNKNOWN_ID, type Chain } from '../support/flow-host.ts'
import { createStripeChain, firstRun, pause, startStripeHost, type StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import {
  change,
  deliver,
  eventsOf,
  eventsPath,
  SECRET,
  setSecret,
  until,
  untilNothingPends,
  versionOf,
  type ShownEvent,
} from './support.ts'

const DAY_MS = 86_400_000

let host: StripeHost
let ahead = 0

beforeAll(async () => {
  const clock = { ...systemClock, now: () => Date.now() + ahead }
  const sandbox = { counts: { charges: 40, customers: 10 } }
  host = await startStripeHost(sandbox, { clock, env: { WEBHOOK_SWEEP_MINUTES: '0' } })
})

afterAll(() => host.stop())

async function follow(resourcePath = 'charges'): Promise<Chain> {
  const chain = await createStripeChain(host.api, { resourcePath })
  await setSecret(host.api, chain.baseId)
  await firstRun(host.api, chain.flowId)
  return chain
}

async function connect(): Promise<string> {
  const { auth, ...rest } = connectionBody()
  const params = { ...auth.params, webhookSecret: SECRET }
  return create(host.api, 'connections', { ...rest, auth: { ...auth, params } })
}

const eventNamed = (id: string, type = 'charge.updated', created = 1_767_225_600) => ({
  id,
  type,
  created,
  data: { object: { id: `ch_${id}` } },
})

async function send(baseId: string, ...events: object[]): Promise<void> {
  for (const event of events) await deliver(host, baseId, event).expect(200)
}

const ids = (events: readonly ShownEvent[]) => events.map(({ id }) => id)
const charge = (index: number) => [...host.sandbox.world.all('charges')][index]!.id

describe('the list', () => {
  test('goes from the newest arrival to the oldest, page by page', async () => {
    const baseId = await connect()
    await send(baseId, ...['a', 'b', 'c', 'd', 'e'].map((id) => eventNamed(id)))
    const seen: string[][] = []
    let query = '?limit=2'
    for (;;) {
      const { body } = await host.api.get(eventsPath(baseId, query)).expect(200)
      seen.push(ids(body.items))
      expect(body._page.count).toBe(body.items.length)
      const { href } = body._links.next ?? {}
      if (href === undefined) break
      // What comes meanwhile does not move the pages.
      await send(baseId, eventNamed(`later ${seen.length}`))
      query = href.slice(href.indexOf('?'))
    }
    expect(seen).toEqual([['e', 'd'], ['c', 'b'], ['a']])
  })

  test('can be narrowed to types and to a state', async () => {
    const chain = await follow()
    await send(chain.baseId, change(host.sandbox, charge(0), 'listed'), eventNamed('x', 'customer.updated'))
    await send(chain.baseId, eventNamed('y', 'payout.paid'))
    await untilNothingPends(host.api, chain.baseId)
    expect(ids(await eventsOf(host.api, chain.baseId, '?type=payout.paid,customer.updated'))).toEqual(['y', 'x'])
    expect(ids(await eventsOf(host.api, chain.baseId, '?type=payout.paid&type=customer.updated'))).toHaveLength(2)
    expect(ids(await eventsOf(host.api, chain.baseId, '?state=ignored'))).toEqual(['y', 'x'])
    expect(await eventsOf(host.api, chain.baseId, '?state=processed')).toMatchObject([{ type: 'charge.updated' }])
    expect(await eventsOf(host.api, chain.baseId, '?state=pending')).toEqual([])
  }, 30_000)

  test('is empty for a connection to which nothing was sent', async () => {
    const { body } = await host.api.get(eventsPath(await connect())).expect(200)
    expect(body).toEqual({ items: [], _page: { count: 0 }, _links: {} })
  })

  test.each(['?limit=0', '?limit=many', '?state=open', '?continuationToken=none'])('refuses %s', async (query) => {
    const { body } = await host.api.get(eventsPath(await connect(), query)).expect(400)
    expect(body.errorCode).toBe('1452-400')
  })

  test('refuses more types than anybody needs', async () => {
    const query = `?type=${Array.from({ length: 51 }, (_, index) => `type.${index}`).join()}`
    const { body } = await host.api.get(eventsPath(await connect(), query)).expect(400)
    expect(body.errorCode).toBe('1443-400')
  })
})

describe('other tenants', () => {
  test('see nothing of a connection and change nothing in it', async () => {
    const baseId = await connect()
    await send(baseId, eventNamed('secret'))
    const before = await eventsOf(host.api, baseId)
    for (const api of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
      await api.get(eventsPath(baseId)).expect(404)
      await api.post(eventsPath(baseId, '/replay'), { ids: ['secret'] }).expect(404)
      await api.post(eventsPath(baseId, '/sweep')).expect(404)
    }
    expect(await eventsOf(host.api, baseId)).toEqual(before)
  })

  test('are as unknown as an id that nobody has', async () => {
    await host.api.get(eventsPath(UNKNOWN_ID)).expect(404)
    await host.api.post(eventsPath(UNKNOWN_ID, '/replay'), { ids: ['a'] }).expect(404)
    await host.api.post(eventsPath(UNKNOWN_ID, '/sweep')).expect(404)
  })
})

describe('a replay', () => {
  test('by ids makes the flows take what is named as it is now', async () => {
    const chain = await follow()
    const event = change(host.sandbox, charge(1), 'before')
    await send(chain.baseId, event)
    await until(async () => (await versionOf(host.api, chain, charge(1))) === 'before')
    host.sandbox.apply({ type: 'patch', id: charge(1), fields: { metadata: { version: 'silent' } }, silent: true })
    const { body } = await host.api
      .post(eventsPath(chain.baseId, '/replay'), { ids: [event.id, 'evt_unknown', 'evt_unknown'] })
      .expect(200)
    expect(body).toEqual({ replayed: 1, unknownIds: ['evt_unknown'] })
    await until(async () => (await versionOf(host.api, chain, charge(1))) === 'silent')
    expect(await eventsOf(host.api, chain.baseId)).toMatchObject([{ id: event.id, origin: 'replay' }])
    // It is still known, so another delivery is dropped.
    await send(chain.baseId, event)
    expect(await eventsOf(host.api, chain.baseId)).toHaveLength(1)
  }, 30_000)

  test('by time takes what happened in it, in the order in which it had come', async () => {
    const baseId = await connect()
    await send(baseId, ...[10, 20, 30, 40].map((time) => eventNamed(`at ${time}`, 'charge.updated', time)))
    const replay = (body: object) => host.api.post(eventsPath(baseId, '/replay'), body).expect(200)
    expect((await replay({ from: 20, to: '40' })).body).toEqual({ replayed: 2, unknownIds: [] })
    expect(ids(await eventsOf(host.api, baseId))).toEqual(['at 30', 'at 20', 'at 40', 'at 10'])
    expect((await replay({ from: 40 })).body.replayed).toBe(1)
    expect((await replay({ from: 1_000_000_000_000 })).body.replayed).toBe(0)
  })

  test.each([
    ['nothing', {}, '1304-400'],
    ['an end without a beginning', { to: 5 }, '1304-400'],
    ['ids and times', { ids: ['a'], from: 1 }, '1312-400'],
    ['no list', { ids: 'evt_1' }, '1312-400'],
    ['an empty list', { ids: [] }, '1312-400'],
    ['no id', { ids: ['a', 5] }, '1312-400'],
    ['an empty id', { ids: [''] }, '1312-400'],
    ['too many ids', { ids: Array(1001).fill('a') }, '1443-400'],
    ['no time', { from: 'yesterday' }, '1312-400'],
    ['a time before time', { from: -1 }, '1312-400'],
    ['an end before its beginning', { from: 10, to: 5 }, '1381-400'],
  ])('of %s is refused and moves nothing', async (_, body, code) => {
    const baseId = await connect()
    await send(baseId, eventNamed('a'))
    const before = await eventsOf(host.api, baseId)
    const response = await host.api.post(eventsPath(baseId, '/replay'), body).expect(400)
    expect(response.body.errorCode).toBe(code)
    expect(await eventsOf(host.api, baseId)).toEqual(before)
  })

  test('without a body is refused', async () => {
    const { body } = await host.api.post(eventsPath(await connect(), '/replay')).expect(400)
    expect(body.errorCode).toBe('1405-400')
  })
})

describe('a sweep', () => {
  test('fetches what was not delivered, each once, and the flows take it', async () => {
    const chain = await follow()
    const [lost, kept] = [change(host.sandbox, charge(2), 'lost'), change(host.sandbox, charge(3), 'kept')]
    for (const { id } of [lost, kept]) host.sandbox.apply({ type: 'deliver', id, success: false })
    await send(chain.baseId, kept)
    const sweep = () => host.api.post(eventsPath(chain.baseId, '/sweep')).expect(200)
    await until(async () => (await sweep()).body.found >= 2)
    const shown = await eventsOf(host.api, chain.baseId)
    expect(shown.find(({ id }) => id === lost.id)).toMatchObject({ origin: 'sweep', objectId: charge(2) })
    expect(shown.find(({ id }) => id === kept.id)).toMatchObject({ origin: 'delivery' })
    await until(async () => (await versionOf(host.api, chain, charge(2))) === 'lost')
    expect((await sweep()).body.added).toBe(0)
    // Stripe delivers it after all.
    await send(chain.baseId, lost)
    expect(ids(await eventsOf(host.api, chain.baseId)).filter((id) => id === lost.id)).toHaveLength(1)
  }, 30_000)

  test('reads every page of a long list', async () => {
    const chain = await follow('customers')
    host.sandbox.apply({ type: 'event', id: charge(4), eventType: 'charge.updated', count: 230 })
    const events = [...host.sandbox.world.all('events')].slice(0, 230)
    for (const { id } of events) host.sandbox.apply({ type: 'deliver', id, success: false })
    const { body } = await host.api.post(eventsPath(chain.baseId, '/sweep')).expect(200)
    expect(body.added).toBeGreaterThanOrEqual(230)
    for (const { id } of events) host.sandbox.apply({ type: 'deliver', id, success: true })
  }, 30_000)

  test('with a credential that is refused says so', async () => {
    const baseId = await create(host.api, 'connections', connectionBody('sk_test_wrong'))
    const { body } = await host.api.post(eventsPath(baseId, '/sweep')).expect(400)
    expect(body.errorCode).toBe('1100-400')
    expect(JSON.stringify(body)).not.toContain('sk_test_wrong')
  })
})

describe('when the store cannot be written', () => {
  test('nothing is acknowledged, and what is sent again is taken', async () => {
    const baseId = await connect()
    const blocker = new DatabaseSync(path.join(host.dataDir, 'host.db'))
    blocker.exec('begin immediate')
    const refused = await deliver(host, baseId, eventNamed('kept back'))
    blocker.exec('rollback')
    blocker.close()
    expect([refused.status, refused.headers['retry-after'], refused.body.errorCode]).toEqual([503, '5', '1103-503'])
    expect(await eventsOf(host.api, baseId)).toEqual([])
    await send(baseId, eventNamed('kept back'))
    expect(ids(await eventsOf(host.api, baseId))).toEqual(['kept back'])
  }, 30_000)
})

describe('what is old', () => {
  test('is removed after the days that the settings say, and not before', async () => {
    const baseId = await connect()
    await send(baseId, eventNamed('old'))
    const api = async () => host.as(ACME)
    try {
      ahead = 34 * DAY_MS
      // A look at what is due comes at least twice a second.
      await pause(1_500)
      expect(ids(await eventsOf(await api(), baseId))).toEqual(['old'])
      ahead = 36 * DAY_MS
      await until(async () => (await eventsOf(await api(), baseId)).length === 0)
    } finally {
      ahead = 0
    }
  }, 30_000)
})

describe('a deleted connection', () => {
  test('takes its notifications with it', async () => {
    const baseId = await connect()
    await send(baseId, eventNamed('gone'))
    await host.api.delete(`/data/foundation/flowservice/connections/${baseId}`).expect(204)
    await deliver(host, baseId, eventNamed('gone')).expect(404)
    expect(await host.host.context.store.webhooks.findConnection(baseId)).toBeNull()
  })
})
