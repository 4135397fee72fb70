import { badParameter, missingResource, StripeError } from '../errors.ts'
import { numberOf, textOf } from '../types.ts'
import type { StripeObject } from '../types.ts'
import { book } from './charges.ts'
import type { MutationContext, Mutations } from './mutation.ts'
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

/**
 * The bank cannot pay a refund out: it fails, the money comes back, and the charge counts it no longer, which no event
 * about the charge tells. Answers the refund.
 */
export function failRefund({ world, cause }: MutationContext, refund: StripeObject): StripeObject {
  if (refund.status === 'failed' || refund.status === 'canceled') {
    throw new StripeError(400, `Refund ${refund.id} is ${refund.status} already.`)
  }
  const booked = { type: 'refund_failure', amount: numberOf(refund.amount), currency: String(refund.currency) }
  const failed: StripeObject = {
    ...refund,
    failure_balance_transaction: book(world, { ...booked, source: refund.id }),
    failure_reason: 'lost_or_stolen_card',
    status: 'failed',
  }
  world.collections.refunds.replace(failed)
  const charge = world.find('charges', String(refund.charge))
  if (charge) {
    const left = Math.max(0, numberOf(charge.amount_refunded) - numberOf(refund.amount))
    world.collections.charges.replace({ ...charge, amount_refunded: left, refunded: false })
  }
  world.emit('refund.failed', failed, cause)
  world.emit('charge.refund.updated', failed, cause, refund)
  return failed
}
