import type { Database } from './tables.ts'

/** Runs several statements as one: in the transaction that is open, else in one of their own. */
export function atomically<T>(db: Database, work: (db: Database) => Promise<T>): Promise<T> {
  return db.isTransaction ? work(db) : db.transaction().execute(work)
}
