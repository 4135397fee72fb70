import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createStripeSandbox, type StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { KillableHost } from '../guarantees/kill-host.ts'
import { connectionBody, CATALOG, flowBody, FLOW_SERVICE, sourceBody, targetBody } from '../support/flow-host.ts'
import { pause, SANDBOX_KEY, type RecordItem } from '../support/stripe-host.ts'
import { change, SECRET, signature } from './support.ts'

const OBJECTS = 25
const ROUNDS = 8
const KILLS = 3

let sandbox: StripeSandbox
let host: KillableHost
let port: number

beforeAll(async () => {
  sandbox = await createStripeSandbox({ counts: { charges: OBJECTS }, latencyMs: 10 })
  port = await freePort()
  host = new KillableHost({ STRIPE_API_BASE: sandbox.url, PORT: String(port), WEBHOOK_SWEEP_MINUTES: '0' })
  await host.start()
})

afterAll(async () => {
  await host.remove()
  await sandbox.close()
})

test('nothing is lost or delivered twice by a host that is killed again and again', async () => {
  const { baseId, dataSetId, flowId } = await createFlow()
  const ids = Array.from(sandbox.world.all('charges'), ({ id }) => id)
  const sent: string[] = []
  let isSending = true
  const killing = (async () => {
    for (let kill = 0; kill < KILLS && isSending; kill++) {
      // Any moment will do: sometimes nothing is under way, sometimes a page is half stored.
      await pause(400 + 137 * kill)
      await host.kill()
      await host.start()
    }
  })()
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(
      ids.map(async (id) => {
        const event = change(sandbox, id, `round ${round}`)
        sent.push(event.id)
        await sendUntilTaken(baseId, event)
      }),
    )
    await pause(150)
  }
  isSending = false
  await killing

  const inbox = `${FLOW_SERVICE}/connections/${baseId}/webhookEvents`
  while ((await host.get(`${inbox}?state=pending&limit=1`)).items.length > 0) await pause()
  const kept = await allOf(inbox, FLOW_SERVICE)
  expect(kept.map(({ id }) => id).toSorted()).toEqual(sent.toSorted())
  const records = await allOf(`${CATALOG}/dataSets/${dataSetId}/records`, CATALOG)
  const versions = records.map(({ record }) => (record.data.metadata as { version: string }).version)
  expect(versions).toEqual(ids.map(() => `round ${ROUNDS - 1}`))
  await expectNothingTwice(flowId)
}, 120_000)

/** No run has delivered an object twice, and no two runs the same version. */
async function expectNothingTwice(flowId: string): Promise<void> {
  const versions: string[] = []
  for (const run of await allOf(`${FLOW_SERVICE}/runs?property=flowId==${flowId}`, FLOW_SERVICE)) {
    const delivered = await allOf(`${FLOW_SERVICE}/runs/${run.id}/records`, FLOW_SERVICE)
    const ids = delivered.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    versions.push(...delivered.map(({ id, record }) => `${id} ${JSON.stringify(record.data.metadata)}`))
  }
  expect(new Set(versions).size).toBe(versions.length)
}

/** As Stripe does: again and again, until the host has acknowledged it. */
async function sendUntilTaken(baseId: string, event: object): Promise<void> {
  const body = JSON.stringify(event)
  for (;;) {
    const headers = { 'Content-Type': 'application/json', 'Stripe-Signature': signature(body) }
    const url = `http://127.0.0.1:${port}/webhooks/stripe/${baseId}`
    const status = await fetch(url, { method: 'POST', headers, body }).then(
      (response) => response.status,
      () => 0,
    )
    if (status === 200) return
    expect([0, 503]).toContain(status)
    await pause(50)
  }
}

async function createFlow() {
  const create = async (collection: string, body: object): Promise<string> =>
    (await host.post(`${FLOW_SERVICE}/${collection}`, body)).id
  const { auth, ...rest } = connectionBody(SANDBOX_KEY)
  const params = { ...auth.params, webhookSecret: SECRET }
  const baseId = await create('connections', { ...rest, auth: { ...auth, params } })
  const [reference] = await host.post(`${CATALOG}/dataSets`, { name: 'charges' })
  const dataSetId = reference.replace('@/dataSets/', '')
  const sourceId = await create('sourceConnections', sourceBody(baseId))
  const targetId = await create('targetConnections', targetBody(dataSetId))
  const scheduleParams = { startTime: Math.floor(Date.now() / 1000), frequency: 'once' }
  const flowId = await create('flows', { ...flowBody(sourceId, targetId), scheduleParams })
  for (let state = ''; state !== 'success'; await pause()) {
    const { items } = await host.get(`${FLOW_SERVICE}/flows/${flowId}`)
    state = items[0].lastRunDetails?.state
  }
  return { baseId, dataSetId, flowId }
}

async function allOf(path: string, base: string): Promise<RecordItem[]> {
  const items: RecordItem[] = []
  for (let next: string | undefined = path; next !== undefined;) {
    const page: { items: RecordItem[]; _links: { next?: { href: string } } } = await host.get(next)
    items.push(...page.items)
    next = page._links.next && base + page._links.next.href
  }
  return items
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
