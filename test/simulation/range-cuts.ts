import type { RunState } from '../../src/store/store.ts'

/** Counts how often the host cuts the ranges of a run's lists, as its checkpoints tell. */
export class RangeCuts {
  /** The highest number of a range of each run that was cut, and whether the run goes on. */
  readonly #highest = new Map<number, number>()
  readonly #open = new Set<number>()
  count = 0

  /** Ranges of a run that goes on were cut. */
  get areOpen(): boolean {
    return this.#open.size > 0
  }

  saved({ runNo, status, checkpoint }: RunState): void {
    if (checkpoint === null || !checkpoint.includes('"planned":[{')) return
    // Read as text: a checkpoint is saved with every page. Ranges that are cut off stand last.
    const ranges = checkpoint.indexOf('"ranges":')
    const planned = numberBefore(checkpoint, ranges)
    const highest = Math.max(planned, numberBefore(checkpoint, checkpoint.indexOf(']', ranges)))
    const before = this.#highest.get(runNo) ?? planned
    this.#highest.set(runNo, Math.max(before, highest))
    this.count += Math.max(0, highest - before)
    if (status === 'inProgress' && Math.max(before, highest) > planned) this.#open.add(runNo)
    else this.#open.delete(runNo)
  }
}

/** The last number of a range that stands before the position; -1 when there is none. */
function numberBefore(checkpoint: string, end: number): number {
  const start = checkpoint.lastIndexOf('"no":', end)
  return start < 0 ? -1 : Number.parseInt(checkpoint.slice(start + 5), 10)
}
