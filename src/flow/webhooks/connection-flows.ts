import type { SourcePlugin } from '../../plugins/plugin.ts'
import type { WebhookReceiver } from '../../plugins/webhook.ts'
import type { StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { resourceOf } from '../open-source.ts'
import type { BaseConnection, Flow, SourceConnection } from '../types.ts'

const ALL = 1_000_000

/** A flow whose source is a resource of the connection. */
export interface ConnectionFlow {
  readonly flow: StoredEntity<Flow>
  /** The types of notification that concern it. */
  readonly types: readonly string[]
  readonly resourcePath: string
}

/** A base connection whose source sends notifications. */
export interface NotifiedConnection {
  readonly base: StoredEntity<BaseConnection>
  readonly plugin: SourcePlugin
  readonly receiver: WebhookReceiver
}

/** The connection with what takes its notifications; null when its source sends none. */
export function notifiedConnection(
  { plugins }: Pick<FlowContext, 'plugins'>,
  connection: StoredEntity | null,
): NotifiedConnection | null {
  if (connection === null) return null
  const base = connection as StoredEntity<BaseConnection>
  const plugin = plugins.get(base.document.connectionSpec.id)
  const receiver = plugin?.webhooks
  return plugin === undefined || receiver === undefined ? null : { base, plugin, receiver }
}

/** The flows that notifications of the connection may concern, drafts left out. */
export async function flowsOf(
  { entities }: Pick<StoreScope, 'entities'>,
  { base, plugin, receiver }: NotifiedConnection,
): Promise<readonly ConnectionFlow[]> {
  const flows: ConnectionFlow[] = []
  for (const id of await entities.usedBy(base, 'flows', base.id, ALL)) {
    const flow = (await entities.get(base, 'flows', id)) as StoredEntity<Flow> | null
    if (flow === null || flow.document.state === 'draft') continue
    const sourceId = String(flow.document.sourceConnectionIds[0])
    const source = (await entities.get(base, 'sourceConnections', sourceId)) as StoredEntity<SourceConnection> | null
    if (source?.document.baseConnectionId !== base.id) continue
    const resource = resourceOf(plugin, source.document.params)
    if (resource === undefined) continue
    const { resourcePath } = resource
    flows.push({ flow, resourcePath, types: receiver.typesOf(resourcePath) })
  }
  return flows
}
