import type { SearchField } from './syntax.ts'

/** An object as Stripe sends it. */
export type SearchedObject = Readonly<Record<string, unknown>>

/** The text that comparisons which ignore case compare. */
export function fold(text: string): string {
  // The only letter whose lower case depends on where it stands.
  return text.toLowerCase().replaceAll('ς', 'σ')
}

/** The words of a text, folded. */
export function wordsOf(text: string): readonly string[] {
  return fold(text).split(/\s+/u).filter(Boolean)
}

/** Whether a value of a query is a number; quotes around it are optional. */
export function isNumber(value: string): boolean {
  return /^-?\d+(?:\.\d+)?$/.test(value)
}

/** The value that a field has in an object; null when it has none. A reference counts as its id, expanded or not. */
export function valueOf(object: SearchedObject, field: SearchField): string | number | null {
  if (field.kind === 'metadata') return scalar(member(object.metadata, field.key))
  return valueAt(object, field.name.split('.'))
}

/** `valueOf` for the parts of a dotted name. */
export function valueAt(object: SearchedObject, path: readonly string[]): string | number | null {
  if (path[0] === 'refunded') return refundedOf(object)
  let value: unknown = object
  for (const name of path) value = member(value, name)
  return scalar(isHash(value) ? value.id : value)
}

/** Whether a charge was refunded: "true" wholly, "false" in part, null not at all. */
function refundedOf(charge: SearchedObject): string | null {
  if (charge.refunded === true) return 'true'
  return typeof charge.amount_refunded === 'number' && charge.amount_refunded > 0 ? 'false' : null
}

function scalar(value: unknown): string | number | null {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}

function member(value: unknown, name: string): unknown {
  return isHash(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function isHash(value: unknown): value is SearchedObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
