import { FlowServiceError } from '../errors.ts'
import { readMember } from '../request-body.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { checkRule } from './mapper.ts'
import { readMappingsLeniently } from './mapping-set-body.ts'
import { toTransformError } from './transform-error.ts'
import type { FindSchema, TransformError } from './transform-error.ts'

export interface ValidationRow {
  readonly status: 'SUCCESS' | 'FAILED'
  readonly errors: readonly TransformError[] | null
}

/** One row for each mapping of a set. Throws FlowServiceError when the body is no mapping set at all. */
export async function validateMappingSet(body: unknown, findSchema: FindSchema): Promise<readonly ValidationRow[]> {
  const { schemaId, mappings } = readMappingsLeniently(body)
  const schema = schemaId === null ? null : await findSchema(schemaId)
  return mappings.map((mapping, at): ValidationRow => {
    if (mapping instanceof FlowServiceError) {
      const { source, destination, sourceType } = writtenRule(body, at)
      return { status: 'FAILED', errors: [{ source, sourceType, destination, exception: mapping.detail }] }
    }
    const problem = checkRule(mapping.rule, schema)
    return problem === null
      ? { status: 'SUCCESS', errors: null }
      : { status: 'FAILED', errors: [toTransformError(mapping.rule, problem)] }
  })
}

/** A mapping that could not be read, as far as it can be shown. */
function writtenRule(body: unknown, at: number): Pick<TransformError, 'source' | 'destination' | 'sourceType'> {
  const entry = ((body as JsonObject)['mappings'] as readonly JsonValue[])[at] ?? null
  const text = (...names: string[]) => {
    const value = isJsonObject(entry)
      ? names.map((name) => readMember(entry, name)).find((each) => each !== undefined)
      : ''
    return typeof value === 'string' ? value : ''
  }
  return {
    source: text('source', 'sourceAttribute'),
    destination: text('destination', 'destinationXdmPath'),
    sourceType: text('sourceType'),
  }
}
