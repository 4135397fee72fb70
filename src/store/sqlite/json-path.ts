import type { Expression, RawBuilder, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { PathSegment } from '../query.ts'
import type { JsonDialect, ValueTest } from '../sql/dialect.ts'

/** JSON access with SQLite's functions. A member name that holds NUL throws a RangeError. */
export const sqliteJson: JsonDialect = {
  some(document, path, test) {
    // One `json_each` per segment: it gives the elements of an array, or the one value.
    const steps = path.map((segment, index) => {
      const parent = index === 0 ? document : objectIn(step(index - 1))
      return sql`json_each(${valuesOf(parent, segment)}) as ${step(index)}`
    })
    const last = step(path.length - 1)
    const condition = passes(sql`${last}.type`, sql`${last}.value`, test)
    return sql<SqlBool>`exists (select 1 from ${sql.join(steps)} where ${condition})`
  },

  sortKey(document, path) {
    const at = jsonPath(path)
    return sql`case when json_type(${document}, ${at}) in ('integer', 'real', 'text', 'true', 'false') then json_extract(${document}, ${at}) end`
  },

  sortValue(value) {
    return sql`${typeof value === 'boolean' ? Number(value) : value}`
  },
}

function step(index: number): RawBuilder<unknown> {
  return sql.raw(`step${index}`)
}

/** What a step found, when it is an object; else null. */
function objectIn(found: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case when ${found}.type = 'object' then ${found}.value end`
}

/** The values under a member as a JSON array; null when there are none. */
function valuesOf(parent: Expression<unknown>, { name, each }: PathSegment): RawBuilder<unknown> {
  const at = jsonPath([name])
  const single = each ? sql`` : sql`else '[' || (${parent} -> ${at}) || ']'`
  return sql`case json_type(${parent}, ${at}) when 'array' then ${parent} -> ${at} ${single} end`
}

function passes(type: RawBuilder<unknown>, value: RawBuilder<unknown>, test: ValueTest): Expression<SqlBool> {
  const types: string[] = []
  if (test.boolean?.(true)) types.push('true')
  if (test.boolean?.(false)) types.push('false')
  if (test.other) types.push('null', 'object', 'array')
  const conditions = [
    ...(test.text ? [sql`(${type} = 'text' and ${test.text(value)})`] : []),
    ...(test.number ? [sql`(${type} in ('integer', 'real') and ${test.number(value)})`] : []),
    ...(types.length > 0 ? [sql`${type} in (${sql.join(types)})`] : []),
  ]
  return conditions.length > 0 ? sql`(${sql.join(conditions, sql` or `)})` : sql`1 = 0`
}

/** A path of member names; a quoted name is escaped as in JSON. */
function jsonPath(names: readonly string[]): string {
  // SQLite takes such a name only up to the NUL and would find another member.
  if (names.some((name) => name.includes('\0'))) throw new RangeError('a member name in a path cannot hold NUL')
  return `$${names.map((name) => `.${JSON.stringify(name)}`).join('')}`
}
