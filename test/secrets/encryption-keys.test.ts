import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigError } from '../../src/config.ts'
import { checkEncryptionKeys, loadEncryptionKeys } from '../../src/secrets/encryption-keys.ts'
import { keyIdOf } from '../../src/secrets/secret-box.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'

const KEY = Buffer.alloc(32, 1)
const NEW_KEY = Buffer.alloc(32, 2)

let store: Store
let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'keys-'))
  store = await openSqliteStore({ dataDir: ':memory:' })
})
afterEach(async () => {
  await store.close()
  await rm(dataDir, { recursive: true })
})

/** What happens at every start. */
async function start(encryptionKey?: Buffer, encryptionKeysOld: readonly Buffer[] = []) {
  const keys = await loadEncryptionKeys({ dataDir, encryptionKey, encryptionKeysOld }, store.settings)
  await checkEncryptionKeys(keys, store.settings)
  return keys
}

describe('without ENCRYPTION_KEY', () => {
  test('the first start makes a key that only its owner can read, later starts use it', async () => {
    const first = await start()
    const file = path.join(dataDir, 'encryption.key')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(Buffer.from(await readFile(file, 'utf8'), 'base64')).toEqual(first.current)
    expect((await start()).current).toEqual(first.current)
  })

  test('a store that was used before needs its key file back', async () => {
    await start()
    await rm(path.join(dataDir, 'encryption.key'))
    await expect(start()).rejects.toThrow(/ENCRYPTION_KEY is not set and .*encryption\.key is missing/)
    expect(await readdir(dataDir)).toEqual([])
  })

  test('a damaged key file stops the start', async () => {
    await writeFile(path.join(dataDir, 'encryption.key'), 'c2hvcnQ=')
    await expect(start()).rejects.toThrow(ConfigError)
  })
})

describe('with ENCRYPTION_KEY', () => {
  test('no key file is made', async () => {
    expect((await start(KEY)).current).toEqual(KEY)
    expect(await readdir(dataDir)).toEqual([])
  })

  test('another key than the store knows stops the start with one line that shows no key', async () => {
    await start(KEY)
    const error: unknown = await start(NEW_KEY).catch((reason) => reason)
    expect(error).toBeInstanceOf(ConfigError)
    const { message } = error as ConfigError
    expect(message).toContain(keyIdOf(KEY))
    expect(message).toContain('ENCRYPTION_KEYS_OLD')
    expect(message).not.toContain('\n')
    for (const key of [KEY, NEW_KEY]) expect(message).not.toContain(key.toString('base64').slice(0, 20))
  })

  test('a rotated key starts as long as the old one is named', async () => {
    await start(KEY)
    await start(NEW_KEY, [KEY])
    await start(NEW_KEY, [KEY])
    await expect(start(NEW_KEY)).rejects.toThrow(keyIdOf(KEY))
    await expect(start(KEY)).rejects.toThrow(keyIdOf(NEW_KEY))
  })
})
