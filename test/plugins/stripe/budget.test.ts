import { beforeEach, describe, expect, test } from '@jest/globals'
import { createAccountBudgets } from '../../../src/plugins/stripe/budget.ts'
import type { AccountBudget, BudgetLease, BudgetOptions, RequestOutcome } from '../../../src/plugins/stripe/budget.ts'
import { Dice } from '../../../src/sandbox/stripe/dice.ts'
import type { StripeError } from '../../../src/sandbox/stripe/errors.ts'
import { Limiter } from '../../../src/sandbox/stripe/limits.ts'
import type { Limits } from '../../../src/sandbox/stripe/limits.ts'
import { SimulatedTime } from './simulated-time.ts'

const TEST_KEY = 'sk_test_budget'
const LIVE_KEY = 'rk_live_budget'
const CHARGES = 'GET /v1/charges'
const REFUNDS = 'GET /v1/refunds'
const LISTS = ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices'].map(
  (name) => `GET /v1/${name}`,
)

let time: SimulatedTime
beforeEach(() => {
  time = new SimulatedTime(1_780_000_000_000)
})

const budgetOf = (key = TEST_KEY, options: Partial<BudgetOptions> = {}) =>
  createAccountBudgets({ share: 1, clock: time, ...options }).of(key)

interface Ask {
  readonly operation?: string
  readonly owner?: string
  readonly signal?: AbortSignal
}

const NEVER = new AbortController().signal

function acquire(budget: AccountBudget, { operation = CHARGES, owner = 'run', signal = NEVER }: Ask = {}) {
  return budget.acquire({ operation, owner, signal })
}

/** Asks so many times and says how many were granted without waiting. Each is over at once, with `outcome`. */
function grantedAtOnce(budget: AccountBudget, times: number, ask?: Ask, outcome?: RequestOutcome) {
  return grantedWithin(0, budget, times, ask, outcome)
}

async function grantedWithin(
  withinMs: number,
  budget: AccountBudget,
  times: number,
  ask: Ask = {},
  outcome: RequestOutcome = 'answered',
) {
  const stop = new AbortController()
  let granted = 0
  for (let turn = 0; turn < times; turn++) {
    acquire(budget, { ...ask, signal: stop.signal }).then(
      (lease) => {
        granted++
        lease.release(outcome)
      },
      () => {},
    )
  }
  await time.settle()
  await time.pass(withinMs)
  stop.abort()
  return granted
}

interface Load {
  readonly budget: AccountBudget
  readonly limits: Limits
  readonly operations: readonly string[]
  /** Requests that each operation has waiting or under way at any time. */
  readonly readers: number
  readonly seed: number
  /** Between sending and arrival a request takes from 5 to 5 + so many milliseconds. */
  readonly jitterMs: number
  /** The first so many requests take 200 milliseconds more, as over connections that are not open yet. */
  readonly coldRequests?: number
  /** The end of one answer in five comes so many milliseconds after its beginning. */
  readonly bodyMs?: number
}

/** Saturates the budget for so many milliseconds, judged by a server's limiter on arrival. */
async function saturate(
  { budget, limits, operations, readers, seed, jitterMs, coldRequests = 0, bodyMs = 0 }: Load,
  ms: number,
) {
  const judge = new Limiter(limits, time.now)
  const dice = new Dice(seed, 1)
  const passed: Record<string, number> = {}
  const refused: string[] = []
  let sent = 0
  let underWay = 0
  let mostUnderWay = 0
  const stop = new AbortController()

  const send = async (operation: string): Promise<RequestOutcome> => {
    await time.sleep(5 + dice.below(jitterMs + 1) + (sent++ < coldRequests ? 200 : 0))
    try {
      const leave = judge.enter('account', operation)
      passed[operation] = (passed[operation] ?? 0) + 1
      await time.sleep(80 + dice.below(60) + (dice.chance(2) ? 700 : 0))
      leave()
      return 'answered'
    } catch (error) {
      const reason = (error as StripeError).headers['Stripe-Rate-Limited-Reason'] ?? 'none'
      refused.push(reason)
      await time.sleep(20)
      return { rateLimited: reason }
    }
  }
  const read = async (operation: string) => {
    for (;;) {
      const lease = await acquire(budget, { operation, owner: operation, signal: stop.signal })
      mostUnderWay = Math.max(mostUnderWay, ++underWay)
      const outcome = await send(operation)
      lease.answerBegins()
      if (bodyMs > 0 && dice.chance(20)) await time.sleep(bodyMs)
      lease.release(outcome)
      underWay--
      // As the host does, though it waits longer from one refusal to the next.
      if (typeof outcome === 'object') await time.sleep(250 + dice.below(500))
    }
  }
  const reading = operations.flatMap((operation) => Array.from({ length: readers }, () => read(operation)))
  const stopped = Promise.allSettled(reading)
  await time.pass(ms)
  stop.abort()
  await time.pass(5000)
  await stopped
  const total = Object.values(passed).reduce((sum, count) => sum + count, 0)
  return { passed, refused, mostUnderWay, perSecond: total / (ms / 1000) }
}

