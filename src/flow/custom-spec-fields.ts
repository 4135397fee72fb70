import type { Caller } from '../caller.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'

const CONNECTION_SPEC_FIELDS = [
  'name',
  'providerId',
  'version',
  'type',
  'description',
  'authSpec',
  'sourceSpec',
  'targetSpec',
  'exploreSpec',
  'encryptionSpecs',
  'attributes',
  'settings',
  'permissionsInfo',
  'entitlementInfo',
  'policy',
]
const FLOW_SPEC_FIELDS = [
  'name',
  'providerId',
  'version',
  'description',
  'sourceConnectionSpecIds',
  'targetConnectionSpecIds',
  'optionSpec',
  'transformationSpecs',
  'scheduleSpec',
  'runSpec',
  'attributes',
  'permissionsInfo',
]
const DEFAULT_VERSION = '1.0'

interface SpecFields extends JsonObject {
  readonly name: string
  readonly version: string
}

/** The documented members of a connection spec, in its usual order; others are dropped. */
export function connectionSpecFields(body: JsonObject): SpecFields {
  return pick({ version: DEFAULT_VERSION, ...body, ...permissions(body) }, CONNECTION_SPEC_FIELDS)
}

/** The same for a flow spec, whose transformations have three names in the documentation. */
export function flowSpecFields(body: JsonObject): SpecFields {
  const spelled = body['transformationSpecs'] ?? body['transformationSpec'] ?? body['transformationSpecDTOS']
  const transformationSpecs = spelled === undefined ? {} : { transformationSpecs: listOf(spelled) }
  const ids = { sourceConnectionSpecIds: [], targetConnectionSpecIds: [] }
  return pick(
    { version: DEFAULT_VERSION, ...ids, ...body, ...transformationSpecs, ...permissions(body) },
    FLOW_SPEC_FIELDS,
  )
}

export function updatedFields({ userId, clientId }: Caller, now: number) {
  return { updatedAt: now, updatedBy: userId, updatedClient: clientId }
}

function permissions({ permissionsInfo }: JsonObject): JsonObject {
  if (!isJsonObject(permissionsInfo)) return {}
  const lists = Object.entries(permissionsInfo).map(([name, value]) => [name, value === undefined ? [] : listOf(value)])
  return { permissionsInfo: Object.fromEntries(lists) as JsonObject }
}

/** Samples show one object where others show a list. */
function listOf(value: JsonValue): readonly JsonValue[] {
  return Array.isArray(value) ? value : [value]
}

function pick(body: JsonObject, names: readonly string[]): SpecFields {
  const members = names.map((name) => [name, body[name]] as const).filter(([, value]) => value !== undefined)
  return Object.fromEntries(members) as SpecFields
}
