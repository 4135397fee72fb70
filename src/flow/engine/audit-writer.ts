import type { Clock } from '../../clock.ts'
import type { RunState, Store, StoredEntity, StoreScope } from '../../store/store.ts'
import { createEtag } from '../etag.ts'
import type { AuditCheckpoint } from './audit-checkpoint.ts'
import { auditDocument, type Audit, type AuditState } from './audit-document.ts'
import { Stopped, type Patience } from './patience.ts'
import { transactPatiently } from './patient-transaction.ts'
import type { RunErrors } from './run-document.ts'

export interface AuditWriterOptions {
  readonly store: Store
  readonly clock: Clock
  readonly patience: Patience
  readonly state: RunState
  readonly audit: StoredEntity<Audit>
}

/** What a transaction wrote; it counts once committed. */
interface Saved {
  readonly state: RunState
  readonly audit: StoredEntity<Audit>
}

export interface AuditEnd {
  readonly status: 'success' | 'failed'
  readonly checkpoint: AuditCheckpoint | null
  readonly errors: RunErrors
  readonly repairRunId: string | null
}

/** The durable side of one audit: the engine's state and the wire form change together. */
export class AuditWriter {
  readonly #options: AuditWriterOptions
  /** As last committed. */
  #saved: Saved

  constructor(options: AuditWriterOptions) {
    this.#options = options
    this.#saved = options
  }

  /** As last committed; null before the audit has started. */
  get checkpoint(): AuditCheckpoint | null {
    const { checkpoint } = this.#saved.state
    if (checkpoint === null) return null
    // One that an earlier version wrote does not tell what was left out.
    const stored = JSON.parse(checkpoint) as AuditCheckpoint
    return { ...stored, leftOut: stored.leftOut ?? [] }
  }

  /**
   * Stores how far the audit has come with what `work` writes, in one transaction.
   * @param left - estimate of the objects that are left to compare, null when unknown
   */
  async progress(
    work: (scope: StoreScope) => Promise<AuditCheckpoint>,
    left: number | null = null,
  ): Promise<AuditCheckpoint> {
    return this.#write(async (scope) => {
      const checkpoint = await work(scope)
      const state = { status: 'inProgress', checkpoint, errors: [], left, repairRunId: null } as const
      return { saved: await this.#save(scope, state), result: checkpoint }
    })
  }

  async end(work: (scope: StoreScope) => Promise<AuditEnd>): Promise<void> {
    await this.#write(async (scope) => {
      const end = await work(scope)
      return { saved: await this.#save(scope, { ...end, left: 0 }), result: null }
    })
  }

  /** Throws `Stopped` when somebody else has ended the audit. */
  async #write<T>(work: (scope: StoreScope) => Promise<{ saved: Saved; result: T }>): Promise<T> {
    const { saved, result } = await transactPatiently(this.#options, async (scope) => {
      const stored = await scope.runs.get(this.#saved.state.runNo)
      if (stored?.status !== 'inProgress' && stored?.status !== 'scheduled') throw new Stopped()
      return work(scope)
    })
    this.#saved = saved
    return result
  }

  async #save(scope: StoreScope, change: Omit<AuditState, 'now'>): Promise<Saved> {
    const { state, audit } = this.#saved
    const { status, checkpoint } = change
    const now = this.#options.clock.now()
    const document = auditDocument(audit.document, { ...change, now })
    const saved = { ...state, status, checkpoint: checkpoint === null ? null : JSON.stringify(checkpoint) }
    await scope.runs.save(saved)
    if (status === state.status) {
      await scope.entities.updateDocument(audit, document)
      return { state: saved, audit: { ...audit, document } }
    }
    const etag = createEtag(now, audit.etag)
    const changed = { ...document, etag }
    if (!(await scope.entities.update(audit, { etag, document: changed }))) throw new Stopped()
    return { state: saved, audit: { ...audit, etag, document: changed } }
  }
}
