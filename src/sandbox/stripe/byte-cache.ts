const SLAB_BYTES = 1 << 20

/**
 * Keeps the bytes of generated objects, so that what is read again (an overlap, an audit, a second client) is not
 * generated again. It never grows beyond its limit: when it is full it keeps what it has, which is the best that can be
 * done about walks longer than itself.
 */
export class ByteCache {
  readonly #limitBytes: number
  readonly #entries = new Map<number, Buffer>()
  #slab: Buffer = Buffer.alloc(0)
  #free = 0
  #allocated = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get(key: number): Buffer | undefined {
    return this.#entries.get(key)
  }

  /** Keeps a text of one character per byte and answers its bytes; nothing when there is no room. */
  keep(key: number, text: string): Buffer | undefined {
    if (this.#free + text.length > this.#slab.length && !this.#addSlab(text.length)) return undefined
    const entry = this.#slab.subarray(this.#free, this.#free + text.length)
    entry.write(text, 'latin1')
    this.#free += text.length
    this.#entries.set(key, entry)
    return entry
  }

  /** One block for many objects costs neither a header each nor time of the garbage collector. */
  #addSlab(needed: number): boolean {
    if (needed > SLAB_BYTES || this.#allocated + SLAB_BYTES > this.#limitBytes) return false
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    this.#allocated += SLAB_BYTES
    this.#free = 0
    return true
  }
}
