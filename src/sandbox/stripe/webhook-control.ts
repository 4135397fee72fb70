import type { Control } from './control.ts'
import { StripeError } from './errors.ts'
import { isHash, MODES } from './types.ts'
import { endpointObject } from './webhook-endpoints.ts'
import type { WebhookRule } from './webhook-scripts.ts'
import type { WebhookEndpointOption } from './webhooks.ts'

/** `/_sandbox/webhooks/…`: endpoints with their secrets, scripts, attempts. */
export const WEBHOOK_CONTROLS: Readonly<Record<string, Control>> = {
  'GET /_sandbox/webhooks': ({ state: { webhooks, worlds } }) => ({
    endpoints: MODES.flatMap((mode) =>
      webhooks.endpoints(mode).map((endpoint) => endpointObject(endpoint, worlds[mode].plan.livemode)),
    ),
    ...webhooks.counts(),
  }),
  'POST /_sandbox/webhooks/endpoints': ({ state, body }) => {
    const { url, enabledEvents, apiVersion, description, secret, mode } = hashOf(body)
    const given: Record<string, unknown> = { url: textOf(url, 'url') }
    if (enabledEvents !== undefined) given.enabledEvents = textsOf(enabledEvents, 'enabledEvents')
    for (const [name, value] of Object.entries({ apiVersion, description, secret, mode })) {
      if (value !== undefined && value !== null) given[name] = textOf(value, name)
    }
    return state.webhooks.add(given as unknown as WebhookEndpointOption)
  },
  'DELETE /_sandbox/webhooks/endpoints/:id': ({ state, id }) => ({ removed: state.webhooks.remove(id) }),
  'POST /_sandbox/webhooks/roll': ({ state, body }) => {
    const { id, keepSeconds, secret } = hashOf(body)
    const kept = keepSeconds === undefined ? undefined : Number(keepSeconds)
    return state.webhooks.roll(textOf(id, 'id'), kept, secret === undefined ? undefined : textOf(secret, 'secret'))
  },
  'GET /_sandbox/webhooks/scripts': ({ state }) => ({ scripts: state.webhooks.scripts.list() }),
  'POST /_sandbox/webhooks/scripts': ({ state, body }) => ({
    ids: [body].flat().map((rule) => state.webhooks.scripts.add(rule as WebhookRule)),
  }),
  'DELETE /_sandbox/webhooks/scripts': ({ state }) => {
    state.webhooks.scripts.clear()
    return { scripts: [] }
  },
  'DELETE /_sandbox/webhooks/scripts/:id': ({ state, id }) => ({ removed: state.webhooks.scripts.remove(id) }),
  'GET /_sandbox/webhooks/attempts': ({ state, query }) => ({
    attempts: state.webhooks
      .attempts()
      .filter(({ event }) => event === (query.get('event') ?? event))
      .slice(-Number(query.get('limit') ?? 1000)),
  }),
  'POST /_sandbox/webhooks/resend': ({ state, body }) => {
    const { event, endpoint } = hashOf(body)
    state.webhooks.resend(textOf(event, 'event'), endpoint === undefined ? undefined : textOf(endpoint, 'endpoint'))
    return state.webhooks.counts()
  },
  'POST /_sandbox/webhooks/release': ({ state }) => {
    state.webhooks.release()
    return state.webhooks.counts()
  },
}

function hashOf(body: unknown): Record<string, unknown> {
  return isHash(body) ? body : {}
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new StripeError(400, `${name} must be a text.`, { param: name })
}

function textsOf(value: unknown, name: string): readonly string[] {
  if (Array.isArray(value)) return value.map((entry) => textOf(entry, name))
  throw new StripeError(400, `${name} must be a list of texts.`, { param: name })
}
