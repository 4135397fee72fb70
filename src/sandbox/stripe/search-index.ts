import type { Row } from './collection.ts'
import type { StripeObject } from './types.ts'

/** A change that the index has not taken in yet. */
interface Waiting {
  readonly visibleAtMs: number
  /** The object before the change; undefined when there was none. */
  readonly before: StripeObject | undefined
}

/** Waiting changes are looked through for old ones when there are so many more than at the last time. */
const SWEEP_AFTER = 1000

/** What search knows of one collection: every change only some time after it happened. */
export class SearchIndex {
  readonly #nowMs: () => number
  readonly #lagMs: () => number
  /** By index of the object, oldest first. */
  readonly #waiting = new Map<number, Waiting[]>()
  #sweepAt = SWEEP_AFTER

  /** `nowMs` is the sandbox clock; `lagMs` is asked at each change how long that change takes. */
  constructor(nowMs: () => number, lagMs: () => number) {
    this.#nowMs = nowMs
    this.#lagMs = lagMs
  }

  /** Call it before an object is changed or added. */
  note(index: number, before: () => StripeObject | undefined): void {
    const lagMs = this.#lagMs()
    if (lagMs === 0) return
    if (this.#waiting.size >= this.#sweepAt) this.#sweep()
    const waiting = this.#waiting.get(index) ?? []
    waiting.push({ visibleAtMs: this.#nowMs() + lagMs, before: before() })
    this.#waiting.set(index, waiting)
  }

  /** The object as search knows it; undefined when it does not yet. */
  state(row: Row, current: () => StripeObject): StripeObject | undefined {
    const nowMs = this.#nowMs()
    const next = this.#waiting.get(row.index)?.find(({ visibleAtMs }) => visibleAtMs > nowMs)
    return next === undefined ? current() : next.before
  }

  reset(): void {
    this.#waiting.clear()
    this.#sweepAt = SWEEP_AFTER
  }

  #sweep(): void {
    const nowMs = this.#nowMs()
    for (const [index, waiting] of this.#waiting) {
      if (waiting.every(({ visibleAtMs }) => visibleAtMs <= nowMs)) this.#waiting.delete(index)
    }
    this.#sweepAt = this.#waiting.size + SWEEP_AFTER
  }
}
