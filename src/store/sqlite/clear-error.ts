import type { StoreFault } from '../store-unavailable-error.ts'
import { StoreUnavailableError } from '../store-unavailable-error.ts'

/** SQLite's primary result codes for what lies outside the statement: BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const FAULTS: Readonly<Record<number, StoreFault>> = {
  5: 'locked',
  6: 'locked',
  8: 'failing',
  10: 'failing',
  13: 'full',
  14: 'failing',
}

const MESSAGES: Readonly<Record<StoreFault, string>> = {
  locked: 'Another program holds the store locked',
  full: 'The store is full: there is no room left on its disk',
  failing: 'The store cannot be read or written',
}

/** The error to throw for one that SQLite has thrown: clear when the store cannot do its work, else the same. */
export function clearError(error: unknown): unknown {
  // The upper bytes of an extended code say which kind of the error it is.
  const fault = FAULTS[Number((error as { errcode?: number }).errcode) & 0xff]
  if (fault === undefined) return error
  return new StoreUnavailableError(fault, `${MESSAGES[fault]} (${(error as Error).message})`, { cause: error })
}

/** Runs `work` and throws clear errors. */
export function withClearErrors<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw clearError(error)
  }
}
