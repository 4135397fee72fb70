import type { Logger } from '../../logger.ts'
import type { Source } from '../../plugins/plugin.ts'
import { StoreUnavailableError } from '../../store/store-unavailable-error.ts'
import type { RunState, StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { openSource } from '../open-source.ts'
import type { Flow, Run } from '../types.ts'
import { parseChangePosition, positionAfter } from './change-position.ts'
import { newest, parseCheckpoint, type Checkpoint } from './checkpoint.ts'
import { describeFailure, isForeseen } from './execution-failure.ts'
import { createJobPatience } from './job-patience.ts'
import { PAGE_SIZE } from './live-range.ts'
import { PageCommitter, type PageToCommit } from './page-committer.ts'
import { type Patience, Stopped } from './patience.ts'
import { newCheckpoint } from './plan-run.ts'
import { prepareRun, takeMark, takesChanges } from './prepare-run.ts'
import { promotionOutcome } from './promotion.ts'
import type { StopSignals } from '../job-loop.ts'
import type { RunEngineOptions } from './run-engine.ts'
import { isStillJoined, loadParts, type RunParts } from './run-parts.ts'
import { RunProgressMeter } from './run-progress.ts'
import { runStages } from './run-stages.ts'
import { movesFlow, positionAfterRun, windowOf } from './run-window.ts'
import { RunWriter } from './run-writer.ts'
import { SourceReader } from './source-reader.ts'

export interface RunExecutionRequest {
  readonly context: FlowContext
  readonly options: RunEngineOptions
  readonly stop: StopSignals
  readonly state: RunState
  readonly run: StoredEntity<Run>
  readonly flow: StoredEntity<Flow>
}

/** One stretch of work on one run, from its checkpoint to its end or to the host's. */
export class RunExecution {
  readonly #request: RunExecutionRequest
  readonly #log: Logger
  readonly #patience: Patience
  readonly #writer: RunWriter
  readonly #meter: RunProgressMeter
  #parts: RunParts | null = null
  #apiVersion: string | null = null

  constructor(request: RunExecutionRequest) {
    const { context, options, state, run, flow } = request
    const { store, clock } = context
    this.#request = request
    this.#log = context.logger.child({ runId: run.id, flowId: flow.id })
    this.#meter = new RunProgressMeter(() => clock.now())
    this.#patience = createJobPatience({ ...request, log: this.#log, resourcePath: () => this.#resourcePath })
    this.#writer = new RunWriter({
      store,
      clock,
      patience: this.#patience,
      publicUrl: options.publicUrl,
      state,
      run,
      flow,
    })
  }

  async execute(): Promise<void> {
    const { context, options, run, flow } = this.#request
    options.board?.start(run.no, this.#meter)
    try {
      const parts = await loadParts(context, run, flow)
      this.#parts = parts
      const started = await this.#start(parts)
      const source = this.#openSource(parts)
      this.#apiVersion = source.apiVersion ?? null
      const copied = await this.#copy(parts, source, started)
      await this.#promote(parts, copied)
    } catch (error) {
      if (error instanceof Stopped) return
      // The run waits for the store: it is taken up again from its checkpoint.
      if (error instanceof StoreUnavailableError) throw error
      await this.#fail(error)
    } finally {
      options.board?.end(run.no)
    }
  }

  /** Fixes the window of a new run; a resumed one keeps its own. */
  async #start(parts: RunParts): Promise<Checkpoint> {
    const now = this.#request.context.clock.now()
    const { checkpoint: stored } = this.#writer.state
    const checkpoint = await this.#writer.write(async (scope) => {
      const position = (await scope.progress.get(parts.flow.no))?.position ?? null
      const { params } = parts.run.document
      const window = windowOf({ params, schedule: parts.schedule, position, now })
      const sourceName = parts.plugin.connectionSpec.name
      // What notifications carry themselves stands in no list, so the flow takes all that are kept.
      const isListed = parts.plugin.webhooks?.recordsOf === undefined
      if (stored === null && isListed) await scope.webhooks.beginHere(parts.flow.no)
      const started = stored === null ? newCheckpoint({ sourceName, now, window }) : parseCheckpoint(stored)
      return { saved: await this.#writer.saveStart(scope, started), result: started }
    })
    this.#log.info({ resourcePath: this.#resourcePath, window: checkpoint.window }, 'run started')
    return checkpoint
  }

  #openSource(parts: RunParts): Source {
    const { context, options, run } = this.#request
    const observer = {
      requestSent: () => {
        this.#meter.requestSent()
        options.observer?.requestSent(this.#resourcePath)
      },
      rateLimited: (reason: string) => {
        this.#meter.rateLimited()
        options.observer?.rateLimited(this.#resourcePath, reason)
      },
    }
    return openSource(context, parts.base, parts.sourceConnection.document.params, { owner: run.id, observer })
  }

  /** Reads everything that the run is to read and stores it page by page. */
  async #copy(parts: RunParts, source: Source, started: Checkpoint): Promise<Checkpoint> {
    const { context, options, stop } = this.#request
    const { observations } = options
    const reader = new SourceReader({
      source,
      resourcePath: this.#resourcePath,
      observations,
      patience: this.#patience,
      stop: stop.immediate,
    })
    const committer = new PageCommitter(
      {
        writer: this.#writer,
        target: parts.target,
        observations,
        force: started.repair !== null,
        // What notifications name comes as pages of one record.
        ...(started.notifications === null ? {} : { pagesAtOnce: PAGE_SIZE }),
        onCommitted: (pages, checkpoint) => this.#onCommitted(pages, checkpoint),
      },
      await this.#prepare(parts, reader, started),
    )
    await runStages({
      context,
      parts,
      reader,
      committer,
      stop: stop.gentle,
      hasDelivered: this.#writer.state.lastSequence > 0,
      onListed: (progress) => this.#meter.listed(progress),
      save: (checkpoint) => this.#save(checkpoint),
    })
    return committer.checkpoint
  }

  /** Finds out what is to be read, before anything is. */
  async #prepare(parts: RunParts, reader: SourceReader, started: Checkpoint): Promise<Checkpoint> {
    if (started.isPrepared) return started
    const { context, options } = this.#request
    const request = { parts, reader, observations: options.observations, now: started.startedAt }
    const mark = (await takesChanges(context.store, started, parts)) ? await takeMark(request) : null
    const prepared = await this.#writer.write(async (scope) => {
      const result = await prepareRun(scope, started, mark, request)
      return { saved: await this.#writer.saveProgress(scope, result), result }
    })
    this.#patience.progress()
    const ordinary = parts.resource.selection?.note
    for (const reason of [prepared.relist?.reason, ...prepared.notes]) {
      if (reason && reason !== ordinary) this.#log.warn({ reason }, 'note')
    }
    return prepared
  }

  #save(checkpoint: Checkpoint): Promise<Checkpoint> {
    return this.#writer.write(async (scope) => {
      return { saved: await this.#writer.saveProgress(scope, checkpoint), result: checkpoint }
    })
  }

  #onCommitted(pages: readonly PageToCommit[], checkpoint: Checkpoint): void {
    this.#patience.progress()
    this.#meter.counted(checkpoint.counts)
    const { observer } = this.#request.options
    for (const { observed } of pages) observer?.pageCommitted(this.#resourcePath, observed.counts.recordCount)
  }

  /** Everything is read: the run has succeeded unless its mapping refused more records than the flow tolerates. */
  async #promote(parts: RunParts, copied: Checkpoint): Promise<void> {
    const checkpoint = { ...copied, copiedAt: copied.copiedAt ?? this.#request.context.clock.now() }
    const { status, errors } = promotionOutcome(checkpoint.counts, parts.flow.document)
    await this.#writer.write(async (scope) => {
      if (status === 'success') await advanceFlow(scope, parts, checkpoint)
      const end = { status, checkpoint, errors, dataSetId: parts.dataSetId, apiVersion: this.#apiVersion }
      return { saved: await this.#writer.saveEnd(scope, end), result: null }
    })
    this.#log.info({ resourcePath: this.#resourcePath, status, counts: checkpoint.counts }, 'run ended')
    this.#request.options.observer?.runEnded(this.#resourcePath, status, this.#secondsSince(checkpoint))
  }

  /** Ends the run as failed. What it has stored stays; a re-trigger goes on from there. */
  async #fail(cause: unknown): Promise<void> {
    const errors = describeFailure(cause, { job: 'run', doing: 'Copying from' })
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
      this.#request.options.observer?.runEnded(this.#resourcePath, 'failed', this.#secondsSince(checkpoint))
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
  }

  #secondsSince(checkpoint: Checkpoint | null): number | null {
    return checkpoint === null ? null : (this.#request.context.clock.now() - checkpoint.startedAt) / 1000
  }

  get #resourcePath(): string {
    return this.#parts?.resource.resourcePath ?? ''
  }
}

/** Moves the flow's position, unless the flow was pointed at something else while the run was going on. */
async function advanceFlow(scope: StoreScope, parts: RunParts, checkpoint: Checkpoint): Promise<void> {
  const { window, startedAt, changes, newestCreated, leftOut, repair, notifications } = checkpoint
  const progress = await scope.progress.get(parts.flow.no)
  if (progress === null || repair !== null || notifications !== null || !(await isStillJoined(scope, parts))) return
  if (!movesFlow(window, parts.schedule, progress.position)) return
  const { changeFeed } = parts.resource
  const known = parseChangePosition(progress.changePosition)?.known ?? []
  // A window that ends in the past leaves the changes to the next run. Otherwise without a mark the changes since the
  // last one are not taken, and the next run has to list everything.
  const leftAsItWas = window.end < startedAt ? progress.changePosition : null
  await scope.progress.save({
    ...progress,
    position: positionAfterRun(window, parts.schedule, progress.position),
    newestCreated: newest(progress.newestCreated, newestCreated),
    leftOut,
    changePosition: changes && changeFeed ? JSON.stringify(positionAfter(changes, known, changeFeed)) : leftAsItWas,
  })
}
