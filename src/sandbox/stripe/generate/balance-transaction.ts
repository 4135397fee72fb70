import { Dice } from '../dice.ts'
import type { Plan } from '../plan.ts'
import type { Json, StripeObject } from '../types.ts'
import { chargeAmount } from './charge.ts'
import { refundAmount } from './refund.ts'
import { pickAmount, pickCurrency } from './words.ts'

const DAY = 86_400

/** Charges and refunds of the world, and between them the entries that have no object here: payouts, fees, corrections. */
export function generateBalanceTransaction(plan: Plan, index: number): StripeObject {
  const dice = new Dice(plan.keys.balance_transactions, index)
  const created = plan.timelines.balance_transactions.createdAt(index)
  const entry = entryOf(plan, index, dice)
  const id = plan.ids.balance_transactions.encode(index)
  return balanceTransaction({ id, created, availableOn: availableOn(created, 2 + dice.below(6)), ...entry })
}

export interface BalanceEntry {
  readonly id: string
  readonly created: number
  readonly availableOn: number
  readonly type: string
  readonly amount: number
  readonly fee: number
  readonly currency: string
  readonly source: string | null
  readonly description: string | null
}

/** `status` is left pending here; `shapes.ts` turns it over when the sandbox clock passes `available_on`. */
export function balanceTransaction(entry: BalanceEntry): StripeObject {
  const { amount, currency, fee } = entry
  const details: Json =
    fee === 0 ? [] : [{ amount: fee, application: null, currency, description: 'Processing fees', type: 'stripe_fee' }]
  return {
    id: entry.id,
    object: 'balance_transaction',
    amount,
    available_on: entry.availableOn,
    balance_type: 'payments',
    created: entry.created,
    currency,
    description: entry.description,
    exchange_rate: null,
    fee,
    fee_details: details,
    net: amount - fee,
    reporting_category: entry.type === 'stripe_fee' ? 'fee' : entry.type,
    source: entry.source,
    status: 'pending',
    type: entry.type,
  }
}

/** Money becomes available at midnight UTC, some days later. */
export function availableOn(created: number, days: number): number {
  return Math.ceil((created + days * DAY) / DAY) * DAY
}

/** The processing fee on a charge. */
export function chargeFee(amount: number): number {
  return Math.round(amount * 0.029) + 30
}

function entryOf(plan: Plan, index: number, dice: Dice): Omit<BalanceEntry, 'id' | 'created' | 'availableOn'> {
  const source = plan.sourceOfTransaction(index)
  if (source.kind === 'charge') {
    const { amount, currency } = chargeAmount(plan, source.index)
    const id = plan.ids.charges.encode(source.index)
    return { type: 'charge', amount, fee: chargeFee(amount), currency, source: id, description: null }
  }
  if (source.kind === 'refund') {
    const { currency } = chargeAmount(plan, plan.chargeOfRefund(source.index))
    const amount = -refundAmount(plan, source.index)
    const description = 'REFUND FOR CHARGE'
    return { type: 'refund', amount, fee: 0, currency, source: plan.ids.refunds.encode(source.index), description }
  }
  const currency = pickCurrency(dice)
  const amount = -pickAmount(dice, currency)
  const type = dice.pick(['payout', 'payout', 'stripe_fee', 'adjustment'])
  const payout = type === 'payout' ? plan.ids.payouts.encode(index) : null
  return { type, amount, fee: 0, currency, source: payout, description: type.replace('_', ' ').toUpperCase() }
}
