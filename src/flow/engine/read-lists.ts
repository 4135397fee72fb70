import { FatalSourceError, type Page, type SourceRecord, type SourceResource } from '../../plugins/plugin.ts'
import type { Observation } from '../../store/store.ts'
import type { RowMapper } from '../row-mapper.ts'
import type { Checkpoint } from './checkpoint.ts'
import { chooseCut, type CutState } from './cut-ranges.ts'
import { LiveRange } from './live-range.ts'
import {
  NO_OBSERVATION,
  NOTHING_OBSERVED,
  observeRecords,
  withDropped,
  type ObservedRecords,
} from './observe-records.ts'
import { Stopped } from './patience.ts'
import type { RefineList } from './selection.ts'
import type { SourceReader } from './source-reader.ts'

/** How far the lists are read. */
export type ListCheckpoint = Pick<Checkpoint, 'planned' | 'ranges' | 'leftOut' | 'notes'>

/** A page of a list, and what it makes of the checkpoint that is stored with it. */
export interface ListedPage {
  readonly observed: ObservedRecords
  readonly observation: Observation
  /** See `Page`. */
  readonly isReread: boolean
  readonly advance: <C extends ListCheckpoint>(checkpoint: C) => C
}

/** Stores the pages. */
export interface ListCommitter {
  /** As last committed. */
  readonly checkpoint: ListCheckpoint
  /** Pages that are not stored yet. */
  readonly waiting: number
  /** Resolves when the page is stored. */
  commit(page: ListedPage): Promise<void>
}

export interface ReadListsOptions {
  readonly reader: SourceReader
  readonly committer: ListCommitter
  readonly resource: SourceResource
  readonly mapper: RowMapper | null
  /** Absent: pages are taken as the source gives them. */
  readonly refine?: RefineList | undefined
  /** The passes to read; those of the others stay as they are. Absent: all. */
  readonly takes?: ((pass: string) => boolean) | undefined
  /** Take no further page. */
  readonly stop: AbortSignal
  /** After each stored page, with the estimate of what is left. */
  readonly onProgress?: (progress: ListProgress) => void
}

export interface ListProgress {
  readonly pagesRead: number
  readonly pagesLeft: number
}

/** Pages that are read and not stored yet. */
const MOST_WAITING = 12

/**
 * Reads the ranges of a run's lists to their end, side by side. Of each range one page at a time is on its way or being
 * stored, so no crash costs more than that page.
 */
export async function readLists(options: ReadListsOptions): Promise<void> {
  await new ListReading(options).read()
}

class ListReading {
  readonly #options: ReadListsOptions
  /** Those that are not read to their end. */
  readonly #ranges: LiveRange[]
  #nextNo: number
  /** Pages that are on their way or being stored. */
  #busy = 0
  /** Requests that are not answered yet. */
  #onTheirWay = 0
  /** Looks for further pages to read. */
  #wake = () => {}
  #pagesRead = 0
  #rowsRead = 0
  #seen: CutState['seen'] = null
  #failure: { readonly error: unknown } | null = null

