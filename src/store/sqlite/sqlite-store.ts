import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import type { Clock } from '../../clock.ts'
import { systemClock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import { silentLogger } from '../../logger.ts'
import type { StoreDialect } from '../sql/dialect.ts'
import { migrate } from '../sql/migrate.ts'
import { QueryTexts } from '../sql/query-texts.ts'
import { createScope } from '../sql/scope.ts'
import type { Tables } from '../sql/tables.ts'
import type { Store } from '../store.ts'
import type { DataDirLock } from './data-dir-lock.ts'
import { lockDataDir } from './data-dir-lock.ts'
import { sqliteJson } from './json-path.ts'
import { createNodeSqliteDialect } from './node-sqlite.ts'

export interface SqliteStoreOptions {
  /** Folder of the store, created when missing; `:memory:` keeps everything in memory. */
  readonly dataDir: string
  readonly logger?: Logger
  readonly clock?: Clock
}

const FILE_NAME = 'host.db'

/** A wait for a tool that has the file locked holds up the whole process, so there is next to none. */
const BUSY_TIMEOUT_MS = 20

const DIALECT: StoreDialect = {
  json: sqliteJson,
  schema: {
    identity: (column) => column.primaryKey().autoIncrement(),
    clustered: (table) => table.modifyEnd(sql`without rowid`),
  },
}

/** Opens the embedded store. Throws when another process has the folder, or when a newer version has written it. */
export async function openSqliteStore({
  dataDir,
  logger = silentLogger,
  clock = systemClock,
}: SqliteStoreOptions): Promise<Store> {
  const isInMemory = dataDir === ':memory:'
  const lock: DataDirLock = isInMemory ? { release() {} } : lockDataDir(dataDir)
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(isInMemory ? dataDir : join(dataDir, FILE_NAME))
    database.exec(PRAGMAS)
    const db = new Kysely<Tables>({ dialect: createNodeSqliteDialect(database) })
    await migrate(db, DIALECT, { now: () => clock.now(), logger })
    database.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`)
    return createStore(db, lock)
  } catch (error) {
    database?.close()
    lock.release()
    throw error
  }
}

/**
 * `page_size` comes first: it cannot change once there is a table. Pages of 8 KB hold a few records each. While the store
 * opens, it waits up to `busy_timeout` milliseconds for a tool that has the file open.
 * The log may grow to 8000 pages, 64 MB, before it is copied back: pages written many times are then copied once.
 */
const PRAGMAS = `
  pragma page_size = 8192;
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma foreign_keys = on;
  pragma busy_timeout = 1000;
  pragma cache_size = -16384;
  pragma wal_autocheckpoint = 8000;
`

function createStore(db: Kysely<Tables>, lock: DataDirLock): Store {
  const texts = new QueryTexts()
  let closing: Promise<void> | undefined
  return {
    ...createScope(db, DIALECT, texts),

    transaction(work) {
      return db.transaction().execute((transaction) => work(createScope(transaction, DIALECT, texts)))
    },

    async ping() {
      await db.selectFrom('settings').select('name').limit(1).execute()
    },

    close() {
      closing ??= close(db, lock)
      return closing
    },
  }
}

async function close(db: Kysely<Tables>, lock: DataDirLock): Promise<void> {
  try {
    // Waits for its turn, so that a transaction that is going on is not cut off.
    await db.connection().execute(async () => {})
    await db.destroy()
  } finally {
    lock.release()
  }
}
