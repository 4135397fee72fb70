import type { FlowContext } from '../flow/context.ts'
import type { SourceCallLimits } from '../flow/explore/call-source.ts'
import { createSourcePlanService } from '../flow/source-plan.ts'
import { FLOW_SERVICE } from './route.ts'
import type { Route } from './route.ts'

/** What the first run of a source connection will take, before it. */
export function sourcePlanRoutes(context: FlowContext, limits?: SourceCallLimits): readonly Route[] {
  const service = createSourcePlanService(context, limits)
  return [
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/sourceConnections/:id/plan`,
      handler: async ({ caller, params }) => ({
        status: 200,
        body: await service.plan(caller, params['id'] ?? ''),
      }),
    },
  ]
}
