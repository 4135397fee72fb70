import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { fingerprint } from '../../src/sandbox/stripe/keys.ts'
import { patch } from '../support/flow-host.ts'
import {
  firstRun,
  pause,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  runsOf,
  statusOf,
  untilEnded,
} from '../support/stripe-host.ts'
import {
  createConnection,
  createFlow,
  retrigger,
  startQuickHost,
  type QuickFlow,
  type QuickHost,
} from './quick-host.ts'

const OLD_KEY = 'sk_test_1f6d0c52e9a84b37'
const NEW_KEY = 'sk_test_b7a3905d4e21c68f'
const NO_REFUNDS = 'rk_test_77c2d1e840f95ab3'
const COUNTS = { charges: 1200, refunds: 700, customers: 20, prices: 60, subscriptions: 1, balance_transactions: 600 }
const RESOURCES = ['charges', 'refunds', 'balance_transactions'] as const

let host: QuickHost
beforeEach(async () => {
  const permissions = { charge: 'read', balance_transaction: 'read', event: 'read' } as const
  const keys = [{ key: OLD_KEY }, { key: NEW_KEY }, { key: NO_REFUNDS, permissions }]
  host = await startQuickHost({ sandbox: { counts: COUNTS, keys, latencyMs: 10 } })
})
afterEach(() => host.stop())

const listPath = (resource: string) => `/v1/${resource}`
const idsOf = (items: readonly { readonly id: string }[]) => items.map(({ id }) => id).toSorted()
const worldIds = (resource: (typeof RESOURCES)[number]) => idsOf([...host.sandbox.world.all(resource)])

/** One flow for each of the resources, over one connection. */
async function createFlows(key: string, scheduleParams?: object) {
  const baseId = await createConnection(host.api, key)
  const flows: Record<string, QuickFlow> = {}
  for (const resource of RESOURCES) flows[resource] = await createFlow(host.api, baseId, resource, scheduleParams)
  return { baseId, flows: Object.entries(flows) as [(typeof RESOURCES)[number], QuickFlow][] }
}

describe('a key without one permission', () => {
  test('fails the flow that needs it at once, by the name of the permission, while the others go on', async () => {
    const { flows } = await createFlows(NO_REFUNDS)
    for (const [resource, { flowId, dataSetId }] of flows) {
      const run = await firstRun(host.api, flowId)
      if (resource === 'refunds') {
        expect(statusOf(run)).toBe('failed')
        expect(run.metrics.statusSummary.errors[0].message).toContain('rak_refund_read')
        expect(JSON.stringify(run)).not.toContain(NO_REFUNDS)
      } else {
        expect(statusOf(run)).toBe('success')
        expect(idsOf(await recordsOfDataSet(host.api, dataSetId))).toEqual(worldIds(resource))
      }
    }
    expect(host.sandbox.journal.count({ path: '/v1/refunds' })).toBe(1)
    expect(host.retries).toEqual([])
  })
})

