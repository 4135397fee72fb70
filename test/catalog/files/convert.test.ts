import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { convertToParquet } from '../../../src/catalog/files/convert.ts'
import { runConversion } from '../../../src/catalog/files/run-conversion.ts'
import { readParquet, withoutNulls } from '../read-parquet.ts'

let folder: string
let files = 0

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'convert-'))
})

afterAll(() => rm(folder, { recursive: true, force: true }))

async function requestFor(rows: readonly unknown[]) {
  const source = path.join(folder, `${++files}.json`)
  await writeFile(source, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  return { source, target: path.join(folder, `${files}.parquet`), spillFolder: folder }
}

async function convert(rows: readonly unknown[]) {
  const request = await requestFor(rows)
  await convertToParquet(request)
  return readParquet(request.target)
}

describe('a Parquet file', () => {
  test('holds the rows in their order', async () => {
    const rows = Array.from({ length: 5000 }, (_, n) => ({ n, text: `row ${n}` }))
    expect(await convert(rows)).toEqual({ columns: { n: 'BIGINT', text: 'VARCHAR' }, rows })
  })

  test('keeps large integers, fractions and nested lists as they are', async () => {
    const rows = [
      { amount: 2 ** 31 + 1, largest: Number.MAX_SAFE_INTEGER, rate: 1, lists: [[{ n: 1 }], []] },
      { amount: -1, largest: 0, rate: 0.1, lists: [] },
    ]
    const { columns, rows: read } = await convert(rows)
    expect(read).toEqual(rows)
    expect(columns).toEqual({
      amount: 'BIGINT',
      largest: 'BIGINT',
      rate: 'DOUBLE',
      lists: 'STRUCT(n BIGINT)[][]',
    })
  })

  test('takes a member into account that only the last of many rows has', async () => {
    const rows: object[] = Array.from({ length: 30_000 }, (_, n) => ({ n }))
    rows.push({ n: 'late', extra: { deep: [true] } })
    const { columns, rows: read } = await convert(rows)
    expect(columns).toEqual({ n: 'JSON', extra: 'STRUCT(deep BOOLEAN[])' })
    expect(read.at(-1)).toEqual({ n: 'late', extra: { deep: [true] } })
  })

  test('has a column for a member that is null everywhere', async () => {
    expect(await convert([{ a: null, b: { c: null } }])).toEqual({
      columns: { a: 'VARCHAR', b: 'STRUCT(c VARCHAR)' },
      rows: [{ a: null, b: { c: null } }],
    })
  })

  test('holds values of different types as JSON text', async () => {
    const rows = [{ a: 'cus_1' }, { a: { id: 'cus_1' } }, { a: 5 }, { a: null }]
    expect(await convert(rows)).toEqual({ columns: { a: 'JSON' }, rows })
  })

  test('keeps texts that look like dates, numbers or ids', async () => {
    const rows = [{ a: '2026-01-01', b: '007', c: '2f0f1e5a-9c0b-4c36-9d1e-6f2c1f0a7b11', d: 'null' }]
    const { columns, rows: read } = await convert(rows)
    expect(new Set(Object.values(columns))).toEqual(new Set(['VARCHAR']))
    expect(read).toEqual(rows)
  })

  test('takes any name and any character', async () => {
    const rows = [
      { 'a.b': 1, "it's": { 'quo"te': 'Grüße 😀', 'new\nline': '\u2028\u2029' }, '; DROP TABLE': '\u0000\t' },
      { 'a.b': 2, "it's": { 'quo"te': '日本', 'new\nline': '' }, '; DROP TABLE': '' },
    ]
    expect((await convert(rows)).rows).toEqual(rows)
  })

  test('distinguishes an absent object from an empty one', async () => {
    const rows = [{ a: { b: 1 } }, { a: {} }, {}]
    expect((await convert(rows)).rows).toEqual([{ a: { b: 1 } }, { a: { b: null } }, { a: null }])
  })

  test('of no rows can be read', async () => {
    expect(await convert([])).toEqual({ columns: { _id: 'VARCHAR' }, rows: [] })
  })

  test('of rows without members has as many rows', async () => {
    expect((await convert([{}, {}])).rows).toEqual([{ _id: null }, { _id: null }])
  })

  test('of rows whose members differ in letter case only holds each row as JSON text', async () => {
    const rows = [{ A: 1, a: 2 }, { b: 3 }]
    expect(await convert(rows)).toEqual({ columns: { row: 'JSON' }, rows: rows.map((row) => ({ row })) })
  })

  test('holds a row that is larger than any buffer', async () => {
    const rows = [{ a: 'x'.repeat(20_000_000) }]
    expect((await convert(rows)).rows).toEqual(rows)
  })

  test('treats null and absent members alike', async () => {
    const rows = Array.from({ length: 100 }, (_, n) => ({ id: n, metadata: {}, list: [{ n }, { n: null }] }))
    expect((await convert(rows)).rows.map(withoutNulls)).toEqual(rows.map(withoutNulls))
  })
})

describe('a conversion in a process of its own', () => {
  test('makes the file', async () => {
    const request = await requestFor([{ a: 1 }])
    await runConversion(request, new AbortController().signal)
    expect((await readParquet(request.target)).rows).toEqual([{ a: 1 }])
  })

  test('says what went wrong', async () => {
    const request = { ...(await requestFor([])), source: path.join(folder, 'missing.json') }
    await expect(runConversion(request, new AbortController().signal)).rejects.toThrow(/could not be made: ENOENT/)
  })

  test('ends when it is given up', async () => {
    const request = await requestFor(Array.from({ length: 200_000 }, (_, n) => ({ n })))
    const abort = new AbortController()
    const conversion = runConversion(request, abort.signal)
    setTimeout(() => abort.abort(), 50)
    await expect(conversion).rejects.toThrow(/abort/i)
  })
})
