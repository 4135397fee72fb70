import { FlowServiceError } from '../errors.ts'
import type { RecordHistory } from '../flow/record-history.ts'
import type { VersionPosition } from '../store/store.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { parseLimit } from './list-query.ts'
import { CATALOG, queryValue, type ApiRequest, type ApiResponse, type Route } from './route.ts'

interface HistoryToken {
  readonly from: readonly VersionPosition[]
  readonly limit: number
  readonly resourcePath: string | null
  readonly includeRecord: boolean
}

/** The versions of one object of a dataset. */
export function recordHistoryRoutes(history: RecordHistory, tokens: TokenCodec): Route[] {
  const handler = (request: ApiRequest) => objectHistory(history, tokens, request)
  return ['dataSets', 'datasets'].map((spelling) => ({
    method: 'GET',
    path: `${CATALOG}/${spelling}/:id/records/:objectId/history`,
    handler,
  }))
}

async function objectHistory(history: RecordHistory, tokens: TokenCodec, request: ApiRequest): Promise<ApiResponse> {
  const dataSetId = pathId(request)
  const { objectId = '' } = request.params
  const { tenant } = request.caller
  const scope = JSON.stringify([tenant.orgId, tenant.sandboxName, 'history', dataSetId, objectId])
  const token = queryValue(request, 'continuationToken')
  const asked =
    token === undefined
      ? {
          from: null,
          limit: parseLimit(queryValue(request, 'limit')),
          resourcePath: queryValue(request, 'resourcePath') ?? null,
          includeRecord: parseInclude(queryValue(request, 'include')),
        }
      : (tokens.decode(scope, token) as HistoryToken)
  const { items, next } = await history.ofObject(request.caller, { dataSetId, objectId, ...asked })
  const path = `/dataSets/${dataSetId}/records/${encodeURIComponent(objectId)}/history`
  const links = (from: readonly VersionPosition[]) => ({
    next: { href: `${path}?continuationToken=${tokens.encode(scope, { ...asked, from } satisfies HistoryToken)}` },
  })
  const frame = JSON.stringify({ _page: { count: items.length }, _links: next === null ? {} : links(next) })
  return { status: 200, json: `{"items":[${items.join(',')}],${frame.slice(1)}` }
}

function parseInclude(include: string | undefined): boolean {
  if (include === undefined) return false
  if (include === 'record') return true
  throw new FlowServiceError('1452-400', `include=${include} is not known; use include=record or leave it out.`)
}
