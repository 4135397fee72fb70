import type { Expression, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type { Comparison, ComparisonOperator } from '../query.ts'
import { MAX_PATH_SEGMENTS, NUMERIC_LITERAL } from '../query.ts'
import type { EntityKind } from '../store.ts'
import type { StoreDialect, ValueTest } from './dialect.ts'
import { columnOf } from './entity-columns.ts'

const RANGE_OPERATORS = {
  '>=': sql`>=`,
  '<=': sql`<=`,
  '>': sql`>`,
  '<': sql`<`,
} as const satisfies Partial<Record<ComparisonOperator, unknown>>

/** The condition on `entities` that a comparison stands for; `query.ts` says what it means. */
export function compileComparison(
  dialect: StoreDialect,
  kind: EntityKind,
  { path, operator, values }: Comparison,
): Expression<SqlBool> {
  if (path.length === 0 || path.length > MAX_PATH_SEGMENTS) {
    throw new RangeError(`a path has 1 to ${MAX_PATH_SEGMENTS} segments, this one has ${path.length}`)
  }
  const last = path[path.length - 1]?.name
  const fold = last === 'state' || last === 'status'
  const names = path.map((segment) => segment.name)
  const copied = path.some((segment) => segment.each) ? null : columnOf(kind, names)
  const some = (test: ValueTest) =>
    copied
      ? someInColumn(sql.ref(`entities.${copied.column}`), copied.type, test)
      : dialect.json.some(sql.ref('entities.document'), path, test)

  if (operator === '==') return some(isAnyOf(values, fold))
  if (operator === '!=') return sql<SqlBool>`(${some(IS_THERE)} and not ${some(isAnyOf(values, fold))})`
  return some(isInRange(operator, values[0] ?? '', fold))
}

const IS_THERE: ValueTest = {
  number: () => sql<SqlBool>`1 = 1`,
  text: () => sql<SqlBool>`1 = 1`,
  boolean: () => true,
  other: true,
}

function isAnyOf(values: readonly string[], fold: boolean): ValueTest {
  const numbers = values.filter((value) => NUMERIC_LITERAL.test(value)).map(Number)
  const texts = fold ? values.map(lower) : values
  return {
    text: (value) => isIn(folded(value, fold), texts),
    boolean: (value) => values.includes(String(value)),
    ...(numbers.length > 0 && { number: (value) => isIn(value, numbers) }),
  }
}

function isInRange(operator: keyof typeof RANGE_OPERATORS, limit: string, fold: boolean): ValueTest {
  const compare = RANGE_OPERATORS[operator]
  return {
    text: (value) => sql<SqlBool>`${folded(value, fold)} ${compare} ${fold ? lower(limit) : limit}`,
    ...(NUMERIC_LITERAL.test(limit) && { number: (value) => sql<SqlBool>`${value} ${compare} ${Number(limit)}` }),
  }
}

function isIn(value: Expression<unknown>, values: readonly (string | number)[]): Expression<SqlBool> {
  return values.length === 1 ? sql`${value} = ${values[0]}` : sql`${value} in (${sql.join(values)})`
}

function someInColumn(column: Expression<unknown>, type: 'text' | 'number', test: ValueTest): Expression<SqlBool> {
  const condition = test[type]?.(column)
  return condition ? sql`(${column} is not null and ${condition})` : sql`1 = 0`
}

function folded(value: Expression<unknown>, fold: boolean): Expression<unknown> {
  return fold ? sql`lower(${value})` : value
}

/** As SQL's `lower`: only A to Z. */
function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
