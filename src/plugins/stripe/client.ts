import Stripe from 'stripe'
import { isJsonObject, type JsonObject } from '../../json.ts'
import { RetriableSourceError } from '../plugin.ts'

/** The slice of Stripe that the plugin uses. */
export interface StripeClient {
  /**
   * One GET of a list. Throws the SDK's errors for a refusal and `RetriableSourceError` for an answer that is no list.
   * @param path - for example `/v1/charges`
   */
  list(path: string, parameters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<StripeList>
}

export interface StripeList {
  readonly data: readonly StripeObject[]
  readonly hasMore: boolean
}

export type StripeObject = JsonObject & { readonly id: string }

export interface StripeClientOptions {
  /** Base URL, `https://api.stripe.com` or a stand-in; comes from the settings, never from a request. */
  readonly apiBase: string
  readonly key: string
  /** Sent as `Stripe-Version`. */
  readonly apiVersion: string
}

/** What a client sends as `Stripe-Version` unless it is told otherwise. */
export const DEFAULT_API_VERSION: string = Stripe.API_VERSION

/** A request without a sign of life for so long has failed, in milliseconds. */
const IDLE_TIMEOUT_MS = 30_000

export function createStripeClient({ apiBase, key, apiVersion }: StripeClientOptions): StripeClient {
  const base = new URL(apiBase)
  const stripe = new Stripe(key, {
    host: base.hostname,
    port: base.port === '' ? (base.protocol === 'http:' ? 80 : 443) : Number(base.port),
    protocol: base.protocol === 'http:' ? 'http' : 'https',
    timeout: IDLE_TIMEOUT_MS,
    // The host retries, so that it can count, log and stop.
    maxNetworkRetries: 0,
    telemetry: false,
    appInfo: { name: 'stripe-flow-source' },
  })

  return {
    async list(path, parameters, signal) {
      const query = new URLSearchParams(parameters).toString()
      // rawRequest leaves decimals as the strings that Stripe sent; the typed methods make objects of them.
      const answer: unknown = await orAborted(
        stripe.rawRequest('GET', `${path}?${query}`, undefined, { apiVersion }),
        signal,
      )
      return parseList(answer, path)
    },
  }
}

function parseList(answer: unknown, path: string): StripeList {
  if (!isJsonObject(answer) || !Array.isArray(answer.data) || typeof answer.has_more !== 'boolean') {
    throw new RetriableSourceError('unavailable', `Stripe's answer to ${path} is not a list.`)
  }
  const data: unknown[] = answer.data
  if (!data.every(isStripeObject)) {
    throw new RetriableSourceError('unavailable', `Stripe's list ${path} holds an entry without an id.`)
  }
  if (data.length === 0 && answer.has_more) {
    throw new RetriableSourceError('unavailable', `Stripe's list ${path} is empty but says that there is more.`)
  }
  return { data, hasMore: answer.has_more }
}

function isStripeObject(value: unknown): value is StripeObject {
  return isJsonObject(value) && typeof value.id === 'string' && value.id !== ''
}

/** The SDK takes no signal; an aborted request is left to its own timeout. */
async function orAborted<T>(request: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([request, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
    request.catch(() => {})
  }
}
