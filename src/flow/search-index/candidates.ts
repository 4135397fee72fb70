import type { ObjectPosition, SearchIndexStore, SearchSegment, TermList } from '../../store/store.ts'

export interface CandidatesRequest {
  readonly recordSetNos: readonly number[]
  /** Numbers of terms, of which each candidate has at least one. */
  readonly terms: readonly number[]
  readonly after: ObjectPosition | null
  readonly limit: number
}

/** The fewest ids read from a segment at once. */
const FEWEST_IDS = 8

/**
 * The positions of the objects that the index knows under any of the terms, in the order of a dataset's records, each
 * once. Fewer than `limit` when there are no more.
 */
export async function findCandidates(
  index: Pick<SearchIndexStore, 'segments' | 'objectsWith'>,
  { recordSetNos, terms, after, limit }: CandidatesRequest,
): Promise<readonly ObjectPosition[]> {
  const segments = await index.segments(recordSetNos)
  const lists = segments.flatMap((segment) => terms.map((term) => new PostingList(index, segment, term)))
  const atOnce = Math.max(FEWEST_IDS, Math.ceil((2 * limit) / Math.max(lists.length, 1)))
  const heads = await index.objectsWith(lists, after?.objectId ?? '', atOnce)
  for (const [place, list] of lists.entries()) list.take(heads[place]!, 0, atOnce)

  const found: ObjectPosition[] = []
  for (let previous = after; found.length < limit;) {
    const list = firstOf(lists)
    const position = list?.head
    if (list === undefined || position === undefined) break
    await list.next(atOnce)
    if (previous !== null && compare(position, previous) <= 0) continue
    found.push(position)
    previous = position
  }
  return found
}

/** The objects of one segment that have one term, read as far as they are needed. */
class PostingList implements TermList {
  readonly segmentNo: number
  readonly term: number
  readonly #index: Pick<SearchIndexStore, 'objectsWith'>
  readonly #recordSetNo: number
  #ids: readonly string[] = []
  #place = 0
  #isWhole = false
  head: ObjectPosition | undefined

  constructor(index: Pick<SearchIndexStore, 'objectsWith'>, segment: SearchSegment, term: number) {
    this.#index = index
    this.segmentNo = segment.no
    this.term = term
    this.#recordSetNo = segment.recordSetNo
  }

  /** Goes on with these ids, of which `asked` were asked for, at `place`. */
  take(ids: readonly string[], place: number, asked: number): void {
    this.#ids = ids
    this.#isWhole = ids.length < asked
    this.#place = place
    this.#setHead()
  }

  /** Steps to the next id, reading `atOnce` more when those at hand are used up. */
  async next(atOnce: number): Promise<void> {
    this.#place += 1
    const last = this.#ids.at(-1)
    // The last id is read once more: what comes after it in the order of ids needs a first to be named by.
    if (this.#place === this.#ids.length && !this.#isWhole && last !== undefined) {
      const [ids = []] = await this.#index.objectsWith([this], last, atOnce)
      this.take(ids, ids[0] === last ? 1 : 0, atOnce)
    }
    this.#setHead()
  }

  #setHead(): void {
    const objectId = this.#ids[this.#place]
    this.head = objectId === undefined ? undefined : { objectId, recordSetNo: this.#recordSetNo }
  }
}

function firstOf(lists: readonly PostingList[]): PostingList | undefined {
  let first: PostingList | undefined
  for (const list of lists) {
    if (list.head === undefined) continue
    if (first?.head === undefined || compare(list.head, first.head) < 0) first = list
  }
  return first
}

/** The order of a dataset's records: by the bytes of the ids, then by record set. */
function compare(left: ObjectPosition, right: ObjectPosition): number {
  if (left.objectId === right.objectId) return left.recordSetNo - right.recordSetNo
  return compareBytes(left.objectId, right.objectId)
}

/** UTF-16 units and bytes give the same order up to the first surrogate, so that only such ids are made into bytes. */
function compareBytes(left: string, right: string): number {
  if (SURROGATE.test(left) || SURROGATE.test(right)) return Buffer.compare(Buffer.from(left), Buffer.from(right))
  return left < right ? -1 : 1
}

const SURROGATE = /[\ud800-\udfff]/
