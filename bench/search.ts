import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import axios, { type AxiosInstance } from 'axios'
import { loadConfig } from '../src/config.ts'
import { createHost, type Host } from '../src/host.ts'
import { createStripePlugin } from '../src/plugins/stripe/plugin.ts'
import type { ObservedRecord, Store } from '../src/store/store.ts'
import { openSqliteStore } from '../src/store/sqlite/sqlite-store.ts'
import { median, report, sleep } from './support.ts'

const RECORDS = 500_000
const PAGE = 100
/** Pages in one transaction, as many as a run stores together. */
const PAGES_AT_ONCE = 6
const ROUNDS = 200
const CLIENT = { clientId: 'bench', clientSecret: 'bench-secret', orgId: 'bench@AdobeOrg', sandboxes: ['prod'] }
const TENANT = { orgId: CLIENT.orgId, sandboxName: 'prod' }
const DEVICES = ['androidtv', 'firetv', 'lgtv', 'nettv', 'operatv', 'panasonic', 'samsung']
const CATALOG = '/data/foundation/catalog'

/** 500,000 subscriptions in a dataset: how fast they are indexed, and the first page of a search. */
export async function search(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'flow-bench-'))
  const store = await openSqliteStore({ dataDir })
  const config = loadConfig({ PORT: '0', DATA_DIR: dataDir, BOOTSTRAP_CLIENTS: JSON.stringify([CLIENT]) })
  const plugin = createStripePlugin({ apiBase: 'http://127.0.0.1:1' })
  const host = await createHost({ config, plugins: [plugin], store })
  // Not `host.start`: the index is to be filled after the records.
  const server = host.router.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    await measure({
      host,
      store,
      specId: plugin.connectionSpec.id,
      file: join(dataDir, 'host.db'),
      url: `http://127.0.0.1:${port}`,
    })
  } finally {
    server.closeAllConnections()
    server.close()
    await host.stop()
    await store.close()
    await rm(dataDir, { recursive: true })
  }
}

interface Bench {
  readonly host: Host
  readonly store: Store
  readonly specId: string
  /** Path of the database. */
  readonly file: string
  readonly url: string
}

async function measure({ host, store, specId, file, url }: Bench): Promise<void> {
  const api = await clientOf(host, url)
  const { data } = await api.post(`${CATALOG}/dataSets`, { name: 'bench' })
  const dataSetId = String(data[0]).replace('@/dataSets/', '')
  const dataSet = await store.entities.get(TENANT, 'dataSets', dataSetId)
  const filled = await timed(() => fill(store, dataSet!.no, specId))
  report(`${RECORDS} records into the store`, `${Math.round(RECORDS / filled)} records/s`)
  const before = sizeOf(file)

  host.startRuns()
  const indexed = await timed(() => untilIndexed(store, specId))
  report('into the index, while nothing else goes on', `${Math.round(RECORDS / indexed)} records/s`)
  const bytes = sizeOf(file) - before
  report('size of the index', `${Math.round(bytes / 1e6)} MB`, `records: ${Math.round(before / 1e6)} MB`)

  for (const [name, query] of QUERIES) {
    const ask = (round: number) => page(api, dataSetId, query.replace(NUMBER, String((round * 2_111) % RECORDS)))
    await report95(`first page, ${name}`, ask, '100 ms at most')
  }
}

/** Stands for another number in each round. */
const NUMBER = '#'

const QUERIES = [
  ['a rare value', `metadata["order_id"]:"order-${NUMBER}"`],
  ['a common value', 'metadata["device_type"]:"samsung"'],
  ['one of two common values', 'metadata["device_type"]:"samsung" OR metadata["device_type"]:"lgtv"'],
  ['two values at once', 'metadata["device_type"]:"samsung" AND status:"canceled"'],
  ['a negated clause', '-metadata["device_type"]:"samsung"'],
  ['a range that matches nothing', 'created>1900000000'],
] as const

