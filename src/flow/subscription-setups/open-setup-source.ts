import { FlowServiceError } from '../../errors.ts'
import type { SubscriptionSetups, SubscriptionSetupSource } from '../../plugins/subscription-setup.ts'
import type { StoredEntity } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { authParams, pluginOf } from '../open-source.ts'

/** The part of a connection's plugin that sets up subscriptions; 1402-400 when it has none, 1416-400 for a draft. */
export function setupsOf(context: Pick<FlowContext, 'plugins'>, connection: StoredEntity): SubscriptionSetups {
  const { subscriptionSetups } = pluginOf(context, connection)
  if (subscriptionSetups === undefined) {
    throw new FlowServiceError(
      '1402-400',
      `The source of connection ${connection.id} sets up no subscriptions; use a connection to Stripe.`,
    )
  }
  if (connection.document['state'] === 'draft') {
    throw new FlowServiceError('1416-400', `The connection ${connection.id} is a draft; publish it before you use it.`)
  }
  return subscriptionSetups
}

/** The account behind a connection, for one set-up; makes no request. Throws like `setupsOf`, and 1102-500. */
export function openSetupSource(
  context: FlowContext,
  connection: StoredEntity,
  { setupId, apiVersion }: { readonly setupId: string; readonly apiVersion: string },
): SubscriptionSetupSource {
  const setups = setupsOf(context, connection)
  const logger = context.logger.child({ connectionId: connection.id, setupId })
  // A customer who waits must not wait behind a backfill, so every set-up takes its own turns.
  return setups.connect(authParams(context, connection), apiVersion, { logger, owner: setupId })
}
