import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axios, { type AxiosInstance } from 'axios'

/** As `npm start` does. */
const NODE = [process.execPath, '--disable-warning=ExperimentalWarning', '--max-semi-space-size=4']
const ROOT = new URL('..', import.meta.url).pathname
const ORG = 'bench@AdobeOrg'
const STRIPE_SPEC = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'
const DATA_LAKE_SPEC = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c'
const REST_FLOW_SPEC = '6499120c-0b15-42dc-936e-847ea3c24d72'

/** A process under measurement: the host or the sandbox Stripe. */
export interface BenchProcess {
  readonly url: string
  /** From the start of the process until `/ready` (the host) or the first line with its address, ms. */
  readonly startMs: number
  /** Highest resident memory so far, MB. */
  peakMemory(): Promise<number>
  stop(): Promise<void>
}

export interface BenchHost extends BenchProcess {
  readonly api: AxiosInstance
}

/** Starts the sandbox Stripe in a process of its own. `args` as for `npm run sandbox -- --help`. */
export async function startSandbox(args: readonly string[]): Promise<BenchProcess> {
  const port = await freePort()
  const started = performance.now()
  const child = spawnNode(['src/main.ts', 'sandbox', '--port', String(port), ...args], {})
  const url = `http://127.0.0.1:${port}`
  await untilAnswers(`${url}/v1/charges?limit=1`, child, { Authorization: 'Bearer sk_test_sandbox' })
  return { url, startMs: performance.now() - started, ...processOf(child) }
}

/** A budget that nothing waits for. */
export const NO_LIMITS = { STRIPE_RATE_GLOBAL: '1000000', STRIPE_RATE_ENDPOINT: '1000000' }

/**
 * Starts the host on an empty folder, removed when it stops. `settings` are its environment variables; a `DATA_DIR` among
 * them is used as it is and stays.
 */
export async function startHost(stripeUrl: string, settings: NodeJS.ProcessEnv = NO_LIMITS): Promise<BenchHost> {
  const dataDir = settings.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'flow-bench-')))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const started = performance.now()
  const child = spawnNode(['src/main.ts', 'start'], {
    PORT: String(port),
    DATA_DIR: dataDir,
    STRIPE_API_BASE: stripeUrl,
    LOG_LEVEL: 'warn',
    BOOTSTRAP_CLIENT_ID: 'bench',
    BOOTSTRAP_CLIENT_SECRET: 'bench-secret',
    BOOTSTRAP_ORG_ID: ORG,
    STRIPE_BUDGET_SHARE: '1',
    ...settings,
  })
  await untilAnswers(`${url}/ready`, child)
  const startMs = performance.now() - started
  const { peakMemory, stop } = processOf(child)
  return {
    url,
    startMs,
    peakMemory,
    api: await authorised(url),
    async stop() {
      await stop()
      if (settings.DATA_DIR === undefined) await rm(dataDir, { recursive: true })
    },
  }
}

/** The id of a dataset and of a flow of frequency `once` into it. */
export interface Landing {
  readonly dataSetId: string
  readonly flowId: string
}

/** Connects the sandbox and lands a whole resource; resolves when the run has ended well. */
export async function land(api: AxiosInstance, resourcePath: string): Promise<Landing & EndedRun> {
  const flow = '/data/foundation/flowservice'
  const create = async (path: string, body: object) => (await api.post(`${flow}/${path}`, body)).data.id as string
  const baseConnectionId = await create('connections', {
    name: 'bench',
    connectionSpec: { id: STRIPE_SPEC },
    auth: { specName: 'OAuth2 Refresh Code', params: { accessToken: 'sk_test_sandbox' } },
  })
  const dataSet = await api.post('/data/foundation/catalog/dataSets', { name: 'bench' })
  const dataSetId = String(dataSet.data[0]).replace('@/dataSets/', '')
  const source = await create('sourceConnections', {
    name: 'bench',
    baseConnectionId,
    connectionSpec: { id: STRIPE_SPEC },
    data: { format: 'json' },
    params: { resourcePath },
  })
  const target = await create('targetConnections', {
    name: 'bench',
    connectionSpec: { id: DATA_LAKE_SPEC },
    data: { format: 'json' },
    params: { dataSetId },
  })
  const flowId = await create('flows', {
    name: 'bench',
    flowSpec: { id: REST_FLOW_SPEC },
    sourceConnectionIds: [source],
    targetConnectionIds: [target],
    scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
  })
  return { dataSetId, flowId, ...(await untilEnded(api, flowId)) }
}

/** What a run came to. */
export interface EndedRun {
  readonly runId: string
  readonly records: number
  /** From its start to its end. */
  readonly seconds: number
  /** Unix times in milliseconds. */
  readonly startedAt: number
  readonly endedAt: number
}

/** Waits until the newest run of a flow has ended well. */
export async function untilEnded(api: AxiosInstance, flowId: string, after?: string): Promise<EndedRun> {
  const run = await newestEndedRun(api, flowId, after)
  const { startedAtUTC: startedAt, completedAtUTC: endedAt } = run.metrics.durationSummary
  const records = run.metrics.recordSummary.outputRecordCount
  return { runId: run.id, records, seconds: (endedAt - startedAt) / 1000, startedAt, endedAt }
}

async function newestEndedRun(api: AxiosInstance, flowId: string, after: string | undefined) {
  for (;;) {
    await sleep(200)
    const { data } = await api.get('/data/foundation/flowservice/runs', {
      params: { property: `flowId==${flowId}`, orderby: '-createdAt' },
    })
    const run = data.items[0]
    if (run?.id === after) continue
    const status = run?.metrics.statusSummary.status
    if (status === 'success') return run
    if (status === 'failed') throw new Error(`The run failed: ${JSON.stringify(run.metrics.statusSummary.errors)}`)
  }
}

async function authorised(url: string): Promise<AxiosInstance> {
  const token = await axios.post(
    `${url}/ims/token/v3`,
    'grant_type=client_credentials&client_id=bench&client_secret=bench-secret',
  )
  return axios.create({
    baseURL: url,
    headers: {
      Authorization: `Bearer ${token.data.access_token}`,
      'x-api-key': 'bench',
      'x-gw-ims-org-id': ORG,
    },
  })
}

function spawnNode(args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const [command, ...options] = NODE
  return spawn(command ?? 'node', [...options, ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, MALLOC_ARENA_MAX: '1', ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

function processOf(child: ChildProcess): Pick<BenchProcess, 'peakMemory' | 'stop'> {
  return {
    async peakMemory() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024
    },
    async stop() {
      if (child.exitCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function untilAnswers(url: string, child: ChildProcess, headers: Record<string, string> = {}): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The process ended with code ${child.exitCode}.`)
    const answer = await fetch(url, { headers }).catch(() => null)
    if (answer?.ok) return
    await sleep(10)
  }
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** One line of the result. */
export function report(what: string, measured: string, goal = ''): void {
  console.log(`${what.padEnd(52)} ${measured.padStart(18)}   ${goal}`)
}
