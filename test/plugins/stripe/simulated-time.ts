import type { Clock } from '../../../src/clock.ts'

interface Alarm {
  readonly at: number
  readonly ring: () => void
}

/** Time that passes only in `pass`, and there from one alarm to the next. */
export class SimulatedTime implements Clock {
  #now: number
  #alarms: Alarm[] = []

  constructor(now = 0) {
    this.#now = now
  }

  now = (): number => this.#now

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve()
      const alarm = { at: this.#now + Math.max(0, ms), ring: resolve }
      const later = this.#alarms.findIndex(({ at }) => at > alarm.at)
      this.#alarms.splice(later < 0 ? this.#alarms.length : later, 0, alarm)
      signal?.addEventListener('abort', () => {
        this.#alarms = this.#alarms.filter((other) => other !== alarm)
        resolve()
      })
    })

  /** Sets the clock, as an administrator would; who sleeps does not notice. */
  set(now: number): void {
    const step = now - this.#now
    this.#now = now
    this.#alarms = this.#alarms.map(({ at, ring }) => ({ at: at + step, ring }))
  }

  get sleepers(): number {
    return this.#alarms.length
  }

  /** Lets whatever was promised happen, without any time passing. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Lets so many milliseconds pass. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms
    await this.settle()
    for (let next = this.#alarms[0]; next && next.at <= end; next = this.#alarms[0]) {
      this.#alarms.shift()
      this.#now = Math.max(this.#now, next.at)
      next.ring()
      await this.settle()
    }
    this.#now = end
  }
}
