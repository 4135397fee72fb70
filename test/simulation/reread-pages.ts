/**
 * Watches how many list pages are asked for again after a death of the host or after a run that failed. Of each range one
 * page may have been on its way or waiting to be stored; all others were stored with the range's position.
 */
export class RereadPages {
  /** In which attempt the page was read, for the runs that go on. */
  readonly #readIn = new Map<string, number>()
  readonly #again = new Map<string, Set<string>>()
  #attempt = 0
  violation: string | null = null

  /** A page reached the host. @param target - path and query */
  read(target: string): void {
    const range = rangeOf(target)
    if (range === null) return
    const before = this.#readIn.get(target)
    if (before === undefined || before === this.#attempt) this.#readIn.set(target, this.#attempt)
    else {
      const again = this.#again.get(range) ?? new Set()
      this.#again.set(range, again.add(target))
      if (again.size > 1) this.violation ??= `More than one page was read again: ${[...again].join(' and ')}`
    }
  }

  /** The runs go on after the host's death or from where they failed. */
  beginAnew(): void {
    this.#attempt += 1
    this.#again.clear()
  }

  /** All runs have ended for good: what is read from now on belongs to others. */
  forget(): void {
    this.#readIn.clear()
    this.#again.clear()
  }
}

/** Path and filters without the position; null for what is no range of a run's lists. */
function rangeOf(target: string): string | null {
  if (!target.includes('created') || target.startsWith('/v1/events')) return null
  const { pathname, searchParams } = new URL(target, 'https://api.stripe.com')
  if (!searchParams.has('created[lt]')) return null
  searchParams.delete('starting_after')
  return `${pathname}?${searchParams.toString()}`
}
