import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { systemClock, type Clock } from '../../src/clock.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { FLOW_SERVICE } from '../support/flow-host.ts'
import { pause, UNHURRIED } from '../support/stripe-host.ts'
import { startTestHost } from '../support/test-host.ts'
import { deliver, eventAbout, setSecret } from '../webhooks/support.ts'
import { startSetupHost, type SetupAnswer, type SetupHost } from './support.ts'

let host: SetupHost

beforeEach(async () => {
  host = await startSetupHost()
})

afterEach(() => host.stop())

const approve = (id: string | undefined) => host.sandbox.apply({ type: 'approve', id: String(id) })

test('a notice of one of its objects makes a set-up be read at once, however long it has been waiting', async () => {
  const begun = await host.begin()
  const { store, clock } = host.host.context
  const [no = 0] = await store.setups.byObject(host.connectionId, String(begun.setupIntentId))
  const far = async () => ((await store.setups.getByNo(no))?.dueAt ?? 0) - clock.now()
  host.pass(3600)
  while ((await far()) < 60_000) await pause()
  approve(begun.setupIntentId)
  await host.host.subscriptionSetups.notice({ connectionId: 'another', objectId: String(begun.setupIntentId) })
  expect(await far()).toBeGreaterThan(60_000)
  await host.host.subscriptionSetups.notice({ connectionId: host.connectionId, objectId: 'seti_unknown' })
  expect(await far()).toBeGreaterThan(60_000)
  await host.host.subscriptionSetups.notice({ connectionId: host.connectionId, objectId: String(begun.setupIntentId) })
  while ((await store.setups.getByNo(no))?.state !== 'active') await pause()
})

test('a signed event about one of its objects is such a notice', async () => {
  await setSecret(host.api, host.connectionId)
  const begun = await host.begin()
  const { store, clock } = host.host.context
  const [no = 0] = await store.setups.byObject(host.connectionId, String(begun.setupIntentId))
  host.pass(3600)
  while (((await store.setups.getByNo(no))?.dueAt ?? 0) < clock.now() + 60_000) await pause()
  approve(begun.setupIntentId)
  const event = eventAbout(host.sandbox, String(begun.setupIntentId), 'setup_intent.succeeded')
  await deliver(host, host.connectionId, event, { signedAt: Math.floor(clock.now() / 1000) }).expect(200)
  while ((await store.setups.getByNo(no))?.state !== 'active') await pause()
})

test('a notice that comes while a set-up is being read makes it be read once more', async () => {
  const begun = await host.begin()
  const path = `/v1/setup_intents/${begun.setupIntentId}`
  const readings = () => host.sandbox.journal.count({ method: 'GET', path })
  host.pass(3600)
  host.sandbox.journal.clear()
  host.sandbox.faults.add({ match: { method: 'GET', path }, fault: { kind: 'latency', ms: 1000 } })
  while (readings() === 0) await pause(5)
  await host.host.subscriptionSetups.notice({ connectionId: host.connectionId, objectId: String(begun.setupIntentId) })
  // The next reading of its own would come minutes later.
  while (readings() < 2) await pause(5)
  expect((await host.read(begun.id)).state).toBe('requires_action')
})

test('an answer that must wait for Stripe too long tells that the set-up goes on, and why it waits', async () => {
  await host.stop()
  const clock: Clock = { now: () => Date.now(), sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 200), signal) }
  host = await startSetupHost({}, { clock })
  host.sandbox.faults.add({ match: { path: '/v1/setup_intents' }, times: null, fault: { kind: 'status', status: 503 } })
  const begun = await host.begin()
  expect(begun).toMatchObject({ state: 'processing' })
  await host.until(begun.id, ({ retrying }) => retrying !== undefined)
  host.sandbox.faults.clear()
  expect(await host.until(begun.id, ({ state }) => state !== 'processing')).toMatchObject({ state: 'requires_action' })
})

test('a host that is stopped while Stripe is asked answers, and the next one goes on', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'flow-setup-'))
  const first = await startSetupHost({}, { dataDir })
  const second = { stop: async () => {} }
  try {
    const match = { method: 'POST', path: '/v1/setup_intents' }
    first.sandbox.faults.add({ match, fault: { kind: 'latency', ms: 1500 } })
    const answer = first.begin()
    while (first.sandbox.journal.count({ path: '/v1/setup_intents' }) === 0) await pause()
    await first.host.stop()
    const { id } = await answer
    const plugins = [createStripePlugin({ apiBase: first.sandbox.url, ...UNHURRIED })]
    const next = await startTestHost({ dataDir, plugins })
    second.stop = next.stop
    next.host.startRuns()
    const path = `${FLOW_SERVICE}/connections/${first.connectionId}/subscriptionSetups/${id}`
    const read = async () => (await next.api.get(path).expect(200)).body as SetupAnswer
    while ((await read()).state === 'processing') await pause()
    expect(await read()).toMatchObject({ state: 'requires_action' })
    expect(first.sandbox.world.payments.all('setup_intents')).toHaveLength(1)
  } finally {
    await second.stop()
    await first.stop()
    await rm(dataDir, { recursive: true })
  }
})
