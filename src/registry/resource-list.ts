import type { JsonObject } from '../json.ts'
import type { ListPosition, OrderField } from '../store/query.ts'
import { MAX_PATH_SEGMENTS } from '../store/query.ts'
import type { Store, TenantKey } from '../store/store.ts'
import type { GlobalResources } from './global-resources.ts'
import { SchemaRegistryError } from './registry-error.ts'
import type { ResourceFilter } from './resource-filter.ts'
import { isTenantKind, TENANT_KINDS } from './resource.ts'
import type { ResourceDocument, ResourceKind, TenantKind, XdmResource } from './resource.ts'

export const LARGEST_PAGE = 300
/** What was changed while a list is read moves to its end: it may be seen twice, never missed. */
export const DEFAULT_ORDER = 'updated'

const READ_AT_ONCE = 100

export interface ResourceListRequest {
  readonly kind: ResourceKind
  readonly filter: ResourceFilter
  /** The `orderby` parameter. */
  readonly orderby: string
  readonly limit: number
  /** `next` of the page before, null for the first page. */
  readonly start: ResourcePosition | null
}

/** Where a page ended: a place among stored resources, or how many of the built-in ones were seen. */
export type ResourcePosition = ListPosition | number

export interface ResourcePage {
  readonly results: readonly XdmResource[]
  /** Null on the last page. */
  readonly next: ResourcePosition | null
}

/** A page of a tenant's own resources. */
export async function listTenantResources(
  store: Pick<Store, 'entities'>,
  tenant: TenantKey,
  { kind, filter, orderby, limit, start }: ResourceListRequest,
): Promise<ResourcePage> {
  const order = parseOrder(orderby)
  if (!isTenantKind(kind)) return { results: [], next: null }
  const results: XdmResource[] = []
  let last: ListPosition | null = null
  for await (const { document, position } of readAll(store, tenant, kind, order, start as ListPosition | null)) {
    if (!filter(document.resource)) continue
    if (results.length === limit) return { results, next: last }
    results.push(document.resource)
    last = position()
  }
  return { results, next: null }
}

/** All resources of one kind, from a position on, however many there are. */
export async function* readAll(
  { entities }: Pick<Store, 'entities'>,
  tenant: TenantKey,
  kind: TenantKind,
  order: readonly OrderField[] = [],
  start: ListPosition | null = null,
): AsyncGenerator<{ readonly document: ResourceDocument; readonly position: () => ListPosition }> {
  let after = start
  for (;;) {
    const page = await entities.list(tenant, TENANT_KINDS[kind], { filter: [], order, limit: READ_AT_ONCE, after })
    for (const entity of page) {
      const position = () => entities.positionOf(entity, order)
      yield { document: entity.document as ResourceDocument, position }
    }
    const last = page.at(-1)
    if (last === undefined || page.length < READ_AT_ONCE) return
    after = entities.positionOf(last, order)
  }
}

/** A page of the built-in resources. They never change, so a number says where a page ended. */
export function listGlobalResources(
  globals: GlobalResources,
  { kind, filter, orderby, limit, start }: ResourceListRequest,
): ResourcePage {
  const order = parseOrder(orderby)
  const sorted = globals
    .list(kind)
    .filter(filter)
    .toSorted((a, b) => compare(a, b, order))
  const from = typeof start === 'number' ? start : 0
  const end = from + limit
  return { results: sorted.slice(from, end), next: end < sorted.length ? end : null }
}

function compare(a: XdmResource, b: XdmResource, order: readonly OrderField[]): number {
  for (const { path, direction } of order) {
    const [textOfA, textOfB] = [a, b].map((resource) => textAt({ resource }, path))
    if (textOfA !== textOfB) return (textOfA! < textOfB! ? -1 : 1) * (direction === 'asc' ? 1 : -1)
  }
  return 0
}

function textAt(document: JsonObject, path: readonly string[]): string {
  const value = path.reduce<unknown>((node, name) => (node as JsonObject | undefined)?.[name], document)
  return typeof value === 'string' ? value : ''
}

const TIMES = ['created', 'updated']

/** Members joined by commas, each with `-` before it for descending; `created` and `updated` stand for the times. */
function parseOrder(text: string): readonly OrderField[] {
  return text.split(',').map((part) => {
    const [, sign = '', name = ''] = /^\s*([+-]?)(.*?)\s*$/s.exec(part) ?? []
    const path = TIMES.includes(name) ? [name] : ['resource', ...name.split('.')]
    if (path.length > MAX_PATH_SEGMENTS || !/^[$\w@][\w:$@.-]*$/.test(name)) {
      const message = `orderby names no property in "${part.slice(0, 40)}"; use title, -updated or another member.`
      throw new SchemaRegistryError('1030-400', message)
    }
    return { path, direction: sign === '-' ? 'desc' : 'asc' }
  })
}
