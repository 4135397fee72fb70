const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000

/**
 * The pause before the next try, in milliseconds: doubles from half a second to the longest, a random part of it, and
 * never shorter than the source asked for.
 * @param tries - failed tries in a row, from 1
 * @param random - from 0 to 1
 * @param longestMs - half a minute unless given
 */
export function backoffMs(tries: number, random: number, retryAfterMs = 0, longestMs = LONGEST_PAUSE_MS): number {
  const ceiling = Math.min(longestMs, FIRST_PAUSE_MS * 2 ** (tries - 1))
  return Math.max(retryAfterMs, ceiling * (0.5 + random / 2))
}
