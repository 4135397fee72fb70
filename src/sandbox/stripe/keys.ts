import { createHash } from 'node:crypto'
import type { SandboxClock } from './clock.ts'
import { StripeError } from './errors.ts'
import type { Mode } from './types.ts'

export type Access = 'none' | 'read' | 'write'

/** An API key that the sandbox accepts. The prefix tells kind and mode: `sk_test_`, `rk_live_`, `pk_test_` … */
export interface ApiKey {
  readonly key: string
  /** Restricted keys only: what they may do, by the word in `rak_<word>_read`. Unnamed resources are refused. */
  readonly permissions?: Readonly<Record<string, Access>>
  /** Unix seconds; a key past this moment answers 401 `api_key_expired`. */
  readonly expiresAt?: number
}

const READ_ALL = {
  charge: 'read',
  subscription: 'read',
  refund: 'read',
  balance_transaction: 'read',
  customer: 'read',
  price: 'read',
  event: 'read',
} as const satisfies Record<string, Access>

/** The keys that work out of the box. */
export const DEFAULT_KEYS: readonly ApiKey[] = [
  { key: 'sk_test_sandbox' },
  { key: 'sk_live_sandbox' },
  { key: 'rk_test_sandbox', permissions: READ_ALL },
  { key: 'rk_live_sandbox', permissions: READ_ALL },
  { key: 'rk_test_charges_only', permissions: { charge: 'read' } },
  { key: 'pk_test_sandbox' },
  { key: 'sk_test_expired', expiresAt: 0 },
]

/** `sk_test_****1234`; what does not look like a key is shown as it came. */
export function maskKey(key: string): string {
  const match = /^([a-z]+_(?:test|live)_)(.+)$/.exec(key)
  return match ? `${match[1]}****${match[2]?.slice(-4) ?? ''}` : key
}

/** Twelve hex digits that stand for a key in the journal. */
export function fingerprint(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 12)
}

/** The key of a request: a bearer token, or the user name of basic authentication. */
export function keyOfHeader(authorization: string | undefined): string | undefined {
  const [scheme = '', value = ''] = (authorization ?? '').split(/\s+/, 2)
  if (scheme.toLowerCase() === 'bearer') return value || undefined
  if (scheme.toLowerCase() !== 'basic') return undefined
  return Buffer.from(value, 'base64').toString('utf8').split(':')[0] || undefined
}

/** Knows the keys and what they may do. */
export class KeyRing {
  readonly #keys = new Map<string, ApiKey>()
  readonly #clock: SandboxClock
  readonly #accountId: string

  constructor(keys: readonly ApiKey[], clock: SandboxClock, accountId: string) {
    for (const key of keys) this.add(key)
    this.#clock = clock
    this.#accountId = accountId
  }

  add(key: ApiKey): void {
    this.#keys.set(key.key, key)
  }

  revoke(key: string): void {
    this.#keys.delete(key)
  }

  all(): readonly ApiKey[] {
    return [...this.#keys.values()]
  }

  /** The key and its mode; throws the 401 that fits. */
  authenticate(given: string | undefined): { key: ApiKey; mode: Mode } {
    if (given === undefined) {
      throw new StripeError(
        401,
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details.",
      )
    }
    const key = this.#keys.get(given)
    if (!key) throw new StripeError(401, `Invalid API Key provided: ${maskKey(given)}`)
    if (given.startsWith('pk_')) {
      throw new StripeError(
        401,
        'This API call cannot be made with a publishable API key. Please use a secret API key. You can find a list of your API keys at https://dashboard.stripe.com/account/apikeys.',
        { code: 'secret_key_required' },
      )
    }
    if (key.expiresAt !== undefined && this.#clock.now() >= key.expiresAt) {
      throw new StripeError(401, `Expired API Key provided: ${maskKey(given)}`, { code: 'api_key_expired' })
    }
    return { key, mode: given.includes('_live_') ? 'live' : 'test' }
  }

  /** Throws the 403 that names the missing permission. `permission` null is closed to every restricted key. */
  authorize(key: ApiKey, permission: string | null, access: 'read' | 'write'): void {
    if (!key.key.startsWith('rk')) return
    const granted = permission === null ? 'none' : (key.permissions?.[permission] ?? 'none')
    if (granted === 'write' || granted === access) return
    const name = permission === null ? 'rak_accounts_kyc_basic_read' : `rak_${permission}_${access}`
    throw new StripeError(
      403,
      `The provided key '${maskKey(key.key)}' does not have the required permissions for this endpoint on account '${this.#accountId}'. Having the '${name}' permission would allow this request to continue.`,
    )
  }
}
