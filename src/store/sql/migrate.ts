import type { Kysely } from 'kysely'
import type { Logger } from '../../logger.ts'
import { MIGRATIONS } from '../migrations/index.ts'
import type { StoreDialect } from './dialect.ts'
import type { Database } from './tables.ts'

/** A forward-only step of the schema. Numbers rise by one; a released migration never changes. */
export interface Migration {
  readonly number: number
  readonly name: string
  up(db: Kysely<unknown>, dialect: StoreDialect): Promise<void>
}

interface MigrationTables {
  migrations: { number: number; name: string; applied_at: number }
}

/**
 * Brings the schema up to the newest migration, each in a transaction with its row: first the row, so that two processes
 * that migrate at once clash there. Throws when the database was written by a newer version of the code.
 */
export async function migrate(
  db: Database,
  dialect: StoreDialect,
  options: { readonly now: () => number; readonly logger: Logger; readonly migrations?: readonly Migration[] },
): Promise<void> {
  const { now, logger, migrations = MIGRATIONS } = options
  const bookkeeping = db as unknown as Kysely<MigrationTables>
  await bookkeeping.schema
    .createTable('migrations')
    .ifNotExists()
    .addColumn('number', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('applied_at', 'bigint', (column) => column.notNull())
    .execute()
  const applied = await bookkeeping.selectFrom('migrations').selectAll().orderBy('number', 'desc').executeTakeFirst()
  const newest = migrations.at(-1)?.number ?? 0
  if (applied && applied.number > newest) {
    throw new Error(
      `The store has migration ${applied.number} (${applied.name}), this version knows only up to ${newest}: ` +
        'a newer version has used it. Start that version or a later one, or another data folder.',
    )
  }
  for (const migration of migrations) {
    if (applied && migration.number <= applied.number) continue
    await bookkeeping.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('migrations')
        .values({ number: migration.number, name: migration.name, applied_at: now() })
        .execute()
      await migration.up(transaction as unknown as Kysely<unknown>, dialect)
    })
    logger.debug({ migration: migration.number, name: migration.name }, 'store migrated')
  }
}
