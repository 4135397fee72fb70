import type { CreatedWindow } from '../plugin.ts'

/** The newest objects of a window, newest first, by creation in Unix seconds, and whether the window holds more. */
export interface SampledPage {
  readonly times: readonly number[]
  readonly hasMore: boolean
}

export interface SampledCount {
  readonly count: number
  /** True when every object was seen. */
  readonly exact: boolean
}

/** No account is older: 2010-01-01. */
export const FIRST_ACCOUNTS = 1_262_304_000
/** So many calls look for the oldest object before the rest looks at how the objects spread. */
const EXTENT_CALLS = 5
/** The oldest object is known well enough when the bounds of its age differ by less than this factor. */
export const AGE_TOLERANCE = 1.25
/** The walk leaves out so much of a page between two pages. */
const FIRST_STRIDE = 0.5
/** How the stride grows while the density stays the same, and the factor up to which two densities are the same. */
const STRIDE_GROWTH = 2.5
const SAME_DENSITY = 1.6
/** A page has too few objects to tell a density well: one change beyond `SAME_DENSITY` may be chance, beyond this it is none. */
const CLEAR_CHANGE = 2
/** Over a larger share of the window than this, another density is a trend and no burst. */
const LOCAL_SHARE = 0.1
/** The share of the walk's own mean density in the estimate; the trend over the whole window has the rest. */
const WALK_WEIGHT = 0.7

/**
 * Estimates how many objects a window holds from some of its pages. A list can be entered at any time and shows the 100
 * objects before it, so a page tells the density at its place exactly; between pages it is interpolated. Pages near each
 * other tell whether it is smooth; when it is not, their mean, bursts and quiet times together, stands for the window.
 * @param callsLeft - how many more calls may be made; the first one is made in any case
 */
export async function estimateBySampling(
  read: (window: CreatedWindow) => Promise<SampledPage>,
  window: CreatedWindow,
  callsLeft: () => number,
): Promise<SampledCount> {
  const survey = new Survey(read, window, callsLeft)
  const newest = await survey.start()
  if (!newest.closed) {
    await findExtent(survey, newest)
    const walk = await walkOlder(survey, newest)
    await refine(survey)
    if (!walk.isSmooth) return { ...survey.result(), count: Math.round(extrapolate(survey, walk.parts)) }
  }
  return survey.result()
}

/** A time range of which every object was seen, apart from those that share its oldest second. */
interface Part {
  readonly lo: number
  readonly hi: number
  readonly count: number
  /** Objects per second at either end. */
  readonly newerRate: number
  readonly olderRate: number
  /** Nothing is left unseen between this part and the next older one. */
  readonly closed: boolean
  readonly oldestSeen: number | undefined
}

/** A time range between two parts. */
interface Gap {
  readonly lo: number
  readonly hi: number
  readonly newer: Part
  readonly older: Part | undefined
}

class Survey {
  readonly #read: (window: CreatedWindow) => Promise<SampledPage>
  readonly #window: CreatedWindow
  readonly #callsLeft: () => number
  /** Newest first. */
  #parts: readonly Part[] = []
  end = 0
  /** No object is older, as far as known. */
  oldest: number

  constructor(read: (window: CreatedWindow) => Promise<SampledPage>, window: CreatedWindow, callsLeft: () => number) {
    this.#read = read
    this.#window = window
    this.#callsLeft = callsLeft
    this.oldest = window.from ?? FIRST_ACCOUNTS
  }

  get parts(): readonly Part[] {
    return this.#parts
  }

  get isSpent(): boolean {
    return this.#callsLeft() <= 0
  }

  async start(): Promise<Part> {
    const page = await this.#read(this.#window)
    // The silence since the newest object says nothing about the density before it.
    this.end = (page.times[0] ?? this.oldest) + 1
    this.oldest = Math.min(this.oldest, page.times.at(-1) ?? this.oldest)
    return this.#insert(page, this.end, undefined)
  }

