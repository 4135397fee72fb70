/** A page of a range of a run's lists, as its request names it. */
interface AskedPage {
  /** Path and filters without the position. */
  readonly range: string
  /** The object that the page follows; null for the first page of the range. */
  readonly after: string | null
}

interface ReadPage {
  /** In which attempt it was read last. */
  readonly attempt: number
  /** It shows nothing that was created later, Unix seconds. */
  readonly newest: number
}

/**
 * Watches how many list pages are asked for again after a death of the host or after a run that failed. Of each range one
 * page may have been on its way or waiting to be stored; all others were stored with the range's position.
 *
 * A host that finds the objects at its position gone begins again at the second of the last one, and may have to read all
 * of that second and what is older once more, however often it died: those pages are not counted, newer ones are.
 */
export class RereadPages {
  /** The pages of each range, for the runs that go on. */
  readonly #read = new Map<string, Map<string, ReadPage>>()
  readonly #again = new Map<string, Set<string>>()
  /** Creation of the last object of a range's last page, for ranges in which it was found gone. */
  readonly #gone = new Map<string, number>()
  readonly #createdOf: (objectId: string) => number
  #attempt = 0
  violation: string | null = null

  /** @param createdOf - when an object was created, Unix seconds */
  constructor(createdOf: (objectId: string) => number) {
    this.#createdOf = createdOf
  }

  /** An answer reached the host. @param target - path and query */
  answered(target: string, status: number): void {
    const page = askedPage(target)
    if (page === null) return
    if (status === 200) this.#pageRead(target, page)
    else if (status === 400 || status === 404) this.#cursorGone(page)
  }

  /** The runs go on after the host's death or from where they failed. */
  beginAnew(): void {
    this.#attempt += 1
    this.#again.clear()
    this.#gone.clear()
  }

  /** All runs have ended for good: what is read from now on belongs to others. */
  forget(): void {
    this.#read.clear()
    this.#again.clear()
    this.#gone.clear()
  }

  #pageRead(target: string, { range, after }: AskedPage): void {
    if (after === null) this.#noteRestart(range)
    this.#gone.delete(range)
    const pages = this.#read.get(range) ?? new Map<string, ReadPage>()
    const before = pages.get(target)?.attempt ?? this.#attempt
    const newest = after === null ? endOf(range) - 1 : this.#createdOf(after)
    this.#read.set(range, pages.set(target, { attempt: this.#attempt, newest }))
    if (before === this.#attempt) return
    const again = this.#again.get(range) ?? new Set()
    this.#again.set(range, again.add(target))
    if (again.size > 1) this.violation ??= `More than one page was read again: ${[...again].join(' and ')}`
  }

  /** Of the ids that the host tries one after the other the first one is the last object of its page. */
  #cursorGone({ range, after }: AskedPage): void {
    if (after !== null && !this.#gone.has(range)) this.#gone.set(range, this.#createdOf(after))
  }

  /** When the page begins a range again below a position that is gone, what is read of that range from there on is new. */
  #noteRestart(first: string): void {
    for (const [range, created] of this.#gone) {
      if (first !== withEnd(range, created + 1)) continue
      this.#gone.delete(range)
      const pages = this.#read.get(range) ?? new Map<string, ReadPage>()
      for (const [target, { newest }] of pages) if (newest <= created) pages.delete(target)
    }
  }
}

const END = 'created[lt]'

/** Null for what is no range of a run's lists. */
function askedPage(target: string): AskedPage | null {
  if (!target.includes('created') || target.startsWith('/v1/events')) return null
  const { pathname, searchParams } = new URL(target, 'https://api.stripe.com')
  if (!searchParams.has(END)) return null
  const after = searchParams.get('starting_after')
  searchParams.delete('starting_after')
  return { range: `${pathname}?${searchParams.toString()}`, after }
}

/** Unix seconds, exclusive. */
function endOf(range: string): number {
  return Number(new URL(range, 'https://api.stripe.com').searchParams.get(END))
}

function withEnd(range: string, end: number): string {
  const { pathname, searchParams } = new URL(range, 'https://api.stripe.com')
  searchParams.set(END, String(end))
  return `${pathname}?${searchParams.toString()}`
}
