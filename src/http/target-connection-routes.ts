import type { FlowContext } from '../flow/context.ts'
import { createTargetConnectionService } from '../flow/target-connection-service.ts'
import type { TokenCodec } from './continuation-token.ts'
import { entityRoutes } from './entity-routes.ts'
import { createEntityLists } from './list-query.ts'
import type { Route } from './route.ts'

/** Target connections. */
export function targetConnectionRoutes(context: FlowContext, tokens: TokenCodec): Route[] {
  const service = createTargetConnectionService(context)
  return entityRoutes({
    collection: 'targetConnections',
    service,
    lists: createEntityLists(context.store, tokens),
    actions: { publish: (caller, id) => service.publish(caller, id) },
    patchAnswersItems: true,
  })
}
