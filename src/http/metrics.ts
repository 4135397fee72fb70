import { Histogram, Registry, collectDefaultMetrics } from 'prom-client'

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
  return {
    registry,
    observeRequest({ method, route = 'none', status, seconds }) {
      requests.observe({ method, route, status: String(status) }, seconds)
    },
    collectProcessMetrics() {
      collectDefaultMetrics({ register: registry })
    },
  }
}
