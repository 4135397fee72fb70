import { AGE_TOLERANCE, middleAge } from './estimate-sampling.ts'
import { COUNTED_EXACTLY, type CreatedRange } from './search-counter.ts'

export interface CountingRequest {
  /** From the earliest moment that an object may have up to behind the newest object. */
  readonly range: CreatedRange
  /** So many seconds before the end of the range there are objects, at least 1. */
  readonly leastAge: number
  /** Answers at most `COUNTED_EXACTLY`, which stands for as many or more. */
  readonly count: (range: CreatedRange) => Promise<number>
  /** How many more calls may be made; the first one is made in any case. */
  readonly callsLeft: () => number
}

/** So many calls look for the oldest objects before the rest counts what lies between them and the newest. */
const TAIL_CALLS = 5
/** So many calls are left for slices that turn out to hold more than can be counted. */
const SPARE_CALLS = 1
/** A slice is cut to hold so many objects, half of what can be counted, as bursts make it hold more. */
const SLICE_COUNT = 5000
/** A slice that cannot be counted is narrowed to this part of it, */
const NARROWED = 1 / 4
/** or, when no call is left for that, is taken to hold so many objects. */
const UNCOUNTED = 1.5 * COUNTED_EXACTLY

/**
 * Tells how many objects lie in a range when counting stops at `COUNTED_EXACTLY`. Fewer are told by one call. Of more, the
 * oldest are counted together; the time after them is divided into equal parts, and of each part a slice that is expected
 * to stay countable, which is the whole part when there are not too many objects. Bursts and trends need no care of
 * their own: a slice counts both what it has of bursts and what it has of quiet times. Throws what `count` throws.
 */
export async function estimateByCounting(request: CountingRequest): Promise<number> {
  const whole = await request.count(request.range)
  if (whole < COUNTED_EXACTLY) return whole
  const tail = await countTail(request)
  const rest = await countSlices(request, { from: tail.to, to: request.range.to }, whole - tail.count)
  return Math.max(whole, Math.round(tail.count + rest))
}

interface Tail {
  /** Objects before `to`: all of the range that are so old. */
  readonly count: number
  readonly to: number
}

/** Halves the range in which the age of the oldest object lies, until so few are older that they can be counted. */
async function countTail({ range, leastAge, count, callsLeft }: CountingRequest): Promise<Tail> {
  let least = leastAge
  let most = range.to - range.from
  const calls = Math.min(TAIL_CALLS, Math.ceil(callsLeft() / 2))
  for (let call = 0; call < calls && callsLeft() > 0 && most / least > AGE_TOLERANCE; call++) {
    const age = middleAge(least, most)
    const to = Math.round(range.to - age)
    const older = await count({ from: range.from, to })
    if (older >= COUNTED_EXACTLY) least = age
    else if (older === 0) most = age
    else return { count: older, to }
  }
  return { count: 0, to: Math.round(range.to - (least + most) / 2) }
}

/** Counts a slice of each equal part of a range that holds `least` objects or more, and sums up the parts. */
async function countSlices({ count, callsLeft }: CountingRequest, range: CreatedRange, least: number): Promise<number> {
  const parts = Math.max(1, callsLeft() - SPARE_CALLS)
  const partSeconds = (range.to - range.from) / parts
  const leastRate = least / (range.to - range.from)
  const rates = new Map<number, number>()
  const counted = { objects: 0, seconds: 0 }
  for (const part of spreadOrder(parts)) {
    if (callsLeft() <= 0) break
    const rate = Math.max(leastRate, counted.objects / Math.max(counted.seconds, 1))
    const middle = range.from + (part + 0.5) * partSeconds
    const slice = rangeAround(middle, Math.min(partSeconds, SLICE_COUNT / rate))
    const objects = await countSlice(count, slice, callsLeft)
    const seconds = slice.to - slice.from
    counted.objects += objects
    counted.seconds += seconds
    rates.set(part, objects / seconds)
  }
  return Array.from({ length: parts }, (_, part) => rateOf(part, rates) ?? leastRate).reduce(
    (sum, rate) => sum + rate * partSeconds,
    0,
  )
}

async function countSlice(
  count: CountingRequest['count'],
  slice: CreatedRange,
  callsLeft: () => number,
): Promise<number> {
  const objects = await count(slice)
  if (objects < COUNTED_EXACTLY) return objects
  if (callsLeft() <= 0) return UNCOUNTED
  const seconds = Math.max(1, Math.round((slice.to - slice.from) * NARROWED))
  const narrowed = await count({ from: slice.from, to: slice.from + seconds })
  return Math.max(COUNTED_EXACTLY, (narrowed * (slice.to - slice.from)) / seconds)
}

function rangeAround(middle: number, seconds: number): CreatedRange {
  const from = Math.round(middle - seconds / 2)
  return { from, to: Math.max(from + 1, Math.round(middle + seconds / 2)) }
}

/** 0..count-1 in an order in which those that come first lie far from each other, for when the calls do not reach all. */
function spreadOrder(count: number): readonly number[] {
  const turn = (index: number) => (index * 0.618) % 1
  return Array.from({ length: count }, (_, index) => index).toSorted((one, other) => turn(one) - turn(other))
}

/** Of a part that was not counted the mean of the two that are nearest; undefined when none was. */
function rateOf(part: number, rates: ReadonlyMap<number, number>): number | undefined {
  const known = rates.get(part)
  if (known !== undefined || rates.size === 0) return known
  const nearest = [...rates].toSorted(([one], [other]) => Math.abs(one - part) - Math.abs(other - part)).slice(0, 2)
  return nearest.reduce((sum, [, rate]) => sum + rate, 0) / nearest.length
}
