import { PAGE_SIZE, type LiveRange } from './live-range.ts'

/**
 * Where to cut ranges so that idle readers find work, at few wasted requests.
 *
 * A list can only be paged one page after the other, so reading side by side needs ranges of creation time. Nobody
 * knows beforehand how objects spread over time; every page that was read tells the density where it lies. Each range
 * ends in a page that is not full, and a cut below the oldest object costs a request that finds nothing, so cuts are
 * rationed by the pages that are known to be there.
 */

/** An account whose list ends within so many pages is never cut. */
const PAGES_BEFORE_FIRST_CUT = 3
/** A part of fewer estimated pages is not cut any more. */
const SMALLEST_PAGES = 6
/** While the oldest object is still looked for, most of the list is not known yet and smaller parts would be too small. */
const SMALLEST_PAGES_BEFORE = 24
/** So much of the requests may go to pages that are not full. */
const WASTE = 0.05
/** Pages that may be wasted however few there are. */
const FREE_WASTE = 0.5
/** So few ranges of a long list may always be cut: a reader alone in a dense time would take for ever. */
const FEW_RANGES = 4
const LONG_LIST_PAGES = 20
/** What is estimated beyond so many times the pages read counts for nothing: a single burst misleads. */
const BELIEVED_PAGES = 24
/** Nor beyond so many: that is enough to keep as many readers busy as any budget allows. */
const MOST_BELIEVED = 200
/** Each look for the oldest object goes so many times deeper than what is known. */
const DEEPER = 6
/** So many looks for the oldest object go on at once. */
const MOST_LOOKS = 3

export interface Cut {
  readonly range: LiveRange
  /** Unix seconds: what was created before goes to the new range. */
  readonly at: number
}

export interface CutState {
  readonly ranges: readonly LiveRange[]
  /** Pages read so far in all ranges, those of ended ones too. */
  readonly pagesRead: number
  /** Objects on them. */
  readonly rowsRead: number
  /** Creation of the newest and the oldest object seen, Unix seconds; null before the first. */
  readonly seen: { readonly newest: number; readonly oldest: number } | null
}

/** The cut to make for a reader that has nothing to read, or null when none is worth its requests. */
export function chooseCut(state: CutState): Cut | null {
  if (state.pagesRead < PAGES_BEFORE_FIRST_CUT) return null
  const cut = deeperCut(state) ?? halvingCut(state)
  return cut !== null && isInside(cut) ? cut : null
}

/** True when both parts hold at least a second that is not read yet. */
function isInside({ range: { created, edge }, at }: Cut): boolean {
  return at > (created.from ?? 0) && at < (edge ?? 0)
}

/** Looks for the oldest object: cuts the range that is open below at a depth that grows by factors. */
function deeperCut({ ranges, seen }: CutState): Cut | null {
  if (seen === null) return null
  // A range that begins above everything seen is another pass, of which nothing is known yet.
  const open = ranges.find(
    ({ isOpen, isDivisible, edge }) => isOpen && isDivisible && (edge ?? Infinity) <= seen.newest,
  )
  if (open === undefined || open.edge === null) return null
  const looks = ranges.filter((range) => range.pages === 0 && (open.edge ?? 0) <= seen.oldest).length
  if (open.pages === 0 && looks >= MOST_LOOKS) return null
  const depth = seen.newest - open.edge + 1
  const at = open.edge - Math.ceil(depth * (DEEPER - 1))
  return open.secondsLeft > depth * DEEPER ? { range: open, at } : null
}

/** Halves the largest part that is bounded on both sides and surely holds something. */
function halvingCut({ ranges, pagesRead, rowsRead, seen }: CutState): Cut | null {
  const parts = ranges.filter(
    ({ isDivisible, created, pages }) =>
      isDivisible && created.from !== null && (pages > 0 || (seen !== null && created.from >= seen.oldest)),
  )
  const left = parts.reduce((pages, range) => pages + range.pagesLeft, 0)
  const known = pagesRead + Math.min(left, BELIEVED_PAGES * pagesRead, MOST_BELIEVED)
  // On average the last page of a range is half full.
  const waste = pagesRead - rowsRead / PAGE_SIZE + (ranges.length + 1) / 2
  const isAlone = ranges.length < FEW_RANGES && pagesRead >= LONG_LIST_PAGES
  if (waste > known * WASTE + FREE_WASTE && !isAlone) return null
  let largest: LiveRange | undefined
  for (const range of parts) if (largest === undefined || range.pagesLeft > largest.pagesLeft) largest = range
  const isLooking = ranges.some((range) => range.isOpen && range.isDivisible)
  const smallest = isLooking ? SMALLEST_PAGES_BEFORE : SMALLEST_PAGES
  if (largest === undefined || largest.pagesLeft < smallest || largest.secondsLeft < 2) return null
  return { range: largest, at: (largest.edge ?? 0) - Math.floor(largest.secondsLeft / 2) }
}
