import type { Caller } from '../caller.ts'
import { notFound } from '../errors.ts'
import type { Comparison, ListQuery } from '../store/query.ts'
import { listFrom } from '../store/list-from.ts'
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
      return (await listFrom(entities, tenant, 'batches', { filter, order, start, limit })).map(toBatch)
    },
  }
}

/** All but what is the host's own. */
function toBatch({ document }: StoredEntity): Batch {
  return Object.fromEntries(Object.entries(document).filter(([name]) => name !== 'origin')) as unknown as Batch
}
