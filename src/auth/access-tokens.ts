import { createHash } from 'node:crypto'
import { SignJWT, errors, jwtVerify } from 'jose'
import type { Clock } from '../clock.ts'
import { deriveKey, keyIdOf } from '../secrets/secret-box.ts'
import type { EncryptionKeys } from '../secrets/secret-box.ts'

export const ACCESS_TOKEN_SECONDS = 86_400

const ISSUER = 'stripe-flow-source'
const PURPOSE = 'access token'

/** What an access token says about its bearer. */
export interface TokenClaims {
  readonly clientId: string
  readonly orgId: string
}

export interface AccessTokens {
  /** A token that is good for `ACCESS_TOKEN_SECONDS`. */
  issue(claims: TokenClaims): Promise<string>
  /** Null when the token is malformed, forged or expired. */
  verify(token: string): Promise<TokenClaims | null>
}

/** Tokens are JWTs (HS256); their keys are derived from the encryption keys, so old keys still verify. */
export function createAccessTokens(keys: EncryptionKeys, clock: Clock): AccessTokens {
  const signingKeys = new Map([...keys.old, keys.current].map((key) => [keyIdOf(key), deriveKey(key, PURPOSE)]))
  const currentId = keyIdOf(keys.current)
  const currentKey = deriveKey(keys.current, PURPOSE)
  return {
    issue({ clientId, orgId }) {
      const issuedAt = Math.floor(clock.now() / 1000)
      return new SignJWT({ org: orgId })
        .setProtectedHeader({ alg: 'HS256', kid: currentId })
        .setIssuer(ISSUER)
        .setSubject(clientId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ACCESS_TOKEN_SECONDS)
        .sign(currentKey)
    },
    async verify(token) {
      if (!isCanonical(token)) return null
      try {
        const { payload } = await jwtVerify(
          token,
          ({ kid }) => {
            const key = signingKeys.get(kid ?? '')
            if (!key) throw new errors.JWTInvalid('unknown key')
            return key
          },
          {
            algorithms: ['HS256'],
            issuer: ISSUER,
            currentDate: new Date(clock.now()),
            requiredClaims: ['sub', 'exp'],
          },
        )
        const { sub, org } = payload
        return typeof sub === 'string' && typeof org === 'string' ? { clientId: sub, orgId: org } : null
      } catch (error) {
        if (error instanceof errors.JOSEError) return null
        throw error
      }
    },
  }
}

/** A signature has several base64url spellings; only the one that was issued counts. */
function isCanonical(token: string): boolean {
  return token.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part)
}

/** The technical account of an API client: `<24 hex digits>@techacct.adobe.com`, the same for the life of the client. */
export function technicalAccountOf(clientId: string): string {
  const id = createHash('sha256').update(clientId).digest('hex').slice(0, 24).toUpperCase()
  return `${id}@techacct.adobe.com`
}
