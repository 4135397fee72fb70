import type { RunCounts } from './checkpoint.ts'

/** How a run is getting on, as told while it goes on. */
export interface RunProgress {
  /** Records received so far, of the whole run. */
  readonly records: number
  /** Requests sent since the host began to work on the run. */
  readonly requests: number
  /** Requests per second over the last seconds. */
  readonly requestsPerSecond: number
  /** Requests that the source refused because of a rate limit. */
  readonly rateLimited: number
  /** Estimated share of the window that is read, 0 to 1; never falls. */
  readonly windowDone: number
  /** Estimated seconds until everything is read; null while nothing can be told. */
  readonly secondsLeft: number | null
}

const RATE_WINDOW_MS = 5_000

/** Follows one run. Figures are of this process; counts come from the run's checkpoint. */
export class RunProgressMeter {
  readonly #now: () => number
  readonly #startedAt: number
  /** Moments of the requests of the last seconds. */
  readonly #recent: number[] = []
  #requests = 0
  #rateLimited = 0
  #records = 0
  #pagesRead = 0
  #windowDone = 0
  #pagesLeft: number | null = null

  /** @param now - milliseconds */
  constructor(now: () => number) {
    this.#now = now
    this.#startedAt = now()
  }

  requestSent(): void {
    this.#requests += 1
    this.#recent.push(this.#now())
    this.#forgetOld()
  }

  rateLimited(): void {
    this.#rateLimited += 1
  }

  /** What is stored. */
  counted({ input }: RunCounts): void {
    this.#records = input
  }

  /** What the lists have come to. */
  listed({ pagesRead, pagesLeft }: { readonly pagesRead: number; readonly pagesLeft: number }): void {
    this.#pagesRead = pagesRead
    this.#pagesLeft = pagesLeft
    this.#windowDone = Math.max(this.#windowDone, pagesRead / Math.max(1, pagesRead + pagesLeft))
  }

  get progress(): RunProgress {
    this.#forgetOld()
    const elapsed = (this.#now() - this.#startedAt) / 1000
    const seconds = Math.max(0.001, Math.min(RATE_WINDOW_MS / 1000, elapsed))
    const pace = this.#pagesRead / Math.max(0.001, elapsed)
    return {
      records: this.#records,
      requests: this.#requests,
      requestsPerSecond: Math.round((this.#recent.length / seconds) * 10) / 10,
      rateLimited: this.#rateLimited,
      windowDone: Math.round(this.#windowDone * 1000) / 1000,
      secondsLeft: this.#pagesLeft === null || pace === 0 ? null : Math.ceil(this.#pagesLeft / pace),
    }
  }

  #forgetOld(): void {
    const since = this.#now() - RATE_WINDOW_MS
    let old = 0
    while (old < this.#recent.length && this.#recent[old]! <= since) old++
    if (old > 0) this.#recent.splice(0, old)
  }
}

/** The runs that the host is working on. */
export class RunProgressBoard {
  readonly #meters = new Map<number, RunProgressMeter>()

  start(runNo: number, meter: RunProgressMeter): void {
    this.#meters.set(runNo, meter)
  }

  end(runNo: number): void {
    this.#meters.delete(runNo)
  }

  /** Null when the host is not working on the run now. */
  of(runNo: number): RunProgress | null {
    return this.#meters.get(runNo)?.progress ?? null
  }
}
