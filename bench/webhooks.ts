/** What a burst of signed notifications costs: how fast they are acknowledged, and when their records can be read. */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axios from 'axios'
import Stripe from 'stripe'
import { land, report, sleep, startHost, startSandbox } from './support.ts'
import type { BenchHost } from './support.ts'

const SECRET = 'whsec_bench'
const NOTIFICATIONS = 2_000
const PER_SECOND = 200
const OBJECTS = 500
/** Sent before, so that the host's code is warm. */
const WARM_UP = 200
/** Every so many, one is about an object of its own, and its record is waited for. */
const WATCHED_EVERY = 40

export const WEBHOOK_MEASUREMENTS: Readonly<Record<string, () => Promise<void>>> = { webhooks }

/** 2,000 notifications in 10 s about 500 charges, some of which have really changed and are watched for. */
async function webhooks(): Promise<void> {
  const watched = NOTIFICATIONS / WATCHED_EVERY
  const sandbox = await startSandbox(['--charges', String(OBJECTS + watched)])
  const host = await startHost(sandbox.url)
  const { dataSetId, flowId } = await land(host.api, 'charges')
  const connectionId = await setSecret(host, flowId)
  const ids = await chargeIds(sandbox.url, OBJECTS + watched)
  const load: Load = { sandboxUrl: sandbox.url, host, dataSetId, connectionId, ids }

  for (let number = 1; number <= WARM_UP; number++) {
    await sendPlain(load, NOTIFICATIONS + number)
    await sleep(20)
  }
  const stopWriting = writeToDisk()
  const started = performance.now()
  const outcomes = await Promise.all(
    Array.from({ length: NOTIFICATIONS }, async (_, number) => {
      await sleep(Math.max(0, started + (number * 1000) / PER_SECOND - performance.now()))
      return number % WATCHED_EVERY === 0 ? sendWatched(load, number) : sendPlain(load, number)
    }),
  )
  const sent = (performance.now() - started) / 1000
  const writes = await stopWriting()
  const pendingSince = performance.now()
  while ((await eventsOf(load, 'state=pending&limit=1')).length > 0) await sleep(50)
  const lag = (performance.now() - pendingSince) / 1000

  const kept = await countKept(load)
  const accepted = outcomes.filter(({ status }) => status === 200).length
  const lost = accepted + WARM_UP - kept
  const delayed = outcomes.filter(({ status }) => status === 503).length
  const times = outcomes.map(({ answerMs }) => answerMs)
  const visible = outcomes.flatMap(({ visibleMs = [] }) => visibleMs)
  report(`${NOTIFICATIONS} notifications, ${PER_SECOND} a second, sent in`, `${sent.toFixed(1)} s`)
  report('accepted / answered 503 / lost', `${accepted} / ${delayed} / ${lost}`, 'none lost')
  report('a plain write and fsync meanwhile, p50', `${percentile(writes, 50).toFixed(0)} ms`)
  report('a plain write and fsync meanwhile, p99', `${percentile(writes, 99).toFixed(0)} ms`)
  report('answer, p50', `${percentile(times, 50).toFixed(0)} ms`)
  report('answer, p99', `${percentile(times, 99).toFixed(0)} ms`, '250 ms at most')
  report('received to visible, p50', `${percentile(visible, 50).toFixed(0)} ms`)
  report('received to visible, p95', `${percentile(visible, 95).toFixed(0)} ms`, '1000 ms at most')
  report('everything taken after the last answer', `${lag.toFixed(1)} s`)
  report('peak memory of the host', `${Math.round(await host.peakMemory())} MB`)
  await host.stop()
  await sandbox.stop()
}

interface Load {
  readonly sandboxUrl: string
  readonly host: BenchHost
  readonly dataSetId: string
  readonly connectionId: string
  /** The first `OBJECTS` are for plain notifications, the others for watched ones. */
  readonly ids: readonly string[]
}

interface Outcome {
  readonly status: number
  readonly answerMs: number
  readonly visibleMs?: readonly number[]
}

async function sendPlain(load: Load, number: number): Promise<Outcome> {
  return send(load, number, load.ids[number % OBJECTS] ?? '')
}

