/** How close the host comes to Stripe's limits, each measurement against auto-paging of the official SDK in the same run. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import axios from 'axios'
import { land, median, NO_LIMITS, report, startHost, startSandbox, untilEnded } from './support.ts'
import type { BenchHost } from './support.ts'

const run = promisify(execFile)

const RECORDS = 50_000
/** The SDK pages one after the other at a steady pace, so a part tells its rate. */
const SDK_RECORDS = 10_000
const MILLION = 1_000_000
const CHANGED = 500
const DISTRIBUTION = ['--distribution', 'uniform']
const LATENCY = ['--latency', '120']

export const LIMIT_MEASUREMENTS: Readonly<Record<string, () => Promise<void>>> = {
  window: () => limited('window', 25, 2_250),
  bucket: () => limited('bucket', 25, 2_250),
  fast: () => limited('window', 100, 8_000),
  six,
  unlimited,
  incremental,
}

/** One resource under a limit of requests per second. */
async function limited(limiter: string, perSecond: number, goal: number): Promise<void> {
  const rates = ['--rate-global', String(perSecond), '--rate-endpoint', String(perSecond), '--limiter', limiter]
  const sandbox = await startSandbox(['--charges', String(RECORDS), ...DISTRIBUTION, ...LATENCY, ...rates])
  const plain = await plainSdk(sandbox.url, SDK_RECORDS)
  const budget = { STRIPE_RATE_GLOBAL: String(perSecond), STRIPE_RATE_ENDPOINT: String(perSecond) }
  const host = await startHost(sandbox.url, budget)
  await forget(sandbox.url)
  const landed = await land(host.api, 'charges')
  const name = `120 ms, ${perSecond} requests/s, ${limiter}`
  reportSpeed(name, landed.records / landed.seconds, { goal, limit: perSecond * 100, plain })
  await reportRequests(sandbox.url, RECORDS / 100)
  await host.stop()
  await sandbox.stop()
}

/** All six resources at once, so that the limit of the account counts and not that of an endpoint. */
async function six(): Promise<void> {
  const counts = ['charges', 'subscriptions', 'refunds', 'balance-transactions', 'customers', 'prices']
  // Items beyond the tenth cost a request for each subscription, at 25 a second, so a few of these.
  const few = ['subscriptions', 'prices']
  const rates = ['--rate-global', '100', '--rate-endpoint', '25', '--limiter', 'window']
  const sizes = counts.flatMap((name) => [`--${name}`, few.includes(name) ? '1000' : '30000'])
  const sandbox = await startSandbox([...sizes, ...DISTRIBUTION, ...LATENCY, ...rates])
  const host = await startHost(sandbox.url, { STRIPE_RATE_GLOBAL: '100', STRIPE_RATE_ENDPOINT: '25' })
  const resources = counts.map((name) => name.replace('-', '_'))
  const runs = await Promise.all(resources.map((resource) => land(host.api, resource)))
  const records = runs.reduce((sum, landed) => sum + landed.records, 0)
  const seconds = (Math.max(...runs.map((r) => r.endedAt)) - Math.min(...runs.map((r) => r.startedAt))) / 1000
  reportSpeed('six resources, 120 ms, 100/s and 25/s each', records / seconds, { goal: 8_000, limit: 10_000 })
  await reportRequests(sandbox.url, records / 100)
  await host.stop()
  await sandbox.stop()
}

/** Nothing to wait for: the processors are the limit. Meanwhile the API is asked for a connection again and again. */
async function unlimited(): Promise<void> {
  const sandbox = await startSandbox(['--charges', String(RECORDS), ...DISTRIBUTION])
  // Both get the same warm sandbox.
  await plainSdk(sandbox.url, RECORDS)
  const rates: { plain: number; ours: number }[] = []
  for (let round = 0; round < 3; round++) {
    const plain = await plainSdk(sandbox.url, RECORDS)
    const host = await startHost(sandbox.url)
    const stopAsking = askForConnection(host)
    const landed = await land(host.api, 'charges')
    rates.push({ plain, ours: landed.records / landed.seconds })
    if (round === 2) {
      const times = await stopAsking()
      report('GET /connections/{id} meanwhile, p95', `${percentile(times, 95).toFixed(1)} ms`, '50 ms at most')
      report('event loop lag, p99', `${(await eventLoopLag(host)).toFixed(0)} ms`, '50 ms at most')
      report('peak memory of the host', `${Math.round(await host.peakMemory())} MB`)
    } else {
      await stopAsking()
    }
    await host.stop()
  }
  await sandbox.stop()
  const plain = median(rates.map((rate) => rate.plain))
  reportSpeed('no latency, no limit', median(rates.map((rate) => rate.ours)), { goal: 12_000, plain })
}

