import { describe, expect, test } from '@jest/globals'
import type { DeliveredRecord } from '../../src/store/store.ts'
import { checkLastRuns, type FinishedRun } from './check-runs.ts'
import { HistoryFailure } from './history-failure.ts'
import type { StoredFlow } from './simulated-host.ts'

const PEACE = { since: 1000, runs: 2 }

describe('the last runs of a flow', () => {
  test('pass when all but the first deliver nothing', () => {
    const runs = [finished({ createdAt: 1000, delivered: ['ch_1'] }), finished({ createdAt: 1001 })]
    expect(() => checkLastRuns(runs, PEACE)).not.toThrow()
  })

  test('do not count what began before', () => {
    const before = [finished({ createdAt: 998, status: 'failed' }), finished({ createdAt: 999, delivered: ['ch_1'] })]
    const runs = [...before, finished({ createdAt: 1000, delivered: ['ch_2'] }), finished({ createdAt: 1001 })]
    expect(() => checkLastRuns(runs, PEACE)).not.toThrow()
  })

  test.each([
    ['a second one that delivers, though a third one follows', [{}, { delivered: ['ch_1'] }, {}]],
    ['a first one that fails, though more than enough follow', [{ status: 'failed' }, {}, {}]],
    ['a last one that fails', [{}, {}, { status: 'failed' }]],
    ['too few of them', [{}]],
  ])('may not be %s', (_, runs) => {
    expect(() => checkLastRuns(runs.map(finished), PEACE)).toThrow(HistoryFailure)
  })
})

interface RunOptions {
  readonly createdAt?: number
  readonly status?: string
  /** Ids. */
  readonly delivered?: readonly string[]
}

function finished({ createdAt = 1000, status = 'success', delivered = [] }: RunOptions): FinishedRun {
  return {
    no: 1,
    document: { createdAt, metrics: { statusSummary: { status, errors: [] } } },
    flow: {} as StoredFlow,
    log: delivered.map((objectId) => ({ objectId }) as DeliveredRecord),
  }
}
