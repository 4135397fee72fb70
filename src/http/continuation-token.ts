import { createHmac, timingSafeEqual } from 'node:crypto'
import { FlowServiceError } from '../errors.ts'
import { deriveKey } from '../secrets/secret-box.ts'

const SIGNATURE_BYTES = 16

/** Opaque, signed positions of lists. A token holds `[A-Za-z0-9_-]` only: clients split the link at `=`. */
export interface TokenCodec {
  /** `payload` is JSON; `scope` says where the token counts, for example organisation, sandbox and collection. */
  encode(scope: string, payload: unknown): string
  /** The payload. Throws 1452-400 for a token that was not made by `encode` under the same scope. */
  decode(scope: string, token: string): unknown
}

/** `key` and `oldKeys` are encryption keys; tokens made under an old key still count. */
export function createTokenCodec(key: Buffer, oldKeys: readonly Buffer[] = []): TokenCodec {
  const [signingKey, ...oldSigningKeys] = [key, ...oldKeys].map((each) => deriveKey(each, 'continuation token'))
  return {
    encode(scope, payload) {
      const bytes = Buffer.from(JSON.stringify(payload))
      return Buffer.concat([sign(signingKey!, scope, bytes), bytes]).toString('base64url')
    },
    decode(scope, token) {
      const bytes = Buffer.from(token, 'base64url')
      // The one canonical spelling only: base64url readers ignore what they do not know.
      if (bytes.length <= SIGNATURE_BYTES || bytes.toString('base64url') !== token) throw notValid()
      const signature = bytes.subarray(0, SIGNATURE_BYTES)
      const payload = bytes.subarray(SIGNATURE_BYTES)
      const keys = [signingKey!, ...oldSigningKeys]
      if (!keys.some((each) => timingSafeEqual(sign(each, scope, payload), signature))) throw notValid()
      return JSON.parse(payload.toString())
    },
  }
}

function sign(key: Buffer, scope: string, payload: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(scope))
  return createHmac('sha256', key).update(length).update(scope).update(payload).digest().subarray(0, SIGNATURE_BYTES)
}

function notValid(): FlowServiceError {
  return new FlowServiceError(
    '1452-400',
    'The continuationToken is not one that this list has issued; start again without it.',
  )
}
