import type { JsonHash } from './types.ts'

/** Reused for every page; grows to the largest one. */
let scratch = Buffer.allocUnsafe(1 << 20)

/**
 * JSON text of an answer. A page is written object by object: one long text holding a single character beyond Latin-1
 * would be kept in two bytes per character, and turning it into UTF-8 would cost more than generating the objects.
 */
export function serialize(value: JsonHash): string | Buffer {
  const { object, data, ...rest } = value
  if (object !== 'list' || !Array.isArray(data)) return JSON.stringify(value)
  let length = append('{"object":"list","data":[', 0)
  for (let place = 0; place < data.length; place++) {
    length = append((place === 0 ? '' : ',') + JSON.stringify(data[place]), length)
  }
  length = append(`],${JSON.stringify(rest).slice(1)}`, length)
  return Buffer.from(scratch.subarray(0, length))
}

function append(text: string, at: number): number {
  // Three bytes are the most that a UTF-16 unit can take.
  if (at + text.length * 3 > scratch.length) {
    const larger = Buffer.allocUnsafe(Math.max(scratch.length * 2, at + text.length * 3))
    scratch.copy(larger, 0, 0, at)
    scratch = larger
  }
  return at + scratch.write(text, at)
}
