import { ulid } from 'ulid'
import { FlowServiceError } from '../../errors.ts'
import type { Logger } from '../../logger.ts'
import { FatalSourceError, RetriableSourceError, type Page, type Source } from '../../plugins/plugin.ts'
import type { RunState, StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { openSource } from '../open-source.ts'
import { MissingPartError } from '../missing-part-error.ts'
import type { Flow, Run } from '../types.ts'
import { afterPage, parseCheckpoint, planRun, type Checkpoint, type ReadRange, type RunWindow } from './checkpoint.ts'
import { observePage } from './observe-page.ts'
import { GaveUpError, Patience, Stopped } from './patience.ts'
import { promotionOutcome } from './promotion.ts'
import { COPY_FAILED, type RunErrors } from './run-document.ts'
import type { RunEngineOptions, StopSignals } from './run-engine.ts'
import { isStillJoined, loadParts, type RunParts } from './run-parts.ts'
import { positionAfterRun, windowOf } from './run-window.ts'
import { RunWriter } from './run-writer.ts'
import { DeadlineError, withDeadline } from './with-deadline.ts'

/** No answer takes longer; one that still trickles in by then is given up and asked for again. */
const LONGEST_READ_MS = 120_000
const PAGE_SIZE = 100

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

/** One stretch of work on one run, from its checkpoint to its end or to the host's. */
export class RunExecution {
  readonly #request: RunExecutionRequest
  readonly #log: Logger
  readonly #patience: Patience
  readonly #writer: RunWriter
  #parts: RunParts | null = null
  #apiVersion: string | null = null

  constructor(request: RunExecutionRequest) {
    const { context, options, stop, state, run, flow } = request
    const { store, clock } = context
    const { giveUpMs, publicUrl, random = Math.random } = options
    this.#request = request
    this.#log = context.logger.child({ runId: run.id, flowId: flow.id })
    this.#patience = new Patience({
      clock,
      giveUpMs,
      random,
      stop: stop.gentle,
      onRetry: (retry) => {
        this.#log.warn({ resourcePath: this.#resourcePath, ...retry }, 'retry')
        options.observer?.retried(this.#resourcePath)
      },
    })
    this.#writer = new RunWriter({ store, clock, patience: this.#patience, publicUrl, state, run, flow })
  }

  async execute(): Promise<void> {
    const { context, run, flow } = this.#request
    try {
      const parts = await loadParts(context, run, flow)
      this.#parts = parts
      const planned = await this.#plan(parts)
      const source = openSource(context, parts.base, parts.sourceConnection.document.params)
      this.#apiVersion = source.apiVersion ?? null
      const copied = await this.#copy(source, parts, planned)
      await this.#promote(parts, copied)
    } catch (error) {
      if (error instanceof Stopped) return
      await this.#fail(error)
    }
  }

  /** Fixes the window of a new run; a resumed one keeps its own. */
  async #plan(parts: RunParts): Promise<Checkpoint> {
    const now = this.#request.context.clock.now()
    const { checkpoint: stored } = this.#writer.state
    const checkpoint = await this.#writer.write(async (scope) => {
      const progress = await scope.progress.get(parts.flow.no)
      const planned = stored === null ? newCheckpoint(parts, progress?.position ?? null, now) : parseCheckpoint(stored)
      return { saved: await this.#writer.saveStart(scope, planned), result: planned }
    })
    this.#log.info({ resourcePath: this.#resourcePath, window: checkpoint.window }, 'run started')
    return checkpoint
  }

  /** Reads every range to its end; the next page is asked for while the one before it is stored. */
  async #copy(source: Source, parts: RunParts, planned: Checkpoint): Promise<Checkpoint> {
    let checkpoint = planned
    for (const [index, first] of planned.ranges.entries()) {
      let range = first
      let ahead: Promise<ReadAhead> | null = null
      while (!range.done) {
        if (this.#request.stop.gentle.aborted) throw new Stopped()
        const { page, observedAt }: ReadAhead = await (ahead ?? this.#read(source, range))
        if (page.nextCursor !== null && page.nextCursor === range.cursor) {
          throw new FatalSourceError('request', `The cursor of ${this.#resourcePath} did not advance: ${range.cursor}`)
        }
        range = { ...range, cursor: page.nextCursor, done: page.nextCursor === null }
        ahead = range.done ? null : this.#read(source, range)
        // A read that fails while the page before it is stored is looked at in the next turn.
        ahead?.catch(() => {})
        checkpoint = await this.#commit(parts, checkpoint, index, page, observedAt)
      }
    }
    return checkpoint
  }

  /** One page, however often the source has to be asked. */
  async #read(source: Source, range: ReadRange): Promise<ReadAhead> {
    const { context, stop } = this.#request
    for (let tries = 1; ; tries++) {
      const observedAt = context.clock.now()
      try {
        const page = await withDeadline(LONGEST_READ_MS, stop.immediate, (signal) =>
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
        if (stop.immediate.aborted) throw new Stopped()
        if (error instanceof RetriableSourceError) await this.#patience.pause(tries, error, error.retryAfterMs)
        else if (error instanceof DeadlineError) await this.#patience.pause(tries, error)
        else throw error
      }
    }
  }

  /** The page's records and the checkpoint after it, both or none. */
  async #commit(
    parts: RunParts,
    checkpoint: Checkpoint,
    index: number,
    page: Page,
    observedAt: number,
  ): Promise<Checkpoint> {
    const { records, refused, inputBytes } = observePage(page, parts.mapper, checkpoint.counts.failed)
    const recordCount = page.records.length
    const read = { nextCursor: page.nextCursor, inputBytes, recordCount, failedCount: refused.length }
    const advanced = await this.#writer.write(async (scope) => {
      const { runNo, lastSequence } = this.#writer.state
      const delivered = await scope.records.deliver({ target: parts.target, runNo, lastSequence, observedAt, records })
      await scope.records.refuse(runNo, refused)
      const result = afterPage(checkpoint, index, read, delivered)
      return { saved: await this.#writer.saveProgress(scope, result, delivered.lastSequence), result }
    })
    this.#patience.progress()
    this.#request.options.observer?.pageCommitted(this.#resourcePath, recordCount)
    return advanced
  }

  /** Everything is read: the run has succeeded unless its mapping refused more records than the flow tolerates. */
  async #promote(parts: RunParts, copied: Checkpoint): Promise<void> {
    const checkpoint = { ...copied, copiedAt: copied.copiedAt ?? this.#request.context.clock.now() }
    const { status, errors } = promotionOutcome(checkpoint.counts, parts.flow.document)
    await this.#writer.write(async (scope) => {
      if (status === 'success') await advanceFlow(scope, parts, checkpoint.window)
      const end = { status, checkpoint, errors, dataSetId: parts.dataSetId, apiVersion: this.#apiVersion }
      return { saved: await this.#writer.saveEnd(scope, end), result: null }
    })
    this.#log.info({ resourcePath: this.#resourcePath, status, counts: checkpoint.counts }, 'run ended')
    this.#request.options.observer?.runEnded(this.#resourcePath, status)
  }

  /** Ends the run as failed. What it has stored stays; a re-trigger goes on from there. */
  async #fail(cause: unknown): Promise<void> {
    const errors = describeFailure(cause)
    const fields = { resourcePath: this.#resourcePath, errors }
    if (isForeseen(cause)) this.#log.warn(fields, 'run failed')
    else this.#log.error({ ...fields, err: cause }, 'run failed')
    const { checkpoint: stored } = this.#writer.state
    const checkpoint = stored === null ? null : parseCheckpoint(stored)
    const dataSetId = this.#parts?.dataSetId ?? null
    // The time to wait for the store may be over; then the run is taken up again and fails when the store is back.
    this.#patience.progress()
    try {
      await this.#writer.write(async (scope) => {
        const end = { status: 'failed', checkpoint, errors, dataSetId, apiVersion: this.#apiVersion } as const
        return { saved: await this.#writer.saveEnd(scope, end), result: null }
      })
      this.#request.options.observer?.runEnded(this.#resourcePath, 'failed')
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
  }

  get #resourcePath(): string {
    return this.#parts?.resource.resourcePath ?? ''
  }
}

