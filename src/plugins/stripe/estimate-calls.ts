import { setTimeout as sleep } from 'node:timers/promises'
import { FatalSourceError, RetriableSourceError, type SourcePermission } from '../plugin.ts'
import type { StripeClient } from './client.ts'
import { toSourceError } from './errors.ts'
import { EVENTS_PERMISSION, RESOURCE_PATHS, STRIPE_RESOURCES, type ResourcePath } from './resources.ts'

export interface EstimateCallsOptions {
  readonly client: Pick<StripeClient, 'list'>
  /** What the clients authenticate with; kept out of every message. */
  readonly key: string
  readonly signal: AbortSignal
  /** Milliseconds from any start. @defaultValue the process's monotonic clock */
  readonly now?: (() => number) | undefined
}

/** Calls that one estimate may make. */
export const MOST_CALLS = 20

/** How the change feed is called among the permissions. */
export const CHANGE_FEED = 'events'
const EVENTS_PATH = '/v1/events'

const MOST_REPEATS = 2
const REPEAT_AFTER_MS = 500

/** The calls of one estimate: counted, timed, and repeated when they fail in a way that may pass. */
export class EstimateCalls {
  readonly #options: EstimateCallsOptions
  readonly #now: () => number
  #count = 0
  #answers = 0
  #answerMs = 0

  constructor(options: EstimateCallsOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  /** Calls made so far. */
  get count(): number {
    return this.#count
  }

  /** What an answer took on average, in seconds. */
  get meanSeconds(): number {
    return this.#answerMs / Math.max(1, this.#answers) / 1000
  }

  /**
   * Which resources and whether the change feed may be read. Of the resource in hand, `readOwn` tells by reading it.
   * Throws source errors only.
   */
  permissions(own: ResourcePath, readOwn: () => Promise<void>): Promise<readonly SourcePermission[]> {
    return Promise.all([
      ...RESOURCE_PATHS.map((path) => {
        const { listPath, permission } = STRIPE_RESOURCES[path]
        if (path !== own) return this.#probe(path, listPath, permission)
        return this.#permissionTo(path, permission, readOwn)
      }),
      this.#probe(CHANGE_FEED, EVENTS_PATH, EVENTS_PERMISSION),
    ])
  }

  /** Sends one request, again when it fails in a way that may pass, as long as calls are left. */
  async send<T>(permission: string, request: () => Promise<T>): Promise<T> {
    const { signal, key } = this.#options
    for (let repeats = 0; ; repeats++) {
      if (this.#count >= MOST_CALLS) throw new RetriableSourceError('unavailable', 'Stripe failed too often.')
      const startedAt = this.#now()
      this.#count++
      try {
        const answer = await request()
        this.#answers++
        this.#answerMs += this.#now() - startedAt
        return answer
      } catch (thrown) {
        signal.throwIfAborted()
        const error = toSourceError(thrown, key, permission)
        const isHopeless = !(error instanceof RetriableSourceError) || repeats >= MOST_REPEATS
        if (isHopeless) throw error
        await sleep(error.retryAfterMs ?? REPEAT_AFTER_MS, undefined, { signal })
      }
    }
  }

  #probe(resourcePath: string, listPath: string, permission: string): Promise<SourcePermission> {
    return this.#permissionTo(resourcePath, permission, async () => {
      const { client, signal } = this.#options
      await this.send(permission, () => client.list(listPath, { limit: '1' }, signal))
    })
  }

  async #permissionTo(resourcePath: string, permission: string, read: () => Promise<void>): Promise<SourcePermission> {
    try {
      await read()
      return { resourcePath, granted: true, missing: null }
    } catch (error) {
      if (!(error instanceof FatalSourceError) || error.reason !== 'permission') throw error
      return { resourcePath, granted: false, missing: /\brak_\w+/.exec(error.message)?.[0] ?? permission }
    }
  }
}
