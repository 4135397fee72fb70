import type { Checkpoint, RunCounts } from './checkpoint.ts'
import { PAGE_SIZE } from './live-range.ts'

/** How a run is getting on, as told while it goes on. */
export interface RunProgress {
  /** Requests sent since the host began to work on the run; 0 while it does not. */
  readonly requests: number
  /** Requests per second over the last seconds. */
  readonly requestsPerSecond: number
  /** Requests that the source refused because of a rate limit, since the host began to work on the run. */
  readonly rateLimited: number
  /** Estimated share of what the run is to read that is read, 0 to 1; 1 not before everything is. */
  readonly windowDone: number
  /** Estimated seconds until the lists are read; 0 when everything is read, null while nothing can be told. */
  readonly secondsLeft: number | null
}

const RATE_WINDOW_MS = 5_000

/** Nobody knows how many changes or vanished objects there are before they are read: assume so many requests more. */
const UNKNOWN_LENGTH = 10

/** The largest share that is told of a run that still has something to read. */
const NEARLY_DONE = 0.999

/** Follows one run, in one process. */
export class RunProgressMeter {
  readonly #now: () => number
  readonly #startedAt: number
  /** Moments of the requests of the last seconds. */
  readonly #recent: number[] = []
  #requests = 0
  /** Those of them sent when the lists last gave a page. */
  #requestsForLists = 0
  #rateLimited = 0
  #records = 0
  #pagesRead = 0
  #pagesLeft = 0
  #windowDone = 0

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

  /** What is stored, of the whole run. */
  counted({ input }: RunCounts): void {
    this.#records = input
  }

  /** What the lists have come to: pages that were read since the meter was made, and an estimate of those to come. */
  listed({ pagesRead, pagesLeft }: { readonly pagesRead: number; readonly pagesLeft: number }): void {
    this.#pagesRead = pagesRead
    this.#pagesLeft = pagesLeft
    this.#requestsForLists = this.#requests
  }

  /**
   * The figures as they stand. The share that is done never falls from one call to the next.
   *
   * @param checkpoint - as last stored; null before the run is planned
   */
  progress(checkpoint: Checkpoint | null): RunProgress {
    this.#forgetOld()
    const elapsed = (this.#now() - this.#startedAt) / 1000
    const rateSeconds = Math.min(RATE_WINDOW_MS / 1000, Math.max(1, elapsed))
    this.#windowDone = Math.max(this.#windowDone, this.#shareDone(checkpoint))
    return {
      requests: this.#requests,
      requestsPerSecond: Math.round((this.#recent.length / rateSeconds) * 10) / 10,
      rateLimited: this.#rateLimited,
      windowDone: this.#windowDone,
      secondsLeft: this.#secondsLeft(checkpoint, elapsed),
    }
  }

  #shareDone(checkpoint: Checkpoint | null): number {
    if (!checkpoint?.isPrepared) return 0
    const openRanges = countOpenRanges(checkpoint)
    const openStages = countOpenStages(checkpoint)
    if (openRanges + openStages === 0) return 1
    // A run that goes on after a pause has read pages that this meter has not seen.
    const records = Math.max(this.#records, checkpoint.counts.input)
    const pagesRead = Math.max(this.#pagesRead, Math.ceil(records / PAGE_SIZE))
    const pagesLeft = this.#listPagesLeft(openRanges) ?? Math.max(UNKNOWN_LENGTH, pagesRead)
    const done = pagesRead + (openRanges === 0 ? this.#requests - this.#requestsForLists : 0)
    const share = done / (done + pagesLeft + openStages * UNKNOWN_LENGTH)
    return Math.min(NEARLY_DONE, Math.round(share * 1000) / 1000)
  }

  #secondsLeft(checkpoint: Checkpoint | null, elapsed: number): number | null {
    if (!checkpoint?.isPrepared) return null
    const openRanges = countOpenRanges(checkpoint)
    if (openRanges === 0) return countOpenStages(checkpoint) === 0 ? 0 : null
    const pagesLeft = this.#listPagesLeft(openRanges)
    return pagesLeft === null ? null : Math.ceil((pagesLeft * elapsed) / this.#pagesRead)
  }

  /** Null when there are lists of whose length nothing is known yet. */
  #listPagesLeft(openRanges: number): number | null {
    if (openRanges === 0) return 0
    // A range of which no page was read does not count among the pages left.
    if (this.#pagesRead < openRanges) return null
    return Math.max(this.#pagesLeft, openRanges)
  }

  #forgetOld(): void {
    const since = this.#now() - RATE_WINDOW_MS
    let old = 0
    while (old < this.#recent.length && this.#recent[old]! <= since) old++
    if (old > 0) this.#recent.splice(0, old)
  }
}

function countOpenRanges({ ranges }: Checkpoint): number {
  return ranges.filter(({ done }) => !done).length
}

/** Stages after the lists that are not over. */
function countOpenStages({ changes, relist, repair, notifications }: Checkpoint): number {
  return [changes, relist, repair, notifications].filter((stage) => stage !== null && !stage.done).length
}

/** The runs that the host is working on. */
export class RunProgressBoard {
  readonly #meters = new Map<number, RunProgressMeter>()

  /** How many runs the host is working on. */
  get size(): number {
    return this.#meters.size
  }

  start(runNo: number, meter: RunProgressMeter): void {
    this.#meters.set(runNo, meter)
  }

  end(runNo: number): void {
    this.#meters.delete(runNo)
  }

  /** Null when the host is not working on the run now. */
  of(runNo: number): RunProgressMeter | null {
    return this.#meters.get(runNo) ?? null
  }
}
