import type { ServerRules } from './model/model-stripe.ts'
import type { FaultRules } from './model/faults.ts'
import type { ResourceKind } from './model/mutations.ts'
import type { WorldRules } from './model/world.ts'
import { Rng } from './rng.ts'
import type { NetworkRules } from './simulated-network.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** What one history is made of; the seed determines all of it. */
export interface HistoryPlan {
  readonly seed: number
  /** Simulated time at which the host first starts, ms. */
  readonly start: number
  readonly flows: readonly FlowPlan[]
  /** Objects of each kind before the first run. */
  readonly population: number
  /** Over how long a past they were created, ms. */
  readonly pastMs: number
  readonly mostItems: number
  readonly phases: readonly PhasePlan[]
  /** So far ahead is the host's clock of Stripe's, ms. */
  readonly skewMs: number
  /** Steps between two deaths of the host on the average; null when it lives. */
  readonly stepsPerKill: number | null
  readonly mostKills: number
  /** Mean time between two changes of the account while runs go on, ms. */
  readonly changeEveryMs: number
  /** At most so many of them in each phase, so that reading catches up with them. */
  readonly mostChanges: number
  readonly storeFaultRate: number
  readonly world: WorldRules
  readonly server: ServerRules
  readonly faults: FaultRules
  readonly network: NetworkRules
}

export interface FlowPlan {
  readonly resource: ResourceKind
  /** Which dataset it lands in. */
  readonly dataSet: number
}

/** A stretch of time without a run, then a run of each flow. */
export interface PhasePlan {
  readonly gapMs: number
  /** Changes of the account in that time. */
  readonly changes: number
  /** A run that failed is triggered again so often. */
  readonly retriggers: number
}

const RESOURCES = ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices'] as const

export function planHistory(seed: number): HistoryPlan {
  const rng = new Rng(`${seed} plan`)
  const flows = planFlows(rng)
  const isFaulty = rng.chance(0.7)
  return {
    seed,
    start: 1_760_000_000_000 + rng.int(0, 999),
    flows,
    population: rng.weighted([
      [1, 0],
      [3, rng.int(1, 5)],
      [6, rng.int(6, 25)],
      [1, rng.int(26, 90)],
    ]),
    pastMs: rng.pick([5 * SECOND, 5 * MINUTE, 20 * DAY, 60 * DAY, 2000 * DAY]),
    mostItems: rng.int(1, 8),
    phases: Array.from({ length: rng.pick([1, 1, 2, 2, 2, 3, 4]) }, (_, index) => planPhase(rng, index)),
    skewMs: 0,
    stepsPerKill: rng.chance(0.6) ? rng.pick([30, 100, 300, 1000]) : null,
    mostKills: rng.int(1, 8),
    changeEveryMs: rng.pick([100, 500, 2000, 10_000]),
    mostChanges: rng.int(5, 40),
    storeFaultRate: rng.chance(0.15) ? 0.02 : 0,
    world: {
      lateRate: rng.pick([0, 0, 0.1, 0.5]),
      latestMs: rng.pick([5, 60]) * SECOND,
      repeatRate: rng.pick([0, 0.2]),
    },
    server: {
      mostPerPage: rng.chance(0.1) ? 100 : rng.int(2, 10),
      shortPageRate: rng.pick([0, 0.2]),
      inlinedItems: rng.int(1, 4),
      deletedPrices: rng.pick(['stub', 'unknown'] as const),
      goneCursorStatus: rng.pick([400, 404] as const),
    },
    faults: {
      rate: isFaulty ? rng.pick([0.01, 0.05, 0.2]) : 0,
      outageEveryMs: isFaulty && rng.chance(0.3) ? MINUTE : null,
      outageMs: rng.pick([2 * SECOND, MINUTE, rng.chance(0.1) ? 20 * MINUTE : 5 * SECOND]),
      refusalRate: isFaulty && rng.chance(0.1) ? 0.01 : 0,
      globalPerSecond: rng.pick([10, 25, 25, 100]),
      endpointPerSecond: rng.pick([5, 25, 25]),
      concurrency: rng.pick([4, 20, 100]),
    },
    network: { latencyMs: rng.pick([5, 60, 400]), tailRate: rng.pick([0, 0.02]) },
  }
}

function planFlows(rng: Rng): FlowPlan[] {
  const first: FlowPlan = { resource: rng.pick(RESOURCES), dataSet: 0 }
  if (rng.chance(0.6)) return [first]
  if (rng.chance(0.2)) return [first, first]
  return [first, { resource: rng.pick(RESOURCES.filter((resource) => resource !== first.resource)), dataSet: 1 }]
}

function planPhase(rng: Rng, index: number): PhasePlan {
  const gapMs = rng.weighted([
    [index === 0 ? 5 : 1, 0],
    [2, rng.int(0, 5 * SECOND)],
    [3, rng.int(0, 5 * MINUTE)],
    [3, rng.int(0, 12 * HOUR)],
    [2, rng.int(DAY, 29 * DAY)],
    [1, rng.int(29 * DAY, 31 * DAY)],
    [1, rng.int(30 * DAY, 90 * DAY)],
  ])
  return { gapMs, changes: rng.chance(0.2) ? 0 : rng.int(1, 15), retriggers: rng.int(0, 3) }
}
