import { FlowServiceError } from '../errors.ts'
import type { RecordPages, RecordsPage } from '../flow/record-pages.ts'
import type { RecordQuery } from '../flow/search-index/record-search.ts'
import type { ObjectPosition } from '../store/store.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { parseBoolean, parseLimit } from './list-query.ts'
import { CATALOG, FLOW_SERVICE, queryValue, type ApiRequest, type ApiResponse, type Route } from './route.ts'

interface RunRecordsToken {
  readonly after: number
  readonly limit: number
  readonly includeMapped: boolean
}

interface DataSetRecordsToken {
  readonly after: ObjectPosition | null
  readonly limit: number
  readonly includeDeleted: boolean
  readonly includeMapped: boolean
  /** Absent for all records. */
  readonly query?: RecordQuery
}

/** Pages of records: of a run in delivery order, of a dataset by object id, all of them or those that match a query. */
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
  const id = pathId(request)
  const scope = tokenScope(request, `runs/${id}`)
  const token = queryValue(request, 'continuationToken')
  const asked: RunRecordsToken =
    token === undefined
      ? {
          after: 0,
          limit: parseLimit(queryValue(request, 'limit')),
          includeMapped: parseInclude(queryValue(request, 'include')),
        }
      : (tokens.decode(scope, token) as RunRecordsToken)
  const { after, limit, ...options } = asked
  const page = await pages.ofRun(request.caller, id, after, limit, options)
  return pageResponse(page, `/runs/${id}/records`, (next) =>
    tokens.encode(scope, { ...asked, after: next } satisfies RunRecordsToken),
  )
}

async function dataSetRecords(pages: RecordPages, tokens: TokenCodec, request: ApiRequest): Promise<ApiResponse> {
  const id = pathId(request)
  const scope = tokenScope(request, `dataSets/${id}`)
  const token = queryValue(request, 'continuationToken')
  const asked =
    token === undefined ? parseDataSetRecords(request) : (tokens.decode(scope, token) as DataSetRecordsToken)
  if (token !== undefined) checkSameQuery(request, asked.query)
  const { after, limit, query, ...options } = asked
  const { caller } = request
  const page =
    query === undefined
      ? await pages.ofDataSet(caller, id, after, limit, options)
      : await pages.search(caller, id, query, after, limit, options)
  return pageResponse(page, `/dataSets/${id}/records`, (next) =>
    tokens.encode(scope, { ...asked, after: next } satisfies DataSetRecordsToken),
  )
}

function parseDataSetRecords(request: ApiRequest): DataSetRecordsToken {
  const includeDeleted = parseBoolean('includeDeleted', queryValue(request, 'includeDeleted')) ?? false
  const query = parseRecordQuery(request)
  if (query !== undefined && includeDeleted) {
    throw refused('includeDeleted=true does not go with query: what is deleted cannot be searched')
  }
  return {
    after: null,
    limit: parseLimit(queryValue(request, 'limit')),
    includeDeleted,
    includeMapped: parseInclude(queryValue(request, 'include')),
    ...(query === undefined ? {} : { query }),
  }
}

function parseRecordQuery(request: ApiRequest): RecordQuery | undefined {
  const text = queryValue(request, 'query')
  const isLenient = parseBoolean('lenient', queryValue(request, 'lenient'))
  if (text === undefined && isLenient !== undefined) throw refused('lenient says how to read query; give a query too')
  return text === undefined ? undefined : { text, isLenient: isLenient ?? false }
}

/** The token carries the query; another one beside it would be left out without a word. */
function checkSameQuery(request: ApiRequest, carried: RecordQuery | undefined): void {
  const text = queryValue(request, 'query')
  const isLenient = parseBoolean('lenient', queryValue(request, 'lenient'))
  const isOther =
    (text !== undefined && text !== carried?.text) || (isLenient !== undefined && isLenient !== carried?.isLenient)
  if (isOther) throw refused('The continuationToken belongs to another query; start again without it')
}

function refused(reason: string): FlowServiceError {
  return new FlowServiceError('1452-400', `${reason}.`)
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

/** `mapped` is the one thing that can be included; records of a flow without a mapping have none. */
function parseInclude(include: string | undefined): boolean {
  if (include === undefined) return false
  if (include === 'mapped') return true
  throw new FlowServiceError('1452-400', `include=${include} is not known; use include=mapped or leave it out.`)
}

function tokenScope({ caller: { tenant } }: ApiRequest, list: string): string {
  return `${tenant.orgId}/${tenant.sandboxName}/${list}/records`
}
