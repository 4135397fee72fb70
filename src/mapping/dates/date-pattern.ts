import { ExpressionError } from '../language/errors.ts'

/** A piece of a Java date format: a run of one letter, or text that stands for itself. */
export type PatternPart =
  | { readonly kind: 'field'; readonly letter: string; readonly count: number }
  | { readonly kind: 'text'; readonly text: string }

/** Letters with a meaning, as in the date format table of the documentation. */
const LETTERS = 'GYyMLwWDdFEuaHkKhmsSzZXVOQq'
const MAX_FORMAT_LENGTH = 200
const CACHE_SIZE = 200

const cache = new Map<string, readonly PatternPart[]>()

/** Reads a Java date format; equal formats are read once. Throws ExpressionError. */
export function parseDatePattern(format: string): readonly PatternPart[] {
  const known = cache.get(format)
  if (known !== undefined) return known
  const parts = readParts(format)
  if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value as string)
  cache.set(format, parts)
  return parts
}

function readParts(format: string): readonly PatternPart[] {
  if (format.length > MAX_FORMAT_LENGTH) {
    throw new ExpressionError(`a date format has more than ${MAX_FORMAT_LENGTH} characters`)
  }
  const parts: PatternPart[] = []
  for (const [piece] of format.matchAll(/'(?:[^']|'')*'|'|([A-Za-z])\1*|[^A-Za-z']+/g)) {
    const first = piece.charAt(0)
    if (piece === "'")
      throw new ExpressionError(`the date format ${JSON.stringify(format)} has a quote that is not closed`)
    if (piece === "''") parts.push({ kind: 'text', text: "'" })
    else if (first === "'") parts.push({ kind: 'text', text: piece.slice(1, -1).replaceAll("''", "'") })
    else if (!/[A-Za-z]/.test(first)) parts.push({ kind: 'text', text: piece })
    else if (LETTERS.includes(first)) parts.push({ kind: 'field', letter: first, count: piece.length })
    else
      throw new ExpressionError(
        `the date format ${JSON.stringify(format)} has the letter ${first}, which means nothing`,
      )
  }
  return parts
}

export const MONTHS = 'January February March April May June July August September October November December'.split(' ')
/** From Monday, as ISO counts. */
export const WEEKDAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' ')
