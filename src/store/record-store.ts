/** Records: what runs delivered, and the newest version of every object. */
import type { Observation } from './observation.ts'

export const RECORD_OPERATIONS = ['upsert', 'delete'] as const
export type RecordOperation = (typeof RECORD_OPERATIONS)[number]

/** The place that a run writes to. With the object id it is an object's identity: two flows into it double nothing. */
export interface RecordTarget {
  readonly dataSetNo: number
  readonly connectionSpecId: string
  readonly resourcePath: string
}

/** The event at the source because of which an object was read. */
export interface DeliveryCause {
  /** The source's id of the event. */
  readonly eventId: string
  readonly type: string
  /** When it happened at the source, ms since the epoch. */
  readonly createdAt: number
}

/** JSON text, as it is or in UTF-8. */
export type JsonText = string | Uint8Array

/** A record as observed at the source. */
export interface ObservedRecord {
  /** Null when the source declares no id; such records are append-only. */
  readonly objectId: string | null
  readonly operation: RecordOperation
  /** The source form; null on a delete. */
  readonly body: JsonText | null
  /** Equal hashes mean equal bodies. */
  readonly contentHash: string | null
  /** The row that the flow's mapping made of it; null without a mapping. */
  readonly mapped?: JsonText | null
  /** Creation at the source, Unix seconds; null when unknown. */
  readonly createdAt?: number | null
  /** When to read the object again although nothing announces a change, Unix seconds; null means never. */
  readonly revisitAt?: number | null
  /** Absent or null when it was not read because of an event. */
  readonly cause?: DeliveryCause | null
}

/** A record that the flow's mapping refused: it is kept beside the run and does not reach the dataset. */
export interface RefusedRecord {
  /** Counts from 1 in each run. */
  readonly number: number
  readonly objectId: string | null
  /** JSON text of the source form. */
  readonly body: string
  /** JSON text: why, as a list of `{path, message}`. */
  readonly reasons: string
}

export interface DeliverRequest extends Observation {
  readonly target: RecordTarget
  readonly runNo: number
  /** The run's `lastSequence` before this page. */
  readonly lastSequence: number
  readonly records: readonly ObservedRecord[]
  /** Delivers also what seems unchanged: what is stored is known to be damaged. @defaultValue false */
  readonly force?: boolean
}

/** Several pages of one run, in the order in which they are to be delivered. */
export interface DeliverPagesRequest extends Pick<DeliverRequest, 'target' | 'runNo' | 'lastSequence' | 'force'> {
  readonly pages: readonly Pick<DeliverRequest, 'observedAt' | 'overlap' | 'records'>[]
}

export interface DeliverResult {
  readonly created: number
  readonly updated: number
  readonly deleted: number
  /** Unchanged, or older than what is stored. */
  readonly skipped: number
  /** Delivered by this run already. */
  readonly repeated: number
  /**
   * Objects of which a request that was under way at the same time has stored another version. Nothing was done with them:
   * they are to be read again.
   */
  readonly undecided: readonly string[]
  /** UTF-8 bytes of the bodies written. */
  readonly bytes: number
  readonly lastSequence: number
}

/** One item of a run's delivery log, or the newest version of an object. */
export interface DeliveredRecord {
  readonly runNo: number
  readonly sequence: number
  readonly objectId: string | null
  readonly resourcePath: string
  readonly operation: RecordOperation
  /** ms since the epoch. */
  readonly observedAt: number
  readonly body: string | null
  /** JSON text of the mapped row; null without a mapping and on a delete. */
  readonly mapped: string | null
}

/** The newest version of an object as an audit sees it. */
export interface StoredVersion {
  readonly objectId: string
  /** Number of the run that delivered it; 0 when the object was deleted before it was ever delivered. */
  readonly runNo: number
  readonly contentHash: string | null
  readonly observedAt: number
  readonly deleted: boolean
  /** JSON text of the source form; null on a delete. */
  readonly body: string | null
}

/** An object that is to be looked at again. */
export interface DueObject {
  readonly objectId: string
  /** Unix seconds. */
  readonly createdAt: number
}

export interface ObjectPosition {
  readonly objectId: string
  readonly recordSetNo: number
}

/** One version of an object in one record set. */
export interface VersionPosition {
  readonly recordSetNo: number
  readonly runNo: number
  readonly sequence: number
}

