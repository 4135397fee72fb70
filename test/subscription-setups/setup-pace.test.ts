import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readPauseMs, retryPauseMs } from '../../src/flow/subscription-setups/setup-pace.ts'

test('pauses between readings grow with the time that was waited, from a second to ten minutes', () => {
  expect([0, 10_000, 60_000, 3_600_000, 23 * 3_600_000].map(readPauseMs)).toEqual([1000, 1000, 6000, 360_000, 600_000])
})

test('a set-up that nobody approves is read about three hundred times in its 23 hours', () => {
  let readings = 0
  for (let waited = 0; waited < 23 * 3_600_000; waited += readPauseMs(waited)) readings += 1
  expect(readings).toBeGreaterThan(150)
  expect(readings).toBeLessThan(300)
})

test('pauses between tries double up to ten minutes and respect what the source asks for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 1, noNaN: true }), (tries, random) => {
      const pause = retryPauseMs(tries, random)
      const ceiling = Math.min(600_000, 500 * 2 ** (tries - 1))
      expect(pause).toBeGreaterThanOrEqual(Math.floor(ceiling / 2))
      expect(pause).toBeLessThanOrEqual(ceiling)
    }),
  )
  expect(retryPauseMs(1, 0, 30_000)).toBe(30_000)
})
