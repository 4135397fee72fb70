import type { Response } from 'supertest'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import type { StripeSandbox, StripeSandboxOptions } from '../../src/sandbox/stripe/sandbox.ts'
import {
  CATALOG,
  connectionBody,
  create,
  createDataSet,
  flowBody,
  FLOW_SERVICE,
  read,
  sourceBody,
  targetBody,
} from './flow-host.ts'
import type { Chain } from './flow-host.ts'
import { startTestHost } from './test-host.ts'
import type { TestApi, TestHost, TestHostOptions } from './test-host.ts'

export const SANDBOX_KEY = 'sk_test_sandbox'

/** A budget that no test waits for. */
export const UNHURRIED = { share: 1, rateGlobal: 100_000, rateEndpoint: 100_000 }

export interface StripeHost extends TestHost {
  readonly sandbox: StripeSandbox
}

/** A host that runs flows, and the sandbox Stripe that it calls. Call `stop` when done. */
export async function startStripeHost(
  sandboxOptions: StripeSandboxOptions = {},
  hostOptions: TestHostOptions = {},
): Promise<StripeHost> {
  const sandbox = await createStripeSandbox(sandboxOptions)
  const plugins = [createStripePlugin({ apiBase: sandbox.url, ...UNHURRIED })]
  const host = await startTestHost({ plugins, ...hostOptions })
  host.host.startRuns()
  return {
    ...host,
    sandbox,
    async stop() {
      await host.stop()
      await sandbox.close()
    },
  }
}

export interface StripeChainRequest {
  readonly resourcePath?: string
  readonly accessToken?: string
  /** Further parameters of the source connection. */
  readonly params?: object
  readonly scheduleParams?: object
  /** Lands in this dataset instead of a new one. */
  readonly dataSetId?: string
}

/** Connections, dataset and a flow that reads one resource once, now. */
export async function createStripeChain(
  api: TestApi,
  { resourcePath = 'charges', accessToken = SANDBOX_KEY, params, scheduleParams, dataSetId }: StripeChainRequest = {},
): Promise<Chain> {
  const target = dataSetId ?? (await createDataSet(api))
  const baseId = await create(api, 'connections', connectionBody(accessToken))
  const sourceId = await create(api, 'sourceConnections', {
    ...sourceBody(baseId),
    params: { resourcePath, ...params },
  })
  const targetId = await create(api, 'targetConnections', targetBody(target))
  const once = { startTime: Math.floor(Date.now() / 1000), frequency: 'once' }
  const flowId = await create(api, 'flows', {
    ...flowBody(sourceId, targetId),
    scheduleParams: scheduleParams ?? once,
  })
  return { dataSetId: target, baseId, sourceId, targetId, flowId }
}

/** The runs of a flow, oldest first. */
export async function runsOf(api: TestApi, flowId: string) {
  const { body } = await api.get(`${FLOW_SERVICE}/runs?property=flowId==${flowId}&orderby=createdAt`).expect(200)
  return body.items
}

/** The one run that a `once` flow makes by itself, when it has ended. */
export async function firstRun(api: TestApi, flowId: string) {
  for (;;) {
    const [run] = await runsOf(api, flowId)
    if (run !== undefined) return untilEnded(api, run.id)
    await pause()
  }
}

/** `POST /runs`, and the run when it has ended. */
export async function runNow(api: TestApi, flowId: string, params: object = {}) {
  return untilEnded(api, await create(api, 'runs', { flowId, params }))
}

export async function untilEnded(api: TestApi, runId: string) {
  for (;;) {
    const run = await read(api, 'runs', runId)
    if (['success', 'failed'].includes(statusOf(run))) return run
    await pause()
  }
}

export function statusOf(run: { metrics: { statusSummary: { status: string } } }): string {
  return run.metrics.statusSummary.status
}

/** An item of a records page. */
export interface RecordItem {
  readonly id: string
  readonly op: string
  readonly resourcePath: string
  readonly sequence: number
  readonly observedAt: number
  readonly record: { readonly data: { readonly id: string } & Record<string, unknown> }
}

export function recordsOfRun(api: TestApi, runId: string, limit = 1000): Promise<RecordItem[]> {
  return readAllPages(api, FLOW_SERVICE, `/runs/${runId}/records?limit=${limit}`)
}

export function recordsOfDataSet(api: TestApi, dataSetId: string, query = 'limit=1000'): Promise<RecordItem[]> {
  return readAllPages(api, CATALOG, `/dataSets/${dataSetId}/records?${query}`)
}

async function readAllPages(api: TestApi, base: string, first: string): Promise<RecordItem[]> {
  const items: RecordItem[] = []
  let path: string | undefined = first
  while (path !== undefined) {
    const page: Response = await api.get(base + path).expect(200)
    items.push(...page.body.items)
    path = page.body._links.next?.href
  }
  return items
}

export function pause(ms = 20): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
