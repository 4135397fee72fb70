import { createHash, timingSafeEqual } from 'node:crypto'
import type { WebhookRequest } from '../webhook.ts'
import { refusal } from './refusal.ts'

const HEADER = /^signature +([0-9a-f]{40})$/i

/**
 * Proves that the sender knows one of the secrets: `Authorization: Signature <hex>` holds the SHA-1 of the body's bytes
 * followed by the secret. Xsolla writes lower case; what is compared are the bytes. Throws `WebhookRefusal`.
 */
export function checkSignature({ rawBody, headers, secrets }: WebhookRequest): void {
  const header = headers['authorization']
  if (header === undefined) throw refusal('INVALID_SIGNATURE', 'The header Authorization is missing.')
  const [, hex] = HEADER.exec(String(header)) ?? []
  if (hex === undefined) {
    throw refusal('INVALID_SIGNATURE', 'The header Authorization is not "Signature " and 40 hexadecimal digits.')
  }
  const given = Buffer.from(hex, 'hex')
  // Each is tried, so that the time does not tell which one fits.
  const fitting = secrets.filter((secret) => timingSafeEqual(digestOf(rawBody, secret), given))
  if (fitting.length > 0) return
  throw refusal('INVALID_SIGNATURE', "The signature fits none of the connection's webhook secrets.")
}

function digestOf(rawBody: Buffer, secret: string): Buffer {
  return createHash('sha1').update(rawBody).update(secret).digest()
}
