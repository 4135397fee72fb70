import { backoffMs } from '../engine/backoff.ts'

const LONGEST_PAUSE_MS = 600_000
const FIRST_READ_MS = 1_000
const PART_OF_WAIT = 10

/**
 * The pause before a failed call or read is tried again, ms: doubles from half a second to ten minutes, a random part of
 * it, and never shorter than the source asked for.
 * @param tries - failed tries in a row, from 1
 * @param random - from 0 to 1
 */
export function retryPauseMs(tries: number, random: number, retryAfterMs = 0): number {
  return Math.max(retryAfterMs, Math.round(backoffMs(tries, random, 0, LONGEST_PAUSE_MS)))
}

/** The pause before what is waited for is read again, ms: a tenth of the time that has been waited, 1 s to 10 min. */
export function readPauseMs(waitedMs: number): number {
  return Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_READ_MS, Math.round(waitedMs / PART_OF_WAIT)))
}
