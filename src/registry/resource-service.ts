import { randomBytes } from 'node:crypto'
import type { Caller } from '../caller.ts'
import type { Clock } from '../clock.ts'
import { FlowServiceError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Store, StoredEntity, StoreScope, TenantKey } from '../store/store.ts'
import type { View } from './accept.ts'
import { createFindResource } from './find-resource.ts'
import type { GlobalResources } from './global-resources.ts'
import { loadLibrary, referencedIds } from './references.ts'
import { SchemaRegistryError } from './registry-error.ts'
import type { RegistryErrorCode } from './registry-error.ts'
import { resolveResource } from './resolve.ts'
import { parseResourceBody } from './resource-body.ts'
import { applyResourcePatch, parseResourcePatch } from './resource-patch.ts'
import { lookupView } from './resource-view.ts'
import { altIdOf, isTenantKind, TENANT_KINDS, tenantResourceId, toResourceId } from './resource.ts'
import type { ResourceDocument, ResourceKind, TenantKind, XdmResource } from './resource.ts'
import { tenantNameOf } from './tenant-name.ts'
import { etagOf, nextVersion, toResource } from './tenant-resource.ts'

export type Container = 'global' | 'tenant'

/** Schemas, field groups, classes and data types. An id is a `$id` or a `meta:altId`. */
export interface ResourceService {
  lookup(caller: Caller, container: Container, kind: ResourceKind, id: string, view: View): Promise<JsonObject>
  create(caller: Caller, kind: TenantKind, body: unknown): Promise<XdmResource>
  /** All that a client writes, anew. */
  replace(caller: Caller, kind: TenantKind, id: string, body: unknown): Promise<XdmResource>
  /** `body` is a JSON Patch. */
  patch(caller: Caller, kind: TenantKind, id: string, body: unknown): Promise<XdmResource>
  /** 1447-400 while a dataset uses the schema, or another resource the field group. */
  delete(caller: Caller, kind: TenantKind, id: string): Promise<void>
}

const NOT_FOUND_CODES: Readonly<Record<ResourceKind, RegistryErrorCode>> = {
  classes: '1010-404',
  fieldgroups: '1011-404',
  schemas: '1012-404',
  datatypes: '1013-404',
  behaviors: '1014-404',
}

export function createResourceService({
  store,
  clock,
  globals,
}: {
  readonly store: Store
  readonly clock: Clock
  readonly globals: GlobalResources
}): ResourceService {
  async function change(
    caller: Caller,
    kind: TenantKind,
    id: string,
    edit: (members: JsonObject) => unknown,
  ): Promise<XdmResource> {
    return store.transaction(async (scope) => {
      const entity = await findEntity(scope, caller.tenant, kind, id)
      const before = entity.document
      const find = createFindResource(scope, globals, caller.tenant)
      const written = await parseResourceBody(kind, edit(before.resource), find)
      const now = clock.now()
      const origin = { $id: before.id, version: nextVersion(before.resource.version), before, now }
      const resource = toResource(caller, kind, written, origin)
      // The field group as it is going to be, also where it stands in the middle of a circle of references.
      await requireResolvable(resource, async (id) => (id === resource.$id ? resource : find(id)))
      const document: ResourceDocument = { ...before, updated: now, resource }
      const references = referencedIds(written.members)
      if (!(await scope.entities.update(entity, { etag: etagOf(resource), document, references }))) {
        throw new FlowServiceError('1103-503', `${before.id} was changed by another request just now; try again.`)
      }
      return resource
    })
  }

  return {
    async lookup({ tenant }, container, kind, id, view) {
      const resource =
        container === 'global'
          ? globals.get(kind, toResourceId(id))
          : isTenantKind(kind)
            ? (await findEntity(store, tenant, kind, id)).document.resource
            : null
      if (resource === null) throw notFound(kind, id)
      return lookupView(resource, view, createFindResource(store, globals, tenant))
    },

    create(caller, kind, body) {
      return store.transaction(async (scope) => {
        const find = createFindResource(scope, globals, caller.tenant)
        const written = await parseResourceBody(kind, body, find)
        const id = tenantResourceId(tenantNameOf(caller.tenant.orgId), kind, randomBytes(24).toString('hex'))
        const now = clock.now()
        const resource = toResource(caller, kind, written, { $id: id, version: '1.0', before: null, now })
        await requireResolvable(resource, find)
        const document: ResourceDocument = { id, created: now, updated: now, resource }
        await scope.entities.insert({
          kind: TENANT_KINDS[kind],
          tenant: caller.tenant,
          etag: etagOf(resource),
          document,
          references: referencedIds(written.members),
        })
        return resource
      })
    },

    replace: (caller, kind, id, body) => change(caller, kind, id, () => body),

    patch(caller, kind, id, body) {
      const operations = parseResourcePatch(kind, body)
      return change(caller, kind, id, (members) => applyResourcePatch(members, operations))
    },

    delete: (caller, kind, id) =>
      store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, kind, id)
        const user = await findUser(scope, caller.tenant, entity.id)
        if (user !== null) {
          throw new SchemaRegistryError('1447-400', `${entity.id} is used by ${user}; delete that first.`)
        }
        await scope.entities.delete(entity.no)
      }),
  }
}

async function findEntity(
  { entities }: Pick<StoreScope, 'entities'>,
  tenant: TenantKey,
  kind: TenantKind,
  id: string,
): Promise<StoredEntity<ResourceDocument>> {
  const entity = await entities.get(tenant, TENANT_KINDS[kind], toResourceId(id))
  if (entity === null) throw notFound(kind, id)
  return entity as StoredEntity<ResourceDocument>
}

function notFound(kind: ResourceKind, id: string): SchemaRegistryError {
  const short = id.length > 200 ? `${id.slice(0, 200)}...` : id
  return new SchemaRegistryError(NOT_FOUND_CODES[kind], `The requested ${kind} resource ${short} is not found.`)
}

/** Something that cannot do without the resource, in words; null when there is nothing. */
async function findUser({ entities }: StoreScope, tenant: TenantKey, id: string): Promise<string | null> {
  for (const kind of Object.values(TENANT_KINDS)) {
    const users = await entities.usedBy(tenant, kind, id, 2)
    const other = users.find((user) => user !== id)
    if (other !== undefined) return other
  }
  const path = ['schemaRef', 'id'].map((name) => ({ name, each: false }))
  const dataSetsOf = { filter: [{ path, operator: '==', values: [id, altIdOf(id)] } as const], order: [], after: null }
  const [dataSet] = await entities.list(tenant, 'dataSets', { ...dataSetsOf, limit: 1 })
  return dataSet === undefined ? null : `dataset ${dataSet.id}`
}

/** Refuses what could not be answered with `-full` later. */
async function requireResolvable(resource: XdmResource, find: Parameters<typeof loadLibrary>[1]): Promise<void> {
  resolveResource(resource, await loadLibrary(resource, find))
}
