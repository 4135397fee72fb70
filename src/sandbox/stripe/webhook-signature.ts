import { createHmac } from 'node:crypto'

/**
 * The value of `Stripe-Signature` over a body: `t=<Unix seconds>` and one `v1` for each secret, a hex HMAC-SHA256 of
 * `<t>.<body>`.
 */
export function signatureHeader(secrets: readonly string[], timestamp: number, body: string): string {
  const signatures = secrets.map(
    (secret) => `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`,
  )
  return [`t=${timestamp}`, ...signatures].join(',')
}
