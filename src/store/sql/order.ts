import type { Expression, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { ListPosition, ListQuery, OrderField } from '../query.ts'
import type { EntityKind, StoredEntity } from '../store.ts'
import type { StoreDialect } from './dialect.ts'
import { changePath, columnOf, sortValueOf } from './entity-columns.ts'

/** One term of a list's order. */
interface SortTerm {
  readonly path: readonly string[]
  readonly key: Expression<unknown>
  /** A key that is never null needs no rule for nulls, and an index can serve it. */
  readonly nullable: boolean
  readonly direction: 'asc' | 'desc'
}

/** The last changed first. */
function defaultOrder(kind: EntityKind): readonly OrderField[] {
  return [{ path: changePath(kind), direction: 'desc' }]
}

function sortTerms(dialect: StoreDialect, kind: EntityKind, order: ListQuery['order']): readonly SortTerm[] {
  return (order.length > 0 ? order : defaultOrder(kind)).map(({ path, direction }) => {
    const copied = columnOf(kind, path)
    return copied
      ? {
          path,
          direction,
          key: sql.ref(`entities.${copied.column}`),
          nullable: copied.column === 'state' || copied.column === 'parent_id',
        }
      : { path, direction, key: dialect.json.sortKey(sql.ref('entities.document'), path), nullable: true }
  })
}

/** The list of `order by`: missing values last, ties by number, newest first. */
export function compileOrder(dialect: StoreDialect, kind: EntityKind, order: ListQuery['order']): Expression<unknown> {
  const terms = sortTerms(dialect, kind, order).flatMap(({ key, nullable, direction }) => [
    ...(nullable ? [sql`${key} is null`] : []),
    direction === 'asc' ? sql`${key} asc` : sql`${key} desc`,
  ])
  return sql.join([...terms, sql`entities.no desc`])
}

/** True for the entities that come after `position` in that order. */
export function compileAfter(
  dialect: StoreDialect,
  kind: EntityKind,
  order: ListQuery['order'],
  position: ListPosition,
): Expression<SqlBool> {
  const terms = sortTerms(dialect, kind, order)
  if (terms.length !== position.values.length) {
    throw new RangeError(`a position in this order has ${terms.length} values, not ${position.values.length}`)
  }
  return terms.reduceRight<Expression<SqlBool>>(
    (rest, { key, nullable, direction }, index) => {
      const value = position.values[index] ?? null
      if (value === null) return sql`(${key} is null and ${rest})`
      const from = dialect.json.sortValue(value)
      const beyond = direction === 'asc' ? sql`${key} > ${from}` : sql`${key} < ${from}`
      if (nullable) return sql`(${beyond} or ${key} is null or (${key} = ${from} and ${rest}))`
      // The first condition follows from the others; it is there for the index.
      const bound = direction === 'asc' ? sql`${key} >= ${from}` : sql`${key} <= ${from}`
      return sql`(${bound} and (${beyond} or ${rest}))`
    },
    sql<SqlBool>`entities.no < ${position.no}`,
  )
}

export function positionOf(entity: StoredEntity, order: ListQuery['order']): ListPosition {
  const fields = order.length > 0 ? order : defaultOrder(entity.kind)
  return { values: fields.map(({ path }) => sortValueOf(entity.kind, entity.document, path)), no: entity.no }
}
