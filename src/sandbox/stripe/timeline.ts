import { mix } from './dice.ts'

export const DISTRIBUTIONS = ['uniform', 'growing', 'bursty'] as const
/** How objects spread over time: evenly, more and more of them, or in bursts with quiet days between. */
export type Distribution = (typeof DISTRIBUTIONS)[number]

export interface TimelineOptions {
  readonly count: number
  /** Unix seconds, inclusive. */
  readonly from: number
  /** Unix seconds, exclusive. */
  readonly to: number
  readonly distribution: Distribution
  readonly key: number
}

/** Fraction of the objects to fraction of the time; must not fall. */
const CURVES: Record<Distribution, (share: number) => number> = {
  uniform: (share) => share,
  growing: Math.sqrt,
  bursty: (share) => {
    const segment = share * 60
    const whole = Math.floor(segment)
    return (whole + (segment - whole) ** 5) / 60
  },
}

const RUSH_BLOCK = 1024
const RUSH_FROM = 300
const RUSH_TO = 470

/**
 * The creation times of a generated resource: index 0 is the oldest object, and times never fall. About two thirds of
 * the objects share their second with the one before, and now and then more than a whole page falls into one second.
 */
export class Timeline {
  readonly count: number
  readonly #options: TimelineOptions

  constructor(options: TimelineOptions) {
    this.count = options.count
    this.#options = options
  }

  createdAt(index: number): number {
    const { from, to, count, distribution } = this.#options
    return from + Math.floor(CURVES[distribution](this.#tieStart(index) / count) * (to - from))
  }

  /** The newest index created at `time` or before; -1 when there is none. */
  lastAtOrBefore(time: number): number {
    let low = 0
    let high = this.count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.createdAt(middle) <= time) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** The first index of the group that shares its second. */
  #tieStart(index: number): number {
    const { key } = this.#options
    const inBlock = index % RUSH_BLOCK
    if (inBlock >= RUSH_FROM && inBlock < RUSH_TO && mix(key, Math.floor(index / RUSH_BLOCK), 101) % 3 === 0) {
      return index - inBlock + RUSH_FROM
    }
    const bits = mix(key, index >>> 3, 102)
    const starts = (bits & (bits >>> 8)) | 1
    let place = index & 7
    while (((starts >>> place) & 1) === 0) place--
    return (index & ~7) + place
  }
}
