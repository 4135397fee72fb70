import type { Clock } from '../clock.ts'
import { FlowServiceError } from '../errors.ts'
import { describeFunctions } from '../mapping/functions/registry.ts'
import { describeOperators } from '../mapping/language/operators.ts'
import type { MappingSet } from '../mapping/mapping-set.ts'
import { createMappingSetService } from '../mapping/mapping-set-service.ts'
import type { MappingSetService } from '../mapping/mapping-set-service.ts'
import { previewMappingSet } from '../mapping/preview.ts'
import { parseExpressionBody, validateExpression } from '../mapping/validate-expression.ts'
import { validateMappingSet } from '../mapping/validate-mapping-set.ts'
import { createSchemaTypes } from '../registry/schema-types.ts'
import type { OrderField } from '../store/query.ts'
import type { Store } from '../store/store.ts'
import { pathId } from './entity-routes.ts'
import { parseBoolean, parseLimit } from './list-query.ts'
import { queryValue } from './route.ts'
import type { ApiRequest, ApiResponse, Route } from './route.ts'

export const DATA_PREP = '/data/foundation/conversion'

const DEFAULT_PAGE = '10'
const LARGEST_PAGE = 100

export interface MappingRoutesContext {
  readonly store: Store
  readonly clock: Pick<Clock, 'now'>
}

/** The mapping sets and the expression language of Data Prep. */
export function mappingRoutes(context: MappingRoutesContext): Route[] {
  const service = createMappingSetService(context)
  return [...mappingSetRoutes(context, service), ...languageRoutes(context, service)]
}

function mappingSetRoutes({ store }: MappingRoutesContext, service: MappingSetService): Route[] {
  const all = `${DATA_PREP}/mappingSets`
  const one = `${all}/:id`
  const schemaTypes = createSchemaTypes(store)
  const schemaFinder =
    ({ caller: { tenant } }: ApiRequest) =>
    (schemaId: string) =>
      schemaTypes.typeOf(tenant, schemaId)
  return [
    {
      method: 'POST',
      path: all,
      body: 'required',
      handler: async ({ caller, body }) => {
        const receipt = await service.create(caller, body)
        return { status: 200, headers: { Location: `${all}/${receipt.id}` }, body: receipt }
      },
    },
    { method: 'GET', path: all, handler: (request) => list(service, request) },
    {
      method: 'POST',
      path: `${all}/validate`,
      body: 'required',
      handler: async (request) =>
        ok({ validationResponse: await validateMappingSet(request.body, schemaFinder(request)) }),
    },
    {
      method: 'POST',
      path: `${all}/preview`,
      body: 'required',
      handler: async (request) => ok(await previewMappingSet(request.body, schemaFinder(request))),
    },
    {
      method: 'GET',
      path: one,
      handler: async (request) => {
        parseBoolean('expandSchema', queryValue(request, 'expandSchema'))
        return ok(await service.get(request.caller, pathId(request), parseVersion(queryValue(request, 'version'))))
      },
    },
    {
      method: 'PUT',
      path: one,
      body: 'required',
      handler: async (request) => ok(await service.replace(request.caller, pathId(request), request.body)),
    },
    {
      method: 'DELETE',
      path: one,
      handler: async (request) => {
        await service.delete(request.caller, pathId(request))
        return { status: 204 }
      },
    },
    {
      method: 'GET',
      path: `${one}/mappings`,
      handler: async (request) => ok((await service.get(request.caller, pathId(request))).mappings),
    },
    {
      method: 'GET',
      path: `${one}/mappings/:mappingId`,
      handler: async (request) =>
        ok(await service.getMapping(request.caller, pathId(request), request.params['mappingId'] ?? '')),
    },
  ]
}

function languageRoutes({ store }: MappingRoutesContext, service: MappingSetService): Route[] {
  const language = `${DATA_PREP}/languages/el`
  return [
    {
      method: 'POST',
      path: `${language}/validate`,
      body: 'required',
      handler: async ({ caller, body }) => {
        const { expression, sample, mappingSetId } = parseExpressionBody(body)
        if (mappingSetId !== undefined && (await service.find(store, caller.tenant, mappingSetId)) === null) {
          throw missingReference(mappingSetId)
        }
        const error = validateExpression(expression, sample)
        return ok({ validationStatus: error === null ? 'succeeded' : 'failed', error: error ?? 'none' })
      },
    },
    { method: 'GET', path: `${language}/functions`, handler: async () => ok(describeFunctions()) },
    { method: 'GET', path: `${language}/operators`, handler: async () => ok(describeOperators()) },
  ]
}

async function list(service: MappingSetService, request: ApiRequest): Promise<ApiResponse> {
  parseBoolean('expandSchema', queryValue(request, 'expandSchema'))
  const limit = parseLimit(queryValue(request, 'limit') ?? DEFAULT_PAGE, LARGEST_PAGE)
  const start = parseStart(queryValue(request, 'start'))
  const name = queryValue(request, 'name')
  const orderBy = queryValue(request, 'orderBy')
  const found = await service.list(request.caller, { name, order: parseOrder(orderBy), start, limit: limit + 1 })
  const data: readonly MappingSet[] = found.slice(0, limit)
  const next = new URLSearchParams({
    limit: String(limit),
    start: String(start + limit),
    ...(name === undefined ? {} : { name }),
    ...(orderBy === undefined ? {} : { orderBy }),
  })
  const links = found.length > limit ? { next: { href: `/mappingSets?${next}`, templated: false } } : {}
  return ok({ data, _page: { count: data.length, limit }, _links: links })
}

function ok(body: unknown): ApiResponse {
  return { status: 200, body }
}

/** Names of the documentation for the two fields that it sorts by, and the fields' own names. */
const ORDER_FIELDS: Readonly<Record<string, string>> = {
  createdDate: 'createdDate',
  updatedDate: 'modifiedDate',
  lastUpdateDate: 'modifiedDate',
  modifiedDate: 'modifiedDate',
  name: 'name',
}

/** `createdDate`, with `+` (which arrives as a space when it was not encoded) or `-` before it. */
function parseOrder(text: string | undefined): readonly OrderField[] {
  if (text === undefined) return []
  const [, sign = '', field = ''] = /^([+\- ]?)(.*)$/s.exec(text) ?? []
  if (/^[^A-Za-z_]/.test(field)) {
    throw new FlowServiceError(
      '1432-400',
      `orderBy is "${text.slice(0, 40)}"; put + or - before the field, or nothing.`,
    )
  }
  const member = Object.hasOwn(ORDER_FIELDS, field) ? ORDER_FIELDS[field] : undefined
  if (member === undefined) {
    throw new FlowServiceError('1433-400', `orderBy is "${text.slice(0, 40)}"; order by createdDate or updatedDate.`)
  }
  return [{ path: [member], direction: sign === '-' ? 'desc' : 'asc' }]
}

function parseStart(text: string | undefined): number {
  return parseWhole('start', text) ?? 0
}

function parseVersion(text: string | undefined): number | undefined {
  return parseWhole('version', text)
}

function parseWhole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new FlowServiceError('1452-400', `The parameter ${name} is "${text.slice(0, 40)}"; give a whole number from 0.`)
}

/** A set that the body refers to, unlike one that the path addresses, is missing with 400. */
function missingReference(id: string): FlowServiceError {
  const path = '/mappingSetId'
  const message = `${path} names "${id.slice(0, 80)}", and there is no such entry in mappingSets; create it first.`
  return new FlowServiceError('1439-400', message, { faults: [{ path, message }] })
}
