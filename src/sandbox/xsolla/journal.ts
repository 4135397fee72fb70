/** One request as the sandbox saw it. Holds no credential. */
export interface XsollaJournalEntry {
  readonly method: string
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  /** Kind of the credential that came along. */
  readonly credential: 'Bearer' | 'Basic' | 'other' | 'none'
  /** 0 while unanswered, and when the connection was reset. */
  status: number
  /** Milliseconds since the epoch, real time. */
  readonly startedAt: number
}

/** The requests of the last while, oldest first; older ones are forgotten. */
export class XsollaJournal {
  readonly #capacity: number
  #entries: XsollaJournalEntry[] = []
  #total = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** All requests since the start or the last `clear`, forgotten ones included. */
  get total(): number {
    return this.#total
  }

  add(entry: XsollaJournalEntry): void {
    this.#total += 1
    this.#entries.push(entry)
    if (this.#entries.length >= this.#capacity * 2) this.#entries = this.#entries.slice(-this.#capacity)
  }

  /** Those whose path begins with `pathPrefix`. */
  entries(pathPrefix = '/'): readonly XsollaJournalEntry[] {
    return this.#entries.slice(-this.#capacity).filter(({ path }) => path.startsWith(pathPrefix))
  }

  clear(): void {
    this.#entries = []
    this.#total = 0
  }
}