function newCheckpoint(parts: RunParts, position: number | null, now: number): Checkpoint {
  const { params } = parts.run.document
  const { window, continues } = windowOf({ params, schedule: parts.schedule, position, now })
  const sourceName = parts.plugin.connectionSpec.name
  return planRun({ batchId: ulid(now), sourceName, now, window, resource: parts.resource, overlap: continues })
}

/** Moves the flow's position, unless the flow was pointed at something else while the run was going on. */
async function advanceFlow(scope: StoreScope, parts: RunParts, window: RunWindow): Promise<void> {
  const progress = await scope.progress.get(parts.flow.no)
  if (progress === null || !(await isStillJoined(scope, parts))) return
  const position = positionAfterRun(window, parts.schedule, progress.position)
  await scope.progress.save({ ...progress, position })
}

const FORESEEN = [FatalSourceError, GaveUpError, MissingPartError, FlowServiceError]

function isForeseen(cause: unknown): cause is Error {
  return FORESEEN.some((type) => cause instanceof type)
}

function describeFailure(cause: unknown): RunErrors {
  if (!isForeseen(cause)) return [{ code: COPY_FAILED, message: 'An internal error stopped the run, see the log.' }]
  const { message } = cause
  return [
    { code: COPY_FAILED, message: `Copying from the source failed: ${message}` },
    ...(cause instanceof FatalSourceError ? [{ code: cause.code ?? '1100-400', message }] : []),
  ]
}
