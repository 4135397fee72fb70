import { isJsonObject } from '../../json.ts'
import type { JsonObject, JsonValue } from '../../json.ts'

/** The bounds of an integer attribute: -2^53 and 2^53 - 1, not symmetric. */
const INTEGER_MINIMUM = -(2 ** 53)
const INTEGER_MAXIMUM = 2 ** 53 - 1

/** What was seen at one place of the sampled records. Null leaves no trace: it says nothing about the type. */
interface Sightings {
  scalars: Set<'string' | 'boolean' | 'integer' | 'number'>
  /** Present once an object was seen. */
  members?: Map<string, Sightings>
  /** Present once an array was seen; what its elements were, taken together. */
  items?: Sightings
}

/**
 * The schema that describes all of the records together: an attribute that any record has is in it. The order of the
 * records makes no difference. Integers carry bounds, strings never a format; an attribute that is null everywhere is
 * `{}`, one of mixed types is a string. There is no `required`, `title` or `$schema`.
 */
export function inferSchema(records: readonly JsonObject[]): JsonObject {
  const root = emptySightings()
  root.members = new Map()
  for (const record of records) observe(root, record)
  return render(root)
}

function emptySightings(): Sightings {
  return { scalars: new Set() }
}

function observe(sightings: Sightings, value: JsonValue | undefined): void {
  if (value === null || value === undefined) return
  if (typeof value === 'string') sightings.scalars.add('string')
  else if (typeof value === 'boolean') sightings.scalars.add('boolean')
  else if (typeof value === 'number') sightings.scalars.add(fitsInteger(value) ? 'integer' : 'number')
  else if (isJsonObject(value)) {
    const members = (sightings.members ??= new Map())
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue
      const seen = members.get(name) ?? emptySightings()
      members.set(name, seen)
      observe(seen, member)
    }
  } else {
    const items = (sightings.items ??= emptySightings())
    for (const element of value) observe(items, element)
  }
}

function fitsInteger(value: number): boolean {
  return Number.isInteger(value) && value >= INTEGER_MINIMUM && value <= INTEGER_MAXIMUM
}

function render({ scalars, members, items }: Sightings): JsonObject {
  const types = new Set<string>(scalars)
  if (types.has('number')) types.delete('integer')
  if (members) types.add('object')
  if (items) types.add('array')

  if (types.size === 0) return {}
  if (types.size > 1) return { type: 'string' }
  if (members) {
    return {
      type: 'object',
      properties: Object.fromEntries(Array.from(members, ([name, seen]) => [name, render(seen)])),
    }
  }
  if (items) return { type: 'array', items: render(items) }
  if (types.has('integer')) return { type: 'integer', minimum: INTEGER_MINIMUM, maximum: INTEGER_MAXIMUM }
  return { type: [...types].join() }
}

/** The record without its null attributes, at any depth. Null elements of arrays stay: positions carry meaning. */
export function withoutNulls(record: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(record)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [name, pruned(value)]),
  )
}

function pruned(value: JsonValue | undefined): JsonValue | undefined {
  if (Array.isArray(value)) return value.map((element) => pruned(element) ?? null)
  return isJsonObject(value) ? withoutNulls(value) : value
}
