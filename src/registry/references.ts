import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { toResourceId } from './resource.ts'
import type { XdmResource } from './resource.ts'

/** Resources by `$id`. */
export type Library = ReadonlyMap<string, XdmResource>

/** Finds a resource of any kind by its `$id`, null when there is none. */
export type FindResource = (id: string) => Promise<XdmResource | null>

/** A `$ref` taken apart: the resource's `$id`, empty for the resource that it stands in, and a JSON Pointer into it. */
export interface Reference {
  readonly id: string
  readonly pointer: string
}

/** Global resources are also seen with the fragment's `#` percent-encoded, and with an alternative id. */
export function parseReference(ref: string): Reference {
  const [id = '', pointer = ''] = ref.replace('%23', '#').split('#', 2)
  return { id: toResourceId(id), pointer }
}

/** Every `$ref` below a node, with the JSON Pointer of where it stands. A property that is called `$ref` is none. */
export function referencesIn(node: JsonValue | undefined): readonly { readonly ref: string; readonly path: string }[] {
  const found: { ref: string; path: string }[] = []
  const pending: { value: JsonValue | undefined; path: string }[] = [{ value: node, path: '' }]
  for (let entry = pending.pop(); entry !== undefined; entry = pending.pop()) {
    const { value, path } = entry
    if (typeof value !== 'object' || value === null) continue
    if (isJsonObject(value) && typeof value['$ref'] === 'string')
      found.push({ ref: value['$ref'], path: `${path}/$ref` })
    for (const [name, member] of Object.entries(value)) pending.push({ value: member, path: `${path}/${escape(name)}` })
  }
  return found
}

/** The resources outside that a resource names directly, each once. */
export function referencedIds(node: JsonObject): readonly string[] {
  const ids = referencesIn(node).map(({ ref }) => parseReference(ref).id)
  return [...new Set(ids)].filter((id) => id !== '')
}

/** All resources that `root` needs, near and far. References to nothing are left out. */
export async function loadLibrary(root: XdmResource, find: FindResource): Promise<Library> {
  const library = new Map<string, XdmResource>([[root.$id, root]])
  const asked = new Set<string>([root.$id])
  const pending = [root]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const id of referencedIds(next)) {
      if (asked.has(id)) continue
      asked.add(id)
      const resource = await find(id)
      if (resource === null) continue
      library.set(id, resource)
      pending.push(resource)
    }
  }
  return library
}

/** The node at a JSON Pointer, undefined when there is none. */
export function nodeAt(resource: JsonObject, pointer: string): JsonObject | undefined {
  let node: JsonValue | undefined = resource
  for (const segment of pointer.split('/').slice(1)) {
    const name = segment.replaceAll('~1', '/').replaceAll('~0', '~')
    node = isJsonObject(node) && Object.hasOwn(node, name) ? node[name] : undefined
  }
  return isJsonObject(node) ? node : undefined
}

function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
