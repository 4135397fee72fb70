import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { openMemory } from '../../src/store/sqlite/open-connections.ts'
import { createSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'

/** A store in memory that every history finds as if it had just been opened: opening one takes longer than emptying it. */
export interface EmptyStore {
  readonly store: Store
  /** The database beneath, for damage that the store knows nothing of. */
  readonly database: DatabaseSync
  /** Gives the store back when nothing of it is in use any more; otherwise nobody gets it again. */
  giveBack(): void
}

let idle: Pick<EmptyStore, 'store' | 'database'> | null = null

export async function takeEmptyStore(): Promise<EmptyStore> {
  const taken = idle ?? (await open())
  idle = null
  return { ...taken, giveBack: () => empty(taken) }
}

async function open(): Promise<Pick<EmptyStore, 'store' | 'database'>> {
  const database = new Database(':memory:')
  return { database, store: await createSqliteStore(openMemory(database)) }
}

function empty(used: Pick<EmptyStore, 'store' | 'database'>): void {
  const { database } = used
  if (database.isTransaction) return
  database.exec('pragma foreign_keys = off')
  const tables = database.prepare("select name from sqlite_schema where type = 'table' and name <> 'migrations'").all()
  for (const { name } of tables) database.exec(`delete from "${String(name)}"`)
  database.exec('pragma foreign_keys = on')
  idle = used
}

/** Tells a statement's columns once: the store asks before every call, which takes longer than most calls. */
class Database extends DatabaseSync {
  override prepare(sql: string): StatementSync {
    const statement = super.prepare(sql)
    const columns = statement.columns()
    statement.columns = () => columns
    return statement
  }
}
