import type { TenantKey, EntityKind, EntityStore, StoredEntity } from './store.ts'
import type { ListQuery } from './query.ts'

/** A page that is asked for by its offset, as the catalog and Data Prep do. */
export interface OffsetQuery extends Omit<ListQuery, 'after'> {
  /** How many to leave out at the beginning. */
  readonly start: number
}

/** Rows read at once while a list skips to its start. */
const SKIP_PAGE = 1000

/** A list from an offset on. The store pages by key, so what comes before the offset is read and left out. */
export async function listFrom(
  entities: EntityStore,
  tenant: TenantKey,
  kind: EntityKind,
  { filter, order, start, limit }: OffsetQuery,
): Promise<readonly StoredEntity[]> {
  let after: ListQuery['after'] = null
  for (let left = start; left > 0;) {
    const query: ListQuery = { filter, order, limit: Math.min(left, SKIP_PAGE), after }
    const skipped: readonly StoredEntity[] = await entities.list(tenant, kind, query)
    const last = skipped.at(-1)
    if (last === undefined) return []
    after = entities.positionOf(last, order)
    left -= skipped.length
  }
  return entities.list(tenant, kind, { filter, order, limit, after })
}
