import type { Batch } from '../catalog/batch.ts'
import { createBatchService } from '../catalog/batch-service.ts'
import type { BatchService } from '../catalog/batch-service.ts'
import { FlowServiceError } from '../errors.ts'
import type { FlowContext } from '../flow/context.ts'
import type { Comparison, ComparisonOperator } from '../store/query.ts'
import { parseOrder, parseStart } from './catalog-query.ts'
import { pathId } from './entity-routes.ts'
import { parseLimit } from './list-query.ts'
import { CATALOG, queryValue } from './route.ts'
import type { ApiRequest, ApiResponse, Route } from './route.ts'

const LARGEST_PAGE = 100

/** Statuses of the documentation; the host's batches are `success` or `failed`. */
const STATUSES = [
  'processing',
  'success',
  'failure',
  'queued',
  'retrying',
  'stalled',
  'aborted',
  'abandoned',
  'inactive',
  'failed',
  'loading',
  'loaded',
  'staged',
  'active',
  'staging',
  'deleted',
]

/** Batches of the catalog. */
export function batchRoutes(context: Pick<FlowContext, 'store'>): Route[] {
  const service = createBatchService(context)
  return [
    { method: 'GET', path: `${CATALOG}/batches`, handler: (request) => list(service, request) },
    {
      method: 'GET',
      path: `${CATALOG}/batches/:id`,
      handler: async (request) => mapOf([await service.get(request.caller, pathId(request))], request),
    },
  ]
}

async function list(service: BatchService, request: ApiRequest): Promise<ApiResponse> {
  const batches = await service.list(request.caller, {
    dataSetId: queryValue(request, 'dataSet'),
    filter: [
      ...compare('id', '==', texts(request, 'batch')),
      ...compare('status', '==', texts(request, 'status').map(parseStatus)),
      ...compare('created', '>', texts(request, 'createdAfter').map(parseTime)),
      ...compare('created', '<', texts(request, 'createdBefore').map(parseTime)),
    ],
    order: parseOrder(queryValue(request, 'orderBy') ?? queryValue(request, 'sort')),
    start: parseStart(queryValue(request, 'start')),
    limit: parseLimit(queryValue(request, 'limit'), LARGEST_PAGE),
  })
  return mapOf(batches, request)
}

/** The values of a parameter, separated by commas. */
function texts(request: ApiRequest, name: string): readonly string[] {
  return (
    queryValue(request, name)
      ?.split(',')
      .map((value) => value.trim()) ?? []
  )
}

/** None without values; only `==` takes several. */
function compare(name: string, operator: ComparisonOperator, values: readonly string[]): readonly Comparison[] {
  if (values.length === 0) return []
  return [{ path: [{ name, each: false }], operator, values: operator === '==' ? values : values.slice(0, 1) }]
}

function parseStatus(text: string): string {
  const status = text.toLowerCase()
  if (STATUSES.includes(status)) return status
  throw invalid('status', text, `one of ${STATUSES.join(', ')}`)
}

function parseTime(text: string): string {
  if (/^\d{1,15}$/.test(text)) return text
  throw invalid('createdAfter or createdBefore', text, 'milliseconds since the epoch')
}

/** A map by id, which is not repeated inside; each batch cut down to `properties` when those are given. */
function mapOf(batches: readonly Batch[], request: ApiRequest): ApiResponse {
  const properties = request.query['properties']?.flatMap((value) => value.split(',').map((name) => name.trim()))
  const cut = (batch: Batch) =>
    Object.entries(batch).filter(([name]) => name !== 'id' && (properties?.includes(name) ?? true))
  const entries = batches.map((batch) => [batch.id, Object.fromEntries(cut(batch))] as const)
  return { status: 200, body: Object.fromEntries(entries) }
}

/** `start`: how many to leave out, 0 by default. */
export function invalid(name: string, value: string, right: string): FlowServiceError {
  return new FlowServiceError('1452-400', `The parameter ${name} is "${value.slice(0, 40)}"; give ${right}.`)
}
