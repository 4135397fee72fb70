import type { EventCause } from './events.ts'
import { NO_REQUEST } from './events.ts'
import { missingResource, StripeError } from './errors.ts'
import type { ChildChange } from './mutations/customer-children.ts'
import { changeCustomerChild } from './mutations/customer-children.ts'
import type { DisputeOutcome } from './mutations/disputes.ts'
import { closeDispute, DISPUTE_OUTCOMES, openDispute } from './mutations/disputes.ts'
import { commit } from './mutations/mutation.ts'
import type { MutationContext } from './mutations/mutation.ts'
import { deletePrice, updatePrice } from './mutations/prices.ts'
import { failRefund } from './mutations/refunds.ts'
import { MUTATIONS } from './mutations/table.ts'
import { rawFromJson, validate } from './parameters.ts'
import { expireIncomplete } from './payments/expiry.ts'
import { decide, waitingAttempt } from './payments/redirects.ts'
import { RESOURCES } from './resources.ts'
import type { ChildKind, Json, JsonHash, ResourceName, StripeObject } from './types.ts'
import { RESOURCE_NAMES } from './types.ts'
import type { World } from './world.ts'

/** Stands for the object that the request's cursor names, or the last one of the latest list answer. */
export const CURSOR = '$cursor'

/**
 * A change made by a script rather than a request. `id` is an object's id or `$cursor`; its resource is found by itself.
 * Events of actions have `request.id: null`.
 */
export type Action =
  /** Creates through the same code as the API. Missing parameters get working defaults. */
  | { readonly type: 'create'; readonly resource: ResourceName; readonly params?: object; readonly count?: number }
  /** Updates with the parameters of the API. */
  | { readonly type: 'update'; readonly id: string; readonly params: object }
  /** Sets fields that only Stripe sets, for example `{status: 'past_due'}`; `silent` makes no event. */
  | {
      readonly type: 'patch'
      readonly id: string
      readonly fields: JsonHash
      readonly silent?: boolean
      /** Told instead of `*.updated`, for example `customer.subscription.paused`. */
      readonly eventType?: string
    }
  /** Deletes a customer or a price, cancels a subscription. */
  | { readonly type: 'delete'; readonly id: string }
  /** Opens a dispute of the charge `id`, with the events `charge.dispute.*` only. */
  | { readonly type: 'dispute'; readonly id: string; readonly reason?: string }
  /** Decides the open dispute of the charge `id`; it is lost unless told otherwise. */
  | { readonly type: 'close_dispute'; readonly id: string; readonly outcome?: DisputeOutcome }
  /** Lets a refund fail and takes it back from its charge. */
  | { readonly type: 'fail_refund'; readonly id: string }
  /** Changes a discount, source or tax id of the customer `id`, with the child's event only. */
  | { readonly type: 'customer_child'; readonly id: string; readonly child: ChildKind; readonly change?: ChildChange }
  /** Makes any object vanish without stub or event. */
  | { readonly type: 'remove'; readonly id: string }
  /** One more event about an object as it is, or `count` of them. */
  | { readonly type: 'event'; readonly id: string; readonly eventType: string; readonly count?: number }
  /** Marks an event as delivered or not, for `delivery_success`. */
  | { readonly type: 'deliver'; readonly id: string; readonly success: boolean }
  /**
   * What a redirected customer does on the page of the payment method; `id` is a setup or payment intent, without it the
   * newest one that waits. A refusal may name the code that the intent then shows.
   */
  | { readonly type: 'approve'; readonly id?: string }
  | { readonly type: 'refuse'; readonly id?: string; readonly code?: string }
  | { readonly type: 'abandon'; readonly id?: string }
  | { readonly type: 'advance_clock'; readonly seconds: number }
  | { readonly type: 'set_clock'; readonly seconds: number }

type ActionOf<T extends Action['type']> = Extract<Action, { type: T }>

interface Stage {
  readonly world: World
  readonly cause: EventCause
  readonly cursor: string | undefined
}

