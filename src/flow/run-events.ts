import { Readable } from 'node:stream'
import type { Caller } from '../caller.ts'
import { notFound } from '../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts'
import type { StoredEntity } from '../store/store.ts'
import type { FlowContext } from './context.ts'
import { parseCheckpoint } from './engine/checkpoint.ts'
import { RunProgressMeter, type RunProgressBoard } from './engine/run-progress.ts'
import type { Run } from './types.ts'

/** How often a run is looked at, and so the shortest time between two events, ms. */
const INTERVAL_MS = 500

/** A stream that is silent for so long gets a comment, so that no proxy takes it for dead, ms. */
const HEARTBEAT_MS = 15_000

/** When a client is to come back after the stream broke, ms. */
const RETRY_MS = 3_000

/** Shows how runs get on, as server-sent events. */
export interface RunEvents {
  /** @throws 404 when the caller's tenant has no such run */
  find(caller: Caller, runId: string): Promise<StoredEntity<Run>>
  /**
   * The run's events as text: `progress` at once and after each change, `end` when the run has ended, which ends the
   * stream. Destroy it to be told no more.
   */
  open(run: StoredEntity<Run>): Readable
  /** Ends all streams, without the event `end`: their clients come back to whoever serves then. */
  stop(): void
}

export function createRunEvents(
  { store, clock }: Pick<FlowContext, 'store' | 'clock'>,
  board: RunProgressBoard,
): RunEvents {
  const open = new Set<RunEventStream>()
  let isStopped = false

  return {
    async find(caller, runId) {
      const run = await store.entities.get(caller.tenant, 'runs', runId)
      if (run === null) throw notFound('runs', runId)
      return run as StoredEntity<Run>
    },
    open(run) {
      // The meter of a run that has just ended still tells the requests that it took.
      let meter = new RunProgressMeter(() => clock.now())
      const look = () => {
        meter = board.of(run.no) ?? meter
        return lookAt(run, meter)
      }
      const stream = new RunEventStream({ clock, look })
      open.add(stream)
      stream.once('close', () => open.delete(stream))
      if (isStopped) stream.finish()
      return stream
    },
    stop() {
      isStopped = true
      for (const stream of open) stream.finish()
    },
  }

  async function lookAt({ no, id }: StoredEntity<Run>, meter: RunProgressMeter): Promise<Sight | null> {
    // In one transaction, so that the checkpoint is the one that the document was made of.
    const { run, state } = await store.transaction(async (scope) => ({
      run: (await scope.entities.getByNo(no)) as StoredEntity<Run> | null,
      state: await scope.runs.get(no),
    }))
    if (run === null || state === null) return null
    const { recordSummary = {}, statusSummary = {} } = run.document.metrics
    const checkpoint = state.checkpoint === null ? null : parseCheckpoint(state.checkpoint)
    const status = memberOf(statusSummary, 'status') ?? state.status
    const records = memberOf(recordSummary, 'inputRecordCount') ?? 0
    const isEnded = status === 'success' || status === 'failed'
    return {
      progress: { runId: id, status, records, ...meter.progress(checkpoint), recordSummary },
      end: isEnded ? { runId: id, statusSummary, recordSummary } : null,
    }
  }
}

function memberOf(summary: JsonValue, name: string): JsonValue | undefined {
  return isJsonObject(summary) ? summary[name] : undefined
}

/** What is to be told of a run at one moment. */
interface Sight {
  readonly progress: JsonObject
  /** Null while the run may go on. */
  readonly end: JsonObject | null
}

interface RunEventStreamOptions extends Pick<FlowContext, 'clock'> {
  /** Null when the run no longer exists. */
  readonly look: () => Promise<Sight | null>
}

class RunEventStream extends Readable {
  readonly #options: RunEventStreamOptions
  readonly #over = new AbortController()
  #isFollowing = false
  /** False while the client is slower than the events: it is left out of some then. */
  #wantsMore = true
  #lastId = 0
  #lastProgress = ''
  #lastSentAt: number

  constructor(options: RunEventStreamOptions) {
    super()
    this.#options = options
    this.#lastSentAt = options.clock.now()
  }

  /** Ends the stream after what is on its way. */
  finish(): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    this.push(null)
  }

  override _read(): void {
    this.#wantsMore = true
    if (this.#isFollowing) return
    this.#isFollowing = true
    this.#follow().catch((error: unknown) => {
      if (!this.#over.signal.aborted) this.destroy(error as Error)
    })
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#over.abort()
    callback(error)
  }

  async #follow(): Promise<void> {
    const { clock, look } = this.#options
    const { signal } = this.#over
    while (!signal.aborted) {
      const sight = await look()
      if (signal.aborted) return
      if (sight !== null) this.#tell(sight)
      if (sight === null || sight.end !== null) return this.finish()
      await clock.sleep(INTERVAL_MS, signal)
    }
  }

  #tell({ progress, end }: Sight): void {
    const text = JSON.stringify(progress)
    const isNew = text !== this.#lastProgress
    if (isNew && (this.#wantsMore || end !== null)) {
      this.#lastProgress = text
      this.#send(this.#event('progress', text))
    } else if (this.#wantsMore && this.#options.clock.now() - this.#lastSentAt >= HEARTBEAT_MS) {
      this.#send(': the run goes on\n\n')
    }
    if (end !== null) this.#send(this.#event('end', JSON.stringify(end)))
  }

  /** Ids grow from stream to stream too, as far as the clock does. */
  #event(name: string, data: string): string {
    const retry = this.#lastId === 0 ? `retry: ${RETRY_MS}\n` : ''
    this.#lastId = Math.max(this.#lastId + 1, this.#options.clock.now())
    return `${retry}id: ${this.#lastId}\nevent: ${name}\ndata: ${data}\n\n`
  }

  #send(text: string): void {
    this.#lastSentAt = this.#options.clock.now()
    this.#wantsMore = this.push(text)
  }
}
