import { StripeError } from './errors.ts'

/** What Stripe leaves open, or does only now and then. Every member can be changed while the sandbox runs. */
export interface Behaviour {
  /** New objects show in lists within this many seconds after their `created`, out of order at times. 0 to 3600. */
  objectLagSeconds: number
  /** New events show within this many seconds, out of order at times. 0 to 3600. */
  eventLagSeconds: number
  /** This share of changes, in percent, is told by a second event with an id of its own. */
  eventRepeatPercent: number
  /** What the retrieval of a deleted price answers: 200 with a stub, or 404. Not documented by Stripe. */
  deletedPriceStatus: 200 | 404
  /** The status of `resource_missing` about a cursor. 400 has been observed. */
  missingCursorStatus: 400 | 404
  /** Search finds a new or changed object so many seconds after the write: 0 to 3600. */
  searchLagSeconds: number
  /** Whether search shows what it finds as it is now, or as the index holds it. Not documented by Stripe. */
  searchShows: 'current' | 'indexed'
  /** Accounts in India cannot search. */
  indiaAccount: boolean
  /** How the first invoice of a subscription fares when it is to be paid off-session. */
  firstInvoice: FirstInvoice
  /** Whether the account has switched Kakao Pay on. */
  kakaoPayActivated: boolean
  /** The country of the account, two letters; only some may take Kakao Pay. */
  accountCountry: string
  /** `*.created` events about objects with metadata carry `previous_attributes`, as some samples show. */
  previousOnCreated: boolean
  /** Seconds before the second, third … attempt of a notification; null for the sandbox's own, which differ by mode. */
  webhookRetrySeconds: readonly number[] | null
  /** The time of signatures and retries: the sandbox clock, or real time where a receiver knows no other. */
  webhookClock: 'sandbox' | 'real'
  /** Notifications on their way to one endpoint at the same time. 1 to 100. */
  webhookConcurrency: number
  /** A receiver that has not answered after so many seconds has failed. Above 0, at most 60. */
  webhookTimeoutSeconds: number
}

/**
 * - `paid`: at once, on the mandate
 * - `requires_confirmation`: the customer has to come back and approve it
 * - `requires_payment_method`: refused; it needs a confirmation that names a payment method again
 */
export const FIRST_INVOICE = ['paid', 'requires_confirmation', 'requires_payment_method'] as const
export type FirstInvoice = (typeof FIRST_INVOICE)[number]

export const DEFAULT_BEHAVIOUR: Readonly<Behaviour> = {
  objectLagSeconds: 0,
  eventLagSeconds: 0,
  eventRepeatPercent: 0,
  deletedPriceStatus: 200,
  missingCursorStatus: 400,
  searchLagSeconds: 5,
  searchShows: 'current',
  indiaAccount: false,
  firstInvoice: 'paid',
  kakaoPayActivated: true,
  accountCountry: 'US',
  previousOnCreated: false,
  webhookRetrySeconds: null,
  webhookClock: 'sandbox',
  webhookConcurrency: 20,
  webhookTimeoutSeconds: 20,
}

const MAX_LAG_SECONDS = 3600
const MAX_RETRIES = 100
const MAX_RETRY_SECONDS = 7 * 86_400

const ALLOWED: { readonly [K in keyof Behaviour]: (value: unknown) => boolean } = {
  objectLagSeconds: (value) => isBetween(value, MAX_LAG_SECONDS),
  eventLagSeconds: (value) => isBetween(value, MAX_LAG_SECONDS),
  eventRepeatPercent: (value) => isBetween(value, 100),
  deletedPriceStatus: (value) => value === 200 || value === 404,
  missingCursorStatus: (value) => value === 400 || value === 404,
  searchLagSeconds: (value) => isBetween(value, MAX_LAG_SECONDS),
  searchShows: (value) => value === 'current' || value === 'indexed',
  indiaAccount: (value) => typeof value === 'boolean',
  firstInvoice: (value) => FIRST_INVOICE.some((known) => known === value),
  kakaoPayActivated: (value) => typeof value === 'boolean',
  accountCountry: (value) => typeof value === 'string' && /^[A-Z]{2}$/.test(value),
  previousOnCreated: (value) => typeof value === 'boolean',
  webhookRetrySeconds: (value) =>
    value === null ||
    (Array.isArray(value) &&
      value.length <= MAX_RETRIES &&
      value.every((seconds: unknown) => isBetween(seconds, MAX_RETRY_SECONDS))),
  webhookClock: (value) => value === 'sandbox' || value === 'real',
  webhookConcurrency: (value) => Number.isSafeInteger(value) && isBetween(value, 100) && value !== 0,
  webhookTimeoutSeconds: (value) => isBetween(value, 60) && value !== 0,
}

/** Takes the members of Behaviour out of options or settings; throws a 400 that names a bad one. */
export function behaviourOf(given: Partial<Behaviour>): Partial<Behaviour> {
  const taken: Record<string, unknown> = {}
  for (const [name, allows] of Object.entries(ALLOWED)) {
    const value: unknown = given[name as keyof Behaviour]
    if (value === undefined) continue
    if (!allows(value)) throw new StripeError(400, `${name} cannot be ${String(value)}.`, { param: name })
    taken[name] = value
  }
  return taken as Partial<Behaviour>
}

function isBetween(value: unknown, most: number): boolean {
  return typeof value === 'number' && value >= 0 && value <= most
}
