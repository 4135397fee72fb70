import { FlowServiceError } from './errors.ts'
import type { BodyFault, ErrorCode } from './errors.ts'
import { isJsonObject } from './json.ts'
import type { JsonObject, JsonValue } from './json.ts'

const LONGEST_NAME = 1024
const LONGEST_TEXT = 8192

interface CodedFault extends BodyFault {
  readonly code: ErrorCode
}

/** Collects what is wrong with a body, so that one answer can name all of it. */
export class Faults {
  /** A draft may lack members; what it has must be right all the same. */
  readonly draft: boolean
  readonly #list: CodedFault[] = []

  constructor(draft = false) {
    this.draft = draft
  }

  /** A member is absent or empty that a draft need not have yet. */
  missing(path: string, message: string, code: ErrorCode = '1304-400'): void {
    if (!this.draft) this.#list.push({ code, path, message })
  }

  /** A member is wrong, or absent where even a draft needs it. */
  invalid(path: string, message: string, code: ErrorCode = '1312-400'): void {
    this.#list.push({ code, path, message })
  }

  /** Throws the first fault; the error lists all of them. */
  throwIfAny(): void {
    const first = this.#list[0]
    if (first === undefined) return
    const faults = this.#list.map(({ path, message }) => ({ path, message }))
    throw new FlowServiceError(first.code, first.message, { faults })
  }
}

/** The body as an object; 1000-400 when it is none. */
export function parseBodyObject(body: unknown): JsonObject {
  if (!isJsonObject(body)) {
    throw new FlowServiceError('1000-400', 'The body is not a JSON object; send one.')
  }
  return body
}

/** An own member of an object; null counts as absent. */
export function readMember(owner: JsonObject, name: string): JsonValue | undefined {
  return Object.hasOwn(owner, name) ? (owner[name] ?? undefined) : undefined
}

/** The object without one of its members. */
export function omit(owner: JsonObject, name: string): JsonObject {
  return Object.fromEntries(Object.entries(owner).filter(([member]) => member !== name))
}

/** `always`: even in a draft. `unlessDraft`: a draft may lack it. `no`: optional. */
export type Need = 'always' | 'unlessDraft' | 'no'

/**
 * Reads a text member.
 * @param path - JSON Pointer of the member; its last segment is the member's name in `owner`
 */
export function readText(
  faults: Faults,
  owner: JsonObject,
  path: string,
  need: Need,
  code: ErrorCode = '1304-400',
): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1)
  const value = readMember(owner, name)
  if (value === undefined || (typeof value === 'string' && value.trim() === '')) {
    reportMissing(faults, path, need, code)
    return need === 'no' ? value : undefined
  }
  if (typeof value !== 'string') {
    faults.invalid(path, `${path} is ${typeName(value)}; give a string.`)
    return undefined
  }
  const longest = name === 'name' ? LONGEST_NAME : LONGEST_TEXT
  if (value.length > longest) {
    faults.invalid(path, `${path} has ${value.length} characters; give at most ${longest}.`)
    return undefined
  }
  return value
}

/** Reads an object member; `path` as for `readText`. */
export function readObject(
  faults: Faults,
  owner: JsonObject,
  path: string,
  need: Need,
  code: ErrorCode = '1304-400',
): JsonObject | undefined {
  const value = readMember(owner, path.slice(path.lastIndexOf('/') + 1))
  if (value === undefined) {
    reportMissing(faults, path, need, code)
    return undefined
  }
  if (isJsonObject(value)) return value
  faults.invalid(path, `${path} is ${typeName(value)}; give an object.`)
  return undefined
}

/** `name` and `description`, which every named entity has. */
export function readNames(faults: Faults, body: JsonObject): { name: string; description?: string } {
  const name = readText(faults, body, '/name', 'always') ?? ''
  const description = readText(faults, body, '/description', 'no')
  return description === undefined ? { name } : { name, description }
}

function reportMissing(faults: Faults, path: string, need: Need, code: ErrorCode): void {
  const message = `${path} is missing or empty and is needed; give a value.`
  if (need === 'always') faults.invalid(path, message, code)
  if (need === 'unlessDraft') faults.missing(path, message, code)
}

/** The JSON type of a value with its article, for messages. */
export function typeName(value: unknown): string {
  if (value === undefined) return 'missing'
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