describe('a saturated budget', () => {
  const SECONDS = 30

  describe.each(['window', 'bucket'] as const)('against a server that counts by %s', (algorithm) => {
    test.each([1, 2, 3])('uses 97 percent of an endpoint limit without a refusal (seed %d)', async (seed) => {
      const limits: Limits = { globalPerSecond: 100, endpointPerSecond: 25, algorithm }
      const load = { limits, operations: [CHARGES], readers: 8, seed, jitterMs: 12 }
      const { refused, perSecond } = await saturate({ ...load, budget: budgetOf(LIVE_KEY) }, SECONDS * 1000)
      expect(refused).toEqual([])
      expect(perSecond).toBeGreaterThanOrEqual(0.97 * 25)
    })

    test.each([4, 5])('uses 97 percent of a global limit that six lists share (seed %d)', async (seed) => {
      const limits: Limits = { globalPerSecond: 100, endpointPerSecond: 25, algorithm }
      const load = { limits, operations: LISTS, readers: 5, seed, jitterMs: 12 }
      const { refused, perSecond, passed } = await saturate({ ...load, budget: budgetOf(LIVE_KEY) }, SECONDS * 1000)
      expect(refused).toEqual([])
      expect(perSecond).toBeGreaterThanOrEqual(0.97 * 100)
      expect(Object.keys(passed)).toHaveLength(6)
      for (const count of Object.values(passed)) expect(count / SECONDS).toBeGreaterThan((0.9 * 100) / 6)
    })

    test('is not refused when its first requests arrive late over new connections', async () => {
      const limits: Limits = { globalPerSecond: 25, endpointPerSecond: 25, algorithm }
      const load = { limits, operations: [CHARGES], readers: 8, seed: 10, jitterMs: 5, coldRequests: 8 }
      const { refused, perSecond } = await saturate({ ...load, budget: budgetOf() }, SECONDS * 1000)
      expect(refused).toEqual([])
      expect(perSecond).toBeGreaterThanOrEqual(0.95 * 25)
    })

    test('takes an answer whose end is long in coming for one that arrived in time', async () => {
      const limits: Limits = { globalPerSecond: 100, endpointPerSecond: 25, algorithm }
      const load = { limits, operations: [CHARGES], readers: 8, seed: 11, jitterMs: 12, bodyMs: 400 }
      const { refused, perSecond } = await saturate({ ...load, budget: budgetOf(LIVE_KEY) }, SECONDS * 1000)
      expect(refused).toEqual([])
      expect(perSecond).toBeGreaterThanOrEqual(0.98 * 25)
    })

    test('learns to keep apart what arrives at very different times', async () => {
      const limits: Limits = { globalPerSecond: 25, endpointPerSecond: 25, algorithm }
      const load = { limits, operations: [CHARGES], readers: 8, seed: 6, jitterMs: 60 }
      const budget = budgetOf()
      const { refused, perSecond } = await saturate({ ...load, budget }, 120_000)
      expect(refused.length).toBeLessThan(0.01 * perSecond * 120)
      expect(perSecond).toBeGreaterThanOrEqual(0.85 * 25)
    })

    test('finds what is left by others on the same account', async () => {
      const limits: Limits = { globalPerSecond: 12, endpointPerSecond: 25, algorithm }
      const load = { limits, operations: [CHARGES], readers: 8, seed: 7, jitterMs: 12 }
      const { refused, perSecond } = await saturate({ ...load, budget: budgetOf() }, 60_000)
      expect(perSecond).toBeGreaterThanOrEqual(0.8 * 12)
      expect(new Set(refused)).toEqual(new Set(['global-rate']))
      expect(refused.length).toBeLessThan(0.15 * perSecond * 60)
    })
  })

  test('keeps within a concurrency limit that it was not told of', async () => {
    const limits: Limits = { globalConcurrency: 6 }
    const load = { limits, operations: [CHARGES], readers: 20, seed: 8, jitterMs: 12 }
    const budget = budgetOf(LIVE_KEY, { rateGlobal: 1000, rateEndpoint: 1000 })
    const { refused, perSecond } = await saturate({ ...load, budget }, 60_000)
    expect(new Set(refused)).toEqual(new Set(['global-concurrency']))
    expect(refused.length).toBeLessThan(0.15 * perSecond * 60)
  })

  test('has at most 20 requests under way', async () => {
    const load = { limits: {}, operations: LISTS, readers: 10, seed: 9, jitterMs: 12 }
    const budget = budgetOf(LIVE_KEY, { rateGlobal: 100_000, rateEndpoint: 100_000 })
    const { mostUnderWay } = await saturate({ ...load, budget }, 5000)
    expect(mostUnderWay).toBe(20)
  })
})

