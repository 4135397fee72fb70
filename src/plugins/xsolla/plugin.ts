import { isJsonObject, type JsonObject } from '../../json.ts'
import type {
  EstimateRequest,
  Page,
  Source,
  SourceEstimate,
  SourcePlugin,
  SourceRecord,
  SourceResource,
} from '../plugin.ts'
import { createXsollaWebhooks, NOTIFICATIONS, USERS, type XsollaWebhookOptions } from './webhooks.ts'

/**
 * The plugin that a specification of Xsolla describes, with what no specification can say: it takes Xsolla's notifications,
 * and they land under the resource path `notifications`. A resource `users` whose elements are subscriptions shows their
 * users. Everything else stays as it is. The auth specs declare `webhookSecret` and may declare `userValidationUrl`.
 */
export function withXsollaWebhooks(plugin: SourcePlugin, options: XsollaWebhookOptions): SourcePlugin {
  return {
    ...plugin,
    // The source's parameters name it among the others, where they are an enumeration.
    resources: [
      ...plugin.resources.filter(({ resourcePath }) => resourcePath !== NOTIFICATIONS),
      NOTIFICATION_RESOURCE,
    ],
    webhooks: createXsollaWebhooks(options),
    resourceOf: (params) =>
      params['resourcePath'] === NOTIFICATIONS ? NOTIFICATION_RESOURCE : ownResourceOf(plugin, params),
    connect: (auth, params, context) => extended(plugin.connect(auth, params, context)),
  }
}

const OBJECT = { type: 'object', properties: {} }

const NOTIFICATION_SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    data: {
      type: 'object',
      properties: {
        notification_type: { type: 'string' },
        settings: { type: 'object', properties: { project_id: { type: 'integer' }, merchant_id: { type: 'integer' } } },
        user: OBJECT,
        subscription: OBJECT,
        transaction: OBJECT,
        purchase: OBJECT,
        payment_details: OBJECT,
        refund_details: OBJECT,
        order: OBJECT,
        billing: OBJECT,
        custom_parameters: OBJECT,
      },
    },
  },
}

const NOTIFICATION_RESOURCE: SourceResource = {
  resourcePath: NOTIFICATIONS,
  passes: ['all'],
  overlapSeconds: 0,
  builtInSchema: NOTIFICATION_SCHEMA,
}

function ownResourceOf(plugin: SourcePlugin, params: JsonObject): SourceResource | undefined {
  if (plugin.resourceOf) return plugin.resourceOf(params)
  return plugin.resources.find(({ resourcePath }) => resourcePath === params['resourcePath'])
}

function extended(source: Source): Source {
  return {
    ...source,
    async readPage(request) {
      // They are sent, never listed.
      if (request.resourcePath === NOTIFICATIONS) return EMPTY_PAGE
      const page = await source.readPage(request)
      return request.resourcePath === USERS ? { ...page, records: page.records.map(userOf) } : page
    },
    ...(source.estimate === undefined
      ? {}
      : { estimate: async (request: EstimateRequest) => estimate(source, request) }),
  }
}

/** A user with several subscriptions is the same in each; the subscriptions would take turns as the user's newest state. */
function userOf(listed: SourceRecord): SourceRecord {
  const { data } = listed.record
  const user = isJsonObject(data) ? data['user'] : undefined
  return isJsonObject(user) ? { ...listed, record: { data: user } } : listed
}

const EMPTY_PAGE: Page = { records: [], nextCursor: null }

const NOTHING_TO_READ: SourceEstimate = {
  permissions: [{ resourcePath: NOTIFICATIONS, granted: true, missing: null }],
  rows: 0,
  exact: true,
  requests: 0,
  seconds: 0,
  calls: 0,
}

function estimate(source: Source, request: EstimateRequest): Promise<SourceEstimate> | SourceEstimate {
  return request.resourcePath === NOTIFICATIONS ? NOTHING_TO_READ : source.estimate!(request)
}
