import { Dice } from '../dice.ts'
import type { Plan } from '../plan.ts'
import type { StripeObject } from '../types.ts'
import { chargeAmount, refundAmounts } from './charge.ts'

/** The amount that a generated refund gives back. */
export function refundAmount(plan: Plan, refund: number): number {
  return refundAmounts(plan, plan.chargeOfRefund(refund)).find((part) => part.refund === refund)?.amount ?? 0
}

export function generateRefund(plan: Plan, index: number): StripeObject {
  const dice = new Dice(plan.keys.refunds, index)
  const charge = plan.chargeOfRefund(index)
  const customer = plan.customerOfCharge(charge)
  const transaction = plan.transactionOfRefund(index)
  return {
    id: plan.ids.refunds.encode(index),
    object: 'refund',
    amount: refundAmount(plan, index),
    balance_transaction: transaction === null ? null : plan.ids.balance_transactions.encode(transaction),
    charge: plan.ids.charges.encode(charge),
    created: plan.timelines.refunds.createdAt(index),
    currency: chargeAmount(plan, charge).currency,
    customer: customer === null ? null : plan.ids.customers.encode(customer),
    customer_account: null,
    destination_details: {
      card: {
        reference: String(100_000_000_000 + dice.next()),
        reference_status: 'available',
        reference_type: 'acquirer_reference_number',
        type: 'refund',
      },
      type: 'card',
    },
    metadata: dice.chance(30) ? { agent: dice.pick(['ana', 'bo', '陳']) } : {},
    payment_intent: plan.ids.paymentIntents.encode(charge),
    payment_method: plan.ids.paymentMethods.encode(charge),
    reason: dice.pick([null, null, 'duplicate', 'fraudulent', 'requested_by_customer']),
    receipt_number: null,
    source_transfer_reversal: null,
    status: dice.chance(94) ? 'succeeded' : dice.pick(['pending', 'requires_action', 'failed', 'canceled']),
    transfer_reversal: null,
  }
}
