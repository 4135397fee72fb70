import type { Clock } from '../../clock.ts'
import { AdaptiveLimit } from './budget-limit.ts'
import { Latency } from './budget-latency.ts'
import { FairQueue, type Waiter } from './budget-queue.ts'
import { SendWindow, type SentRequest } from './budget-window.ts'

/** What the requests with one API key may use together. */
export interface AccountBudget {
  /**
   * Resolves when the request may be sent, which is to be done at once. Rejects with the signal's reason as soon as it
   * aborts. Every lease must be released.
   */
  acquire(request: BudgetRequest): Promise<BudgetLease>
  /**
   * How many requests at once fill the budget at the latency seen of late; 2 while none has been seen.
   * @param operation - counts its own limits as well
   */
  parallelism(operation?: string): number
  /** Requests per second that one operation may send while nothing is refused. */
  readonly perSecond: number
  /** Requests per second that all searches together may send while nothing is refused. */
  readonly searchesPerSecond: number
}

export interface BudgetRequest {
  /** A method and a path template, all ids together, for example `GET /v1/charges/:id`. */
  readonly operation: string
  /** Those who wait take turns by owner. */
  readonly owner: string
  readonly signal: AbortSignal
}

export interface BudgetLease {
  /** To be called when the answer begins, if that is before its end: the request reached the server before. */
  answerBegins(): void
  /** To be called when the request is over; a second call does nothing. */
  release(outcome: RequestOutcome): void
}

/**
 * How a request ended. `answered`: with any status but 429. `failed`: without an answer that could be read to its end.
 * `rateLimited` is the reason that a 429 gave.
 */
export type RequestOutcome = 'answered' | 'failed' | { readonly rateLimited: string }

/** Operations that end so share one limiter, whatever they search. */
const SEARCH = '/search'

/** Requests that may wait for others at a server that answers one after the other. */
const CROWD = 4

/** What an account may use; integers of at least 1. */
export interface AccountLimits {
  /** Requests per second. */
  readonly global: number
  /** Requests per second of one operation. */
  readonly endpoint: number
  /** Requests per second of all operations that search together. */
  readonly search: number
  /** Requests under way. */
  readonly concurrency: number
}

/** More requests at once than fill the budget on average, so that slow answers leave no gap. */
const HEADROOM = 1.5
const LEAST_PARALLELISM = 2
/** What a refusal leaves of the places. */
const AFTER_REFUSAL = 0.7

/** A limiter of the server: all requests, or those of one operation. */
class Limiter {
  readonly window: SendWindow
  readonly concurrency: AdaptiveLimit
  /** From sending to the end of the answer. */
  readonly latency = new Latency()
  /** From sending to the beginning of the answer. */
  readonly firstSign = new Latency()
  inFlight = 0

  constructor(perSecond: number, concurrency: number) {
    this.window = new SendWindow(perSecond)
    this.concurrency = new AdaptiveLimit(concurrency, AFTER_REFUSAL)
  }

  /** Milliseconds until it lets a request pass; `Infinity` when only the end of another one can. */
  waitMs(now: number): number {
    const full = this.inFlight >= this.concurrency.at(now)
    return Math.max(this.window.waitMs(now), full ? this.concurrency.risesIn(now) : 0)
  }

  enter(request: SentRequest): void {
    this.window.add(request)
    this.inFlight++
  }
}

type Refusal = (now: number, sentAt: number, global: Limiter, operation: Limiter) => void

/** What gives way, by `Stripe-Rate-Limited-Reason`. Any other reason is about an object and not about the budget. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  'global-rate': (now, sentAt, global) => global.window.refused(now, sentAt),
  'endpoint-rate': (now, sentAt, _, operation) => operation.window.refused(now, sentAt),
  'global-concurrency': (now, sentAt, global) => global.concurrency.decrease(now, sentAt),
  'endpoint-concurrency': (now, sentAt, _, operation) => operation.concurrency.decrease(now, sentAt),
}

/** Lets requests go as the limits allow, in turn by owner. */
export class Account implements AccountBudget {
  readonly #limits: AccountLimits
  readonly #clock: Clock
  readonly #global: Limiter
  readonly #operations = new Map<string, Limiter>()
  readonly #queue = new FairQueue()
  #lastReading = -Infinity
  #correctionMs = 0
  #usedAt: number
  #wakeAt = Infinity
  #alarm: AbortController | undefined

  constructor(limits: AccountLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
    this.#global = new Limiter(limits.global, limits.concurrency)
    this.#usedAt = this.#now()
  }

