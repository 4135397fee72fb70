import type { FlowContext } from '../flow/context.ts'
import { createSourceConnectionService } from '../flow/source-connection-service.ts'
import type { TokenCodec } from './continuation-token.ts'
import { entityRoutes } from './entity-routes.ts'
import { createEntityLists } from './list-query.ts'
import type { Route } from './route.ts'

/** Source connections. */
export function sourceConnectionRoutes(context: FlowContext, tokens: TokenCodec): Route[] {
  const service = createSourceConnectionService(context)
  return entityRoutes({
    collection: 'sourceConnections',
    service,
    lists: createEntityLists(context.store, tokens),
    actions: { publish: (caller, id) => service.publish(caller, id) },
    patchAnswersItems: true,
  })
}
