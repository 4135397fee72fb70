import type { ColumnDefinitionBuilder, CreateTableBuilder, Expression, SqlBool } from 'kysely'
import type { PathSegment } from '../query.ts'

/** What databases do differently. Everything else in `store/sql/` is plain SQL. */
export interface StoreDialect {
  readonly json: JsonDialect
  readonly schema: SchemaDialect
}

/** Access to a JSON document kept in a column. Names and values travel as parameters, never as SQL text. */
export interface JsonDialect {
  /** True when at least one value that `path` reaches passes `test`. */
  some(document: Expression<unknown>, path: readonly PathSegment[], test: ValueTest): Expression<SqlBool>
  /**
   * The number, text or boolean at `path` (member names from the root, no arrays), null when there is none: something to
   * sort and compare by. Numbers and booleans (as 0 and 1) come before text, text is ordered by its bytes.
   */
  sortKey(document: Expression<unknown>, path: readonly string[]): Expression<unknown>
  /** `value` in the form that `sortKey` gives. */
  sortValue(value: string | number | boolean): Expression<unknown>
}

/** What a stored value must satisfy, by its JSON type. A type that is left out does not pass. */
export interface ValueTest {
  readonly number?: (value: Expression<unknown>) => Expression<SqlBool>
  readonly text?: (value: Expression<unknown>) => Expression<SqlBool>
  readonly boolean?: (value: boolean) => boolean
  /** Null, objects and arrays. */
  readonly other?: true
}

export interface SchemaDialect {
  /** Makes a primary key column count by itself; a number is never given twice. */
  identity(column: ColumnDefinitionBuilder): ColumnDefinitionBuilder
  /** Keeps the rows of a table in the order of its primary key, where the database can. */
  clustered<T extends string, C extends string>(table: CreateTableBuilder<T, C>): CreateTableBuilder<T, C>
}
