import { matches } from '../flow/explore/match-document.ts'
import { parseOrderBy } from '../flow/order-by.ts'
import { parsePropertyParameters, project } from '../flow/property-filter.ts'
import type { SpecDocument } from '../flow/spec-registry.ts'
import { isJsonObject } from '../json.ts'
import type { JsonValue } from '../json.ts'
import type { OrderField } from '../store/query.ts'
import type { TokenCodec } from './continuation-token.ts'
import { parseBoolean, parseLimit, parseSearchBody } from './list-query.ts'
import { queryValue } from './route.ts'
import type { ApiRequest, ApiResponse } from './route.ts'

/** Lists of specs, which the host holds in memory. */
export interface SpecLists {
  /** `GET /{collection}`: all on one page. */
  list(request: ApiRequest, collection: string, documents: readonly SpecDocument[]): ApiResponse
  /** `POST /{collection}/search`: the same with the parameters in the body, page by page. */
  search(request: ApiRequest, collection: string, documents: readonly SpecDocument[]): ApiResponse
}

/** What a continuation token carries. */
interface SpecListRequest {
  readonly property: readonly string[]
  readonly orderby: string | null
  readonly limit: number | null
  /** Id of the last spec of the page before. */
  readonly after: string | null
}

export function createSpecLists(tokens: TokenCodec): SpecLists {
  function page(collection: string, documents: readonly SpecDocument[], request: SpecListRequest): ApiResponse {
    const { filter, projection } = parsePropertyParameters(request.property)
    const found = documents.filter((document) => filter.every((comparison) => matches(document, comparison)))
    const ordered = request.orderby === null ? found : sort(found, parseOrderBy(request.orderby))
    const start = request.after === null ? 0 : ordered.findIndex(({ id }) => id === request.after) + 1
    const items = ordered.slice(start, request.limit === null ? undefined : start + request.limit)
    const last = start + items.length < ordered.length ? items.at(-1) : undefined
    const token = last && tokens.encode(collection, { ...request, after: last.id })
    return {
      status: 200,
      body: {
        items: items.map((document) => project(document, projection)),
        _links: token === undefined ? {} : { next: { href: `/${collection}?continuationToken=${token}` } },
      },
    }
  }

  function continued(request: ApiRequest, collection: string, documents: readonly SpecDocument[]): ApiResponse | null {
    const token = queryValue(request, 'continuationToken')
    return token === undefined ? null : page(collection, documents, tokens.decode(collection, token) as SpecListRequest)
  }

  return {
    list(request, collection, documents) {
      const property = request.query['property'] ?? []
      const all = { property, orderby: null, limit: null, after: null }
      return continued(request, collection, documents) ?? page(collection, documents, all)
    },

    search(request, collection, documents) {
      const next = continued(request, collection, documents)
      if (next !== null) return next
      const { property, orderby = null, limit, count } = parseSearchBody(request.body)
      const asked = { property, orderby, limit: parseLimit(limit), after: null }
      if (parseBoolean('count', count) !== true) return page(collection, documents, asked)
      const { filter } = parsePropertyParameters(property)
      const found = documents.filter((document) => filter.every((comparison) => matches(document, comparison)))
      return { status: 200, body: { count: found.length } }
    },
  }
}

function sort(documents: readonly SpecDocument[], order: readonly OrderField[]): readonly SpecDocument[] {
  return documents.toSorted((a, b) => {
    for (const { path, direction } of order) {
      const compared = compare(valueAt(a, path), valueAt(b, path), direction === 'desc')
      if (compared !== 0) return compared
    }
    return 0
  })
}

/** Numbers as numbers, anything else as text; missing values last. */
function compare(a: JsonValue | undefined, b: JsonValue | undefined, descending: boolean): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined)
  const [left, right] = typeof a === 'number' && typeof b === 'number' ? [a, b] : [String(a), String(b)]
  const ascending = left < right ? -1 : left > right ? 1 : 0
  return descending ? -ascending : ascending
}

function valueAt(document: SpecDocument, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = document
  for (const name of path) value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  return value
}
