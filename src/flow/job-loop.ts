import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'

/** Two ways to stop a job in the middle: gently after what is in hand, or at once. Either way it goes on later. */
export interface StopSignals {
  /** Take nothing further. */
  readonly gentle: AbortSignal
  /** Leave what is in hand too. */
  readonly immediate: AbortSignal
}

export interface JobLoopOptions {
  readonly clock: Clock
  readonly logger: Logger
  /** What the jobs are, for the log: `runs`. */
  readonly what: string
  /** How often to look for work, ms. */
  readonly intervalMs: number
  /** Jobs worked on side by side. */
  readonly concurrency: number
  /** Looks for work and begins what it finds. */
  readonly look: () => Promise<void>
}

interface Job {
  readonly gentle: AbortController
  readonly immediate: AbortController
  readonly done: Promise<void>
}

/** Looks for work again and again, and works on what it finds, one job at a time for each key. */
export class JobLoop {
  readonly #options: JobLoopOptions
  readonly #jobs = new Map<number, Job>()
  readonly #stopping = new AbortController()
  #waking = new AbortController()
  #loop: Promise<void> | null = null

  constructor(options: JobLoopOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop ??= this.#work()
  }

  /** Looks for work now instead of at the next interval. */
  wake(): void {
    this.#waking.abort()
  }

  /** What is being worked on. */
  get busy(): readonly number[] {
    return [...this.#jobs.keys()]
  }

  isBusy(key: number): boolean {
    return this.#jobs.has(key)
  }

  /** How many jobs may be begun now. */
  get free(): number {
    return Math.max(0, this.#options.concurrency - this.#jobs.size)
  }

  /** Begins a job. One that fails is logged with `subject`, and found again after the interval. */
  begin(key: number, subject: Readonly<Record<string, unknown>>, work: (stop: StopSignals) => Promise<void>): void {
    const { clock, logger, what, intervalMs } = this.#options
    const gentle = new AbortController()
    const immediate = new AbortController()
    const done = work({ gentle: gentle.signal, immediate: immediate.signal })
      .catch(async (error: unknown) => {
        logger.error({ err: error, ...subject }, `one of the ${what} cannot be worked on, it is taken up again`)
        await clock.sleep(intervalMs, this.#stopping.signal)
      })
      .finally(() => {
        this.#jobs.delete(key)
        this.wake()
      })
    this.#jobs.set(key, { gentle, immediate, done })
  }

  /** Leaves a job as it is; nothing happens when there is none. */
  cancel(key: number): void {
    this.#jobs.get(key)?.immediate.abort()
  }

  /** Takes no new work, lets each job finish what is in hand for at most `graceMs`, then leaves it for later. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort()
    this.wake()
    await this.#loop
    const jobs = [...this.#jobs.values()]
    for (const job of jobs) job.gentle.abort()
    const allDone = Promise.all(jobs.map((job) => job.done))
    const grace = new AbortController()
    await Promise.race([allDone, this.#options.clock.sleep(graceMs, grace.signal)])
    grace.abort()
    for (const job of jobs) job.immediate.abort()
    await allDone
  }

  async #work(): Promise<void> {
    const { clock, logger, what, intervalMs, look } = this.#options
    while (!this.#stopping.signal.aborted) {
      try {
        await look()
      } catch (error) {
        logger.error({ err: error }, `looking for ${what} failed`)
      }
      if (this.#stopping.signal.aborted) return
      await clock.sleep(intervalMs, this.#waking.signal)
      this.#waking = new AbortController()
    }
  }
}
