import type { JsonObject, JsonValue } from '../../json.ts'
import { isJsonObject } from '../../json.ts'
import type { EntityKind } from '../store.ts'

/** A member of the document that is copied into a column, so that an index serves filters and orders on it. */
interface CopiedMember {
  readonly column: 'state' | 'parent_id' | 'created_at' | 'updated_at'
  readonly type: 'text' | 'number'
  readonly path: readonly string[]
  /** Another name of the member in filters and orders. */
  readonly alias?: readonly string[]
}

const STATE = { column: 'state', type: 'text', path: ['state'] } as const
const CREATED_AT = { column: 'created_at', type: 'number', path: ['createdAt'] } as const
const UPDATED_AT = { column: 'updated_at', type: 'number', path: ['updatedAt'] } as const
const BASE_CONNECTION = { column: 'parent_id', type: 'text', path: ['baseConnectionId'] } as const

const CATALOG_TIMES = [
  { column: 'created_at', type: 'number', path: ['created'] },
  { column: 'updated_at', type: 'number', path: ['updated'] },
] as const

const COPIED_MEMBERS: Record<EntityKind, readonly CopiedMember[]> = {
  connections: [STATE, CREATED_AT, UPDATED_AT],
  sourceConnections: [STATE, BASE_CONNECTION, CREATED_AT, UPDATED_AT],
  targetConnections: [STATE, CREATED_AT, UPDATED_AT],
  flows: [STATE, CREATED_AT, UPDATED_AT],
  runs: [
    { column: 'state', type: 'text', path: ['metrics', 'statusSummary', 'status'], alias: ['state'] },
    { column: 'parent_id', type: 'text', path: ['flowId'] },
    CREATED_AT,
    UPDATED_AT,
  ],
  dataSets: CATALOG_TIMES,
  batches: [
    { column: 'state', type: 'text', path: ['status'] },
    { column: 'parent_id', type: 'text', path: ['origin', 'dataSetId'] },
    ...CATALOG_TIMES,
  ],
  schemas: CATALOG_TIMES,
  fieldGroups: CATALOG_TIMES,
  mappingSets: [
    { column: 'created_at', type: 'number', path: ['createdDate'] },
    { column: 'updated_at', type: 'number', path: ['modifiedDate'] },
  ],
  mappingSetVersions: [
    { column: 'created_at', type: 'number', path: ['createdDate'] },
    { column: 'updated_at', type: 'number', path: ['createdDate'] },
  ],
  audits: [STATE, { column: 'parent_id', type: 'text', path: ['flowId'] }, CREATED_AT, UPDATED_AT],
  connectionSpecs: [CREATED_AT, UPDATED_AT],
  flowSpecs: [CREATED_AT, UPDATED_AT],
}

export interface CopiedColumns {
  state: string | null
  parent_id: string | null
  created_at: number
  updated_at: number
}

/** The copies of a document's members. A time that is missing counts as 0; a member of the wrong type is a fault of the host. */
export function copyColumns(kind: EntityKind, document: JsonObject): CopiedColumns {
  const columns: Record<string, JsonValue> = { state: null, parent_id: null, created_at: 0, updated_at: 0 }
  for (const { column, type, path } of COPIED_MEMBERS[kind]) {
    const value = memberAt(document, path)
    if (value === undefined) continue
    if (typeof value !== (type === 'text' ? 'string' : 'number')) {
      throw new TypeError(`${path.join('.')} of ${kind} must be a ${type}, not ${JSON.stringify(value)}`)
    }
    columns[column] = value
  }
  return columns as unknown as CopiedColumns
}

/** The column that holds the member at `path`, if there is one. */
export function columnOf(
  kind: EntityKind,
  path: readonly string[],
): { readonly column: CopiedMember['column'] | 'id'; readonly type: 'text' | 'number' } | null {
  if (isSamePath(path, ['id'])) return { column: 'id', type: 'text' }
  const found = COPIED_MEMBERS[kind].find((member) => isSamePath(path, member.path) || isSamePath(path, member.alias))
  return found ?? null
}

/** The member that holds the time of the last change; kinds name it differently. */
export function changePath(kind: EntityKind): readonly string[] {
  const members = COPIED_MEMBERS[kind]
  return (members.find((member) => member.column === 'updated_at') ?? UPDATED_AT).path
}

/** The value that an order by `path` sorts by: what the column or the database's JSON access gives for it. */
export function sortValueOf(
  kind: EntityKind,
  document: JsonObject,
  path: readonly string[],
): string | number | boolean | null {
  const copied = COPIED_MEMBERS[kind].find((member) => isSamePath(path, member.path) || isSamePath(path, member.alias))
  const value = memberAt(document, copied?.path ?? path)
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return copied?.type === 'number' ? 0 : null
}

function memberAt(document: JsonObject, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = document
  for (const name of path) {
    if (!isJsonObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

function isSamePath(a: readonly string[], b: readonly string[] | undefined): boolean {
  return b !== undefined && a.length === b.length && a.every((name, index) => name === b[index])
}
