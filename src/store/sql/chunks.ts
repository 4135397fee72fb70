/** Rows that go into one statement; a larger page takes several. */
const ROWS_PER_STATEMENT = 500

export function* chunksOf<T>(items: readonly T[], size = ROWS_PER_STATEMENT): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) {
    yield items.slice(start, start + size)
  }
}
