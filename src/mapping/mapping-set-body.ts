import { FlowServiceError } from '../errors.ts'
import { Faults, parseBodyObject, readMember, readObject, readText, typeName } from '../request-body.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { parsePath } from './language/parse.ts'
import { ExpressionError } from './language/errors.ts'
import { checkRule } from './mapper.ts'
import type { MappingRule, SourceType } from './mapper.ts'
import type { SchemaReference } from './mapping-set.ts'

export const MAX_MAPPINGS = 1000

/** A mapping set as a client writes it, in one vocabulary. */
export interface MappingSetBody {
  readonly schemaRef: SchemaReference
  readonly mappings: readonly MappingBody[]
  /** Further members of the set, kept as they are. */
  readonly extras: JsonObject
}

export interface MappingBody {
  /** As sent; may be an id of the former version. */
  readonly id?: string
  readonly rule: MappingRule
  /** Further members of the mapping. */
  readonly extras: JsonObject
}

export interface ParseOptions {
  readonly needsSchema: boolean
  /** JSON Pointer of the set in the whole body. */
  readonly root?: string
}

const FULL_SCHEMA = 'application/vnd.adobe.xed-full+json;version='

/**
 * Reads a mapping set in the old dialect, the new one or a mixture, and checks that every mapping can be read.
 *
 * @throws FlowServiceError 1000-400, 1304-400 or 1312-400, listing all faults
 */
export function parseMappingSetBody(body: unknown, { needsSchema, root = '' }: ParseOptions): MappingSetBody {
  const object = parseBodyObject(body)
  const faults = new Faults()
  const schemaRef = readSchemaReference(faults, object, root, needsSchema)
  const mappings = readMappingList(faults, object, root).map((entry, at) => {
    const path = `${root}/mappings/${at}`
    const mapping = readMapping(faults, entry, path)
    const problem = mapping === null ? null : checkRule(mapping.rule, null)
    if (problem !== null) faults.invalid(path, `${path}: ${problem}.`)
    return mapping
  })
  const extras = readExtras(faults, object, SET_MEMBERS, root)
  faults.throwIfAny()
  return {
    schemaRef: schemaRef ?? { id: '', contentType: '' },
    mappings: mappings.filter((mapping) => mapping !== null),
    extras,
  }
}

/** The schema and the mappings of a set whose mappings may be wrong, for validation: a mapping is a body or its fault. */
export function readMappingsLeniently(body: unknown): {
  readonly schemaId: string | null
  readonly mappings: readonly (MappingBody | FlowServiceError)[]
} {
  const object = parseBodyObject(body)
  const faults = new Faults()
  const schemaRef = readSchemaReference(faults, object, '', false)
  const list = readMappingList(faults, object, '')
  faults.throwIfAny()
  const mappings = list.map((entry, at) => {
    const own = new Faults()
    const mapping = readMapping(own, entry, `/mappings/${at}`)
    try {
      own.throwIfAny()
    } catch (error) {
      if (error instanceof FlowServiceError) return error
      throw error
    }
    return mapping as MappingBody
  })
  return { schemaId: schemaRef?.id ?? null, mappings }
}

function readMappingList(faults: Faults, body: JsonObject, root: string): readonly JsonValue[] {
  const path = `${root}/mappings`
  const list = readMember(body, 'mappings')
  if (Array.isArray(list) && list.length <= MAX_MAPPINGS) return list
  if (list === undefined) faults.invalid(path, `${path} is missing and is needed; give an array.`, '1304-400')
  else if (!Array.isArray(list)) faults.invalid(path, `${path} is ${typeName(list)}; give an array.`)
  else faults.invalid(path, `${path} has ${list.length} entries; give at most ${MAX_MAPPINGS}.`)
  return []
}

/** From `outputSchema.schemaRef`, `schemaRef` or `xdmSchema`; where several are given they must agree. */
function readSchemaReference(
  faults: Faults,
  body: JsonObject,
  root: string,
  isNeeded: boolean,
): SchemaReference | null {
  const output = readObject(faults, body, `${root}/outputSchema`, 'no')
  const found = [
    output === undefined ? null : readReference(faults, output, `${root}/outputSchema/schemaRef`),
    readReference(faults, body, `${root}/schemaRef`),
    readOldReference(faults, body, root),
  ].filter((reference) => reference !== null)
  const [first] = found
  if (first === undefined) {
    const path = `${root}/outputSchema/schemaRef/id`
    const message = `${path} (or ${root}/xdmSchema) is missing and is needed; give the id of the target schema.`
    if (isNeeded) faults.invalid(path, message, '1304-400')
    return null
  }
  if (found.some(({ id }) => id !== first.id)) {
    faults.invalid(`${root}/outputSchema`, 'The body names two different target schemas; give one.')
  }
  return { ...first, contentType: first.contentType || `${FULL_SCHEMA}1` }
}

function readReference(faults: Faults, owner: JsonObject, path: string): SchemaReference | null {
  const reference = readObject(faults, owner, path, 'no')
  if (reference === undefined) return null
  const id = readText(faults, reference, `${path}/id`, 'always')
  const contentType = readText(faults, reference, `${path}/contentType`, 'no')
  return id === undefined ? null : { id, contentType: contentType ?? '' }
}

