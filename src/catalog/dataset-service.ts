import { randomBytes } from 'node:crypto'
import type { Caller, Tenant } from '../caller.ts'
import type { Clock } from '../clock.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Comparison, ListQuery } from '../store/query.ts'
import { listFrom } from '../store/list-from.ts'
import type { Store, StoredEntity, StoreScope } from '../store/store.ts'
import { mergePatch, nextVersion, parseDataSetBody, withTableName, WRITABLE_MEMBERS } from './dataset.ts'
import type { DataSet } from './dataset.ts'

/** Datasets: where data lands. */
export interface DataSetService {
  /** Returns the new dataset's id, 24 hex digits. */
  create(caller: Caller, body: unknown): Promise<string>
  get(caller: Caller, id: string): Promise<DataSet>
  list(caller: Caller, request: DataSetListRequest): Promise<readonly DataSet[]>
  /** All that a client writes, anew. */
  replace(caller: Caller, id: string, body: unknown): Promise<void>
  /** A merge object: null removes a member. */
  merge(caller: Caller, id: string, patch: JsonObject): Promise<void>
  /** Any other change: `edit` gets the dataset and returns it changed; what the server sets stays as it is. */
  edit(caller: Caller, id: string, edit: (dataSet: DataSet) => JsonObject): Promise<void>
  /** Removes the dataset and its records; 1447-400 while a target connection uses it. */
  delete(caller: Caller, id: string): Promise<void>
}

export interface DataSetListRequest {
  readonly filter: readonly Comparison[]
  readonly order: ListQuery['order']
  /** How many to leave out at the beginning. */
  readonly start: number
  readonly limit: number
}

export function createDataSetService({
  store,
  clock,
}: {
  readonly store: Store
  readonly clock: Clock
}): DataSetService {
  async function change(caller: Caller, id: string, edit: (dataSet: DataSet) => JsonObject): Promise<void> {
    await store.transaction(async (scope) => {
      const entity = await find(scope, caller.tenant, id)
      const before = entity.document
      const written = parseDataSetBody(edit(before))
      const document: DataSet = {
        ...serverMembers(before),
        ...written,
        id,
        name: String(written['name']),
        tags: withTableName(written['tags'], String(written['name']), before.tags),
        version: nextVersion(before.version),
        updated: clock.now(),
        updatedUser: caller.userId,
      }
      if (!(await scope.entities.update(entity, { etag: document.version, document }))) {
        throw new FlowServiceError('1103-503', `Dataset ${id} was changed by another request just now; try again.`)
      }
    })
  }

  return {
    async create(caller, body) {
      const written = parseDataSetBody(body)
      const document = newDataSet(caller, written, clock.now())
      await store.entities.insert({ kind: 'dataSets', tenant: caller.tenant, etag: document.version, document })
      return document.id
    },

    async get(caller, id) {
      return (await find(store, caller.tenant, id)).document
    },

    async list({ tenant }, request) {
      const found = await listFrom(store.entities, tenant, 'dataSets', request)
      return found.map(({ document }) => document as DataSet)
    },

    replace: (caller, id, body) => change(caller, id, () => body as JsonObject),

    merge: (caller, id, patch) => change(caller, id, (dataSet) => mergePatch(dataSet, patch) as JsonObject),

    edit: change,

    async delete(caller, id) {
      await store.transaction(async (scope) => {
        const entity = await find(scope, caller.tenant, id)
        const [user] = await scope.entities.usedBy(caller.tenant, 'targetConnections', id, 1)
        if (user !== undefined) {
          const detail = `Dataset ${id} is used by target connection ${user}; delete that first.`
          throw new FlowServiceError('1447-400', detail)
        }
        await scope.records.deleteDataSet(entity.no)
        await scope.entities.delete(entity.no)
      })
    },
  }
}

async function find(scope: Pick<StoreScope, 'entities'>, tenant: Tenant, id: string): Promise<StoredEntity<DataSet>> {
  const entity = await scope.entities.get(tenant, 'dataSets', id)
  if (entity === null) throw notFound('dataSets', id)
  return entity as StoredEntity<DataSet>
}

function newDataSet(caller: Caller, written: JsonObject, now: number): DataSet {
  const id = hexId()
  const { tenant, userId, clientId } = caller
  return {
    ...written,
    id,
    name: String(written['name']),
    imsOrg: tenant.orgId,
    sandboxId: tenant.sandboxId,
    version: '1.0.0',
    created: now,
    updated: now,
    createdClient: clientId,
    createdUser: userId,
    updatedUser: userId,
    tags: withTableName(written['tags'], String(written['name'])),
    viewId: hexId(),
    basePath: `/dataSets/${id}`,
    files: `@/dataSetFiles?dataSetId=${id}`,
    observableSchema: {},
  }
}

/** What the server set and keeps: everything that a client does not write. */
function serverMembers(dataSet: DataSet): DataSet {
  const kept = Object.entries(dataSet).filter(([name]) => !WRITABLE_MEMBERS.includes(name))
  return Object.fromEntries(kept) as unknown as DataSet
}

function hexId(): string {
  return randomBytes(12).toString('hex')
}
