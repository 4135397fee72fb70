import type Stripe from 'stripe'
import type { Clock } from '../../src/clock.ts'

interface Sleeper {
  readonly until: number
  readonly wake: () => void
}

/** Real time between two steps: enough for what was woken to do its work, ms. */
const STEP_MS = 2

/** So late somebody may wake while somebody else sleeps for longer: many short sleeps would take real time, ms. */
const LEAP_MS = 5000

/**
 * A clock that passes the time that everybody sleeps at once, in the right order but for a few seconds. It stands still while a request that it
 * watches is under way, so that a slow machine never looks like a long wait.
 */
export class QuickClock implements Clock {
  readonly #onStep: (time: number) => void
  readonly #sleepers = new Set<Sleeper>()
  #time: number
  #underWay = 0
  #timer: NodeJS.Timeout | undefined

  /**
   * @param start - milliseconds since the Unix epoch
   * @param onStep - called with each new time
   */
  constructor(start: number, onStep: (time: number) => void) {
    this.#time = start
    this.#onStep = onStep
  }

  now(): number {
    return this.#time
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const wake = () => {
        this.#sleepers.delete(sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      // The host's clock shows whole milliseconds, and so does everything that it dates.
      const sleeper: Sleeper = { until: this.#time + Math.ceil(ms), wake }
      signal?.addEventListener('abort', wake, { once: true })
      this.#sleepers.add(sleeper)
      this.#timer ??= setTimeout(() => this.#step(), STEP_MS)
    })
  }

  /** Sends through `client`, and keeps the clock still until the answer is read whole. */
  watch(client: Stripe.HttpClient, timeoutMs: number): Stripe.HttpClient {
    return {
      getClientName: () => client.getClientName(),
      makeRequest: async (host, port, path, method, headers, data, protocol) => {
        this.#underWay += 1
        try {
          const response = await client.makeRequest(host, port, path, method, headers, data, protocol, timeoutMs)
          const body = response.toJSON()
          await Promise.allSettled([body])
          return {
            getStatusCode: () => response.getStatusCode(),
            getHeaders: () => response.getHeaders(),
            getRawResponse: () => response.getRawResponse(),
            toStream: (onComplete) => response.toStream(onComplete),
            toJSON: () => body,
          }
        } finally {
          this.#underWay -= 1
        }
      },
    }
  }

  #step(): void {
    this.#timer = undefined
    if (this.#underWay === 0 && this.#sleepers.size > 0) {
      const ends = Array.from(this.#sleepers, ({ until }) => until)
      this.#time = Math.max(this.#time, Math.min(...ends), Math.min(this.#time + LEAP_MS, Math.max(...ends)))
      this.#onStep(this.#time)
      for (const { until, wake } of [...this.#sleepers]) if (until <= this.#time) wake()
    }
    if (this.#sleepers.size > 0) this.#timer ??= setTimeout(() => this.#step(), STEP_MS)
  }
}
