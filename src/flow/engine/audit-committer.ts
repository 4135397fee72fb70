import { FatalSourceError } from '../../plugins/plugin.ts'
import type { Observation, RecordTarget, StoreScope } from '../../store/store.ts'
import { countCompared, type AuditCheckpoint } from './audit-checkpoint.ts'
import type { AuditWriter } from './audit-writer.ts'
import { CommitQueue } from './commit-queue.ts'
import { compareVersions } from './compare-versions.ts'
import type { ObservationClock } from './observation-clock.ts'
import type { ObservedRecords } from './observe-records.ts'

/** Something read and how far the audit has come with it. */
export interface PageToCompare {
  readonly observed: ObservedRecords
  /** Ids of objects that the source no longer has. */
  readonly gone?: readonly string[]
  readonly observation: Observation
  /** The checkpoint after it but for the counts. */
  readonly advance: (checkpoint: AuditCheckpoint) => AuditCheckpoint
}

export interface AuditCommitterOptions {
  readonly writer: AuditWriter
  readonly auditNo: number
  readonly target: RecordTarget
  readonly observations: ObservationClock
  /** Estimate of the objects that are left to compare; null when unknown. */
  readonly left: () => number | null
  /** After each transaction. */
  readonly onCommitted: () => void
}

/** Compares what an audit reads with the dataset and stores what differs with its checkpoint. */
export class AuditCommitter {
  readonly #options: AuditCommitterOptions
  readonly #queue = new CommitQueue<PageToCompare>((pages) => this.#store(pages))
  #checkpoint: AuditCheckpoint

  constructor(options: AuditCommitterOptions, checkpoint: AuditCheckpoint) {
    this.#options = options
    this.#checkpoint = checkpoint
  }

  /** As last committed. */
  get checkpoint(): AuditCheckpoint {
    return this.#checkpoint
  }

  /** Pages that are read and not yet compared. */
  get waiting(): number {
    return this.#queue.waiting
  }

  /** Resolves when the page is compared and its findings are stored. */
  async commit(page: PageToCompare): Promise<void> {
    const { connectionSpecId, resourcePath } = this.#options.target
    if (page.observed.records.some(({ objectId }) => objectId === null)) {
      const of = `${resourcePath} of connection spec ${connectionSpecId}`
      throw new FatalSourceError('request', `The records of ${of} have no ids, so they cannot be compared one by one.`)
    }
    await this.#queue.add(page)
  }

  async #store(pages: readonly PageToCompare[]): Promise<void> {
    const { writer, observations, left, onCommitted } = this.#options
    this.#checkpoint = await writer.progress(async (scope) => {
      let checkpoint = this.#checkpoint
      for (const page of pages) checkpoint = await this.#compare(scope, page, checkpoint)
      await observations.save(scope.settings)
      return checkpoint
    }, left())
    onCommitted()
  }

  async #compare(scope: StoreScope, page: PageToCompare, before: AuditCheckpoint): Promise<AuditCheckpoint> {
    const { auditNo, target } = this.#options
    const { observed, gone = [], observation, advance } = page
    const ids = new Set([...observed.records.flatMap(({ objectId }) => objectId ?? []), ...gone])
    const versions = await scope.records.versionsOf(target, [...ids])
    const stored = new Map(versions.map((version) => [version.objectId, version]))
    const { findings, confirmed } = compareVersions({ records: observed.records, gone, observation }, stored)
    await scope.records.confirm(target, confirmed, observation.observedAt)

    const found = await scope.audits.found(auditNo, [...ids])
    const added = findings.filter(({ objectId }) => !found.has(objectId))
    await scope.audits.addFindings(auditNo, added)
    // An object that stands in several lists counts once.
    const isNew = (id: string) => !found.has(id) && (stored.get(id)?.observedAt ?? 0) < before.observedFrom
    const compared = [...ids].filter(isNew).length
    return { ...advance(before), counts: countCompared(before.counts, compared, added) }
  }
}
