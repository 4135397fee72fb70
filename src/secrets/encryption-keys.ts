import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import path from 'node:path'
import { ConfigError } from '../config.ts'
import type { Config } from '../config.ts'
import type { SettingStore } from '../store/store.ts'
import { createSecretBox, keyIdOf } from './secret-box.ts'
import type { EncryptionKeys } from './secret-box.ts'

const KEY_FILE = 'encryption.key'
const CHECK_SETTING = 'encryptionKeyChecks'
const CHECK_CONTEXT = 'encryption key check'

/**
 * The keys of the settings. Without `ENCRYPTION_KEY` the key is kept in `DATA_DIR/encryption.key` (mode 0600), made at
 * first start; a store that was used before must bring its key along, so none is made for it.
 *
 * @throws ConfigError when the key file is missing or damaged
 */
export async function loadEncryptionKeys(
  config: Pick<Config, 'dataDir' | 'encryptionKey' | 'encryptionKeysOld'>,
  settings: SettingStore,
): Promise<EncryptionKeys> {
  const current = config.encryptionKey ?? (await loadKeyFile(path.join(config.dataDir, KEY_FILE), settings))
  return { current, old: config.encryptionKeysOld }
}

/**
 * Proves that the keys fit the store: for every key that ever sealed something in it, the store holds a small text sealed
 * with that key, and each of them must open. Adds the one of the current key.
 *
 * @throws ConfigError when a key is missing
 */
export async function checkEncryptionKeys(keys: EncryptionKeys, settings: SettingStore): Promise<void> {
  const box = createSecretBox(keys)
  const checks = parseChecks(await settings.get(CHECK_SETTING))
  for (const [keyId, sealed] of Object.entries(checks)) {
    try {
      box.open(sealed, CHECK_CONTEXT)
    } catch (cause) {
      throw new ConfigError(
        `ENCRYPTION_KEY does not fit the store in DATA_DIR: secrets in it are sealed with key ${keyId}, which is not ` +
          'among ENCRYPTION_KEY and ENCRYPTION_KEYS_OLD; add that key to ENCRYPTION_KEYS_OLD',
        { cause },
      )
    }
  }
  const currentId = keyIdOf(keys.current)
  if (checks[currentId] === undefined) {
    const added = { ...checks, [currentId]: box.seal('fits', CHECK_CONTEXT) }
    await settings.set(CHECK_SETTING, JSON.stringify(added))
  }
}

async function loadKeyFile(file: string, settings: SettingStore): Promise<Buffer> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new ConfigError(`DATA_DIR: cannot read ${file}: ${error.message}`, { cause: error })
  })
  if (text !== null) {
    const key = Buffer.from(text.trim(), 'base64')
    if (key.length !== 32) throw new ConfigError(`DATA_DIR: ${file} is damaged: it must hold 32 bytes in base64`)
    return key
  }
  if ((await settings.get(CHECK_SETTING)) !== null) {
    throw new ConfigError(
      `ENCRYPTION_KEY is not set and ${file} is missing, but the store in DATA_DIR holds secrets sealed with it; ` +
        'bring the file back or set ENCRYPTION_KEY',
    )
  }
  const key = randomBytes(32)
  await writeSecretFile(file, `${key.toString('base64')}\n`, 'wx')
  return key
}

/** Writes a file that only its owner can read, and makes sure that it is on the disk. */
export async function writeSecretFile(file: string, text: string, flags: 'wx' | 'w'): Promise<void> {
  const handle = await open(file, flags, 0o600)
  try {
    await handle.chmod(0o600)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function parseChecks(text: string | null): Readonly<Record<string, string>> {
  return text === null ? {} : JSON.parse(text)
}
