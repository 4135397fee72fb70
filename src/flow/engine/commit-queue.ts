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
  #waiting: Waiting<Page>[] = []
  #isWorking = false

  /** `store` stores pages in one transaction; when it rejects, none of them is stored. */
  constructor(store: (pages: readonly Page[]) => Promise<void>) {
    this.#store = store
  }

  /** Resolves when the page is stored. Rejects when it is not going to be. */
  add(page: Page): Promise<void> {
    const stored = new Promise<void>((resolve, reject) => this.#waiting.push({ page, resolve, reject }))
    void this.#work()
    return stored
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MOST_AT_ONCE)
      try {
        await this.#store(group.map(({ page }) => page))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#isWorking = false
  }
}
