import type { JsonObject } from '../json.ts'
import type { Store } from '../store/store.ts'
import type { Tenant } from '../caller.ts'
import type { GlobalResources } from './global-resources.ts'
import { readAll } from './resource-list.ts'
import { TENANT_KINDS } from './resource.ts'
import type { ResourceDocument, TenantKind } from './resource.ts'
import { tenantNameOf } from './tenant-name.ts'

const RECENT = 10

/** What a tenant has in the registry: its name, counts, what was made and changed last, and the schemas of each class. */
export async function registryStats(
  store: Pick<Store, 'entities'>,
  globals: GlobalResources,
  tenant: Tenant,
): Promise<JsonObject> {
  const kinds = Object.keys(TENANT_KINDS) as TenantKind[]
  const count = (kind: TenantKind) => store.entities.count(tenant, TENANT_KINDS[kind], [])
  const recent = async (time: 'created' | 'updated') => {
    const order = [{ path: [time], direction: 'desc' }] as const
    const query = { filter: [], order, limit: RECENT, after: null }
    const lists = await Promise.all(kinds.map((kind) => store.entities.list(tenant, TENANT_KINDS[kind], query)))
    const documents = lists.flat().map(({ document }) => document as ResourceDocument)
    return documents
      .sort((a, b) => b[time] - a[time])
      .slice(0, RECENT)
      .map((document) => summary(document, time))
  }
  return {
    imsOrg: tenant.orgId,
    tenantId: tenantNameOf(tenant.orgId),
    counts: {
      schemas: await count('schemas'),
      mixins: await count('fieldgroups'),
      datatypes: 0,
      classes: 0,
      unions: 0,
    },
    recentlyCreatedResources: await recent('created'),
    recentlyUpdatedResources: await recent('updated'),
    classUsage: await classUsage(store, globals, tenant),
  }
}

function summary({ resource, ...times }: ResourceDocument, time: 'created' | 'updated'): JsonObject {
  const { $id, title, description, version, 'meta:resourceType': type, 'meta:altId': altId } = resource
  const common = {
    title,
    description,
    'meta:resourceType': type,
    [`meta:${time}`]: new Date(times[time]).toUTCString(),
  }
  return { ...common, $id, 'meta:altId': altId, version }
}

async function classUsage(
  store: Pick<Store, 'entities'>,
  globals: GlobalResources,
  tenant: Tenant,
): Promise<JsonObject> {
  const schemasByClass = new Map<string, JsonObject[]>(globals.list('classes').map(({ $id }) => [$id, []]))
  for await (const { document } of readAll(store, tenant, 'schemas')) {
    const { $id, title, description, 'meta:class': classId } = document.resource
    schemasByClass.get(String(classId))?.push({ $id, title, description })
  }
  return Object.fromEntries(schemasByClass)
}
