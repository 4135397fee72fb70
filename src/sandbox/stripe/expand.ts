import { StripeError } from './errors.ts'
import { confirmationSecret, invoicePayments } from './payments/invoice-links.ts'
import type { PaymentName } from './payments/payment-objects.ts'
import { customerLists, refundsList, shape } from './shapes.ts'
import type { Json, JsonHash, ResourceName, StripeObject } from './types.ts'
import { isHash, textOf } from './types.ts'
import type { World } from './world.ts'

const MAX_LEVELS = 4
const BASIL = '2025-03-31'
const INVOICE_PAYMENT = 'invoice_payment.payment'

/** What stands in the place of a field; undefined where the version does not know it. */
type Resolve = (object: StripeObject, world: World, version: string) => Json | undefined

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

/** A field that holds the id of a payment object, which a generated object only invents. */
function refersToPayment(field: string, name: PaymentName, kind: string): Resolve {
  return (object, world, version) => {
    const id = textOf(object[field])
    if (id === undefined) return null
    const found = world.payments.find(name, id)
    return found ? shape(found, version, world) : { id, object: kind }
  }
}

/** Since basil an invoice is reached from what pays it through its payments only. */
function beforeBasil(resolve: Resolve): Resolve {
  return (object, world, version) => (version < BASIL ? resolve(object, world, version) : undefined)
}

/** What an invoice has to expand since basil; the sandbox's own copy is looked up, as a shape has lost the links. */
function sinceBasil(tell: (invoice: StripeObject, world: World) => Json): Resolve {
  return (object, world, version) => {
    const invoice = world.payments.find('invoices', object.id)
    return version < BASIL ? undefined : invoice ? tell(invoice, world) : null
  }
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
    invoice: refersToPayment('invoice', 'invoices', 'invoice'),
    payment_intent: refersToPayment('payment_intent', 'payment_intents', 'payment_intent'),
  },
  subscription: {
    customer: refersTo('customer', 'customers'),
    latest_invoice: refersToPayment('latest_invoice', 'invoices', 'invoice'),
    default_payment_method: refersToPayment('default_payment_method', 'payment_methods', 'payment_method'),
    test_clock: refersToStub('test_clock', 'test_helpers.test_clock'),
  },
  refund: {
    charge: refersTo('charge', 'charges'),
    customer: refersTo('customer', 'customers'),
    balance_transaction: refersTo('balance_transaction', 'balance_transactions'),
    payment_intent: refersToPayment('payment_intent', 'payment_intents', 'payment_intent'),
  },
  setup_intent: {
    customer: refersTo('customer', 'customers'),
    latest_attempt: refersToStub('latest_attempt', 'setup_attempt'),
    mandate: refersToPayment('mandate', 'mandates', 'mandate'),
    payment_method: refersToPayment('payment_method', 'payment_methods', 'payment_method'),
  },
  payment_intent: {
    customer: refersTo('customer', 'customers'),
    invoice: beforeBasil(refersToPayment('invoice', 'invoices', 'invoice')),
    latest_charge: refersTo('latest_charge', 'charges'),
    payment_method: refersToPayment('payment_method', 'payment_methods', 'payment_method'),
  },
  payment_method: { customer: refersTo('customer', 'customers') },
  mandate: { payment_method: refersToPayment('payment_method', 'payment_methods', 'payment_method') },
  invoice: {
    charge: beforeBasil(refersTo('charge', 'charges')),
    confirmation_secret: sinceBasil(confirmationSecret),
    customer: refersTo('customer', 'customers'),
    payment_intent: beforeBasil(refersToPayment('payment_intent', 'payment_intents', 'payment_intent')),
    payments: sinceBasil(invoicePayments),
    subscription: beforeBasil(refersTo('subscription', 'subscriptions')),
  },
  [INVOICE_PAYMENT]: {
    payment_intent: refersToPayment('payment_intent', 'payment_intents', 'payment_intent'),
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
  const resolve = EXPANDABLE[kindOf(node)]?.[field]
  if (resolve && (value === undefined || typeof value === 'string')) {
    const resolved = resolve(node as StripeObject, world, version)
    if (resolved === undefined) throw notExpandable(path)
    node[field] = resolved
  } else if (!resolve && (value === undefined || typeof value === 'string' || typeof value === 'number')) {
    throw notExpandable(path)
  }
  if (rest.length > 0 && typeof node[field] !== 'string') expandOne(node[field], rest, path, world, version)
}

/** The word that the table knows a node by; what an invoice payment holds has no `object` of its own. */
function kindOf(node: JsonHash): string {
  if (node.object === undefined && node.type === 'payment_intent') return INVOICE_PAYMENT
  return String(node.object)
}

function notExpandable(path: string): StripeError {
  return new StripeError(400, `This property cannot be expanded (${path}).`, { param: 'expand' })
}
