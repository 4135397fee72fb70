import { hash } from 'node:crypto'
import type { Pagination, Position } from './pagination.ts'

/**
 * A list that is paged by offset or page number moves under the reader: a row that is added before the place reached
 * shows one again, a row that vanishes hides one. So the list is read again from its beginning until two readings show
 * the same ids.
 */
export interface Reading {
  /** Counts from 1. */
  readonly no: number
  readonly ids: IdSum
  /** What the reading before has shown; null in the first. */
  readonly before: IdSum | null
}

/** Which ids were read, whatever their order, in a size that does not grow with them. */
export interface IdSum {
  readonly count: number
  /** Sum of the ids' fingerprints, hexadecimal. */
  readonly sum: string
}

/** What follows a page. */
export interface Turn {
  readonly next: Position | null
  /** What whoever relies on the records must know. */
  readonly note?: string
}

export interface PageTurn {
  /** Of the page that was read; null at the beginning. */
  readonly position: Position | null
  /** What paging says comes next; null at the end of the list. */
  readonly next: Position | null
  readonly ids: readonly string[]
}

const NO_IDS: IdSum = { count: 0, sum: '0' }
const FIRST_READING: Reading = { no: 1, ids: NO_IDS, before: null }
const MODULUS = 2n ** 128n

/** True for a page of a second or further reading. */
export function isReread(position: Position | null): boolean {
  return (position?.reading?.no ?? 1) > 1
}

/** The next page of this reading, the first of another one, or the end. */
export function turnPage(pagination: Pagination, { position, next, ids }: PageTurn): Turn {
  const reading = withIds(position?.reading ?? FIRST_READING, ids)
  if (next !== null) return { next: { ...next, reading } }
  // A single page shows the list as it was at one moment.
  if (position === null || isSame(reading.ids, reading.before)) return { next: null }
  if (reading.no <= pagination.maximumRereads && mayAsk(pagination, position)) {
    const again = { no: reading.no + 1, ids: NO_IDS, before: reading.ids }
    return { next: { reading: again, ...requestsOf(position) } }
  }
  return reading.no === 1 ? { next: null } : { next: null, note: movingNote(reading.no) }
}

function movingNote(readings: number): string {
  return `The list kept moving while it was read: after ${readings} readings from its beginning the last two differ. What they have not shown is read by the next run.`
}

function withIds(reading: Reading, ids: readonly string[]): Reading {
  const { count, sum } = reading.ids
  const added = ids.reduce((total, id) => total + fingerprint(id), BigInt(`0x${sum}`)) % MODULUS
  return { ...reading, ids: { count: count + ids.length, sum: added.toString(16) } }
}

function fingerprint(id: string): bigint {
  return BigInt(`0x${hash('sha256', id, 'hex').slice(0, 32)}`)
}

function isSame(one: IdSum, other: IdSum | null): boolean {
  return one.count === other?.count && one.sum === other.sum
}

/** All readings of a run count towards the pages that it may ask for. */
function mayAsk({ page }: Pagination, position: Position): boolean {
  return page === null || requestsSoFar(position) < page.maximumRequest
}

function requestsOf(position: Position): Pick<Position, 'requests'> {
  return position.requests === undefined ? {} : { requests: requestsSoFar(position) }
}

/** The page that was just read included. */
function requestsSoFar({ requests = 0 }: Position): number {
  return requests + 1
}
