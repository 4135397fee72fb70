/** Most pages fit even if every character takes the most bytes. */
let scratch = Buffer.allocUnsafeSlow(1024 * 1024)
const MOST_SCRATCH = 8 * 1024 * 1024
const MOST_BYTES_PER_UNIT = 3

/**
 * Texts in UTF-8, which lie one after the other in one piece of memory: outside of the heap, where strings that wait to be
 * stored would be copied about, and cheap to hand to another thread.
 */
export function encodeTexts(texts: readonly string[]): readonly Uint8Array[] {
  const memory = scratchFor(texts.reduce((length, text) => length + text.length, 0) * MOST_BYTES_PER_UNIT)
  let used = 0
  const ends = texts.map((text) => (used += memory.write(text, used)))
  const encoded = new Uint8Array(used)
  encoded.set(memory.subarray(0, used))
  return ends.map((end, index) => encoded.subarray(ends[index - 1] ?? 0, end))
}

function scratchFor(bytes: number): Buffer {
  if (bytes <= scratch.length) return scratch
  const memory = Buffer.allocUnsafeSlow(bytes)
  if (bytes <= MOST_SCRATCH) scratch = memory
  return memory
}
