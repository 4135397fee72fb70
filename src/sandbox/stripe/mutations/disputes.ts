import { StripeError } from '../errors.ts'
import type { StripeObject } from '../types.ts'
import { numberOf } from '../types.ts'
import { book } from './charges.ts'
import type { MutationContext } from './mutation.ts'

const DAY = 86_400

/** How a dispute ends. */
export const DISPUTE_OUTCOMES = ['won', 'lost'] as const
export type DisputeOutcome = (typeof DISPUTE_OUTCOMES)[number]

/**
 * A customer's bank takes the money of a charge back. The charge turns `disputed` without an event of its own: only
 * `charge.dispute.*` events tell it, and their object is the dispute. Answers the dispute.
 */
export function openDispute({ world, cause }: MutationContext, charge: StripeObject, reason: string): StripeObject {
  if (charge.status !== 'succeeded') throw new StripeError(400, `Charge ${charge.id} moved no money to dispute.`)
  if (world.disputeOf(charge.id)) throw new StripeError(400, `Charge ${charge.id} has a dispute already.`)
  const id = world.nextId('disputes')
  const amount = numberOf(charge.amount)
  const currency = String(charge.currency)
  const dispute: StripeObject = {
    id,
    object: 'dispute',
    amount,
    balance_transactions: [book(world, { type: 'adjustment', amount: -amount, currency, source: id })],
    charge: charge.id,
    created: world.clock.now(),
    currency,
    evidence_details: {
      due_by: world.clock.now() + 9 * DAY,
      has_evidence: false,
      past_due: false,
      submission_count: 0,
    },
    is_charge_refundable: false,
    livemode: world.plan.livemode,
    metadata: {},
    payment_intent: charge.payment_intent,
    reason,
    status: 'needs_response',
  }
  world.collections.charges.replace({ ...charge, disputed: true })
  world.setDispute(dispute)
  world.emit('charge.dispute.created', dispute, cause)
  world.emit('charge.dispute.funds_withdrawn', dispute, cause)
  return dispute
}

/** Decides the open dispute of a charge, which stays `disputed`; a won one gives the money back. Answers the dispute. */
export function closeDispute(
  { world, cause }: MutationContext,
  charge: StripeObject,
  outcome: DisputeOutcome,
): StripeObject {
  const open = world.disputeOf(charge.id)
  if (!open || open.status !== 'needs_response') throw new StripeError(400, `Charge ${charge.id} has no open dispute.`)
  const booked = { type: 'adjustment', amount: numberOf(open.amount), currency: String(open.currency), source: open.id }
  const entries = open.balance_transactions as string[]
  const closed: StripeObject = {
    ...open,
    balance_transactions: outcome === 'won' ? [...entries, book(world, booked)] : entries,
    status: outcome,
  }
  world.setDispute(closed)
  world.emit('charge.dispute.closed', closed, cause)
  if (outcome === 'won') world.emit('charge.dispute.funds_reinstated', closed, cause)
  return closed
}
