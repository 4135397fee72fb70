import type { JsonObject } from '../json.ts'
import type { EntityDocument } from '../store/store.ts'

/** A resource of the Schema Registry in its wire form: a JSON Schema with `$id`, `meta:altId` and other `meta:` members. */
export interface XdmResource extends JsonObject {
  readonly $id: string
  readonly 'meta:altId': string
  readonly 'meta:resourceType': string
  /** `major.minor`; the minor number rises with every change. */
  readonly version: string
  readonly title: string
}

/** How a resource is stored. The wire form has an `$id` and no times of its own. */
export interface ResourceDocument extends EntityDocument {
  /** The resource's `$id`. */
  readonly id: string
  /** ms since the epoch. */
  readonly created: number
  readonly updated: number
  readonly resource: XdmResource
}

/** The kinds as paths name them. */
export const RESOURCE_KINDS = ['schemas', 'fieldgroups', 'classes', 'datatypes', 'behaviors'] as const
export type ResourceKind = (typeof RESOURCE_KINDS)[number]

/** The kinds that a tenant writes, with the kind of their entities. */
export const TENANT_KINDS = { schemas: 'schemas', fieldgroups: 'fieldGroups' } as const
export type TenantKind = keyof typeof TENANT_KINDS

export function isTenantKind(kind: ResourceKind): kind is TenantKind {
  return Object.hasOwn(TENANT_KINDS, kind)
}

/** What `$id`, `meta:altId` and `meta:resourceType` call the kind: field groups keep their old name, mixins. */
export function resourceTypeOf(kind: ResourceKind): string {
  return kind === 'fieldgroups' ? 'mixins' : kind
}

const NAMESPACE = 'https://ns.adobe.com/'

/** `https://ns.adobe.com/a/b/c` becomes `_a.b.c`. */
export function altIdOf(id: string): string {
  return `_${id.slice(NAMESPACE.length).replaceAll('/', '.')}`
}

/** `$id` of a tenant's resource. */
export function tenantResourceId(tenantName: string, kind: TenantKind, hex: string): string {
  return `${NAMESPACE}${tenantName}/${resourceTypeOf(kind)}/${hex}`
}

/** The `$id` that `$id` or `meta:altId` stands for: names hold no dots, so the dots of an alternative id were slashes. */
export function toResourceId(idOrAltId: string): string {
  return idOrAltId.startsWith('_') ? `${NAMESPACE}${idOrAltId.slice(1).replaceAll('.', '/')}` : idOrAltId
}
