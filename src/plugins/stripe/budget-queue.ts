/** A request that waits for its turn. */
export interface Waiter {
  readonly operation: string
  readonly owner: string
  readonly grant: () => void
}

/**
 * Requests that wait, by owner. Owners take turns; one that has nothing to send now keeps its turn. An owner's requests
 * go in the order in which they came, but one whose operation has no room does not hold up those of other operations.
 */
export class FairQueue {
  /** The owner whose turn it is comes first. None has an empty list. */
  readonly #byOwner = new Map<string, Waiter[]>()
  /** How many wait for an operation, never 0. */
  readonly #byOperation = new Map<string, number>()

  add(waiter: Waiter): void {
    this.#count(waiter.operation, 1)
    const own = this.#byOwner.get(waiter.owner)
    if (own) own.push(waiter)
    else this.#byOwner.set(waiter.owner, [waiter])
  }

  /** Takes the next one of these operations; undefined when there is none. */
  take(operations: ReadonlySet<string>): Waiter | undefined {
    for (const own of this.#byOwner.values()) {
      const waiter = own.find(({ operation }) => operations.has(operation))
      if (!waiter) continue
      this.remove(waiter)
      this.#endTurn(waiter.owner)
      return waiter
    }
    return undefined
  }

  /** @param waiter - one that was added and has neither been taken nor removed */
  remove(waiter: Waiter): void {
    const own = this.#byOwner.get(waiter.owner) ?? []
    own.splice(own.indexOf(waiter), 1)
    if (own.length === 0) this.#byOwner.delete(waiter.owner)
    this.#count(waiter.operation, -1)
  }

  /** The operations that requests wait for. */
  operations(): readonly string[] {
    return [...this.#byOperation.keys()]
  }

  get isEmpty(): boolean {
    return this.#byOwner.size === 0
  }

  #endTurn(owner: string): void {
    const own = this.#byOwner.get(owner)
    if (!own) return
    this.#byOwner.delete(owner)
    this.#byOwner.set(owner, own)
  }

  #count(operation: string, change: number): void {
    const count = (this.#byOperation.get(operation) ?? 0) + change
    if (count === 0) this.#byOperation.delete(operation)
    else this.#byOperation.set(operation, count)
  }
}
