import { describe, expect, test } from '@jest/globals'
import { runHistory } from './history.ts'

/** Seeds of histories that once broke a promise. */
const REGRESSIONS: readonly number[] = [359, 405, 544, 782, 887, 995]

const HISTORIES = 200
const SEEDS_PER_TEST = 25

describe('the simulation', () => {
  test('lives the same history again for the same seed', async () => {
    const first = await runHistory(7)
    expect(await runHistory(7)).toEqual(first)
    expect((await runHistory(8)).traceHash).not.toBe(first.traceHash)
  })
})

describe('a simulated history keeps every promise', () => {
  for (let first = 1; first <= HISTORIES; first += SEEDS_PER_TEST) {
    test(`with the seeds from ${first} to ${first + SEEDS_PER_TEST - 1}`, async () => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) await expectWhole(seed)
    }, 60_000)
  }

  test.each(REGRESSIONS)('with seed %i, which once broke one', expectWhole, 60_000)
})

/** The message names the seed, so that `npm run simulate -- --seed N` shows the history step by step. */
async function expectWhole(seed: number): Promise<void> {
  const { failure } = await runHistory(seed)
  expect({ seed, failure }).toEqual({ seed, failure: null })
}
