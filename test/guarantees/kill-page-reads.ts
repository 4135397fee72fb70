import type { JournalEntry } from '../../src/sandbox/stripe/journal.ts'

/** A list as an undisturbed reader sees it, newest first. */
export interface ListOrder {
  readonly ids: readonly string[]
  /** Unix seconds, by place. */
  readonly created: readonly number[]
}

/** A page request with the life of the host in which it was made. */
export interface PageRead {
  /** Whose list: requests of different flows are never compared. */
  readonly list: string
  readonly life: number
  readonly entry: JournalEntry
}

export interface PageReads {
  /** Requests for a page of a list. */
  readonly pages: number
  /** Those for a page that had been asked for in an earlier life. */
  readonly again: number
  /** What must not be: pages asked for twice in one life, and pages read again although they had been stored. */
  readonly faults: readonly string[]
}

const PAGE_SIZE = 100

/**
 * Looks for pages that were read again without need. The next page of a range is asked for only when the one before is
 * stored, so a page that is asked for again after its next one was asked for had been stored: with it, more than the one
 * page in hand of its range is read again.
 */
export function comparePageReads(reads: readonly PageRead[], orders: ReadonlyMap<string, ListOrder>): PageReads {
  const faults: string[] = []
  const lives = new Map<string, number[]>()
  let again = 0
  for (const { list, life, entry } of reads) {
    const order = orders.get(list)
    if (order === undefined) continue
    const page = pageKey(list, entry)
    const before = lives.get(page) ?? []
    lives.set(page, [...before, life])
    if (before.length === 0) continue
    if (before.includes(life)) faults.push(`read twice in life ${life}: ${page} ${JSON.stringify(entry.params)}`)
    again += 1
    const next = lives.get(cursorKey(list, order.ids[startOf(entry, order) + PAGE_SIZE - 1] ?? ''))
    const wasStored = next?.some((nextLife) => nextLife < life) ?? false
    if (wasStored && isWhole(entry, order)) faults.push(`read again in life ${life} though it was stored: ${page}`)
  }
  return { pages: reads.length, again, faults }
}

function pageKey(list: string, { params }: JournalEntry): string {
  const { starting_after: cursor } = params
  return typeof cursor === 'string' ? cursorKey(list, cursor) : `${list} below ${createdOf(params, 'lt') ?? 'all'}`
}

function cursorKey(list: string, id: string): string {
  return `${list} after ${id}`
}

/** The place in the list of the first object of the page. */
function startOf({ params }: JournalEntry, { ids, created }: ListOrder): number {
  const { starting_after: cursor } = params
  if (typeof cursor === 'string') return ids.indexOf(cursor) + 1
  const to = createdOf(params, 'lt')
  return to === null ? 0 : created.findIndex((time) => time < to)
}

/** True when the page ends because it is full and not because its range does. */
function isWhole(entry: JournalEntry, order: ListOrder): boolean {
  const last = order.created[startOf(entry, order) + PAGE_SIZE - 1]
  const from = createdOf(entry.params, 'gte')
  return last !== undefined && (from === null || last >= from)
}

function createdOf(params: JournalEntry['params'], bound: 'gte' | 'lt'): number | null {
  const { created } = params
  if (typeof created !== 'object' || Array.isArray(created)) return null
  const value = created[bound]
  return typeof value === 'string' ? Number(value) : null
}
