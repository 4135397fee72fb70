import { StripeError } from '../errors.ts'
import type { ChildKind, JsonHash, StripeObject } from '../types.ts'
import { CHILD_KINDS, numberOf } from '../types.ts'
import type { World } from '../world.ts'
import type { MutationContext } from './mutation.ts'

export const CHILD_CHANGES = ['created', 'updated', 'deleted', 'expiring'] as const
export type ChildChange = (typeof CHILD_CHANGES)[number]

/**
 * Adds, changes or takes away a discount, source or tax id of a customer. The customer changes with it, but the only
 * event is the child's (`customer.<kind>.<change>`), whose object names the customer. Answers the child.
 */
export function changeCustomerChild(
  { world, cause }: MutationContext,
  customer: StripeObject,
  kind: ChildKind,
  change: ChildChange,
): StripeObject {
  if (!CHILD_KINDS.includes(kind)) throw new StripeError(400, `Unknown child: ${kind}.`)
  if (!CHILD_CHANGES.includes(change) || (change === 'expiring' && kind !== 'source')) {
    throw new StripeError(400, `A ${kind} cannot be ${change}.`)
  }
  const present = world.children(customer.id, kind)
  const last = present.at(-1)
  if (change !== 'created' && !last) throw new StripeError(400, `Customer ${customer.id} has no ${kind}.`)
  const before = change === 'created' ? undefined : last
  const after = { ...(before ?? NEW_CHILD[kind](world, customer.id)), ...(change === 'updated' && CHANGES[kind](last)) }
  const rest = before ? present.slice(0, -1) : kind === 'discount' ? [] : present
  const children = change === 'deleted' ? rest : [...rest, after]
  world.setChildren(customer.id, kind, children)
  world.collections.customers.replace({ ...customer, ...parentFields(kind, children) } as StripeObject)
  world.emit(`customer.${kind}.${change}`, after, cause, before)
  return after
}

/** What the customer itself shows of its children; tax ids stand only in their expandable list. */
function parentFields(kind: ChildKind, children: readonly StripeObject[]): JsonHash {
  if (kind === 'discount') return { discount: children[0] ?? null }
  if (kind === 'source') return { default_source: children[0]?.id ?? null }
  return {}
}

const NEW_CHILD: Readonly<Record<ChildKind, (world: World, customer: string) => StripeObject>> = {
  discount: (world, customer) => ({
    id: world.nextId('discounts'),
    object: 'discount',
    checkout_session: null,
    coupon: { id: 'WELCOME', object: 'coupon', duration: 'forever', percent_off: 10, valid: true },
    customer,
    end: null,
    invoice: null,
    invoice_item: null,
    promotion_code: null,
    start: world.clock.now(),
    subscription: null,
  }),
  source: (world, customer) => ({
    id: world.nextId('cards'),
    object: 'card',
    brand: 'Visa',
    country: 'US',
    customer,
    exp_month: 12,
    exp_year: 2030,
    funding: 'credit',
    last4: '4242',
    metadata: {},
    name: null,
  }),
  tax_id: (world, customer) => ({
    id: world.nextId('taxIds'),
    object: 'tax_id',
    country: 'DE',
    created: world.clock.now(),
    customer,
    livemode: world.plan.livemode,
    type: 'eu_vat',
    value: 'DE123456789',
    verification: { status: 'pending', verified_address: null, verified_name: null },
  }),
}

const CHANGES: Readonly<Record<ChildKind, (child: StripeObject | undefined) => JsonHash>> = {
  discount: (child) => ({ start: numberOf(child?.start) + 1 }),
  source: (child) => ({ exp_year: numberOf(child?.exp_year) + 1 }),
  tax_id: () => ({ verification: { status: 'verified', verified_address: null, verified_name: null } }),
}
