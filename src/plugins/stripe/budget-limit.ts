/** From nothing to its greatest value a limit takes so long, in milliseconds. */
const RECOVERY_MS = 15_000
/** Refusals that come closer together belong to one excess. */
const LEAST_BETWEEN_DECREASES_MS = 1000

/**
 * A number of requests that falls by a factor when the server refuses one and grows back steadily. Never below 1.
 * Times are milliseconds of any clock that does not go back.
 */
export class AdaptiveLimit {
  readonly #most: number
  readonly #factor: number
  #value: number
  #since = 0
  #decreasedAt = -Infinity

  /**
   * @param most - integer, at least 1; what the limit starts with and grows back to
   * @param factor - what a refusal leaves of it, below 1
   */
  constructor(most: number, factor: number) {
    this.#most = most
    this.#factor = factor
    this.#value = most
  }

  /** The limit at this moment, an integer of at least 1. */
  at(now: number): number {
    return Math.floor(this.#exactAt(now))
  }

  /** Milliseconds until the limit is one higher, `Infinity` when it does not grow any more. */
  risesIn(now: number): number {
    const exact = this.#exactAt(now)
    if (exact >= this.#most) return Infinity
    return ((Math.floor(exact) + 1 - exact) * RECOVERY_MS) / this.#most
  }

  /**
   * Lowers the limit after a refusal, unless it has been lowered within the last second or since the request was sent.
   * @returns whether it was lowered
   */
  decrease(now: number, sentAt: number): boolean {
    if (sentAt < this.#decreasedAt || now - this.#decreasedAt < LEAST_BETWEEN_DECREASES_MS) return false
    this.#value = Math.max(1, this.#exactAt(now) * this.#factor)
    this.#since = now
    this.#decreasedAt = now
    return true
  }

  #exactAt(now: number): number {
    return Math.min(this.#most, this.#value + ((now - this.#since) / RECOVERY_MS) * this.#most)
  }
}
