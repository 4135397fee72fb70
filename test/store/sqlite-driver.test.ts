import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { DatabaseSync } from 'node:sqlite'
import { Kysely, sql } from 'kysely'
import { openMemory } from '../../src/store/sqlite/open-connections.ts'
import { createSqliteDialect } from '../../src/store/sqlite/sqlite-driver.ts'

interface Tables {
  notes: { name: string; text: string }
}

let database: DatabaseSync
let db: Kysely<Tables>

beforeEach(async () => {
  database = new DatabaseSync(':memory:')
  db = new Kysely<Tables>({ dialect: createSqliteDialect(openMemory(database)) })
  await db.schema.createTable('notes').addColumn('name', 'text').addColumn('text', 'text').execute()
})

afterEach(() => db.destroy())

test('rolls back and throws when the database is full, and goes on once there is room', async () => {
  database.exec('pragma max_page_count = 20')
  const write = (size: number) =>
    db.transaction().execute(async (transaction) => {
      await transaction.insertInto('notes').values({ name: 'first', text: '' }).execute()
      await transaction
        .insertInto('notes')
        .values({ name: 'second', text: 'x'.repeat(size) })
        .execute()
    })
  await expect(write(200_000)).rejects.toThrow(/full/)
  expect(await db.selectFrom('notes').selectAll().execute()).toEqual([])
  database.exec('pragma max_page_count = 1000')
  await write(200_000)
  expect(await db.selectFrom('notes').select('name').execute()).toHaveLength(2)
})

test('throws the first error when SQLite has already rolled back by itself', async () => {
  const work = db.transaction().execute(async (transaction) => {
    await sql`rollback`.execute(transaction)
    throw new Error('the first')
  })
  await expect(work).rejects.toThrow('the first')
  await db.insertInto('notes').values({ name: 'a', text: 'b' }).execute()
})

test('keeps nothing of a work that goes on after SQLite has rolled back by itself', async () => {
  const insert = (db: Kysely<Tables>, name: string) => db.insertInto('notes').values({ name, text: '' }).execute()
  const work = db.transaction().execute(async (transaction) => {
    await insert(transaction, 'before')
    await sql`rollback`.execute(transaction)
    await insert(transaction, 'after').catch(() => {})
  })
  await expect(work).rejects.toThrow('The transaction was rolled back after an earlier error')
  expect(await db.selectFrom('notes').selectAll().execute()).toEqual([])
  await insert(db, 'later')
  expect(await db.selectFrom('notes').select('name').execute()).toEqual([{ name: 'later' }])
})

test('runs more different statements than it keeps prepared', async () => {
  for (let number = 0; number < 1200; number += 1) {
    const { rows } = await sql`select ${sql.raw(String(number))} as number`.execute(db)
    expect(rows).toEqual([{ number }])
  }
})

test('sees a changed schema with statements prepared before', async () => {
  const all = () => db.selectFrom('notes').selectAll().execute()
  await db.insertInto('notes').values({ name: 'a', text: 'b' }).execute()
  expect(await all()).toEqual([{ name: 'a', text: 'b' }])
  await db.schema
    .alterTable('notes')
    .addColumn('more', 'integer', (column) => column.defaultTo(1))
    .execute()
  expect(await all()).toEqual([{ name: 'a', text: 'b', more: 1 }])
})

test('reports how many rows a statement changed', async () => {
  await db
    .insertInto('notes')
    .values([
      { name: 'a', text: '' },
      { name: 'b', text: '' },
    ])
    .execute()
  const { numUpdatedRows } = await db.updateTable('notes').set({ text: 'x' }).executeTakeFirstOrThrow()
  expect(numUpdatedRows).toBe(2n)
})
