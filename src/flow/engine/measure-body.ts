import { hash } from 'node:crypto'

/** Most bodies fit. Encoding a text once, into the same memory, costs half of counting its bytes and hashing it. */
const SCRATCH = Buffer.allocUnsafe(64 * 1024)
const MOST_BYTES_PER_UNIT = 3

/** The content hash of a body and its length in UTF-8 bytes. Hashes are equal for equal bodies. */
export function measureBody(body: string): { readonly contentHash: string; readonly bytes: number } {
  const encoded =
    body.length * MOST_BYTES_PER_UNIT <= SCRATCH.length ? SCRATCH.subarray(0, SCRATCH.write(body)) : Buffer.from(body)
  return { contentHash: hash('sha256', encoded, 'base64'), bytes: encoded.length }
}
