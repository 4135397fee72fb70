import { missingResource } from '../errors.ts'
import { availableOn, balanceTransaction, chargeFee } from '../generate/balance-transaction.ts'
import { emptyAddress } from '../generate/words.ts'
import type { ParamSchema } from '../parameters.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import type { World } from '../world.ts'
import type { MutationContext, Mutations } from './mutation.ts'
import { fieldUpdate, mergeMetadata, WRITE_PARAMS } from './mutation.ts'

const FIELDS = {
  description: { kind: 'text', unsettable: true },
  receipt_email: { kind: 'text', unsettable: true },
  transfer_group: { kind: 'text' },
} as const satisfies ParamSchema

/** Days until the money of a new charge or refund is available. */
const SETTLEMENT_DAYS = 3

/** Books an amount; balance transactions make no event. */
export function book(world: World, entry: { type: string; amount: number; currency: string; source: string }): string {
  const { balance_transactions } = world.collections
  const created = world.clock.now()
  const transaction = balanceTransaction({
    ...entry,
    id: balance_transactions.nextId(),
    created,
    availableOn: availableOn(created, SETTLEMENT_DAYS),
    fee: entry.type === 'charge' ? chargeFee(entry.amount) : 0,
    description: null,
  })
  balance_transactions.add(transaction)
  return transaction.id
}

/** What a new charge must say of itself; any other field of a charge may stand beside it. */
export interface ChargeFields extends JsonHash {
  readonly amount: number
  readonly currency: string
}

/** Adds a charge that succeeded, books it and tells it. Fields that are not given are those of a charge of a card. */
export function addCharge({ world, cause }: MutationContext, fields: ChargeFields): StripeObject {
  const { charges } = world.collections
  const id = charges.nextId()
  const { amount, currency } = fields
  const charge: StripeObject = {
    ...usualCharge(world),
    payment_intent: fields.payment_intent ?? world.nextId('paymentIntents'),
    payment_method: fields.payment_method ?? world.nextId('paymentMethods'),
    ...fields,
    id,
    object: 'charge',
    amount_captured: amount,
    balance_transaction: book(world, { type: 'charge', amount, currency, source: id }),
  }
  charges.add(charge)
  world.emit('charge.succeeded', charge, cause)
  return charge
}

function usualCharge(world: World): JsonHash {
  return {
    amount_refunded: 0,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    billing_details: { address: emptyAddress(), email: null, name: null, phone: null, tax_id: null },
    calculated_statement_descriptor: 'SANDBOX SHOP',
    captured: true,
    created: world.clock.now(),
    customer: null,
    description: null,
    disputed: false,
    failure_balance_transaction: null,
    failure_code: null,
    failure_message: null,
    fraud_details: {},
    invoice: null,
    livemode: world.plan.livemode,
    metadata: {},
    on_behalf_of: null,
    outcome: {
      network_status: 'approved_by_network',
      reason: null,
      risk_level: 'normal',
      risk_score: 20,
      seller_message: 'Payment complete.',
      type: 'authorized',
    },
    paid: true,
    payment_method_details: {
      card: { brand: 'visa', country: 'US', exp_month: 12, exp_year: 2030, funding: 'credit', last4: '4242' },
      type: 'card',
    },
    receipt_email: null,
    receipt_number: null,
    receipt_url: null,
    refunded: false,
    review: null,
    shipping: null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status: 'succeeded',
    transfer_data: null,
    transfer_group: null,
  }
}

export const chargeMutations: Mutations = {
  create: {
    params: {
      ...FIELDS,
      ...WRITE_PARAMS,
      amount: { kind: 'integer', min: 1, required: true },
      currency: { kind: 'text', required: true },
      customer: { kind: 'text' },
      source: { kind: 'text' },
    },
    run(context, params) {
      const customer = (params.customer as string | undefined) ?? null
      const payer = customer === null ? undefined : context.world.find('customers', customer)
      if (customer !== null && (!payer || payer.deleted === true))
        throw missingResource('customer', customer, 'customer')
      const text = (name: string) => (params[name] as string | null | undefined) ?? null
      return addCharge(context, {
        amount: Number(params.amount),
        currency: String(params.currency),
        customer,
        description: text('description'),
        metadata: mergeMetadata({}, params.metadata),
        receipt_email: text('receipt_email'),
        transfer_group: text('transfer_group'),
      })
    },
  },
  update: fieldUpdate('charges', 'charge.updated', FIELDS),
}
