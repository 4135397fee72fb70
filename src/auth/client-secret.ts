import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify<string, Buffer, number, Buffer>(scrypt)

const SALT_BYTES = 16
const HASH_BYTES = 32

/** `scrypt$<salt>$<hash>`, base64url. Costs some ten milliseconds, off the main thread. */
export async function hashClientSecret(secret: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(secret, salt, HASH_BYTES)
  return `scrypt$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

/** False as well when the stored hash cannot be read. */
export async function verifyClientSecret(secret: string, stored: string): Promise<boolean> {
  const [method, salt, hash] = stored.split('$')
  if (method !== 'scrypt' || !salt || !hash) return false
  const expected = Buffer.from(hash, 'base64url')
  if (expected.length !== HASH_BYTES) return false
  return timingSafeEqual(await derive(secret, Buffer.from(salt, 'base64url'), HASH_BYTES), expected)
}
