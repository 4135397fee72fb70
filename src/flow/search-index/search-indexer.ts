import { setImmediate } from 'node:timers/promises'
import type {
  IndexableDelivery,
  IndexWork,
  ObsoleteTerm,
  PublishTermsRequest,
  Store,
  VersionBody,
} from '../../store/store.ts'
import { Exclusive } from './exclusive.ts'
import { termNumbersOf } from './record-terms.ts'
import { SegmentBuilder } from './segment-builder.ts'

/** Runs looked at together. */
const RUNS_AT_ONCE = 100

/** How much is done at once. */
export interface IndexLimits {
  /** Deliveries that a search waits for; when more are pending, it reads the records instead. */
  readonly waitFor: number
  /** From so many pending deliveries on they get a segment of their own. */
  readonly segmentFrom: number
  /** Deliveries in one segment, at most 16384. */
  readonly segmentTo: number
  /** Deliveries that go into the collecting segment in one transaction. */
  readonly collected: number
  /** Obsolete terms that one transaction removes; with more of them a segment ends early. */
  readonly obsolete: number
  /** Deliveries whose terms are made before everything else in the process gets a turn. */
  readonly slice: number
  /** Terms stored in one transaction: runs wait some milliseconds for it. */
  readonly terms: number
}

const LIMITS: IndexLimits = {
  waitFor: 4_000,
  segmentFrom: 4_000,
  segmentTo: 16_000,
  collected: 250,
  obsolete: 20_000,
  slice: 100,
  terms: 4_000,
}

export interface SearchIndexerOptions {
  readonly store: Store
  /** The connection specs whose records can be searched. */
  readonly specIds: () => readonly string[]
  readonly limits?: IndexLimits
}

/** Brings the search index up to what runs have delivered. One indexer for each store. */
export class SearchIndexer {
  readonly #store: Store
  readonly #specIds: () => readonly string[]
  readonly #limits: IndexLimits
  readonly #building = new Exclusive()
  readonly #gate = new Exclusive()
  #prepared: Promise<void> | undefined

  constructor({ store, specIds, limits = LIMITS }: SearchIndexerOptions) {
    this.#store = store
    this.#specIds = specIds
    this.#limits = limits
  }

