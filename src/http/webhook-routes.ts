import { FlowServiceError } from '../errors.ts'
import { parseUnixTime } from '../flow/engine/unix-time.ts'
import type { WebhookEventService, WebhookEventsRequest } from '../flow/webhooks/webhook-event-service.ts'
import type { WebhookService } from '../flow/webhooks/webhook-service.ts'
import type { JsonObject } from '../json.ts'
import { WebhookRefusal, type WebhookAnswer } from '../plugins/webhook.ts'
import { Faults, parseBodyObject, readMember, typeName } from '../request-body.ts'
import { WEBHOOK_STATES, type WebhookChoice, type WebhookEntry, type WebhookState } from '../store/store.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { parseLimit } from './list-query.ts'
import {
  FLOW_SERVICE,
  queryValue,
  type ApiRequest,
  type ApiResponse,
  type PublicRequest,
  type PublicRoute,
  type Route,
} from './route.ts'

const EVENTS = `${FLOW_SERVICE}/connections/:id/webhookEvents`
const MOST_IDS = 1_000
const MOST_TYPES = 50
const LONGEST_TEXT = 255

/** Where sources send their signed notifications: open without API headers, the signature is the credential. */
export function webhookRoutes(service: WebhookService): PublicRoute[] {
  return [
    {
      method: 'POST',
      path: '/webhooks/:source/:connectionId',
      handler: (request) => receive(service, request),
    },
  ]
}

async function receive(service: WebhookService, { params, headers, readBody }: PublicRequest): Promise<ApiResponse> {
  const receiver = params['source'] ?? ''
  const connectionId = params['connectionId'] ?? ''
  try {
    return responseOf(await service.receive({ receiver, connectionId, headers, readBody }))
  } catch (error) {
    if (!(error instanceof WebhookRefusal)) throw error
    const { status, body } = error
    if (body !== undefined) return responseOf({ status, body })
    throw new FlowServiceError('1000-400', error.message)
  }
}

function responseOf({ status, body }: WebhookAnswer): ApiResponse {
  return body === undefined ? { status } : { status, body }
}

interface EventsToken {
  readonly before: number
  readonly request: Omit<WebhookEventsRequest, 'beforeNumber'>
}

/** The inbox of a connection: list, replay, fetch what was not delivered. */
export function webhookEventRoutes(service: WebhookEventService, tokens: TokenCodec): Route[] {
  return [
    { method: 'GET', path: EVENTS, handler: (request) => listEvents(service, tokens, request) },
    {
      method: 'POST',
      path: `${EVENTS}/replay`,
      body: 'optional',
      handler: async (request) => {
        await service.requireConnection(request.caller, pathId(request))
        if (request.body === undefined)
          throw new FlowServiceError('1405-400', 'The request body is empty; name notifications.')
        const choice = parseChoice(parseBodyObject(request.body))
        return { status: 200, body: await service.replay(request.caller, pathId(request), choice) }
      },
    },
    {
      method: 'POST',
      path: `${EVENTS}/sweep`,
      handler: async (request) => {
        return { status: 200, body: await service.sweep(request.caller, pathId(request)) }
      },
    },
  ]
}

async function listEvents(service: WebhookEventService, tokens: TokenCodec, request: ApiRequest): Promise<ApiResponse> {
  const { tenant } = request.caller
  const path = `connections/${pathId(request)}/webhookEvents`
  const scope = `${tenant.orgId}/${tenant.sandboxName}/${path}`
  const token = queryValue(request, 'continuationToken')
  const asked = token === undefined ? null : (tokens.decode(scope, token) as EventsToken)
  const filter = asked?.request ?? parseFilter(request)
  const page = { ...filter, beforeNumber: asked?.before ?? null }
  const { entries, next } = await service.list(request.caller, pathId(request), page)
  const href = (before: number) => {
    const continuation = tokens.encode(scope, { before, request: filter } satisfies EventsToken)
    return `/${path}?continuationToken=${continuation}`
  }
  return {
    status: 200,
    body: {
      items: entries.map(shown),
      _page: { count: entries.length },
      _links: next === null ? {} : { next: { href: href(next) } },
    },
  }
}

function shown(entry: WebhookEntry & { readonly state: WebhookState }) {
  const { key: id, type, subjectId: objectId, occurredAt: createdAt, receivedAt, origin, state } = entry
  return { id, type, ...(objectId === null ? {} : { objectId }), createdAt, receivedAt, origin, state }
}

function parseFilter(request: ApiRequest): EventsToken['request'] {
  const types = (request.query['type'] ?? []).flatMap((text) => text.split(',')).filter((type) => type !== '')
  if (types.length > MOST_TYPES) {
    const message = `The parameter type names ${types.length} types; give at most ${MOST_TYPES}.`
    throw new FlowServiceError('1443-400', message)
  }
  const state = parseState(queryValue(request, 'state'))
  return {
    limit: parseLimit(queryValue(request, 'limit')),
    ...(types.length === 0 ? {} : { types }),
    ...(state === undefined ? {} : { state }),
  }
}

function parseState(value: string | undefined): WebhookState | undefined {
  const state = WEBHOOK_STATES.find((each) => each === value)
  if (value === undefined || state !== undefined) return state
  const known = WEBHOOK_STATES.join(', ')
  throw new FlowServiceError('1452-400', `The parameter state is "${value.slice(0, 40)}"; give one of ${known}.`)
}

/** `{"ids": [...]}`, or `{"from": ..., "to": ...}` in Unix time of which `to` may be left out. */
function parseChoice(body: JsonObject): WebhookChoice {
  const faults = new Faults()
  const ids = readMember(body, 'ids')
  const times = { from: readMember(body, 'from'), to: readMember(body, 'to') }
  const hasTimes = times.from !== undefined || times.to !== undefined
  if (ids !== undefined && hasTimes) faults.invalid('', 'The body has both ids and times; give either.')
  else if (ids === undefined && times.from === undefined) {
    faults.missing('/ids', 'The body names no notifications; give ids, or from and to.')
  }
  const keys = ids === undefined ? [] : parseIds(faults, ids)
  const from = parseTime(faults, 'from', times.from)
  const to = parseTime(faults, 'to', times.to)
  if (from !== undefined && to !== undefined && to < from) {
    faults.invalid('/to', '/to lies before /from; swap them.', '1381-400')
  }
  faults.throwIfAny()
  return ids === undefined ? { from: from ?? 0, to: to ?? Number.MAX_SAFE_INTEGER } : { keys }
}

function parseIds(faults: Faults, ids: unknown): readonly string[] {
  if (!Array.isArray(ids) || ids.length === 0) {
    const found = Array.isArray(ids) ? 'empty' : typeName(ids)
    faults.invalid('/ids', `/ids is ${found}; give an array of ids.`)
    return []
  }
  if (ids.length > MOST_IDS) {
    faults.invalid('/ids', `/ids has ${ids.length} entries; give at most ${MOST_IDS}.`, '1443-400')
    return []
  }
  for (const [index, id] of ids.entries()) {
    const isId = typeof id === 'string' && id !== '' && id.length <= LONGEST_TEXT
    if (!isId) faults.invalid(`/ids/${index}`, `/ids/${index} is no id; give the id of a notification.`)
  }
  return ids as readonly string[]
}

function parseTime(faults: Faults, name: string, value: unknown): number | undefined {
  const time = parseUnixTime(value)
  if (!Number.isNaN(time)) return time
  faults.invalid(`/${name}`, `/${name} is no time; give a Unix time, a whole number of seconds or milliseconds.`)
  return undefined
}
