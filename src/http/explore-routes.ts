import type { FlowContext } from '../flow/context.ts'
import type { SourceCallLimits } from '../flow/explore/call-source.ts'
import { createExploreService } from '../flow/explore/explore-service.ts'
import { FLOW_SERVICE } from './route.ts'
import type { Route } from './route.ts'

/** Looking into a source before a flow exists: what it offers, the shape of it, and whether the credential works. */
export function exploreRoutes(context: FlowContext, limits?: SourceCallLimits): readonly Route[] {
  const service = createExploreService(context, limits)
  return [
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/connections/:id/explore`,
      handler: async ({ caller, params, query }) => ({
        status: 200,
        body: await service.exploreConnection(caller, params['id'] ?? '', query),
      }),
    },
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/connections/:id/test`,
      handler: async ({ caller, params }) => ({
        status: 200,
        body: { result: await service.testConnection(caller, params['id'] ?? '') },
      }),
    },
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/sourceConnections/:id/explore`,
      handler: async ({ caller, params, query }) => ({
        status: 200,
        body: await service.exploreSourceConnection(caller, params['id'] ?? '', query),
      }),
    },
  ]
}