/** A version of an object as it was delivered. */
export interface RecordVersion {
  readonly position: VersionPosition
  /** Null when the run is no longer there. */
  readonly runId: string | null
  readonly resourcePath: string
  readonly operation: RecordOperation
  /** ms since the epoch. */
  readonly observedAt: number
  /** JSON text of the source form; null on a delete. */
  readonly body: string | null
  readonly cause: DeliveryCause | null
}

export interface CurrentRecord extends DeliveredRecord {
  readonly position: ObjectPosition
}

export interface RecordStore {
  /**
   * Appends to the run's delivery log what is new or changed and moves the objects' newest versions. Call it in the
   * transaction that also saves the run's state. An object that the run has delivered before is left out: a run never
   * repeats an id, also when another run has delivered it in between. An object found unchanged counts as observed now and
   * keeps its `revisitAt`. A deletion of an object that was never delivered leaves a tombstone, which `current` does not
   * show, and delivers nothing.
   */
  deliver(request: DeliverRequest): Promise<DeliverResult>
  /** Does the same for several pages, as if one after the other, in fewer steps. One result for each page. */
  deliverPages(request: DeliverPagesRequest): Promise<readonly DeliverResult[]>
  /** A page of the delivery log, in order, after `afterSequence`. Costs the same at any depth. */
  delivered(runNo: number, afterSequence: number, limit: number): Promise<readonly DeliveredRecord[]>
  /** Which of these objects have been observed at `since` (ms) or later, deleted ones included. */
  observedSince(target: RecordTarget, objectIds: readonly string[], since: number): Promise<ReadonlySet<string>>
  /** The newest versions of these objects, deleted ones included, in any order; an unknown id is left out. */
  versionsOf(target: RecordTarget, objectIds: readonly string[]): Promise<readonly StoredVersion[]>
  /** Notes that these objects were observed as they are stored, at `observedAt` (ms); an older observation counts for nothing. */
  confirm(target: RecordTarget, objectIds: readonly string[], observedAt: number): Promise<void>
  /**
   * Objects that are there and whose `revisitAt` lies at or before `dueAt` (Unix seconds; Infinity for all that have
   * one), newest creation first, at most `limit`. Objects of unknown creation are left out.
   */
  dueForRevisit(target: RecordTarget, dueAt: number, limit: number): Promise<readonly DueObject[]>
  /**
   * Objects that are there and have not been observed since `before` (ms, exclusive), in the order of their ids (by
   * bytes), after `afterId`.
   */
  notObservedSince(
    target: RecordTarget,
    before: number,
    afterId: string | null,
    limit: number,
  ): Promise<readonly Omit<StoredVersion, 'body'>[]>
  /** Keeps the records that a run's mapping refused, in the transaction that stores the rest of their page. */
  refuse(runNo: number, records: readonly RefusedRecord[]): Promise<void>
  /** The records that a run has refused, after `afterNumber`. */
  refused(runNo: number, afterNumber: number, limit: number): Promise<readonly RefusedRecord[]>
  /** Which of these objects a run has refused. */
  refusedAmong(runNo: number, objectIds: readonly string[]): Promise<ReadonlySet<string>>
  /** Forgets what a run has refused, before it reads its window anew. */
  forgetRefused(runNo: number): Promise<void>
  /** The newest version of every object of a dataset, ordered by object id (by bytes), after `after`. */
  current(
    dataSetNo: number,
    after: ObjectPosition | null,
    limit: number,
    includeDeleted: boolean,
  ): Promise<readonly CurrentRecord[]>
  /** Where the versions of an object begin: the newest one of each record set of the dataset that has got it. */
  newestVersions(dataSetNo: number, objectId: string, resourcePath: string | null): Promise<readonly VersionPosition[]>
  /** A version of an object and those before it, newest first, at most `limit`. Costs the same at any depth. */
  versionsFrom(position: VersionPosition, limit: number): Promise<readonly RecordVersion[]>
  /**
   * Fixes the end of a page that was served short while its run was going on, so that it reads the same ever after.
   * Returns the end that counts: the one fixed first.
   */
  fixPageEnd(runNo: number, afterSequence: number, limit: number, endSequence: number): Promise<number>
  /** The fixed end of that page, or null. */
  fixedPageEnd(runNo: number, afterSequence: number, limit: number): Promise<number | null>
  /** Removes all records of a dataset. */
  deleteDataSet(dataSetNo: number): Promise<void>
}
