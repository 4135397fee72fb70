/** A 32-bit hash of (key, index, salt): the source of every generated value. */
export function mix(key: number, index: number, salt: number): number {
  let hash = Math.imul(key ^ Math.imul(index, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(salt + 0x165667b1, 0xc2b2ae35)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39)
  return (hash ^ (hash >>> 15)) >>> 0
}

/** A 32-bit key out of words, for example (seed, mode, resource). */
export function keyOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5
  for (const character of parts.join('\u0000')) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193)
  }
  return mix(hash, parts.length, 7)
}

/** A short deterministic sequence of random values for one object. */
export class Dice {
  #state: number

  constructor(key: number, index: number) {
    this.#state = mix(key, index, 0)
  }

  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let value = this.#state
    value = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
    value = Math.imul(value ^ (value >>> 15), 0x735a2d97)
    return (value ^ (value >>> 15)) >>> 0
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return this.next() % limit
  }

  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.next() % 10_000 < percent * 100
  }

  pick<T>(values: readonly T[]): T {
    return values[this.next() % values.length] as T
  }
}
