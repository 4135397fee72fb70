import { FlowServiceError } from '../errors.ts'
import type { OrderField } from '../store/query.ts'
import { MAX_PATH_SEGMENTS } from '../store/query.ts'

/** More fields could hardly still decide anything. */
const MAX_FIELDS = 10

/** Members at the root of connections, source and target connections, flows and runs. */
const ROOT_MEMBERS: ReadonlySet<string> = new Set([
  'id',
  'name',
  'description',
  'state',
  'version',
  'etag',
  'eTag',
  'createdAt',
  'updatedAt',
  'createdBy',
  'updatedBy',
  'createdClient',
  'updatedClient',
  'imsOrgId',
  'sandboxId',
  'sandboxName',
  'connectionSpec',
  'auth',
  'baseConnectionId',
  'data',
  'params',
  'inheritedAttributes',
  'flowSpec',
  'sourceConnectionIds',
  'targetConnectionIds',
  'scheduleParams',
  'transformations',
  'options',
  'runs',
  'lastOperation',
  'lastRunDetails',
  'flowId',
  'providerRefId',
  'parentFlowRunId',
  'childFlowRunIds',
  'predecessors',
  'metrics',
  'activities',
])

/**
 * Reads the `orderby` parameter: property paths joined by commas, each with `+` (ascending, also without prefix) or `-`
 * (descending) before it. A space before a path is a `+` that was decoded from the URL.
 */
export function parseOrderBy(value: string): readonly OrderField[] {
  const fields = value.split(',').map((field) => parseField(value, field))
  if (fields.length > MAX_FIELDS) {
    throw new FlowServiceError(
      '1433-400',
      `orderby names ${fields.length} fields, at most ${MAX_FIELDS} are taken: name fewer`,
    )
  }
  return fields
}

function parseField(value: string, field: string): OrderField {
  const isSigned = /^[+\- ]/.test(field)
  const text = isSigned ? field.slice(1) : field
  if (/^[^\p{L}\p{N}_$@.\s]/u.test(text)) {
    throw new FlowServiceError(
      '1432-400',
      `"${field}" in orderby begins with a sign that gives no direction: write + (ascending) or - (descending) before the field, or nothing`,
    )
  }
  const path = text.trim().split('.')
  if (path.length > MAX_PATH_SEGMENTS || !path.every((name) => /^[\p{L}\p{N}_$@-]+$/u.test(name))) {
    throw new FlowServiceError(
      '1433-400',
      `"${field}" in orderby=${value} is no property path: write member names joined by dots, for example -updatedAt,name`,
    )
  }
  const root = path[0] ?? ''
  if (!ROOT_MEMBERS.has(root)) {
    throw new FlowServiceError(
      '1433-400',
      `orderby names the unknown field "${root}": order by a property of the entity, for example createdAt, updatedAt, name or state`,
    )
  }
  return { path, direction: field.startsWith('-') ? 'desc' : 'asc' }
}
