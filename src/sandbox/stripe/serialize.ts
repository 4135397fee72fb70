import type { JsonHash } from './types.ts'

/** Reused for every page; grows to the largest one. */
let scratch = Buffer.allocUnsafe(1 << 20)

/** UTF-8 JSON of one object whose bytes are already there: as a buffer, or as a string with one character per byte. */
export type ObjectBytes = Buffer | string

/** A page that is serialised already. */
export class ReadyPage {
  readonly body: Buffer
  /** The id of the last object; absent on an empty page. */
  readonly lastId: string | undefined

  constructor(body: Buffer, lastId: string | undefined) {
    this.body = body
    this.lastId = lastId
  }
}

/** The body of a list. `rest` is what stands beside `object` and `data`; `entries` are objects or their bytes. */
export function listBody(entries: readonly (JsonHash | { readonly bytes: ObjectBytes })[], rest: JsonHash): Buffer {
  let length = appendText('{"object":"list","data":[', 0)
  for (let place = 0; place < entries.length; place++) {
    if (place > 0) length = appendText(',', length)
    const entry = entries[place] as JsonHash | { readonly bytes: ObjectBytes }
    // A page is written object by object: one long text holding a single character beyond Latin-1 would be kept in two
    // bytes per character, and turning it into UTF-8 would cost more than generating the objects.
    if (isReady(entry)) length = appendBytes(entry.bytes, length)
    else length = appendText(JSON.stringify(entry), length)
  }
  length = appendText(`],${JSON.stringify(rest).slice(1)}`, length)
  return Buffer.from(scratch.subarray(0, length))
}

/** JSON text of an answer. */
export function serialize(value: JsonHash): string | Buffer {
  const { object, data, ...rest } = value
  if (object !== 'list' || !Array.isArray(data)) return JSON.stringify(value)
  return listBody(data as JsonHash[], rest)
}

/** One character per byte of UTF-8: such text is kept in one byte per character and copied without being encoded. */
export function asBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** The object of such a text. */
export function parseBytes(bytes: string): JsonHash {
  return JSON.parse(Buffer.from(bytes, 'latin1').toString('utf8')) as JsonHash
}

function isReady(entry: JsonHash | { readonly bytes: ObjectBytes }): entry is { readonly bytes: ObjectBytes } {
  return entry.bytes !== undefined
}

function appendText(text: string, at: number): number {
  // Three bytes are the most that a UTF-16 unit can take.
  reserve(at, text.length * 3)
  return at + scratch.write(text, at)
}

function appendBytes(bytes: ObjectBytes, at: number): number {
  reserve(at, bytes.length)
  if (typeof bytes === 'string') return at + scratch.write(bytes, at, 'latin1')
  return at + bytes.copy(scratch, at)
}

function reserve(at: number, more: number): void {
  if (at + more <= scratch.length) return
  const larger = Buffer.allocUnsafe(Math.max(scratch.length * 2, at + more))
  scratch.copy(larger, 0, 0, at)
  scratch = larger
}
