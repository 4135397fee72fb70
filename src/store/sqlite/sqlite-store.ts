import { join } from 'node:path'
import { Kysely, sql, type CompiledQuery, type QueryResult } from 'kysely'
import type { Clock } from '../../clock.ts'
import { systemClock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import { silentLogger } from '../../logger.ts'
import type { StoreDialect } from '../sql/dialect.ts'
import { migrate } from '../sql/migrate.ts'
import { createScope, createScopeParts, type ScopeParts } from '../sql/scope.ts'
import type { Database, Tables } from '../sql/tables.ts'
import type { Store } from '../store.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { sqliteJson } from './json-path.ts'
import { openFile, openMemory } from './open-connections.ts'
import { createSqliteDialect, resultOf, type SqliteConnections } from './sqlite-driver.ts'
import { WriterThread } from './writer-thread.ts'

export interface SqliteStoreOptions {
  /** Folder of the store, created when missing; `:memory:` keeps everything in memory. */
  readonly dataDir: string
  readonly logger?: Logger
  readonly clock?: Clock
}

const FILE_NAME = 'host.db'

const DIALECT: StoreDialect = {
  json: sqliteJson,
  schema: {
    identity: (column) => column.primaryKey().autoIncrement(),
    clustered: (table) => table.modifyEnd(sql`without rowid`),
  },
}

/** Opens the embedded store. Throws when another process has the folder, or when a newer version has written it. */
export async function openSqliteStore({ dataDir, ...options }: SqliteStoreOptions): Promise<Store> {
  if (dataDir === ':memory:') return createSqliteStore(openMemory(), options)
  const lock = lockDataDir(dataDir)
  try {
    return await createSqliteStore(await openFile(join(dataDir, FILE_NAME)), {
      ...options,
      onClosed: () => lock.release(),
    })
  } catch (error) {
    lock.release()
    throw error
  }
}

export interface SqliteStoreParts extends Omit<SqliteStoreOptions, 'dataDir'> {
  readonly onClosed?: () => void
}

/** The store in a database that is open; brings its tables up to date. Closes it when that fails. */
export async function createSqliteStore(
  connections: SqliteConnections,
  { logger = silentLogger, clock = systemClock, onClosed = () => {} }: SqliteStoreParts = {},
): Promise<Store> {
  const db = new Kysely<Tables>({ dialect: createSqliteDialect(connections) })
  try {
    await migrate(db, DIALECT, { now: () => clock.now(), logger })
  } catch (error) {
    await db.destroy()
    throw error
  }
  const parts = scopeParts(connections)
  let closing: Promise<void> | undefined
  return {
    ...createScope(db, parts),

    transaction(work) {
      return db.transaction().execute((transaction) => work(createScope(transaction, parts)))
    },

    async ping() {
      await db.selectFrom('settings').select('name').limit(1).execute()
    },

    close() {
      closing ??= close(db).finally(onClosed)
      return closing
    },
  }
}

function scopeParts({ writer }: SqliteConnections): ScopeParts {
  const parts = createScopeParts(DIALECT)
  if (!(writer instanceof WriterThread)) return parts
  return {
    ...parts,
    async send<Row>(db: Database, query: CompiledQuery): Promise<QueryResult<Row>> {
      if (!db.isTransaction) return db.executeQuery<Row>(query)
      return resultOf(await writer.run({ kind: 'execute', sql: query.sql, parameters: query.parameters }))
    },
    deliverPages: (_, request) => writer.deliverPages(request),
  }
}

async function close(db: Kysely<Tables>): Promise<void> {
  // Lets those begin that were asked for before.
  await db.connection().execute(async () => {})
  await db.destroy()
}
