import type { BodyFault } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { JSON_TYPES } from './schema-types.ts'

/** More would hardly be read. */
export const MAX_FAULTS = 20
/** Patches must not make of a resource what a body could not be. */
const MAX_CHARACTERS = 1_048_576
const MAX_DEPTH = 100
const MAX_TITLE = 1024
const MAX_DESCRIPTION = 8192

/** What is wrong with a value, in words; null when it is right. */
type Check = (value: JsonValue) => string | null

const isText: Check = (value) => (typeof value === 'string' ? null : 'must be a text')
const isNumber: Check = (value) => (typeof value === 'number' ? null : 'must be a number')
const isObject: Check = (value) => (isJsonObject(value) ? null : 'must be an object')
const isList: Check = (value) => (Array.isArray(value) ? null : 'must be an array')
const isTextList: Check = (value) =>
  Array.isArray(value) && value.every((element) => typeof element === 'string') ? null : 'must be an array of texts'

/** The keywords of JSON Schema that a reader of the registry relies on. Others are stored as they are. */
const KEYWORDS: Readonly<Record<string, Check>> = {
  type: isType,
  title: isText,
  description: isText,
  format: isText,
  pattern: isText,
  $ref: isText,
  'meta:xdmType': isText,
  'meta:status': isText,
  minimum: isNumber,
  maximum: isNumber,
  minLength: isNumber,
  maxLength: isNumber,
  enum: isList,
  required: isTextList,
  properties: isObject,
  definitions: isObject,
  allOf: isList,
  items: isObject,
  additionalProperties: (value) => (typeof value === 'boolean' ? null : isObject(value)),
  'meta:immutableTags': isTextList,
  'meta:intendedToExtend': isTextList,
}

function isType(value: JsonValue): string | null {
  const names = [value].flat()
  // Seven types exist: a longer list repeats itself.
  const isKnown = names.length <= JSON_TYPES.length && names.every((name) => JSON_TYPES.some((known) => known === name))
  return isKnown && names.length > 0 ? null : `must be one of ${JSON_TYPES.join(', ')}`
}

/** What keeps a body from being a resource of the registry, the first faults of it. */
export function shapeFaults(members: JsonObject): readonly BodyFault[] {
  const checks = [sizeFaults, nestingFaults, rootFaults, (node: JsonObject) => [...nodeFaults(node, '')]]
  for (const check of checks) {
    const faults = check(members)
    if (faults.length > 0) return faults
  }
  return []
}

function sizeFaults(members: JsonObject): readonly BodyFault[] {
  if (JSON.stringify(members).length <= MAX_CHARACTERS) return []
  return [fault('', `The resource is larger than ${MAX_CHARACTERS} characters; make it smaller.`)]
}

/** Nesting that no program likes to read, and a name that means something else than a member in too many of them. */
function nestingFaults(node: JsonValue | undefined, path = '', depth = 0): readonly BodyFault[] {
  if (typeof node !== 'object' || node === null) return []
  if (depth > MAX_DEPTH) return [fault(path, `The resource is nested deeper than ${MAX_DEPTH} levels; flatten it.`)]
  for (const [name, member] of Object.entries(node)) {
    const inner = `${path}/${name}`
    if (name === '__proto__') return [fault(inner, `${inner} is not allowed as a name; choose another.`)]
    const faults = nestingFaults(member, inner, depth + 1)
    if (faults.length > 0) return faults
  }
  return []
}

function rootFaults({ title, type, description = '', allOf }: JsonObject): readonly BodyFault[] {
  const faults: BodyFault[] = []
  if (title === undefined) faults.push(fault('/title', '/title is missing and is needed; give a text.'))
  else if (typeof title !== 'string' || title.trim() === '' || title.length > MAX_TITLE) {
    faults.push(fault('/title', `/title must be a text of 1 to ${MAX_TITLE} characters.`))
  }
  if (type !== 'object')
    faults.push(fault('/type', `/type ${type === undefined ? 'is missing; it' : ''} must be "object".`))
  if (String(description).length > MAX_DESCRIPTION) {
    faults.push(fault('/description', `/description is longer than ${MAX_DESCRIPTION} characters; shorten it.`))
  }
  if (Array.isArray(allOf) && allOf.length === 0)
    faults.push(fault('/allOf', '/allOf is empty; name a resource or leave it out.'))
  return faults
}

/** Walks through the nodes of a schema, those below `properties`, `items` and so on. */
function nodeFaults(node: JsonValue | undefined, path: string): readonly BodyFault[] {
  if (!isJsonObject(node)) return [fault(path, `${path} must be an object.`)]
  const faults: BodyFault[] = []
  for (const [name, value] of Object.entries(node)) {
    if (faults.length >= MAX_FAULTS) break
    const reason = value !== undefined && Object.hasOwn(KEYWORDS, name) ? KEYWORDS[name]!(value) : null
    if (reason !== null) faults.push(fault(`${path}/${name}`, `${path}/${name} ${reason}.`))
    else faults.push(...innerFaults(name, value, `${path}/${name}`))
  }
  return faults.slice(0, MAX_FAULTS)
}

function innerFaults(name: string, value: JsonValue | undefined, path: string): readonly BodyFault[] {
  if (name === 'items' || (name === 'additionalProperties' && isJsonObject(value))) return nodeFaults(value, path)
  if (!['properties', 'definitions', 'allOf'].includes(name)) return []
  const faults: BodyFault[] = []
  for (const [inner, member] of Object.entries(value as JsonObject)) {
    if (faults.length >= MAX_FAULTS) break
    faults.push(...nodeFaults(member, `${path}/${inner}`))
  }
  return faults
}

/** Paths come from the caller: short in messages. */
function fault(path: string, message: string): BodyFault {
  return { path, message: message.length > 400 ? `${message.slice(0, 400)}...` : message }
}
