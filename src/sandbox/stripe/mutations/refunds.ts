import { badParameter, missingResource, StripeError } from '../errors.ts'
import { numberOf, textOf } from '../types.ts'
import type { StripeObject } from '../types.ts'
import { book } from './charges.ts'
import type { Mutations } from './mutation.ts'
import { commit, fieldUpdate, mergeMetadata, WRITE_PARAMS } from './mutation.ts'

export const refundMutations: Mutations = {
  create: {
    params: {
      ...WRITE_PARAMS,
      charge: { kind: 'text', required: true },
      amount: { kind: 'integer', min: 1 },
      reason: { kind: 'choice', of: ['duplicate', 'fraudulent', 'requested_by_customer'] },
    },
    run(context, params) {
      const { world, cause } = context
      const { refunds } = world.collections
      const charge = world.find('charges', String(params.charge))
      if (!charge) throw missingResource('charge', String(params.charge), 'charge')
      const left = numberOf(charge.amount_captured) - numberOf(charge.amount_refunded)
      if (left === 0) {
        throw new StripeError(400, `Charge ${charge.id} has already been refunded.`, {
          code: 'charge_already_refunded',
        })
      }
      const amount = Number(params.amount ?? left)
      if (amount > left) {
        const message = `Refund amount (${amount}) is greater than unrefunded amount on charge (${left})`
        throw badParameter('amount_too_large', 'amount', message)
      }
      const id = refunds.nextId()
      const currency = String(charge.currency)
      const refund: StripeObject = {
        id,
        object: 'refund',
        amount,
        balance_transaction: book(world, { type: 'refund', amount: -amount, currency, source: id }),
        charge: charge.id,
        created: world.clock.now(),
        currency,
        customer: textOf(charge.customer) ?? null,
        customer_account: null,
        destination_details: { card: { type: 'refund' }, type: 'card' },
        metadata: mergeMetadata({}, params.metadata),
        payment_intent: textOf(charge.payment_intent) ?? null,
        payment_method: textOf(charge.payment_method) ?? null,
        reason: (params.reason as string | undefined) ?? null,
        receipt_number: null,
        source_transfer_reversal: null,
        status: 'succeeded',
        transfer_reversal: null,
      }
      refunds.add(refund)
      world.emit('refund.created', refund, cause)
      const refunded = numberOf(charge.amount_refunded) + amount
      const after = { ...charge, amount_refunded: refunded, refunded: refunded === charge.amount }
      commit(context, 'charges', 'charge.refunded', charge, after)
      return refund
    },
  },
  update: fieldUpdate('refunds', 'refund.updated', {}),
}
