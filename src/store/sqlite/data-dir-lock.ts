import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const SQLITE_BUSY = 5

export interface DataDirLock {
  release(): void
}

/**
 * Creates the folder if need be and takes it for this process. The lock is a transaction that stays open on a small SQLite
 * file: the operating system releases it when the process ends, however it ends.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(join(dataDir, 'host.lock'))
  try {
    database.exec('pragma busy_timeout = 0; begin exclusive')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    throw new Error(
      `The data folder ${dataDir} is in use by another process (or opened twice by this one): ` +
        'stop that one or choose another folder.',
      { cause: error },
    )
  }
  return { release: () => database.close() }
}
