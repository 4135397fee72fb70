import { expect, test } from '@jest/globals'
import { runKillTrial } from './kill-trial.ts'

const KILLS = 20

test('a host that is killed at any moment loses nothing, doubles nothing and reads at most one page per range again', async () => {
  const seed = Date.now() % 1_000_000
  const counts = {
    charges: 4000,
    customers: 900,
    subscriptions: 350,
    refunds: 600,
    prices: 300,
    balance_transactions: 1600,
  }
  const report = await runKillTrial({ seed, kills: KILLS, counts, latencyMs: 40 })
  expect({ seed, faults: report.faults }).toEqual({ seed, faults: [] })
  expect(report.kills).toBe(KILLS)
  expect(report.deliveries).toBeGreaterThan(counts.charges)
}, 240_000)