describe('a key that is revoked in the middle of the runs', () => {
  test('fails every flow of the connection within a minute, with one clear error that does not hold the key', async () => {
    const { flows } = await createFlows(OLD_KEY)
    const revokedAt = await revokeInTheMiddle()
    for (const [, { flowId }] of flows) {
      const run = await firstRun(host.api, flowId)
      const { status, errors } = run.metrics.statusSummary
      expect(status).toBe('failed')
      expect(errors.map(({ code }: { code: string }) => code)).toEqual(['CONNECTOR-1001-500', '1100-400'])
      expect(errors[1].message).toContain('Stripe answered 401: Invalid API Key provided')
      expect(JSON.stringify(run)).not.toContain(OLD_KEY)
      expect(run.metrics.durationSummary.completedAtUTC - revokedAt).toBeLessThan(60_000)
    }
  })

  test('lets the runs go on where they were once the connection has a new one and they are triggered again', async () => {
    const { baseId, flows } = await createFlows(OLD_KEY)
    await revokeInTheMiddle()
    for (const [, { flowId }] of flows) await firstRun(host.api, flowId)
    await renew(baseId)

    for (const [resource, { flowId, dataSetId }] of flows) {
      const [failed] = await runsOf(host.api, flowId)
      const kept = await recordsOfRun(host.api, failed.id)
      expect(statusOf(await retrigger(host.api, failed.id))).toBe('success')
      const all = await recordsOfRun(host.api, failed.id)
      expect(all.slice(0, kept.length)).toEqual(kept)
      expect(idsOf(all)).toEqual(worldIds(resource))
      expect(idsOf(await recordsOfDataSet(host.api, dataSetId))).toEqual(worldIds(resource))
      expect(readTwice(listPath(resource))).toEqual([])
    }
  })

  test('loses and doubles nothing when the next run is a new one', async () => {
    const { baseId, flows } = await createFlows(OLD_KEY)
    await revokeInTheMiddle()
    for (const [, { flowId }] of flows) await firstRun(host.api, flowId)
    await renew(baseId)

    for (const [resource, { flowId, dataSetId }] of flows) {
      const [failed] = await runsOf(host.api, flowId)
      const next = await runNow(host.api, flowId)
      expect(statusOf(next)).toBe('success')
      await expectOnce(resource, dataSetId, [failed.id, next.id])
    }
  })

  test('loses and doubles nothing when the schedule makes the next run', async () => {
    const startTime = Math.floor(host.clock.now() / 1000) - 1
    const { baseId, flows } = await createFlows(OLD_KEY, { startTime, frequency: 'minute', interval: 15 })
    await revokeInTheMiddle()
    for (const [, { flowId }] of flows) await firstRun(host.api, flowId)
    await renew(baseId)

    for (const [resource, { flowId, dataSetId }] of flows) {
      let runs = await runsOf(host.api, flowId)
      while (statusOf(runs.at(-1)) !== 'success') {
        await pause()
        runs = await runsOf(host.api, flowId)
      }
      for (const run of runs) await untilEnded(host.api, run.id)
      await expectOnce(
        resource,
        dataSetId,
        runs.map(({ id }: { id: string }) => id),
      )
    }
  }, 40_000)

  /** Revokes the key while all flows are reading; resolves with the moment, ms. */
  async function revokeInTheMiddle(): Promise<number> {
    const { journal, keys } = host.sandbox
    while (!RESOURCES.every((resource) => journal.count({ path: listPath(resource), status: 200 }) >= 2)) await pause(1)
    keys.revoke(OLD_KEY)
    return host.clock.now()
  }

  async function renew(baseId: string): Promise<void> {
    const response = await patch(host.api, 'connections', baseId, [
      { op: 'replace', path: '/auth/params/accessToken', value: NEW_KEY },
    ])
    expect(response.status).toBe(200)
  }

  /** Each object of the account is in the dataset and was delivered by just one of the runs. */
  async function expectOnce(resource: (typeof RESOURCES)[number], dataSetId: string, runIds: readonly string[]) {
    const delivered: string[] = []
    for (const id of runIds) delivered.push(...(await recordsOfRun(host.api, id)).map((record) => record.id))
    expect(delivered.toSorted()).toEqual(worldIds(resource))
    expect(idsOf(await recordsOfDataSet(host.api, dataSetId))).toEqual(worldIds(resource))
  }

  /** Pages that were answered with both keys: what the first run had stored is not asked for again. */
  function readTwice(path: string): string[] {
    const answered = (key: string) =>
      host.sandbox.journal
        .entries({ path, status: 200 })
        .filter(({ keyFingerprint }) => keyFingerprint === fingerprint(key))
        .map(({ params }) => JSON.stringify(params))
    const before = new Set(answered(OLD_KEY))
    return answered(NEW_KEY).filter((page) => before.has(page))
  }
})
