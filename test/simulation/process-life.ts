import type { Clock } from '../../src/clock.ts'
import type { Scheduler } from './scheduler.ts'

/** The wall clock of the machine that the host runs on. */
export interface HostClock {
  /** So far ahead of Stripe's, ms. */
  skewMs: number
}

/** Thrown into what the world outside does for a process when it dies, such as a transaction. */
export class ProcessDied extends Error {}

/**
 * One life of the host's process, from its start to its death. Whatever the host waits for is an operation of its life:
 * after its death none of them happens, so nothing of it has effects any more.
 */
export class ProcessLife {
  readonly name: string
  /** Looks at the store for the simulation: nothing kills it and nothing fails for it. */
  readonly isObserver: boolean
  readonly #scheduler: Scheduler
  readonly #hostClock: HostClock
  readonly #death = Promise.withResolvers<never>()
  #isAlive = true

  constructor(scheduler: Scheduler, name: string, hostClock: HostClock, isObserver = false) {
    this.isObserver = isObserver
    this.#scheduler = scheduler
    this.name = name
    this.#hostClock = hostClock
    this.#death.promise.catch(() => {})
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** Rejects with `ProcessDied` when the process dies. */
  get death(): Promise<never> {
    return this.#death.promise
  }

  kill(): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    this.#scheduler.drop(this)
    this.#death.reject(new ProcessDied(`${this.name} died.`))
  }

  /** The host's clock; its pauses end with its life. */
  get clock(): Clock {
    return {
      now: () => this.#scheduler.now + this.#hostClock.skewMs,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          if (signal?.aborted) return resolve()
          const finish = () => {
            signal?.removeEventListener('abort', abort)
            resolve()
          }
          const cancel = this.#wait(`sleep ${ms}`, ms, finish)
          const abort = () => {
            cancel()
            resolve()
          }
          signal?.addEventListener('abort', abort, { once: true })
        }),
    }
  }

  /** Resolves after `ms`, in a step of its own. */
  pass(label: string, ms: number): Promise<void> {
    return new Promise((resolve) => this.#wait(label, ms, resolve))
  }

  #wait(label: string, ms: number, run: () => void): () => void {
    // What a dead process begins in the step of its death never happens.
    if (!this.#isAlive) return () => {}
    return this.#scheduler.add({ at: this.#scheduler.now + Math.max(0, ms), label, owner: this, run })
  }
}
