import type { Logger } from '../../logger.ts'
import type { Source } from '../../plugins/plugin.ts'
import { StoreUnavailableError } from '../../store/store-unavailable-error.ts'
import type { RunState, StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { MissingPartError } from '../missing-part-error.ts'
import { openSource } from '../open-source.ts'
import type { Flow } from '../types.ts'
import { driftOf, joinsOf, newAuditCheckpoint, type AuditCheckpoint } from './audit-checkpoint.ts'
import { AuditCommitter } from './audit-committer.ts'
import type { Audit } from './audit-document.ts'
import { AuditWriter } from './audit-writer.ts'
import { compareUnlisted } from './compare-unlisted.ts'
import { describeFailure, isForeseen } from './execution-failure.ts'
import { createJobPatience } from './job-patience.ts'
import { insertRun } from './insert-run.ts'
import { PAGE_SIZE } from './live-range.ts'
import { type Patience, Stopped } from './patience.ts'
import { newCheckpoint } from './plan-run.ts'
import { readLists } from './read-lists.ts'
import type { StopSignals } from '../job-loop.ts'
import type { RunEngineOptions } from './run-engine.ts'
import { isStillJoined, loadFlowParts, type FlowParts } from './run-parts.ts'
import { createOwnRunCheck } from './run-stages.ts'
import { refineForAudit } from './selection.ts'
import { SourceReader } from './source-reader.ts'

export interface AuditExecutionRequest {
  readonly context: FlowContext
  readonly options: RunEngineOptions
  readonly stop: StopSignals
  readonly state: RunState
  readonly audit: StoredEntity<Audit>
  readonly flow: StoredEntity<Flow>
}

/** One stretch of work on one audit, from its checkpoint to its end or to the host's. */
export class AuditExecution {
  readonly #request: AuditExecutionRequest
  readonly #log: Logger
  readonly #patience: Patience
  readonly #writer: AuditWriter
  #resourcePath = ''
  /** Estimate of the objects that are left to list. */
  #left: number | null = null

  constructor(request: AuditExecutionRequest) {
    const { context, state, audit, flow } = request
    const { store, clock } = context
    this.#request = request
    this.#log = context.logger.child({ auditId: audit.id, flowId: flow.id })
    this.#patience = createJobPatience({ ...request, log: this.#log, resourcePath: () => this.#resourcePath })
    this.#writer = new AuditWriter({ store, clock, patience: this.#patience, state, audit })
  }

  async execute(): Promise<void> {
    const { context, flow } = this.#request
    try {
      const parts = await loadFlowParts(context, flow)
      this.#resourcePath = parts.resource.resourcePath
      const started = await this.#start(parts)
      const compared = await this.#compare(parts, this.#openSource(parts), started)
      await this.#end(parts, compared)
    } catch (error) {
      if (error instanceof Stopped) return
      // The audit waits for the store, as a run does: it is taken up again from its checkpoint.
      if (error instanceof StoreUnavailableError) throw error
      await this.#fail(error)
    }
  }

  /** Fixes what a new audit is to compare; a resumed one goes on where it was. */
  async #start(parts: FlowParts): Promise<AuditCheckpoint> {
    const { context, options } = this.#request
    const stored = this.#writer.checkpoint
    if (stored !== null && stored.joins !== joinsOf(parts)) {
      throw new MissingPartError(
        'The flow was pointed at something else while the audit was going on; start a new one.',
      )
    }
    const position = (await context.store.progress.get(parts.flow.no))?.position ?? null
    if (stored === null && position === null) throw new MissingPartError(NOTHING_TO_COMPARE)
    const now = context.clock.now()
    const observedFrom = options.observations.observe()
    const checkpoint = stored ?? newAuditCheckpoint({ parts, position: position ?? now, now, observedFrom })
    this.#log.info({ resourcePath: this.#resourcePath, window: checkpoint.window }, 'audit started')
    return this.#writer.progress(async () => checkpoint)
  }

  #openSource({ base, sourceConnection }: FlowParts): Source {
    const { context, options, audit } = this.#request
    const observer = {
      requestSent: () => options.observer?.requestSent(this.#resourcePath),
      rateLimited: (reason: string) => options.observer?.rateLimited(this.#resourcePath, reason),
    }
    return openSource(context, base, sourceConnection.document.params, { owner: audit.id, observer })
  }

  async #compare(parts: FlowParts, source: Source, started: AuditCheckpoint): Promise<AuditCheckpoint> {
    const { context, options, stop, audit } = this.#request
    const { observations } = options
    const { resource, target } = parts
    const { records, audits } = context.store
    const patience = this.#patience
    const reader = new SourceReader({
      source,
      resourcePath: this.#resourcePath,
      observations,
      patience,
      stop: stop.immediate,
    })
    const committer = new AuditCommitter(
      {
        writer: this.#writer,
        auditNo: audit.no,
        target,
        observations,
        left: () => this.#left,
        onCommitted: () => patience.progress(),
      },
      started,
    )
    const onProgress = ({ pagesLeft }: { readonly pagesLeft: number }) => {
      this.#left = Math.round(pagesLeft * PAGE_SIZE)
    }
    const refine = refineForAudit({ resource, records, target }, reader)
    await readLists({ reader, committer, resource, mapper: null, refine, stop: stop.gentle, onProgress })
    this.#left = null
    await compareUnlisted({
      reader: source.readObject === undefined ? null : reader,
      committer,
      records,
      audits,
      auditNo: audit.no,
      target,
      isOwnRun: createOwnRunCheck(context, parts),
      stop: stop.gentle,
    })
    return committer.checkpoint
  }

  /** Everything is compared: what differs is left to a run, when it is to be mended. */
  async #end(parts: FlowParts, compared: AuditCheckpoint): Promise<void> {
    await this.#writer.end(async (scope) => {
      const isToMend = this.#request.audit.document.repair && driftOf(compared.counts)
      const repairRunId = isToMend ? await this.#insertRepair(scope, parts, compared) : null
      const note = isToMend && repairRunId === null ? [NOT_MENDED] : []
      const checkpoint = { ...compared, notes: [...compared.notes, ...note] }
      return { status: 'success', checkpoint, errors: [], repairRunId }
    })
    this.#log.info({ resourcePath: this.#resourcePath, counts: compared.counts }, 'audit ended')
  }

  /** Inserts the run that mends what was found; null when the flow no longer joins what was compared. */
  async #insertRepair(scope: StoreScope, parts: FlowParts, { window }: AuditCheckpoint): Promise<string | null> {
    const { context, audit } = this.#request
    const flow = (await scope.entities.getByNo(parts.flow.no)) as StoredEntity<Flow> | null
    if (flow === null || !(await isStillJoined(scope, parts))) return null
    const now = context.clock.now()
    const repair = { auditNo: audit.no, mendedUpTo: 0, done: false }
    const planned = newCheckpoint({ sourceName: parts.plugin.connectionSpec.name, now, window, repair })
    const checkpoint = { ...planned, notes: [`The run mends what audit ${audit.id} found.`] }
    const { createdBy: userId, createdClient: clientId } = audit.document
    const by = { userId, clientId }
    return (await insertRun(scope, context, { flow, params: {}, notBefore: now, by, checkpoint })).id
  }

  /** Ends the audit as failed. What it has found stays. */
  async #fail(cause: unknown): Promise<void> {
    const errors = describeFailure(cause, { job: 'audit', doing: 'Comparing with' })
    const fields = { resourcePath: this.#resourcePath, errors }
    if (isForeseen(cause)) this.#log.warn(fields, 'audit failed')
    else this.#log.error({ ...fields, err: cause }, 'audit failed')
    const { checkpoint } = this.#writer
    // The time to wait for the store may be over; then the audit is taken up again and fails when the store is back.
    this.#patience.progress()
    try {
      await this.#writer.end(async () => ({ status: 'failed', checkpoint, errors, repairRunId: null }))
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
  }
}

const NOTHING_TO_COMPARE = 'The flow has no successful run, so there is nothing to compare.'
const NOT_MENDED = 'Nothing was mended: the flow was deleted or pointed at something else meanwhile.'
