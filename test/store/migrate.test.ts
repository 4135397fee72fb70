import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { silentLogger } from '../../src/logger.ts'
import { MIGRATIONS } from '../../src/store/migrations/index.ts'
import type { StoreDialect } from '../../src/store/sql/dialect.ts'
import type { Migration } from '../../src/store/sql/migrate.ts'
import { migrate } from '../../src/store/sql/migrate.ts'
import type { Database, Tables } from '../../src/store/sql/tables.ts'
import { createNodeSqliteDialect } from '../../src/store/sqlite/node-sqlite.ts'

let db: Database

beforeEach(() => {
  db = new Kysely<Tables>({ dialect: createNodeSqliteDialect(new DatabaseSync(':memory:')) })
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

test('counts its migrations from 1 without gaps', () => {
  expect(MIGRATIONS.map(({ number }) => number)).toEqual(MIGRATIONS.map((_, index) => index + 1))
})