async function page(api: AxiosInstance, dataSetId: string, query: string): Promise<void> {
  await api.get(`${CATALOG}/dataSets/${dataSetId}/records`, { params: { query }, responseType: 'text' })
}

async function fill(store: Store, dataSetNo: number, connectionSpecId: string): Promise<void> {
  const target = { dataSetNo, connectionSpecId, resourcePath: 'subscriptions' }
  const state = { runNo: 1_000_000, flowNo: 1, notBefore: 0, checkpoint: null }
  await store.runs.insert({ ...state, status: 'inProgress', lastSequence: 0 })
  for (let start = 0; start < RECORDS; start += PAGE * PAGES_AT_ONCE) {
    const count = Math.min(PAGES_AT_ONCE, (RECORDS - start) / PAGE)
    const pages = Array.from({ length: count }, (_, index) => ({
      observedAt: 1,
      records: recordsFrom(start + index * PAGE),
    }))
    await store.transaction(async (scope) => {
      await scope.records.deliverPages({ target, runNo: state.runNo, lastSequence: start, pages })
      await scope.runs.save({ ...state, status: 'inProgress', lastSequence: start + count * PAGE })
    })
  }
  await store.runs.save({ ...state, status: 'success', lastSequence: RECORDS })
}

function recordsFrom(start: number): ObservedRecord[] {
  return Array.from({ length: PAGE }, (_, index) => {
    const object = subscription(RECORDS - start - index)
    const body = JSON.stringify({ data: object })
    return {
      objectId: object.id,
      operation: 'upsert',
      body,
      contentHash: String(start + index),
      createdAt: object.created,
    }
  })
}

/** As Stripe makes them: newest first, with the time of creation at the front of the id. About 2 KB. */
function subscription(number: number) {
  const digest = createHash('md5').update(String(number)).digest('hex')
  const device = DEVICES[number % DEVICES.length]!
  return {
    id: `sub_1${number.toString(36).padStart(6, '0')}${digest.slice(0, 17)}`,
    object: 'subscription',
    created: 1_600_000_000 + number * 60,
    customer: `cus_${digest.slice(0, 14)}`,
    status: number % 5 === 0 ? 'canceled' : 'active',
    currency: 'eur',
    metadata: { device_type: device, order_id: `order-${number}`, ...(number % 3 === 0 ? { Samsung: 'yes' } : {}) },
    items: {
      object: 'list',
      data: [{ id: `si_${digest.slice(0, 14)}`, quantity: 1, price: { id: 'price_1', unit_amount: 100 } }],
    },
    description: digest.repeat(45),
  }
}

/** Bytes of the database, with what is still in its log. */
function sizeOf(file: string): number {
  const database = new DatabaseSync(file, { readOnly: true })
  const valueOf = (pragma: string) => Number(Object.values(database.prepare(`pragma ${pragma}`).get() ?? {})[0])
  const bytes = valueOf('page_count') * valueOf('page_size')
  database.close()
  return bytes
}

async function untilIndexed(store: Store, specId: string): Promise<void> {
  while ((await store.searchIndex.pending([specId], null, 1)).length > 0) await sleep(20)
}

async function clientOf(host: Host, url: string): Promise<AxiosInstance> {
  const token = await host.accessTokens.issue({ clientId: CLIENT.clientId, orgId: CLIENT.orgId })
  const headers = { Authorization: `Bearer ${token}`, 'x-api-key': CLIENT.clientId, 'x-gw-ims-org-id': CLIENT.orgId }
  return axios.create({ baseURL: url, headers })
}

/** Seconds. */
async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

async function report95(what: string, call: (round: number) => Promise<void>, goal: string): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) times.push((await timed(() => call(round))) * 1000)
  const p95 = times.toSorted((left, right) => left - right)[Math.floor(ROUNDS * 0.95)]!
  report(what, `${median(times).toFixed(1)} / ${p95.toFixed(1)} ms`, `p50 / p95; ${goal}`)
}
