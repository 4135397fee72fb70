const WEIGHT = 0.2
/** What was once the quickest answer is slowly forgotten. */
const LEAST_GROWS = 1.002
/** Answers within so many mean deviations of the mean are ordinary. */
const ORDINARY_DEVIATIONS = 2
/** What takes much longer than usual was slow to answer rather than late to arrive. */
const MOST_LATE_MS = 250
/** The first requests open connections, and the first answers do not tell yet what is usual. */
const FIRST_ANSWERS = 20

/** How long answers take, in milliseconds; what came last counts most. */
export class Latency {
  #meanMs: number | undefined
  #leastMs: number | undefined
  #deviationMs = 0
  #answers = 0

  add(tookMs: number): void {
    this.#answers++
    this.#leastMs = Math.min(tookMs, (this.#leastMs ?? tookMs) * LEAST_GROWS)
    const difference = tookMs - (this.#meanMs ?? tookMs)
    this.#meanMs = tookMs - (1 - WEIGHT) * difference
    this.#deviationMs += WEIGHT * (Math.abs(difference) - this.#deviationMs)
  }

  /** Undefined before the first answer. */
  get meanMs(): number | undefined {
    return this.#meanMs
  }

  /**
   * So many requests under way leave about `crowd` of them waiting for others to be answered: more would only wait
   * longer. Infinity while answers take no longer than they must.
   */
  parallelismFor(crowd: number): number {
    const [least, mean] = [this.#leastMs, this.#meanMs]
    if (least === undefined || mean === undefined || mean <= least) return Infinity
    return Math.ceil((crowd * mean) / (mean - least))
  }

  /** Begins to watch a request that is sent now. */
  watch(): LateRequest {
    const isOneOfTheFirst = this.#answers < FIRST_ANSWERS
    return { lateMs: (tookMs) => (isOneOfTheFirst ? this.#beyondLeastMs(tookMs) : this.#lateMs(tookMs)) }
  }

  #beyondLeastMs(tookMs: number): number {
    return Math.min(MOST_LATE_MS, Math.max(0, tookMs - (this.#leastMs ?? 0)))
  }

  #lateMs(tookMs: number): number {
    const meanMs = this.#meanMs ?? tookMs
    const ordinaryMs = ORDINARY_DEVIATIONS * this.#deviationMs
    if (tookMs <= meanMs + ordinaryMs) return 0
    return Math.min(MOST_LATE_MS, tookMs - Math.max(0, meanMs - ordinaryMs))
  }
}

export interface LateRequest {
  /**
   * How much later than others the request may have arrived, in milliseconds: an answer that takes unusually long may
   * have been long on the way to the server, for example over a new connection.
   */
  lateMs(tookMs: number): number
}
