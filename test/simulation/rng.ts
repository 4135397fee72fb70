/** Random numbers that a seed determines: the same seed always gives the same sequence. */
export class Rng {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number | string) {
    let hash = 0x811c9dc5
    for (const character of String(seed)) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193)
    this.#a = hash
    this.#b = Math.imul(hash, 0x9e3779b1)
    this.#c = Math.imul(hash, 0x85ebca6b)
    for (let round = 0; round < 12; round++) this.#next()
  }

  /** From 0 to 1, exclusive. */
  float(): number {
    return this.#next() / 0x1_0000_0000
  }

  /** A whole number from `least` to `most`, both inclusive. */
  int(least: number, most: number): number {
    return least + Math.floor(this.float() * (most - least + 1))
  }

  chance(probability: number): boolean {
    return this.float() < probability
  }

  pick<T>(values: readonly T[]): T {
    if (values.length === 0) throw new Error('There is nothing to pick from.')
    return values[this.int(0, values.length - 1)]!
  }

  /** One of the values, each as often as its weight says. */
  weighted<T>(values: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.float() * values.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, value] of values) {
      left -= weight
      if (left < 0) return value
    }
    return values.at(-1)![1]
  }

  /** Distances of events that come at random, `mean` on the average. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean
  }

  /** The small fast counter generator, 32 bits (Chris Doty-Humphrey's sfc32). */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum
    this.#c |= 0
    return sum >>> 0
  }
}
