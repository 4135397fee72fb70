import { describe, expect, test } from '@jest/globals'
import { estimateByCounting } from '../../../src/plugins/stripe/estimate-counting.ts'
import { COUNTED_EXACTLY, type CreatedRange } from '../../../src/plugins/stripe/search-counter.ts'
import { factorBetween } from './estimate-sandbox.ts'

const NOW = 1_790_000_000
const FIRST_ACCOUNTS = 1_262_304_000
const DAY = 86_400
const YEAR = 365 * DAY
/** What 20 calls leave after the permissions and the list that is not counted. */
const CALLS = 12

/** Counts as Search does. */
function counterOf(times: readonly number[], calls = CALLS) {
  const sorted = Float64Array.from(times).sort()
  let made = 0
  return {
    made: () => made,
    estimate: () =>
      estimateByCounting({
        range: { from: FIRST_ACCOUNTS, to: (sorted.at(-1) ?? 0) + 1 },
        leastAge: (sorted.at(-1) ?? 0) + 1 - (sorted.at(-100) ?? 0),
        count: (range) => {
          made++
          return Promise.resolve(Math.min(COUNTED_EXACTLY, countIn(sorted, range)))
        },
        callsLeft: () => calls - made,
      }),
  }
}

function countIn(sorted: Float64Array, { from, to }: CreatedRange): number {
  expect(Number.isInteger(from) && Number.isInteger(to) && from < to).toBe(true)
  return Math.max(0, firstAtOrAfter(sorted, to) - firstAtOrAfter(sorted, from))
}

function firstAtOrAfter(sorted: Float64Array, time: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? Infinity) < time) low = middle + 1
    else high = middle
  }
  return low
}

/** Numbers in [0, 1), always the same ones for a seed. */
function randomOf(seed: number): () => number {
  let state = seed * 2_654_435_761
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const EVEN = (random: () => number) => random()
const CURVES: readonly [string, (random: () => number) => number][] = [
  ['even', EVEN],
  ['linear growth', (random) => Math.sqrt(random())],
  ['quadratic growth', (random) => Math.cbrt(random())],
  ['exponential growth', (random) => Math.log1p(random() * (Math.E ** 5 - 1)) / 5],
  ['decline', (random) => random() ** 2],
]

/** Four fifths lie in bursts of 12 hours. */
function bursty(bursts: number): (random: () => number) => number {
  return (random) => (random() < 0.2 ? random() : (Math.floor(random() * bursts) + 0.3 * random() * 0.05) / bursts)
}

describe.each([
  [15_000, 1],
  [60_000, 3],
  [200_000, 6],
])('twelve counts of %d objects in %d years', (count, years) => {
  test.each([...CURVES, ['30 bursts', bursty(30)] as const, ['100 bursts', bursty(100)] as const])(
    'tell their number within a factor of 1.5: %s',
    async (_name, draw) => {
      for (const seed of [1, 2]) {
        const random = randomOf(seed)
        const times = Array.from({ length: count }, () => NOW - Math.ceil((1 - draw(random)) * years * YEAR))
        const counter = counterOf(times)
        expect(factorBetween(await counter.estimate(), count)).toBeLessThan(1.5)
        expect(counter.made()).toBeLessThanOrEqual(CALLS)
      }
    },
  )
})

test('fewer than 10,000 objects are told by one count', async () => {
  const counter = counterOf(Array.from({ length: 9_999 }, (_, index) => NOW - index * 3600))
  expect(await counter.estimate()).toBe(9_999)
  expect(counter.made()).toBe(1)
})

test.each([1, 2, 3, 5])('%d calls are enough for an answer of at least 10,000', async (calls) => {
  const counter = counterOf(
    Array.from({ length: 30_000 }, (_, index) => NOW - index * 600),
    calls,
  )
  expect(await counter.estimate()).toBeGreaterThanOrEqual(COUNTED_EXACTLY)
  expect(counter.made()).toBeLessThanOrEqual(calls)
})

test('objects that share one second, and that second with nothing around it, are at least 10,000', async () => {
  const counter = counterOf(Array.from({ length: 20_000 }, () => NOW))
  expect(await counter.estimate()).toBeGreaterThanOrEqual(COUNTED_EXACTLY)
  expect(counter.made()).toBeLessThanOrEqual(CALLS)
})