function readOldReference(faults: Faults, body: JsonObject, root: string): SchemaReference | null {
  const id = readText(faults, body, `${root}/xdmSchema`, 'no')
  const version = readMember(body, 'xdmVersion')
  if (version !== undefined && typeof version !== 'string' && typeof version !== 'number') {
    const path = `${root}/xdmVersion`
    faults.invalid(path, `${path} is ${typeName(version)}; give a version such as "1.0".`)
    return null
  }
  const [major = '1'] = /^\d{1,5}/.exec(String(version ?? '1')) ?? []
  return id === undefined || id.trim() === '' ? null : { id, contentType: `${FULL_SCHEMA}${major}` }
}

function readMapping(faults: Faults, entry: JsonValue, path: string): MappingBody | null {
  if (!isJsonObject(entry)) {
    faults.invalid(path, `${path} is ${typeName(entry)}; give an object with source and destination.`)
    return null
  }
  const id = readMember(entry, 'id')
  const given = readText(faults, entry, `${path}/sourceType`, 'no')
  const source = readEither(faults, entry, path, 'source', 'sourceAttribute')
  const destination = readEither(faults, entry, path, 'destination', 'destinationXdmPath')
  const extras = readExtras(faults, entry, MAPPING_MEMBERS, path)
  if (source === undefined || destination === undefined) return null
  const sourceType = given === undefined ? guessSourceType(source) : SOURCE_TYPE_NAMES.get(given.toLowerCase())
  if (sourceType === undefined) {
    const message = `${path}/sourceType "${given?.slice(0, 40)}" does not exist; give ATTRIBUTE, EXPRESSION or STATIC.`
    faults.invalid(`${path}/sourceType`, message)
    return null
  }
  return { rule: { sourceType, source, destination }, extras, ...(typeof id === 'string' ? { id } : {}) }
}

/** The media types are an older way to say the same. */
const SOURCE_TYPE_NAMES: ReadonlyMap<string, SourceType> = new Map([
  ['attribute', 'ATTRIBUTE'],
  ['text/x.schema-path', 'ATTRIBUTE'],
  ['expression', 'EXPRESSION'],
  ['text/x.aep-xl', 'EXPRESSION'],
  ['static', 'STATIC'],
  ['text/plain', 'STATIC'],
])

/** The old dialect has no types: a path is one, and anything else is computed. */
function guessSourceType(source: string): SourceType {
  try {
    parsePath(source)
    return 'ATTRIBUTE'
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    return checkRule({ sourceType: 'EXPRESSION', source, destination: 'target' }, null) === null
      ? 'EXPRESSION'
      : 'ATTRIBUTE'
  }
}

/** A member under its new or its old name; given under both, they must agree. */
function readEither(
  faults: Faults,
  entry: JsonObject,
  path: string,
  name: string,
  oldName: string,
): string | undefined {
  const names = [name, oldName].filter((each) => readMember(entry, each) !== undefined)
  const values = names.map((each) => readText(faults, entry, `${path}/${each}`, 'always'))
  if (names.length === 0) readText(faults, entry, `${path}/${name}`, 'always')
  if (names.length === 2 && values[0] !== values[1]) {
    faults.invalid(`${path}/${name}`, `${path}/${name} and ${path}/${oldName} differ; give one, or the same twice.`)
  }
  return values[0]
}

type MemberType = 'boolean' | 'text' | 'object' | 'array'

const SET_MEMBERS: Readonly<Record<string, MemberType>> = {
  name: 'text',
  inputSchema: 'object',
  allowNullValues: 'boolean',
  tags: 'array',
}
const MAPPING_MEMBERS: Readonly<Record<string, MemberType>> = {
  name: 'text',
  description: 'text',
  identity: 'boolean',
  primaryIdentity: 'boolean',
  identityGroup: 'text',
  namespaceCode: 'text',
}

function readExtras(faults: Faults, owner: JsonObject, members: Readonly<Record<string, MemberType>>, path: string) {
  const extras: Record<string, JsonValue> = members === SET_MEMBERS ? { allowNullValues: false } : {}
  for (const [name, type] of Object.entries(members)) {
    const value = readMember(owner, name)
    if (value === undefined) continue
    if (!TYPE_TESTS[type](value))
      faults.invalid(`${path}/${name}`, `${path}/${name} is ${typeName(value)}; give ${ARTICLES[type]}.`)
    else if (type !== 'text' || readText(faults, owner, `${path}/${name}`, 'no') !== undefined) extras[name] = value
  }
  return extras
}

const TYPE_TESTS: Readonly<Record<MemberType, (value: JsonValue) => boolean>> = {
  text: (value) => typeof value === 'string',
  boolean: (value) => typeof value === 'boolean',
  object: isJsonObject,
  array: Array.isArray,
}
const ARTICLES: Readonly<Record<MemberType, string>> = {
  boolean: 'true or false',
  text: 'a string',
  object: 'an object',
  array: 'an array',
}
