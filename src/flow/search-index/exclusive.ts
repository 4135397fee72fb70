/** One work at a time, in the order of coming. */
export class Exclusive {
  #last: Promise<unknown> = Promise.resolve()

  /** Resolves and rejects as `work` does, which begins when everything before it is over. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }
}
