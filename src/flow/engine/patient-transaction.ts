import type { Store, StoreScope } from '../../store/store.ts'
import { Stopped, type Patience } from './patience.ts'

/**
 * Does the work in one transaction. A store that is locked or full is waited for like a source that does not answer; only
 * `Stopped` ends it at once.
 */
export async function transactPatiently<T>(
  { store, patience }: { readonly store: Store; readonly patience: Patience },
  work: (scope: StoreScope) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await store.transaction(work)
    } catch (error) {
      if (error instanceof Stopped || !(error instanceof Error)) throw error
      await patience.pause(tries, new Error(`The store cannot be written: ${error.message}`, { cause: error }))
    }
  }
}
