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
  /** Most of them were created within seconds of each other. */
  readonly isBurst: boolean
  readonly mostItems: number
  readonly phases: readonly PhasePlan[]
  /** Steps between two deaths of the host on the average; null when it lives. */
  readonly stepsPerKill: number | null
  readonly mostKills: number
  /** Mean time between two changes of the account while runs go on, ms. */
  readonly changeEveryMs: number
  /** At most so many of them in each phase, so that reading catches up with them. */
  readonly mostChanges: number
  readonly storeFaultRate: number
  /** Prices change although subscriptions hold them. */
  readonly changesHeldPrices: boolean
  /** Runs of each flow at the end, when nothing changes any more; what the first one brings, a second one would not. */
  readonly lastRuns: 1 | 2
  /** How the history is audited after its end; null when it is not. */
  readonly audit: AuditPlan | null
  readonly world: WorldRules
  readonly server: ServerRules
  readonly faults: FaultRules
  readonly network: NetworkRules
}

export interface FlowPlan {
  readonly resource: ResourceKind
  /** Which dataset it lands in. */
  readonly dataSet: number
  /** Its schedule's interval; null for a flow that runs when somebody asks. */
  readonly everyMinutes: number | null
}

export interface AuditPlan {
  /** So many objects are damaged before it, in the dataset or at Stripe without an event. */
  readonly damages: number
  readonly repair: boolean
}

/** A stretch of time without a run, then a run of each flow. */
export interface PhasePlan {
  readonly gapMs: number
  /** Changes of the account in that time. */
  readonly changes: number
  /** A run that failed is triggered again so often. */
  readonly retriggers: number
  /** So far ahead is the host's clock of Stripe's from then on, ms. */
  readonly skewMs: number
  /** The access token is refused after so many steps of its runs; null when it is not. A client then gives a new one. */
  readonly revokedAfterSteps: number | null
}

const RESOURCES = ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices'] as const

export function planHistory(seed: number): HistoryPlan {
  const rng = new Rng(`${seed} plan`)
  const flows = planFlows(rng)
  const isFaulty = rng.chance(0.7)
  const shape = rng.weighted(SHAPES)(rng)
  return {
    seed,
    start: 1_760_000_000_000 + rng.int(0, 999),
    flows,
    ...shape,
    mostItems: rng.int(1, 8),
    phases: planPhases(rng),
    stepsPerKill: rng.chance(0.6) ? rng.pick([20, 60, 200, 600]) : null,
    mostKills: rng.int(1, 6),
    changeEveryMs: rng.pick([100, 500, 2000, 10_000]),
    mostChanges: rng.int(3, 20),
    storeFaultRate: rng.chance(0.15) ? 0.02 : 0,
    changesHeldPrices: rng.chance(0.5),
    lastRuns: rng.chance(0.5) ? 1 : 2,
    audit: rng.chance(0.25) ? { damages: rng.chance(0.6) ? rng.int(1, 4) : 0, repair: rng.chance(0.5) } : null,
    world: {
      lateRate: rng.pick([0, 0, 0.1, 0.5]),
      latestMs: rng.pick([5, 60]) * SECOND,
      repeatRate: rng.pick([0, 0.2]),
    },
    server: {
      mostPerPage: rng.chance(0.1) ? 100 : rng.int(shape.population > 20 ? 3 : 2, 8),
      shortPageRate: rng.pick([0, 0.2]),
      inlinedItems: rng.int(1, 4),
      deletedPrices: rng.pick(['stub', 'unknown'] as const),
      goneCursorStatus: rng.pick([400, 404] as const),
      cursorLossRate: rng.pick([0, 0.3]),
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

type Shape = Pick<HistoryPlan, 'population' | 'pastMs' | 'isBurst'>

const PASTS = [5 * SECOND, 5 * MINUTE, 20 * DAY, 60 * DAY, 2000 * DAY]

/** Most bugs need few objects; lists are cut only when they have many pages. */
const SHAPES: readonly (readonly [weight: number, make: (rng: Rng) => Shape])[] = [
  [8, () => ({ population: 0, pastMs: 0, isBurst: false })],
  [38, (rng) => ({ population: rng.int(1, 4), pastMs: rng.pick(PASTS), isBurst: false })],
  [48, (rng) => ({ population: rng.int(5, 16), pastMs: rng.pick(PASTS), isBurst: rng.chance(0.2) })],
  [6, (rng) => ({ population: rng.int(40, 90), pastMs: rng.pick(PASTS), isBurst: rng.chance(0.5) })],
]

function planFlows(rng: Rng): FlowPlan[] {
  const everyMinutes = () => (rng.chance(0.2) ? rng.pick([15, 60]) : null)
  const first: FlowPlan = { resource: rng.pick(RESOURCES), dataSet: 0, everyMinutes: everyMinutes() }
  if (rng.chance(0.72)) return [first]
  if (rng.chance(0.3)) return [first, { ...first, everyMinutes: everyMinutes() }]
  const others = RESOURCES.filter((resource) => resource !== first.resource)
  return [first, { resource: rng.pick(others), dataSet: 1, everyMinutes: everyMinutes() }]
}

function planPhases(rng: Rng): PhasePlan[] {
  const isExact = rng.chance(0.6)
  const skew = () => (isExact ? 0 : rng.pick([-3 * MINUTE, -20 * SECOND, -700, 0, 700, 20 * SECOND, 3 * MINUTE]))
  const first = skew()
  // A clock that is set, forth or back, is so between two phases.
  const isSet = rng.chance(0.4)
  return Array.from({ length: rng.pick([1, 1, 1, 2, 2, 3]) }, (_, index) =>
    planPhase(rng, index, isSet ? skew() : first),
  )
}

function planPhase(rng: Rng, index: number, skewMs: number): PhasePlan {
  const gapMs = rng.weighted([
    [index === 0 ? 5 : 1, 0],
    [2, rng.int(0, 5 * SECOND)],
    [3, rng.int(0, 5 * MINUTE)],
    [3, rng.int(0, 12 * HOUR)],
    [2, rng.int(DAY, 29 * DAY)],
    [1, rng.int(29 * DAY, 31 * DAY)],
    [1, rng.int(30 * DAY, 90 * DAY)],
  ])
  return {
    gapMs,
    changes: rng.chance(0.2) ? 0 : rng.int(1, 12),
    retriggers: rng.int(0, 3),
    skewMs,
    revokedAfterSteps: rng.chance(0.06) ? rng.pick([5, 20, 60]) : null,
  }
}
