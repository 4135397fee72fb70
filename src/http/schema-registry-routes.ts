import type { FlowContext } from '../flow/context.ts'
import type { JsonObject } from '../json.ts'
import { parseListAccept, parseLookupAccept } from '../registry/accept.ts'
import { loadGlobalResources } from '../registry/global-resources.ts'
import type { GlobalResources } from '../registry/global-resources.ts'
import { SchemaRegistryError } from '../registry/registry-error.ts'
import { parseResourceFilter } from '../registry/resource-filter.ts'
import { DEFAULT_ORDER, LARGEST_PAGE, listGlobalResources, listTenantResources } from '../registry/resource-list.ts'
import type { ResourceListRequest, ResourcePosition } from '../registry/resource-list.ts'
import { createResourceService } from '../registry/resource-service.ts'
import type { Container, ResourceService } from '../registry/resource-service.ts'
import { isTenantKind } from '../registry/resource.ts'
import type { ResourceKind, TenantKind } from '../registry/resource.ts'
import { shortView } from '../registry/resource-view.ts'
import { registryStats } from '../registry/stats.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { queryValue, SCHEMA_REGISTRY } from './route.ts'
import type { ApiRequest, ApiResponse, Route } from './route.ts'

/** Behaviors are only referred to. */
const LISTED_KINDS = ['schemas', 'fieldgroups', 'classes', 'datatypes'] as const

interface Parts extends Pick<FlowContext, 'store' | 'clock'> {
  readonly tokens: TokenCodec
  readonly publicUrl: () => string
}

interface Tools extends Parts {
  readonly globals: GlobalResources
  readonly service: ResourceService
}

/** Schemas, field groups (once called mixins), classes and data types: built-in ones and the tenant's own. */
export function schemaRegistryRoutes(parts: Parts): Route[] {
  const globals = loadGlobalResources()
  const tools = { ...parts, globals, service: createResourceService({ ...parts, globals }) }
  return [
    {
      method: 'GET',
      path: `${SCHEMA_REGISTRY}/stats`,
      handler: async ({ caller }) => ({ status: 200, body: await registryStats(parts.store, globals, caller.tenant) }),
    },
    ...LISTED_KINDS.flatMap((kind) => readRows(tools, kind, kind)),
    ...readRows(tools, 'mixins', 'fieldgroups'),
    ...LISTED_KINDS.filter(isTenantKind).flatMap((kind) => writeRows(tools.service, kind, kind)),
    ...writeRows(tools.service, 'mixins', 'fieldgroups'),
  ]
}

function readRows(tools: Tools, name: string, kind: ResourceKind): Route[] {
  return (['global', 'tenant'] as const).flatMap((container): Route[] => [
    {
      method: 'GET',
      path: `${SCHEMA_REGISTRY}/${container}/${name}`,
      handler: (request) => list(tools, container, name, kind, request),
    },
    {
      method: 'GET',
      path: `${SCHEMA_REGISTRY}/${container}/${name}/:id`,
      handler: async (request) => {
        const view = parseLookupAccept(request.accept)
        return { status: 200, body: await tools.service.lookup(request.caller, container, kind, pathId(request), view) }
      },
    },
  ])
}

function writeRows(service: ResourceService, name: string, kind: TenantKind): Route[] {
  const all = `${SCHEMA_REGISTRY}/tenant/${name}`
  const one = `${all}/:id`
  return [
    {
      method: 'POST',
      path: all,
      body: 'required',
      handler: async ({ caller, body }) => {
        const resource = await service.create(caller, kind, body)
        const Location = `${all}/${encodeURIComponent(resource.$id)}`
        return { status: 201, headers: { Location }, body: resource }
      },
    },
    {
      method: 'PUT',
      path: one,
      body: 'required',
      handler: async (request) => ({
        status: 200,
        body: await service.replace(request.caller, kind, pathId(request), request.body),
      }),
    },
    {
      method: 'PATCH',
      path: one,
      body: 'required',
      handler: async (request) => ({
        status: 200,
        body: await service.patch(request.caller, kind, pathId(request), request.body),
      }),
    },
    {
      method: 'DELETE',
      path: one,
      handler: async (request) => {
        await service.delete(request.caller, kind, pathId(request))
        return { status: 204 }
      },
    },
  ]
}

async function list(
  { store, globals, tokens, publicUrl }: Tools,
  container: Container,
  name: string,
  kind: ResourceKind,
  request: ApiRequest,
): Promise<ApiResponse> {
  const view = parseListAccept(request.accept)
  const { tenant } = request.caller
  const orderby = queryValue(request, 'orderby') ?? queryValue(request, 'orderBy') ?? DEFAULT_ORDER
  const scope = `${tenant.orgId}/${tenant.sandboxName}/${container}/${kind}/${orderby}`
  const listRequest: ResourceListRequest = {
    kind,
    filter: parseResourceFilter(request.query['property'] ?? []),
    orderby,
    limit: parsePageLimit(queryValue(request, 'limit')),
    start: parseStart(tokens, scope, queryValue(request, 'start')),
  }
  const page =
    container === 'global'
      ? listGlobalResources(globals, listRequest)
      : await listTenantResources(store, tenant, listRequest)
  const next = page.next === null ? null : tokens.encode(scope, page.next)
  const base = `${publicUrl()}${SCHEMA_REGISTRY}`
  return {
    status: 200,
    body: {
      results: page.results.map((resource): JsonObject => (view === 'short' ? shortView(resource) : resource)),
      _page: { orderby, next, count: page.results.length },
      _links: {
        next: next && { href: `${base}/${container}/${name}?${nextQuery(request, next)}` },
        global_schemas: { href: `${base}/global/schemas` },
      },
    },
  }
}

/** The parameters of this page with the start of the next one. */
function nextQuery({ query }: ApiRequest, next: string): string {
  const pairs = Object.entries(query).flatMap(([name, values]) =>
    name === 'start' ? [] : values.map((value): [string, string] => [name, value]),
  )
  return new URLSearchParams([...pairs, ['start', next]]).toString()
}

function parsePageLimit(text: string | undefined): number {
  if (text === undefined) return LARGEST_PAGE
  const limit = /^\d+$/.test(text) ? Number(text) : 0
  if (limit >= 1) return Math.min(limit, LARGEST_PAGE)
  const message = `The parameter limit is "${text.slice(0, 40)}"; give a whole number from 1 to ${LARGEST_PAGE}.`
  throw new SchemaRegistryError('1030-400', message)
}

function parseStart(tokens: TokenCodec, scope: string, text: string | undefined): ResourcePosition | null {
  if (text === undefined) return null
  try {
    return tokens.decode(scope, text) as ResourcePosition
  } catch (cause) {
    const message = 'The parameter start is not the _page.next of this list in this order; begin again without it.'
    throw Object.assign(new SchemaRegistryError('1030-400', message), { cause })
  }
}
