import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { deliver, idsOf, indexAll, openIndex, subscription } from './indexed-dataset.ts'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'index-kills-'))
})

afterEach(() => rm(dataDir, { recursive: true }))

test('a process killed in the middle of indexing leaves an index that is whole when the next one has gone on', async () => {
  const ids = Array.from({ length: 120 }, (_, index) => `s${index + 1000}`)
  const tagged = (device: string) => ids.map((id) => subscription(id, { device, id }))
  const first = await openSqliteStore({ dataDir })
  await deliver(first, 1, tagged('tv'))
  await indexAll(openIndex(first).indexer)
  await deliver(first, 2, tagged('box'))
  await first.close()

  const parts: number[] = []
  for (const after of [1, 3, 2]) parts.push(await indexUntilKilled(after))
  expect(Math.max(...parts)).toBeGreaterThanOrEqual(3)

  const store = await openSqliteStore({ dataDir })
  const { indexer, search } = openIndex(store)
  expect(await idsOf(search, 'metadata["device"]:"box"', 50)).toEqual(ids)
  expect(await idsOf(search, 'metadata["device"]:"tv"', 50)).toEqual([])
  await indexAll(indexer)
  await store.close()
  const database = new DatabaseSync(path.join(dataDir, 'host.db'))
  const open = database.prepare('select count(*) as count from search_segments where last_sequence is null').get()
  const terms = database.prepare('select count(*) as count, count(distinct object_id) as ids from search_terms').get()
  database.close()
  expect(open!['count']).toBe(0)
  // Of each: its status, two keys and two pairs.
  expect(terms).toMatchObject({ count: ids.length * 5, ids: ids.length })
}, 120_000)

/** Kills a process that indexes, once it has published so many parts; returns how many it told of. */
async function indexUntilKilled(parts: number): Promise<number> {
  const script = path.join(import.meta.dirname, 'kill-child.ts')
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const told = () => output.split('\n').length - 1
  while (told() < parts) await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'close')
  expect(output).not.toContain('done')
  return told()
}
