import type { SandboxClock } from './clock.ts'

/** The longest wait of one timer; a longer one is waited for in parts. */
const MAX_WAIT_MS = 2 ** 31 - 1

interface DueWork {
  /** Milliseconds of the sandbox clock. */
  readonly dueMs: number
  readonly run: () => void
}

/** Work that is due at a moment of the sandbox clock, whether it runs, is set or is moved. */
export class DueTimers {
  readonly #clock: SandboxClock
  readonly #waiting = new Set<DueWork>()
  readonly #unsubscribe: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(clock: SandboxClock) {
    this.#clock = clock
    this.#unsubscribe = clock.subscribe(() => this.#look())
  }

  get size(): number {
    return this.#waiting.size
  }

  /** `run` is called after so many seconds, never before this call has returned. */
  after(seconds: number, run: () => void): void {
    this.#waiting.add({ dueMs: this.#clock.nowMs() + seconds * 1000, run })
    this.#schedule()
  }

  clear(): void {
    this.#waiting.clear()
    clearTimeout(this.#timer)
  }

  close(): void {
    this.clear()
    this.#unsubscribe()
  }

  #look(): void {
    const now = this.#clock.nowMs()
    const due = [...this.#waiting].filter(({ dueMs }) => dueMs <= now)
    for (const work of due.toSorted((left, right) => left.dueMs - right.dueMs)) {
      // What ran before may have cleared the rest.
      if (this.#waiting.delete(work)) work.run()
    }
    this.#schedule()
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#waiting.size === 0) return
    let next = Infinity
    for (const { dueMs } of this.#waiting) next = Math.min(next, dueMs)
    const waitMs = next - this.#clock.nowMs()
    // A clock that stands still tells when it is moved.
    if (this.#clock.frozen && waitMs > 0) return
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.max(Math.ceil(waitMs), 0), MAX_WAIT_MS))
  }
}
