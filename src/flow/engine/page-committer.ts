import type { RecordTarget } from '../../store/store.ts'
import { countDelivered, type Checkpoint } from './checkpoint.ts'
import type { ObservationClock } from './observation-clock.ts'
import type { ObservedRecords } from './observe-records.ts'
import type { RunWriter } from './run-writer.ts'

/** Pages stored in one transaction: few enough not to hold up everything else in the process. */
const MOST_AT_ONCE = 6

/** Something read and how far the run has come with it; stored together or not at all. */
export interface PageToCommit {
  readonly observed: ObservedRecords
  /** See `ObservationClock`. */
  readonly observedAt: number
  /** The checkpoint after it but for the counts. May be called more than once. */
  readonly advance: (checkpoint: Checkpoint) => Checkpoint
}

export interface PageCommitterOptions {
  readonly writer: RunWriter
  readonly target: RecordTarget
  readonly observations: ObservationClock
  /** Delivers also what seems unchanged. */
  readonly force: boolean
  /** After each transaction. */
  readonly onCommitted: (pages: readonly PageToCommit[], checkpoint: Checkpoint) => void
}

interface Waiting {
  readonly page: PageToCommit
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Stores pages in the order in which they come, all that wait in one transaction: waiting for the disk costs the same for
 * one page as for several.
 */
export class PageCommitter {
  readonly #options: PageCommitterOptions
  #checkpoint: Checkpoint
  #waiting: Waiting[] = []
  #isWorking = false

  constructor(options: PageCommitterOptions, checkpoint: Checkpoint) {
    this.#options = options
    this.#checkpoint = checkpoint
  }

  /** As last committed. */
  get checkpoint(): Checkpoint {
    return this.#checkpoint
  }

  /** Pages that are not stored yet. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Goes on from a checkpoint that was stored without a page; only while no page waits. */
  restart(checkpoint: Checkpoint): void {
    this.#checkpoint = checkpoint
  }

  /** Resolves when the page is stored. Rejects, like `RunWriter.write`, when it is not going to be. */
  commit(page: PageToCommit): Promise<void> {
    const stored = new Promise<void>((resolve, reject) => this.#waiting.push({ page, resolve, reject }))
    void this.#work()
    return stored
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MOST_AT_ONCE)
      const pages = group.map(({ page }) => page)
      try {
        this.#checkpoint = await this.#store(pages)
        this.#options.onCommitted(pages, this.#checkpoint)
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#isWorking = false
  }

  #store(pages: readonly PageToCommit[]): Promise<Checkpoint> {
    const { writer, target, observations, force } = this.#options
    return writer.write(async (scope) => {
      const { runNo } = writer.state
      let { lastSequence } = writer.state
      let checkpoint = this.#checkpoint
      for (const { observed, observedAt, advance } of pages) {
        const { records, refused, counts } = observed
        const delivered = await scope.records.deliver({ target, runNo, lastSequence, observedAt, records, force })
        const refusedBefore = checkpoint.counts.failed
        await scope.records.refuse(
          runNo,
          refused.map((record, index) => ({ ...record, number: refusedBefore + index + 1 })),
        )
        checkpoint = countDelivered(advance(checkpoint), counts, delivered)
        lastSequence = delivered.lastSequence
      }
      await observations.save(scope.settings)
      return { saved: await writer.saveProgress(scope, checkpoint, lastSequence), result: checkpoint }
    })
  }
}
