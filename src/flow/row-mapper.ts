import { isJsonObject, type JsonObject } from '../json.ts'
import { createMapper } from '../mapping/mapper.ts'
import { createMappingSetService } from '../mapping/mapping-set-service.ts'
import { createSchemaTypes } from '../registry/schema-types.ts'
import type { StoredEntity } from '../store/store.ts'
import type { FlowContext } from './context.ts'
import { MissingPartError } from './missing-part-error.ts'
import { mappingReference } from './transformations.ts'
import type { Flow } from './types.ts'

/** Why a record cannot be mapped. */
export interface RowFault {
  /** The target's path. */
  readonly path: string
  readonly message: string
}

/** Makes a target row of a record in source form; parsed once for a run. */
export interface RowMapper {
  map(
    record: JsonObject,
  ): { readonly ok: true; readonly xdm: JsonObject } | { readonly ok: false; readonly errors: readonly RowFault[] }
}

/** The mapper of a flow, checked against the dataset's schema; null when it has no `Mapping` transformation. */
export async function loadRowMapper(
  context: FlowContext,
  flow: StoredEntity<Flow>,
  dataSet: StoredEntity,
): Promise<RowMapper | null> {
  const mapping = mappingReference(flow.document.transformations)
  if (mapping === null) return null
  const { store, clock, newId } = context
  const found = await createMappingSetService(context).find(store, flow, mapping.mappingId, mapping.version)
  if (found === null) throw new MissingPartError(`The flow needs mapping set ${mapping.mappingId}, which is gone.`)
  const { schemaRef } = dataSet.document
  const schema = isJsonObject(schemaRef) ? await createSchemaTypes(store).typeOf(flow, String(schemaRef.id)) : null
  const mapper = createMapper(found.document, schema, { now: () => clock.now(), newId })
  return {
    map(record) {
      const row = mapper.map(record)
      return row.ok ? row : { ok: false, errors: row.errors.map(({ path, message }) => ({ path, message })) }
    },
  }
}