  constructor(options: ReadListsOptions) {
    this.#options = options
    const { ranges, planned } = options.committer.checkpoint
    this.#ranges = ranges
      .filter(({ done, pass }) => !done && this.#takes(pass))
      .map((range) => new LiveRange(range, this.#isDivisible(range)))
    this.#nextNo = Math.max(-1, ...ranges.map(({ no }) => no), ...planned.map(({ no }) => no)) + 1
  }

  async read(): Promise<void> {
    for (;;) {
      while (!this.#isOver() && this.#hasRoom()) {
        const range = this.#nextRange()
        if (range === null) break
        void this.#readPage(range)
      }
      if (this.#busy === 0) break
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure) throw this.#failure.error
    if (this.#options.stop.aborted) throw new Stopped()
  }

  /** Pages that wait to be stored fill the memory, so no more are asked for than the store keeps up with. */
  #hasRoom(): boolean {
    const { reader, committer } = this.#options
    return this.#onTheirWay < reader.parallelism && committer.waiting < MOST_WAITING
  }

  /** Pages on their way are still stored. */
  #isOver(): boolean {
    return this.#failure !== null || this.#options.stop.aborted
  }

  /** The range to read a page of next: one that waits, else a part of one that is being read. */
  #nextRange(): LiveRange | null {
    let waiting: LiveRange | null = null
    for (const range of this.#ranges) {
      if (!range.isBusy && (waiting === null || range.pagesLeft > waiting.pagesLeft)) waiting = range
    }
    return waiting ?? this.#cutOff()
  }

  #cutOff(): LiveRange | null {
    const [pagesRead, rowsRead, seen] = [this.#pagesRead, this.#rowsRead, this.#seen]
    const ranges = this.#ranges.filter((range) => !range.isExhausted)
    const cut = chooseCut({ ranges, pagesRead, rowsRead, seen })
    if (cut === null) return null
    const lower = cut.range.cut(cut.at, this.#nextNo++)
    this.#ranges.push(lower)
    return lower
  }

  /** Never rejects: the failure ends the reading after the other pages on their way are stored. */
  async #readPage(range: LiveRange): Promise<void> {
    range.isBusy = true
    this.#busy += 1
    try {
      await this.#readAndStore(range)
    } catch (error) {
      this.#failure ??= { error }
    } finally {
      range.isBusy = false
      this.#busy -= 1
      this.#wake()
    }
  }

  async #readAndStore(range: LiveRange): Promise<void> {
    const { committer } = this.#options
    const { nextCursor, observed, observation, isReread, note, refusal } = await this.#observePage(range)
    await committer.commit({
      observed,
      observation,
      isReread,
      advance: (checkpoint) => {
        const advanced = this.#advance(checkpoint, range, nextCursor)
        const noted = note === null ? advanced : { ...advanced, notes: [...checkpoint.notes, note] }
        return refusal === null ? noted : withLeftOut(noted, range.pass, refusal)
      },
    })
    range.stored(nextCursor)
    if (nextCursor === null) this.#drop(range)
    this.#tell()
  }

  /** The next page of the range as it is stored. The objects themselves, which are large, are left behind here. */
  async #observePage(range: LiveRange) {
    const { reader, mapper, resource, refine } = this.#options
    this.#onTheirWay += 1
    try {
      const page = await reader.readPage(range.pass, range.created, range.cursor)
      const { records, nextCursor, dropped = 0, isReread = false, note = null } = this.#within(range, page.value)
      range.arrived(records, nextCursor === null)
      this.#count(range, records)
      const read = { records, observation: page.observation }
      const taken = refine === undefined ? read : await refine(range.pass, read)
      const observed = withDropped(observeRecords(taken.records, mapper), dropped)
      return { nextCursor, observed, observation: taken.observation, isReread, note, refusal: null }
    } catch (error) {
      if (!isRefusedPass(error, resource, range.pass)) throw error
      const nothing = { nextCursor: null, observed: NOTHING_OBSERVED, observation: NO_OBSERVATION, isReread: false }
      return { ...nothing, note: null, refusal: error.message }
    } finally {
      this.#onTheirWay -= 1
      this.#wake()
    }
  }

  /** The page without what lies in a part that was cut off while it was on its way. */
  #within({ created, isDivisible }: LiveRange, page: Page): Page {
    const { from } = created
    if (!isDivisible || from === null) return page
    const records = page.records.filter(({ createdAt = null }) => createdAt === null || createdAt >= from)
    return records.length === page.records.length ? page : { ...page, records, nextCursor: null }
  }

  /** The checkpoint with all ranges as they are now, and `range` at its next page. */
  #advance<C extends ListCheckpoint>(checkpoint: C, range: LiveRange, cursor: string | null): C {
    const stored = new Map(checkpoint.ranges.map((range) => [range.no, range]))
    const ranges = this.#ranges.map((live) => {
      if (live === range) return live.toReadRange(cursor === null, cursor)
      const before = stored.get(live.no)
      return before === undefined ? live.toReadRange() : { ...before, created: live.created }
    })
    const others = checkpoint.ranges.filter(({ pass }) => !this.#takes(pass))
    return { ...checkpoint, ranges: [...others, ...ranges] }
  }

  #count({ isDivisible }: LiveRange, records: readonly SourceRecord[]): void {
    this.#pagesRead += 1
    this.#rowsRead += records.length
    if (!isDivisible) return
    const newest = records[0]?.createdAt ?? null
    const oldest = records.at(-1)?.createdAt ?? null
    if (newest === null || oldest === null) return
    const seen = this.#seen ?? { newest, oldest }
    this.#seen = { newest: Math.max(seen.newest, newest), oldest: Math.min(seen.oldest, oldest) }
  }

  #takes(pass: string): boolean {
    return this.#options.takes?.(pass) ?? true
  }

  #drop(range: LiveRange): void {
    this.#ranges.splice(this.#ranges.indexOf(range), 1)
  }

  #tell(): void {
    const pagesLeft = this.#ranges.reduce((pages, range) => pages + range.pagesLeft, 0)
    this.#options.onProgress?.({ pagesRead: this.#pagesRead, pagesLeft })
  }

  #isDivisible({ pass }: { readonly pass: string }): boolean {
    const { divisible = false, optionalPasses = [] } = this.#options.resource
    return divisible && !optionalPasses.includes(pass)
  }
}

/** The checkpoint that notes what the source has refused to show, once for each pass. */
export function withLeftOut<C extends Pick<Checkpoint, 'leftOut' | 'notes'>>(
  checkpoint: C,
  pass: string,
  refusal: string,
): C {
  const { leftOut, notes } = checkpoint
  if (leftOut.includes(pass)) return checkpoint
  return {
    ...checkpoint,
    leftOut: [...leftOut, pass],
    notes: [...notes, `The list pass ${pass} was left out: ${refusal}`],
  }
}

function isRefusedPass(error: unknown, resource: SourceResource, pass: string): error is FatalSourceError {
  const isOptional = resource.optionalPasses?.includes(pass) ?? false
  return isOptional && error instanceof FatalSourceError && error.reason === 'permission'
}
