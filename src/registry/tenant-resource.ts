import { createHash } from 'node:crypto'
import type { Caller } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import { referencedIds } from './references.ts'
import type { WrittenResource } from './resource-body.ts'
import { altIdOf, resourceTypeOf } from './resource.ts'
import type { ResourceDocument, TenantKind, XdmResource } from './resource.ts'
import { tenantNameOf } from './tenant-name.ts'

/** Where a resource comes from and when. */
export interface Origin {
  readonly $id: string
  readonly version: string
  /** Null for a new resource. */
  readonly before: ResourceDocument | null
  readonly now: number
}

/** The wire form of a tenant's resource: what the client wrote with all that the registry adds. */
export function toResource(
  { tenant, userId, clientId }: Caller,
  kind: TenantKind,
  { members, classId, extended }: WrittenResource,
  { $id, version, before, now }: Origin,
): XdmResource {
  const { title, description, type, allOf, ...rest } = members
  const isSchema = kind === 'schemas'
  const former = (before?.resource['meta:registryMetadata'] ?? {}) as JsonObject
  const core = {
    $id,
    'meta:altId': altIdOf($id),
    'meta:resourceType': resourceTypeOf(kind),
    version,
    title: String(title),
    type,
    description: description ?? '',
    ...rest,
    ...(Array.isArray(allOf) && {
      allOf: allOf.map((part: JsonObject) => ({ ...part, type: 'object', 'meta:xdmType': 'object' })),
    }),
    refs: referencedIds(members),
    imsOrg: tenant.orgId,
    'meta:extensible': !isSchema,
    'meta:abstract': !isSchema,
    'meta:extends': extendedIds(extended),
    'meta:xdmType': 'object',
    ...(classId !== null && { 'meta:class': classId }),
    'meta:containerId': 'tenant',
    'meta:sandboxId': tenant.sandboxId,
    'meta:sandboxType': tenant.sandboxName === 'prod' ? 'production' : 'development',
    'meta:tenantNamespace': `_${tenantNameOf(tenant.orgId)}`,
  }
  const metadata = {
    'repo:createdDate': before?.created ?? now,
    'repo:lastModifiedDate': now,
    'xdm:createdClientId': former['xdm:createdClientId'] ?? clientId,
    'xdm:lastModifiedClientId': clientId,
    'xdm:createdUserId': former['xdm:createdUserId'] ?? userId,
    'xdm:lastModifiedUserId': userId,
    eTag: createHash('sha256').update(JSON.stringify(core)).digest('hex'),
  }
  return { ...core, 'meta:registryMetadata': metadata }
}

/** What a resource extends, and what that extends in turn. */
function extendedIds(extended: readonly XdmResource[]): readonly string[] {
  const ids = extended.flatMap((resource) => [
    resource.$id,
    ...((resource['meta:extends'] as string[] | undefined) ?? []),
  ])
  return [...new Set(ids)]
}

/** The version alone would do, but an etag goes with quotes. */
export function etagOf({ version }: XdmResource): string {
  return `"${version}"`
}

/** `1.0` becomes `1.1`. */
export function nextVersion(version: string): string {
  const [major, minor] = version.split('.')
  return `${major}.${Number(minor) + 1}`
}
