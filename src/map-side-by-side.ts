import { allOver } from './all-over.ts'

/**
 * Applies `work` to all items, at most `atOnce` at a time. Resolves with the results in the order of the items; rejects
 * with the first failure, after which no more work is started, once what was started is over.
 */
export async function mapSideBySide<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = Array.from({ length: items.length })
  let next = 0
  async function takeTurns(): Promise<void> {
    while (next < items.length) {
      const place = next++
      try {
        results[place] = await work(items[place] as T)
      } catch (error) {
        next = items.length
        throw error
      }
    }
  }
  await allOver(Array.from({ length: Math.min(atOnce, items.length) }, takeTurns))
  return results
}
