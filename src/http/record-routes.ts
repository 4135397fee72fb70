import { FlowServiceError } from '../errors.ts'
import type { RecordPages, RecordsPage } from '../flow/record-pages.ts'
import type { ObjectPosition } from '../store/store.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { parseBoolean, parseLimit } from './list-query.ts'
import { CATALOG, FLOW_SERVICE, queryValue, type ApiRequest, type ApiResponse, type Route } from './route.ts'

interface RunRecordsToken {
  readonly after: number
  readonly limit: number
}

interface DataSetRecordsToken {
  readonly after: ObjectPosition
  readonly limit: number
  readonly includeDeleted: boolean
}

/** Pages of records: of a run in delivery order, of a dataset by object id. */
export function recordRoutes(pages: RecordPages, tokens: TokenCodec): Route[] {
  const ofDataSet = (request: ApiRequest) => dataSetRecords(pages, tokens, request)
  return [
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/runs/:id/records`,
      handler: (request) => runRecords(pages, tokens, request),
    },
    { method: 'GET', path: `${CATALOG}/dataSets/:id/records`, handler: ofDataSet },
    { method: 'GET', path: `${CATALOG}/datasets/:id/records`, handler: ofDataSet },
  ]
}

async function runRecords(pages: RecordPages, tokens: TokenCodec, request: ApiRequest): Promise<ApiResponse> {
  assertInclude(request)
  const id = pathId(request)
  const scope = tokenScope(request, `runs/${id}`)
  const token = queryValue(request, 'continuationToken')
  const { after, limit }: RunRecordsToken =
    token === undefined
      ? { after: 0, limit: parseLimit(queryValue(request, 'limit')) }
      : (tokens.decode(scope, token) as RunRecordsToken)
  const page = await pages.ofRun(request.caller, id, after, limit)
  return pageResponse(page, `/runs/${id}/records`, (next) =>
    tokens.encode(scope, { after: next, limit } satisfies RunRecordsToken),
  )
}

async function dataSetRecords(pages: RecordPages, tokens: TokenCodec, request: ApiRequest): Promise<ApiResponse> {
  assertInclude(request)
  if (queryValue(request, 'query') !== undefined) {
    throw new FlowServiceError('1452-400', 'The parameter query is not supported by this version; leave it out.')
  }
  const id = pathId(request)
  const scope = tokenScope(request, `dataSets/${id}`)
  const token = queryValue(request, 'continuationToken')
  const start =
    token === undefined
      ? {
          after: null,
          limit: parseLimit(queryValue(request, 'limit')),
          includeDeleted: parseBoolean('includeDeleted', queryValue(request, 'includeDeleted')) ?? false,
        }
      : (tokens.decode(scope, token) as DataSetRecordsToken)
  const { after, limit, includeDeleted } = start
  const page = await pages.ofDataSet(request.caller, id, after, limit, includeDeleted)
  return pageResponse(page, `/dataSets/${id}/records`, (next) =>
    tokens.encode(scope, { after: next, limit, includeDeleted } satisfies DataSetRecordsToken),
  )
}

/** The items are JSON already; only the frame around them is made here. */
function pageResponse<Position>(
  { items, next }: RecordsPage<Position>,
  path: string,
  encode: (next: Position) => string,
): ApiResponse {
  const links = next === null ? {} : { next: { href: `${path}?continuationToken=${encode(next)}` } }
  const frame = JSON.stringify({ _page: { count: items.length }, _links: links })
  return { status: 200, json: `{"items":[${items.join(',')}],${frame.slice(1)}` }
}

/** `mapped` is the one thing that can be included; a flow without a mapping has nothing to add. */
function assertInclude(request: ApiRequest): void {
  const include = queryValue(request, 'include')
  if (include !== undefined && include !== 'mapped') {
    throw new FlowServiceError('1452-400', `include=${include} is not known; use include=mapped or leave it out.`)
  }
}

function tokenScope({ caller: { tenant } }: ApiRequest, list: string): string {
  return `${tenant.orgId}/${tenant.sandboxName}/${list}/records`
}
