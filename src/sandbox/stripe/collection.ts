import { FIRST_ADDED_INDEX } from './ids.ts'
import type { Plan } from './plan.ts'
import type { Facts, GeneratedName, ResourceName, StripeObject } from './types.ts'
import { numberOf } from './types.ts'

/** What a collection must know of its resource. */
export interface CollectionSpec {
  readonly name: ResourceName
  /** A generated object; events have none. */
  readonly generate?: (plan: Plan, index: number) => StripeObject
  /** The facts of a generated object, without building it. */
  readonly facts?: (plan: Plan, index: number) => Facts
  /** The facts of an object of the overlay. */
  readonly factsOf: (plan: Plan, object: StripeObject) => Facts
}

/** A place in the list order: by creation, generated objects below added ones of the same second, then by index. */
export interface Row {
  readonly index: number
  readonly created: number
}

/** One resource of one mode: generated objects, and on top of them what was changed, added or removed. */
export class Collection {
  readonly spec: CollectionSpec
  readonly #plan: Plan
  readonly #changed = new Map<number, StripeObject>()
  readonly #gone = new Set<number>()
  /** In list order, oldest first. */
  readonly #added: Row[] = []
  readonly #addedByIndex = new Map<number, Row>()
  #nextAdded = FIRST_ADDED_INDEX

  constructor(spec: CollectionSpec, plan: Plan) {
    this.spec = spec
    this.#plan = plan
  }

  /** How many objects are generated, hidden ones included. */
  get generatedCount(): number {
    return this.#timeline?.count ?? 0
  }

  idOf(index: number): string {
    return this.#plan.ids[this.spec.name].encode(index)
  }

  /** Reserves the id of an object about to be added. */
  nextId(): string {
    return this.idOf(this.#nextAdded)
  }

  row(id: string): Row | undefined {
    const index = this.#plan.ids[this.spec.name].decode(id)
    return index === undefined ? undefined : this.rowAt(index)
  }

  rowAt(index: number): Row | undefined {
    if (this.#gone.has(index)) return undefined
    if (index >= FIRST_ADDED_INDEX) return this.#addedByIndex.get(index)
    const timeline = this.#timeline
    return timeline && index < timeline.count ? { index, created: timeline.createdAt(index) } : undefined
  }

  /** The object in the superset of all versions. Generated ones are new at every call, overlaid ones are shared. */
  object(row: Row): StripeObject {
    const changed = this.#changed.get(row.index)
    if (changed) return changed
    if (!this.spec.generate) throw new Error(`no object at ${row.index} of ${this.spec.name}`)
    return this.spec.generate(this.#plan, row.index)
  }

  find(id: string): StripeObject | undefined {
    const row = this.row(id)
    return row && this.object(row)
  }

  facts(row: Row): Facts {
    const changed = this.#changed.get(row.index)
    if (changed) return this.spec.factsOf(this.#plan, changed)
    return this.spec.facts?.(this.#plan, row.index) ?? {}
  }

  /** Adds an object that was given `nextId()`. */
  add(object: StripeObject): void {
    const row = { index: this.#nextAdded++, created: numberOf(object.created) }
    const place = this.#firstAdded((other) => other.created > row.created)
    this.#added.splice(place, 0, row)
    this.#addedByIndex.set(row.index, row)
    this.#changed.set(row.index, object)
  }

  /** Puts a new state in the place of an object; `created` must stay. */
  replace(object: StripeObject): void {
    const row = this.row(object.id)
    if (row) this.#changed.set(row.index, object)
  }

  /** Makes an object vanish, without a trace. */
  remove(id: string): boolean {
    const row = this.row(id)
    if (!row) return false
    this.#gone.add(row.index)
    this.#changed.delete(row.index)
    if (this.#addedByIndex.delete(row.index)) this.#added.splice(this.#added.indexOf(row), 1)
    return true
  }

  /** The added rows, oldest first. */
  added(): readonly Row[] {
    return this.#added
  }

  /** Forgets the overlay. */
  reset(): void {
    this.#changed.clear()
    this.#gone.clear()
    this.#added.length = 0
    this.#addedByIndex.clear()
    this.#nextAdded = FIRST_ADDED_INDEX
  }

  /** Rows created in [from, to], newest first, starting behind `after` (exclusive) when given. */
  *older(from: number, to: number, after?: Row): Generator<Row> {
    const timeline = this.#timeline
    const top = after ? Math.min(to, after.created) : to
    let base = timeline ? timeline.lastAtOrBefore(top) : -1
    let added = this.#firstAdded((row) => row.created > top) - 1
    if (after && after.index < FIRST_ADDED_INDEX) {
      base = Math.min(base, after.index - 1)
      added = Math.min(added, this.#firstAdded((row) => row.created >= after.created) - 1)
    } else if (after) {
      added = Math.min(added, this.#added.findIndex((row) => row.index === after.index) - 1)
    }
    while (base >= 0 || added >= 0) {
      const extra = added >= 0 ? this.#added[added] : undefined
      const created = base >= 0 ? (timeline?.createdAt(base) ?? -Infinity) : -Infinity
      if (extra && extra.created >= created) {
        if (extra.created < from) return
        added--
        yield extra
      } else {
        if (created < from) return
        const index = base--
        if (!this.#gone.has(index)) yield { index, created }
      }
    }
  }

  /** Rows created in [from, to], oldest first, starting behind `after` (exclusive). */
  *newer(from: number, to: number, after: Row): Generator<Row> {
    const timeline = this.#timeline
    const count = timeline?.count ?? 0
    const bottom = Math.max(from, after.created)
    let base = timeline ? timeline.lastAtOrBefore(bottom - 1) + 1 : 0
    let added = this.#firstAdded((row) => row.created >= bottom)
    if (after.index < FIRST_ADDED_INDEX) {
      base = Math.max(base, after.index + 1)
    } else {
      if (timeline) base = Math.max(base, timeline.lastAtOrBefore(after.created) + 1)
      added = Math.max(added, this.#added.findIndex((row) => row.index === after.index) + 1)
    }
    while (base < count || added < this.#added.length) {
      const extra = this.#added[added]
      const created = base < count ? (timeline?.createdAt(base) ?? Infinity) : Infinity
      if (extra && extra.created < created) {
        if (extra.created > to) return
        added++
        yield extra
      } else {
        if (created > to) return
        const index = base++
        if (!this.#gone.has(index)) yield { index, created }
      }
    }
  }

  get #timeline() {
    return this.spec.generate && this.#plan.timelines[this.spec.name as GeneratedName]
  }

  /** Binary search: the first added row for which the (rising) condition holds. */
  #firstAdded(holds: (row: Row) => boolean): number {
    let low = 0
    let high = this.#added.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.#added[middle] as Row)) high = middle
      else low = middle + 1
    }
    return low
  }
}
