const MASK = '***'

/** Stripe keys and webhook secrets, whatever their mode. */
const STRIPE_KEY = /(?<![A-Za-z0-9])(sk|rk|pk|rkcs|whsec)_[A-Za-z0-9_=+/*-]{4,}/g
const BEARER_TOKEN = /\b(Bearer)(\s+|%20)[A-Za-z0-9._~+/=-]+/gi

/**
 * Takes secrets out of a text that leaves the process: a log line, an error. `secrets` are replaced wherever they stand,
 * also percent-encoded or JSON-escaped; whatever looks like a Stripe key or a bearer token is replaced as well.
 */
export function redactSecrets(text: string, secrets: readonly string[] = []): string {
  let result = text
  for (const secret of secrets) {
    if (secret === '') continue
    const spellings = new Set([secret, encodeURIComponent(secret.toWellFormed()), JSON.stringify(secret).slice(1, -1)])
    for (const spelling of spellings) result = result.replaceAll(spelling, () => MASK)
  }
  return result.replaceAll(STRIPE_KEY, `$1_${MASK}`).replaceAll(BEARER_TOKEN, `$1$2${MASK}`)
}
