import { Ajv } from 'ajv'
import type { ErrorObject } from 'ajv'
import { FlowServiceError } from '../errors.ts'
import type { BodyFault } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { EntityDocument } from '../store/store.ts'

/** A dataset in its wire form. Times are ms since the epoch. */
export interface DataSet extends EntityDocument {
  readonly id: string
  readonly name: string
  readonly description?: string
  readonly imsOrg: string
  readonly sandboxId: string
  /** Stored as given; absent when the client gave none. */
  readonly schemaRef?: JsonObject
  /** `1.0.0`, rises with every change. */
  readonly version: string
  readonly created: number
  readonly updated: number
  readonly tags: JsonObject
}

/** Queries find the dataset under the name that this tag holds; clients read it without a guard. */
export const TABLE_TAG = 'adobe/pqs/table'

const text = { type: 'string', maxLength: 8192 }
const texts = { type: 'array', items: text }

/** What a client writes. Members that are not here are not stored. */
const PROPERTIES = {
  name: { type: 'string', minLength: 1, maxLength: 1024, pattern: '\\S' },
  description: text,
  schemaRef: {
    type: 'object',
    properties: { id: { ...text, minLength: 1 }, contentType: text },
    required: ['id'],
  },
  tags: { type: 'object', properties: { [TABLE_TAG]: { ...texts, minItems: 1 } }, additionalProperties: texts },
  fileDescription: { type: 'object' },
  enableErrorDiagnostics: { type: 'boolean' },
  unifiedTags: texts,
  systemLabels: texts,
} as const

/** Top-level members that a client may write. */
export const WRITABLE_MEMBERS = Object.keys(PROPERTIES)

const accepts = new Ajv({ allErrors: true }).compile({
  type: 'object',
  properties: PROPERTIES,
  required: ['name'],
})

/** The members that a client gives, checked; throws the first fault (1304-400 or 1312-400) and lists all of them. */
export function parseDataSetBody(body: unknown): JsonObject {
  if (!isJsonObject(body)) throw new FlowServiceError('1000-400', 'The body is not a JSON object; send one.')
  const written = Object.fromEntries(
    WRITABLE_MEMBERS.filter((name) => Object.hasOwn(body, name) && body[name] !== null).map((name) => [
      name,
      body[name],
    ]),
  )
  if (accepts(written)) return written
  const errors = accepts.errors ?? []
  const faults = errors.map(toFault)
  const isMissing = errors[0] !== undefined && MISSING_KEYWORDS.includes(errors[0].keyword)
  throw new FlowServiceError(isMissing ? '1304-400' : '1312-400', faults[0]?.message ?? 'The body is not valid.', {
    faults,
  })
}

/** A text that is too short is an empty one. */
const MISSING_KEYWORDS = ['required', 'minLength', 'pattern']

function toFault({ keyword, instancePath, params, message }: ErrorObject): BodyFault {
  if (keyword === 'required') {
    const path = `${instancePath}/${String(params['missingProperty'])}`
    return { path, message: `${path} is missing and is needed; give a value.` }
  }
  if (MISSING_KEYWORDS.includes(keyword)) {
    return { path: instancePath, message: `${instancePath} is empty and is needed; give a value.` }
  }
  return { path: instancePath, message: `${instancePath} ${message ?? 'is not valid'}.` }
}

/** `tags` with a table name: the client's, the one that the dataset has, or one made from its name. */
export function withTableName(tags: JsonValue | undefined, name: string, former?: JsonObject): JsonObject {
  const given = isJsonObject(tags) ? tags : {}
  if (Object.hasOwn(given, TABLE_TAG)) return given
  return { ...given, [TABLE_TAG]: former?.[TABLE_TAG] ?? [tableName(name)] }
}

function tableName(name: string): string {
  const words = name.toLowerCase().match(/[a-z0-9]+/g) ?? ['dataset']
  return words.join('_').slice(0, 128)
}

/** `1.0.0` becomes `1.0.1`. */
export function nextVersion(version: string): string {
  const [major = '1', minor = '0', patch = '0'] = version.split('.')
  return `${major}.${minor}.${Number(patch) + 1}`
}

/** JSON Merge Patch (RFC 7396): null removes, objects are merged member by member, anything else replaces. */
export function mergePatch(target: JsonValue | undefined, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch
  const merged = new Map(isJsonObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    if (value === null || value === undefined) merged.delete(name)
    else merged.set(name, mergePatch(merged.get(name), value))
  }
  return Object.fromEntries(merged)
}
