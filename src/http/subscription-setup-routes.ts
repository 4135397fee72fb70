import type { SubscriptionSetupService } from '../flow/subscription-setups/setup-service.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { parseLimit } from './list-query.ts'
import { FLOW_SERVICE, queryValue, type ApiRequest, type ApiResponse, type Route } from './route.ts'

const SETUPS = `${FLOW_SERVICE}/connections/:id/subscriptionSetups`

interface SetupsToken {
  readonly beforeNo: number
  readonly limit: number
}

/** Set-ups of subscriptions at the account of a connection: begin, list, read. */
export function subscriptionSetupRoutes(service: SubscriptionSetupService, tokens: TokenCodec): Route[] {
  return [
    // An unknown connection is told before a missing body.
    { method: 'POST', path: SETUPS, body: 'optional', handler: (request) => begin(service, request) },
    { method: 'GET', path: SETUPS, handler: (request) => list(service, tokens, request) },
    {
      method: 'GET',
      path: `${SETUPS}/:setupId`,
      handler: async (request) => ({
        status: 200,
        body: await service.get(request.caller, pathId(request), request.params['setupId'] ?? ''),
      }),
    },
  ]
}

async function begin(service: SubscriptionSetupService, request: ApiRequest): Promise<ApiResponse> {
  const connectionId = pathId(request)
  const setup = await service.create(request.caller, connectionId, request.body, request.idempotencyKey)
  const Location = `${FLOW_SERVICE}/connections/${connectionId}/subscriptionSetups/${setup.id}`
  return { status: 201, headers: { Location }, body: setup }
}

async function list(service: SubscriptionSetupService, tokens: TokenCodec, request: ApiRequest): Promise<ApiResponse> {
  const { tenant } = request.caller
  const path = `connections/${pathId(request)}/subscriptionSetups`
  const scope = `${tenant.orgId}/${tenant.sandboxName}/${path}`
  const token = queryValue(request, 'continuationToken')
  const asked =
    token === undefined
      ? { beforeNo: null, limit: parseLimit(queryValue(request, 'limit')) }
      : (tokens.decode(scope, token) as SetupsToken)
  const { items, next } = await service.list(request.caller, pathId(request), asked)
  const href = () => `/${path}?continuationToken=${tokens.encode(scope, { beforeNo: next, limit: asked.limit })}`
  return { status: 200, body: { items, _links: next === null ? {} : { next: { href: href() } } } }
}
