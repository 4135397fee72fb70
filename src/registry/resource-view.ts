import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { View } from './accept.ts'
import { loadLibrary } from './references.ts'
import type { FindResource } from './references.ts'
import { SchemaRegistryError } from './registry-error.ts'
import { resolveResource } from './resolve.ts'
import type { XdmResource } from './resource.ts'

/** The four members of a resource in a short list. */
export function shortView({ $id, 'meta:altId': altId, version, title }: XdmResource): JsonObject {
  return { $id, 'meta:altId': altId, version, title }
}

/**
 * One resource as an `Accept` header asks for it. `-full` puts everything that it refers to in place, `-notext` leaves out
 * titles and descriptions, `-desc` adds the list of descriptors (there are none), `-flat` names every field by its path,
 * `-deprecated` shows deprecated fields, which `-full` hides.
 *
 * @throws SchemaRegistryError 1007-406 when the version does not exist
 */
export async function lookupView(resource: XdmResource, view: View, find: FindResource): Promise<JsonObject> {
  requireVersion(resource, view.version)
  const { variants } = view
  const wants = (...names: Parameters<typeof variants.has>[0][]) => names.some((name) => variants.has(name))
  let seen: JsonObject = resource
  if (wants('full', 'flat')) {
    seen = resolveResource(resource, await loadLibrary(resource, find))
    if (!wants('deprecated', 'deprecatedfield')) seen = mapNode(seen, withoutDeprecated)
  }
  if (wants('flat')) seen = { ...seen, properties: flatten(seen) }
  if (wants('notext')) seen = mapNode(seen, withoutText)
  return wants('desc') ? { ...seen, 'meta:descriptors': [] } : seen
}

/** Earlier minor versions are answered with the newest: it holds all that they held. */
function requireVersion({ $id, version }: XdmResource, wanted: View['version']): void {
  const [major, minor] = version.split('.').map(Number)
  if (wanted === null || (wanted.major === major && (wanted.minor ?? 0) <= (minor ?? 0))) return
  const asked = wanted.minor === null ? String(wanted.major) : `${wanted.major}.${wanted.minor}`
  throw new SchemaRegistryError(
    '1007-406',
    `The requested resource ${$id} exists in version ${version}, not in version ${asked}; ask for version=${major}.`,
  )
}

/** Every node of a schema changed, the outer one before those in it. */
function mapNode(node: JsonObject, change: (node: JsonObject) => JsonObject): JsonObject {
  const inner = (value: JsonValue | undefined) => (isJsonObject(value) ? mapNode(value, change) : value)
  const changed = Object.entries(change(node)).map(([name, value]): [string, JsonValue | undefined] => {
    if ((name === 'properties' || name === 'definitions') && isJsonObject(value)) {
      return [name, Object.fromEntries(Object.entries(value).map(([field, member]) => [field, inner(member)]))]
    }
    if (name === 'items' || name === 'additionalProperties') return [name, inner(value)]
    if (name === 'allOf' && Array.isArray(value)) return [name, value.map((part: JsonObject) => mapNode(part, change))]
    return [name, value]
  })
  return Object.fromEntries(changed)
}

function withoutText(node: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(node).filter(([name]) => name !== 'title' && name !== 'description'))
}

function withoutDeprecated(node: JsonObject): JsonObject {
  if (!isJsonObject(node['properties'])) return node
  const kept = Object.entries(node['properties']).filter(
    ([, field]) => !isJsonObject(field) || field['meta:status'] !== 'deprecated',
  )
  return { ...node, properties: Object.fromEntries(kept) }
}

/** All fields that hold no others, by their dot path; `[*]` stands behind an array. */
function flatten(node: JsonObject, path = ''): JsonObject {
  const { properties, items } = node
  if (isJsonObject(properties)) {
    const fields = Object.entries(properties).flatMap(([name, field]) =>
      isJsonObject(field) ? Object.entries(flatten(field, path === '' ? name : `${path}.${name}`)) : [],
    )
    return Object.fromEntries(fields)
  }
  if (isJsonObject(items)) return flatten(items, `${path}[*]`)
  return path === '' ? {} : Object.fromEntries([[path, node]])
}
