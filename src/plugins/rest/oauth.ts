import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { FatalSourceError, RetriableSourceError } from '../plugin.ts'
import { refusalOf } from './errors.ts'
import type { HttpRequest, RestHttp } from './http.ts'
import { parseHttpUrl } from './request.ts'

/** A token that ends within so many milliseconds is renewed before it is used. */
const EXPIRY_MARGIN_MS = 60_000

/** True when the connection holds what a renewal needs. */
export function canRenew({ refreshToken, accessTokenUrl }: JsonObject): boolean {
  return isText(refreshToken) && isText(accessTokenUrl)
}

/** True when `expirationDate` says that the access token has ended or is about to. */
export function endsSoon({ expirationDate }: JsonObject, now: number): boolean {
  const endsAt = parseDate(expirationDate)
  return endsAt !== null && endsAt - EXPIRY_MARGIN_MS <= now
}

/**
 * Trades the refresh token for new tokens, as `requestParameterOverride` has it. Returns the auth parameters that change.
 * Throws `FatalSourceError` when the refresh token is refused.
 */
export async function requestTokens(
  http: RestHttp,
  auth: JsonObject,
  secrets: readonly string[],
  now: number,
  signal: AbortSignal,
): Promise<JsonObject> {
  const override = isJsonObject(auth['requestParameterOverride']) ? auth['requestParameterOverride'] : {}
  const nameOf = (member: string, usual: string) => (isText(override[member]) ? String(override[member]) : usual)

  const answer = await http.send(tokenRequest(auth, override, nameOf), signal)
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
    const { message, status } = refusalOf(answer, secrets) as FatalSourceError
    throw new FatalSourceError('credential', `The access token cannot be renewed: ${message}`, {
      status: status ?? answer.status,
    })
  }
  if (answer.status !== 200 && answer.status !== 201) throw refusalOf(answer, secrets)

  const tokens = parseAnswer(answer.body)
  const accessToken = tokens[nameOf('accessTokenField', 'access_token')]
  if (!isText(accessToken)) {
    throw new FatalSourceError('credential', `The answer of ${answer.url.host} to the renewal holds no access token.`)
  }
  const refreshToken = tokens[nameOf('refreshTokenField', 'refresh_token')]
  const seconds = Number(tokens[nameOf('expireInField', 'expires_in')])
  return {
    accessToken,
    ...(isText(refreshToken) ? { refreshToken } : {}),
    // An end that nobody told must not be the end of the token before.
    expirationDate: seconds > 0 ? new Date(now + seconds * 1000).toISOString() : '',
  }
}

function tokenRequest(
  auth: JsonObject,
  override: JsonObject,
  nameOf: (member: string, usual: string) => string,
): HttpRequest {
  const url = parseHttpUrl(String(auth['accessTokenUrl']), 'accessTokenUrl')
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: String(auth['refreshToken']) })
  if (isText(auth['clientId'])) form.set(nameOf('clientId', 'client_id'), String(auth['clientId']))
  if (isText(auth['clientSecret'])) form.set(nameOf('clientSecret', 'client_secret'), String(auth['clientSecret']))
  const headers = { accept: 'application/json', 'user-agent': 'stripe-flow-source' }
  if (String(override['authenticationMethod']).toUpperCase() === 'GET') {
    for (const [name, value] of form) url.searchParams.set(name, value)
    return { method: 'GET', url, headers }
  }
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', url, headers: { ...headers, ...type }, body: form.toString() }
}

function parseAnswer(body: string): JsonObject {
  try {
    const value: unknown = JSON.parse(body)
    if (isJsonObject(value)) return value
  } catch {
    // Told below, like any other answer of no use.
  }
  throw new RetriableSourceError('unavailable', 'The answer to the renewal of the access token is no JSON object.')
}

/** A date text, or Unix time in seconds or milliseconds; null when it says nothing. */
function parseDate(value: JsonValue | undefined): number | null {
  const number = typeof value === 'number' || (isText(value) && /^\d+$/.test(String(value))) ? Number(value) : NaN
  const ms = Number.isNaN(number)
    ? Date.parse(isText(value) ? String(value) : '')
    : number < 1e12
      ? number * 1000
      : number
  return Number.isNaN(ms) ? null : ms
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== ''
}
