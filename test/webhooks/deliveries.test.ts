import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { StripeObject } from '../../src/sandbox/index.ts'
import { CATALOG, type Chain } from '../support/flow-host.ts'
import { createStripeChain, firstRun, startStripeHost, type StripeHost } from '../support/stripe-host.ts'
import { change, eventAbout, eventsOf, eventsPath, setSecret, until, untilNothingPends } from './support.ts'

interface Version {
  readonly op: string
  readonly event: { readonly id: string; readonly type: string; readonly createdAt: number } | null
  readonly changed: readonly { readonly path: string; readonly old?: unknown; readonly new?: unknown }[] | null
  readonly record?: { readonly data: StripeObject }
}

let host: StripeHost
let chain: Chain
let endpointId: string
/** From long before the flow, so that only notifications make new versions of them. */
let subscriptions: StripeObject[]

beforeAll(async () => {
  // The endpoint's version is older than the one that the connector asks for.
  host = await startStripeHost(
    { counts: { charges: 20, subscriptions: 40 }, webhookClock: 'real', webhookRetrySeconds: [0.05, 0.05] },
    { env: { WEBHOOK_SWEEP_MINUTES: '0' } },
  )
  const { url } = await host.host.start()
  chain = await createStripeChain(host.api, { resourcePath: 'subscriptions' })
  const target = { url: `${url}/webhooks/stripe/${chain.baseId}`, apiVersion: '2019-05-16' }
  const { id, secret } = host.sandbox.webhooks.add(target)
  endpointId = id
  await setSecret(host.api, chain.baseId, secret)
  await firstRun(host.api, chain.flowId)
  subscriptions = [...host.sandbox.world.all('subscriptions')]
    .toReversed()
    .filter(({ status, test_clock }) => status === 'active' && test_clock === null)
})

afterEach(() => host.sandbox.webhooks.scripts.clear())
afterAll(() => host.stop())

async function historyOf(id: string): Promise<Version[]> {
  const path = `${CATALOG}/dataSets/${chain.dataSetId}/records/${id}/history?include=record`
  const { status, body } = await host.api.get(path)
  return status === 200 ? body.items : []
}

/** Resolves when the inbox has the event and all flows have taken it. */
async function untilTaken(event: StripeObject): Promise<void> {
  await until(async () => (await eventsOf(host.api, chain.baseId)).some(({ id }) => id === event.id))
  await untilNothingPends(host.api, chain.baseId)
}

const causeOf = ({ id, type, created }: StripeObject) => ({ id, type, createdAt: Number(created) * 1000 })

