import { answered } from './answered.ts'
import { missingResource, unknownUrl } from './errors.ts'
import type { LimitClass } from './limits.ts'
import { LIST_PARAMS, listEntries, listResource, listSchema, otherModeHint } from './lists.ts'
import type { EventCause } from './events.ts'
import type { Mutation } from './mutations/mutation.ts'
import { MUTATIONS } from './mutations/table.ts'
import type { ParamSchema, ValidParams } from './parameters.ts'
import { PAYMENT_ENDPOINTS } from './payments/endpoints.ts'
import type { Resource } from './resources.ts'
import { RESOURCES } from './resources.ts'
import { isSearchable, SEARCH_PARAMS, searchResource } from './search.ts'
import type { ReadyPage } from './serialize.ts'
import type { JsonHash, StripeObject } from './types.ts'
import { hashOf, RESOURCE_NAMES } from './types.ts'
import { WEBHOOK_API } from './webhook-api.ts'
import type { World } from './world.ts'

/** One request, authenticated, with checked parameters. */
export interface Call {
  readonly world: World
  readonly otherWorld: World
  readonly version: string
  readonly path: string
  /** The id in the path, or an empty string. */
  readonly id: string
  readonly params: ValidParams
  readonly cause: EventCause
}

export interface Endpoint {
  readonly method: string
  /** `:id` stands for the third segment. */
  readonly pattern: string
  /** The middle of `rak_<permission>_<access>`; null is closed to restricted keys. */
  readonly permission: string | null
  readonly access: 'read' | 'write'
  readonly params: ParamSchema
  /** Shares a rate with the others of its class, in the place of one of its own. */
  readonly limitClass?: LimitClass
  readonly handle: (call: Call) => JsonHash | ReadyPage
}

const EXPAND: ParamSchema = { expand: LIST_PARAMS.expand }

/** Finds the object of the path; a hidden one (an event out of reach) counts as unknown. */
function located(call: Call, resource: Resource): StripeObject {
  const { world, id } = call
  const row = world.collections[resource.name].row(id)
  const object = row && world.collections[resource.name].object(row)
  const hidden = object?.object === 'price' && object.deleted === true && world.behaviour.deletedPriceStatus === 404
  const reachable =
    resource.name !== 'events' ||
    (row && resource.visible?.({}, world)(world.collections.events.facts(row), () => object as StripeObject))
  if (!object || hidden || !reachable)
    throw missingResource(resource.kind, id, 'id', otherModeHint(resource, id, world, call.otherWorld))
  return object
}

/** A write about an existing object; a deleted one is unknown to writes. */
function write(resource: Resource, method: string, mutation: Mutation): Endpoint {
  return {
    method,
    pattern: `/v1/${resource.name}/:id`,
    permission: resource.permission,
    access: 'write',
    params: mutation.params,
    handle(call) {
      const current = located(call, resource)
      if (current.deleted === true) throw missingResource(resource.kind, call.id, 'id')
      return answered(call, mutation.run(call, call.params, current))
    },
  }
}

function endpointsOf(resource: Resource): Endpoint[] {
  const path = `/v1/${resource.name}`
  const { create, update, delete: remove } = MUTATIONS[resource.name]
  const { permission } = resource
  return [
    {
      method: 'GET',
      pattern: path,
      permission,
      access: 'read',
      params: listSchema(resource),
      handle: (call) => listResource(call.world, resource, call.params, call.version, path, call.otherWorld),
    },
    {
      method: 'GET',
      pattern: `${path}/:id`,
      permission,
      access: 'read',
      params: EXPAND,
      handle: (call) => answered(call, located(call, resource)),
    },
    ...(isSearchable(resource.name)
      ? [
          {
            method: 'GET',
            pattern: `${path}/search`,
            permission,
            access: 'read' as const,
            params: SEARCH_PARAMS,
            limitClass: 'search' as const,
            handle: (call: Call) => searchResource(call, resource),
          },
        ]
      : []),
    ...(create
      ? [
          {
            method: 'POST',
            pattern: path,
            permission,
            access: 'write' as const,
            params: create.params,
            handle: (call: Call) => answered(call, create.run(call, call.params)),
          },
        ]
      : []),
    ...(update ? [write(resource, 'POST', update)] : []),
    ...(remove ? [write(resource, 'DELETE', remove)] : []),
  ]
}

const nested: readonly Endpoint[] = [
  {
    method: 'GET',
    pattern: '/v1/subscription_items',
    permission: 'subscription',
    access: 'read',
    params: { ...LIST_PARAMS, subscription: { kind: 'text', required: true } },
    handle(call) {
      const id = String(call.params.subscription)
      const subscription = call.world.find('subscriptions', id)
      if (!subscription) throw missingResource('subscription', id, 'subscription')
      const items = hashOf(subscription.items).data as StripeObject[]
      return listEntries(call.world, items, 'subscription_item', call.params, call.version, '/v1/subscription_items')
    },
  },
  {
    method: 'GET',
    pattern: '/v1/charges/:id/refunds',
    permission: 'refund',
    access: 'read',
    params: LIST_PARAMS,
    handle(call) {
      const charge = located(call, RESOURCES.charges)
      return listEntries(call.world, call.world.refundsOf(charge.id), 'refund', call.params, call.version, call.path)
    },
  },
  {
    method: 'GET',
    pattern: '/v1/products/:id',
    permission: 'product',
    access: 'read',
    params: EXPAND,
    handle(call) {
      const product = call.world.product(call.id)
      if (!product) throw missingResource('product', call.id, 'id')
      return product
    },
  },
  {
    method: 'GET',
    pattern: '/v1/account',
    permission: null,
    access: 'read',
    params: EXPAND,
    handle: ({ world }) => ({
      id: world.plan.accountId,
      object: 'account',
      business_type: 'company',
      charges_enabled: true,
      country: world.behaviour.indiaAccount ? 'IN' : world.behaviour.accountCountry,
      default_currency: world.behaviour.indiaAccount ? 'inr' : 'usd',
      details_submitted: true,
      email: 'sandbox@example.com',
      payouts_enabled: true,
      settings: { dashboard: { display_name: 'Sandbox Shop', timezone: 'Etc/UTC' } },
      type: 'standard',
    }),
  },
]

const TABLE = new Map<string, Endpoint>(
  [
    ...RESOURCE_NAMES.flatMap((name) => endpointsOf(RESOURCES[name])),
    ...nested,
    ...PAYMENT_ENDPOINTS,
    ...WEBHOOK_API,
  ].map((endpoint) => [`${endpoint.method} ${endpoint.pattern}`, endpoint]),
)

/** The endpoint of a path, and the id in it; throws the 404 of an unrecognized URL. */
export function route(method: string, path: string): { endpoint: Endpoint; id: string } {
  const exact = TABLE.get(`${method} ${path}`)
  if (exact) return { endpoint: exact, id: '' }
  const [, version, plural, id, ...rest] = path.split('/')
  if (id === 'search') throw unknownUrl(method, path)
  const pattern = ['', version, plural, ':id', ...rest].join('/')
  const endpoint = id ? TABLE.get(`${method} ${pattern}`) : undefined
  if (!endpoint || id === undefined) throw unknownUrl(method, path)
  return { endpoint, id: decodeSegment(id, method, path) }
}

function decodeSegment(segment: string, method: string, path: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw unknownUrl(method, path)
  }
}