describe('the limits', () => {
  test.each([
    ['a live secret key', 'sk_live_x', {}, 100],
    ['a live restricted key', 'rk_live_x', {}, 100],
    ['a test key', 'sk_test_x', {}, 25],
    ['a key of a CLI sandbox', 'rkcs_test_x', {}, 25],
    ['a token that names no mode', 'opaque-token', {}, 25],
    ['a share of 0.8 of a live key', 'sk_live_x', { share: 0.8 }, 80],
    ['a share of 0.29, which floating point makes less', 'sk_live_x', { share: 0.29 }, 29],
    ['a share too small for one request', 'sk_test_x', { share: 0.001 }, 1],
    ['a changed limit', 'sk_live_x', { rateGlobal: 7 }, 7],
    ['a share of a changed limit', 'sk_test_x', { rateGlobal: 90, share: 0.5 }, 45],
  ])('of %s', async (_, key, options, perSecond) => {
    const budget = budgetOf(key, { rateEndpoint: 1000, concurrency: 1000, ...options })
    expect(await grantedWithin(1000, budget, 200)).toBe(perSecond)
  })

  test.each([
    ['a list', CHARGES, {}, 25],
    ['a list, by share', CHARGES, { share: 0.5 }, 12],
    ['a list, changed', CHARGES, { rateEndpoint: 60 }, 60],
    ['a list, changed, by share', CHARGES, { rateEndpoint: 60, share: 0.5 }, 30],
    ['a search', 'GET /v1/prices/search', {}, 20],
    ['a search, by share', 'GET /v1/prices/search', { share: 0.5 }, 10],
    ['a search, of which a higher endpoint limit says nothing', 'GET /v1/prices/search', { rateEndpoint: 60 }, 20],
    ['a search, under a lower endpoint limit', 'GET /v1/prices/search', { rateEndpoint: 5 }, 5],
  ])('of %s', async (_, operation, options, perSecond) => {
    const budget = budgetOf(LIVE_KEY, options)
    expect(await grantedWithin(1000, budget, 200, { operation })).toBe(perSecond)
    expect(await grantedAtOnce(budget, 200, { operation: 'GET /v1/other' })).toBeGreaterThan(0)
  })

  test('half of many requests a second go at once, the others keep a distance', async () => {
    const budget = budgetOf(LIVE_KEY, { rateEndpoint: 100, concurrency: 1000 })
    expect(await grantedAtOnce(budget, 200)).toBe(50)
    expect(await grantedWithin(8, budget, 200)).toBe(1)
    expect(await grantedWithin(80, budget, 200)).toBe(10)
  })

  test('searches of all resources have one limit together', async () => {
    const budget = budgetOf(LIVE_KEY)
    expect(await grantedAtOnce(budget, 15, { operation: 'GET /v1/prices/search' })).toBe(15)
    expect(await grantedAtOnce(budget, 15, { operation: 'GET /v1/charges/search' })).toBe(5)
    expect(budget.searchesPerSecond).toBe(20)
  })

  test.each([0, -1, 1.01, NaN])('a share of %d is refused', (share) => {
    expect(() => budgetOf(TEST_KEY, { share })).toThrow(RangeError)
  })

  test('a key has one budget, and another key another', async () => {
    const budgets = createAccountBudgets({ share: 1, clock: time })
    expect(await grantedAtOnce(budgets.of(TEST_KEY), 100)).toBe(25)
    expect(await grantedAtOnce(budgets.of(TEST_KEY), 100)).toBe(0)
    expect(await grantedAtOnce(budgets.of('sk_test_other'), 100)).toBe(25)
  })

  test('a budget in use is kept, one that is long out of use starts anew', async () => {
    const budgets = createAccountBudgets({ share: 1, clock: time })
    const [idle, busy] = [budgets.of('sk_test_idle'), budgets.of('sk_test_busy')]
    const lease = await acquire(busy)
    await time.pass(3_600_001)
    budgets.of('sk_test_new')
    expect(budgets.of('sk_test_idle')).not.toBe(idle)
    expect(budgets.of('sk_test_busy')).toBe(busy)
    lease.release('answered')
  })

  test('a clock that is set back an hour costs nothing but the second under way', async () => {
    const budget = budgetOf()
    expect(await grantedAtOnce(budget, 100)).toBe(25)
    time.set(time.now() - 3_600_000)
    expect(await grantedAtOnce(budget, 100)).toBe(0)
    await time.pass(1100)
    expect(await grantedAtOnce(budget, 100)).toBe(25)
  })
})

