import { jsonpath } from 'json-p3'
import type { JsonValue } from '../../json.ts'

/** A path that a spec names cannot be used. The message says what would be right. */
export class PathError extends Error {}

/** A compiled JSONPath (RFC 9535). */
export interface JsonPath {
  readonly text: string
  /** The first value that the path meets; undefined when it meets none. */
  first(document: JsonValue): JsonValue | undefined
}

/** Regular expressions of a spec could keep the process busy for ever. */
const REGEXP_FUNCTION = /\b(match|search)\s*\(/

/** Compiles a path; a text without `$` before it is taken from the root. Throws `PathError`. */
export function parsePath(text: string): JsonPath {
  if (REGEXP_FUNCTION.test(text)) throw new PathError(`"${text}" uses match() or search(), which are not available`)
  const query = compile(text)
  return { text, first: (document) => query.match(document as never)?.value as JsonValue | undefined }
}

/**
 * The member names of a path that leads to one place by names only, such as `$.result.items`; a trailing `[*]` is left
 * out. Throws `PathError` for anything more complex.
 */
export function parseNames(text: string): readonly string[] {
  compile(text)
  const names: string[] = []
  let rest = rooted(text)
    .slice(1)
    .trim()
    .replace(/\[\*\]$/, '')
  while (rest !== '') {
    const [taken, dotted, single, double] = NAME.exec(rest) ?? []
    const name = dotted ?? single ?? double
    if (taken === undefined || name === undefined) {
      throw new PathError(`"${text}" is too complex: it must lead from the root to one place by names only`)
    }
    names.push(name)
    rest = rest.slice(taken.length)
  }
  return names
}

const NAME = /^(?:\.([^.[\]*'"\s]+)|\['([^'\\]*)'\]|\["([^"\\]*)"\])/

function compile(text: string) {
  try {
    return jsonpath.compile(rooted(text))
  } catch (error) {
    throw new PathError(`"${text}" is no JSONPath: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function rooted(text: string): string {
  const trimmed = text.trim()
  return trimmed.startsWith('$') ? trimmed : `$${trimmed.startsWith('[') ? '' : '.'}${trimmed}`
}
