import { keyOf } from '../dice.ts'
import { base62 } from '../ids.ts'
import type { ParamSchema } from '../parameters.ts'
import type { StripeObject } from '../types.ts'
import type { Mutations } from './mutation.ts'
import { fieldUpdate, mergeMetadata, WRITE_PARAMS } from './mutation.ts'
import { cancelSubscription } from './subscriptions.ts'

const FIELDS = {
  name: { kind: 'text', unsettable: true },
  email: { kind: 'text', max: 512, unsettable: true },
  phone: { kind: 'text', unsettable: true },
  description: { kind: 'text', unsettable: true },
  balance: { kind: 'integer' },
  tax_exempt: { kind: 'choice', of: ['none', 'exempt', 'reverse'] },
} as const satisfies ParamSchema

export const customerMutations: Mutations = {
  create: {
    params: { ...FIELDS, ...WRITE_PARAMS, test_clock: { kind: 'text' } },
    run({ world, cause }, params) {
      const { customers } = world.collections
      const id = customers.nextId()
      const text = (name: string) => (params[name] as string | null | undefined) ?? null
      const customer: StripeObject = {
        id,
        object: 'customer',
        address: null,
        balance: Number(params.balance ?? 0),
        created: world.clock.now(),
        currency: null,
        default_source: null,
        delinquent: false,
        description: text('description'),
        discount: null,
        email: text('email'),
        invoice_prefix: base62(keyOf(id), 8).toUpperCase(),
        invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
        livemode: world.plan.livemode,
        metadata: mergeMetadata({}, params.metadata),
        name: text('name'),
        next_invoice_sequence: 1,
        phone: text('phone'),
        preferred_locales: [],
        shipping: null,
        tax_exempt: text('tax_exempt') ?? 'none',
        test_clock: text('test_clock'),
      }
      customers.add(customer)
      world.emit('customer.created', customer, cause)
      return customer
    },
  },
  update: fieldUpdate('customers', 'customer.updated', FIELDS),
  delete: {
    params: {},
    run(context, _params, customer) {
      const { world, cause } = context
      const stub: StripeObject = { id: customer.id, object: 'customer', deleted: true }
      world.emit('customer.deleted', customer, cause)
      world.collections.customers.replace(stub)
      for (const subscription of world.subscriptionsOf(customer.id)) {
        if (subscription.status !== 'canceled') cancelSubscription(context, subscription)
      }
      return stub
    },
  },
}
