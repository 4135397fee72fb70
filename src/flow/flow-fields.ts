import type { Tenant } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import type { EntityKind, StoredEntity, StoreScope } from '../store/store.ts'
import type { MappingSetService } from '../mapping/mapping-set-service.ts'
import { Faults, readMember, readNames, readObject, typeName } from '../request-body.ts'
import { checkMappingSet } from './check-mapping.ts'
import { findReferenced, readSpecReference, requirePublished } from './entity.ts'
import { checkSchedule } from './schedule.ts'
import type { Schedule } from './schedule.ts'
import type { FlowSpec, SpecRegistry } from './spec-registry.ts'
import { mappingReference, readTransformations } from './transformations.ts'
import type { BaseConnection, SourceConnection, TargetConnection } from './types.ts'

export interface FlowFields {
  /** What a client gives, checked, and what follows from it. Neither `state` nor `lastOperation`. */
  readonly fields: JsonObject
  /** Null only in a draft. */
  readonly schedule: Schedule | null
  /** Base connections and the mapping set are among them, so that one look tells whether a flow uses one. */
  readonly references: readonly string[]
}

export interface FlowFieldsRequest {
  readonly scope: StoreScope
  readonly specs: SpecRegistry
  readonly tenant: Tenant
  /** A request body or a patched document. */
  readonly body: JsonObject
  readonly draft: boolean
  readonly mappingSets: Pick<MappingSetService, 'find'>
}

/** Reads a flow and checks it against its specs and connections; throws the first fault and lists all of them. */
export async function readFlowFields(request: FlowFieldsRequest): Promise<FlowFields> {
  const { scope, specs, tenant, body, draft, mappingSets } = request
  const faults = new Faults(draft)
  const names = readNames(faults, body)
  const found = readSpecReference(faults, body, '/flowSpec', specs.flowSpec)
  const find = <D extends SourceConnection | TargetConnection>(kind: EntityKind, member: string) =>
    findConnection<D>(scope, tenant, faults, body, kind, member)
  const source = await find<SourceConnection>('sourceConnections', 'sourceConnectionIds')
  const target = await find<TargetConnection>('targetConnections', 'targetConnectionIds')
  const base = source === null ? null : await findBase(scope, tenant, faults, source)
  const transformations = readTransformations(faults, body)
  const mapping = mappingReference(transformations)
  if (mapping !== null && !draft) await checkMappingSet(faults, { scope, tenant, mappingSets, mapping, target })
  const scheduleParams = readMember(body, 'scheduleParams')
  const schedule = checkSchedule(faults, scheduleParams)
  const options = readOptions(faults, body)
  const policy = readObject(faults, body, '/policy', 'no')
  if (!draft && found !== null) checkConnections(faults, found.spec, source, target)
  faults.throwIfAny()

  const fields: JsonObject = {
    ...names,
    flowSpec: found?.reference,
    sourceConnectionIds: ids(source),
    targetConnectionIds: ids(target),
    inheritedAttributes: inheritedAttributes(source, target, base),
    ...(scheduleParams === undefined ? {} : { scheduleParams }),
    transformations,
    ...(options === undefined ? {} : { options }),
    ...(policy === undefined ? {} : { policy }),
  }
  const bases = [source?.document.baseConnectionId, target?.document.baseConnectionId]
  const references = [...ids(source), ...ids(target), ...bases.filter((id) => id !== undefined), mapping?.mappingId]
  return { fields, schedule, references: [...new Set(references.filter((id) => id !== undefined))] }
}

/** The one connection that `sourceConnectionIds` or `targetConnectionIds` names. */
async function findConnection<D extends SourceConnection | TargetConnection>(
  scope: StoreScope,
  tenant: Tenant,
  faults: Faults,
  body: JsonObject,
  kind: EntityKind,
  member: string,
): Promise<StoredEntity<D> | null> {
  const path = `/${member}`
  const list = readMember(body, member) ?? []
  if (!Array.isArray(list)) {
    faults.invalid(path, `${path} is ${typeName(list)}; give an array of one id.`)
    return null
  }
  if (list.length !== 1) {
    const found = list.length === 0 ? 'is empty' : `has ${list.length} ids`
    faults.invalid(path, `${path} ${found}; give exactly one id.`, list.length === 0 ? '1320-400' : '1321-400')
    return null
  }
  const id: unknown = list[0]
  if (typeof id === 'string') return findReferenced<D>(scope, tenant, faults, kind, id, `${path}/0`)
  faults.invalid(`${path}/0`, `${path}/0 is ${typeName(id)}; give an id.`)
  return null
}

/** A source connection may have outlived its base connection, or be a draft that has none yet. */
async function findBase(
  scope: StoreScope,
  tenant: Tenant,
  faults: Faults,
  source: StoredEntity<SourceConnection>,
): Promise<StoredEntity<BaseConnection> | null> {
  const id = source.document.baseConnectionId
  if (id === undefined) return null
  const path = '/sourceConnectionIds/0'
  return findReferenced<BaseConnection>(scope, tenant, faults, 'connections', id, path)
}

function checkConnections(
  faults: Faults,
  spec: FlowSpec,
  source: StoredEntity<SourceConnection> | null,
  target: StoredEntity<TargetConnection> | null,
): void {
  const rows = [
    { entity: source, path: '/sourceConnectionIds/0', allowed: spec.sourceConnectionSpecIds },
    { entity: target, path: '/targetConnectionIds/0', allowed: spec.targetConnectionSpecIds },
  ]
  for (const { entity, path, allowed } of rows) {
    if (entity === null) continue
    const { id } = entity.document.connectionSpec
    if (!allowed.includes(id)) {
      const message = `${path} has connection spec ${id}, which this flow spec does not join; it joins ${allowed.join(', ')}.`
      faults.invalid(path, message, '1413-400')
    }
    requirePublished(faults, entity, path)
  }
}

function readOptions(faults: Faults, body: JsonObject): JsonObject | undefined {
  const options = readObject(faults, body, '/options', 'no')
  if (options === undefined) return undefined
  const errorDiagnosticsEnabled = readMember(options, 'errorDiagnosticsEnabled')
  if (errorDiagnosticsEnabled !== undefined && typeof errorDiagnosticsEnabled !== 'boolean') {
    const path = '/options/errorDiagnosticsEnabled'
    faults.invalid(path, `${path} is ${typeName(errorDiagnosticsEnabled)}; give true or false.`)
  }
  const percent = readMember(options, 'partialIngestionPercent')
  if (percent !== undefined && !(typeof percent === 'number' && percent > 0 && percent <= 100)) {
    const path = '/options/partialIngestionPercent'
    faults.invalid(path, `${path} is not a number above 0 and up to 100; give one.`)
  }
  return {
    ...(errorDiagnosticsEnabled === undefined ? {} : { errorDiagnosticsEnabled }),
    ...(percent === undefined ? {} : { partialIngestionPercent: percent }),
  }
}

function inheritedAttributes(
  source: StoredEntity<SourceConnection> | null,
  target: StoredEntity<TargetConnection> | null,
  base: StoredEntity<BaseConnection> | null,
): JsonObject {
  const describe = (entity: StoredEntity<SourceConnection | TargetConnection | BaseConnection>) => ({
    id: entity.id,
    connectionSpec: entity.document.connectionSpec,
  })
  return {
    properties: { isSourceFlow: true },
    sourceConnections: source && [
      { ...describe(source), ...(base === null ? {} : { baseConnection: describe(base) }) },
    ],
    targetConnections: target && [describe(target)],
  }
}

function ids(entity: StoredEntity | null): string[] {
  return entity === null ? [] : [entity.id]
}
