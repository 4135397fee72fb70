import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { silentLogger } from '../../src/logger.ts'
import { MIGRATIONS } from '../../src/store/migrations/index.ts'
import type { StoreDialect } from '../../src/store/sql/dialect.ts'
import type { Migration } from '../../src/store/sql/migrate.ts'
import { migrate } from '../../src/store/sql/migrate.ts'
import type { Database, Tables } from '../../src/store/sql/tables.ts'
import { createScope, createScopeParts } from '../../src/store/sql/scope.ts'
import { sqliteJson } from '../../src/store/sqlite/json-path.ts'
import { openMemory } from '../../src/store/sqlite/open-connections.ts'
import { createSqliteDialect } from '../../src/store/sqlite/sqlite-driver.ts'

let db: Database

beforeEach(() => {
  db = new Kysely<Tables>({ dialect: createSqliteDialect(openMemory(new DatabaseSync(':memory:'))) })
})

afterEach(() => db.destroy())

function step(number: number, statement: string): Migration {
  return {
    number,
    name: `step ${number}`,
    async up(db) {
      await sql.raw(statement).execute(db)
    },
  }
}

function run(...migrations: Migration[]): Promise<void> {
  return migrate(db, {} as StoreDialect, { now: () => 7, logger: silentLogger, migrations })
}

async function applied(): Promise<unknown[]> {
  return (await sql`select number, name, applied_at from migrations order by number`.execute(db)).rows
}

test('applies each migration once, in order, also when more are added later', async () => {
  const first = step(1, 'create table a (x)')
  const second = step(2, 'alter table a add column y')
  await run(first)
  await run(first, second)
  await run(first, second)
  expect(await applied()).toEqual([
    { number: 1, name: 'step 1', applied_at: 7 },
    { number: 2, name: 'step 2', applied_at: 7 },
  ])
})

test('keeps nothing of a migration that fails, and applies it at the next start', async () => {
  await expect(run(step(1, 'create table a (x)'), step(2, 'create table a (x)'))).rejects.toThrow(/already exists/)
  expect(await applied()).toHaveLength(1)
  await run(step(1, 'create table a (x)'), step(2, 'create table b (x)'))
  expect(await applied()).toHaveLength(2)
})

test('refuses a database that knows a later migration', async () => {
  await run(step(1, 'create table a (x)'), step(2, 'create table b (x)'))
  await expect(run(step(1, 'create table a (x)'))).rejects.toThrow(
    'The store has migration 2 (step 2), this version knows only up to 1',
  )
})

test('brings the records of a store of the first version along', async () => {
  const dialect: StoreDialect = {
    json: sqliteJson,
    schema: { identity: (column) => column.primaryKey().autoIncrement(), clustered: (table) => table },
  }
  const options = { now: () => 7, logger: silentLogger }
  await migrate(db, dialect, { ...options, migrations: MIGRATIONS.slice(0, 1) })
  await sql`insert into record_sets values (1, 1, 'stripe', 'charges')`.execute(db)
  await sql`insert into record_set_runs values (1, 5)`.execute(db)
  await sql`insert into deliveries values (5, 1, 1, 'a', 'upsert', 100, 'body of a', null)`.execute(db)
  await sql`insert into objects values (1, 'a', 1, 5, 1, 'hash', 100, 0)`.execute(db)
  await sql`insert into flow_progress values (9, null, 50, null)`.execute(db)
  await migrate(db, dialect, options)

  const { progress, records } = createScope(db, createScopeParts(dialect))
  expect(await progress.get(9)).toMatchObject({ position: 50, newestCreated: null, leftOut: null })
  const target = { dataSetNo: 1, connectionSpecId: 'stripe', resourcePath: 'charges' }
  const deliver = (runNo: number, lastSequence: number, observedAt: number, contentHash: string) =>
    records.deliver({
      target,
      runNo,
      lastSequence,
      observedAt,
      records: [{ objectId: 'a', operation: 'upsert', body: contentHash, contentHash }],
    })
  expect(await records.versionsOf(target, ['a'])).toMatchObject([{ objectId: 'a', runNo: 5, body: 'body of a' }])
  expect(await deliver(6, 0, 101, 'hash')).toMatchObject({ skipped: 1 })
  expect(await deliver(6, 0, 102, 'new hash')).toMatchObject({ updated: 1 })
  // Run 5 was going on while the store was migrated.
  expect(await deliver(5, 1, 103, 'newer hash')).toMatchObject({ repeated: 1, updated: 0 })
})

test('counts its migrations from 1 without gaps', () => {
  expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, index) => index + 1))
})