describe('a refusal', () => {
  /** What one second lets through of two lists, each asked for alone, and then both at once. */
  const roomAfter = async (outcome: RequestOutcome, afterMs: number) => {
    const budget = budgetOf(LIVE_KEY, { rateGlobal: 40, concurrency: 1000 })
    await grantedAtOnce(budget, 1, { operation: CHARGES }, outcome)
    await time.pass(afterMs)
    const charges = await grantedAtOnce(budget, 100, { operation: CHARGES })
    await time.pass(1500)
    const refunds = await grantedAtOnce(budget, 100, { operation: REFUNDS })
    await time.pass(1500)
    const both =
      (await grantedAtOnce(budget, 100, { operation: REFUNDS })) +
      (await grantedAtOnce(budget, 100, { operation: CHARGES }))
    return { charges, refunds, both }
  }

  test.each([
    ['resource-specific', { charges: 25, refunds: 25, both: 40 }],
    ['lock_timeout', { charges: 25, refunds: 25, both: 40 }],
    ['a reason that nobody knows', { charges: 25, refunds: 25, both: 40 }],
    ['toString', { charges: 25, refunds: 25, both: 40 }],
  ])('for the reason %s lowers nothing', async (rateLimited, room) => {
    expect(await roomAfter({ rateLimited }, 1100)).toEqual(room)
  })

  test('for endpoint-rate lowers that operation alone', async () => {
    const { charges, refunds, both } = await roomAfter({ rateLimited: 'endpoint-rate' }, 1100)
    expect(charges).toBeLessThan(25)
    expect(charges).toBeGreaterThanOrEqual(17)
    expect(refunds).toBe(25)
    expect(both).toBe(40)
  })

  test('for global-rate lowers what all operations get together', async () => {
    const budget = budgetOf(LIVE_KEY, { rateGlobal: 40 })
    await grantedAtOnce(budget, 1, { operation: CHARGES }, { rateLimited: 'global-rate' })
    const refunds = await grantedAtOnce(budget, 100, { operation: REFUNDS })
    const charges = await grantedAtOnce(budget, 100, { operation: CHARGES })
    expect(refunds).toBe(25)
    expect(1 + refunds + charges).toBe(40 * 0.8)
  })

  test.each([
    ['global-concurrency', REFUNDS, 14],
    ['global-concurrency', CHARGES, 14],
    ['endpoint-concurrency', CHARGES, 14],
    ['endpoint-concurrency', REFUNDS, 20],
  ])('for %s leaves %s fewer places at once', async (rateLimited, operation, places) => {
    const budget = budgetOf(LIVE_KEY, { rateEndpoint: 1000 })
    await grantedAtOnce(budget, 1, { operation: CHARGES }, { rateLimited })
    const held: BudgetLease[] = []
    const stop = new AbortController()
    for (let turn = 0; turn < 30; turn++) {
      acquire(budget, { operation, signal: stop.signal }).then(
        (lease) => held.push(lease),
        () => {},
      )
    }
    await time.settle()
    expect(held).toHaveLength(places)
    stop.abort()
  })

  test('counts once for all that were sent before it, however late they come, and at most once a second', async () => {
    const budget = budgetOf(LIVE_KEY, { concurrency: 100 })
    const leases = await Promise.all(Array.from({ length: 20 }, () => acquire(budget)))
    await time.pass(50)
    for (const lease of leases.slice(0, 10)) lease.release({ rateLimited: 'endpoint-rate' })
    await time.pass(2000)
    for (const lease of leases.slice(10)) lease.release({ rateLimited: 'endpoint-rate' })
    expect(await grantedAtOnce(budget, 100)).toBe(Math.floor(25 * 0.8 + (25 * 2) / 15))
  })

  test('is forgotten bit by bit within 15 seconds', async () => {
    const budget = budgetOf(LIVE_KEY)
    for (let turn = 0; turn < 30; turn++) {
      const lease = await acquire(budget)
      await time.pass(1100)
      lease.release({ rateLimited: 'endpoint-rate' })
    }
    const low = await grantedAtOnce(budget, 100)
    expect(low).toBeGreaterThanOrEqual(1)
    expect(low).toBeLessThan(12)
    await time.pass(7000)
    const half = await grantedAtOnce(budget, 100)
    expect(half).toBeGreaterThan(low)
    expect(half).toBeLessThan(25)
    await time.pass(8000)
    expect(await grantedAtOnce(budget, 100)).toBe(25)
  })

  test('again and again never stops the requests', async () => {
    const budget = budgetOf(TEST_KEY, { rateGlobal: 1 })
    for (let turn = 0; turn < 20; turn++) {
      const granted = acquire(budget)
      await time.pass(1200)
      const lease = await granted
      lease.release({ rateLimited: turn % 2 === 0 ? 'global-rate' : 'global-concurrency' })
    }
    const last = acquire(budget)
    await time.pass(1200)
    await expect(last).resolves.toBeDefined()
  })
})

