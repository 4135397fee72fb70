import { ByteCache } from './byte-cache.ts'
import { FIRST_ADDED_INDEX } from './ids.ts'
import type { Plan } from './plan.ts'
import type { ObjectBytes } from './serialize.ts'
import type { Facts, GeneratedName, ResourceName, StripeObject } from './types.ts'
import { numberOf } from './types.ts'

export interface BytesSpec {
  /** Versions that show the same have the same small number; undefined where there is no shortcut. */
  readonly variant: (version: string) => number | undefined
  /** One character per byte of UTF-8. */
  readonly make: (plan: Plan, index: number, variant: number) => string
}

/** Memory that each collection may take for the bytes of generated objects. */
const CACHE_BYTES = 48 * 1024 * 1024
const VARIANTS = 4

/** What a collection must know of its resource. */
export interface CollectionSpec {
  readonly name: ResourceName
  /** A generated object; events have none. */
  readonly generate?: (plan: Plan, index: number) => StripeObject
  /** A way to the JSON of a generated object that is faster than building it. */
  readonly bytes?: BytesSpec
  /** The facts of a generated object, without building it. */
  readonly facts?: (plan: Plan, index: number) => Facts
  /** The facts of an object of the overlay. */
  readonly factsOf: (plan: Plan, object: StripeObject) => Facts
}

/** A place in the list order: by creation, generated objects below added ones of the same second, then by index. */
export interface Row {
  readonly index: number
  readonly created: number
  /** Milliseconds of the sandbox clock from which lists show the row; absent means always. */
  readonly visibleAtMs?: number
}

/** Is told the index of an object before it is added or changed, and what is there until then. */
type NoteChange = (index: number, before: () => StripeObject | undefined) => void

/** One resource of one mode: generated objects, and on top of them what was changed, added or removed. */
export class Collection {
  readonly spec: CollectionSpec
  readonly #plan: Plan
  readonly #lagMs: (index: number) => number
  readonly #noteChange: NoteChange
  readonly #changed = new Map<number, StripeObject>()
  readonly #gone = new Set<number>()
  /** In list order, oldest first. */
  readonly #added: Row[] = []
  readonly #addedByIndex = new Map<number, Row>()
  /** Generated objects never change, so this outlives a reset. */
  readonly #cache = new ByteCache(CACHE_BYTES)
  #nextAdded = FIRST_ADDED_INDEX

  /** `lagMs` tells how long after its `created` lists leave out an object that is added now. */
  constructor(
    spec: CollectionSpec,
    plan: Plan,
    lagMs: (index: number) => number = () => 0,
    noteChange: NoteChange = () => {},
  ) {
    this.spec = spec
    this.#plan = plan
    this.#lagMs = lagMs
    this.#noteChange = noteChange
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

  /** The JSON of an object that nothing has changed, where there is a way that is faster than building it. */
  bytes(row: Row, version: string): ObjectBytes | undefined {
    const { bytes } = this.spec
    const variant = bytes?.variant(version)
    if (!bytes || variant === undefined || this.#changed.has(row.index)) return undefined
    const key = row.index * VARIANTS + variant
    const kept = this.#cache.get(key)
    if (kept) return kept
    const made = bytes.make(this.#plan, row.index, variant)
    return this.#cache.keep(key, made) ?? made
  }

  /** The object when it was changed or added, without building a generated one. */
  overlaid(id: string): StripeObject | undefined {
    if (this.#changed.size === 0) return undefined
    const index = this.#plan.ids[this.spec.name].decode(id)
    return index === undefined ? undefined : this.#changed.get(index)
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
    const index = this.#nextAdded++
    this.#noteChange(index, () => undefined)
    const created = numberOf(object.created)
    const lag = this.#lagMs(index)
    const row = { index, created, ...(lag > 0 ? { visibleAtMs: created * 1000 + lag } : {}) }
    const place = this.#firstAdded((other) => other.created > row.created)
    this.#added.splice(place, 0, row)
    this.#addedByIndex.set(row.index, row)
    this.#changed.set(row.index, object)
  }

  /** Puts a new state in the place of an object; `created` must stay. */
  replace(object: StripeObject): void {
    const row = this.row(object.id)
    if (!row) return
    this.#noteChange(row.index, () => this.object(row))
    this.#changed.set(row.index, object)
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
