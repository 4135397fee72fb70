import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { nodeAt, parseReference } from './references.ts'
import type { Library } from './references.ts'
import { SchemaRegistryError } from './registry-error.ts'
import type { XdmResource } from './resource.ts'

/** A few references inside each other can stand for billions of fields. */
const MAX_NODES = 50_000
const MAX_DEPTH = 100

/** Keywords that resolving replaces. */
const STRUCTURE = ['$ref', 'allOf', 'definitions', 'properties', 'required', 'items', 'additionalProperties']

/** Where a walk is: the resource that `#/...` refers to, and the references on the way from the root. */
interface Place {
  readonly resource: XdmResource
  readonly trail: readonly string[]
  readonly depth: number
}

/**
 * The resource with everything that it refers to in place: one tree of `properties` and `items` without `$ref`, `allOf`
 * and `definitions`. A reference to itself is cut where it closes the circle, one to nothing is left as it is.
 *
 * @throws SchemaRegistryError 1413-400 when the tree would be too large
 */
export function resolveResource(root: XdmResource, library: Library): XdmResource {
  let nodes = 0

  function resolve(node: JsonObject, place: Place): JsonObject {
    if (++nodes > MAX_NODES || place.depth > MAX_DEPTH) throw tooLarge(root)
    const inner = { ...place, depth: place.depth + 1 }
    const parts = allOfParts(node, inner)
    const own = resolveOwn(node, inner)
    const target = typeof node['$ref'] === 'string' ? follow(node['$ref'], inner) : null
    return withXdmType([...parts.map(structureOf), ...(target ? [target] : []), own].reduce(merge))
  }

  function allOfParts(node: JsonObject, place: Place): readonly JsonObject[] {
    const parts = node['allOf']
    return Array.isArray(parts) ? parts.filter(isJsonObject).map((part) => resolve(part, place)) : []
  }

  function resolveOwn(node: JsonObject, place: Place): JsonObject {
    const { properties, items, additionalProperties, required } = node
    const kept = Object.entries(node).filter(([name]) => !STRUCTURE.includes(name))
    return {
      ...Object.fromEntries(kept),
      ...(isJsonObject(properties) && { properties: mapMembers(properties, (member) => resolve(member, place)) }),
      ...(isJsonObject(items) && { items: resolve(items, place) }),
      ...(additionalProperties !== undefined && {
        additionalProperties: isJsonObject(additionalProperties)
          ? resolve(additionalProperties, place)
          : additionalProperties,
      }),
      ...(required !== undefined && { required }),
    }
  }

  function follow(ref: string, { resource, trail, depth }: Place): JsonObject {
    const { id, pointer } = parseReference(ref)
    const owner = id === '' ? resource : library.get(id)
    const target = owner && nodeAt(owner, pointer)
    if (owner === undefined || target === undefined) return { $ref: ref }
    const key = `${owner.$id}#${pointer}`
    if (trail.includes(key)) return { type: 'object', 'meta:referencedFrom': key }
    const found = resolve(target, { resource: owner, trail: [...trail, key], depth })
    const { title, description } = target
    return {
      ...(title !== undefined && { title }),
      ...(description !== undefined && { description }),
      ...structureOf(found),
      ...(pointer === '' && { 'meta:referencedFrom': owner.$id }),
    }
  }

  const tree = resolve(root, { resource: root, trail: [`${root.$id}#`], depth: 0 })
  // Ids and title come first, as in the resource itself.
  const { $id, 'meta:altId': altId, 'meta:resourceType': type, version, title } = root
  return { $id, 'meta:altId': altId, 'meta:resourceType': type, version, title, ...tree }
}

/** What a part gives to the whole: its fields, not its name and ids. */
function structureOf(node: JsonObject): JsonObject {
  const ids = ['$id', '$schema', 'title', 'description', 'version', 'imsOrg', 'refs']
  const kept = Object.entries(node).filter(
    ([name]) => !ids.includes(name) && (!name.startsWith('meta:') || name === 'meta:xdmType'),
  )
  return Object.fromEntries(kept)
}

/** Both nodes in one: their fields are united, of everything else the second one counts. */
function merge(first: JsonObject, second: JsonObject): JsonObject {
  const both = { ...first, ...second }
  const properties = mergeProperties(first['properties'], second['properties'])
  const required = [first['required'], second['required']].flatMap((list) => (Array.isArray(list) ? list : []))
  const { items: itemsOfFirst } = first
  const { items: itemsOfSecond } = second
  return {
    ...both,
    ...(properties && { properties }),
    ...(required.length > 0 && { required: [...new Set(required)] }),
    ...(isJsonObject(itemsOfFirst) && isJsonObject(itemsOfSecond) && { items: merge(itemsOfFirst, itemsOfSecond) }),
  }
}

function mergeProperties(first: JsonValue | undefined, second: JsonValue | undefined): JsonObject | null {
  if (!isJsonObject(first)) return isJsonObject(second) ? second : null
  if (!isJsonObject(second)) return first
  const merged = new Map(Object.entries(first))
  for (const [name, node] of Object.entries(second)) {
    const former = merged.get(name)
    merged.set(name, isJsonObject(former) && isJsonObject(node) ? merge(former, node) : node)
  }
  return Object.fromEntries(merged)
}

function mapMembers(members: JsonObject, change: (member: JsonObject) => JsonObject): JsonObject {
  const changed = Object.entries(members).map(([name, member]) => [
    name,
    isJsonObject(member) ? change(member) : member,
  ])
  return Object.fromEntries(changed)
}

/** Fields carry both types: JSON's and XDM's, which follows from it. */
function withXdmType(node: JsonObject): JsonObject {
  const type = node['type'] ?? (node['properties'] === undefined ? undefined : 'object')
  const xdmType = node['meta:xdmType'] ?? xdmTypeOf(type, node)
  return { ...node, ...(type !== undefined && { type }), ...(xdmType !== undefined && { 'meta:xdmType': xdmType }) }
}

const LARGEST_INT = 2 ** 31 - 1

function xdmTypeOf(type: JsonValue | undefined, { format, minimum, maximum }: JsonObject): string | undefined {
  if (typeof type !== 'string') return undefined
  if (type === 'string') return format === 'date' || format === 'date-time' ? format : 'string'
  if (type !== 'integer') return type
  const isLong = Number(maximum ?? 0) > LARGEST_INT || Number(minimum ?? 0) < -LARGEST_INT - 1
  return isLong ? 'long' : 'int'
}

function tooLarge({ title }: XdmResource): SchemaRegistryError {
  return new SchemaRegistryError(
    '1413-400',
    `"${title.slice(0, 80)}" grows beyond ${MAX_NODES} fields or ${MAX_DEPTH} levels when its references are followed; ` +
      'refer to less.',
  )
}
