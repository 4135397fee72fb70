import type { IndexedTerm } from '../../store/store.ts'
import { TERM_BITS } from './record-terms.ts'

/** Objects that fit into one segment: what is left of a whole number beside a term. */
export const MOST_OBJECTS = 2 ** (53 - TERM_BITS)

/** Collects objects with their terms, and gives the terms in the order in which the index keeps them. */
export class SegmentBuilder {
  readonly #objects: { readonly id: string; readonly terms: ReadonlySet<number> }[] = []
  #terms = 0

  /** How many objects there are. */
  get size(): number {
    return this.#objects.length
  }

  add(id: string, terms: ReadonlySet<number>): void {
    if (this.#objects.length === MOST_OBJECTS) throw new RangeError(`A segment holds ${MOST_OBJECTS} objects.`)
    this.#objects.push({ id, terms })
    this.#terms += terms.size
  }

  /** All terms by term and object id, in parts of at most `size`. */
  *parts(size: number): Generator<readonly IndexedTerm[]> {
    this.#objects.sort((left, right) => (left.id < right.id ? -1 : 1))
    const packed = this.#packed()
    for (let start = 0; start < packed.length; start += size) {
      const part = packed.subarray(start, start + size)
      yield Array.from(part, (each) => ({
        term: Math.floor(each / MOST_OBJECTS),
        objectId: this.#objects[each % MOST_OBJECTS]!.id,
      }))
    }
  }

  /** Term and place of the object as one number each: a hundred thousand of them are sorted in some milliseconds. */
  #packed(): Float64Array {
    const packed = new Float64Array(this.#terms)
    let next = 0
    for (const [place, { terms }] of this.#objects.entries()) {
      for (const term of terms) packed[next++] = term * MOST_OBJECTS + place
    }
    return packed.sort()
  }
}
