import { Rng } from './rng.ts'

/** Something that waits to happen: an answer of the network, the end of a pause, a call of the store. */
export interface Operation {
  /** Not before, milliseconds of simulated time. */
  readonly at: number
  /** Shown in the trace. */
  readonly label: string
  /** Whose it is; `drop` takes all operations of one owner away. */
  readonly owner: unknown
  readonly run: () => void
  /** False while it has to wait for something else, for example a lock. */
  readonly isReady?: () => boolean
}

export interface SchedulerOptions {
  readonly seed: number
  /** Simulated time at the beginning, ms since the epoch. */
  readonly start: number
  /** Told of every step when somebody watches. */
  readonly trace?: (line: string) => void
}

/** The simulation cannot go on: nothing is left that could happen. */
export class DeadlockError extends Error {}

/**
 * Stands in for everything that decides when what happens. Operations wait in it and happen one at a time, in an order
 * that the seed chooses; after each, everything that follows from it without waiting has happened before the next.
 */
export class Scheduler {
  #now: number
  #steps = 0
  #hash = 0x811c9dc5
  #busy = 0
  readonly #rng: Rng
  readonly #trace: ((line: string) => void) | undefined
  #operations: Operation[] = []

  constructor({ seed, start, trace }: SchedulerOptions) {
    this.#now = start
    this.#rng = new Rng(`${seed} scheduler`)
    this.#trace = trace
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#now
  }

  get steps(): number {
    return this.#steps
  }

  /** Stands for all that has happened so far: two histories with the same value are the same. */
  get traceHash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** Returns a function that takes the operation away again. */
  add(operation: Operation): () => void {
    this.#operations.push(operation)
    return () => {
      const index = this.#operations.indexOf(operation)
      if (index >= 0) this.#operations.splice(index, 1)
    }
  }

  /** Takes away all operations of an owner, whose promises then never settle. */
  drop(owner: unknown): void {
    this.#operations = this.#operations.filter((operation) => operation.owner !== owner)
  }

  /** Counts real work as part of the step in hand; it must end without any further step. */
  track<T>(work: Promise<T>): Promise<T> {
    const end = this.begin()
    work.then(end, end)
    return work
  }

  /** As `track`, for work whose end is not a promise: call the result at its end. */
  begin(): () => void {
    this.#busy += 1
    let isOver = false
    return () => {
      if (!isOver) this.#busy -= 1
      isOver = true
    }
  }

  note(line: string): void {
    for (let index = 0; index < line.length; index++) {
      this.#hash = Math.imul(this.#hash ^ line.charCodeAt(index), 0x01000193)
    }
    this.#hash = Math.imul(this.#hash ^ (this.#now % 0x7fff_ffff), 0x01000193)
    this.#trace?.(`${new Date(this.#now).toISOString()} ${line}`)
  }

  /** Lets time pass without anything happening, as when a machine sleeps; what is overdue then happens late. */
  leap(ms: number): void {
    this.#now += ms
  }

  /** Makes one operation happen and everything that follows from it at once. Throws `DeadlockError` when there is none. */
  async step(): Promise<void> {
    const operation = this.#choose()
    this.#steps += 1
    this.#now = Math.max(this.#now, operation.at)
    this.note(operation.label)
    operation.run()
    await this.settle()
  }

  /** Resolves when nothing is going on any more but what waits for a step. */
  async settle(): Promise<void> {
    await microtasks()
    while (this.#busy > 0) await turn()
  }

  #choose(): Operation {
    let earliest = Infinity
    const due: Operation[] = []
    for (const operation of this.#operations) {
      if (operation.isReady?.() === false) continue
      if (operation.at <= this.#now) due.push(operation)
      earliest = Math.min(earliest, operation.at)
    }
    if (due.length === 0) {
      if (earliest === Infinity) throw new DeadlockError(`Nothing can happen any more: ${this.#describe()}`)
      for (const operation of this.#operations) {
        if (operation.at === earliest && operation.isReady?.() !== false) due.push(operation)
      }
    }
    const chosen = due.length === 1 ? due[0]! : this.#rng.pick(due)
    this.#operations.splice(this.#operations.indexOf(chosen), 1)
    return chosen
  }

  #describe(): string {
    return this.#operations.map(({ label }) => label).join(', ') || 'no operation waits.'
  }
}

// The real one: the simulation replaces the global timers.
const { setImmediate: realSetImmediate } = globalThis

/** What follows from a step without waiting are promises: a tick comes after all of them and costs less than a turn. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** One turn of the real event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => realSetImmediate(resolve))
}
