import type { FlowContext } from '../flow/context.ts'
import { createFlowService } from '../flow/flow-service.ts'
import type { FlowServiceOptions } from '../flow/flow-service.ts'
import type { TokenCodec } from './continuation-token.ts'
import { entityRoutes } from './entity-routes.ts'
import { createEntityLists } from './list-query.ts'
import { FLOW_SERVICE } from './route.ts'
import type { Route } from './route.ts'

/** Flows. */
export function flowRoutes(context: FlowContext, tokens: TokenCodec, options: FlowServiceOptions = {}): Route[] {
  const service = createFlowService(context, options)
  const lists = createEntityLists(context.store, tokens)
  return [
    ...entityRoutes({
      collection: 'flows',
      service,
      lists,
      actions: {
        publish: (caller, id, ifMatch) => service.publish(caller, id, ifMatch),
        enable: (caller, id, ifMatch) => service.enable(caller, id, ifMatch),
        disable: (caller, id, ifMatch) => service.disable(caller, id, ifMatch),
      },
      providerActions: ['finalize', 'finalize_update'],
    }),
    {
      method: 'POST',
      path: `${FLOW_SERVICE}/flows/search`,
      body: 'optional',
      handler: (request) => lists.search(request, 'flows'),
    },
  ]
}
