import { AdaptiveLimit } from './budget-limit.ts'

const SECOND_MS = 1000
/**
 * The server counts arrivals, the log counts sends, and two requests may be under way for different times. So much of a
 * difference does no harm.
 */
const LEAST_GUARD_MS = 15
const MOST_GUARD_MS = 120
const GUARD_GROWTH = 2
const GUARD_NARROWS_MS_PER_SECOND = 1
/** A refusal may be one request that came at a bad moment, so it costs little. */
const AFTER_REFUSAL = 0.8
const COMPACT_AT = 1024
/**
 * Once half of the window is used, requests keep this part of their even distance: what goes out in a bunch comes back in
 * a bunch, and then processor and line wait for each other in turns.
 */
const PACE = 0.8
/** So many requests that a busy process sends late may follow at once, or its lateness would lower the rate. */
const CATCH_UP = 3
/** A shorter pause cannot be kept; with longer ones the processor is idle anyway. */
const LEAST_PAUSE_MS = 2
const MOST_PAUSE_MS = 12

/** A request as the windows see it. */
export interface SentRequest {
  readonly sentAt: number
  /**
   * How much longer than others it may have been on its way to the server, in milliseconds; the later it is asked, the
   * better it is known.
   */
  lateMs(now: number): number
}

interface Entry {
  /** The latest moment at which it may have arrived, as far as that is known. */
  readonly at: number
  /** Undefined once its lateness is part of `at`. */
  readonly request: SentRequest | undefined
}

/**
 * The requests sent within the last second, and whether one more fits. Whoever keeps to it stays within a sliding window
 * of one second, and so within a token bucket of one second's worth. Times are milliseconds.
 */
export class SendWindow {
  readonly #rate: AdaptiveLimit
  /** By time, oldest first; those before `#head` are over. */
  #sent: Entry[] = []
  #head = 0
  #guardMs = LEAST_GUARD_MS
  #guardSince = 0
  /** When the next request is due if all keep their distance. */
  #dueAt = -Infinity

  /** @param mostPerSecond - integer, at least 1 */
  constructor(mostPerSecond: number) {
    this.#rate = new AdaptiveLimit(mostPerSecond, AFTER_REFUSAL)
  }

  /** Requests per second allowed at this moment. */
  rate(now: number): number {
    return this.#rate.at(now)
  }

  /** Milliseconds until a request may be sent, 0 when one may be sent at once. */
  waitMs(now: number): number {
    const windowMs = SECOND_MS + this.#guardAt(now)
    this.#forget(now, windowMs)
    const used = this.#sent.length - this.#head
    const rate = this.#rate.at(now)
    const excess = used - rate
    if (excess < 0) return used * 2 < rate ? 0 : Math.max(0, this.#dueAt - now)
    const leaving = this.#sent[this.#head + excess]?.at ?? now
    return Math.min(leaving + windowMs - now, this.#rate.risesIn(now))
  }

  add(request: SentRequest): void {
    const pauseMs = this.#pauseMs(request.sentAt)
    const lateMs = Math.min(Math.max(0, request.sentAt - this.#dueAt), CATCH_UP * pauseMs)
    this.#dueAt = request.sentAt - lateMs + pauseMs
    this.#sent.push({ at: request.sentAt, request })
  }

  /** The server refused a request that was sent at `sentAt`: fewer requests, further apart. */
  refused(now: number, sentAt: number): void {
    if (!this.#rate.decrease(now, sentAt)) return
    this.#guardMs = Math.min(MOST_GUARD_MS, this.#guardAt(now) * GUARD_GROWTH)
    this.#guardSince = now
  }

  #pauseMs(now: number): number {
    const pauseMs = (SECOND_MS / this.#rate.at(now)) * PACE
    return pauseMs < LEAST_PAUSE_MS || pauseMs > MOST_PAUSE_MS ? 0 : pauseMs
  }

  #guardAt(now: number): number {
    const narrowed = ((now - this.#guardSince) / SECOND_MS) * GUARD_NARROWS_MS_PER_SECOND
    return Math.max(LEAST_GUARD_MS, this.#guardMs - narrowed)
  }

  #forget(now: number, windowMs: number): void {
    for (let entry = this.#sent[this.#head]; entry && entry.at <= now - windowMs; entry = this.#sent[this.#head]) {
      this.#head++
      const lateMs = entry.request?.lateMs(now) ?? 0
      if (lateMs > 0) this.#insert({ at: entry.at + lateMs, request: undefined })
    }
    // Cutting off in large pieces keeps forgetting cheap at any rate.
    if (this.#head < COMPACT_AT || this.#head * 2 < this.#sent.length) return
    this.#sent = this.#sent.slice(this.#head)
    this.#head = 0
  }

  #insert(entry: Entry): void {
    let place = this.#head
    while (place < this.#sent.length && (this.#sent[place]?.at ?? 0) < entry.at) place++
    this.#sent.splice(place, 0, entry)
  }
}