  /**
   * Puts everything into the index that was delivered to a dataset before the call, when that is little enough to wait
   * for. False when the index is still behind.
   */
  async catchUp(dataSetNo: number): Promise<boolean> {
    const asked = await this.#pending(dataSetNo)
    if (asked.length === 0) return true
    if (asked.length === RUNS_AT_ONCE || sizeOf(asked) > this.#limits.waitFor) return false
    const isAsked = (work: IndexWork) => asked.some((each) => isSameRun(each, work) && isBehind(work, each))
    while ((await this.#indexFirst(dataSetNo, isAsked)) > 0) continue
    // What was asked for could be among those that are not told of.
    return (await this.#pending(dataSetNo)).length < RUNS_AT_ONCE
  }

  /**
   * Puts some of what is pending into the index. Returns how many deliveries, 0 when there are none. What a run that is
   * going on delivers is left until there is a segment of it: little by little it would go all over the collecting one.
   */
  indexSome(): Promise<number> {
    return this.#indexFirst(null, (work) => !work.isGoingOn || pendingOf(work) >= this.#limits.segmentFrom)
  }

  /** How many deliveries are pending; not all when that is very much. */
  async backlog(): Promise<number> {
    return sizeOf(await this.#pending(null))
  }

  /** Lets go of the runs that have ended well and are in the index. */
  async settle(): Promise<void> {
    while ((await this.#store.searchIndex.settle(RUNS_AT_ONCE)) === RUNS_AT_ONCE) continue
  }

  /** Reads the index while nothing that it tells moves from one segment to another. */
  read<T>(work: () => Promise<T>): Promise<T> {
    return this.#gate.run(work)
  }

  #pending(dataSetNo: number | null): Promise<readonly IndexWork[]> {
    return this.#store.searchIndex.pending(this.#specIds(), dataSetNo, RUNS_AT_ONCE)
  }

  /** Where a run stands is read when its turn has come: whoever was building before may have moved it. */
  #indexFirst(dataSetNo: number | null, isAsked: (work: IndexWork) => boolean): Promise<number> {
    return this.#building.run(async () => {
      const work = (await this.#pending(dataSetNo)).find(isAsked)
      if (work === undefined) return 0
      this.#prepared ??= this.#store.searchIndex.dropOpenSegments()
      try {
        await this.#prepared
        return await this.#index(work)
      } catch (error) {
        // What it has begun is dropped before anything else is.
        this.#prepared = undefined
        throw error
      }
    })
  }

  /** Returns how many deliveries are in the index now; 0 when the dataset is gone. */
  async #index(work: IndexWork): Promise<number> {
    const { segmentFrom, segmentTo, collected } = this.#limits
    const batch = await this.#collect(work, pendingOf(work) >= segmentFrom ? segmentTo : collected)
    const isPublished = await this.#write(work, batch)
    return isPublished ? batch.toSequence - work.indexedSequence : 0
  }

  async #write(work: IndexWork, { toSequence, terms, obsolete }: Batch): Promise<boolean> {
    const request = { work, toSequence, segmentNo: null, terms: [], obsolete }
    if (terms.size <= this.#limits.collected) {
      return this.#publish({ ...request, terms: [...terms.parts(Infinity)].flat() })
    }
    const segmentNo = await this.#writeSegment(work, terms)
    return segmentNo !== null && this.#publish({ ...request, segmentNo })
  }

  #publish(request: PublishTermsRequest): Promise<boolean> {
    return this.#gate.run(() => this.#store.searchIndex.publish(request))
  }

  async #collect(work: IndexWork, most: number): Promise<Batch> {
    const terms = new SegmentBuilder()
    const obsolete: ObsoleteTerm[] = []
    let toSequence = work.indexedSequence
    for (let left = most; left > 0 && obsolete.length < this.#limits.obsolete;) {
      const asked = Math.min(this.#limits.slice, left)
      const deliveries = await this.#store.searchIndex.deliveries(work, toSequence, asked)
      obsolete.push(...(await this.#takeTerms(work, deliveries, terms)))
      if (deliveries.length < asked) return { toSequence: work.lastSequence, terms, obsolete }
      toSequence = deliveries.at(-1)!.sequence
      left -= asked
      await setImmediate()
    }
    return { toSequence, terms, obsolete }
  }

  /** Adds the terms of newest versions to `terms`. Returns those of the versions that were replaced. */
  async #takeTerms(
    work: IndexWork,
    deliveries: readonly IndexableDelivery[],
    terms: SegmentBuilder,
  ): Promise<readonly ObsoleteTerm[]> {
    for (const { objectId, isNewest, newest } of deliveries) {
      if (isNewest && newest !== null) terms.add(objectId, termNumbersOf(newest.body, work.resourcePath))
    }
    const replacing = deliveries.filter(({ replaced }) => replaced !== null)
    const replacedIn = await this.#segmentsOf(work, replacing, ({ replaced }) => replaced)
    const newestIn = await this.#segmentsOf(work, replacing, (each) => (each.isNewestIndexed ? each.newest : null))
    return replacing.flatMap((delivery, index) => {
      const { objectId, isNewest, newest, replaced } = delivery
      const segmentNo = replacedIn[index] ?? null
      const obsolete = termNumbersOf(replaced!.body, work.resourcePath)
      // A newer version may be in the same segment already, and needs the terms that both have.
      const isShared = !isNewest && newest !== null && newestIn[index] === segmentNo
      const kept = isShared ? termNumbersOf(newest.body, work.resourcePath) : NONE
      return [...obsolete].filter((term) => !kept.has(term)).map((term) => ({ term, objectId, segmentNo }))
    })
  }

  /** For each delivery the segment of one of its versions, null for the collecting one; undefined without the version. */
  async #segmentsOf(
    { recordSetNo }: IndexWork,
    deliveries: readonly IndexableDelivery[],
    versionOf: (delivery: IndexableDelivery) => VersionBody | null,
  ): Promise<readonly (number | null | undefined)[]> {
    const versions = deliveries.map(versionOf)
    const known = versions.filter((version) => version !== null)
    const segmentNos = await this.#store.searchIndex.segmentsOf(recordSetNo, known)
    let place = 0
    return versions.map((version) => (version === null ? undefined : segmentNos[place++]))
  }

  /** The number of the segment; null when the dataset is gone. */
  async #writeSegment(work: IndexWork, terms: SegmentBuilder): Promise<number | null> {
    const { searchIndex } = this.#store
    const segmentNo = await searchIndex.openSegment(work)
    if (segmentNo === null) return null
    for (const part of terms.parts(this.#limits.terms)) {
      if (!(await searchIndex.fillSegment(segmentNo, part))) return null
    }
    return segmentNo
  }
}

/** What is to be written of some deliveries. */
interface Batch {
  /** Everything up to this delivery is in it. */
  readonly toSequence: number
  readonly terms: SegmentBuilder
  readonly obsolete: readonly ObsoleteTerm[]
}

const NONE: ReadonlySet<number> = new Set()

function pendingOf({ indexedSequence, lastSequence }: IndexWork): number {
  return lastSequence - indexedSequence
}

function sizeOf(pending: readonly IndexWork[]): number {
  return pending.reduce((sum, work) => sum + pendingOf(work), 0)
}

function isSameRun(left: IndexWork, right: IndexWork): boolean {
  return left.recordSetNo === right.recordSetNo && left.runNo === right.runNo
}

/** Whether `work` has not come to the end that `asked` knows of. */
function isBehind(work: IndexWork, asked: IndexWork): boolean {
  return work.indexedSequence < asked.lastSequence
}
