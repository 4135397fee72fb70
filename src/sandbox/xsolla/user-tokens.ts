import { createHmac, timingSafeEqual } from 'node:crypto'
import type { SandboxClock } from '../stripe/clock.ts'
import { XsollaError } from './errors.ts'

const ISSUER = 'https://login.xsolla.com'
/** Life of a token when nobody says otherwise, seconds. */
export const DEFAULT_LIFE_SECONDS = 86_400

export interface UserTokenOptions {
  /** @defaultValue 86400 */
  readonly lifeSeconds?: number
  /** Another issuer makes a token that is refused. */
  readonly issuer?: string
}

/** JSON Web Tokens as Xsolla Login issues them to users. */
export class UserTokens {
  readonly #secret: string
  readonly #clock: SandboxClock

  constructor(secret: string, clock: SandboxClock) {
    this.#secret = secret
    this.#clock = clock
  }

  issue(userId: string, { lifeSeconds = DEFAULT_LIFE_SECONDS, issuer = ISSUER }: UserTokenOptions = {}): string {
    const iat = this.#clock.now()
    const claims = {
      exp: iat + lifeSeconds,
      iss: issuer,
      iat,
      sub: userId,
      groups: [],
      xsolla_login_project_id: 'login-1',
    }
    const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`
    return `${signed}.${this.#sign(signed)}`
  }

  /** The user that a token speaks for. Throws a 401 for anything but a token that counts now. */
  userOf(token: string | undefined): string {
    const [head, body, signature = '', ...more] = (token ?? '').split('.')
    if (head === undefined || body === undefined || more.length > 0 || !this.#isSigned(`${head}.${body}`, signature)) {
      throw new XsollaError(401, 'Authorization token is not valid.')
    }
    const { exp, iss, sub } = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>
    if (iss !== ISSUER || typeof sub !== 'string') throw new XsollaError(401, 'Authorization token is not valid.')
    if (typeof exp !== 'number' || exp <= this.#clock.now())
      throw new XsollaError(401, 'Authorization token has expired.')
    return sub
  }

  #isSigned(signed: string, signature: string): boolean {
    const [given, expected] = [Buffer.from(signature), Buffer.from(this.#sign(signed))]
    return given.length === expected.length && timingSafeEqual(given, expected)
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url')
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
