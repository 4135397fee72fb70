import type { StoreScope, TenantKey } from '../store/store.ts'
import type { GlobalResources } from './global-resources.ts'
import type { FindResource } from './references.ts'
import { TENANT_KINDS } from './resource.ts'
import type { ResourceDocument } from './resource.ts'

/** Finds resources of any kind as one tenant sees them: its own and the built-in ones. */
export function createFindResource(
  { entities }: Pick<StoreScope, 'entities'>,
  globals: GlobalResources,
  tenant: TenantKey,
): FindResource {
  return async (id) => {
    const builtIn = globals.find(id)
    if (builtIn !== null) return builtIn
    for (const kind of Object.values(TENANT_KINDS)) {
      const entity = await entities.get(tenant, kind, id)
      if (entity !== null) return (entity.document as ResourceDocument).resource
    }
    return null
  }
}