/** Changes an object before it announces that, and waits until the record shows it. */
async function sendWatched(load: Load, number: number): Promise<Outcome> {
  const id = load.ids[OBJECTS + number / WATCHED_EVERY] ?? ''
  const version = `v${number}`
  await axios.post(`${load.sandboxUrl}/_sandbox/actions`, [{ type: 'update', id, params: { metadata: { version } } }])
  const started = performance.now()
  const outcome = await send(load, number, id)
  const path = `/data/foundation/catalog/dataSets/${load.dataSetId}/records/${id}/history?limit=1&include=record`
  for (;;) {
    const { data } = await load.host.api.get(path)
    if (data.items[0].record?.data.metadata.version === version) break
    // So that asking does not become the load when it takes long.
    await sleep(Math.max(25, (performance.now() - started) / 5))
  }
  return { ...outcome, visibleMs: [performance.now() - started] }
}

/**
 * What the disk makes everybody wait: writes a page and syncs it, twenty times a second, until told to stop; resolves with
 * the times that this took, ms.
 */
function writeToDisk(): () => Promise<readonly number[]> {
  const times: number[] = []
  let isWriting = true
  const writing = (async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flow-bench-'))
    const file = await open(join(folder, 'page'), 'w')
    const page = Buffer.alloc(8192, 'x')
    while (isWriting) {
      const started = performance.now()
      await file.write(page)
      await file.datasync()
      times.push(performance.now() - started)
      await sleep(50)
    }
    await file.close()
    await rm(folder, { recursive: true })
  })()
  return async () => {
    isWriting = false
    await writing
    return times
  }
}

const agent = new Agent({ keepAlive: true, maxSockets: 100 })

function send({ host, connectionId }: Load, number: number, id: string): Promise<Outcome> {
  const created = Math.floor(Date.now() / 1000)
  const event = { id: `evt_${number}`, object: 'event', type: 'charge.updated', created, data: { object: { id } } }
  // As large as the events of a charge are.
  const payload = JSON.stringify({ ...event, padding: 'x'.repeat(3_000) }, null, 2)
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET })
  const headers = { 'Content-Type': 'application/json', 'Stripe-Signature': signature }
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const sent = request(
      `${host.url}/webhooks/stripe/${connectionId}`,
      { method: 'POST', agent, headers },
      (response) => {
        response.resume().on('end', () => {
          resolve({ status: response.statusCode ?? 0, answerMs: performance.now() - started })
        })
      },
    )
    sent.on('error', reject).end(payload)
  })
}

/** Sets the secret on the base connection of a flow; returns its id. */
async function setSecret({ api }: BenchHost, flowId: string): Promise<string> {
  const base = '/data/foundation/flowservice'
  const read = async (path: string) => (await api.get(`${base}/${path}`)).data.items[0]
  const { sourceConnectionIds } = await read(`flows/${flowId}`)
  const { baseConnectionId } = await read(`sourceConnections/${sourceConnectionIds[0]}`)
  const { etag } = await read(`connections/${baseConnectionId}`)
  const operations = [{ op: 'add', path: '/auth/params/webhookSecret', value: SECRET }]
  await api.patch(`${base}/connections/${baseConnectionId}`, operations, { headers: { 'If-Match': etag } })
  return baseConnectionId
}

async function chargeIds(url: string, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  while (ids.length < count) {
    const after = ids.length === 0 ? '' : `&starting_after=${ids.at(-1)}`
    const { data } = await axios.get(`${url}/v1/charges?limit=100${after}`, {
      headers: { Authorization: 'Bearer sk_test_sandbox' },
    })
    ids.push(...data.data.map(({ id }: { id: string }) => id))
  }
  return ids
}

async function eventsOf({ host, connectionId }: Load, query: string): Promise<readonly { readonly id: string }[]> {
  const { data } = await host.api.get(`/data/foundation/flowservice/connections/${connectionId}/webhookEvents?${query}`)
  return data.items
}

/** How many of the notifications that were sent are in the inbox. */
async function countKept({ host, connectionId }: Load): Promise<number> {
  const base = '/data/foundation/flowservice'
  let count = 0
  let path: string | undefined = `/connections/${connectionId}/webhookEvents?limit=1000`
  while (path !== undefined) {
    const { data }: { data: { items: { id: string }[]; _links: { next?: { href: string } } } } = await host.api.get(
      base + path,
    )
    count += data.items.filter(({ id }) => /^evt_\d+$/.test(id)).length
    path = data._links.next?.href
  }
  return count
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0
}
