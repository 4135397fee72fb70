import type { JournalEntry } from './journal.ts'

/** What happened to one path or one operation. */
export interface RequestCounts {
  readonly count: number
  /** Answers by status; `0` are those that were never answered or were cut off before a status. */
  readonly statuses: Readonly<Record<string, number>>
  /** The most requests that arrived in any window of one second, refused ones included. */
  readonly maxPerSecond: number
  readonly maxConcurrency: number
}

/** Figures about the requests that a client sent. Times are real. */
export interface JournalSummary extends RequestCounts {
  /** The most requests in any window of one second that were not refused with 429. */
  readonly maxAdmittedPerSecond: number
  /** 429s by `Stripe-Rate-Limited-Reason`; those without one are a `lock_timeout`. */
  readonly rateLimited: Readonly<Record<string, number>>
  readonly byPath: Readonly<Record<string, RequestCounts>>
  /** By method and path, all ids together, as the limits of endpoints count them. */
  readonly byEndpoint: Readonly<Record<string, RequestCounts>>
  /** Milliseconds between the first request and the last answer. */
  readonly spanMs: number
}

/** Sums up requests that stand in order of arrival. */
export function summarise(entries: readonly JournalEntry[]): JournalSummary {
  const rateLimited: Record<string, number> = {}
  for (const entry of entries) {
    if (entry.status === 429) increase(rateLimited, entry.rateLimitedReason ?? 'lock_timeout')
  }
  return {
    ...countsOf(entries),
    maxAdmittedPerSecond: maxPerSecond(entries.filter(({ status }) => status !== 429)),
    rateLimited,
    byPath: grouped(entries, ({ path }) => path),
    byEndpoint: grouped(entries, ({ method, path }) => `${method} ${withoutId(path)}`),
    spanMs: entries.reduce((end, entry) => Math.max(end, entry.finishedAt ?? 0), 0) - (entries[0]?.startedAt ?? 0),
  }
}

/** How many requests were being answered at the same moment, at most. */
export function maxConcurrency(entries: readonly JournalEntry[]): number {
  const moments = entries.flatMap(({ startedAt, finishedAt }) => [
    { at: startedAt, change: 1 },
    { at: finishedAt ?? Infinity, change: -1 },
  ])
  // At the same moment an end counts before a start.
  moments.sort((left, right) => left.at - right.at || left.change - right.change)
  let current = 0
  let most = 0
  for (const { change } of moments) most = Math.max(most, (current += change))
  return most
}

/** The most requests that arrived within any second: in (t - 1 s, t]. */
export function maxPerSecond(entries: readonly JournalEntry[]): number {
  let most = 0
  let first = 0
  for (let last = 0; last < entries.length; last++) {
    const now = entries[last]?.startedAt ?? 0
    while ((entries[first]?.startedAt ?? 0) <= now - 1000) first++
    most = Math.max(most, last - first + 1)
  }
  return most
}

function countsOf(entries: readonly JournalEntry[]): RequestCounts {
  const statuses: Record<string, number> = {}
  for (const { status } of entries) increase(statuses, String(status))
  return {
    count: entries.length,
    statuses,
    maxPerSecond: maxPerSecond(entries),
    maxConcurrency: maxConcurrency(entries),
  }
}

function grouped(
  entries: readonly JournalEntry[],
  nameOf: (entry: JournalEntry) => string,
): Record<string, RequestCounts> {
  const groups = Map.groupBy(entries, nameOf)
  return Object.fromEntries([...groups].map(([name, group]) => [name, countsOf(group)]))
}

function increase(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

/** `/v1/charges/ch_1/refunds` is `/v1/charges/:id/refunds`; a search has no id. */
function withoutId(path: string): string {
  return path.replace(/^(\/v1\/[^/]+\/)(?!search$)[^/]+/, '$1:id')
}
