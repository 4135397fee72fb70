import { randomBytes } from 'node:crypto'
import { FlowServiceError } from '../errors.ts'

/**
 * A new etag, with its own double quotes: eight random hex digits, and the time of the write as hex seconds in the last
 * group, as in the documentation's samples. It never equals `former`.
 */
export function createEtag(now: number, former?: string): string {
  for (;;) {
    const random = randomBytes(4).toString('hex')
    const seconds = Math.floor(now / 1000)
      .toString(16)
      .padStart(8, '0')
    const etag = `"${random}-0000-0200-0000-${seconds}0000"`
    if (etag !== former) return etag
  }
}

/** The forms in which clients send one etag: quoted, bare, with escaped quotes, marked as weak. */
export function normaliseEtag(text: string): string {
  const plain = text
    .trim()
    .replace(/^W\//, '')
    .replace(/\\+(?=")/g, '')
  return plain.length >= 2 && plain.startsWith('"') && plain.endsWith('"') ? plain.slice(1, -1) : plain
}

/** For calls that need `If-Match`: 1403-400 without it, 1404-412 when it is not the current etag. */
export function requireIfMatch(ifMatch: string | undefined, current: string): void {
  if (ifMatch === undefined || ifMatch.trim() === '') {
    throw new FlowServiceError(
      '1403-400',
      'The If-Match header is missing; send the etag of the version that you mean to change.',
    )
  }
  checkIfMatch(ifMatch, current)
}

/** For calls where `If-Match` is optional: 1404-412 when it is given and not the current etag. */
export function checkIfMatch(ifMatch: string | undefined, current: string): void {
  if (ifMatch === undefined || ifMatch.trim() === '' || ifMatch.trim() === '*') return
  if (normaliseEtag(ifMatch) !== normaliseEtag(current)) throw versionMismatch(ifMatch, current)
}

export function versionMismatch(supplied: string, current: string): FlowServiceError {
  return new FlowServiceError(
    '1404-412',
    `Supplied version=[${supplied}] does not match the current version on entity=[${current}]`,
  )
}
