import { insertBatch } from '../../catalog/batch.ts'
import type { Clock } from '../../clock.ts'
import type { RunState, RunStatus, Store, StoredEntity, StoreScope } from '../../store/store.ts'
import { createEtag } from '../etag.ts'
import type { Flow, LastRunDetails, Run } from '../types.ts'
import { allOver } from '../../all-over.ts'
import type { Checkpoint } from './checkpoint.ts'
import { Stopped, type Patience } from './patience.ts'
import { transactPatiently } from './patient-transaction.ts'
import { runDocument, type RunErrors } from './run-document.ts'
import { tenantOf } from './run-parts.ts'

export interface RunWriterOptions {
  readonly store: Store
  readonly clock: Clock
  readonly patience: Patience
  readonly publicUrl: () => string
  readonly state: RunState
  readonly run: StoredEntity<Run>
  readonly flow: StoredEntity<Flow>
}

/** What a transaction wrote; it counts once committed. */
export interface Saved {
  readonly state: RunState
  readonly run: StoredEntity<Run>
}

export interface RunEnd {
  readonly status: 'success' | 'failed'
  /** Null when the run failed before it was planned. */
  readonly checkpoint: Checkpoint | null
  readonly errors: RunErrors
  /** Null when it is not known because a part of the flow is missing. */
  readonly dataSetId: string | null
  readonly apiVersion: string | null
}

/** The durable side of one run: the engine's state, the wire form, the flow's last run and the batch change together. */
export class RunWriter {
  readonly #options: RunWriterOptions
  /** As last committed. */
  #state: RunState
  #run: StoredEntity<Run>

  constructor(options: RunWriterOptions) {
    this.#options = options
    this.#state = options.state
    this.#run = options.run
  }

  get state(): RunState {
    return this.#state
  }

  /**
   * Does the work in one transaction, unless somebody else has ended the run: then it throws `Stopped`. A store that is
   * locked or full is waited for like a source that does not answer.
   */
  async write<T>(work: (scope: StoreScope) => Promise<{ saved: Saved; result: T }>): Promise<T> {
    const { saved, result } = await transactPatiently(this.#options, async (scope) => {
      const [, done] = await allOver([this.#assertOpen(scope), work(scope)])
      return done
    })
    this.#state = saved.state
    this.#run = saved.run
    return result
  }

  /** The run goes on: its checkpoint and the wire form that follows from it. */
  async saveProgress(
    scope: StoreScope,
    checkpoint: Checkpoint,
    lastSequence = this.#state.lastSequence,
  ): Promise<Saved> {
    return this.#save(scope, { ...this.#state, status: 'inProgress', lastSequence }, checkpoint, [])
  }

  /** The run begins or goes on after a pause; shown on its flow. */
  async saveStart(scope: StoreScope, checkpoint: Checkpoint): Promise<Saved> {
    await this.#showOnFlow(scope, 'inProgress', { startedAtUTC: checkpoint.startedAt })
    return this.saveProgress(scope, checkpoint)
  }

  async saveEnd(scope: StoreScope, { status, checkpoint, errors, dataSetId, apiVersion }: RunEnd): Promise<Saved> {
    const now = this.#options.clock.now()
    await this.#showOnFlow(scope, status, { startedAtUTC: checkpoint?.startedAt ?? now, completedAtUTC: now })
    if (checkpoint !== null && dataSetId !== null) {
      await this.#recordBatch(scope, checkpoint, { status, errors, dataSetId, apiVersion })
    }
    return this.#save(scope, { ...this.#state, status }, checkpoint, errors)
  }

  async #save(scope: StoreScope, state: RunState, checkpoint: Checkpoint | null, errors: RunErrors): Promise<Saved> {
    const { clock, publicUrl } = this.#options
    const now = clock.now()
    const { status } = state
    const saved = { ...state, checkpoint: checkpoint === null ? null : JSON.stringify(checkpoint) }
    const flow = this.#options.flow.document
    const request = { run: this.#run.document, flow, status, checkpoint, errors, now, publicUrl: publicUrl() }
    const document = runDocument(request)
    if (status === this.#state.status) {
      await allOver([scope.runs.save(saved), scope.entities.updateDocument(this.#run, document)])
      return { state: saved, run: { ...this.#run, document } }
    }
    await scope.runs.save(saved)
    const etag = createEtag(now, this.#run.etag)
    const changed = { ...document, etag, eTag: etag }
    if (!(await scope.entities.update(this.#run, { etag, document: changed }))) throw new Stopped()
    return { state: saved, run: { ...this.#run, etag, document: changed } }
  }

  async #showOnFlow(scope: StoreScope, state: RunStatus, times: Partial<LastRunDetails>): Promise<void> {
    const flow = await scope.entities.getByNo(this.#options.flow.no)
    if (flow === null) return
    const lastRunDetails = { id: this.#run.id, state, ...times }
    await scope.entities.updateDocument(flow, { ...flow.document, lastRunDetails })
  }

  /** The batch by which the catalog knows what the run has landed. */
  async #recordBatch(
    scope: StoreScope,
    { batchId, startedAt, counts }: Checkpoint,
    end: Pick<RunEnd, 'status' | 'errors' | 'apiVersion'> & { readonly dataSetId: string },
  ): Promise<void> {
    const { createdBy, createdClient } = this.#run.document
    await insertBatch(scope, {
      tenant: tenantOf(this.#run),
      batchId,
      runNo: this.#run.no,
      runId: this.#run.id,
      ...end,
      startedAt,
      completedAt: this.#options.clock.now(),
      recordsRead: counts.input,
      recordsWritten: counts.created + counts.updated + counts.deleted,
      recordsFailed: counts.failed,
      bytes: counts.outputBytes,
      by: { userId: createdBy, clientId: createdClient },
    })
  }

  async #assertOpen(scope: StoreScope): Promise<void> {
    const stored = await scope.runs.get(this.#state.runNo)
    if (stored?.status !== 'inProgress' && stored?.status !== 'scheduled') throw new Stopped()
  }
}
