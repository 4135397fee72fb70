import { AsyncLocalStorage } from 'node:async_hooks'
import type Stripe from 'stripe'
import type { SourceObserver } from '../plugin.ts'
import type { AccountBudget, BudgetLease, RequestOutcome } from './budget.ts'
import { QueuedResponse } from './http-client.ts'

export interface BudgetedHttpClientOptions {
  /** What really sends. */
  readonly httpClient: Stripe.HttpClient
  readonly budget: AccountBudget
  readonly owner: string
  readonly observer?: SourceObserver | undefined
}

type SendArguments = Parameters<Stripe.HttpClient['makeRequest']>

/** No answer takes longer, from sending to its headers and from these to its end. */
const LONGEST_ANSWER_MS = 120_000

/** On whose behalf a request is sent. */
interface Asking {
  readonly signal: AbortSignal
  readonly onSent: (() => void) | undefined
}

/** Never aborts. */
const NOBODY: Asking = { signal: new AbortController().signal, onSent: undefined }

/** The SDK sends a request again by itself when its error has one of these codes, whatever it was told about retries. */
const RETRIED_BY_SDK: readonly unknown[] = ['ECONNRESET', 'EPIPE']

/** Sends for the SDK, each request within the budget and until its answer has been read whole. */
export class BudgetedHttpClient implements Stripe.HttpClient {
  readonly #options: BudgetedHttpClientOptions
  readonly #asking = new AsyncLocalStorage<Asking>()

  constructor(options: BudgetedHttpClientOptions) {
    this.#options = options
  }

  getClientName(): string {
    return this.#options.httpClient.getClientName()
  }

  /** Requests that `work` makes stop waiting for the budget when the signal aborts; the SDK has no way to hand it on. */
  withSignal<T>(signal: AbortSignal, work: () => Promise<T>, onSent?: () => void): Promise<T> {
    return this.#asking.run({ signal, onSent }, work)
  }

  async makeRequest(...request: SendArguments): Promise<Stripe.HttpClientResponse> {
    const { budget, owner } = this.#options
    const [, , path, method] = request
    const { signal, onSent } = this.#asking.getStore() ?? NOBODY
    try {
      const lease = await budget.acquire({ operation: operationOf(method, path), owner, signal })
      onSent?.()
      return await this.#send(request, lease)
    } catch (error) {
      throw unrepeated(error)
    }
  }

  async #send(request: SendArguments, lease: BudgetLease): Promise<Stripe.HttpClientResponse> {
    const { httpClient, observer } = this.#options
    let outcome: RequestOutcome = 'failed'
    try {
      observer?.requestSent()
      const response = await inTime(httpClient.makeRequest(...request))
      lease.answerBegins()
      const body = bodyOf(response)
      const arrival = response instanceof QueuedResponse ? Promise.race([response.arrival(), body]) : body
      const [read] = await Promise.allSettled([arrival])
      outcome = outcomeOf(response, read.status === 'fulfilled')
      if (typeof outcome === 'object') observer?.rateLimited(outcome.rateLimited)
      return withBody(response, body)
    } finally {
      lease.release(outcome)
    }
  }
}

/** The limiter's name for a request: `GET /v1/charges/:id` for any charge. */
export function operationOf(method: string, path: string): string {
  const [, version, collection, id, ...rest] = path.replace(/\?.*$/s, '').split('/')
  if (id === undefined) return `${method} /${version}/${collection}`
  return [`${method} /${version}/${collection}`, id === 'search' ? id : ':id', ...rest].join('/')
}

/** A 429 without a reason means that another request holds the object. */
function outcomeOf(response: Stripe.HttpClientResponse, whole: boolean): RequestOutcome {
  if (response.getStatusCode() !== 429) return whole ? 'answered' : 'failed'
  const reason = response.getHeaders()['stripe-rate-limited-reason']
  return { rateLimited: (Array.isArray(reason) ? reason[0] : reason) || 'lock_timeout' }
}

/** What these answers mean depends on their body; cut short, they are to be asked for again. */
const EXPLAINED_BY_BODY: readonly number[] = [400, 402, 404]

/**
 * The body as JSON. A proxy's error page is none, and the SDK would forget the status and the headers over it, so it is
 * replaced by an error object; an answer that should hold data must hold it.
 */
function bodyOf(response: Stripe.HttpClientResponse): Promise<unknown> {
  const body = inTime(response.toJSON() as Promise<unknown>)
  const status = response.getStatusCode()
  if (status < 400 || EXPLAINED_BY_BODY.includes(status)) return body
  return body.catch(() => ({ error: { type: 'api_error', message: `HTTP ${status} with a body that is not JSON` } }))
}

/** An answer that still trickles in by then is given up; the SDK's own timeout only looks for signs of life. */
async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const giveUp = () => reject(new Error(`The answer was not complete within ${LONGEST_ANSWER_MS / 1000} s.`))
    timer = setTimeout(giveUp, LONGEST_ANSWER_MS)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The response with its body, which can be read only once, already read. */
function withBody(response: Stripe.HttpClientResponse, body: Promise<unknown>): Stripe.HttpClientResponse {
  return {
    getStatusCode: () => response.getStatusCode(),
    getHeaders: () => response.getHeaders(),
    getRawResponse: () => response.getRawResponse(),
    toStream: (onComplete) => response.toStream(onComplete),
    toJSON: () => body,
  }
}

/** The same failure in a form that the SDK leaves to the host to repeat. */
function unrepeated(error: unknown): Error {
  const { code } = error instanceof Error ? (error as NodeJS.ErrnoException) : {}
  if (error instanceof Error && !RETRIED_BY_SDK.includes(code)) return error
  return new Error(error instanceof Error ? error.message : 'The request was given up.', { cause: error })
}
