/**
 * Watches how many list pages are asked for again after a death of the host. Of each range one page may have been on its
 * way or waiting to be stored; all others were stored with the range's position.
 */
export class RereadPages {
  /** Which life of the host got the page, for the runs that go on. */
  readonly #readBy = new Map<string, unknown>()
  #again = new Map<string, Set<string>>()
  #life: unknown = null
  violation: string | null = null

  /** A page reached the host. @param target - path and query */
  read(target: string, life: unknown): void {
    const range = rangeOf(target)
    if (range === null) return
    if (life !== this.#life) {
      this.#life = life
      this.#again = new Map()
    }
    const before = this.#readBy.get(target)
    if (before === undefined || before === life) this.#readBy.set(target, life)
    else {
      const again = this.#again.get(range) ?? new Set()
      this.#again.set(range, again.add(target))
      if (again.size > 1) this.violation ??= `More than one page was read again: ${[...again].join(' and ')}`
    }
  }

  /** All runs have ended: what is read from now on belongs to others. */
  forget(): void {
    this.#readBy.clear()
    this.#again.clear()
  }
}

/** Path and filters without the position; null for what is no range of a run's lists. */
function rangeOf(target: string): string | null {
  const { pathname, searchParams } = new URL(target, 'https://api.stripe.com')
  if (!searchParams.has('created[lt]') || pathname === '/v1/events') return null
  searchParams.delete('starting_after')
  return `${pathname}?${searchParams.toString()}`
}
