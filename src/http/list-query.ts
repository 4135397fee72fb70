import { FlowServiceError } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import { parseOrderBy } from '../flow/order-by.ts'
import { parsePropertyParameters, project } from '../flow/property-filter.ts'
import type { Comparison, ListQuery } from '../store/query.ts'
import type { EntityKind, Store } from '../store/store.ts'
import type { TokenCodec } from './continuation-token.ts'
import { queryValue } from './route.ts'
import type { ApiRequest, ApiResponse } from './route.ts'

const DEFAULT_LIMIT = 100
const LARGEST_LIMIT = 1000

/** What a list was asked for; a continuation token carries all of it. */
interface ListRequest extends ListQuery {
  /** Keep only these members and `id`; null keeps all. */
  readonly projection: readonly string[] | null
}

/** The list parameters as texts, wherever they came from. */
export interface ListParameters {
  readonly property: readonly string[]
  readonly orderby: string | undefined
  readonly limit: string | undefined
  readonly count: string | undefined
}

export interface EntityLists {
  /**
   * `GET /{path}`, by default `GET /{collection}`. `fixed` must hold besides what the caller asks for.
   * @param path - where the list goes on, below the service; continuation tokens count there only
   */
  list(request: ApiRequest, collection: EntityKind, fixed?: readonly Comparison[], path?: string): Promise<ApiResponse>
  /** `POST /{collection}/search`: the same with the parameters in the body. */
  search(request: ApiRequest, collection: EntityKind): Promise<ApiResponse>
}

/** The lists of connections, flows and runs: filter, order, projection, count and continuation. */
export function createEntityLists(store: Store, tokens: TokenCodec): EntityLists {
  async function answer(
    request: ApiRequest,
    collection: EntityKind,
    readParameters: () => ListParameters,
    fixed: readonly Comparison[] = [],
    path: string = collection,
  ): Promise<ApiResponse> {
    const { tenant } = request.caller
    const scope = `${tenant.orgId}/${tenant.sandboxName}/${path}`
    const token = queryValue(request, 'continuationToken')
    if (token !== undefined) {
      return page(request, collection, path, scope, tokens.decode(scope, token) as ListRequest)
    }
    const parameters = readParameters()
    const listRequest = parseParameters(parameters, fixed)
    if (parseBoolean('count', parameters.count) === true) {
      return { status: 200, body: { count: await store.entities.count(tenant, collection, listRequest.filter) } }
    }
    return page(request, collection, path, scope, listRequest)
  }

  async function page(
    { caller: { tenant } }: ApiRequest,
    collection: EntityKind,
    path: string,
    scope: string,
    request: ListRequest,
  ): Promise<ApiResponse> {
    const { limit, projection, order } = request
    const found = await store.entities.list(tenant, collection, { ...request, limit: limit + 1 })
    const entities = found.slice(0, limit)
    const last = found.length > limit ? entities.at(-1) : undefined
    const next = last && { ...request, after: store.entities.positionOf(last, order) }
    return {
      status: 200,
      body: {
        items: entities.map(({ document }) => project(document, projection)),
        _links: next ? { next: { href: `/${path}?continuationToken=${tokens.encode(scope, next)}` } } : {},
      },
    }
  }

  return {
    list(request, collection, fixed, path) {
      const read = () => ({
        property: request.query['property'] ?? [],
        orderby: queryValue(request, 'orderby'),
        limit: queryValue(request, 'limit'),
        count: queryValue(request, 'count'),
      })
      return answer(request, collection, read, fixed, path)
    },
    search(request, collection) {
      return answer(request, collection, () => parseSearchBody(request.body))
    },
  }
}

function parseParameters(parameters: ListParameters, fixed: readonly Comparison[]): ListRequest {
  const { filter, projection } = parsePropertyParameters(parameters.property)
  return {
    filter: [...fixed, ...filter],
    order: parameters.orderby === undefined ? [] : parseOrderBy(parameters.orderby),
    limit: parseLimit(parameters.limit),
    projection,
    after: null,
  }
}

/** `queryString` holds the `property` parameters, as in a URL or as bare expressions joined by `&`. */
export function parseSearchBody(body: unknown): ListParameters {
  if (body !== undefined && !isJsonObject(body)) {
    throw new FlowServiceError('1000-400', 'The body is not a JSON object; send one.')
  }
  const text = (name: string): string | undefined => {
    const value = body?.[name] ?? undefined
    if (value === undefined || value === '') return undefined
    if (typeof value === 'object') throw invalid(`/${name}`, 'is no plain value; give a text, a number or a boolean')
    return String(value)
  }
  const expressions = (text('queryString') ?? '').split('&').filter((part) => part !== '')
  const projection = text('projectionFields')
  return {
    property: [
      ...expressions.map((part) => part.replace(/^property=/, '')),
      ...(projection === undefined ? [] : [projection]),
    ],
    orderby: text('orderby'),
    limit: text('limit'),
    count: text('count'),
  }
}

/** `limit`: 1 and up, 100 by default, cut to `largest`; 1452-400 for anything else. */
export function parseLimit(value: string | undefined, largest = LARGEST_LIMIT): number {
  if (value === undefined) return Math.min(DEFAULT_LIMIT, largest)
  const limit = /^\+?\d+$/.test(value.trim()) ? Number(value) : 0
  if (limit < 1) throw invalid('limit', `is "${value.slice(0, 40)}"; give a whole number from 1 to ${largest}`)
  return Math.min(limit, largest)
}

/** `true` or `false` in any letter case; undefined when absent, 1452-400 for anything else. */
export function parseBoolean(name: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined
  const lower = value.toLowerCase()
  if (lower === 'true' || lower === 'false') return lower === 'true'
  throw invalid(name, `is "${value.slice(0, 40)}"; give true or false`)
}

function invalid(name: string, reason: string): FlowServiceError {
  return new FlowServiceError('1452-400', `The parameter ${name} ${reason}.`)
}
