import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Store, TenantKey } from '../store/store.ts'
import { createFindResource } from './find-resource.ts'
import { loadGlobalResources } from './global-resources.ts'
import { loadLibrary } from './references.ts'
import { resolveResource } from './resolve.ts'
import { toResourceId } from './resource.ts'
import type { ResourceDocument } from './resource.ts'

export const JSON_TYPES = ['string', 'integer', 'number', 'boolean', 'object', 'array', 'null'] as const
export type JsonType = (typeof JSON_TYPES)[number]

/** A field of a schema with all references resolved; the schema itself is one of type `object`. */
export interface SchemaType {
  /** The types that a value may have; empty when the schema leaves it open. Most fields have exactly one. */
  readonly types: readonly JsonType[]
  /** The first of `types` that is not `null`; null when the schema leaves it open. */
  readonly type: JsonType | null
  /** Of a string: `date`, `date-time`, `uri`, ... */
  readonly format?: string
  /** Of an object, its defined members. Has no prototype: an absent name is undefined. */
  readonly properties?: Readonly<Record<string, SchemaType>>
  /** Of an array, its elements. */
  readonly items?: SchemaType
  /** Of a map (`identityMap`), the values under any name that `properties` does not define. */
  readonly additional?: SchemaType
  /** The values that are allowed. */
  readonly enum?: readonly JsonValue[]
}

/** Types of the fields of stored schemas. */
export interface SchemaTypes {
  /**
   * The schema as one tree: its class, field groups, data types and inline fields. Null when the tenant has no such schema.
   * Reads the store: ask once per run, not once per row. `schemaId` is a `$id` or a `meta:altId`.
   */
  typeOf(tenant: TenantKey, schemaId: string): Promise<SchemaType | null>
}

/**
 * Schema types for whoever checks rows against a schema:
 *
 *     const schema = await createSchemaTypes(store).typeOf(tenant, dataSet.schemaRef.id)
 *     typeNameAt(schema, 'person.birthDate')           // 'date'
 *     typeNameAt(schema, 'identityMap.Email[0].id')    // 'string'
 *     typeNameAt(schema, 'no.such.field')              // null
 */
export function createSchemaTypes(store: Pick<Store, 'entities'>): SchemaTypes {
  const globals = loadGlobalResources()
  return {
    async typeOf(tenant, schemaId) {
      const id = toResourceId(schemaId)
      const entity = await store.entities.get(tenant, 'schemas', id)
      const schema = (entity?.document as ResourceDocument | undefined)?.resource ?? globals.get('schemas', id)
      if (schema === null) return null
      const library = await loadLibrary(schema, createFindResource(store, globals, tenant))
      return schemaTypeOf(resolveResource(schema, library))
    },
  }
}

/**
 * The field at a path, null when the schema does not define it. A path is its segments, or a text: names joined by dots,
 * each with any number of `[0]` or `[*]` behind it. Without such an index a name that leads to an array means its elements
 * as soon as the path goes on.
 */
export function typeAt(schema: SchemaType | null, path: string | readonly string[]): SchemaType | null {
  let field: SchemaType | null = schema
  for (const segment of typeof path === 'string' ? splitPath(path) : path) {
    if (field === null) return null
    field = memberOf(field, segment)
  }
  return field
}

/** The type at a path as one word: a JSON type, or `date` and `date-time` for such strings. Null as `typeAt`. */
export function typeNameAt(
  schema: SchemaType | null,
  path: string | readonly string[],
): JsonType | 'date' | 'date-time' | 'any' | null {
  const field = typeAt(schema, path)
  if (field === null) return null
  if (field.type === 'string' && (field.format === 'date' || field.format === 'date-time')) return field.format
  return field.type ?? 'any'
}

const INDEX = /^\[(\d+|\*)\]$/

function memberOf(field: SchemaType, segment: string): SchemaType | null {
  if (INDEX.test(segment)) return field.items ?? null
  if (field.items !== undefined) return memberOf(field.items, segment)
  return field.properties?.[segment] ?? field.additional ?? null
}

function splitPath(path: string): readonly string[] {
  return path.split('.').flatMap((part) => {
    const [, name = part, indexes = ''] = /^(.*?)((?:\[(?:\d+|\*)\])*)$/.exec(part) ?? []
    return [name, ...(indexes.match(/\[[^\]]*\]/g) ?? [])]
  })
}

/** Of a resolved node. */
export function schemaTypeOf(node: JsonObject): SchemaType {
  const { type, format, properties, items, additionalProperties } = node
  const types = [type].flat().filter((name) => JSON_TYPES.includes(name as JsonType)) as JsonType[]
  return {
    types,
    type: types.find((name) => name !== 'null') ?? null,
    ...(typeof format === 'string' && { format }),
    ...(isJsonObject(properties) && { properties: typesOfMembers(properties) }),
    ...(isJsonObject(items) && { items: schemaTypeOf(items) }),
    ...(isJsonObject(additionalProperties) && { additional: schemaTypeOf(additionalProperties) }),
    ...(Array.isArray(node['enum']) && { enum: node['enum'] }),
  }
}

function typesOfMembers(properties: JsonObject): Record<string, SchemaType> {
  const types: Record<string, SchemaType> = Object.create(null)
  for (const [name, node] of Object.entries(properties)) types[name] = schemaTypeOf(isJsonObject(node) ? node : {})
  return types
}
