import type { SandboxClock } from './clock.ts'
import { keyOf } from './dice.ts'
import { OAuthError } from './errors.ts'
import { base62 } from './ids.ts'
import type { KeyRing } from './keys.ts'
import type { RawParams } from './parameters.ts'
import type { JsonHash } from './types.ts'

/** An access token of a Stripe App lives for an hour. */
export const ACCESS_TOKEN_SECONDS = 3600

export interface OAuthOptions {
  /** Codes that can be exchanged, each once. */
  readonly authorizationCodes: readonly string[]
  /** Refresh tokens that are valid from the start. */
  readonly refreshTokens: readonly string[]
}

export const DEFAULT_OAUTH: OAuthOptions = { authorizationCodes: ['ac_sandbox'], refreshTokens: ['rt_sandbox'] }

/** The token endpoint. Every exchange rotates the refresh token; an old one is refused for good. */
export class OAuthServer {
  readonly #ring: KeyRing
  readonly #clock: SandboxClock
  readonly #seed: string
  readonly #accountId: string
  readonly #options: OAuthOptions
  readonly #codes: Set<string>
  readonly #refreshTokens: Set<string>
  readonly #issued: string[] = []

  constructor(ring: KeyRing, clock: SandboxClock, seed: string, accountId: string, options: OAuthOptions) {
    this.#ring = ring
    this.#clock = clock
    this.#seed = seed
    this.#accountId = accountId
    this.#options = options
    this.#codes = new Set(options.authorizationCodes)
    this.#refreshTokens = new Set(options.refreshTokens)
  }

  /**
   * Exchanges a code or a refresh token. `clientSecret` comes from basic authentication or the form. Connect tokens
   * (`expires` false) live until they are revoked.
   */
  exchange(params: RawParams, clientSecret: string | undefined, expires: boolean): JsonHash {
    const client = this.#ring.all().find(({ key }) => key === clientSecret)
    if (!client?.key.startsWith('sk_')) throw new OAuthError(401, 'invalid_client', 'No such API key for the client')
    const grant = GRANTS[String(params.grant_type)]
    if (!grant) {
      throw new OAuthError(400, 'unsupported_grant_type', 'grant_type must be authorization_code or refresh_token')
    }
    const given = params[grant]
    if (typeof given !== 'string' || given === '') throw new OAuthError(400, 'invalid_request', `No ${grant} provided`)
    const tokens = grant === 'code' ? this.#codes : this.#refreshTokens
    if (!tokens.delete(given)) {
      const words = grant === 'code' ? 'Authorization code' : 'Refresh token'
      throw new OAuthError(400, 'invalid_grant', `${words} does not exist or has already been used`)
    }
    return this.#issue(client.key.includes('_live_'), expires)
  }

  reset(): void {
    for (const token of this.#issued) this.#ring.revoke(token)
    this.#issued.length = 0
    this.#codes.clear()
    this.#refreshTokens.clear()
    for (const code of this.#options.authorizationCodes) this.#codes.add(code)
    for (const token of this.#options.refreshTokens) this.#refreshTokens.add(token)
  }

  #issue(livemode: boolean, expires: boolean): JsonHash {
    const token = (kind: string) => {
      const part = (salt: number) => base62(keyOf(this.#seed, kind, this.#issued.length, salt), 5)
      return part(1) + part(2) + part(3) + part(4)
    }
    const mode = livemode ? 'live' : 'test'
    const accessToken = `sk_${mode}_${token('access')}`
    const refreshToken = `rt_${token('refresh')}`
    this.#ring.add({
      key: accessToken,
      ...(expires ? { expiresAt: this.#clock.now() + ACCESS_TOKEN_SECONDS } : {}),
    })
    this.#issued.push(accessToken)
    this.#refreshTokens.add(refreshToken)
    return {
      access_token: accessToken,
      livemode,
      refresh_token: refreshToken,
      scope: 'read_write',
      stripe_publishable_key: `pk_${mode}_sandbox`,
      stripe_user_id: this.#accountId,
      token_type: 'bearer',
    }
  }
}

/** Which parameter each grant exchanges. */
const GRANTS: Readonly<Record<string, 'code' | 'refresh_token'>> = {
  authorization_code: 'code',
  refresh_token: 'refresh_token',
}
