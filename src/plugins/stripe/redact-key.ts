const STRIPE_KEY = /\b(sk|rk|pk|rkcs|whsec)_[A-Za-z0-9_*]{4,}/g
const MASK = '***'
const SHORTEST_REPLACEABLE = 6

/**
 * Removes a key from a text of Stripe's: Stripe masks a well-formed key itself, but may echo a malformed one whole.
 * A key too short to be told from ordinary words makes the whole text unusable.
 */
export function redactKey(text: string, key: string): string {
  if (key.length < SHORTEST_REPLACEABLE && text.includes(key)) return 'the message is withheld, it may hold the key'
  return text.replaceAll(key, MASK).replaceAll(STRIPE_KEY, `$1_${MASK}`)
}