const RUN: { readonly [T in Action['type']]: (stage: Stage, action: ActionOf<T>) => StripeObject[] } = {
  create(stage, action) {
    const { create } = MUTATIONS[known(action.resource)]
    if (!create) throw new StripeError(400, `${action.resource} cannot be created by themselves.`)
    return Array.from({ length: action.count ?? 1 }, () => {
      const params = { ...DEFAULT_PARAMS[action.resource]?.(stage.world), ...action.params }
      return create.run(stage, validate(rawFromJson(params), create.params))
    })
  },
  update(stage, action) {
    const { name, object } = target(stage, action.id)
    const { update } = MUTATIONS[name]
    if (!update) throw new StripeError(400, `${name} cannot be updated.`)
    return [update.run(stage, validate(rawFromJson(action.params), update.params), object)]
  },
  patch(stage, action) {
    const { name, object } = target(stage, action.id)
    const after = { ...object, ...action.fields } as StripeObject
    if (action.silent || name === 'balance_transactions' || name === 'events') {
      stage.world.collections[name].replace(after)
      return [after]
    }
    if (name === 'prices' && action.eventType === undefined) return [updatePrice(stage, object, after)]
    return [commit(stage, name, action.eventType ?? `${EVENT_PREFIXES[name]}.updated`, object, after)]
  },
  delete(stage, action) {
    const { name, object } = target(stage, action.id)
    if (object.deleted === true) throw missingResource(RESOURCES[name].kind, object.id, 'id')
    if (name === 'prices') return [deletePrice(stage, object)]
    const mutation = MUTATIONS[name].delete
    if (!mutation) throw new StripeError(400, `${name} are never deleted; use the action remove to make one vanish.`)
    return [mutation.run(stage, {}, object)]
  },
  dispute(stage, action) {
    return [openDispute(stage, targetOf(stage, action.id, 'charges'), action.reason ?? 'fraudulent')]
  },
  close_dispute(stage, action) {
    const { outcome = 'lost' } = action
    if (!DISPUTE_OUTCOMES.includes(outcome)) throw new StripeError(400, `A dispute is not ${String(outcome)}.`)
    return [closeDispute(stage, targetOf(stage, action.id, 'charges'), outcome)]
  },
  fail_refund(stage, action) {
    return [failRefund(stage, targetOf(stage, action.id, 'refunds'))]
  },
  customer_child(stage, action) {
    const customer = targetOf(stage, action.id, 'customers')
    return [changeCustomerChild(stage, customer, action.child, action.change ?? 'created')]
  },
  remove(stage, action) {
    const { name, object } = target(stage, action.id)
    stage.world.collections[name].remove(object.id)
    return [object]
  },
  event(stage, action) {
    const { object } = target(stage, action.id)
    return Array.from({ length: action.count ?? 1 }, () => stage.world.emit(action.eventType, object, stage.cause))
  },
  deliver(stage, action) {
    const { object } = target(stage, action.id)
    const delivery = stage.world.delivery(object.id)
    if (!delivery) throw missingResource('event', object.id, 'id')
    delivery.delivered = action.success
    return [object]
  },
  approve: (stage, { id }) => [decide(stage, waitingAttempt(stage.world, id), 'approve')],
  refuse: (stage, { id, code }) => [decide(stage, waitingAttempt(stage.world, id), 'refuse', code)],
  abandon: (stage, { id }) => [decide(stage, waitingAttempt(stage.world, id), 'abandon')],
  advance_clock(stage, action) {
    stage.world.clock.advance(whole(action.seconds))
    return []
  },
  set_clock(stage, action) {
    stage.world.clock.set(whole(action.seconds))
    return []
  },
}

/** The first words of the event types about a resource. */
const EVENT_PREFIXES: Readonly<Record<string, string>> = {
  charges: 'charge',
  subscriptions: 'customer.subscription',
  refunds: 'refund',
  customers: 'customer',
  prices: 'price',
}

/** What `create` fills in, so that a script can say just "three charges". */
const DEFAULT_PARAMS: Partial<Record<ResourceName, (world: World) => object>> = {
  charges: () => ({ amount: 1500, currency: 'usd' }),
  prices: () => ({
    currency: 'usd',
    unit_amount: 900,
    recurring: { interval: 'month' },
    product_data: { name: 'Scripted' },
  }),
  refunds: (world) => ({
    charge: first(world, 'charges', (charge) => Number(charge.amount_captured) > Number(charge.amount_refunded)),
    amount: 1,
  }),
  subscriptions: (world) => ({
    customer: first(world, 'customers', (customer) => customer.deleted !== true && customer.test_clock === null),
    items: [{ price: first(world, 'prices', (price) => price.active === true && price.recurring !== null) }],
  }),
}

/** Carries out one action and answers the objects it concerned, in the superset of all versions. */
export function applyAction(
  world: World,
  action: Action,
  cursor?: string,
  cause: EventCause = NO_REQUEST,
): StripeObject[] {
  if (!Object.hasOwn(RUN, action.type)) {
    throw new StripeError(400, `Unknown action: ${String(action.type)}. Known are ${Object.keys(RUN).join(', ')}.`)
  }
  // The table is indexed by the action's own type, which the compiler cannot follow through a union.
  const run = RUN[action.type] as (stage: Stage & MutationContext, action: Action) => StripeObject[]
  expireIncomplete(world)
  const objects = run({ world, cause, cursor }, action)
  // The action may have moved the clock.
  expireIncomplete(world)
  return objects
}

function target(stage: Stage, given: string): { name: ResourceName; object: StripeObject } {
  const id = given === CURSOR ? stage.cursor : given
  if (id === undefined) throw new StripeError(400, 'There is no cursor yet: no list has been answered.')
  for (const name of RESOURCE_NAMES) {
    const object = stage.world.find(name, id)
    if (object) return { name, object }
  }
  throw missingResource('object', String(id), 'id')
}

/** The target when it must be of one resource, and still there. */
function targetOf(stage: Stage, id: string, wanted: ResourceName): StripeObject {
  const { name, object } = target(stage, id)
  if (name === wanted && object.deleted !== true) return object
  throw missingResource(RESOURCES[wanted].kind, object.id, 'id')
}

function first(world: World, name: ResourceName, fits: (object: StripeObject) => boolean): Json {
  for (const object of world.all(name)) if (fits(object)) return object.id
  return null
}

function known(resource: ResourceName): ResourceName {
  if (RESOURCE_NAMES.includes(resource)) return resource
  throw new StripeError(400, `Unknown resource: ${String(resource)}. Known are ${RESOURCE_NAMES.join(', ')}.`)
}

function whole(seconds: number): number {
  if (Number.isSafeInteger(seconds)) return seconds
  throw new StripeError(400, 'seconds must be an integer.')
}
