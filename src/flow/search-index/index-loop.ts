import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { SearchIndexer } from './search-indexer.ts'

export interface IndexLoopOptions {
  readonly indexer: SearchIndexer
  readonly clock: Clock
  readonly logger: Logger
  /** Whether runs are going on: then most of the time is theirs. */
  readonly isBusy: () => boolean
}

/** How often to look for new deliveries, ms. */
const INTERVAL_MS = 1_000

/** While more deliveries than these come in a second, runs need the process for themselves. */
const BUSY_RATE = 5_000

/** Beside runs the loop rests so many times as long as it has worked. */
const REST = 3

/** Keeps the search index up with the runs, in the pauses that they leave. */
export class IndexLoop {
  readonly #indexer: SearchIndexer
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #isBusy: () => boolean
  readonly #stopping = new AbortController()
  #loop: Promise<void> | null = null
  /** What was pending at the last look, and when that was, ms. */
  #before: { readonly backlog: number; readonly at: number } | null = null
  /** Deliveries put into the index since then. */
  #indexed = 0

  constructor({ indexer, clock, logger, isBusy }: IndexLoopOptions) {
    this.#isBusy = isBusy
    this.#indexer = indexer
    this.#clock = clock
    this.#logger = logger
  }

  start(): void {
    this.#loop ??= this.#work()
  }

  /** Ends after what is in hand. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        if ((await this.#isQuiet()) && (await this.#indexForAWhile())) continue
        await this.#indexer.settle()
      } catch (error) {
        this.#logger.error({ err: error }, 'the search index cannot be kept up, it is tried again')
      }
      await this.#clock.sleep(INTERVAL_MS, signal)
    }
  }

  /** Whether deliveries have come slowly enough since the last look. */
  async #isQuiet(): Promise<boolean> {
    const backlog = await this.#indexer.backlog()
    const at = this.#clock.now()
    const before = this.#before ?? { backlog, at }
    const came = backlog - before.backlog + this.#indexed
    this.#before = { backlog, at }
    this.#indexed = 0
    return came <= (BUSY_RATE * Math.max(at - before.at, INTERVAL_MS)) / 1000
  }

  /** True when there is more to index. */
  async #indexForAWhile(): Promise<boolean> {
    const end = this.#clock.now() + INTERVAL_MS
    while (!this.#stopping.signal.aborted && this.#clock.now() < end) {
      const begunAt = performance.now()
      const indexed = await this.#indexer.indexSome()
      if (indexed === 0) return false
      this.#indexed += indexed
      if (this.#isBusy()) await this.#clock.sleep((performance.now() - begunAt) * REST, this.#stopping.signal)
    }
    return true
  }
}
