import { afterEach, describe, expect, test } from '@jest/globals'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { openMemory } from '../../src/store/sqlite/open-connections.ts'
import { createSqliteStore, openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { DeliverResult, StoreScope } from '../../src/store/store.ts'
import { StoreUnavailableError } from '../../src/store/store-unavailable-error.ts'
import { runStoreContractTests } from './store-contract.ts'

const folders: string[] = []

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  folders.push(folder)
  return folder
}

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

runStoreContractTests('SQLite store in a folder', () => openSqliteStore({ dataDir: temporaryFolder() }))
runStoreContractTests('SQLite store in memory', () => openSqliteStore({ dataDir: ':memory:' }))

describe('SQLite store', () => {
  test('keeps everything over a restart', async () => {
    const dataDir = temporaryFolder()
    const first = await openSqliteStore({ dataDir })
    await first.settings.set('a', '1')
    await first.close()
    const second = await openSqliteStore({ dataDir })
    expect(await second.settings.get('a')).toBe('1')
    await second.close()
  })

  test('creates its folder for the owner alone', async () => {
    const dataDir = join(temporaryFolder(), 'deep', 'data')
    const store = await openSqliteStore({ dataDir })
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    await store.close()
  })

  test('refuses a folder that this process has open, and takes it once it is closed', async () => {
    const dataDir = temporaryFolder()
    const store = await openSqliteStore({ dataDir })
    await expect(openSqliteStore({ dataDir })).rejects.toThrow(
      `The data folder ${dataDir} is in use by another process (or opened twice by this one): stop that one or choose another folder.`,
    )
    await store.settings.set('still', 'open')
    await store.close()
    await store.close()
    await (await openSqliteStore({ dataDir })).close()
  })

  test('refuses a folder that another process has open', async () => {
    const dataDir = temporaryFolder()
    const child = startChild(dataDir)
    await child.committed(1)
    await expect(openSqliteStore({ dataDir })).rejects.toThrow('is in use by another process')
    await child.kill()
  })

  test('has whole pages only after a kill in the middle of commits, and opens at once', async () => {
    const dataDir = temporaryFolder()
    let told = 0
    for (const pages of [1, 7, 23, 40]) {
      const child = startChild(dataDir)
      await child.committed(pages)
      told = await child.kill()
      const store = await openSqliteStore({ dataDir })
      const lastSequence = (await store.runs.get(1))?.lastSequence ?? 0
      expect(lastSequence).toBeGreaterThanOrEqual(told)
      expect(lastSequence % 20).toBe(0)
      const delivered = await store.records.delivered(1, 0, 1_000_000)
      expect(delivered.map(({ sequence }) => sequence)).toEqual(Array.from({ length: lastSequence }, (_, i) => i + 1))
      expect(await store.records.current(1, null, 1_000_000, true)).toHaveLength(lastSequence)
      await store.close()
    }
    expect(told).toBeGreaterThan(0)
  }, 30_000)

  test('refuses a folder that a newer version has migrated, and leaves it as it is', async () => {
    const dataDir = temporaryFolder()
    await (await openSqliteStore({ dataDir })).close()
    const file = join(dataDir, 'host.db')
    const change = (sql: string) => {
      const database = new DatabaseSync(file)
      database.exec(sql)
      database.close()
    }
    change("insert into migrations (number, name, applied_at) values (9000, 'from the future', 0)")
    await expect(openSqliteStore({ dataDir })).rejects.toThrow(
      /The store has migration 9000 \(from the future\), this version knows only up to \d+: a newer version has used it/,
    )
    change('delete from migrations where number = 9000')
    await (await openSqliteStore({ dataDir })).close()
  })

  test('throws when its file is no database, and leaves the folder free', async () => {
    const dataDir = temporaryFolder()
    writeFileSync(join(dataDir, 'host.db'), 'this is a text and no database. '.repeat(200))
    await expect(openSqliteStore({ dataDir })).rejects.toThrow(/not a database/)
    rmSync(join(dataDir, 'host.db'))
    await (await openSqliteStore({ dataDir })).close()
  })

  test('throws while another program has the file locked, and goes on afterwards', async () => {
    const dataDir = temporaryFolder()
    const store = await openSqliteStore({ dataDir })
    const other = new DatabaseSync(join(dataDir, 'host.db'))
    other.exec('begin immediate')
    for (const write of [() => store.transaction((scope) => deliverPage(scope, 1)), () => deliverPage(store, 1)]) {
      const error: unknown = await write().catch((error: unknown) => error)
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error).toMatchObject({
        fault: 'locked',
        message: 'Another program holds the store locked (database is locked)',
      })
    }
    expect(await store.records.current(1, null, 10, true)).toEqual([])
    other.exec('rollback')
    other.close()
    expect(await store.transaction((scope) => deliverPage(scope, 1))).toMatchObject({ created: 20 })
    await store.close()
  })

  test('goes on answering what is read while another program holds the lock', async () => {
    const dataDir = temporaryFolder()
    const store = await openSqliteStore({ dataDir })
    await store.settings.set('a', 'before')
    const other = new DatabaseSync(join(dataDir, 'host.db'))
    other.exec('begin immediate')
    const writing = store.settings.set('a', 'after').then(
      () => 'written',
      (error: unknown) => error,
    )
    const first = await Promise.race([writing, store.settings.get('a')])
    expect(first).toBe('before')
    expect(await writing).toMatchObject({ fault: 'locked' })
    other.close()
    await store.close()
  })

  test('throws while the disk is full, keeps the pages before, and goes on once there is room', async () => {
    const database = new DatabaseSync(':memory:')
    const store = await createSqliteStore(openMemory(database))
    database.exec('pragma max_page_count = 160')
    let runNo = 0
    let error: unknown
    while (error === undefined && runNo < 100) {
      runNo += 1
      const work = store.transaction(async (scope) => {
        await scope.settings.set('last', String(runNo))
        await deliverPage(scope, runNo)
      })
      error = await work.then(
        () => undefined,
        (error: unknown) => error,
      )
    }
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error).toMatchObject({
      fault: 'full',
      message: 'The store is full: there is no room left on its disk (database or disk is full)',
    })
    expect(runNo).toBeGreaterThan(1)
    expect(await store.settings.get('last')).toBe(String(runNo - 1))
    expect(await store.records.current(1, null, 10_000, true)).toHaveLength(20 * (runNo - 1))
    expect(await store.records.delivered(runNo, 0, 10)).toEqual([])
    database.exec('pragma max_page_count = 10000')
    expect(await store.transaction((scope) => deliverPage(scope, runNo))).toMatchObject({ created: 20 })
    expect(await store.records.delivered(runNo, 0, 100)).toHaveLength(20)
    await store.close()
  })

  test('lets the rest of the process have its turn while transactions follow one another', async () => {
    const store = await openSqliteStore({ dataDir: ':memory:' })
    let isOver = false
    setTimeout(() => (isOver = true), 1)
    for (let number = 0; !isOver; number += 1) {
      await store.transaction((scope) => scope.settings.set('a', String(number)))
      await store.settings.get('a')
    }
    await store.close()
  })

  test('leaves nothing but its own files in the folder', async () => {
    const dataDir = temporaryFolder()
    await (await openSqliteStore({ dataDir })).close()
    expect(readdirSync(dataDir).sort()).toEqual(['host.db', 'host.lock'])
  })
})

/** Delivers twenty objects of the run's own. */
function deliverPage(scope: StoreScope, runNo: number): Promise<DeliverResult> {
  return scope.records.deliver({
    target: { dataSetNo: 1, connectionSpecId: 'stripe', resourcePath: 'charges' },
    runNo,
    lastSequence: 0,
    observedAt: 1,
    records: Array.from({ length: 20 }, (_, index) => ({
      objectId: `id-${runNo}-${index}`,
      operation: 'upsert',
      body: 'x'.repeat(3000),
      contentHash: 'h',
    })),
  })
}

function startChild(dataDir: string) {
  const script = fileURLToPath(new URL('./kill-child.ts', import.meta.url))
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const lines = () => output.split('\n').slice(0, -1)
  return {
    /** Resolves when the child has told of so many commits. */
    async committed(count: number): Promise<void> {
      while (lines().length < count) await once(child.stdout, 'data')
    },
    /** Kills it at once; returns the last commit that it told of. */
    async kill(): Promise<number> {
      child.kill('SIGKILL')
      await once(child, 'close')
      return Number(lines().at(-1))
    },
  }
}
