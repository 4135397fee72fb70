import { StripeError } from './errors.ts'

export const RATE_LIMIT_REASONS = [
  'global-rate',
  'global-concurrency',
  'endpoint-rate',
  'endpoint-concurrency',
  'resource-specific',
] as const
export type RateLimitReason = (typeof RATE_LIMIT_REASONS)[number]

export const ALGORITHMS = ['bucket', 'window'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

/** Operations that have one rate together. */
export type LimitClass = 'search'

/** Limits per mode. Absent means no limit. Rates are requests per second of real time, whatever the sandbox clock says. */
export interface Limits {
  readonly globalPerSecond?: number
  /** Per operation, all ids together: `GET /v1/charges/:id` is one. */
  readonly endpointPerSecond?: number
  /** All searches together, of whatever resource; they are not held to `endpointPerSecond` then. */
  readonly searchPerSecond?: number
  /** Requests being answered at the same time. */
  readonly globalConcurrency?: number
  readonly endpointConcurrency?: number
  /** A bucket allows a burst of one second's worth and refills steadily; a window counts the last second. */
  readonly algorithm?: Algorithm
  /** What the refusals of the limiter advise, as headers; neither is sent by default, as Stripe documents neither. */
  readonly shouldRetry?: boolean
  readonly retryAfterSeconds?: number
}

/** The published figures of test mode. */
export const STRIPE_TEST_LIMITS: Limits = { globalPerSecond: 25, endpointPerSecond: 25, searchPerSecond: 20 }

/** The headers that tell a client whether and when to try again. */
export function adviceHeaders(shouldRetry?: boolean, retryAfterSeconds?: number): Record<string, string> {
  return {
    ...(shouldRetry === undefined ? {} : { 'Stripe-Should-Retry': String(shouldRetry) }),
    ...(retryAfterSeconds === undefined ? {} : { 'Retry-After': String(retryAfterSeconds) }),
  }
}

/** The 429 of a limiter. */
export function rateLimited(reason: RateLimitReason, advice: Readonly<Record<string, string>> = {}): StripeError {
  return new StripeError(
    429,
    'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
    { code: 'rate_limit' },
    { 'Stripe-Rate-Limited-Reason': reason, ...advice },
  )
}

/** The 429 of an object that another request holds; it has no reason header. */
export function lockTimeout(): StripeError {
  return new StripeError(
    429,
    'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request.',
    { code: 'lock_timeout' },
  )
}

interface Gauge {
  inFlight: number
  tokens: number
  refilledAt: number
  /** Moments of the requests of the last second, for the window. */
  recent: number[]
}

/** Counts requests and refuses those beyond the limits. */
export class Limiter {
  limits: Limits
  readonly #gauges = new Map<string, Gauge>()
  readonly #nowMs: () => number

  constructor(limits: Limits = {}, nowMs: () => number = () => performance.now()) {
    this.limits = limits
    this.#nowMs = nowMs
  }

  /** Lets a request in and returns what to call when it has been answered; throws a 429 otherwise. */
  enter(scope: string, operation: string, limitClass?: LimitClass): () => void {
    const { limits } = this
    if (Object.keys(limits).length === 0) return () => {}
    const global = this.#gauge(scope)
    const endpoint = this.#gauge(`${scope} ${operation}`)
    if (limits.globalConcurrency !== undefined && global.inFlight >= limits.globalConcurrency) {
      throw this.#refusal('global-concurrency')
    }
    if (limits.endpointConcurrency !== undefined && endpoint.inFlight >= limits.endpointConcurrency) {
      throw this.#refusal('endpoint-concurrency')
    }
    if (!this.#take(global, limits.globalPerSecond)) throw this.#refusal('global-rate')
    if (!this.#takeOf(endpoint, scope, limitClass)) throw this.#refusal('endpoint-rate')
    global.inFlight++
    endpoint.inFlight++
    return () => {
      global.inFlight--
      endpoint.inFlight--
    }
  }

  reset(): void {
    this.#gauges.clear()
  }

  #refusal(reason: RateLimitReason): StripeError {
    const { shouldRetry, retryAfterSeconds } = this.limits
    return rateLimited(reason, adviceHeaders(shouldRetry, retryAfterSeconds))
  }

  #gauge(name: string): Gauge {
    const present = this.#gauges.get(name)
    if (present) return present
    const gauge: Gauge = { inFlight: 0, tokens: Infinity, refilledAt: this.#nowMs(), recent: [] }
    this.#gauges.set(name, gauge)
    return gauge
  }

  #takeOf(endpoint: Gauge, scope: string, limitClass: LimitClass | undefined): boolean {
    const { endpointPerSecond, searchPerSecond } = this.limits
    if (limitClass === undefined || searchPerSecond === undefined) return this.#take(endpoint, endpointPerSecond)
    return this.#take(this.#gauge(`${scope} ${limitClass}`), searchPerSecond)
  }

  #take(gauge: Gauge, rate: number | undefined): boolean {
    if (rate === undefined) return true
    const now = this.#nowMs()
    if (this.limits.algorithm === 'window') {
      while (gauge.recent.length > 0 && (gauge.recent[0] ?? 0) <= now - 1000) gauge.recent.shift()
      if (gauge.recent.length >= rate) return false
      gauge.recent.push(now)
      return true
    }
    gauge.tokens = Math.min(rate, gauge.tokens + ((now - gauge.refilledAt) / 1000) * rate)
    gauge.refilledAt = now
    if (gauge.tokens < 1) return false
    gauge.tokens--
    return true
  }
}
