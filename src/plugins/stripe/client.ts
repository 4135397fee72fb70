import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import Stripe from 'stripe'
import { systemClock, type Clock } from '../../clock.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { orAborted } from '../../or-aborted.ts'
import { RetriableSourceError, type SourceObserver } from '../plugin.ts'
import type { AccountBudget } from './budget.ts'
import { createHttpClient } from './http-client.ts'
import { BudgetedHttpClient, operationOf } from './budgeted-http-client.ts'

/** The slice of Stripe that the plugin uses. */
export interface StripeClient {
  /**
   * One GET of a list. Throws the SDK's errors for a refusal and `RetriableSourceError` for an answer that is no list.
   * @param path - for example `/v1/charges`
   */
  list(path: string, parameters: StripeParameters, signal: AbortSignal): Promise<StripeList>
  /**
   * One GET of a search. Throws like `list`.
   * @param path - for example `/v1/charges/search`
   */
  search(path: string, parameters: StripeParameters, signal: AbortSignal): Promise<StripeSearchResult>
  /**
   * One GET of an object by its id. Null when Stripe does not know the id (404 `resource_missing`); throws like `list`.
   * @param path - of the object's list, for example `/v1/charges`
   */
  retrieve(path: string, id: string, signal: AbortSignal, parameters?: StripeParameters): Promise<StripeObject | null>
  /**
   * One POST that answers an object; throws like `list`. Sent again under the same key with the same parameters, it is done
   * once: Stripe keeps a key for at least 24 hours.
   */
  post(path: string, request: StripeWrite, signal: AbortSignal): Promise<StripeObject>
  /** Resolves after so many milliseconds, for who repeats a request. Rejects with the signal's reason when it aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>
  /** The same client, which calls `onSent` whenever a request is really sent. */
  telling(onSent: (() => void) | undefined): StripeClient
  /**
   * How many requests at once fill the account's budget for the list or search that this client read last, at the latency
   * seen of late, at least 1.
   */
  parallelism(): number
}

/** Query parameters; an entry of an array is sent as `name[0]`, `name[1]`, ... */
export type StripeParameters = Readonly<Record<string, string | readonly string[]>>

export interface StripeWrite {
  /** Form parameters; members of an object are sent as `name[member]`, entries of an array as `name[0]`, ... */
  readonly parameters: JsonObject
  /** At most 255 characters. */
  readonly idempotencyKey: string
}

export interface StripeList {
  readonly data: readonly StripeObject[]
  readonly hasMore: boolean
  /** How many objects the whole list has, when that was asked for and Stripe told it; else null. */
  readonly totalCount: number | null
}

export interface StripeSearchResult extends Pick<StripeList, 'data' | 'totalCount'> {
  /** What asks for the next page of the same search, opaque; null on the last. */
  readonly nextPage: string | null
}

export type StripeObject = JsonObject & { readonly id: string }

export interface StripeClientOptions {
  /** Base URL, `https://api.stripe.com` or a stand-in; comes from the settings, never from a request. */
  readonly apiBase: string
  readonly key: string
  /** Sent as `Stripe-Version`. */
  readonly apiVersion: string
  /** That of the key. */
  readonly budget: AccountBudget
  /** Whoever reads: clients that wait for the same budget take turns by owner. @defaultValue an owner of its own */
  readonly owner?: string | undefined
  readonly observer?: SourceObserver | undefined
  /** What sends the requests that the budget lets go. @defaultValue HTTP over connections that all clients share */
  readonly httpClient?: Stripe.HttpClient | undefined
  /** What pauses are measured by. @defaultValue the system's */
  readonly clock?: Clock | undefined
}

/** What a client sends as `Stripe-Version` unless it is told otherwise. */
export const DEFAULT_API_VERSION: string = Stripe.API_VERSION

/** A request without a sign of life for so long has failed, in milliseconds. */
const IDLE_TIMEOUT_MS = 30_000

/** Connections that nobody used for a while go: the other side may have dropped them. */
const AGENT_OPTIONS = { keepAlive: true, timeout: IDLE_TIMEOUT_MS }
const SHARED_HTTP_CLIENTS = {
  http: createHttpClient(new HttpAgent(AGENT_OPTIONS)),
  https: createHttpClient(new HttpsAgent(AGENT_OPTIONS)),
}

let clientsMade = 0