/** A million objects, of which 500 change, under the limit of test mode. */
async function incremental(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'flow-bench-'))
  const sandbox = await startSandbox(['--charges', String(MILLION), ...DISTRIBUTION, '--journal', '20000'])
  const first = await startHost(sandbox.url, { ...NO_LIMITS, DATA_DIR: dataDir })
  const landed = await land(first.api, 'charges')
  report('1,000,000 charges landed', `${Math.round(landed.records / landed.seconds)} records/s`)
  report('peak memory of the host', `${Math.round(await first.peakMemory())} MB`, '300 MB at most')
  await first.stop()

  await change(sandbox.url, CHANGED)
  const limits = { globalPerSecond: 25, endpointPerSecond: 25, algorithm: 'window' }
  await axios.post(`${sandbox.url}/_sandbox/settings`, { latencyMs: 120, limits })
  await forget(sandbox.url)
  const host = await startHost(sandbox.url, { DATA_DIR: dataDir })
  const { runId, flowId } = landed
  await host.api.post('/data/foundation/flowservice/runs', { flowId })
  const { records, seconds } = await untilEnded(host.api, flowId, runId)
  if (records !== CHANGED) throw new Error(`The run delivered ${records} records instead of ${CHANGED}.`)
  report(`run after ${CHANGED} of 1,000,000 changed, 25/s`, `${seconds.toFixed(1)} s`, '25 s at most')
  await reportRequests(sandbox.url, CHANGED)
  await host.stop()
  await sandbox.stop()
  await rm(dataDir, { recursive: true })
}

/** Changes the metadata of charges all over the account. */
async function change(url: string, count: number): Promise<void> {
  const auth = { Authorization: 'Bearer sk_test_sandbox' }
  for (let page = 0; page < count / 100; page++) {
    const created = await createdAt(url, page)
    const { data } = await axios.get(`${url}/v1/charges?limit=100&created[lt]=${created}`, { headers: auth })
    const ids: string[] = data.data.map((charge: { id: string }) => charge.id)
    await axios.post(
      `${url}/_sandbox/actions`,
      ids.map((id) => ({ type: 'update', id, params: { metadata: { changed: 'yes' } } })),
    )
  }
}

/** A moment in the life of the account, the later the smaller `page`. */
async function createdAt(url: string, page: number): Promise<number> {
  const { data } = await axios.get(`${url}/v1/charges?limit=1`, {
    headers: { Authorization: 'Bearer sk_test_sandbox' },
  })
  return data.data[0].created - page * 86_400 * 100
}

async function plainSdk(url: string, most: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'flow-bench-'))
  const args = ['bench/plain-sdk.ts', url, join(folder, 'charges.ndjson'), String(most)]
  const { stdout } = await run(process.execPath, args)
  await rm(folder, { recursive: true })
  const { count, seconds } = JSON.parse(stdout) as { count: number; seconds: number }
  return count / seconds
}

function forget(url: string): Promise<unknown> {
  return axios.delete(`${url}/_sandbox/journal`)
}

async function reportRequests(url: string, needed: number): Promise<void> {
  const { data } = await axios.get(`${url}/_sandbox/journal/summary`)
  const refused = Object.values(data.rateLimited as Record<string, number>).reduce((sum, count) => sum + count, 0)
  report('  requests', `${data.count}`, `${(data.count / needed).toFixed(3)} for each full page or object`)
  report('  refused by the limiter', `${refused}`, `most in a second ${data.maxPerSecond}`)
}

interface Yardsticks {
  readonly goal: number
  /** What the limiter allows, records per second. */
  readonly limit?: number
  /** What the SDK reached in the same run. */
  readonly plain?: number
}

function reportSpeed(what: string, ours: number, { goal, limit, plain }: Yardsticks): void {
  report(what, `${Math.round(ours)} records/s`, `${goal} at least`)
  if (limit !== undefined) report('  share of the limit', (ours / limit).toFixed(2), `limit ${limit} records/s`)
  if (plain !== undefined) report('  times the plain SDK', (ours / plain).toFixed(2), `${Math.round(plain)} records/s`)
}

/** Asks for a connection every 20 ms until told to stop; resolves with the times that the answers took, ms. */
function askForConnection(host: BenchHost): () => Promise<number[]> {
  const times: number[] = []
  let isAsking = true
  const asking = (async () => {
    while (isAsking) {
      const started = performance.now()
      await host.api.get('/data/foundation/flowservice/connections?limit=1')
      times.push(performance.now() - started)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  return async () => {
    isAsking = false
    await asking
    return times
  }
}

function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0
}

/** Milliseconds, of the whole life of the process. */
async function eventLoopLag(host: BenchHost): Promise<number> {
  const { data } = await host.api.get('/metrics')
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(String(data))?.[1]) * 1000
}
