import { StripeError } from './errors.ts'
import { customerLists, refundsList, shape } from './shapes.ts'
import type { Json, JsonHash, ResourceName, StripeObject } from './types.ts'
import { isHash, textOf } from './types.ts'
import type { World } from './world.ts'

const MAX_LEVELS = 4

type Resolve = (object: StripeObject, world: World, version: string) => Json

/** A field that holds an id of a listed resource. */
function refersTo(field: string, name: ResourceName): Resolve {
  return (object, world, version) => {
    const id = textOf(object[field])
    const found = id === undefined ? undefined : world.find(name, id)
    return found ? shape(found, version, world) : (id ?? null)
  }
}

/** A field that holds an id of something the sandbox knows by name only. */
function refersToStub(field: string, kind: string): Resolve {
  return (object) => (object[field] ? { id: object[field], object: kind } : null)
}

/** What a balance transaction came from: a charge, a refund, or an object the sandbox does not hold. */
const transactionSource: Resolve = (object, world, version) => {
  const id = textOf(object.source)
  const found = id === undefined ? undefined : (world.find('charges', id) ?? world.find('refunds', id))
  return found ? shape(found, version, world) : (id ?? null)
}

/** The fields that may be expanded, per kind of object. */
const EXPANDABLE: Readonly<Record<string, Readonly<Record<string, Resolve>>>> = {
  charge: {
    customer: refersTo('customer', 'customers'),
    balance_transaction: refersTo('balance_transaction', 'balance_transactions'),
    refunds: (charge, world, version) => refundsList(charge, version, world),
    invoice: refersToStub('invoice', 'invoice'),
    payment_intent: refersToStub('payment_intent', 'payment_intent'),
  },
  subscription: {
    customer: refersTo('customer', 'customers'),
    latest_invoice: refersToStub('latest_invoice', 'invoice'),
    default_payment_method: refersToStub('default_payment_method', 'payment_method'),
    test_clock: refersToStub('test_clock', 'test_helpers.test_clock'),
  },
  refund: {
    charge: refersTo('charge', 'charges'),
    customer: refersTo('customer', 'customers'),
    balance_transaction: refersTo('balance_transaction', 'balance_transactions'),
    payment_intent: refersToStub('payment_intent', 'payment_intent'),
  },
  balance_transaction: { source: transactionSource },
  customer: {
    sources: (customer, world, version) => customerLists(customer, version, world).sources,
    subscriptions: (customer, world, version) => customerLists(customer, version, world).subscriptions,
    tax_ids: (customer, world, version) => customerLists(customer, version, world).tax_ids,
    test_clock: refersToStub('test_clock', 'test_helpers.test_clock'),
  },
  price: {
    product: (price, world) => world.product(textOf(price.product) ?? '') ?? null,
    tiers: (price, world) => world.find('prices', price.id)?.tiers ?? null,
    currency_options: (price) => ({
      [String(price.currency)]: {
        custom_unit_amount: null,
        tax_behavior: price.tax_behavior,
        unit_amount: price.unit_amount,
        unit_amount_decimal: price.unit_amount_decimal,
      },
    }),
  },
}

/** Expands the paths of `expand[]` in place, inside an object or list made for this answer. */
export function expandAll(root: JsonHash, paths: readonly string[], world: World, version: string): void {
  for (const path of paths) {
    const segments = path.split('.')
    if (segments.length > MAX_LEVELS) {
      throw new StripeError(400, `You cannot expand more than ${MAX_LEVELS} levels of a property. Property: ${path}`, {
        param: 'expand',
      })
    }
    expandOne(root, segments, path, world, version)
  }
}

function expandOne(
  node: Json | undefined,
  segments: readonly string[],
  path: string,
  world: World,
  version: string,
): void {
  const [field, ...rest] = segments
  if (field === undefined || node === null || node === undefined) return
  if (Array.isArray(node)) {
    for (const entry of node) expandOne(entry, segments, path, world, version)
    return
  }
  if (!isHash(node)) throw notExpandable(path)
  if (node.deleted === true) return
  const value = node[field]
  const resolve = EXPANDABLE[String(node.object)]?.[field]
  if (resolve && (value === undefined || typeof value === 'string')) {
    node[field] = resolve(node as StripeObject, world, version)
  } else if (!resolve && (value === undefined || typeof value === 'string' || typeof value === 'number')) {
    throw notExpandable(path)
  }
  if (rest.length > 0 && typeof node[field] !== 'string') expandOne(node[field], rest, path, world, version)
}

function notExpandable(path: string): StripeError {
  return new StripeError(400, `This property cannot be expanded (${path}).`, { param: 'expand' })
}
