/** Writes a moment, given in milliseconds since the epoch, as a source wants it. */
export type DateWriter = (ms: number) => string

/** A date pattern cannot be used. */
export class DatePatternError extends Error {}

type Part = (date: Date) => string

/** Runs of one letter and what they stand for; the time is always UTC. */
const FIELDS: Readonly<Record<string, Part>> = {
  yyyy: (date) => padded(date.getUTCFullYear(), 4),
  yy: (date) => padded(date.getUTCFullYear() % 100, 2),
  MM: (date) => padded(date.getUTCMonth() + 1, 2),
  M: (date) => String(date.getUTCMonth() + 1),
  dd: (date) => padded(date.getUTCDate(), 2),
  d: (date) => String(date.getUTCDate()),
  HH: (date) => padded(date.getUTCHours(), 2),
  H: (date) => String(date.getUTCHours()),
  mm: (date) => padded(date.getUTCMinutes(), 2),
  m: (date) => String(date.getUTCMinutes()),
  ss: (date) => padded(date.getUTCSeconds(), 2),
  s: (date) => String(date.getUTCSeconds()),
  T: () => 'T',
  K: () => 'Z',
  Z: () => 'Z',
  XXX: () => 'Z',
  zzz: () => '+00:00',
}

const FRACTION = /^(f{1,7}|S{1,9})$/

/**
 * Compiles a pattern such as `yyyy-MM-ddTHH:mm:ssZ` or `yyyy-MM-ddTHH:mm:ss:fffffffK`. Without a pattern, and for `X`, the
 * moment is written in Unix seconds; for `x` in Unix milliseconds. Text between single quotes stands for itself. Throws
 * `DatePatternError`.
 */
export function parseDatePattern(pattern: string | undefined): DateWriter {
  if (pattern === undefined || pattern.trim() === '' || pattern === 'X') return (ms) => String(Math.floor(ms / 1000))
  if (pattern === 'x') return (ms) => String(ms)
  const parts = [...pattern.matchAll(/'([^']*)'|(([A-Za-z])\3*)|[^A-Za-z']+|'/g)].map(([text, quoted, letters]) => {
    if (quoted !== undefined) return () => quoted
    return letters === undefined ? () => text : field(letters, pattern)
  })
  return (ms) => {
    const date = new Date(ms)
    return parts.map((part) => part(date)).join('')
  }
}

function field(letters: string, pattern: string): Part {
  const part = FIELDS[letters]
  if (part !== undefined) return part
  if (FRACTION.test(letters)) {
    return (date) => padded(date.getUTCMilliseconds(), 3).padEnd(letters.length, '0').slice(0, letters.length)
  }
  throw new DatePatternError(
    `"${letters}" in the date pattern "${pattern}" is not known; use ${Object.keys(FIELDS).join(', ')}, f or S for fractions, X or x for Unix time`,
  )
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}
