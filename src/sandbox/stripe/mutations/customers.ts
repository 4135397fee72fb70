import { keyOf } from '../dice.ts'
import { base62 } from '../ids.ts'
import { emptyAddress } from '../generate/words.ts'
import type { ParamSchema, ValidParams } from '../parameters.ts'
import { ADDRESS_PARAMS, attachedMethod, detachMethods } from '../payments/payment-methods.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { hashOf } from '../types.ts'
import type { Mutations } from './mutation.ts'
import { commit, mergeMetadata, withFields, WRITE_PARAMS } from './mutation.ts'
import { cancelSubscription } from './subscriptions.ts'

const FIELDS = {
  name: { kind: 'text', unsettable: true },
  email: { kind: 'text', max: 512, unsettable: true },
  phone: { kind: 'text', unsettable: true },
  description: { kind: 'text', unsettable: true },
  balance: { kind: 'integer' },
  tax_exempt: { kind: 'choice', of: ['none', 'exempt', 'reverse'] },
} as const satisfies ParamSchema

/** Members that are hashes or lists of their own. */
const NESTED = {
  address: { kind: 'hash', members: ADDRESS_PARAMS },
  preferred_locales: { kind: 'texts', max: 20 },
} as const satisfies ParamSchema

const SETTINGS = {
  invoice_settings: { kind: 'hash', members: { default_payment_method: { kind: 'text', unsettable: true } } },
} as const satisfies ParamSchema

function nestedFields(params: ValidParams, current: JsonHash): JsonHash {
  const { address, preferred_locales: locales } = params
  const known = { ...emptyAddress(), ...hashOf(current.address) }
  return {
    ...(address === undefined ? {} : { address: { ...known, ...(address as JsonHash) } }),
    ...(locales === undefined ? {} : { preferred_locales: locales as string[] }),
  }
}

export const customerMutations: Mutations = {
  create: {
    params: { ...FIELDS, ...NESTED, ...WRITE_PARAMS, test_clock: { kind: 'text' } },
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
        ...nestedFields(params, {}),
      }
      customers.add(customer)
      world.emit('customer.created', customer, cause)
      return customer
    },
  },
  update: {
    params: { ...FIELDS, ...NESTED, ...SETTINGS, ...WRITE_PARAMS },
    run(context, params, current) {
      const settings = params.invoice_settings as JsonHash | undefined
      const method = settings?.default_payment_method
      if (typeof method === 'string') {
        attachedMethod(context.world, method, current.id, 'invoice_settings[default_payment_method]')
      }
      const after: StripeObject = {
        ...withFields(current, params, Object.keys(FIELDS)),
        ...nestedFields(params, current),
        invoice_settings: { ...hashOf(current.invoice_settings), ...settings },
      }
      return commit(context, 'customers', 'customer.updated', current, after)
    },
  },
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
      detachMethods(context, customer.id)
      return stub
    },
  },
}
