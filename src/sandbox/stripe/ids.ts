import { keyOf, mix } from './dice.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const DIGITS = new Map([...ALPHABET].map((character, digit) => [character, digit]))

/** All pairs of characters, low digit first: an id is put together two digits at a time, which halves the work. */
const PAIRS = [...ALPHABET].flatMap((high) => [...ALPHABET].map((low) => low + high))
const PAIR = 62 * 62

/** Objects that requests create take indexes from here on, so that they can never meet a generated one. */
export const FIRST_ADDED_INDEX = 2 ** 31

/** `length` base-62 characters of a number, lowest digit first. */
export function base62(value: number, length: number): string {
  let text = ''
  for (let place = 0, rest = value; place < length; place++) {
    text += ALPHABET[rest % 62]
    rest = Math.floor(rest / 62)
  }
  return text
}

/**
 * Turns an index into an id and back without any table: a keyed permutation of 32 bits hides the order, and eight check
 * characters make a foreign id (other mode, other resource, other seed, invented) decode to nothing.
 */
export class IdCoder {
  readonly prefix: string
  readonly #key: number
  readonly #head: string
  readonly #middle: string

  /** Short ids (`cus_`, `prod_`, `si_`) leave out the account part, as Stripe's do. */
  constructor(prefix: string, space: string, account: string, short = false) {
    this.prefix = prefix
    this.#key = keyOf(space, prefix)
    this.#head = short ? prefix : `${prefix}1`
    this.#middle = short ? '' : account
  }

  encode(index: number): string {
    const hidden = permute(index, this.#key)
    const first = mix(this.#key, hidden, 1)
    const second = mix(this.#key, hidden, 2)
    const high = (hidden / PAIR) | 0
    return `${this.#head}${PAIRS[hidden % PAIR]}${PAIRS[high % PAIR]}${PAIRS[(high / PAIR) | 0]}${this.#middle}${PAIRS[first % PAIR]}${PAIRS[(first >>> 12) % PAIR]}${PAIRS[second % PAIR]}${PAIRS[(second >>> 12) % PAIR]}`
  }

  decode(id: string): number | undefined {
    if (!id.startsWith(this.#head)) return undefined
    let hidden = 0
    for (let place = 5; place >= 0; place--) {
      const digit = DIGITS.get(id[this.#head.length + place] ?? '')
      if (digit === undefined) return undefined
      hidden = hidden * 62 + digit
    }
    if (hidden > 0xffffffff) return undefined
    const index = unpermute(hidden, this.#key)
    return this.encode(index) === id ? index : undefined
  }
}

const ROUNDS = [11, 23, 37, 53] as const

/** A four-round Feistel network over 32 bits. */
function permute(index: number, key: number): number {
  let left = index >>> 16
  let right = index & 0xffff
  for (const round of ROUNDS) {
    const next = left ^ (mix(key, right, round) & 0xffff)
    left = right
    right = next
  }
  return ((left << 16) | right) >>> 0
}

function unpermute(hidden: number, key: number): number {
  let left = hidden >>> 16
  let right = hidden & 0xffff
  for (const round of ROUNDS.toReversed()) {
    const previous = right ^ (mix(key, left, round) & 0xffff)
    right = left
    left = previous
  }
  return ((left << 16) | right) >>> 0
}