describe('several owners', () => {
  /** Lets the owners ask while there is no room and returns in what order they are let go. */
  const orderOf = async (budget: AccountBudget, asks: readonly (Ask & { readonly name: string })[], ms = 5000) => {
    const order: string[] = []
    for (const { name, ...ask } of asks) {
      void acquire(budget, ask).then((lease) => {
        order.push(name)
        lease.release('answered')
      })
    }
    await time.pass(ms)
    return order
  }
  const asks = (owner: string, count: number, operation = CHARGES) =>
    Array.from({ length: count }, (_, index) => ({ owner, operation, name: `${owner}${index + 1}` }))

  test('take turns, each in its own order', async () => {
    const budget = budgetOf(TEST_KEY, { rateGlobal: 1 })
    await grantedAtOnce(budget, 1)
    const order = await orderOf(budget, [...asks('a', 4), ...asks('b', 2), ...asks('c', 1)], 9000)
    expect(order).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4'])
  })

  test('get equal parts though one asks for much more', async () => {
    const budget = budgetOf(TEST_KEY, { concurrency: 1000 })
    const order = await orderOf(budget, [...asks('big', 300), ...asks('small', 40)], 3000)
    const count = (owner: string) => order.filter((name) => name.startsWith(owner)).length
    // The first second's worth went before the small one had asked.
    expect(count('small')).toBe(25)
    expect(count('big')).toBe(50)
  })

  test('let others pass while their own operation has no room', async () => {
    const budget = budgetOf(LIVE_KEY)
    await grantedAtOnce(budget, 100, { operation: CHARGES })
    const order = await orderOf(budget, [...asks('a', 2, CHARGES), ...asks('b', 2, REFUNDS)], 10)
    expect(order).toEqual(['b1', 'b2'])
    await time.pass(1500)
    expect(order).toEqual(['b1', 'b2', 'a1', 'a2'])
  })

  test('are not held up by their own requests for another operation', async () => {
    const budget = budgetOf(LIVE_KEY)
    await grantedAtOnce(budget, 100, { operation: CHARGES })
    const order = await orderOf(budget, [{ name: 'charges' }, { name: 'refunds', operation: REFUNDS }], 10)
    expect(order).toEqual(['refunds'])
  })
})

