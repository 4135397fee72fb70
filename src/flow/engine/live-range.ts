import type { CreatedWindow, Cursor, SourceRecord } from '../../plugins/plugin.ts'
import type { ReadRange } from './checkpoint.ts'

/** Nothing that lists by creation is older than this; only guides where to cut, what is older is read all the same. */
const BEGINNING = Date.UTC(2010, 0, 1) / 1000

/** So many pages tell the density at hand: a single one may lie within one second. */
const LAST_PAGES = 4

/** The page size that sources give at most; ranges are measured in such pages. */
export const PAGE_SIZE = 100

/** A range while it is being read: its position, and what its pages tell of how many objects are left in it. */
export class LiveRange {
  readonly no: number
  readonly pass: string
  readonly isDivisible: boolean
  /** A page of it is being read or stored. */
  isBusy = false
  #pages = 0
  #isExhausted = false
  #created: CreatedWindow
  #cursor: Cursor | null
  #rows = 0
  /** The first creation time and the number of objects of each of the last pages. */
  readonly #lastPages: { readonly top: number; readonly rows: number }[] = []
  /** Creation of its newest object, Unix seconds. */
  #top: number | null = null
  /** Creation of the last object read. */
  #edge: number | null = null
  /** Objects per second where nothing of the range itself is known. */
  readonly #assumedDensity: number

  constructor(range: ReadRange, isDivisible: boolean, assumedDensity = 0) {
    this.no = range.no
    this.pass = range.pass
    this.isDivisible = isDivisible
    this.#created = range.created
    this.#cursor = range.cursor
    this.#assumedDensity = assumedDensity
  }

  get created(): CreatedWindow {
    return this.#created
  }

  get cursor(): Cursor | null {
    return this.#cursor
  }

  /** Pages read of it. */
  get pages(): number {
    return this.#pages
  }

  /** Its last page is there, stored or not. */
  get isExhausted(): boolean {
    return this.#isExhausted
  }

  /** Nobody has seen yet how far down its objects go. */
  get isOpen(): boolean {
    return this.#created.from === null
  }

  /** Everything in the range at or after this second has been read; null when nothing bounds it from above. */
  get edge(): number | null {
    return this.#edge ?? this.#created.to
  }

  /** Objects per second, between what the last pages say and what the whole range says: bursts begin and end. */
  get density(): number {
    const [first] = this.#lastPages
    if (this.#top === null || this.#edge === null || first === undefined) return this.#assumedDensity
    const rows = this.#lastPages.reduce((sum, page) => sum + page.rows, 0)
    return Math.sqrt((rows / (first.top - this.#edge + 1)) * (this.#rows / (this.#top - this.#edge + 1)))
  }

  /** Whole seconds that are left to read. */
  get secondsLeft(): number {
    const { edge } = this
    return edge === null ? 0 : Math.max(0, edge - (this.#created.from ?? Math.min(BEGINNING, edge)))
  }

  /** Estimated pages that are left to read. */
  get pagesLeft(): number {
    return (this.density * this.secondsLeft) / PAGE_SIZE
  }

  /** Takes note of a page as soon as it is there: from now on the range is cut below it only. */
  arrived(records: readonly SourceRecord[], isLast: boolean): void {
    this.#pages += 1
    this.#isExhausted = isLast
    this.#rows += records.length
    const first = records[0]?.createdAt ?? null
    const last = records.at(-1)?.createdAt ?? null
    this.#top ??= first
    if (first !== null) this.#lastPages.push({ top: first, rows: records.length })
    if (this.#lastPages.length > LAST_PAGES) this.#lastPages.shift()
    this.#edge = last ?? this.#edge
  }

  /** The page is stored; the next one follows `cursor`. */
  stored(cursor: Cursor | null): void {
    this.#cursor = cursor
  }

  /**
   * Gives away what was created before `at`, Unix seconds, as a range of its own. A page that is on its way may still
   * hold objects of the part that was given away.
   */
  cut(at: number, no: number): LiveRange {
    const { from, to } = this.#created
    const lower = { no, pass: this.pass, created: { from, to: at }, cursor: null, done: false }
    this.#created = { from: at, to }
    return new LiveRange(lower, true, this.density)
  }

  toReadRange(done = false, cursor = this.#cursor): ReadRange {
    return { no: this.no, pass: this.pass, created: this.#created, cursor, done }
  }
}
