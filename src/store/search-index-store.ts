import type { CurrentRecord, ObjectPosition } from './record-store.ts'

/**
 * The index by which records are searched: for every term the ids of the objects that have it. It follows the deliveries at
 * its own pace, and each term belongs to a segment. A large part of a run is a segment of its own, written once in the order
 * of its terms; whatever is small goes into the record set's collecting segment.
 *
 * The index may name an object too many, never one too few: every object whose newest version is up to a run's
 * `indexedSequence` is in it with all of its terms. Only one caller at a time may change the index.
 */
export interface SearchIndexStore {
  /**
   * Runs with deliveries that are not in the index yet, of one dataset or (null) of all, to record sets of these
   * connection specs, in any order; at most `limit`.
   */
  pending(connectionSpecIds: readonly string[], dataSetNo: number | null, limit: number): Promise<readonly IndexWork[]>
  /** The record sets of a dataset that belong to these connection specs. */
  recordSets(dataSetNo: number, connectionSpecIds: readonly string[]): Promise<readonly SearchedRecordSet[]>
  /** What the run of `work` has delivered after `afterSequence` up to `work.lastSequence`, in order. */
  deliveries(work: IndexWork, afterSequence: number, limit: number): Promise<readonly IndexableDelivery[]>
  /** The segment in which each of these versions was indexed, in their order; null for the collecting segment. */
  segmentsOf(recordSetNo: number, versions: readonly DeliveryVersion[]): Promise<readonly (number | null)[]>
  /** The number of a new segment of the record set, which is not searched before it is published; null when that is gone. */
  openSegment(work: IndexWork): Promise<number | null>
  /** Adds terms to an open segment; false, and nothing added, when it is gone with its dataset. */
  fillSegment(segmentNo: number, terms: readonly IndexedTerm[]): Promise<boolean>
  /**
   * Takes obsolete terms out of the index and what was delivered up to `toSequence` in, in one transaction. Returns false,
   * and changes nothing, when the run stands elsewhere by now or its dataset is gone.
   */
  publish(request: PublishTermsRequest): Promise<boolean>
  /** Removes what an earlier process has begun and not published. Call it before anything else changes the index. */
  dropOpenSegments(): Promise<void>
  /** Marks runs that have ended well and are in the index, so that they need not be looked at again. Returns how many. */
  settle(limit: number): Promise<number>
  /** The segments to search for these record sets. */
  segments(recordSetNos: readonly number[]): Promise<readonly SearchSegment[]>
  /** For each list the ids of the objects of its segment that have its term, in order (by bytes), from `fromId` on. */
  objectsWith(lists: readonly TermList[], fromId: string, limit: number): Promise<readonly (readonly string[])[]>
  /** The newest versions at these positions, in their order; what is deleted or unknown is left out. */
  present(dataSetNo: number, positions: readonly ObjectPosition[]): Promise<readonly CurrentRecord[]>
}

/** Deliveries of a run to a record set that are to be indexed. */
export interface IndexWork {
  readonly dataSetNo: number
  readonly recordSetNo: number
  readonly resourcePath: string
  readonly runNo: number
  /** Deliveries up to this one are in the index. */
  readonly indexedSequence: number
  /** The run's last delivery so far. */
  readonly lastSequence: number
  /** Whether the run is going on, so that more is to come. */
  readonly isGoingOn: boolean
}

export interface SearchedRecordSet {
  readonly recordSetNo: number
  readonly resourcePath: string
}

/** A version of an object by its delivery. */
export interface DeliveryVersion {
  readonly runNo: number
  readonly sequence: number
}

export interface VersionBody extends DeliveryVersion {
  /** JSON text of the source form. */
  readonly body: string
}

export interface IndexableDelivery {
  readonly sequence: number
  readonly objectId: string
  /** Whether nothing has replaced this version so far. */
  readonly isNewest: boolean
  /** The newest version of the object; null when that is a deletion. */
  readonly newest: VersionBody | null
  /** Whether the newest version is in the index. */
  readonly isNewestIndexed: boolean
  /** The version that this one replaced, unless there was none or it was a deletion. */
  readonly replaced: VersionBody | null
}

/** A term that an object has. Terms are numbers made from their text; two texts that share one only cost time. */
export interface IndexedTerm {
  /** A whole number, 0 to 2 ** 53 - 1. */
  readonly term: number
  readonly objectId: string
}

export interface ObsoleteTerm extends IndexedTerm {
  /** Where it was indexed, null for the collecting segment. */
  readonly segmentNo: number | null
}

export interface PublishTermsRequest {
  readonly work: IndexWork
  /** Everything after `work.indexedSequence` and up to this delivery is in the request or in the open segment. */
  readonly toSequence: number
  /** The segment that was filled, if any. */
  readonly segmentNo: number | null
  /** Goes into the collecting segment. */
  readonly terms: readonly IndexedTerm[]
  readonly obsolete: readonly ObsoleteTerm[]
}

/** The objects of a segment that have a term. */
export interface TermList {
  readonly segmentNo: number
  readonly term: number
}

export interface SearchSegment {
  readonly no: number
  readonly recordSetNo: number
}
