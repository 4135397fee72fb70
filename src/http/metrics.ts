import { Counter, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { RunObserver } from '../flow/engine/run-engine.ts'

export interface RequestObservation {
  readonly method: string
  /** The route's path template; undefined for a path that is no route. */
  readonly route: string | undefined
  readonly status: number
  readonly seconds: number
}

/** Figures for Prometheus. Labels never hold anything of an account. */
export interface Metrics {
  readonly registry: Registry
  observeRequest(observation: RequestObservation): void
  /** Counts what runs do, by resource path. */
  readonly runs: RunObserver
  /** Adds memory, event loop and garbage collection of the process. */
  collectProcessMetrics(): void
}

export function createMetrics(): Metrics {
  const registry = new Registry()
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
  const rateLimited = counter('source_rate_limited_total', 'Those that a rate limit refused.', [
    'resource_path',
    'reason',
  ])
  const ended = counter('runs_ended_total', 'Runs that have ended, by status.', ['resource_path', 'status'])

  return {
    registry,
    runs: {
      pageCommitted(resourcePath, recordCount) {
        pages.inc({ resource_path: resourcePath })
        records.inc({ resource_path: resourcePath }, recordCount)
      },
      requestSent: (resourcePath) => requestsSent.inc({ resource_path: resourcePath }),
      rateLimited: (resourcePath, reason) => rateLimited.inc({ resource_path: resourcePath, reason }),
      retried: (resourcePath) => retries.inc({ resource_path: resourcePath }),
      runEnded: (resourcePath, status) => ended.inc({ resource_path: resourcePath, status }),
    },
    observeRequest({ method, route = 'none', status, seconds }) {
      requests.observe({ method, route, status: String(status) }, seconds)
    },
    collectProcessMetrics() {
      collectDefaultMetrics({ register: registry })
    },
  }
}
