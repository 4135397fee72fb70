import type { Rng } from '../rng.ts'
import { errorAnswer, type Answer } from './answer.ts'

/** What goes wrong with a request instead of its answer. */
export type Fault =
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** The connection ends before the answer. */
  | { readonly kind: 'reset'; readonly code: string }
  /** No answer ever comes. */
  | { readonly kind: 'stall' }
  /** The answer's body ends in the middle, unnoticed or with the connection. */
  | { readonly kind: 'cut'; readonly how: 'silently' | 'reset' | 'stall' }

export interface FaultRules {
  /** Of all requests, 0 to 1. */
  readonly rate: number
  /** Mean time between two outages, ms; null for none. */
  readonly outageEveryMs: number | null
  /** Mean length of an outage, ms. */
  readonly outageMs: number
  /** Of all requests, refused with 401 or 403. */
  readonly refusalRate: number
  /** Requests in any second, over all and for each path. */
  readonly globalPerSecond: number
  readonly endpointPerSecond: number
  /** Requests at the same time. */
  readonly concurrency: number
}

export interface ArrivedRequest {
  /** Path and query. */
  readonly path: string
  /** Simulated ms. */
  readonly now: number
  /** Requests that are being answered besides this one. */
  readonly inFlight: number
  /** The access token that it carries. */
  readonly key: string
}

/** Decides which requests fail: by chance, in outages, and where they exceed a limit. */
export class Faults {
  readonly #rules: FaultRules
  readonly #rng: Rng
  readonly #arrivals: { readonly at: number; readonly endpoint: string }[] = []
  #nextOutageAt: number
  #outageEndsAt = 0
  #isOver = false
  readonly #revoked = new Set<string>()
  count = 0
  limited = 0
  /** Requests with a revoked key. */
  unauthorized = 0

  constructor(rules: FaultRules, rng: Rng, now: number) {
    this.#rules = rules
    this.#rng = rng
    this.#nextOutageAt = rules.outageEveryMs === null ? Infinity : now + rng.exponential(rules.outageEveryMs)
  }

  /** From now on only the limits refuse anything. */
  end(): void {
    this.#isOver = true
  }

  /** From now on requests with this key are refused. */
  revoke(key: string): void {
    this.#revoked.add(key)
  }

  next({ path, now, inFlight, key }: ArrivedRequest): Fault | null {
    if (this.#revoked.has(key)) {
      this.unauthorized += 1
      return { kind: 'answer', answer: INVALID_KEY }
    }
    const limit = this.#limit(path, now, inFlight)
    if (limit !== null) {
      this.limited += 1
      return { kind: 'answer', answer: rateLimited(limit, this.#rng) }
    }
    if (this.#isOver) return null
    const fault = this.#outage(now) ?? this.#accident(path)
    if (fault !== null) this.count += 1
    return fault
  }

  #limit(path: string, now: number, inFlight: number): string | null {
    const { globalPerSecond, endpointPerSecond, concurrency } = this.#rules
    if (inFlight >= concurrency) return 'global-concurrency'
    while (this.#arrivals.length > 0 && this.#arrivals[0]!.at <= now - 1000) this.#arrivals.shift()
    const endpoint = path.split('/').slice(0, 3).join('/')
    if (this.#arrivals.length >= globalPerSecond) return 'global-rate'
    if (this.#arrivals.filter((arrival) => arrival.endpoint === endpoint).length >= endpointPerSecond) {
      return 'endpoint-rate'
    }
    this.#arrivals.push({ at: now, endpoint })
    return null
  }

  #outage(now: number): Fault | null {
    const { outageEveryMs, outageMs } = this.#rules
    if (now >= this.#nextOutageAt && outageEveryMs !== null) {
      this.#outageEndsAt = now + this.#rng.exponential(outageMs)
      this.#nextOutageAt = this.#outageEndsAt + this.#rng.exponential(outageEveryMs)
    }
    if (now >= this.#outageEndsAt) return null
    return { kind: 'answer', answer: errorAnswer(503, { type: 'api_error', message: 'Service unavailable' }) }
  }

  #accident(path: string): Fault | null {
    const { rate, refusalRate } = this.#rules
    if (this.#rng.chance(refusalRate)) return { kind: 'answer', answer: this.#refusal(path) }
    if (!this.#rng.chance(rate)) return null
    return this.#rng.weighted<() => Fault>([
      [4, () => ({ kind: 'answer', answer: rateLimited(this.#rng.pick(REASONS), this.#rng) })],
      [1, () => ({ kind: 'answer', answer: LOCK_TIMEOUT })],
      [5, () => ({ kind: 'answer', answer: serverError(this.#rng) })],
      [1, () => ({ kind: 'answer', answer: { status: 502, headers: HTML, body: '<html>Bad Gateway</html>' } })],
      [1, () => ({ kind: 'answer', answer: { status: 200, headers: HTML, body: '<html>Please wait</html>' } })],
      [2, () => ({ kind: 'reset', code: this.#rng.pick(['ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'EAI_AGAIN']) })],
      [1, () => ({ kind: 'stall' })],
      [2, () => ({ kind: 'cut', how: this.#rng.pick(['silently', 'reset', 'stall'] as const) })],
    ])()
  }

  #refusal(path: string): Answer {
    if (this.#rng.chance(0.5)) return INVALID_KEY
    const name = path.split('/')[2]?.replace(/s$/, '')
    const permission = `Having the 'rak_${name}_read' permission would allow this request to continue.`
    return errorAnswer(403, { message: `The provided key does not have the required permissions. ${permission}` })
  }
}

const HTML = { 'content-type': 'text/html' }
const REASONS = ['global-rate', 'global-concurrency', 'endpoint-rate', 'endpoint-concurrency', 'resource-specific']
const INVALID_KEY = errorAnswer(401, { message: 'Invalid API Key provided: sk_test_****1234' })
const LOCK_TIMEOUT = errorAnswer(429, { code: 'lock_timeout', message: 'This object cannot be accessed right now' })

function rateLimited(reason: string, rng: Rng): Answer {
  const headers: Record<string, string> = { 'stripe-rate-limited-reason': reason }
  if (rng.chance(0.2)) headers['retry-after'] = String(rng.int(0, 5))
  if (rng.chance(0.2)) headers['stripe-should-retry'] = rng.pick(['true', 'false'])
  return errorAnswer(429, { code: 'rate_limit', message: 'Too many requests' }, headers)
}

function serverError(rng: Rng): Answer {
  const status = rng.pick([409, 424, 500, 500, 502, 503, 503, 504])
  const headers: Record<string, string> = rng.chance(0.2) ? { 'stripe-should-retry': 'true' } : {}
  if (rng.chance(0.1)) headers['retry-after'] = String(rng.int(0, 10))
  return errorAnswer(status, { type: 'api_error', message: 'An error occurred' }, headers)
}
