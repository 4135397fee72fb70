import type { Caller } from '../caller.ts'
import { notFound } from '../errors.ts'
import type { Comparison, ListQuery } from '../store/query.ts'
import type { Store, StoredEntity } from '../store/store.ts'
import type { Batch } from './batch.ts'

/** Batches: what the runs have written. Only runs make them. */
export interface BatchService {
  get(caller: Caller, id: string): Promise<Batch>
  list(caller: Caller, request: BatchListRequest): Promise<readonly Batch[]>
}

export interface BatchListRequest {
  readonly dataSetId?: string | undefined
  readonly filter: readonly Comparison[]
  readonly order: ListQuery['order']
  /** How many to leave out at the beginning. */
  readonly start: number
  readonly limit: number
}

/** Rows read at once while a list skips to its start. */
const SKIP_PAGE = 1000

const DATA_SET_PATH = [
  { name: 'origin', each: false },
  { name: 'dataSetId', each: false },
]

export function createBatchService({ store }: { readonly store: Pick<Store, 'entities'> }): BatchService {
  const { entities } = store
  return {
    async get({ tenant }, id) {
      const entity = await entities.get(tenant, 'batches', id)
      if (entity === null) throw notFound('batches', id)
      return toBatch(entity)
    },

    async list({ tenant }, { dataSetId, filter: further, order, start, limit }) {
      const ofDataSet: Comparison[] =
        dataSetId === undefined ? [] : [{ path: DATA_SET_PATH, operator: '==', values: [dataSetId] }]
      const filter = [...ofDataSet, ...further]
      let after: ListQuery['after'] = null
      for (let left = start; left > 0;) {
        const query: ListQuery = { filter, order, limit: Math.min(left, SKIP_PAGE), after }
        const page: readonly StoredEntity[] = await entities.list(tenant, 'batches', query)
        const last = page.at(-1)
        if (last === undefined) return []
        after = entities.positionOf(last, order)
        left -= page.length
      }
      return (await entities.list(tenant, 'batches', { filter, order, limit, after })).map(toBatch)
    },
  }
}

/** All but what is the host's own. */
function toBatch({ document }: StoredEntity): Batch {
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== 'origin')) as unknown as Batch
}
