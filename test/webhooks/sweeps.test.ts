import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { systemClock } from '../../src/clock.ts'
import type { Logger } from '../../src/logger.ts'
import { silentLogger } from '../../src/logger.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { createStripeSandbox, type StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { connectionBody, create } from '../support/flow-host.ts'
import { SANDBOX_KEY, UNHURRIED } from '../support/stripe-host.ts'
import { startTestHost, type TestHost, type TestHostOptions } from '../support/test-host.ts'
import { change, eventsOf, SECRET, until } from './support.ts'

const MINUTE_MS = 60_000

let sandbox: StripeSandbox
let dataDir: string
let ahead = 0
const warnings: string[] = []

beforeAll(async () => {
  sandbox = await createStripeSandbox({ counts: { charges: 10 } })
  dataDir = await mkdtemp(path.join(tmpdir(), 'flow-sweep-'))
})

afterAll(async () => {
  await sandbox.close()
  await rm(dataDir, { recursive: true, force: true })
})

function startHost(env: TestHostOptions['env'] = {}): Promise<TestHost> {
  const clock = { ...systemClock, now: () => Date.now() + ahead }
  const plugins = [createStripePlugin({ apiBase: sandbox.url, ...UNHURRIED })]
  const warn: Logger['warn'] = (fields, message) => warnings.push(`${message} ${JSON.stringify(fields)}`)
  const logger: Logger = { ...silentLogger, warn, child: () => logger }
  return startTestHost({ plugins, clock, dataDir, logger, env })
}

async function connect(host: TestHost, token: string, withSecret: boolean): Promise<string> {
  const { auth, ...rest } = connectionBody(token)
  const params = { ...auth.params, ...(withSecret && { webhookSecret: SECRET }) }
  return create(host.api, 'connections', { ...rest, auth: { ...auth, params } })
}

function undelivered(index: number): string {
  const { id } = change(sandbox, [...sandbox.world.all('charges')][index]!.id, 'lost')
  sandbox.apply({ type: 'deliver', id, success: false })
  return id
}

test('a host asks for what was not delivered, when it starts and again and again, for connections with a secret', async () => {
  const first = await startHost()
  const refused = await connect(first, 'sk_test_revoked', true)
  const baseId = await connect(first, SANDBOX_KEY, true)
  const without = await connect(first, SANDBOX_KEY, false)
  await first.stop()

  const lost = undelivered(0)
  const host = await startHost({ WEBHOOK_SWEEP_MINUTES: '10' })
  try {
    host.host.startRuns()
    const ids = async (id: string) => (await eventsOf(host.api, id)).map((event) => event.id)
    await until(async () => (await ids(baseId)).includes(lost))
    expect((await eventsOf(host.api, baseId)).every(({ origin }) => origin === 'sweep')).toBe(true)
    // The credential of one is refused; that is told and keeps nothing from the others.
    expect(warnings.join()).toContain(refused)
    expect(warnings.join()).not.toContain('sk_test_revoked')
    expect([await ids(refused), await ids(without)]).toEqual([[], []])

    const later = undelivered(1)
    const asked = () => sandbox.journal.entries({ path: '/v1/events' }).length
    const before = asked()
    ahead = 9 * MINUTE_MS
    await systemClock.sleep(1_200)
    expect(asked()).toBe(before)
    ahead = 11 * MINUTE_MS
    await until(async () => (await ids(baseId)).includes(later))
  } finally {
    await host.stop()
  }
}, 60_000)

test('a host that is told never to ask does not', async () => {
  const lost = undelivered(2)
  const before = sandbox.journal.entries({ path: '/v1/events' }).length
  const host = await startHost({ WEBHOOK_SWEEP_MINUTES: '0' })
  try {
    const baseId = await connect(host, SANDBOX_KEY, true)
    host.host.startRuns()
    await systemClock.sleep(1_200)
    expect((await eventsOf(host.api, baseId)).map(({ id }) => id)).not.toContain(lost)
    expect(sandbox.journal.entries({ path: '/v1/events' })).toHaveLength(before)
  } finally {
    await host.stop()
  }
}, 60_000)
