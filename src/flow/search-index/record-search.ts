import type { Logger } from '../../logger.ts'
import {
  candidateTerms,
  checkFields,
  matches,
  parseQuery,
  SEARCHABLE_RESOURCES,
  SearchQueryError,
  type SearchQuery,
} from '../../search/search-query.ts'
import type { CurrentRecord, ObjectPosition, SearchedRecordSet, Store } from '../../store/store.ts'
import { findCandidates } from './candidates.ts'
import { asQueryFault } from './query-fault.ts'
import { objectOf, termNumber } from './record-terms.ts'
import type { SearchIndexer } from './search-indexer.ts'

/** A question in Stripe's search language. */
export interface RecordQuery {
  readonly text: string
  /** Takes parentheses, and AND beside OR, which Stripe refuses. */
  readonly isLenient: boolean
}

export interface FoundRecords {
  readonly records: readonly CurrentRecord[]
  /** Where the search goes on; null when everything was looked at. */
  readonly next: ObjectPosition | null
}

export interface RecordSearch {
  /**
   * The newest versions in a dataset that match a query, in the order of the dataset's records, after `after`. Everything
   * committed before the call counts. After looking at `MOST_EXAMINED` records it ends, with fewer than `limit` found.
   *
   * @throws FlowServiceError 1452-400 when Stripe would refuse the query, or no resource of the dataset knows its fields
   */
  search(dataSetNo: number, query: RecordQuery, after: ObjectPosition | null, limit: number): Promise<FoundRecords>
}

export interface RecordSearchParts {
  readonly store: Store
  readonly logger: Logger
  readonly indexer: SearchIndexer
  /** The connection specs whose records can be searched. */
  readonly specIds: () => readonly string[]
}

/** Records looked at for one page. */
export const MOST_EXAMINED = 10_000

/** Records read together: first as many as the page may hold, then more and more, as few of them match. */
const FEWEST_AT_ONCE = 100
const MOST_AT_ONCE = 400

/** A stretch of records in the order of a dataset. */
interface Stretch {
  readonly records: readonly CurrentRecord[]
  /** Where the next one begins; null when there is none. */
  readonly end: ObjectPosition | null
}

type Read = (after: ObjectPosition | null, count: number) => Promise<Stretch>

export function createRecordSearch({ store, logger, indexer, specIds }: RecordSearchParts): RecordSearch {
  return {
    async search(dataSetNo, query, after, limit) {
      const recordSets = await store.searchIndex.recordSets(dataSetNo, specIds())
      const parsed = parse(query, recordSets)
      const searched = recordSets.filter(({ resourcePath }) => fits(parsed, resourcePath))
      const recordSetNos = new Set(searched.map(({ recordSetNo }) => recordSetNo))
      if (recordSetNos.size === 0) return { records: [], next: null }
      const read = await chooseReading(dataSetNo, parsed, [...recordSetNos])
      const isHit = ({ position, body }: CurrentRecord) =>
        recordSetNos.has(position.recordSetNo) && body !== null && isMatch(parsed, body)
      return collect(read, isHit, after, limit)
    },
  }

  /** The index names few records when the query has a term to ask for; else all of them are read. */
  async function chooseReading(dataSetNo: number, query: SearchQuery, recordSetNos: readonly number[]): Promise<Read> {
    const terms = candidateTerms(query)
    if (terms === null || !(await isIndexed(dataSetNo))) return (after, count) => readAll(dataSetNo, after, count)
    const request = { recordSetNos, terms: [...new Set(terms.map(termNumber))] }
    return (after, count) => readCandidates(dataSetNo, { ...request, after, limit: count })
  }

  /** An index that cannot be written at the moment is no reason not to search. */
  async function isIndexed(dataSetNo: number): Promise<boolean> {
    try {
      return await indexer.catchUp(dataSetNo)
    } catch (error) {
      logger.warn({ err: error }, 'the search index cannot be brought up to date, a search reads the records instead')
      return false
    }
  }

  async function readAll(dataSetNo: number, after: ObjectPosition | null, count: number): Promise<Stretch> {
    const records = await store.records.current(dataSetNo, after, count, false)
    return { records, end: records.length < count ? null : records.at(-1)!.position }
  }

  async function readCandidates(dataSetNo: number, request: Parameters<typeof findCandidates>[1]): Promise<Stretch> {
    const candidates = await indexer.read(() => findCandidates(store.searchIndex, request))
    const records = await store.searchIndex.present(dataSetNo, candidates)
    return { records, end: candidates.length < request.limit ? null : candidates.at(-1)! }
  }
}

async function collect(
  read: Read,
  isHit: (record: CurrentRecord) => boolean,
  after: ObjectPosition | null,
  limit: number,
): Promise<FoundRecords> {
  const records: CurrentRecord[] = []
  let position = after
  let count = Math.min(Math.max(limit + 1, FEWEST_AT_ONCE), MOST_AT_ONCE)
  for (let left = MOST_EXAMINED; left > 0;) {
    count = Math.min(count, left)
    left -= count
    const stretch = await read(position, count)
    records.push(...stretch.records.filter(isHit))
    if (records.length > limit) return { records: records.slice(0, limit), next: records[limit - 1]!.position }
    if (stretch.end === null) return { records, next: null }
    position = stretch.end
    count = Math.min(count * 2, MOST_AT_ONCE)
  }
  return { records, next: position }
}

/** The query, when at least one resource of the dataset can be asked; any resource counts while there is none. */
function parse({ text, isLenient }: RecordQuery, recordSets: readonly SearchedRecordSet[]): SearchQuery {
  try {
    const query = parseQuery(text, { lenient: isLenient })
    const present = new Set(recordSets.map(({ resourcePath }) => resourcePath))
    const faults = (present.size > 0 ? [...present] : SEARCHABLE_RESOURCES).map((each) => faultOf(query, each))
    // The resource that understands most of the query is the one that was meant.
    if (!faults.includes(null)) throw furthest(faults.filter((fault) => fault !== null))
    return query
  } catch (error) {
    throw asQueryFault(text, error)
  }
}

function fits(query: SearchQuery, resourcePath: string): boolean {
  return faultOf(query, resourcePath) === null
}

function faultOf(query: SearchQuery, resourcePath: string): SearchQueryError | null {
  try {
    checkFields(query, resourcePath)
    return null
  } catch (error) {
    if (error instanceof SearchQueryError) return error
    throw error
  }
}

function furthest(faults: readonly SearchQueryError[]): SearchQueryError | undefined {
  return faults.toSorted((left, right) => right.position - left.position)[0]
}

function isMatch(query: SearchQuery, body: string): boolean {
  const object = objectOf(body)
  return object !== null && matches(query, object)
}
