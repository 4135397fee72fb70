import type { Caller, Tenant } from '../caller.ts'
import type { Clock } from '../clock.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import type { ListQuery } from '../store/query.ts'
import { listFrom } from '../store/list-from.ts'
import type { EntityDocument, Store, StoredEntity, StoreScope } from '../store/store.ts'
import { newMappingSet, nextMappingSet, receiptOf } from './mapping-set.ts'
import type { Mapping, MappingSet, MappingSetReceipt } from './mapping-set.ts'
import { parseMappingSetBody } from './mapping-set-body.ts'

/** Mapping sets and their versions. Every version stays readable until the set is deleted. */
export interface MappingSetService {
  create(caller: Caller, body: unknown): Promise<MappingSetReceipt>
  /** The latest version unless one is named; 1101-404 when there is none such. */
  get(caller: Caller, id: string, version?: number): Promise<MappingSet>
  getMapping(caller: Caller, id: string, mappingId: string): Promise<Mapping>
  list(caller: Caller, request: MappingSetListRequest): Promise<readonly MappingSet[]>
  /** Makes the next version. */
  replace(caller: Caller, id: string, body: unknown): Promise<MappingSet>
  /** Removes the set with all versions; 1447-400 while a flow refers to it. */
  delete(caller: Caller, id: string): Promise<void>
  /**
   * For flows and runs: a version of a set, the latest when none is named, with the id of its target schema. Null when
   * there is no such set or, with `version`, no such version of it.
   */
  find(
    scope: Pick<StoreScope, 'entities'>,
    tenant: Pick<Tenant, 'orgId' | 'sandboxName'>,
    mappingId: string,
    version?: number,
  ): Promise<FoundMappingSet | null>
}

export interface FoundMappingSet {
  readonly document: MappingSet
  /** `$id` of the target schema. */
  readonly schemaId: string
}

export interface MappingSetListRequest {
  /** Only sets of exactly this name. */
  readonly name: string | undefined
  readonly order: ListQuery['order']
  /** How many to leave out at the beginning. */
  readonly start: number
  readonly limit: number
}

/** One version as it is stored; its own id is `{set}:{version}`. */
type StoredVersion = EntityDocument & { readonly createdDate: number; readonly mappingSet: MappingSet }

export function createMappingSetService({
  store,
  clock,
}: {
  readonly store: Store
  readonly clock: Pick<Clock, 'now'>
}): MappingSetService {
  const find: MappingSetService['find'] = async (scope, tenant, mappingId, version) => {
    const document = await readVersion(scope, tenant, mappingId, version)
    return document === null ? null : { document, schemaId: document.xdmSchema }
  }

  async function get(caller: Caller, id: string, version?: number): Promise<MappingSet> {
    const document = await readVersion(store, caller.tenant, id, version)
    if (document === null) throw notFound('mappingSets', version === undefined ? id : `${id}, version ${version}`)
    return document
  }

  return {
    find,
    get,

    async create(caller, body) {
      const mappingSet = newMappingSet(caller, parseMappingSetBody(body, { needsSchema: true }), clock.now())
      await store.transaction(async (scope) => {
        const etag = etagOf(mappingSet)
        await scope.entities.insert({ kind: 'mappingSets', tenant: caller.tenant, etag, document: mappingSet })
        await insertVersion(scope, caller.tenant, mappingSet)
      })
      return receiptOf(mappingSet)
    },

    async getMapping(caller, id, mappingId) {
      const found = (await get(caller, id)).mappings.find((mapping) => mapping.id === mappingId)
      if (found === undefined) throw notFound('mappings', mappingId)
      return found
    },

    async list({ tenant }, { name, order, start, limit }) {
      const filter: ListQuery['filter'] =
        name === undefined ? [] : [{ path: [{ name: 'name', each: false }], operator: '==', values: [name] }]
      const page = await listFrom(store.entities, tenant, 'mappingSets', { filter, order, start, limit })
      return page.map(({ document }) => document as MappingSet)
    },

    async replace(caller, id, body) {
      await findEntity(store, caller.tenant, id)
      const parsed = parseMappingSetBody(body, { needsSchema: true })
      return store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, id)
        const mappingSet = nextMappingSet(caller, parsed, clock.now(), entity.document)
        if (!(await scope.entities.update(entity, { etag: etagOf(mappingSet), document: mappingSet }))) {
          throw new FlowServiceError(
            '1103-503',
            `Mapping set ${id} was changed by another request just now; try again.`,
          )
        }
        await insertVersion(scope, caller.tenant, mappingSet)
        return mappingSet
      })
    },

    async delete({ tenant }, id) {
      await store.transaction(async (scope) => {
        const entity = await findEntity(scope, tenant, id)
        const [user] = await scope.entities.usedBy(tenant, 'flows', id, 1)
        if (user !== undefined) {
          throw new FlowServiceError('1447-400', `Mapping set ${id} is used by flow ${user}; delete that first.`)
        }
        for (let version = 0; version <= entity.document.version; version++) {
          const stored = await scope.entities.get(tenant, 'mappingSetVersions', versionId(id, version))
          if (stored !== null) await scope.entities.delete(stored.no)
        }
        await scope.entities.delete(entity.no)
      })
    },
  }
}

async function readVersion(
  scope: Pick<StoreScope, 'entities'>,
  tenant: Pick<Tenant, 'orgId' | 'sandboxName'>,
  id: string,
  version: number | undefined,
): Promise<MappingSet | null> {
  if (version === undefined) {
    const entity = await scope.entities.get(tenant, 'mappingSets', id)
    return (entity?.document as MappingSet | undefined) ?? null
  }
  const entity = await scope.entities.get(tenant, 'mappingSetVersions', versionId(id, version))
  return (entity?.document as StoredVersion | undefined)?.mappingSet ?? null
}

async function findEntity(
  scope: Pick<StoreScope, 'entities'>,
  tenant: Tenant,
  id: string,
): Promise<StoredEntity<MappingSet>> {
  const entity = await scope.entities.get(tenant, 'mappingSets', id)
  if (entity === null) throw notFound('mappingSets', id)
  return entity as StoredEntity<MappingSet>
}

async function insertVersion(scope: StoreScope, tenant: Tenant, mappingSet: MappingSet): Promise<void> {
  const document: StoredVersion = {
    id: versionId(mappingSet.id, mappingSet.version),
    createdDate: mappingSet.modifiedDate,
    mappingSet,
  }
  await scope.entities.insert({ kind: 'mappingSetVersions', tenant, etag: etagOf(mappingSet), document })
}

function versionId(id: string, version: number): string {
  return `${id}:${version}`
}

function etagOf({ version }: MappingSet): string {
  return `"${version}"`
}
