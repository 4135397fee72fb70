import type { Call, Endpoint } from './endpoints.ts'
import { LIST_PARAMS, listEntries } from './lists.ts'
import type { ParamSchema, ValidParams } from './parameters.ts'
import type { JsonHash, StripeObject } from './types.ts'
import { mergeMetadata } from './mutations/mutation.ts'
import { endpointObject } from './webhook-endpoints.ts'
import type { WebhookEndpoint } from './webhook-endpoints.ts'

const PATH = '/v1/webhook_endpoints'

/** Not documented: more types than there are. */
const MAX_TYPES = 500

const CHANGEABLE = {
  description: { kind: 'text', unsettable: true },
  metadata: { kind: 'metadata' },
  expand: LIST_PARAMS.expand!,
} as const satisfies ParamSchema

const EVENTS = { kind: 'texts', max: MAX_TYPES } as const
const URL_RULE = { kind: 'text', max: 5000 } as const

function row(
  method: 'GET' | 'POST' | 'DELETE',
  pattern: string,
  params: ParamSchema,
  handle: (call: Call) => JsonHash,
): Endpoint {
  return { method, pattern, permission: 'webhook', access: method === 'GET' ? 'read' : 'write', params, handle }
}

/** `/v1/webhook_endpoints`. */
export const WEBHOOK_API: readonly Endpoint[] = [
  row('GET', PATH, LIST_PARAMS, ({ world, params, version }) => {
    const endpoints = world.webhookEndpoints.all().toReversed()
    const objects = endpoints.map((endpoint) => endpointObject(endpoint, world.plan.livemode))
    return listEntries(world, objects, 'webhook_endpoint', params, version, PATH)
  }),
  row(
    'POST',
    PATH,
    {
      ...CHANGEABLE,
      url: { ...URL_RULE, required: true },
      enabled_events: { ...EVENTS, required: true },
      api_version: { kind: 'text' },
    },
    ({ world, params }) => {
      const endpoint = world.webhookEndpoints.add({
        url: String(params.url),
        enabledEvents: params.enabled_events as string[],
        apiVersion: (params.api_version as string | undefined) ?? null,
        description: (params.description as string | null | undefined) ?? null,
        metadata: mergeMetadata({}, params.metadata),
      })
      // The one time that the secret is shown.
      return { ...shown({ world }, endpoint), secret: endpoint.secrets[0]!.value }
    },
  ),
  row('GET', `${PATH}/:id`, { expand: LIST_PARAMS.expand! }, (call) => shown(call, found(call))),
  row(
    'POST',
    `${PATH}/:id`,
    { ...CHANGEABLE, url: URL_RULE, enabled_events: EVENTS, disabled: { kind: 'boolean' } },
    (call) => shown(call, call.world.webhookEndpoints.change(call.id, changeOf(found(call), call.params))),
  ),
  row('DELETE', `${PATH}/:id`, {}, (call) => {
    const { id } = found(call)
    call.world.webhookEndpoints.remove(id)
    return { id, object: 'webhook_endpoint', deleted: true }
  }),
]

function found({ world, id }: Call): WebhookEndpoint {
  return world.webhookEndpoints.get(id)
}

function shown({ world }: Pick<Call, 'world'>, endpoint: WebhookEndpoint): StripeObject {
  return endpointObject(endpoint, world.plan.livemode)
}

function changeOf(current: WebhookEndpoint, params: ValidParams) {
  const { url, enabled_events: events, description, disabled, metadata } = params
  return {
    ...(url === undefined ? {} : { url: String(url) }),
    ...(events === undefined ? {} : { enabledEvents: events as string[] }),
    ...(description === undefined ? {} : { description: description as string | null }),
    ...(disabled === undefined ? {} : { status: disabled === true ? ('disabled' as const) : ('enabled' as const) }),
    metadata: mergeMetadata(current.metadata, metadata),
  }
}
