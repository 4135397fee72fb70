import type { JsonObject, JsonValue } from '../../json.ts'
import { FatalSourceError, type PluginContext } from '../plugin.ts'
import { refusalOf, withoutSecrets } from './errors.ts'
import type { HttpAnswer, HttpRequest, RestHttp } from './http.ts'
import { canRenew, endsSoon, requestTokens } from './oauth.ts'
import type { AuthRules } from './spec.ts'

/** Calls in the name of one connection. */
export interface RestSession {
  /**
   * Sends what `build` makes of the auth parameters and resolves with a good answer. A token that ends or is refused is
   * renewed once. Throws source errors without any secret in them.
   */
  send(build: (auth: JsonObject) => HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
}

export interface RestSessionOptions {
  readonly http: RestHttp
  readonly rules: AuthRules
  readonly auth: JsonObject
  readonly context: PluginContext
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export function createRestSession({ http, rules, auth: given, context, now }: RestSessionOptions): RestSession {
  let auth = withDefaults(given, rules.defaults)
  const secrets = new Set<string>()
  const noteSecrets = () => {
    for (const secret of secretsOf(auth, rules)) secrets.add(secret)
  }
  noteSecrets()

  /** Whoever renewed the tokens meanwhile has stored them: then theirs count. */
  async function renew(signal: AbortSignal): Promise<void> {
    const refused = auth['accessToken']
    const renewed = await context.renewAuth?.(async (stored) => {
      if (stored['accessToken'] !== refused) return null
      const changes = await requestTokens(http, withDefaults(stored, rules.defaults), [...secrets], now(), signal)
      for (const name of ['accessToken', 'refreshToken'])
        if (typeof changes[name] === 'string') secrets.add(changes[name])
      context.logger.info({}, 'access token renewed')
      return changes
    })
    if (renewed !== undefined) auth = withDefaults(renewed, rules.defaults)
    noteSecrets()
  }

  async function send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    context.observer?.requestSent()
    const answer = await http.send(request, signal)
    if (answer.status === 429) context.observer?.rateLimited('endpoint-rate')
    return answer
  }

  async function sendRenewing(build: (auth: JsonObject) => HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const mayRenew = context.renewAuth !== undefined && canRenew(auth)
    const isEarly = mayRenew && endsSoon(auth, now())
    if (isEarly) await renew(signal)
    const answer = await send(build(auth), signal)
    if (answer.status !== 401 || !mayRenew || isEarly) return answer
    await renew(signal)
    return send(build(auth), signal)
  }

  return {
    async send(build, signal) {
      try {
        const answer = await sendRenewing(build, signal)
        if (answer.status >= 200 && answer.status < 300) return answer
        if (answer.status >= 300 && answer.status < 400) {
          throw new FatalSourceError('request', `${answer.url.host} answered ${answer.status} without a place to go.`)
        }
        throw refusalOf(answer, [...secrets])
      } catch (error) {
        throw withoutSecrets(error, [...secrets])
      }
    },
  }
}

function secretsOf(auth: JsonObject, { secretNames }: AuthRules): readonly string[] {
  const values = secretNames.map((name) => auth[name]).filter((value) => typeof value === 'string' && value !== '')
  const { username, password } = auth
  const basic = typeof username === 'string' && typeof password === 'string' ? [`${username}:${password}`] : []
  return [...(values as string[]), ...basic.map((pair) => Buffer.from(pair).toString('base64'))]
}

/** Defaults of the spec's auth parameters stand in for what the connection does not say, member by member. */
function withDefaults(auth: JsonObject, defaults: JsonObject): JsonObject {
  const merged: Record<string, JsonValue | undefined> = { ...defaults }
  for (const [name, value] of Object.entries(auth)) {
    const standing = merged[name]
    const isNested =
      typeof value === 'object' && value !== null && !Array.isArray(value) && typeof standing === 'object'
    merged[name] = isNested ? { ...(standing as JsonObject), ...(value as JsonObject) } : value
  }
  return merged as JsonObject
}
