import { afterEach, describe, expect, test } from '@jest/globals'
import type { StripeObject, StripeSandboxOptions } from '../../src/sandbox/index.ts'
import { connectionBody, create, FLOW_SERVICE, sourceBody } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  pause,
  recordsOfDataSet,
  recordsOfRun,
  SANDBOX_KEY,
  startStripeHost,
  statusOf,
  untilEnded,
  type StripeChainRequest,
  type StripeHost,
} from '../support/stripe-host.ts'

const SAMSUNG = 'metadata["device_type"]:"samsung"'
const COUNTS = { charges: 60, subscriptions: 120, customers: 60, prices: 60 }

let host: StripeHost
afterEach(() => host.stop())

async function start(options: StripeSandboxOptions = {}): Promise<void> {
  host = await startStripeHost({ counts: COUNTS, searchLagSeconds: 0, ...options })
}

const isSamsung = ({ metadata }: StripeObject) => (metadata as { device_type?: string }).device_type === 'samsung'
const samsungs = (): string[] =>
  Array.from(host.sandbox.world.all('subscriptions'))
    .filter(isSamsung)
    .map(({ id }) => id)
    .toSorted()

/** An open subscription with the tag or without. */
const anOpen = (tagged: boolean): string => {
  const fits = (each: StripeObject) => each.status !== 'canceled' && isSamsung(each) === tagged
  return Array.from(host.sandbox.world.all('subscriptions')).find(fits)!.id
}

async function followSamsungs(request: StripeChainRequest = {}) {
  const chain = { resourcePath: 'subscriptions', params: { query: SAMSUNG }, ...request }
  const made = await createStripeChain(host.api, chain)
  expect(statusOf(await firstRun(host.api, made.flowId))).toBe('success')
  return made
}

async function plan(query: string, resourcePath = 'subscriptions', token = SANDBOX_KEY) {
  const baseId = await create(host.api, 'connections', connectionBody(token))
  const id = await create(host.api, 'sourceConnections', { ...sourceBody(baseId), params: { resourcePath, query } })
  return host.api.get(`${FLOW_SERVICE}/sourceConnections/${id}/plan`)
}

describe('an audit of a flow with a query', () => {
  async function audit(flowId: string, query = '') {
    const { body } = await host.api.post(`${FLOW_SERVICE}/flows/${flowId}/audit${query}`).expect(202)
    for (;;) {
      const path = `${FLOW_SERVICE}/flows/${flowId}/audits/${body.id}?limit=1000`
      const { body: found } = await host.api.get(path).expect(200)
      if (found.status === 'success' || found.status === 'failed') return found
      await pause()
    }
  }

  const silently = (id: string, device: string) =>
    host.sandbox.apply({ type: 'patch', id, fields: { metadata: { device_type: device } }, silent: true })

  test('finds no difference after a run, and says how it looked for what is missing', async () => {
    await start()
    const { flowId } = await followSamsungs()
    const found = await audit(flowId)
    expect(found).toMatchObject({ status: 'success', drift: false, findings: [] })
    expect(found).toMatchObject({ compared: samsungs().length, missing: 0, extra: 0, stale: 0 })
    expect(found.notes).toEqual([expect.stringContaining('an index of the source that may be 3600 s behind')])
  })

  test('finds what is missing and what is stale, and a repair mends both', async () => {
    await start()
    const { flowId, dataSetId } = await followSamsungs()
    const [missing, stale] = [anOpen(false), anOpen(true)]
    silently(missing, 'samsung')
    host.sandbox.apply({ type: 'patch', id: stale, fields: { metadata: { device_type: 'lgtv' } }, silent: true })
    const found = await audit(flowId, '?repair=true')
    expect(
      found.findings.toSorted((one: { kind: string }, two: { kind: string }) => (one.kind < two.kind ? -1 : 1)),
    ).toEqual([
      { id: missing, kind: 'missing' },
      { id: stale, kind: 'stale' },
    ])
    await untilEnded(host.api, found.repairRunId)
    const mended = await recordsOfRun(host.api, found.repairRunId)
    expect(mended.map(({ id }) => id).toSorted()).toEqual([missing, stale].toSorted())
    const ids = (await recordsOfDataSet(host.api, dataSetId)).map(({ id }) => id)
    expect(ids.toSorted()).toEqual([...samsungs(), stale].toSorted())
    expect(await audit(flowId)).toMatchObject({ drift: false })
  })

  test('does not call missing what only an old index still shows', async () => {
    await start({ searchLagSeconds: 3600, searchShows: 'indexed' })
    const { flowId } = await followSamsungs()
    const transient = anOpen(false)
    silently(transient, 'samsung')
    host.sandbox.clock.advance(7200)
    silently(transient, 'lgtv')
    const { body } = await plan(SAMSUNG)
    expect(body.estimatedRecordCount).toBe(samsungs().length + 1)
    expect(await audit(flowId)).toMatchObject({ status: 'success', drift: false, findings: [] })
  })

  test('leaves alone what another flow has brought into the same dataset', async () => {
    await start()
    const { flowId, dataSetId } = await followSamsungs()
    const other = await createStripeChain(host.api, { resourcePath: 'subscriptions', dataSetId })
    expect(statusOf(await firstRun(host.api, other.flowId))).toBe('success')
    const found = await audit(flowId)
    expect(found).toMatchObject({ drift: false, compared: samsungs().length })
  })
})

