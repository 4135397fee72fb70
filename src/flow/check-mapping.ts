import type { Tenant } from '../caller.ts'
import { isJsonObject } from '../json.ts'
import type { MappingSetService } from '../mapping/mapping-set-service.ts'
import { toResourceId } from '../registry/resource.ts'
import type { StoredEntity, StoreScope } from '../store/store.ts'
import type { Faults } from '../request-body.ts'
import { short } from './entity.ts'
import type { MappingReference } from './transformations.ts'
import type { TargetConnection } from './types.ts'

export interface MappingCheckRequest {
  readonly scope: StoreScope
  readonly tenant: Tenant
  readonly mappingSets: Pick<MappingSetService, 'find'>
  readonly mapping: MappingReference
  readonly target: StoredEntity<TargetConnection> | null
}

/** A flow's mapping set must exist (1419), in that version (1412), and be made for the dataset's schema (1425). */
export async function checkMappingSet(
  faults: Faults,
  { scope, tenant, mappingSets, mapping, target }: MappingCheckRequest,
): Promise<void> {
  const { mappingId, version, path } = mapping
  const latest = await mappingSets.find(scope, tenant, mappingId)
  if (latest === null) {
    const message = `${path}/mappingId names "${short(mappingId)}", and no mapping set with that id exists; create it first.`
    faults.invalid(`${path}/mappingId`, message, '1419-400')
    return
  }
  const found = version === undefined ? latest : await mappingSets.find(scope, tenant, mappingId, version)
  if (found === null) {
    const message = `${path}/mappingVersion is ${version}, and the mapping set has versions 0 to ${latest.document.version}; give one of them.`
    faults.invalid(`${path}/mappingVersion`, message, '1412-400')
    return
  }
  const schemaId = target === null ? null : await dataSetSchemaId(scope, tenant, target)
  if (schemaId !== null && toResourceId(found.schemaId) !== toResourceId(schemaId)) {
    const message = `${path}/mappingId is for schema ${found.schemaId}, the dataset has ${schemaId}; use a mapping set for that.`
    faults.invalid(`${path}/mappingId`, message, '1425-400')
  }
}

/** Null when the dataset was created without a schema. */
async function dataSetSchemaId(
  scope: StoreScope,
  tenant: Tenant,
  target: StoredEntity<TargetConnection>,
): Promise<string | null> {
  const dataSet = await scope.entities.get(tenant, 'dataSets', String(target.document.params['dataSetId']))
  const schemaRef = dataSet?.document['schemaRef']
  return isJsonObject(schemaRef) && typeof schemaRef['id'] === 'string' ? schemaRef['id'] : null
}
