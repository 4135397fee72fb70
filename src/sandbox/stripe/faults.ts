import type { Action } from './actions.ts'
import { mix } from './dice.ts'
import { StripeError } from './errors.ts'
import { matchesPath } from './journal.ts'
import type { RateLimitReason } from './limits.ts'
import { RATE_LIMIT_REASONS } from './limits.ts'
import type { RawParams } from './parameters.ts'

export type Fault =
  /**
   * Answers this status without running the request. 429 takes a `reason` or, without one, is a `lock_timeout`; 502 has
   * an HTML body. `shouldRetry` and `retryAfter` set the headers of the same names.
   */
  | {
      readonly kind: 'status'
      readonly status: number
      readonly reason?: RateLimitReason
      readonly code?: string
      readonly message?: string
      readonly shouldRetry?: boolean
      readonly retryAfter?: number
      readonly html?: boolean
    }
  /** Runs the request; a 200 whose JSON stops after `keep` of its bytes (0..1, default 0.5), a complete HTTP message. */
  | { readonly kind: 'truncated'; readonly keep?: number }
  /** Runs the request; a 200 whose body is not JSON. */
  | { readonly kind: 'not-json'; readonly body?: string }
  /** Resets the connection instead of answering; the request is not run. */
  | { readonly kind: 'reset' }
  /** Runs the request and resets the connection in the middle of the answer's body. */
  | { readonly kind: 'reset-mid-body' }
  /** Runs the request and resets the connection before a byte of the answer: the client cannot know. */
  | { readonly kind: 'lost-answer' }
  /** Never answers; `after` `body` sends headers and half of the body first. */
  | { readonly kind: 'stall'; readonly after?: 'nothing' | 'body' }
  /** Answers, and cuts the idle keep-alive connection so many milliseconds later. */
  | { readonly kind: 'close-idle'; readonly afterMs?: number }
  /** Waits before answering, on top of the sandbox's own latency. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Changes the world just before the request is answered. */
  | { readonly kind: 'action'; readonly actions: readonly Action[] }

export const FAULT_KINDS = [
  'status',
  'truncated',
  'not-json',
  'reset',
  'reset-mid-body',
  'lost-answer',
  'stall',
  'close-idle',
  'latency',
  'action',
] as const satisfies readonly Fault['kind'][]

/** Which requests a rule counts. `path` may end in `*`; every named parameter must have that value, or any if it is `*`. */
export interface FaultMatch {
  readonly method?: string
  readonly path?: string
  readonly params?: Readonly<Record<string, string>>
}

/**
 * After `after` matching requests (default 0) the next `times` (default 1, null for ever) meet the fault; with `seconds`
 * instead, all that come within so many seconds of the sandbox clock after the first of them.
 */
export interface FaultRule {
  readonly after?: number
  readonly times?: number | null
  readonly seconds?: number
  /** Only this share of those requests meets it, always the same ones. @defaultValue 100 */
  readonly percent?: number
  readonly match?: FaultMatch
  readonly fault: Fault
}

export interface ActiveFault extends FaultRule {
  readonly id: string
  /** Matching requests so far. */
  readonly seen: number
}

export interface FaultedRequest {
  readonly method: string
  readonly path: string
  readonly params: RawParams
}

/** What happens to one request. */
export interface FaultPlan {
  readonly latencyMs: number
  readonly actions: readonly Action[]
  /** The first fault that decides the answer. */
  readonly decisive: Exclude<Fault, { kind: 'latency' | 'action' }> | undefined
}

const NOTHING: FaultPlan = { latencyMs: 0, actions: [], decisive: undefined }

interface RunningRule {
  readonly id: string
  readonly rule: FaultRule
  seen: number
  endsAtMs: number | undefined
}

/** Draws which requests a share meets. */
const SHARE_KEY = 0x5eed

/** The script of faults. Rules count independently; several may meet the same request. */
export class Faults {
  readonly #rules: RunningRule[] = []
  readonly #nowMs: () => number
  #nextId = 1

  /** `nowMs` is the clock of rules that last for `seconds`. */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  /** Adds a rule and returns its id. */
  add(rule: FaultRule): string {
    checkRule(rule)
    const id = `fault_${this.#nextId++}`
    this.#rules.push({ id, rule, seen: 0, endsAtMs: undefined })
    return id
  }

  remove(id: string): boolean {
    const place = this.#rules.findIndex((active) => active.id === id)
    if (place >= 0) this.#rules.splice(place, 1)
    return place >= 0
  }

  clear(): void {
    this.#rules.length = 0
  }

  list(): readonly ActiveFault[] {
    return this.#rules.map(({ id, rule, seen }) => ({ ...rule, id, seen }))
  }

  /** Counts the request with every rule it matches, and tells what is to happen to it. */
  meet(request: FaultedRequest): FaultPlan {
    if (this.#rules.length === 0) return NOTHING
    let latencyMs = 0
    let decisive: FaultPlan['decisive']
    const actions: Action[] = []
    for (const active of this.#rules) {
      if (!matches(active.rule.match, request)) continue
      active.seen++
      const { fault } = active.rule
      if (!this.#isDue(active)) continue
      if (fault.kind === 'latency') latencyMs += fault.ms
      else if (fault.kind === 'action') actions.push(...fault.actions)
      else decisive ??= fault
    }
    return { latencyMs, actions, decisive }
  }

  #isDue(active: RunningRule): boolean {
    const { after = 0, times = 1, seconds, percent = 100 } = active.rule
    if (active.seen <= after) return false
    if (seconds === undefined) {
      if (active.seen > after + (times ?? Infinity)) return false
    } else {
      const now = this.#nowMs()
      active.endsAtMs ??= now + seconds * 1000
      if (now >= active.endsAtMs) return false
    }
    return percent >= 100 || mix(SHARE_KEY, active.seen, 1) % 10_000 < percent * 100
  }
}

function matches(match: FaultMatch | undefined, request: FaultedRequest): boolean {
  if (match?.method !== undefined && match.method !== request.method) return false
  if (match?.path !== undefined && !matchesPath(match.path, request.path)) return false
  return Object.entries(match?.params ?? {}).every(
    ([name, value]) => request.params[name] === value || (value === '*' && request.params[name] !== undefined),
  )
}

function checkRule(rule: FaultRule): void {
  const kind: unknown = (rule as Partial<FaultRule> | null)?.fault?.kind
  if (!FAULT_KINDS.some((known) => known === kind)) {
    throw new StripeError(400, `Unknown fault kind: ${String(kind)}. Known are ${FAULT_KINDS.join(', ')}.`)
  }
  const { fault, seconds, percent } = rule
  if (seconds !== undefined && !(seconds > 0)) throw new StripeError(400, 'seconds must be above 0.')
  if (percent !== undefined && !(percent >= 0 && percent <= 100)) {
    throw new StripeError(400, 'percent must be from 0 to 100.')
  }
  if (fault.kind === 'status' && !(fault.status >= 200 && fault.status <= 599)) {
    throw new StripeError(400, 'A status fault needs a status from 200 to 599.')
  }
  if (fault.kind === 'status' && fault.reason !== undefined && !RATE_LIMIT_REASONS.includes(fault.reason)) {
    throw new StripeError(400, `Unknown reason: ${fault.reason}. Known are ${RATE_LIMIT_REASONS.join(', ')}.`)
  }
  if (fault.kind === 'action' && !Array.isArray(fault.actions)) {
    throw new StripeError(400, 'An action fault needs a list of actions.')
  }
}
