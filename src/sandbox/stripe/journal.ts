import type { JournalSummary } from './journal-summary.ts'
import { maxConcurrency, summarise } from './journal-summary.ts'
import type { RawParams } from './parameters.ts'

/** One request as the sandbox saw it. Holds no key. */
export interface JournalEntry {
  readonly requestId: string
  readonly method: string
  readonly path: string
  /** Query and form parameters together; values that look like credentials are `***`. */
  readonly params: RawParams
  /** The `Stripe-Version` header, if one was sent. */
  readonly version: string | undefined
  readonly keyFingerprint: string | undefined
  /** True when something that looks like a secret stood in the query string. */
  readonly secretInQuery: boolean
  /** 0 while unanswered, and when the connection was cut before a status was sent. */
  status: number
  /** Milliseconds since the epoch, real time. */
  readonly startedAt: number
  finishedAt: number | undefined
  /** The `Stripe-Rate-Limited-Reason` of the answer, if it had one. */
  rateLimitedReason: string | undefined
  /** What was done to the request on purpose, for example `status`, `reset`. */
  fault: string | undefined
}

/** Which entries to look at; every given field must fit. `path` may end in `*`. */
export interface JournalMatch {
  readonly method?: string
  readonly path?: string
  readonly status?: number
}

const SECRET = /^(?:sk|rk|rkcs|rt|ac|whsec)_|^(?:seti|pi)_\w+_secret_/

/** The requests of the last while, in order of arrival; the oldest are forgotten. */
export class Journal {
  readonly #capacity: number
  #entries: JournalEntry[] = []
  #total = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** All requests since the start or the last `clear`, forgotten ones included. */
  get total(): number {
    return this.#total
  }

  add(entry: JournalEntry): void {
    this.#total++
    this.#entries.push(entry)
    // Cutting in halves keeps adding cheap.
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.#entries.slice(-this.#capacity)
  }

  entries(match: JournalMatch = {}): readonly JournalEntry[] {
    return this.#entries.slice(-this.#capacity).filter((entry) => matchesEntry(entry, match))
  }

  count(match: JournalMatch = {}): number {
    return this.entries(match).length
  }

  /** How many requests were being answered at the same moment, at most. */
  maxConcurrency(match: JournalMatch = {}): number {
    return maxConcurrency(this.entries(match))
  }

  /** Milliseconds between the answers and the requests that followed them: how long a client waited. */
  pauses(match: JournalMatch = {}): readonly number[] {
    const entries = this.entries(match)
    return entries.slice(1).map((entry, place) => entry.startedAt - (entries[place]?.finishedAt ?? entry.startedAt))
  }

  /** Counts by path and status, the highest rates and the refusals, of the requests that are remembered. */
  summary(match: JournalMatch = {}): JournalSummary {
    return summarise(this.entries(match))
  }

  /** Requests per path. */
  paths(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {}
    for (const { path } of this.entries()) counts[path] = (counts[path] ?? 0) + 1
    return counts
  }

  clear(): void {
    this.#entries = []
    this.#total = 0
  }
}

function matchesEntry(entry: JournalEntry, match: JournalMatch): boolean {
  if (match.method !== undefined && match.method !== entry.method) return false
  if (match.status !== undefined && match.status !== entry.status) return false
  return match.path === undefined || matchesPath(match.path, entry.path)
}

/** `/v1/charges` is exactly that path, `/v1/charges*` everything that begins so. */
export function matchesPath(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
}

export function looksSecret(value: unknown): boolean {
  return typeof value === 'string' && SECRET.test(value)
}

/** Replaces whatever looks like a credential. */
export function withoutSecrets(params: RawParams): RawParams {
  const clean: RawParams = {}
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'string') clean[name] = looksSecret(value) ? '***' : value
    else if (Array.isArray(value)) clean[name] = value.map((part) => (looksSecret(part) ? '***' : part))
    else clean[name] = withoutSecrets(value)
  }
  return clean
}
