import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

/** Statements kept prepared; the ones used longest ago go first. */
const PREPARED_STATEMENTS = 500

export type StatementCommand =
  | { readonly kind: 'execute'; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly kind: 'begin' | 'commit' | 'rollback' }

/** What a statement did: rows for one that returns some, else how many rows it changed. */
export interface StatementResult {
  readonly rows: unknown[]
  readonly changes: number
}

/** A SQLite database that keeps its statements prepared and knows when a transaction is over by itself. */
export class PreparedDatabase {
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  /** While a transaction is open: what runs after SQLite has rolled it back by itself would be kept on its own. */
  #needsTransaction = false

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  carryOut(command: StatementCommand): StatementResult {
    if (command.kind === 'execute') return this.execute(command.sql, command.parameters)
    this[command.kind]()
    return { rows: [], changes: 0 }
  }

  begin(): void {
    // Also when this fails: nothing of the transaction may be done on its own then.
    this.#needsTransaction = true
    this.#run('begin', [])
  }

  commit(): void {
    this.execute('commit', [])
    this.#needsTransaction = false
  }

  /** After some errors, a full disk for one, SQLite has rolled back by itself; then there is nothing left to do. */
  rollback(): void {
    this.#needsTransaction = false
    if (this.#database.isTransaction) this.execute('rollback', [])
  }

  execute(sql: string, parameters: readonly unknown[]): StatementResult {
    if (this.#needsTransaction && !this.#database.isTransaction) {
      throw new Error('The transaction was rolled back after an earlier error, nothing more can be done in it.')
    }
    return this.#run(sql, parameters)
  }

  #run(sql: string, parameters: readonly unknown[]): StatementResult {
    const statement = this.#prepare(sql)
    const values = parameters as SQLInputValue[]
    if (statement.columns().length > 0) return { rows: statement.all(...values), changes: 0 }
    return { rows: [], changes: Number(statement.run(...values).changes) }
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#statements.get(sql) ?? this.#database.prepare(sql)
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
}
