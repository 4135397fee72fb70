import { setImmediate } from 'node:timers/promises'
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, QueryResult } from 'kysely'
import { SelectQueryNode, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { withClearErrors } from './clear-error.ts'
import type { PreparedDatabase, StatementCommand, StatementResult } from './prepared-database.ts'

/** So long reading may go on before everything else in the process gets a turn. */
const MAX_HOLD_MS = 10

/** Where statements are carried out. */
export interface SqliteConnections {
  /** Carries out everything that writes and everything in a transaction, one after the other. */
  readonly writer: { run(command: StatementCommand): Promise<StatementResult> }
  /** Answers what is read outside of transactions, without waiting for the writer; sees what is committed. */
  readonly reader: Pick<PreparedDatabase, 'execute'> | null
  close(): Promise<void>
}

/** Kysely's SQLite dialect on the SQLite that is built into Node. */
export function createSqliteDialect(connections: SqliteConnections): Dialect {
  return {
    createDriver: () => new NodeSqliteDriver(connections),
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db) => new SqliteIntrospector(db),
  }
}

class NodeSqliteDriver implements Driver {
  readonly #connections: SqliteConnections
  readonly #turns = new Turns()
  /** Queries and transactions that are going on. */
  #open = 0
  #onIdle: () => void = () => {}

  constructor(connections: SqliteConnections) {
    this.#connections = connections
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<Connection> {
    this.#open += 1
    return new Connection(this.#connections, this.#turns)
  }

  beginTransaction(connection: Connection): Promise<void> {
    return connection.begin()
  }

  commitTransaction(connection: Connection): Promise<void> {
    return connection.end('commit')
  }

  rollbackTransaction(connection: Connection): Promise<void> {
    return connection.end('rollback')
  }

  async releaseConnection(connection: Connection): Promise<void> {
    connection.release()
    this.#open -= 1
    if (this.#open === 0) this.#onIdle()
  }

  /** Waits for what was begun, so that a transaction that is going on is not cut off. */
  async destroy(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      if (this.#open === 0) resolve()
    })
    await this.#connections.close()
  }
}

/** One query's or one transaction's way to the database. */
class Connection implements DatabaseConnection {
  readonly #connections: SqliteConnections
  readonly #turns: Turns
  #isInTransaction = false

  constructor(connections: SqliteConnections, turns: Turns) {
    this.#connections = connections
    this.#turns = turns
  }

  async begin(): Promise<void> {
    await this.#turns.take()
    this.#isInTransaction = true
    // Not waited for: commands are carried out in order, and after a failed one the next ones fail.
    this.#connections.writer.run({ kind: 'begin' }).catch(() => {})
  }

  async end(kind: 'commit' | 'rollback'): Promise<void> {
    await this.#connections.writer.run({ kind })
  }

  release(): void {
    if (this.#isInTransaction) this.#turns.leave()
    this.#isInTransaction = false
  }

  async executeQuery<Row>({ sql, parameters, query }: CompiledQuery): Promise<QueryResult<Row>> {
    const { reader, writer } = this.#connections
    if (this.#isInTransaction) return resultOf(await writer.run({ kind: 'execute', sql, parameters }))
    if (reader !== null && SelectQueryNode.is(query)) {
      await this.#turns.yieldNow()
      return resultOf(withClearErrors(() => reader.execute(sql, parameters)))
    }
    await this.#turns.take()
    try {
      return resultOf(await writer.run({ kind: 'execute', sql, parameters }))
    } finally {
      this.#turns.leave()
    }
  }

  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('The store reads page by page, it has no streams.')
  }
}

export function resultOf<Row>({ rows, changes }: StatementResult): QueryResult<Row> {
  return { rows: rows as Row[], numAffectedRows: BigInt(changes) }
}

/** One at a time, in the order of coming. */
class Turns {
  #last: Promise<void> = Promise.resolve()
  #leave: () => void = () => {}
  #yieldedAt = 0

  async take(): Promise<void> {
    const before = this.#last
    let leave = () => {}
    this.#last = new Promise((resolve) => {
      leave = resolve
    })
    await before
    this.#leave = leave
    await this.yieldNow()
  }

  leave(): void {
    this.#leave()
  }

  /** SQLite answers at once in this thread, so a loop over the store alone would keep sockets from their turn. */
  async yieldNow(): Promise<void> {
    if (performance.now() - this.#yieldedAt <= MAX_HOLD_MS) return
    await setImmediate()
    this.#yieldedAt = performance.now()
  }
}
