import path from 'node:path'
import { Worker } from 'node:worker_threads'
import type { DeliverPagesRequest, DeliverResult } from '../store.ts'
import { clearError } from './clear-error.ts'
import { keepIdle, takeIdle } from './idle-thread.ts'
import type { StatementCommand, StatementResult } from './prepared-database.ts'

/** The thread's program, compiled or not as this file is. */
const PROGRAM = path.join(import.meta.dirname, `sqlite-thread${path.extname(import.meta.filename)}`)

/** What a commit of the largest pages needs, many times over. */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }

export interface ThreadOptions {
  /** Path of the database. */
  readonly file: string
  /** SQL text, run when the database is opened. */
  readonly pragmas: string
}

export type Command =
  | StatementCommand
  | ({ readonly kind: 'open' } & ThreadOptions)
  | { readonly kind: 'close' }
  | { readonly kind: 'deliverPages'; readonly request: DeliverPagesRequest }

export interface Answer {
  /** A `StatementResult`, for `deliverPages` what that returns. */
  readonly result?: unknown
  /** What is left of an error on its way between threads. */
  readonly error?: { readonly message: string; readonly [member: string]: unknown }
}

interface Waiting {
  resolve(result: unknown): void
  reject(error: unknown): void
}

/** A SQLite connection in a thread of its own. Commands are carried out in the order in which they were given. */
export class WriterThread {
  readonly #worker: Worker
  readonly #waiting: Waiting[] = []
  #ended: Error | null = null

  private constructor(worker: Worker) {
    this.#worker = worker
    // A store that nobody asks anything must not keep the process.
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#settle(answer))
    this.#worker.on('error', (error) => this.#end(error))
    this.#worker.on('exit', () => this.#end(new Error('The store is closed.')))
  }

  /** Throws clear errors. */
  static async open(options: ThreadOptions): Promise<WriterThread> {
    const writer = new WriterThread(takeIdle() ?? new Worker(PROGRAM, { resourceLimits: RESOURCE_LIMITS }))
    try {
      await writer.#send({ kind: 'open', ...options })
    } catch (error) {
      writer.#release()
      throw error
    }
    return writer
  }

  /** Throws clear errors, see `clearError`. */
  run(command: StatementCommand): Promise<StatementResult> {
    return this.#send(command)
  }

  /** Does `RecordStore.deliverPages` in the transaction that is open. Throws clear errors. */
  deliverPages(request: DeliverPagesRequest): Promise<readonly DeliverResult[]> {
    return this.#send({ kind: 'deliverPages', request })
  }

  #send<T>(command: Command): Promise<T> {
    if (this.#ended) return Promise.reject(clearError(this.#ended))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (this.#waiting.length === 1) this.#worker.ref()
      this.#worker.postMessage(command)
    })
  }

  /** Closes the database after what was asked before. */
  async close(): Promise<void> {
    if (this.#ended) return
    try {
      await this.#send({ kind: 'close' })
    } finally {
      this.#release()
    }
  }

  #release(): void {
    if (this.#ended) return
    this.#end(new Error('The store is closed.'))
    keepIdle(this.#worker)
  }

  #settle({ result, error }: Answer): void {
    const waiting = this.#waiting.shift()
    if (this.#waiting.length === 0) this.#worker.unref()
    if (error) waiting?.reject(clearError(Object.assign(new Error(error.message), error)))
    else waiting?.resolve(result)
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(clearError(this.#ended))
  }
}
