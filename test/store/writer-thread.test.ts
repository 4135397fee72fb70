import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WriterThread } from '../../src/store/sqlite/writer-thread.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'writer-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (name: string) => WriterThread.open({ file: join(folder, name), pragmas: 'pragma journal_mode = wal' })
const run = (writer: WriterThread, sql: string) => writer.run({ kind: 'execute', sql, parameters: [] })

test('a database opened after another was closed has nothing of that one', async () => {
  const first = await open('first.db')
  await run(first, 'create table notes (text)')
  await run(first, "insert into notes values ('of the first')")
  await first.close()
  const second = await open('second.db')
  await expect(run(second, 'select * from notes')).rejects.toThrow('no such table: notes')
  await second.close()
  const again = await open('first.db')
  expect((await run(again, 'select * from notes')).rows).toEqual([{ text: 'of the first' }])
  await again.close()
})

test('two databases that are open at once do not meet', async () => {
  const writers = await Promise.all([open('a.db'), open('b.db')])
  await Promise.all(writers.map((writer, index) => run(writer, `create table only_${index} (text)`)))
  const tables = await Promise.all(writers.map((writer) => run(writer, 'select name from sqlite_schema')))
  expect(tables.map(({ rows }) => rows)).toEqual([[{ name: 'only_0' }], [{ name: 'only_1' }]])
  await Promise.all(writers.map((writer) => writer.close()))
})

test('a closed database refuses everything, also while its thread works for the next', async () => {
  const first = await open('first.db')
  await first.close()
  const second = await open('second.db')
  await expect(run(first, 'select 1')).rejects.toThrow('The store is closed.')
  await first.close()
  expect((await run(second, 'select 1 as one')).rows).toEqual([{ one: 1 }])
  await second.close()
})

test('what is asked for before the close is done before it', async () => {
  const writer = await open('a.db')
  const answers = [run(writer, 'create table notes (text)'), run(writer, 'select * from notes'), writer.close()]
  await expect(Promise.all(answers)).resolves.toEqual([{ rows: [], changes: 0 }, { rows: [], changes: 0 }, undefined])
})

test('a file that is no database is refused, and the next one opens', async () => {
  writeFileSync(join(folder, 'text.db'), 'This is text, and more than a hundred bytes of it. '.repeat(100))
  await expect(open('text.db')).rejects.toThrow('file is not a database')
  const writer = await open('a.db')
  expect((await run(writer, 'select 1 as one')).rows).toEqual([{ one: 1 }])
  await writer.close()
})
