import { isJsonObject } from '../../json.ts'
import type { JsonValue } from '../../json.ts'

/** An object with more different members over all rows is kept as JSON text: it is a map rather than a record. */
const MOST_MEMBERS = 200
/** What lies deeper is kept as JSON text. */
const DEEPEST = 40

/** Integers from here on do not fit a BIGINT. */
const BIGINT_END = 2 ** 63

type Kind = 'nothing' | 'boolean' | 'integer' | 'number' | 'text' | 'list' | 'object' | 'anything'

/**
 * What was seen at one place of all rows, and the DuckDB type that holds it without loss: nulls only VARCHAR, integers
 * BIGINT, integers and fractions DOUBLE, lists and objects by what is in them. What no one type holds becomes JSON text:
 * values of different types, and objects that cannot be a STRUCT (no members, too many, or names that differ in nothing but
 * letter case).
 */
export class RowShape {
  readonly #depth: number
  #kind: Kind = 'nothing'
  #element: RowShape | null = null
  readonly #members = new Map<string, RowShape>()
  readonly #foldedNames = new Set<string>()

  constructor(depth = 0) {
    this.#depth = depth
  }

  /** Takes one more value into account. */
  add(value: JsonValue | undefined): void {
    if (value === null || value === undefined || this.#kind === 'anything') return
    this.#widen(kindOf(value))
    if (this.#kind === 'list') this.#addElements(value as readonly JsonValue[])
    else if (this.#kind === 'object' && isJsonObject(value)) this.#addMembers(Object.entries(value))
  }

  /** The members and their types in the order in which they were first seen; null when the rows fit no STRUCT. */
  columns(): ReadonlyMap<string, string> | null {
    if (this.#kind === 'nothing') return new Map()
    if (this.#kind !== 'object') return null
    return new Map([...this.#members].map(([name, shape]) => [name, shape.type()]))
  }

  /** In DuckDB's spelling. */
  type(): string {
    switch (this.#kind) {
      case 'nothing':
      case 'text':
        return 'VARCHAR'
      case 'boolean':
        return 'BOOLEAN'
      case 'integer':
        return 'BIGINT'
      case 'number':
        return 'DOUBLE'
      case 'list':
        return `${this.#element?.type() ?? 'VARCHAR'}[]`
      case 'object':
        return this.#members.size === 0 ? 'JSON' : this.#structType()
      case 'anything':
        return 'JSON'
    }
  }

  #structType(): string {
    const fields = [...this.#members].map(([name, shape]) => `${quoteIdentifier(name)} ${shape.type()}`)
    return `STRUCT(${fields.join(', ')})`
  }

  #widen(kind: Kind): void {
    if (this.#kind === kind) return
    const isNumeric = [this.#kind, kind].every((one) => one === 'integer' || one === 'number')
    if (this.#kind === 'nothing') this.#kind = kind
    else if (isNumeric) this.#kind = 'number'
    else this.#giveUp()
    if ((kind === 'list' || kind === 'object') && this.#depth >= DEEPEST) this.#giveUp()
  }

  #addElements(values: readonly JsonValue[]): void {
    this.#element ??= new RowShape(this.#depth + 1)
    for (const value of values) this.#element.add(value)
  }

  #addMembers(members: readonly (readonly [string, JsonValue | undefined])[]): void {
    for (const [name, value] of members) {
      const member = this.#members.get(name) ?? this.#newMember(name)
      if (member === null) return this.#giveUp()
      member.add(value)
    }
  }

  #newMember(name: string): RowShape | null {
    const folded = name.toLowerCase()
    const isUsable = name !== '' && !name.includes('\0') && !this.#foldedNames.has(folded)
    if (!isUsable || this.#members.size === MOST_MEMBERS) return null
    const member = new RowShape(this.#depth + 1)
    this.#foldedNames.add(folded)
    this.#members.set(name, member)
    return member
  }

  #giveUp(): void {
    this.#kind = 'anything'
    this.#element = null
    this.#members.clear()
    this.#foldedNames.clear()
  }
}

function kindOf(value: Exclude<JsonValue, null>): Kind {
  if (typeof value === 'string') return 'text'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value === 'object') return Array.isArray(value) ? 'list' : 'object'
  return Number.isInteger(value) && Math.abs(value) < BIGINT_END ? 'integer' : 'number'
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
