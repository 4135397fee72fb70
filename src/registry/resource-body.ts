import type { BodyFault } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject } from '../json.ts'
import { nodeAt, parseReference, referencesIn } from './references.ts'
import type { FindResource } from './references.ts'
import { SchemaRegistryError } from './registry-error.ts'
import type { TenantKind, XdmResource } from './resource.ts'
import { MAX_FAULTS, shapeFaults } from './schema-shape.ts'

const COMMON_MEMBERS = ['title', 'description', 'type', 'definitions', 'properties', 'required', 'allOf']

/** What a client writes. Members that are not here are not stored. */
export const WRITABLE_MEMBERS: Readonly<Record<TenantKind, readonly string[]>> = {
  schemas: [...COMMON_MEMBERS, 'meta:immutableTags'],
  fieldgroups: [...COMMON_MEMBERS, 'meta:immutableTags', 'meta:intendedToExtend'],
}

/** A checked body. */
export interface WrittenResource {
  readonly members: JsonObject
  /** `$id` of a schema's class; null in a field group. */
  readonly classId: string | null
  /** Resources that the body names in `allOf`, the class first, then in their order. */
  readonly extended: readonly XdmResource[]
}

/**
 * The members that a client gives, checked: a JSON Schema whose references lead somewhere, and in a schema exactly one class.
 *
 * @throws SchemaRegistryError 1000-400 for a body that is no object, else 1020-400 with all faults
 */
export async function parseResourceBody(kind: TenantKind, body: unknown, find: FindResource): Promise<WrittenResource> {
  if (!isJsonObject(body)) throw new SchemaRegistryError('1000-400', 'The body is not a JSON object; send one.')
  const members = Object.fromEntries(
    WRITABLE_MEMBERS[kind]
      .filter((name) => Object.hasOwn(body, name) && body[name] !== null)
      .map((name) => [name, body[name]]),
  )
  refuse(shapeFaults(members))
  const { faults, extended } = await checkReferences(members, find)
  refuse(faults)
  return { members, ...(kind === 'schemas' ? withOneClass(extended) : { classId: null, extended }) }
}

function refuse(faults: readonly BodyFault[]): void {
  const [first] = faults
  if (first !== undefined) throw new SchemaRegistryError('1020-400', first.message, faults)
}

async function checkReferences(members: JsonObject, find: FindResource) {
  const faults: BodyFault[] = []
  const extended = new Map<string, XdmResource>()
  const fault = (path: string, message: string) => faults.push({ path, message: `${path} ${message}` })
  const known = new Map<string, XdmResource | null>()
  for (const { ref, path } of referencesIn(members)) {
    if (faults.length >= MAX_FAULTS) break
    const { id, pointer } = parseReference(ref)
    const short = ref.length > 120 ? `${ref.slice(0, 120)}...` : ref
    if (id === '') {
      if (nodeAt(members, pointer) === undefined) fault(path, `names "${short}", which the body does not hold; add it.`)
      continue
    }
    if (!known.has(id)) known.set(id, await find(id))
    const resource = known.get(id) ?? null
    if (resource === null || nodeAt(resource, pointer) === undefined) {
      fault(path, `names "${short}", and there is no such resource; create it first or correct the id.`)
    } else if (resource['meta:resourceType'] === 'schemas') {
      fault(path, `names the schema "${short}"; refer to classes, field groups and data types.`)
    } else if (/^\/allOf\/\d+\/\$ref$/.test(path) && pointer === '') extended.set(id, resource)
  }
  return { faults, extended: inOrderOf(members, extended) }
}

function inOrderOf({ allOf }: JsonObject, resources: ReadonlyMap<string, XdmResource>): readonly XdmResource[] {
  const parts: readonly JsonObject[] = Array.isArray(allOf) ? allOf : []
  const ids = new Set(parts.map((part) => parseReference(String(part['$ref'])).id))
  return [...ids].flatMap((id) => resources.get(id) ?? [])
}

function withOneClass(extended: readonly XdmResource[]): Pick<WrittenResource, 'classId' | 'extended'> {
  const classes = extended.filter((resource) => resource['meta:resourceType'] === 'classes')
  const [xdmClass, second] = classes
  const message =
    xdmClass === undefined
      ? '/allOf names no class; a schema has exactly one, for example https://ns.adobe.com/xdm/context/profile.'
      : `/allOf names ${classes.length} classes; a schema has exactly one.`
  if (xdmClass === undefined || second !== undefined)
    throw new SchemaRegistryError('1020-400', message, [{ path: '/allOf', message }])
  const other = extended.find((resource) => !['classes', 'mixins'].includes(resource['meta:resourceType']))
  if (other !== undefined) {
    const text = `/allOf names "${other.$id}", which is no class and no field group; refer to it from a field.`
    throw new SchemaRegistryError('1020-400', text, [{ path: '/allOf', message: text }])
  }
  return { classId: xdmClass.$id, extended: [xdmClass, ...extended.filter((resource) => resource !== xdmClass)] }
}
