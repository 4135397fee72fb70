import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import type { SecretBox } from '../flow/context.ts'

/**
 * The key that seals, and the former keys that still open: a key is replaced by moving it to `old`. Each is 32 bytes.
 */
export interface EncryptionKeys {
  readonly current: Buffer
  readonly old: readonly Buffer[]
}

const IV_BYTES = 12
const TAG_BYTES = 16

/** A sealed text could not be opened; says why, never what it holds. */
export class SecretBoxError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SecretBoxError'
  }
}

/**
 * AES-256-GCM with `context` as additional data. The text form is `v1.<keyId>.<iv>.<ciphertext>.<tag>`, its parts
 * unpadded base64url.
 */
export function createSecretBox(keys: EncryptionKeys): SecretBox {
  const keysById = new Map([...keys.old, keys.current].map((key) => [keyIdOf(key), key]))
  const currentId = keyIdOf(keys.current)
  return {
    seal(plaintext, context) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', keys.current, iv, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(context, 'utf8'))
      const ciphertext = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()])
      return ['v1', currentId, ...[iv, ciphertext, cipher.getAuthTag()].map(toText)].join('.')
    },
    open(sealed, context) {
      const [version, keyId = '', ...parts] = sealed.split('.')
      const [iv, ciphertext, tag, ...rest] = parts.map(fromText)
      if (version !== 'v1' || !iv || !ciphertext || !tag || rest.length > 0) {
        throw new SecretBoxError('The sealed text is damaged.')
      }
      if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) throw new SecretBoxError('The sealed text is damaged.')
      const key = keysById.get(keyId)
      if (!key) throw new SecretBoxError('The sealed text needs an encryption key that is not configured.')
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
        decipher.setAAD(Buffer.from(context, 'utf8'))
        decipher.setAuthTag(tag)
        return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
      } catch {
        throw new SecretBoxError('The sealed text was changed or belongs elsewhere.')
      }
    },
  }
}

/** Eight characters that tell keys apart and give nothing of them away. */
export function keyIdOf(key: Buffer): string {
  return createHash('sha256').update('key id\0').update(key).digest('base64url').slice(0, 8)
}

/** A key for another purpose, 32 bytes, made from an encryption key. `purpose` keeps the purposes apart. */
export function deriveKey(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `stripe-flow-source ${purpose}`, 32))
}

function toText(bytes: Buffer): string {
  return bytes.toString('base64url')
}

/** Null unless the text is the one canonical spelling of its bytes. */
function fromText(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url')
  return toText(bytes) === text ? bytes : null
}
