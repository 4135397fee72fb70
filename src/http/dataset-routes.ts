import { WRITABLE_MEMBERS } from '../catalog/dataset.ts'
import type { DataSet } from '../catalog/dataset.ts'
import { createDataSetService } from '../catalog/dataset-service.ts'
import type { DataSetService } from '../catalog/dataset-service.ts'
import type { FlowContext } from '../flow/context.ts'
import { omit } from '../request-body.ts'
import { applyPatch, parsePatch } from '../flow/patch.ts'
import type { PatchRules } from '../flow/patch.ts'
import { parsePropertyParameters } from '../flow/property-filter.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { Comparison } from '../store/query.ts'
import { parseOrder, parseStart } from './catalog-query.ts'
import { pathId } from './entity-routes.ts'
import { parseLimit } from './list-query.ts'
import { CATALOG, queryValue } from './route.ts'
import type { ApiRequest, ApiResponse, Route } from './route.ts'

const LARGEST_PAGE = 100

const PATCH_RULES: PatchRules = {
  allowed: WRITABLE_MEMBERS.map((name) => `/${name}/**`),
  optional: WRITABLE_MEMBERS.map((name) => `/${name}`),
}

/** Datasets of the catalog. The path is written in two ways in the documentation. */
export function dataSetRoutes(context: Pick<FlowContext, 'store' | 'clock'>): Route[] {
  const service = createDataSetService(context)
  return ['dataSets', 'datasets'].flatMap((name) => rowsUnder(`${CATALOG}/${name}`, service))
}

function rowsUnder(all: string, service: DataSetService): Route[] {
  const one = `${all}/:id`
  return [
    {
      method: 'POST',
      path: all,
      body: 'required',
      handler: async ({ caller, body }) => {
        const id = await service.create(caller, body)
        return { status: 201, headers: { Location: `${CATALOG}/dataSets/${id}` }, body: reference(id) }
      },
    },
    { method: 'GET', path: all, handler: (request) => list(service, request) },
    {
      method: 'GET',
      path: one,
      handler: async (request) => mapOf([await service.get(request.caller, pathId(request))], request),
    },
    {
      method: 'PATCH',
      path: one,
      body: 'required',
      handler: async ({ caller, body, ...request }) => {
        const id = pathId(request)
        if (isJsonObject(body)) await service.merge(caller, id, body)
        else await editByPatch(service, caller, id, body)
        return { status: 200, body: reference(id) }
      },
    },
    {
      method: 'PUT',
      path: one,
      body: 'required',
      handler: async ({ caller, body, ...request }) => {
        await service.replace(caller, pathId(request), body)
        return { status: 200, body: reference(pathId(request)) }
      },
    },
    {
      method: 'DELETE',
      path: one,
      handler: async (request) => {
        await service.delete(request.caller, pathId(request))
        return { status: 200, body: reference(pathId(request)) }
      },
    },
  ]
}

async function editByPatch(service: DataSetService, caller: ApiRequest['caller'], id: string, body: unknown) {
  const operations = parsePatch(body, PATCH_RULES)
  await service.edit(caller, id, (dataSet) => applyPatch(dataSet, operations, PATCH_RULES))
}

async function list(service: DataSetService, request: ApiRequest): Promise<ApiResponse> {
  const { filter } = parsePropertyParameters(request.query['property'] ?? [])
  const name = queryValue(request, 'name')
  const ofName: Comparison[] =
    name === undefined ? [] : [{ path: [{ name: 'name', each: false }], operator: '==', values: [name] }]
  const dataSets = await service.list(request.caller, {
    filter: [...ofName, ...filter],
    order: parseOrder(queryValue(request, 'orderBy')),
    start: parseStart(queryValue(request, 'start')),
    limit: parseLimit(queryValue(request, 'limit'), LARGEST_PAGE),
  })
  return mapOf(dataSets, request)
}

/** A map by id, which is not repeated inside; each dataset cut down to `properties` when those are given. */
function mapOf(dataSets: readonly DataSet[], request: ApiRequest): ApiResponse {
  const properties = request.query['properties']?.flatMap((value) => value.split(',').map((name) => name.trim()))
  const cut = (dataSet: DataSet): JsonObject =>
    properties === undefined
      ? omit(dataSet, 'id')
      : Object.fromEntries(Object.entries(dataSet).filter(([name]) => name !== 'id' && properties.includes(name)))
  return { status: 200, body: Object.fromEntries(dataSets.map((dataSet) => [dataSet.id, cut(dataSet)])) }
}

function reference(id: string): readonly string[] {
  return [`@/dataSets/${id}`]
}