  get perSecond(): number {
    return Math.min(this.#limits.global, this.#limits.endpoint)
  }

  get searchesPerSecond(): number {
    return Math.min(this.#limits.global, this.#limits.search)
  }

  /** Milliseconds since it had anything to do. */
  idleMs(): number {
    return this.#global.inFlight === 0 && this.#queue.isEmpty ? this.#now() - this.#usedAt : 0
  }

  parallelism(name?: string): number {
    const now = this.#now()
    const operation = name === undefined ? this.#global : this.#operation(name)
    const most = Math.min(this.#global.concurrency.at(now), operation.concurrency.at(now))
    const perSecond = Math.min(this.#global.window.rate(now), operation.window.rate(now))
    const seconds = (operation.latency.meanMs ?? this.#global.latency.meanMs ?? 0) / 1000
    const useful = Math.min(Math.ceil(perSecond * seconds * HEADROOM), operation.latency.parallelismFor(CROWD))
    return Math.min(most, Math.max(LEAST_PARALLELISM, useful))
  }

  acquire({ operation, owner, signal }: BudgetRequest): Promise<BudgetLease> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const waiter: Waiter = {
        operation,
        owner,
        grant: () => {
          signal.removeEventListener('abort', leave)
          resolve(this.#enter(operation))
        },
      }
      const leave = () => {
        this.#queue.remove(waiter)
        reject(signal.reason)
        this.#grantAll()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#queue.add(waiter)
      this.#grantAll()
    })
  }

  #enter(name: string): BudgetLease {
    const operation = this.#operation(name)
    const sentAt = this.#now()
    let begunMs: number | undefined
    let isOver = false
    const { lateMs } = operation.firstSign.watch()
    const request: SentRequest = { sentAt, lateMs: (now) => lateMs(begunMs ?? now - sentAt) }
    this.#global.enter(request)
    operation.enter(request)
    return {
      answerBegins: () => {
        begunMs ??= this.#now() - sentAt
      },
      release: (outcome) => {
        if (isOver) return
        isOver = true
        begunMs ??= this.#now() - sentAt
        if (outcome === 'answered') operation.firstSign.add(begunMs)
        this.#leave(operation, sentAt, outcome)
      },
    }
  }

  #leave(operation: Limiter, sentAt: number, outcome: RequestOutcome): void {
    const now = this.#now()
    this.#usedAt = now
    if (outcome === 'answered') {
      this.#global.latency.add(now - sentAt)
      operation.latency.add(now - sentAt)
    } else if (outcome !== 'failed' && Object.hasOwn(REFUSALS, outcome.rateLimited)) {
      REFUSALS[outcome.rateLimited]?.(now, sentAt, this.#global, operation)
    }
    this.#global.inFlight--
    operation.inFlight--
    this.#grantAll()
  }

  /** Lets go whoever may, and comes back when the next one may. */
  #grantAll(): void {
    const now = this.#now()
    const waitMs = (operation: string) => Math.max(this.#global.waitMs(now), this.#operation(operation).waitMs(now))
    for (;;) {
      const waits = this.#queue.operations().map((operation) => ({ operation, ms: waitMs(operation) }))
      const open = new Set(waits.filter(({ ms }) => ms === 0).map(({ operation }) => operation))
      if (open.size === 0) return this.#wake(now, now + Math.min(...waits.map(({ ms }) => ms)))
      this.#queue.take(open)?.grant()
    }
  }

  #wake(now: number, wakeAt: number): void {
    // The same moment comes out a little different each time.
    if (wakeAt === this.#wakeAt || Math.abs(wakeAt - this.#wakeAt) < 0.5) return
    this.#alarm?.abort()
    this.#alarm = undefined
    this.#wakeAt = wakeAt
    if (wakeAt === Infinity) return
    const alarm = new AbortController()
    this.#alarm = alarm
    void this.#clock.sleep(Math.max(1, Math.ceil(wakeAt - now)), alarm.signal).then(() => {
      if (alarm.signal.aborted) return
      this.#wakeAt = Infinity
      this.#grantAll()
    })
  }

  /** The clock's time without its steps back: they would make the last requests look as if they were yet to come. */
  #now(): number {
    const reading = this.#clock.now()
    if (reading < this.#lastReading) this.#correctionMs += this.#lastReading - reading
    this.#lastReading = reading
    return reading + this.#correctionMs
  }

  #operation(name: string): Limiter {
    const isSearch = name.endsWith(SEARCH)
    const limiter = isSearch ? SEARCH : name
    const known = this.#operations.get(limiter)
    if (known) return known
    const { endpoint, search, concurrency } = this.#limits
    const made = new Limiter(isSearch ? search : endpoint, concurrency)
    this.#operations.set(limiter, made)
    return made
  }
}