describe('what Stripe delivers', () => {
  test('makes a version that names its event, read in the version of the connector', async () => {
    const { id } = subscriptions[0]!
    const event = change(host.sandbox, id, 'one')
    await untilTaken(event)
    const [newest, first, ...others] = await historyOf(id)
    expect(others).toEqual([])
    expect(newest).toMatchObject({
      event: causeOf(event),
      changed: [{ path: '/data/metadata/version', new: 'one' }],
    })
    expect(first).toMatchObject({ event: null, changed: null })
    expect(newest!.record!.data).not.toHaveProperty('billing')
    expect(newest!.record!.data).not.toHaveProperty('current_period_end')
  })

  test('out of order names the newest event, and the older one makes no version', async () => {
    const { id } = subscriptions[1]!
    host.sandbox.webhooks.scripts.add({ times: 2, script: { kind: 'late', events: 99 } })
    const older = change(host.sandbox, id, 'two')
    host.sandbox.clock.advance(2)
    const newer = change(host.sandbox, id, 'three')
    await until(async () => host.sandbox.webhooks.counts().held === 2)
    host.sandbox.webhooks.release()
    await Promise.all([untilTaken(older), untilTaken(newer)])
    const versions = await historyOf(id)
    expect(versions).toHaveLength(2)
    expect(versions[0]).toMatchObject({
      event: causeOf(newer),
      changed: [{ path: '/data/metadata/version', new: 'three' }],
    })
  })

  test('several times makes one version', async () => {
    const { id } = subscriptions[2]!
    host.sandbox.webhooks.scripts.add({ script: { kind: 'duplicate', copies: 3 } })
    await untilTaken(change(host.sandbox, id, 'four'))
    await host.sandbox.webhooks.settled()
    const statuses = host.sandbox.webhooks
      .attempts()
      .slice(-4)
      .map(({ status }) => status)
    expect(statuses).toEqual([200, 200, 200, 200])
    await untilNothingPends(host.api, chain.baseId)
    expect(await historyOf(id)).toHaveLength(2)
  })

  test.each(['tampered', 'wrong-secret', 'unsigned', 'old-timestamp'] as const)(
    'badly (%s) is refused, and taken when it comes again as it should',
    async (kind) => {
      const { id } = subscriptions[3]!
      const before = (await historyOf(id)).length
      host.sandbox.webhooks.scripts.add({ script: { kind } })
      const event = change(host.sandbox, id, kind)
      await untilTaken(event)
      await host.sandbox.webhooks.settled()
      const attempts = host.sandbox.webhooks.attempts().filter((attempt) => attempt.event === event.id)
      expect(attempts.map(({ script, status }) => [script, status])).toEqual([
        [kind, 400],
        [null, 200],
      ])
      expect(await historyOf(id)).toHaveLength(before + 1)
    },
  )

  test('in the future of the host’s clock is refused, too', async () => {
    const { id } = subscriptions[4]!
    host.sandbox.webhooks.scripts.add({ script: { kind: 'old-timestamp', seconds: -400 } })
    const event = change(host.sandbox, id, 'five')
    await untilTaken(event)
    const [refused] = host.sandbox.webhooks.attempts().filter((attempt) => attempt.event === event.id)
    expect(refused!.status).toBe(400)
  })

  test('while a secret is being rolled is taken by the old secret and by the new one', async () => {
    const { id } = subscriptions[5]!
    const rolled = host.sandbox.webhooks.roll(endpointId, 3600)
    const underOld = change(host.sandbox, id, 'six')
    await untilTaken(underOld)
    await setSecret(host.api, chain.baseId, rolled.secret)
    const underNew = change(host.sandbox, id, 'seven')
    await untilTaken(underNew)
    expect((await historyOf(id)).map(({ event }) => event?.id)).toEqual([underNew.id, underOld.id, undefined])
  })

  test('about a new object may carry previous attributes; its first version has nothing to compare', async () => {
    host.sandbox.behaviour.previousOnCreated = true
    const [{ id }] = host.sandbox.apply({
      type: 'create',
      resource: 'subscriptions',
      params: { metadata: { Samsung: 'yes' } },
    }) as [StripeObject]
    host.sandbox.behaviour.previousOnCreated = false
    const event = eventAbout(host.sandbox, id)
    expect(event.data).toMatchObject({ previous_attributes: { metadata: { Samsung: null } } })
    await untilTaken(event)
    expect(await historyOf(id)).toEqual([
      expect.objectContaining({ op: 'upsert', event: causeOf(event), changed: null }),
    ])
  })

  test('never is found by asking, and names its event all the same', async () => {
    const { id } = subscriptions[6]!
    host.sandbox.webhooks.scripts.add({ script: { kind: 'lost' } })
    host.sandbox.apply({ type: 'delete', id })
    const event = eventAbout(host.sandbox, id)
    await host.sandbox.webhooks.settled()
    expect(await historyOf(id)).toHaveLength(1)
    const { body } = await host.api.post(eventsPath(chain.baseId, '/sweep')).expect(200)
    expect(body).toEqual({ found: 1, added: 1 })
    await untilTaken(event)
    const [newest] = await historyOf(id)
    expect(newest!.event).toEqual(causeOf(event))
    expect(newest!.changed).toContainEqual({ path: '/data/status', old: 'active', new: 'canceled' })
  })
})
