const FIRST_MILLISECOND_VALUE = 1e12

/**
 * Reads a Unix time as clients write it, a whole number or numeric text: from 10^12 on milliseconds, below seconds.
 * Returns milliseconds; undefined when absent; NaN when it is no time.
 */
export function parseUnixTime(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value.trim()) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < 0) return Number.NaN
  return number >= FIRST_MILLISECOND_VALUE ? number : number * 1000
}