describe('the plan of a source connection with a query', () => {
  test('counts what the search finds, in one call besides those for the permissions', async () => {
    await start()
    const { status, body } = await plan(SAMSUNG)
    expect(status).toBe(200)
    expect(body).toMatchObject({
      resourcePath: 'subscriptions',
      estimatedRecordCount: samsungs().length,
      isExact: true,
      estimatedRequestCount: 2,
      callCount: 7,
    })
    expect(body.permissions).toHaveLength(7)
    expect(host.sandbox.journal.entries({ path: '/v1/subscriptions' })).toEqual([])
  })

  test('is not exact where Stripe counts no further', async () => {
    await start({ counts: { ...COUNTS, customers: 11_000 } })
    const { body } = await plan('created>0', 'customers')
    expect(body.isExact).toBe(false)
    expect(body.estimatedRecordCount).toBeGreaterThanOrEqual(10_000)
    expect(body.requestsPerSecond).toBeLessThanOrEqual(20)
  })

  test('names the missing permission, and is an error where Search is not offered', async () => {
    await start()
    const { body } = await plan(SAMSUNG, 'subscriptions', 'rk_test_charges_only')
    expect(body).toMatchObject({ estimatedRecordCount: 0, estimatedRequestCount: 0 })
    expect(body.permissions).toContainEqual({
      resourcePath: 'subscriptions',
      granted: false,
      missing: 'rak_subscription_read',
    })
    host.sandbox.behaviour.indiaAccount = true
    const refused = await plan(SAMSUNG)
    expect(refused.status).toBe(400)
    expect(refused.body).toMatchObject({ errorCode: '1100-400', detail: expect.stringContaining('India') })
  })
})

test('explore with a query previews hits', async () => {
  await start()
  const baseId = await create(host.api, 'connections', connectionBody(SANDBOX_KEY))
  const params = { resourcePath: 'subscriptions', query: SAMSUNG }
  const sourceParams = Buffer.from(JSON.stringify(params)).toString('base64url')
  const explore = `${FLOW_SERVICE}/connections/${baseId}/explore?objectType=rest&preview=true&sourceParams=${sourceParams}`
  const { body } = await host.api.get(explore).expect(200)
  expect(body.data).toHaveLength(Math.min(10, samsungs().length))
  expect(body.data.map(({ data }: { data: StripeObject }) => isSamsung(data))).not.toContain(false)
  expect(body.schema.properties.data.properties.metadata.properties).toMatchObject({ device_type: { type: 'string' } })

  const id = await create(host.api, 'sourceConnections', { ...sourceBody(baseId), params })
  const own = await host.api.get(`${FLOW_SERVICE}/sourceConnections/${id}/explore?objectType=rest&preview=true`)
  expect(own.body).toEqual(body)
})