describe('an aborted signal', () => {
  test('ends the waiting at once with its reason, and the turn goes to the next', async () => {
    const budget = budgetOf(TEST_KEY, { rateGlobal: 1 })
    await grantedAtOnce(budget, 1)
    const stop = new AbortController()
    const reason = new Error('cancelled')
    const waiting = acquire(budget, { signal: stop.signal })
    const next = acquire(budget)
    stop.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    await time.pass(1100)
    await expect(next).resolves.toBeDefined()
  })

  test('lets nobody start', async () => {
    const reason = new Error('cancelled')
    await expect(acquire(budgetOf(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })

  test('leaves no timer behind and no place taken', async () => {
    const budget = budgetOf(TEST_KEY, { concurrency: 1 })
    const first = await acquire(budget)
    const stop = new AbortController()
    const waiting = Promise.allSettled([acquire(budget, { signal: stop.signal })])
    stop.abort()
    await waiting
    first.release('failed')
    first.release('failed')
    expect(await grantedAtOnce(budget, 24)).toBe(24)
    await grantedAtOnce(budget, 1)
    await time.settle()
    expect(time.sleepers).toBe(0)
  })

  test('after the grant does not free the place before the request is over', async () => {
    const budget = budgetOf(TEST_KEY, { concurrency: 1 })
    const stop = new AbortController()
    const lease = await acquire(budget, { signal: stop.signal })
    stop.abort()
    expect(await grantedAtOnce(budget, 1)).toBe(0)
    lease.release('failed')
    expect(await grantedAtOnce(budget, 1)).toBe(1)
  })
})

describe('parallelism', () => {
  /** So many answers that take so long, of one operation. */
  const answer = async (budget: AccountBudget, operation: string, ms: number, outcome: RequestOutcome = 'answered') => {
    for (let turn = 0; turn < 30; turn++) {
      const lease = await acquire(budget, { operation })
      await time.pass(ms)
      lease.release(outcome)
    }
  }

  test('is 2 while no latency is known, and after failures that tell nothing about it', async () => {
    const budget = budgetOf()
    expect([budget.parallelism(), budget.parallelism(CHARGES)]).toEqual([2, 2])
    await answer(budget, CHARGES, 5000, 'failed')
    await answer(budget, CHARGES, 5000, { rateLimited: 'lock_timeout' })
    expect(budget.parallelism(CHARGES)).toBe(2)
  })

  test('grows with rate and latency and ends at the concurrency limit', async () => {
    const budget = budgetOf(LIVE_KEY)
    await answer(budget, CHARGES, 120)
    expect(budget.parallelism(CHARGES)).toBe(Math.ceil(25 * 0.12 * 1.5))
    expect(budget.parallelism()).toBe(Math.ceil(100 * 0.12 * 1.5))
    await answer(budget, REFUNDS, 3000)
    expect(budget.parallelism(REFUNDS)).toBe(20)
    expect(budget.parallelism(CHARGES)).toBe(Math.ceil(25 * 0.12 * 1.5))
  })

  test('counts from the sending, not from the asking', async () => {
    const budget = budgetOf(TEST_KEY, { concurrency: 30 })
    await grantedAtOnce(budget, 100)
    const waiting = acquire(budget)
    await time.pass(1100)
    ;(await waiting).release('answered')
    expect(budget.parallelism(CHARGES)).toBeLessThanOrEqual(3)
  })

  test('falls with the rate', async () => {
    const budget = budgetOf(LIVE_KEY)
    await answer(budget, CHARGES, 400)
    expect(budget.parallelism(CHARGES)).toBe(15)
    await grantedAtOnce(budget, 1, {}, { rateLimited: 'endpoint-rate' })
    expect(budget.parallelism(CHARGES)).toBe(Math.ceil(20 * 0.4 * 1.5))
  })

  test('never exceeds the places there are', async () => {
    const budget = budgetOf(TEST_KEY, { concurrency: 1 })
    await answer(budget, CHARGES, 400)
    expect(budget.parallelism(CHARGES)).toBe(1)
  })
})
