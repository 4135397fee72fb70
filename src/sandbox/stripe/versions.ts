/**
 * The API versions the sandbox knows. A dated name orders by its text, the suffix after it never changes the order, so a
 * feature is asked for by plain comparison: `version >= '2025-03-31'`.
 */
export const API_VERSIONS = [
  '2018-02-05',
  '2019-05-16',
  '2019-10-17',
  '2019-12-03',
  '2020-03-02',
  '2020-08-27',
  '2022-08-01',
  '2022-11-15',
  '2023-08-16',
  '2023-10-16',
  '2024-04-10',
  '2024-06-20',
  '2024-09-30.acacia',
  '2024-10-28.acacia',
  '2024-11-20.acacia',
  '2024-12-18.acacia',
  '2025-01-27.acacia',
  '2025-02-24.acacia',
  '2025-03-31.basil',
  '2025-04-30.basil',
  '2025-05-28.basil',
  '2025-06-30.basil',
  '2025-07-30.basil',
  '2025-08-27.basil',
  '2025-09-30.clover',
  '2025-10-29.clover',
  '2025-11-17.clover',
  '2025-12-15.clover',
  '2026-01-28.clover',
  '2026-02-25.clover',
  '2026-03-25.dahlia',
  '2026-04-22.dahlia',
  '2026-05-27.dahlia',
  '2026-06-24.dahlia',
  '2026-07-29.dahlia',
  '2026-08-26.dahlia',
  '2026-09-30.endive',
  '2026-10-28.endive',
] as const

const KNOWN: ReadonlySet<string> = new Set(API_VERSIONS)

export function isApiVersion(version: string): boolean {
  return KNOWN.has(version)
}

/** Older than basil, so that a client that sends no version sees other shapes than one that pins a new one. */
export const DEFAULT_ACCOUNT_VERSION = '2024-06-20'
