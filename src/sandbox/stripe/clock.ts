/** The sandbox's idea of time, in Unix seconds. It follows real time until it is set; a set clock stands still. */
export class SandboxClock {
  #frozenAt: number | undefined
  #offset = 0
  readonly #start: number | undefined
  readonly #realNow: () => number
  readonly #listeners = new Set<() => void>()

  /** `start` freezes the clock from the beginning; `realNow` answers milliseconds. */
  constructor(start?: number, realNow: () => number = Date.now) {
    this.#start = start
    this.#frozenAt = start
    this.#realNow = realNow
  }

  /** Unix seconds. */
  now(): number {
    return Math.floor(this.nowMs() / 1000)
  }

  nowMs(): number {
    return this.#frozenAt === undefined ? this.#realNow() + this.#offset * 1000 : this.#frozenAt * 1000
  }

  get frozen(): boolean {
    return this.#frozenAt !== undefined
  }

  /** `listener` is called after the clock was set, moved or let go; returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Stops the clock at a moment. */
  set(seconds: number): void {
    this.#frozenAt = seconds
    this.#tell()
  }

  /** Moves the clock, which goes on running or standing as before. */
  advance(seconds: number): void {
    if (this.#frozenAt === undefined) this.#offset += seconds
    else this.#frozenAt += seconds
    this.#tell()
  }

  /** Back to real time. */
  followRealTime(): void {
    this.#frozenAt = undefined
    this.#offset = 0
    this.#tell()
  }

  reset(): void {
    this.#frozenAt = this.#start
    this.#offset = 0
    this.#tell()
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}
