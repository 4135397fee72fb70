import type { FlowContext } from '../flow/context.ts'
import type { RunService } from '../flow/run-service.ts'
import type { Run } from '../flow/types.ts'
import { notFound } from '../errors.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { createEntityLists } from './list-query.ts'
import { FLOW_SERVICE, queryValue, type ApiRequest, type ApiResponse, type Route } from './route.ts'

const RUNS = `${FLOW_SERVICE}/runs`

/** Runs: on demand, list, read, trigger again. */
export function runRoutes(context: FlowContext, tokens: TokenCodec, service: RunService): Route[] {
  const lists = createEntityLists(context.store, tokens)
  return [
    { method: 'GET', path: RUNS, handler: (request) => lists.list(request, 'runs') },
    {
      method: 'POST',
      path: RUNS,
      body: 'required',
      handler: async ({ caller, body }) => {
        const run = await service.create(caller, body)
        // Three shapes of this answer are documented; this one is all of them.
        const items = [{ id: run.id, etag: run.etag }]
        return { ...runResponse(run, 201, { Location: `${RUNS}/${run.id}` }), body: { ...run, items } }
      },
    },
    {
      method: 'GET',
      path: `${RUNS}/:id`,
      handler: async (request) => {
        const { document, etag } = await service.get(request.caller, pathId(request))
        return { status: 200, headers: { ETag: etag }, body: { items: [document] } }
      },
    },
    {
      method: 'PUT',
      path: `${RUNS}/:id`,
      body: 'required',
      handler: async (request) => service.put(request.caller, pathId(request), request.ifMatch),
    },
    {
      method: 'POST',
      path: `${RUNS}/:id/action`,
      body: 'optional',
      handler: async (request) =>
        runResponse(await service.act(request.caller, pathId(request), queryValue(request, 'op'), request.ifMatch)),
    },
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/flows/:id/runs`,
      handler: (request) => listRunsOfFlow(context, lists, request),
    },
  ]
}

function runResponse(run: Run, status = 200, headers: Record<string, string> = {}): ApiResponse {
  return { status, headers: { ETag: run.etag, ...headers }, body: run }
}

/** The same as `GET /runs?property=flowId=={id}`: runs outlive their flow, so a deleted flow still lists them. */
async function listRunsOfFlow(
  { store }: FlowContext,
  lists: ReturnType<typeof createEntityLists>,
  request: ApiRequest,
): Promise<ApiResponse> {
  const id = pathId(request)
  const ofFlow = { path: [{ name: 'flowId', each: false }], operator: '==', values: [id] } as const
  const { tenant } = request.caller
  const isKnown =
    (await store.entities.get(tenant, 'flows', id)) !== null ||
    (await store.entities.count(tenant, 'runs', [ofFlow])) > 0
  if (!isKnown) throw notFound('flows', id)
  return lists.list(request, 'runs', [ofFlow])
}
