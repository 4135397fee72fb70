import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers/promises'
import type {
  DatabaseConnection,
  Dialect,
  SqliteDatabase as KyselySqliteDatabase,
  SqliteStatement as KyselySqliteStatement,
} from 'kysely'
import { SqliteAdapter, SqliteDriver, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { withClearErrors } from './clear-error.ts'

/** So long work on the store may go on before everything else in the process gets a turn. */
const MAX_HOLD_MS = 10

/** Statements kept prepared; the ones used longest ago go first. */
const PREPARED_STATEMENTS = 500

/** Kysely's SQLite dialect on the SQLite that is built into Node. */
export function createNodeSqliteDialect(database: DatabaseSync): Dialect {
  return {
    createDriver: () => new NodeSqliteDriver(database),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}

class NodeSqliteDriver extends SqliteDriver {
  readonly #database: DatabaseSync
  readonly #preparing: PreparingDatabase
  #yieldedAt = 0

  constructor(database: DatabaseSync) {
    const preparing = new PreparingDatabase(database)
    super({ database: preparing })
    this.#database = database
    this.#preparing = preparing
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const connection = await super.acquireConnection()
    // SQLite answers without waiting, so a loop over the store alone would keep timers and sockets from their turn.
    if (performance.now() - this.#yieldedAt > MAX_HOLD_MS) {
      await setImmediate()
      this.#yieldedAt = performance.now()
    }
    return connection
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await super.beginTransaction(connection)
    this.#preparing.needsTransaction = true
  }

  override async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await super.commitTransaction(connection)
    this.#preparing.needsTransaction = false
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    this.#preparing.needsTransaction = false
    // After some errors, a full disk for one, SQLite has rolled back by itself.
    if (this.#database.isTransaction) await super.rollbackTransaction(connection)
  }
}

class PreparingDatabase implements KyselySqliteDatabase {
  /** True while a transaction is open: what runs after SQLite has rolled it back by itself would be kept on its own. */
  needsTransaction = false
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, PreparedStatement>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  prepare(sql: string): KyselySqliteStatement {
    if (this.needsTransaction && !this.#database.isTransaction) {
      throw new Error('The transaction was rolled back after an earlier error, nothing more can be done in it.')
    }
    const statement =
      this.#statements.get(sql) ?? new PreparedStatement(withClearErrors(() => this.#database.prepare(sql)))
    this.#statements.delete(sql)
    this.#statements.set(sql, statement)
    if (this.#statements.size > PREPARED_STATEMENTS) {
      for (const oldest of this.#statements.keys()) {
        this.#statements.delete(oldest)
        break
      }
    }
    return statement
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }
}

class PreparedStatement implements KyselySqliteStatement {
  readonly reader: boolean
  readonly #statement: StatementSync

  constructor(statement: StatementSync) {
    this.#statement = statement
    this.reader = statement.columns().length > 0
  }

  all(parameters: readonly unknown[]): unknown[] {
    return withClearErrors(() => this.#statement.all(...(parameters as SQLInputValue[])))
  }

  run(parameters: readonly unknown[]): { changes: number | bigint; lastInsertRowid: number | bigint } {
    return withClearErrors(() => this.#statement.run(...(parameters as SQLInputValue[])))
  }

  iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    return this.#statement.iterate(...(parameters as SQLInputValue[])) as IterableIterator<unknown>
  }
}