/** A client for one key. It makes no request by itself and needs no closing. */
export function createStripeClient(options: StripeClientOptions): StripeClient {
  const { apiBase, key, apiVersion, budget, observer, clock = systemClock } = options
  const base = new URL(apiBase)
  const protocol = base.protocol === 'http:' ? 'http' : 'https'
  const { owner = `client-${++clientsMade}`, httpClient = SHARED_HTTP_CLIENTS[protocol] } = options
  const budgeted = new BudgetedHttpClient({ httpClient, budget, owner, observer })
  const stripe = new Stripe(key, {
    host: base.hostname,
    port: base.port === '' ? (protocol === 'http' ? 80 : 443) : Number(base.port),
    protocol,
    timeout: IDLE_TIMEOUT_MS,
    // The host retries, so that it can count, log and stop.
    maxNetworkRetries: 0,
    telemetry: false,
    appInfo: { name: 'stripe-flow-source' },
    httpClient: budgeted,
  })
  // rawRequest leaves decimals as the strings that Stripe sent; the typed methods make objects of them.
  const asking = (
    signal: AbortSignal,
    onSent: (() => void) | undefined,
    send: () => Promise<unknown>,
  ): Promise<unknown> => {
    signal.throwIfAborted()
    // The SDK takes no signal; a request that is under way is left to its own timeout.
    return orAborted(budgeted.withSignal(signal, send, onSent), signal)
  }
  const get = (path: string, signal: AbortSignal, onSent: (() => void) | undefined) =>
    asking(signal, onSent, () => stripe.rawRequest('GET', path, undefined, { apiVersion }))
  let listedLast: string | undefined

  const clientOf = (onSent: (() => void) | undefined): StripeClient => ({
    telling: clientOf,
    async list(path, parameters, signal) {
      listedLast = path
      return parseList(await get(withQuery(path, parameters), signal, onSent), path)
    },
    async search(path, parameters, signal) {
      listedLast = path
      return parseSearchResult(await get(withQuery(path, parameters), signal, onSent), path)
    },
    async retrieve(path, id, signal, parameters = {}) {
      try {
        const one = withQuery(`${path}/${encodeURIComponent(id)}`, parameters)
        return parseObject(await get(one, signal, onSent), path)
      } catch (error) {
        if (isUnknownId(error)) return null
        throw error
      }
    },
    async post(path, { parameters, idempotencyKey }, signal) {
      const send = () => stripe.rawRequest('POST', path, { ...parameters }, { apiVersion, idempotencyKey })
      return parseObject(await asking(signal, onSent, send), path)
    },
    async pause(ms, signal) {
      await clock.sleep(ms, signal)
      signal.throwIfAborted()
    },
    parallelism: () => budget.parallelism(listedLast === undefined ? undefined : operationOf('GET', listedLast)),
  })
  return clientOf(undefined)
}

function withQuery(path: string, parameters: StripeParameters): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (typeof value === 'string') query.append(name, value)
    else value.forEach((part, index) => query.append(`${name}[${index}]`, part))
  }
  // A plus for a space is a form's; in the query of a URL nobody promises that it is read so.
  return query.size === 0 ? path : `${path}?${query.toString().replaceAll('+', '%20')}`
}

function isUnknownId(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.statusCode === 404 && error.code === 'resource_missing'
}

function parseObject(answer: unknown, path: string): StripeObject {
  if (isStripeObject(answer)) return answer
  throw new RetriableSourceError('unavailable', `Stripe's answer for one of ${path} is not an object with an id.`)
}

function parseList(answer: unknown, path: string): StripeList {
  const list = parseEnvelope(answer, path)
  if (list.data.length === 0 && list.hasMore) {
    throw new RetriableSourceError('unavailable', `Stripe's list ${path} is empty but says that there is more.`)
  }
  return list
}

/** An empty page in the middle is no fault of a search: the next page is not found by what stands on this one. */
function parseSearchResult(answer: unknown, path: string): StripeSearchResult {
  const { data, hasMore, totalCount } = parseEnvelope(answer, path)
  if (!hasMore) return { data, totalCount, nextPage: null }
  const nextPage = isJsonObject(answer) ? answer.next_page : null
  if (typeof nextPage === 'string' && nextPage !== '') return { data, totalCount, nextPage }
  throw new RetriableSourceError('unavailable', `Stripe's search ${path} has more but does not tell the next page.`)
}

function parseEnvelope(answer: unknown, path: string): StripeList {
  if (!isJsonObject(answer) || !Array.isArray(answer.data) || typeof answer.has_more !== 'boolean') {
    throw new RetriableSourceError('unavailable', `Stripe's answer to ${path} is not a list.`)
  }
  const data: unknown[] = answer.data
  if (!data.every(isStripeObject)) {
    throw new RetriableSourceError('unavailable', `Stripe's list ${path} holds an entry without an id.`)
  }
  const { total_count: count } = answer
  return { data, hasMore: answer.has_more, totalCount: typeof count === 'number' ? count : null }
}

function isStripeObject(value: unknown): value is StripeObject {
  return isJsonObject(value) && typeof value.id === 'string' && value.id !== ''
}
