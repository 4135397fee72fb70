import { DatabaseSync } from 'node:sqlite'
import { withClearErrors } from './clear-error.ts'
import { PreparedDatabase, type StatementCommand } from './prepared-database.ts'
import type { SqliteConnections } from './sqlite-driver.ts'
import { WriterThread } from './writer-thread.ts'

/**
 * `page_size` comes first: it cannot change once there is a table. Pages of 8 KB hold a few records each. While the store
 * opens, it waits up to `busy_timeout` milliseconds for a tool that has the file open.
 * The log may grow to 2000 pages, 16 MB, before it is copied back: pages written many times are then copied once, and those
 * who wait for a commit do not wait for long.
 */
const WRITER_PRAGMAS = `
  pragma page_size = 8192;
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma foreign_keys = on;
  pragma busy_timeout = 1000;
  pragma cache_size = -8192;
  pragma wal_autocheckpoint = 2000;
`

const READER_PRAGMAS = `
  pragma query_only = on;
  pragma busy_timeout = 20;
  pragma cache_size = -4096;
`

/** A database file: written in a thread of its own, read in this one too. */
export async function openFile(file: string): Promise<SqliteConnections> {
  const writer = await WriterThread.open({ file, pragmas: WRITER_PRAGMAS })
  const database = new DatabaseSync(file)
  database.exec(READER_PRAGMAS)
  const reader = new PreparedDatabase(database)
  return {
    writer,
    reader,
    async close() {
      reader.close()
      await writer.close()
    },
  }
}

/** A database in memory, gone when it is closed; all in this thread. */
export function openMemory(database = new DatabaseSync(':memory:')): SqliteConnections {
  database.exec('pragma foreign_keys = on')
  const prepared = new PreparedDatabase(database)
  return {
    writer: {
      async run(command: StatementCommand) {
        return withClearErrors(() => prepared.carryOut(command))
      },
    },
    reader: null,
    async close() {
      prepared.close()
    },
  }
}
