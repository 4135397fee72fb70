import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Faults } from '../request-body.ts'
import { readMember, readObject, readText, typeName } from '../request-body.ts'
import { short } from './entity.ts'

type Check = (faults: Faults, params: JsonObject, path: string) => void

/** By the name of the transformation. */
const CHECKS: Readonly<Record<string, Check>> = { Mapping: checkMapping, Copy: checkCopy }

/** Checks `transformations`, which are kept as they are; none is `[]`. */
export function readTransformations(faults: Faults, body: JsonObject): readonly JsonValue[] {
  const value = readMember(body, 'transformations')
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    faults.invalid('/transformations', `/transformations is ${typeName(value)}; give an array.`)
    return []
  }
  const list: readonly JsonValue[] = value
  list.forEach((entry, index) => checkOne(faults, entry, `/transformations/${index}`))
  return list
}

function checkOne(faults: Faults, entry: JsonValue, path: string): void {
  if (!isJsonObject(entry)) {
    faults.invalid(path, `${path} is ${typeName(entry)}; give {name, params}.`)
    return
  }
  const name = readText(faults, entry, `${path}/name`, 'unlessDraft')
  const check = name !== undefined && Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined
  if (name !== undefined && check === undefined) {
    const known = Object.keys(CHECKS).join(' or ')
    faults.invalid(`${path}/name`, `${path}/name "${short(name)}" is no transformation of this source; give ${known}.`)
  }
  const params = readObject(faults, entry, `${path}/params`, 'unlessDraft')
  if (params !== undefined) check?.(faults, params, `${path}/params`)
}

function checkMapping(faults: Faults, params: JsonObject, path: string): void {
  readText(faults, params, `${path}/mappingId`, 'unlessDraft')
  const version = readMember(params, 'mappingVersion')
  if (version !== undefined && !/^\d{1,9}$/.test(String(version))) {
    faults.invalid(`${path}/mappingVersion`, `${path}/mappingVersion is not a whole number; give one.`)
  }
}

/** The mapping set that a flow's transformations name. */
export interface MappingReference {
  readonly mappingId: string
  /** Undefined for the latest. */
  readonly version: number | undefined
  /** JSON Pointer of the transformation's `params` in the flow. */
  readonly path: string
}

/** The first `Mapping` of valid transformations; null when there is none. */
export function mappingReference(transformations: readonly JsonValue[]): MappingReference | null {
  for (const [index, entry] of transformations.entries()) {
    if (!isJsonObject(entry) || entry['name'] !== 'Mapping' || !isJsonObject(entry['params'])) continue
    const { mappingId, mappingVersion } = entry['params']
    if (typeof mappingId !== 'string') continue
    const version = mappingVersion === undefined || mappingVersion === null ? undefined : Number(mappingVersion)
    return { mappingId, version, path: `/transformations/${index}/params` }
  }
  return null
}

function checkCopy(faults: Faults, params: JsonObject, path: string): void {
  const deltaColumn = readObject(faults, params, `${path}/deltaColumn`, 'unlessDraft')
  if (deltaColumn === undefined) return
  readText(faults, deltaColumn, `${path}/deltaColumn/name`, 'unlessDraft')
  readText(faults, deltaColumn, `${path}/deltaColumn/dateFormat`, 'no')
  readText(faults, deltaColumn, `${path}/deltaColumn/timezone`, 'no')
}
