import { hash } from 'node:crypto'
import { ulid } from 'ulid'
import type { Logger } from '../../logger.ts'
import {
  FatalSourceError,
  RetriableSourceError,
  type Page,
  type Source,
  type SourceRecord,
} from '../../plugins/plugin.ts'
import type { ObservedRecord, RunState, RunStatus, StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { openSource } from '../open-source.ts'
import { createEtag } from '../etag.ts'
import type { Flow, LastRunDetails, Run } from '../types.ts'
import { backoffMs } from './backoff.ts'
import { afterPage, parseCheckpoint, planRun, type Checkpoint } from './checkpoint.ts'
import { COPY_FAILED, runDocument, type RunErrors } from './run-document.ts'
import type { RunEngineOptions, StopSignals } from './run-engine.ts'
import { loadParts, MissingPartError, type RunParts } from './run-parts.ts'
import { positionAfterRun, windowOf } from './run-window.ts'
import { DeadlineError, withDeadline } from './with-deadline.ts'

/** No answer takes longer; one that still trickles in by then is given up and asked for again. */
const LONGEST_READ_MS = 120_000
const PAGE_SIZE = 100

/** The run stops here without having ended: the host shuts down, or somebody else ended the run. */
class Stopped extends Error {}

/** No progress for longer than the run may wait. */
class GaveUpError extends Error {}

export interface RunExecutionRequest {
  readonly context: FlowContext
  readonly options: RunEngineOptions
  readonly stop: StopSignals
  readonly state: RunState
  readonly run: StoredEntity<Run>
  readonly flow: StoredEntity<Flow>
}

interface ReadAhead {
  readonly observedAt: number
  readonly page: Page
}

/** What a transaction wrote; it counts once committed. */
interface Saved {
  readonly state: RunState
  readonly run: StoredEntity<Run>
}

/** One stretch of work on one run, from its checkpoint to its end or to the host's. */
export class RunExecution {
  readonly #context: FlowContext
  readonly #options: RunEngineOptions
  readonly #stop: StopSignals
  readonly #flow: StoredEntity<Flow>
  readonly #log: Logger
  /** As last committed. */
  #run: StoredEntity<Run>
  #state: RunState
  #resourcePath = ''
  #lastProgressAt: number

  constructor({ context, options, stop, state, run, flow }: RunExecutionRequest) {
    this.#context = context
    this.#options = options
    this.#stop = stop
    this.#state = state
    this.#run = run
    this.#flow = flow
    this.#log = context.logger.child({ runId: run.id, flowId: flow.id })
    this.#lastProgressAt = context.clock.now()
  }

  async execute(): Promise<void> {
    try {
      const parts = await loadParts(this.#context, this.#run, this.#flow)
      this.#resourcePath = parts.resource.resourcePath
      const planned = await this.#plan(parts)
      const source = openSource(this.#context, parts.base, parts.sourceConnection.document.params)
      const copied = await this.#copy(source, parts, planned)
      await this.#succeed(parts, copied)
    } catch (error) {
      if (error instanceof Stopped) return
      await this.#fail(error)
    }
  }

  /** Fixes the window of a new run; a resumed one keeps its own. */
  async #plan(parts: RunParts): Promise<Checkpoint> {
    const now = this.#context.clock.now()
    const checkpoint = await this.#write(async (scope) => {
      await this.#assertStillOurs(scope)
      const progress = await scope.progress.get(this.#flow.no)
      const planned =
        this.#state.checkpoint === null
          ? newCheckpoint(parts, progress?.position ?? null, now)
          : parseCheckpoint(this.#state.checkpoint)
      const saved = await this.#save(scope, 'inProgress', planned)
      await this.#showOnFlow(scope, { id: this.#run.id, state: 'inProgress', startedAtUTC: planned.startedAt })
      return { saved, result: planned }
    })
    this.#log.info({ resourcePath: this.#resourcePath, window: checkpoint.window }, 'run started')
    return checkpoint
  }

  /** Reads every range to its end; the next page is asked for while the one before it is stored. */
  async #copy(source: Source, parts: RunParts, planned: Checkpoint): Promise<Checkpoint> {
    let checkpoint = planned
    for (const index of planned.ranges.keys()) {
      let ahead: Promise<ReadAhead> | null = null
      for (;;) {
        const range = checkpoint.ranges[index]
        if (range === undefined || range.done) break
        if (this.#stop.gentle.aborted) {
          ahead?.catch(() => {})
          throw new Stopped()
        }
        const { page, observedAt }: ReadAhead = await (ahead ?? this.#read(source, checkpoint, index))
        if (page.nextCursor !== null && page.nextCursor === range.cursor) {
          throw new FatalSourceError('request', `The cursor of ${this.#resourcePath} did not advance: ${range.cursor}`)
        }
        const next = { ...range, cursor: page.nextCursor }
        ahead = page.nextCursor === null ? null : this.#read(source, withRange(checkpoint, index, next), index)
        // A read that fails while the page before it is stored is looked at in the next turn.
        ahead?.catch(() => {})
        checkpoint = await this.#commit(parts, checkpoint, index, page, observedAt)
      }
    }
    return checkpoint
  }

  /** One page, however often the source has to be asked. */
  async #read(source: Source, checkpoint: Checkpoint, index: number): Promise<ReadAhead> {
    const { clock } = this.#context
    const range = checkpoint.ranges[index]
    if (range === undefined) throw new RangeError(`The run has no range ${index}.`)
    for (let tries = 1; ; tries++) {
      const observedAt = clock.now()
      try {
        const page = await withDeadline(LONGEST_READ_MS, this.#stop.immediate, (signal) =>
          source.readPage({
            resourcePath: this.#resourcePath,
            pass: range.pass,
            window: range.created,
            cursor: range.cursor,
            limit: PAGE_SIZE,
            signal,
          }),
        )
        return { page, observedAt }
      } catch (error) {
        if (this.#stop.immediate.aborted) throw new Stopped()
        if (error instanceof RetriableSourceError) await this.#pause(tries, error, error.retryAfterMs)
        else if (error instanceof DeadlineError) await this.#pause(tries, error)
        else throw error
      }
    }
  }

  /** Waits before another try, or gives up when there was no progress for too long. */
  async #pause(tries: number, cause: Error, retryAfterMs?: number): Promise<void> {
    const { clock } = this.#context
    const { giveUpMs, random = Math.random, observer } = this.#options
    const wait = backoffMs(tries, random(), retryAfterMs)
    const left = this.#lastProgressAt + giveUpMs - clock.now()
    if (left <= 0) throw new GaveUpError(`No progress for ${giveUpMs / 1000} s. ${cause.message}`, { cause })
    this.#log.warn(
      { resourcePath: this.#resourcePath, tries, waitMs: Math.round(wait), reason: cause.message },
      'retry',
    )
    observer?.retried(this.#resourcePath)
    await clock.sleep(Math.min(wait, left), this.#stop.gentle)
    if (this.#stop.gentle.aborted) throw new Stopped()
  }

  /** The page's records and the checkpoint after it, both or none. */
  async #commit(
    parts: RunParts,
    checkpoint: Checkpoint,
    index: number,
    page: Page,
    observedAt: number,
  ): Promise<Checkpoint> {
    const records = page.records.map(observe)
    const inputBytes = records.reduce((bytes, record) => bytes + Buffer.byteLength(record.body ?? ''), 0)
    const advanced = await this.#write(async (scope) => {
      await this.#assertStillOurs(scope)
      const delivered = await scope.records.deliver({
        target: parts.target,
        runNo: this.#state.runNo,
        lastSequence: this.#state.lastSequence,
        observedAt,
        records,
      })
      const read = { nextCursor: page.nextCursor, inputBytes, recordCount: records.length }
      const result = afterPage(checkpoint, index, read, delivered)
      return { saved: await this.#save(scope, 'inProgress', result, { lastSequence: delivered.lastSequence }), result }
    })
    this.#lastProgressAt = this.#context.clock.now()
    this.#options.observer?.pageCommitted(this.#resourcePath, records.length)
    return advanced
  }

  async #succeed(parts: RunParts, checkpoint: Checkpoint): Promise<void> {
    const closed = { ...checkpoint, copiedAt: checkpoint.copiedAt ?? this.#context.clock.now() }
    await this.#write(async (scope) => {
      await this.#assertStillOurs(scope)
      const progress = await scope.progress.get(this.#flow.no)
      if (progress !== null) {
        const position = positionAfterRun(closed.window, parts.schedule, progress.position)
        await scope.progress.save({ ...progress, position })
      }
      return { saved: await this.#end(scope, 'success', closed, []), result: null }
    })
    this.#log.info({ resourcePath: this.#resourcePath, counts: closed.counts }, 'run succeeded')
    this.#options.observer?.runEnded(this.#resourcePath, 'success')
  }

  /** Ends the run as failed. What it has stored stays; a re-trigger goes on from there. */
  async #fail(cause: unknown): Promise<void> {
    const errors = describeFailure(cause)
    const unforeseen = !isForeseen(cause)
    this.#log[unforeseen ? 'error' : 'warn'](
      { resourcePath: this.#resourcePath, errors, ...(unforeseen ? { err: cause } : {}) },
      'run failed',
    )
    await this.#context.store.transaction(async (scope) => {
      if (!(await this.#isStillOurs(scope))) return
      const checkpoint = this.#state.checkpoint === null ? null : parseCheckpoint(this.#state.checkpoint)
      await this.#end(scope, 'failed', checkpoint, errors)
    })
    this.#options.observer?.runEnded(this.#resourcePath, 'failed')
  }

  async #end(
    scope: StoreScope,
    status: 'success' | 'failed',
    checkpoint: Checkpoint | null,
    errors: RunErrors,
  ): Promise<Saved> {
    const now = this.#context.clock.now()
    const saved = await this.#save(scope, status, checkpoint, { errors })
    await this.#showOnFlow(scope, {
      id: this.#run.id,
      state: status,
      startedAtUTC: checkpoint?.startedAt ?? now,
      completedAtUTC: now,
    })
    return saved
  }

  /** Writes the engine's state and the run's wire form side by side. */
  async #save(
    scope: StoreScope,
    status: RunStatus,
    checkpoint: Checkpoint | null,
    { lastSequence = this.#state.lastSequence, errors = [] }: { lastSequence?: number; errors?: RunErrors } = {},
  ): Promise<Saved> {
    const state: RunState = {
      ...this.#state,
      status,
      lastSequence,
      checkpoint: checkpoint === null ? null : JSON.stringify(checkpoint),
    }
    const now = this.#context.clock.now()
    const publicUrl = this.#options.publicUrl()
    const flow = this.#flow.document
    const document = runDocument({ run: this.#run.document, flow, status, checkpoint, errors, now, publicUrl })
    await scope.runs.save(state)
    if (status === this.#state.status) {
      await scope.entities.updateDocument(this.#run.no, document)
      return { state, run: { ...this.#run, document } }
    }
    const etag = createEtag(now)
    const changed = { ...document, etag, eTag: etag }
    if (!(await scope.entities.update(this.#run, { etag, document: changed }))) throw new Stopped()
    return { state, run: { ...this.#run, etag, document: changed } }
  }

  async #showOnFlow(scope: StoreScope, lastRunDetails: LastRunDetails): Promise<void> {
    const flow = await scope.entities.getByNo(this.#flow.no)
    if (flow !== null) await scope.entities.updateDocument(flow.no, { ...flow.document, lastRunDetails })
  }

  async #isStillOurs(scope: StoreScope): Promise<boolean> {
    const stored = await scope.runs.get(this.#state.runNo)
    return stored?.status === 'inProgress' || stored?.status === 'scheduled'
  }

  async #assertStillOurs(scope: StoreScope): Promise<void> {
    if (!(await this.#isStillOurs(scope))) throw new Stopped()
  }

  /** One transaction; a store that is locked or full is waited for like a source that does not answer. */
  async #write<T>(work: (scope: StoreScope) => Promise<{ saved: Saved; result: T }>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        const { saved, result } = await this.#context.store.transaction(work)
        this.#state = saved.state
        this.#run = saved.run
        return result
      } catch (error) {
        if (error instanceof Stopped || !(error instanceof Error)) throw error
        await this.#pause(tries, new Error(`The store cannot be written: ${error.message}`, { cause: error }))
      }
    }
  }
}

function newCheckpoint(parts: RunParts, position: number | null, now: number): Checkpoint {
  const { params } = parts.run.document
  const { window, continues } = windowOf({ params, schedule: parts.schedule, position, now })
  return planRun({ batchId: ulid(now), now, window, resource: parts.resource, overlap: continues })
}

function withRange(checkpoint: Checkpoint, index: number, range: Checkpoint['ranges'][number]): Checkpoint {
  return { ...checkpoint, ranges: checkpoint.ranges.with(index, range) }
}

function observe({ id, record }: SourceRecord): ObservedRecord {
  const body = JSON.stringify(record)
  return { objectId: id, operation: 'upsert', body, contentHash: hash('sha256', body, 'base64') }
}

function isForeseen(cause: unknown): boolean {
  return cause instanceof FatalSourceError || cause instanceof GaveUpError || cause instanceof MissingPartError
}

function describeFailure(cause: unknown): RunErrors {
  if (!isForeseen(cause)) return [{ code: COPY_FAILED, message: 'An internal error stopped the run, see the log.' }]
  const { message } = cause as Error
  const refused = cause instanceof FatalSourceError
  return [
    { code: COPY_FAILED, message: `Copying from the source failed: ${message}` },
    ...(refused ? [{ code: '1100-400', message }] : []),
  ]
}
