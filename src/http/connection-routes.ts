import { FlowServiceError } from '../errors.ts'
import { createConnectionService } from '../flow/connection-service.ts'
import type { FlowContext } from '../flow/context.ts'
import { createSourceConnectionService } from '../flow/source-connection-service.ts'
import { createTargetConnectionService } from '../flow/target-connection-service.ts'
import type { TokenCodec } from './continuation-token.ts'
import { entityRoutes, pathId } from './entity-routes.ts'
import type { Action } from './entity-routes.ts'
import { createEntityLists } from './list-query.ts'
import { FLOW_SERVICE } from './route.ts'
import type { Route } from './route.ts'

/** Base connections. */
export function connectionRoutes(context: FlowContext, tokens: TokenCodec): Route[] {
  const service = createConnectionService(context)
  const lists = createEntityLists(context.store, tokens)
  const all = `${FLOW_SERVICE}/connections`
  return [
    ...entityRoutes({
      collection: 'connections',
      service,
      lists,
      actions: { publish: publishAny(context) },
      providerActions: ['finalize', 'finalize_update'],
    }),
    {
      method: 'POST',
      path: `${all}/search`,
      body: 'optional',
      handler: (request) => lists.search(request, 'connections'),
    },
    {
      method: 'GET',
      path: `${all}/:id/configs`,
      handler: async (request) => {
        await service.get(request.caller, pathId(request))
        return { status: 200, body: { items: [], pageInfo: { hasNext: false } } }
      },
    },
  ]
}

/** A tutorial publishes source and target connections under the path of base connections; the id tells them apart. */
function publishAny(context: FlowContext): Action {
  const services = [
    createConnectionService(context),
    createSourceConnectionService(context),
    createTargetConnectionService(context),
  ]
  return async (caller, id) => {
    let unknown: unknown
    for (const service of services) {
      try {
        return await service.publish(caller, id)
      } catch (error) {
        if (!(error instanceof FlowServiceError) || error.code !== '1101-404') throw error
        unknown ??= error
      }
    }
    throw unknown
  }
}
