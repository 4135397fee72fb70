import { fieldSpecOf, SEARCHABLE_RESOURCES, searchableOf } from './fields.ts'
import type { SearchClause, SearchQuery } from './syntax.ts'
import { fold, valueAt, valueOf, wordsOf } from './values.ts'
import type { SearchedObject } from './values.ts'

/** UTF-16 units of the longest term: what two longer ones share up to there is told apart by `matches`. */
export const MAX_TERM_LENGTH = 120

/**
 * The terms under which an index keeps an object: `metadata[key]` and `metadata[key]:value` for all of its metadata,
 * `field:value` for its token fields and `field:word` for its string fields, values in lower case. Each once.
 */
export function termsOf(object: SearchedObject, resourcePath: string): string[] {
  const searchable = searchableOf(resourcePath)
  if (searchable === undefined) return []
  const terms = new Set<string>()
  if (searchable.hasMetadata) addMetadata(terms, object)
  for (const { name, path, isString } of INDEXED.get(resourcePath) ?? []) {
    const value = valueAt(object, path)
    if (value === null) continue
    const texts = isString ? wordsOf(String(value)) : [String(value)]
    for (const text of texts) terms.add(fieldTerm(name, text))
  }
  return [...terms]
}

interface IndexedField {
  readonly name: string
  readonly path: readonly string[]
  readonly isString: boolean
}

/** Made once: an object is indexed for each version that is stored. */
const INDEXED: ReadonlyMap<string, readonly IndexedField[]> = new Map(
  SEARCHABLE_RESOURCES.map((resourcePath) => [
    resourcePath,
    Object.entries(searchableOf(resourcePath)?.fields ?? {})
      .filter(([, spec]) => spec.selectivity !== undefined)
      .map(([name, spec]) => ({ name, path: name.split('.'), isString: spec.class === 'string' })),
  ]),
)

function addMetadata(terms: Set<string>, { metadata }: SearchedObject): void {
  if (typeof metadata !== 'object' || metadata === null) return
  for (const key of Object.keys(metadata)) {
    const value = valueOf({ metadata }, { kind: 'metadata', key })
    if (value === null) continue
    terms.add(keyTerm(key))
    terms.add(pairTerm(key, String(value)))
  }
}

/**
 * Terms of which every object that matches the query has at least one; null when the query narrows nothing. What they
 * find still has to be asked whether it matches.
 */
export function candidateTerms(query: SearchQuery): readonly string[] | null {
  return narrowingOf(query)?.terms ?? null
}

interface Narrowing {
  readonly terms: readonly string[]
  readonly selectivity: number
}

function narrowingOf(query: SearchQuery): Narrowing | null {
  if (query.kind === 'clause') return narrowingOfClause(query)
  const parts = query.parts.map(narrowingOf)
  if (query.kind === 'any') return union(parts)
  return parts.reduce((best, part) => (isBetter(part, best) ? part : best), null)
}

function union(parts: readonly (Narrowing | null)[]): Narrowing | null {
  const known = parts.filter((part) => part !== null)
  if (known.length < parts.length) return null
  return {
    terms: [...new Set(known.flatMap(({ terms }) => terms))],
    selectivity: Math.min(...known.map(({ selectivity }) => selectivity)),
  }
}

function isBetter(part: Narrowing | null, best: Narrowing | null): boolean {
  if (part === null) return false
  if (best === null || part.selectivity !== best.selectivity) return part.selectivity > (best?.selectivity ?? 0)
  return part.terms.length < best.terms.length
}

function narrowingOfClause({ field, operator, value, negated }: SearchClause): Narrowing | null {
  if (field.kind === 'metadata') {
    if (value === null) return negated ? only(keyTerm(field.key), 1) : null
    if (negated) return null
    return operator === '~' ? only(keyTerm(field.key), 1) : only(pairTerm(field.key, value), 3)
  }
  const { class: fieldClass, selectivity } = fieldSpecOf(field.name) ?? {}
  if (negated || operator !== ':' || value === null || selectivity === undefined) return null
  if (fieldClass !== 'string') return only(fieldTerm(field.name, value), selectivity)
  const [longest] = wordsOf(value).toSorted((left, right) => right.length - left.length)
  return longest === undefined ? null : only(fieldTerm(field.name, longest), selectivity)
}

function only(term: string, selectivity: number): Narrowing {
  return { terms: [term], selectivity }
}

function keyTerm(key: string): string {
  return limited(`metadata[${key}]`)
}

function pairTerm(key: string, value: string): string {
  return limited(`metadata[${key}]:${fold(value)}`)
}

function fieldTerm(name: string, value: string): string {
  return limited(`${name}:${fold(value)}`)
}

/** A character cut in half could not be stored as it is. */
function limited(term: string): string {
  return term.slice(0, MAX_TERM_LENGTH).toWellFormed()
}
