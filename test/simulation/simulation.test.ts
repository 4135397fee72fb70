import { describe, expect, test } from '@jest/globals'
import { runHistory, type HistorySummary } from './history.ts'

/** Seeds of histories that once broke a promise. */
const REGRESSIONS: readonly number[] = [2218, 3528, 8380, 23138, 33686, 37065, 43500, 75666, 86362, 158848]

const HISTORIES = 150
const SEEDS_PER_TEST = 25

/** What happens in the histories together; each at least once, or the seeds no longer test it. */
const REACHED = [
  'kills',
  'faults',
  'storeFaults',
  'rateLimits',
  'cuts',
  'goneCursors',
  'retriggers',
  'unauthorized',
  'clockSteps',
  'relisted',
  'audits',
  'drift',
] as const satisfies readonly (keyof HistorySummary)[]

describe('the simulation', () => {
  test('lives the same history again for the same seed', async () => {
    const first = await runHistory(7)
    expect(await runHistory(7)).toEqual(first)
    expect((await runHistory(8)).traceHash).not.toBe(first.traceHash)
  })

  // Stripe's last silent changes are then past, and time has leapt to where the flow is due: at once, and again a moment later.
  test('neither ends nor lets time leap while a schedule has a run to make', async () => {
    expect(await runHistory(28_720)).toMatchObject({ failure: null, runs: 4 })
  })
})

describe('a simulated history keeps every promise', () => {
  const reached = new Set<string>()

  for (let first = 1; first <= HISTORIES; first += SEEDS_PER_TEST) {
    test(`with the seeds from ${first} to ${first + SEEDS_PER_TEST - 1}`, async () => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) {
        const result = await expectWhole(seed)
        for (const name of REACHED) if (result[name] > 0) reached.add(name)
      }
    }, 60_000)
  }

  test('and all of them together meet everything that may happen', () => {
    expect([...reached].sort()).toEqual([...REACHED].sort())
  })

  for (const seed of REGRESSIONS) {
    test(`with seed ${seed}, which once broke one`, async () => {
      await expectWhole(seed)
    }, 60_000)
  }
})

/** The message names the seed, so that `npm run simulate -- --seed N` shows the history step by step. */
async function expectWhole(seed: number) {
  const result = await runHistory(seed)
  expect({ seed, failure: result.failure }).toEqual({ seed, failure: null })
  return result
}
