import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { RunObserver } from '../flow/engine/run-engine.ts'
import type { WebhookOutcome } from '../flow/webhooks/webhook-service.ts'

export interface RequestObservation {
  readonly method: string
  /** The route's path template; undefined for a path that is no route. */
  readonly route: string | undefined
  readonly status: number
  readonly seconds: number
}

/** The limits that a source may name; whatever else it says is counted as `other`. */
export const RATE_LIMIT_REASONS: readonly string[] = [
  'global-rate',
  'global-concurrency',
  'endpoint-rate',
  'endpoint-concurrency',
  'resource-specific',
  'lock_timeout',
]

export interface MetricsOptions {
  /**
   * Those that the plugins declare. Any other one is counted as `other`: who describes a source of his own may have put
   * anything into its paths. So is a run that ended before its resource was known.
   */
  readonly resourcePaths?: Iterable<string>
  /** How many runs this process is working on. */
  readonly runsInProgress?: () => number
}

/** Figures for Prometheus. Labels never hold anything of an account. */
export interface Metrics {
  readonly registry: Registry
  observeRequest(observation: RequestObservation): void
  /** Counts what runs do, by resource path. */
  readonly runs: RunObserver
  /** Counts a notification that came in. `receiver` is one of a plugin's, by its name. */
  observeWebhook(receiver: string, outcome: WebhookOutcome): void
  /** Adds memory, event loop and garbage collection of the process. */
  collectProcessMetrics(): void
}

export function createMetrics({ resourcePaths = [], runsInProgress = () => 0 }: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const knownPaths = new Set(resourcePaths)
  const labelOf = (resourcePath: string) => ({
    resource_path: knownPaths.has(resourcePath) ? resourcePath : 'other',
  })
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Duration of HTTP requests by route template, method and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  })
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers: [registry] })
  const pages = counter('run_pages_total', 'Pages that runs have stored.', ['resource_path'])
  const records = counter('run_records_total', 'Records on those pages.', ['resource_path'])
  const retries = counter('run_retries_total', 'Pauses after which runs tried again.', ['resource_path'])
  const requestsSent = counter('source_requests_total', 'Requests that runs have sent to sources.', ['resource_path'])
  const rateLimited = counter('source_rate_limited_total', 'Those that a rate limit refused, by the limit named.', [
    'resource_path',
    'reason',
  ])
  const ended = counter('runs_ended_total', 'Runs that have ended, by status.', ['resource_path', 'status'])
  const durations = new Histogram({
    name: 'run_duration_seconds',
    help: 'Time from the first start of a run to its end, by status.',
    labelNames: ['resource_path', 'status'],
    buckets: [1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200, 86_400],
    registers: [registry],
  })
  const webhooks = counter('webhook_notifications_total', 'Notifications that came in, by what became of them.', [
    'receiver',
    'outcome',
  ])
  new Gauge({
    name: 'runs_in_progress',
    help: 'Runs that this process is working on.',
    registers: [registry],
    collect(): void {
      this.set(runsInProgress())
    },
  })

  return {
    registry,
    runs: {
      pageCommitted(resourcePath, recordCount) {
        pages.inc(labelOf(resourcePath))
        records.inc(labelOf(resourcePath), recordCount)
      },
      requestSent: (resourcePath) => requestsSent.inc(labelOf(resourcePath)),
      rateLimited(resourcePath, reason) {
        rateLimited.inc({
          ...labelOf(resourcePath),
          reason: RATE_LIMIT_REASONS.includes(reason) ? reason : 'other',
        })
      },
      retried: (resourcePath) => retries.inc(labelOf(resourcePath)),
      runEnded(resourcePath, status, seconds) {
        ended.inc({ ...labelOf(resourcePath), status })
        if (seconds !== null) durations.observe({ ...labelOf(resourcePath), status }, seconds)
      },
    },
    observeWebhook: (receiver, outcome) => webhooks.inc({ receiver, outcome }),
    observeRequest({ method, route = 'none', status, seconds }) {
      requests.observe({ method, route, status: String(status) }, seconds)
    },
    collectProcessMetrics() {
      collectDefaultMetrics({ register: registry })
    },
  }
}
