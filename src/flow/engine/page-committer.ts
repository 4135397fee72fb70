import type { Observation, RecordTarget, StoreScope } from '../../store/store.ts'
import { allOver } from '../../all-over.ts'
import { countDelivered, type Checkpoint } from './checkpoint.ts'
import { CommitQueue } from './commit-queue.ts'
import type { ObservationClock } from './observation-clock.ts'
import type { ObservedRecords } from './observe-records.ts'
import { withoutSeen } from './reread-pages.ts'
import type { RunWriter } from './run-writer.ts'

/** Something read and how far the run has come with it; stored together or not at all. */
export interface PageToCommit {
  readonly observed: ObservedRecords
  readonly observation: Observation
  /** See `Page`. @defaultValue false */
  readonly isReread?: boolean
  /** The checkpoint after it but for the counts. May be called more than once. */
  readonly advance: (checkpoint: Checkpoint) => Checkpoint
  /** What else is stored with it. May be called more than once. */
  readonly alsoStore?: (scope: StoreScope) => Promise<void>
}

export interface PageCommitterOptions {
  readonly writer: RunWriter
  readonly target: RecordTarget
  readonly observations: ObservationClock
  /** Delivers also what seems unchanged. */
  readonly force: boolean
  /** How many pages go into one transaction, at most. Absent: as many full pages as do not hold up everything else. */
  readonly pagesAtOnce?: number
  /** After each transaction. */
  readonly onCommitted: (pages: readonly PageToCommit[], checkpoint: Checkpoint) => void
}

/** Stores what a run reads with its checkpoint, in the order in which it comes. */
export class PageCommitter {
  readonly #options: PageCommitterOptions
  readonly #queue: CommitQueue<PageToCommit>
  #checkpoint: Checkpoint

  constructor(options: PageCommitterOptions, checkpoint: Checkpoint) {
    this.#options = options
    this.#queue = new CommitQueue((pages) => this.#store(pages), options.pagesAtOnce)
    this.#checkpoint = checkpoint
  }

  /** As last committed. */
  get checkpoint(): Checkpoint {
    return this.#checkpoint
  }

  /** Pages that are not stored yet. */
  get waiting(): number {
    return this.#queue.waiting
  }

  /** Goes on from a checkpoint that was stored without a page; only while no page waits. */
  restart(checkpoint: Checkpoint): void {
    this.#checkpoint = checkpoint
  }

  /** Resolves when the page is stored. Rejects, like `RunWriter.write`, when it is not going to be. */
  commit(page: PageToCommit): Promise<void> {
    return this.#queue.add(page)
  }

  async #store(waiting: readonly PageToCommit[]): Promise<void> {
    const { writer, target, observations, force, onCommitted } = this.#options
    this.#checkpoint = await writer.write(async (scope) => {
      const { runNo } = writer.state
      const pages = await allOver(waiting.map((page) => this.#withoutSeen(scope, page)))
      const results = await scope.records.deliverPages({
        target,
        runNo,
        lastSequence: writer.state.lastSequence,
        force,
        pages: pages.map(({ observation, observed }) => ({ ...observation, records: observed.records })),
      })
      let checkpoint = this.#checkpoint
      for (const [index, { observed, advance, alsoStore }] of pages.entries()) {
        await alsoStore?.(scope)
        await refuse(scope, runNo, observed.refused, checkpoint.counts.failed)
        checkpoint = countDelivered(advance(checkpoint), observed.counts, results[index]!)
      }
      const [saved] = await allOver([
        writer.saveProgress(scope, checkpoint, results.at(-1)!.lastSequence),
        observations.save(scope.settings),
      ])
      return { saved, result: checkpoint }
    })
    onCommitted(waiting, this.#checkpoint)
  }

  async #withoutSeen(scope: StoreScope, page: PageToCommit): Promise<PageToCommit> {
    if (!page.isReread) return page
    const { writer, target } = this.#options
    const run = { target, runNo: writer.state.runNo, startedAt: this.#checkpoint.startedAt }
    return { ...page, observed: await withoutSeen(scope.records, run, page.observed) }
  }
}

/** Keeps the records that the mapping refused, numbered on from those that it has refused before. */
async function refuse(
  { records }: StoreScope,
  runNo: number,
  refused: ObservedRecords['refused'],
  before: number,
): Promise<void> {
  if (refused.length === 0) return
  await records.refuse(
    runNo,
    refused.map((record, index) => ({ ...record, number: before + index + 1 })),
  )
}
