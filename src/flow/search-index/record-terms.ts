import { hash } from 'node:crypto'
import { isJsonObject } from '../../json.ts'
import { termsOf, type SearchedObject } from '../../search/search-query.ts'

/** Bits of a term's number: with the place in a segment beside it, it still is a whole number without loss. */
export const TERM_BITS = 39

const TERMS = 2 ** TERM_BITS

/**
 * The number by which the index knows a term. Few of many millions share one, and whatever is found is asked again. A
 * change here or in `termsOf` needs a migration that empties the index.
 */
export function termNumber(term: string): number {
  return hash('sha1', term, 'buffer').readUIntBE(0, 6) % TERMS
}

/** The object of a record in source form, JSON text; null when there is none or the text is damaged. */
export function objectOf(body: string): SearchedObject | null {
  const record = parse(body)
  const object = isJsonObject(record) ? record['data'] : undefined
  return isJsonObject(object) ? object : null
}

/** The numbers of all terms of a record in source form, JSON text; each once. */
export function termNumbersOf(body: string, resourcePath: string): ReadonlySet<number> {
  const object = objectOf(body)
  return new Set(object === null ? [] : termsOf(object, resourcePath).map(termNumber))
}

/** One damaged record must not keep all others from being found. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
