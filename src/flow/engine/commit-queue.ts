/** Pages stored in one transaction: few enough not to hold up everything else in the process. */
const MOST_AT_ONCE = 6

interface Waiting<Page> {
  readonly page: Page
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Stores pages in the order in which they come, all that wait in one go: waiting for the disk costs the same for one page
 * as for several.
 */
export class CommitQueue<Page> {
  readonly #store: (pages: readonly Page[]) => Promise<void>
  readonly #mostAtOnce: number
  readonly #queued: Waiting<Page>[] = []
  #storing = 0
  #isWorking = false
  #failure: { readonly error: unknown } | null = null

  /**
   * @param store - stores pages in one transaction; when it rejects, none of them is stored
   * @param mostAtOnce - more for pages that hold next to nothing
   */
  constructor(store: (pages: readonly Page[]) => Promise<void>, mostAtOnce = MOST_AT_ONCE) {
    this.#store = store
    this.#mostAtOnce = mostAtOnce
  }

  /** Pages that are not stored yet, those being stored included. */
  get waiting(): number {
    return this.#queued.length + this.#storing
  }

  /** Resolves when the page is stored. Rejects when it is not going to be. */
  add(page: Page): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error)
    const stored = new Promise<void>((resolve, reject) => this.#queued.push({ page, resolve, reject }))
    void this.#work()
    return stored
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    // Pages that are added together are stored together.
    await Promise.resolve()
    while (this.#queued.length > 0) {
      const group = this.#queued.splice(0, this.#mostAtOnce)
      this.#storing = group.length
      try {
        await this.#store(group.map(({ page }) => page))
        for (const { resolve } of group) resolve()
      } catch (error) {
        // What comes after a page that is not stored must not be stored either: it may say that the page is.
        this.#failure = { error }
        for (const { reject } of [...group, ...this.#queued.splice(0)]) reject(error)
      }
      this.#storing = 0
    }
    this.#isWorking = false
  }
}
