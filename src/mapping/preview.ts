import { setImmediate } from 'node:timers/promises'
import { FlowServiceError } from '../errors.ts'
import { readMember, typeName } from '../request-body.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { isJsonObject } from '../json.ts'
import { Budget, ROW_BUDGET } from './language/budget.ts'
import { createMapper } from './mapper.ts'
import { parseMappingSetBody } from './mapping-set-body.ts'
import { toTransformError } from './transform-error.ts'
import type { FindSchema, TransformError } from './transform-error.ts'

/** Rows of one preview. */
export const MAX_PREVIEW_ROWS = 100
/** What all rows of a preview may cost together. */
const PREVIEW_BUDGET = 5 * ROW_BUDGET

export interface PreviewRow {
  readonly data: JsonObject
  readonly errors: readonly TransformError[] | null
}

/** `{data, mappingSet}`: an array of records gives an array of rows, one record gives one row. */
export async function previewMappingSet(
  body: unknown,
  findSchema: FindSchema,
): Promise<PreviewRow | readonly PreviewRow[]> {
  if (!isJsonObject(body)) throw new FlowServiceError('1000-400', 'The body is not a JSON object; send one.')
  const data = requirePreviewData(readMember(body, 'data'))
  const mappingSet = readMember(body, 'mappingSet')
  if (mappingSet === undefined) throw missing('/mappingSet', 'a mapping set')
  if (!isJsonObject(mappingSet)) throw wrong('/mappingSet', `is ${typeName(mappingSet)}; give an object`)
  const { schemaRef, mappings } = parseMappingSetBody(mappingSet, { needsSchema: false, root: '/mappingSet' })
  const schema = schemaRef.id === '' ? null : await findSchema(schemaRef.id)
  const mapper = createMapper({ mappings: mappings.map(({ rule }) => rule) }, schema, { undefinedPaths: 'pass' })

  const budget = new Budget(PREVIEW_BUDGET)
  const rows: PreviewRow[] = []
  for (const record of Array.isArray(data) ? data : [data]) {
    const { xdm, errors } = mapper.mapPartly(record, budget)
    rows.push({
      data: xdm,
      errors: errors.length === 0 ? null : errors.map(({ rule, message }) => toTransformError(rule, message)),
    })
    // Other requests get their turn between two rows.
    await setImmediate()
  }
  return Array.isArray(data) ? rows : (rows[0] as PreviewRow)
}

function requirePreviewData(data: JsonValue | undefined): JsonObject | readonly JsonObject[] {
  if (data === undefined) throw missing('/data', 'a record or an array of records')
  if (isJsonObject(data)) return data
  if (!Array.isArray(data)) throw wrong('/data', `is ${typeName(data)}; give an object or an array of objects`)
  if (data.length > MAX_PREVIEW_ROWS) {
    throw wrong('/data', `has ${data.length} records; give at most ${MAX_PREVIEW_ROWS}`)
  }
  const list: readonly JsonValue[] = data
  const at = list.findIndex((record) => !isJsonObject(record))
  if (at >= 0) throw wrong(`/data/${at}`, `is ${typeName(list[at])}; give an object`)
  return list as readonly JsonObject[]
}

function missing(path: string, wanted: string): FlowServiceError {
  const message = `${path} is missing and is needed; give ${wanted}.`
  return new FlowServiceError('1304-400', message, { faults: [{ path, message }] })
}

function wrong(path: string, problem: string): FlowServiceError {
  const message = `${path} ${problem}.`
  return new FlowServiceError('1312-400', message, { faults: [{ path, message }] })
}
