import Stripe from 'stripe'
import type { Logger } from '../../src/logger.ts'
import { silentLogger } from '../../src/logger.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import type { StripeSandboxOptions } from '../../src/sandbox/stripe/sandbox.ts'
import {
  connectionBody,
  create,
  createDataSet,
  FLOW_SERVICE,
  flowBody,
  sourceBody,
  targetBody,
} from '../support/flow-host.ts'
import { UNHURRIED, untilEnded, type StripeHost } from '../support/stripe-host.ts'
import { startTestHost, type TestApi } from '../support/test-host.ts'
import { QuickClock } from './quick-clock.ts'

/** One failed try, as the log tells it. */
export interface Retry {
  readonly flowId: string
  readonly tries: number
  readonly waitMs: number
  readonly reason: string
}

/** A host and a sandbox Stripe on one clock, which passes pauses at once. */
export interface QuickHost extends StripeHost {
  readonly clock: QuickClock
  /** Every pause before another try, in order. */
  readonly retries: readonly Retry[]
}

export interface QuickHostOptions {
  readonly sandbox?: StripeSandboxOptions
  /** A request without a sign of life for so long has failed, real milliseconds. */
  readonly timeoutMs?: number
}

/** Longer than an honest answer takes on a machine that does other things as well. */
const TIMEOUT_MS = 10_000

export async function startQuickHost(options: QuickHostOptions = {}): Promise<QuickHost> {
  const now = Math.floor(Date.now() / 1000) + 1
  const sandbox = await createStripeSandbox({ now, ...options.sandbox })
  const clock = new QuickClock(now * 1000, (time) => sandbox.clock.set(Math.floor(time / 1000)))
  const retries: Retry[] = []
  const httpClient = clock.watch(Stripe.createNodeHttpClient(), options.timeoutMs ?? TIMEOUT_MS)
  const plugins = [createStripePlugin({ apiBase: sandbox.url, ...UNHURRIED, httpClient, clock })]
  const host = await startTestHost({ plugins, clock, logger: retryLogger(retries) })
  host.host.startRuns()
  return {
    ...host,
    sandbox,
    clock,
    retries,
    async stop() {
      await host.stop()
      await sandbox.close()
    },
  }
}

function retryLogger(retries: Retry[], inherited: object = {}): Logger {
  return {
    ...silentLogger,
    warn: (fields, message) => {
      if (message === 'retry') retries.push({ ...inherited, ...fields } as Retry)
    },
    child: (fields) => retryLogger(retries, { ...inherited, ...fields }),
  }
}

export interface QuickFlow {
  readonly flowId: string
  readonly dataSetId: string
}

export function createConnection(api: TestApi, accessToken: string): Promise<string> {
  return create(api, 'connections', connectionBody(accessToken))
}

/** A flow over a connection into a dataset of its own; it runs once, now, unless it has another schedule. */
export async function createFlow(
  api: TestApi,
  baseId: string,
  resourcePath: string,
  scheduleParams: object = { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
): Promise<QuickFlow> {
  const dataSetId = await createDataSet(api)
  const sourceId = await create(api, 'sourceConnections', { ...sourceBody(baseId), params: { resourcePath } })
  const targetId = await create(api, 'targetConnections', targetBody(dataSetId))
  const flowId = await create(api, 'flows', { ...flowBody(sourceId, targetId), scheduleParams })
  return { flowId, dataSetId }
}

/** Sets a failed run back to `scheduled`; resolves with it when it has ended again. */
export async function retrigger(api: TestApi, runId: string) {
  await api.post(`${FLOW_SERVICE}/runs/${runId}/action?op=RE_TRIGGER`).expect(200)
  return untilEnded(api, runId)
}
