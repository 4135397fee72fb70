import { createHash } from 'node:crypto'
import { systemClock, type Clock } from '../../clock.ts'
import { Account, type AccountBudget, type AccountLimits } from './budget-account.ts'

export type { AccountBudget, BudgetLease, BudgetRequest, RequestOutcome } from './budget-account.ts'

export interface BudgetOptions {
  /** How much of each limit may be used, above 0 and at most 1; the rest is left to the account's other traffic. */
  readonly share: number
  /** Requests per second of the account, instead of what Stripe publishes for the key's mode. */
  readonly rateGlobal?: number | undefined
  /** Requests per second of each operation, instead of what Stripe publishes. Search never gets more than its own limit. */
  readonly rateEndpoint?: number | undefined
  /** Requests under way with one key. @defaultValue 20 */
  readonly concurrency?: number | undefined
  /** @defaultValue one that is not set while the process runs */
  readonly clock?: Clock | undefined
}

/** The budgets of all accounts. */
export interface AccountBudgets {
  /** The budget of whoever uses this key, always the same one. The key is not kept. */
  of(key: string): AccountBudget
}

/** Requests per second that Stripe publishes. Whatever is not known to be live has the lower limit. */
const LIVE_PER_SECOND = 100
const TEST_PER_SECOND = 25
const ENDPOINT_PER_SECOND = 25
const SEARCH_PER_SECOND = 20
/** Stripe publishes none; about so many have been seen to pass. */
const CONCURRENCY = 20

/** Long after any run has given up, so nobody uses a budget that was idle for so long. */
const FORGET_AFTER_MS = 3_600_000

const monotonicClock: Clock = { now: () => performance.now(), sleep: systemClock.sleep }

/** One budget per API key, for the whole process. */
export function createAccountBudgets(options: BudgetOptions): AccountBudgets {
  const { clock = monotonicClock } = options
  const accounts = new Map<string, Account>()

  return {
    of(key) {
      const fingerprint = createHash('sha256').update(key).digest('hex')
      const known = accounts.get(fingerprint)
      if (known) return known
      // Renewed tokens are new keys: without this the map would grow by one each time.
      for (const [old, account] of accounts) if (account.idleMs() > FORGET_AFTER_MS) accounts.delete(old)
      const made = new Account(limitsOf(key, options), clock)
      accounts.set(fingerprint, made)
      return made
    },
  }
}

function limitsOf(key: string, { share, rateGlobal, rateEndpoint, concurrency = CONCURRENCY }: BudgetOptions) {
  if (!(share > 0 && share <= 1)) throw new RangeError(`share must be above 0 and at most 1, not ${share}`)
  const endpoint = rateEndpoint ?? ENDPOINT_PER_SECOND
  return {
    global: shareOf(rateGlobal ?? (key.includes('_live_') ? LIVE_PER_SECOND : TEST_PER_SECOND), share),
    endpoint: shareOf(endpoint, share),
    search: shareOf(Math.min(SEARCH_PER_SECOND, endpoint), share),
    concurrency,
  } satisfies AccountLimits
}

/** At least 1. A product such as 100 * 0.29 comes out a little too small, which must not cost a request. */
function shareOf(limit: number, share: number): number {
  return Math.max(1, Math.floor(limit * share + 1e-9))
}