  /** Reads the page before `time`, which lies in a gap. */
  async readBefore(time: number): Promise<Part> {
    const older = this.#parts.find(({ hi }) => hi <= time)
    return this.#insert(await this.#read({ from: older?.hi ?? this.#window.from, to: time }), time, older)
  }

  gaps(parts: readonly Part[] = this.#parts): Gap[] {
    return parts.flatMap((newer, index) => {
      const older = parts[index + 1]
      const hi = newer.lo
      const lo = Math.max(older?.hi ?? this.oldest, this.oldest)
      return newer.closed || hi <= lo ? [] : [{ lo, hi, newer, older: isEmpty(older) ? undefined : older }]
    })
  }

  result(): SampledCount {
    const gaps = this.gaps()
    return { count: Math.round(countIn(this.#parts, gaps)), exact: this.#isComplete() }
  }

  #isComplete(): boolean {
    return this.#parts.every(({ closed }) => closed)
  }

  #insert(page: SampledPage, hi: number, older: Part | undefined): Part {
    const part = partOf(page, hi, older?.hi ?? this.oldest)
    this.#parts = [...this.#parts, part].toSorted((one, other) => other.hi - one.hi)
    return part
  }
}

function partOf({ times, hasMore }: SampledPage, hi: number, floor: number): Part {
  const oldestSeen = times.at(-1)
  const middle = times[times.length >> 1]
  // A whole page may share one second.
  const lo = hasMore && oldestSeen !== undefined ? Math.min(oldestSeen, hi - 1) : Math.min(floor, hi - 1)
  const half = times.length / 2
  const isWhole = hasMore && middle !== undefined
  const overall = times.length / Math.max(hi - lo, 1)
  return {
    lo,
    hi,
    count: times.length,
    newerRate: isWhole ? half / Math.max(hi - middle, 1) : overall,
    olderRate: isWhole ? half / Math.max(middle - lo, 1) : overall,
    closed: !hasMore,
    oldestSeen,
  }
}

function isEmpty(part: Part | undefined): boolean {
  return part === undefined || part.count === 0
}

/** Halves the range in which the age of the oldest object lies, by its logarithm while it is wide. */
async function findExtent(survey: Survey, known: Part): Promise<void> {
  let least = survey.end - known.lo
  let most = survey.end - survey.oldest
  let calls = 1
  while (!survey.isSpent && calls < EXTENT_CALLS && most / least > AGE_TOLERANCE) {
    const age = middleAge(least, most)
    const part = await survey.readBefore(Math.round(survey.end - age))
    calls++
    if (!part.closed) least = survey.end - part.lo
    else if (part.oldestSeen === undefined) most = age
    else least = most = survey.end - part.oldestSeen
  }
  survey.oldest = Math.round(survey.end - (least + most) / 2)
}

/** The middle of the bounds of an age, by its logarithm while they are far from each other. */
export function middleAge(least: number, most: number): number {
  return most / least > 4 ? Math.sqrt(least * most) : (least + most) / 2
}

interface Walk {
  readonly parts: readonly Part[]
  /** The density was the same at every short stride, but for one that may be chance. */
  readonly isSmooth: boolean
}

/** Reads page after page from the newest one on, with a stride between them that grows while the density stays. */
async function walkOlder(survey: Survey, newest: Part): Promise<Walk> {
  let part = newest
  const parts = [part]
  let stride = FIRST_STRIDE
  let changes = 0
  while (!survey.isSpent) {
    const pageSeconds = 100 / part.olderRate
    const next = Math.round(part.lo - stride * pageSeconds)
    if (part.closed || next <= floorOf(survey, part) + pageSeconds) break
    const reached = await survey.readBefore(Math.min(next, part.lo - 1))
    parts.push(reached)
    const change = reached.newerRate / part.olderRate
    const skipped = part.lo - reached.hi
    const isOvershot = change < 1 / SAME_DENSITY && !reached.closed && skipped > 2 * pageSeconds
    if (isOvershot && !survey.isSpent) {
      parts.push(await survey.readBefore(Math.round(part.lo - Math.sqrt(pageSeconds * skipped))))
    }
    const isSame = change >= 1 / SAME_DENSITY && change <= SAME_DENSITY
    const isLocal = skipped <= LOCAL_SHARE * (survey.end - survey.oldest)
    if (!isSame && isLocal) changes += change > CLEAR_CHANGE || change < 1 / CLEAR_CHANGE ? 2 : 1
    stride = isSame ? stride * STRIDE_GROWTH : FIRST_STRIDE
    part = reached
  }
  return { parts: parts.toSorted((one, other) => other.hi - one.hi), isSmooth: changes < 2 }
}

/** Up to where the gap below a part goes. */
function floorOf(survey: Survey, part: Part): number {
  const older = survey.parts.find(({ hi }) => hi <= part.lo)
  return Math.max(older?.hi ?? survey.oldest, survey.oldest)
}

/** Spends the calls that are left where most is unknown. */
async function refine(survey: Survey): Promise<void> {
  while (!survey.isSpent) {
    const [widest] = survey
      .gaps()
      .filter(({ lo, hi }) => hi - lo > 2)
      .toSorted((one, other) => doubtOf(other) - doubtOf(one))
    if (widest === undefined) return
    await survey.readBefore(Math.round((widest.lo + widest.hi) / 2))
  }
}

/** How far the count of a gap may be off, in objects. */
function doubtOf(gap: Gap): number {
  const { newer, older } = gap
  return countInGap(gap) * (0.3 + Math.abs(Math.log((older?.newerRate ?? newer.olderRate) / newer.olderRate)))
}

/**
 * The count of the window by what the walk found: its mean density, and the trend that the other pages show, raised by
 * the factor by which the walk found more than they foretell for its place.
 */
function extrapolate(survey: Survey, walked: readonly Part[]): number {
  const [first] = walked
  const last = walked.at(-1)
  if (first === undefined || last === undefined) return 0
  const inner = survey.gaps(walked).filter(({ older }) => older !== undefined)
  const density = countIn(walked, inner) / (first.hi - last.lo)

  const others = survey.parts.filter((part) => part === first || !walked.includes(part))
  const gaps = survey.gaps(others)
  const around = gaps.find(({ newer }) => newer === first)
  const foretold = around ? countInGap(around) / (around.hi - around.lo) : first.olderRate
  const trend = countIn(others, []) + countIn([], gaps) * (density / foretold)
  const even = density * (survey.end - survey.oldest)
  return even ** WALK_WEIGHT * trend ** (1 - WALK_WEIGHT)
}

function countIn(parts: readonly Part[], gaps: readonly Gap[]): number {
  const seen = parts.reduce((sum, { count }) => sum + count, 0)
  return gaps.reduce((sum, gap) => sum + countInGap(gap), seen)
}

/**
 * Integrates the density over a gap. Where its ends differ little it changes evenly (exponentially); where they differ
 * much, the denser end is the edge of a burst and the density falls by a power of the distance from it.
 */
function countInGap({ lo, hi, newer, older }: Gap): number {
  const length = hi - lo
  const ends = [newer.olderRate, older?.newerRate ?? newer.olderRate]
  const dense = Math.max(...ends)
  const sparse = Math.min(...ends)
  const contrast = dense / sparse
  if (contrast < 1.05) return (length * (dense + sparse)) / 2

  const even = (length * (dense - sparse)) / Math.log(contrast)
  const edge = Math.min(Math.max(100 / dense, 1), length / 2)
  const reach = length / edge
  const power = 1 - Math.log(contrast) / Math.log(reach)
  const burst = dense * edge * (Math.abs(power) < 1e-3 ? Math.log(reach) : (reach ** power - 1) / power)
  const steepness = Math.min(1, Math.max(0, Math.log(contrast / 1.5) / Math.log(4)))
  return even ** (1 - steepness) * burst ** steepness
}
