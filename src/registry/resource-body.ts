import { Ajv } from 'ajv'
import type { BodyFault } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { nodeAt, parseReference, referencesIn } from './references.ts'
import { SchemaRegistryError } from './registry-error.ts'
import type { FindResource } from './references.ts'
import type { TenantKind, XdmResource } from './resource.ts'

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

/** More would hardly be read. */
const MAX_FAULTS = 20
/** Patches must not make of a resource what a body could not be. */
const MAX_CHARACTERS = 1_048_576
const MAX_DEPTH = 100

const texts = { type: 'array', items: { type: 'string' } }

const ajv = new Ajv({ allErrors: true, validateFormats: false })
const isJsonSchema = ajv.compile({ $ref: 'http://json-schema.org/draft-07/schema#' })
const hasMembers = ajv.compile({
  type: 'object',
  properties: {
    type: { const: 'object' },
    title: { type: 'string', minLength: 1, maxLength: 1024, pattern: '\\S' },
    description: { type: 'string', maxLength: 8192 },
    definitions: { type: 'object', additionalProperties: { type: 'object' } },
    properties: { type: 'object', additionalProperties: { type: 'object' } },
    allOf: { type: 'array', minItems: 1, items: { type: 'object' } },
    'meta:immutableTags': texts,
    'meta:intendedToExtend': texts,
  },
  required: ['title', 'type'],
})

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
  refuse(nestingFaults(members))
  refuse(sizeFaults(members))
  refuse(shapeFaults(members))
  const { faults, extended } = await checkReferences(members, find)
  refuse(faults)
  return { members, ...(kind === 'schemas' ? withOneClass(extended) : { classId: null, extended }) }
}

function refuse(faults: readonly BodyFault[]): void {
  const [first] = faults
  if (first !== undefined) throw new SchemaRegistryError('1020-400', first.message, faults.slice(0, MAX_FAULTS))
}

function shapeFaults(members: JsonObject): readonly BodyFault[] {
  if (hasMembers(members) && isJsonSchema(members)) return []
  const errors = hasMembers.errors ?? isJsonSchema.errors ?? []
  return errors.map(({ keyword, instancePath, params, message }) => {
    const path = keyword === 'required' ? `${instancePath}/${String(params['missingProperty'])}` : instancePath
    const values = keyword === 'const' ? ` ("${String(params['allowedValue'])}")` : ''
    return { path, message: keyword === 'required' ? `${path} is missing; give it.` : `${path} ${message}${values}.` }
  })
}

/** Nesting that no program likes to read, and a name that means something else than a member in too many of them. */
function nestingFaults(node: JsonValue | undefined, path = '', depth = 0): readonly BodyFault[] {
  if (typeof node !== 'object' || node === null) return []
  if (depth > MAX_DEPTH)
    return [{ path, message: `The resource is nested deeper than ${MAX_DEPTH} levels; flatten it.` }]
  return Object.entries(node).flatMap(([name, member]) => {
    const inner = `${path}/${name}`
    if (name !== '__proto__') return nestingFaults(member, inner, depth + 1)
    return [{ path: inner, message: `${inner} is not allowed as a name; choose another.` }]
  })
}

function sizeFaults(members: JsonObject): readonly BodyFault[] {
  if (JSON.stringify(members).length <= MAX_CHARACTERS) return []
  return [{ path: '', message: `The resource is larger than ${MAX_CHARACTERS} characters; make it smaller.` }]
}

async function checkReferences(members: JsonObject, find: FindResource) {
  const faults: BodyFault[] = []
  const extended = new Map<string, XdmResource>()
  const fault = (path: string, message: string) => faults.push({ path, message: `${path} ${message}` })
  const known = new Map<string, XdmResource | null>()
  for (const { ref, path } of referencesIn(members)) {
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
  const order = orderOf(members)
  return { faults, extended: [...extended.values()].sort((a, b) => order.indexOf(a.$id) - order.indexOf(b.$id)) }
}

function orderOf({ allOf }: JsonObject): readonly string[] {
  return Array.isArray(allOf) ? allOf.map((part: JsonObject) => parseReference(String(part['$ref'])).id) : []
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
