import type { Clock } from '../../clock.ts'
import { backoffMs } from './backoff.ts'

/** The run stops here without having ended: the host shuts down, or somebody else ended the run. */
export class Stopped extends Error {}

/** No progress for longer than the run may wait. */
export class GaveUpError extends Error {}

export interface PatienceOptions {
  readonly clock: Clock
  /** Without progress for so long it is over, ms. */
  readonly giveUpMs: number
  /** From 0 to 1, for the jitter of pauses. */
  readonly random: () => number
  /** Ends every pause at once. */
  readonly stop: AbortSignal
  readonly onRetry: (retry: { readonly tries: number; readonly waitMs: number; readonly reason: string }) => void
}

/** How long a run waits for what does not answer: longer after each failed try, until there was no progress for too long. */
export class Patience {
  readonly #options: PatienceOptions
  #lastProgressAt: number

  constructor(options: PatienceOptions) {
    this.#options = options
    this.#lastProgressAt = options.clock.now()
  }

  /** How long the run may still go on without progress, ms. */
  get leftMs(): number {
    const { clock, giveUpMs } = this.#options
    return Math.max(0, this.#lastProgressAt + giveUpMs - clock.now())
  }

  /** A page was stored. */
  progress(): void {
    this.#lastProgressAt = this.#options.clock.now()
  }

  /**
   * Waits before the next try. Throws `GaveUpError` when the time is over and `Stopped` when the host stops meanwhile.
   * @param tries - failed tries in a row, from 1
   */
  async pause(tries: number, cause: Error, retryAfterMs?: number): Promise<void> {
    const { clock, giveUpMs, random, stop, onRetry } = this.#options
    const left = this.leftMs
    if (left <= 0) throw new GaveUpError(`No progress for ${giveUpMs / 1000} s. ${cause.message}`, { cause })
    const waitMs = Math.min(Math.round(backoffMs(tries, random(), retryAfterMs)), left)
    onRetry({ tries, waitMs, reason: cause.message })
    await clock.sleep(waitMs, stop)
    if (stop.aborted) throw new Stopped()
  }
}
