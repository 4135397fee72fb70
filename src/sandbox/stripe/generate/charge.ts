import { Dice } from '../dice.ts'
import { base62 } from '../ids.ts'
import type { Plan } from '../plan.ts'
import type { JsonHash, StripeObject } from '../types.ts'
import { emptyAddress, padMetadata, pickAddress, pickAmount, pickCurrency, pickMetadata, pickName } from './words.ts'

/** What an unpadded charge takes on the wire, on average. */
const TYPICAL_BYTES = 2000

/** The amount and currency of a charge, which its refunds and its balance transaction need too. */
export function chargeAmount(plan: Plan, index: number): { amount: number; currency: string } {
  const dice = new Dice(plan.keys.charges ^ 0x27d4eb2f, index)
  const currency = pickCurrency(dice)
  // The first charge has a crowd of refunds, each of which needs something to give back.
  return { currency, amount: pickAmount(dice, currency) + (index === 0 ? 1_000_000 : 0) }
}

/** The amounts of a charge's generated refunds, oldest first: equal parts of all of it, or of a half. */
export function refundAmounts(plan: Plan, charge: number): { refund: number; amount: number }[] {
  const refunds = plan.refundsOfCharge(charge).toSorted((left, right) => left - right)
  if (refunds.length === 0) return []
  const { amount } = chargeAmount(plan, charge)
  const full = new Dice(plan.keys.charges ^ 0x1b873593, charge).chance(60)
  const part = Math.max(1, Math.floor(amount / refunds.length / (full ? 1 : 2)))
  return refunds.map((refund, place) => {
    const last = full && place === refunds.length - 1
    return { refund, amount: last ? amount - part * (refunds.length - 1) : part }
  })
}

export function generateCharge(plan: Plan, index: number): StripeObject {
  const dice = new Dice(plan.keys.charges, index)
  const created = plan.timelines.charges.createdAt(index)
  const { amount, currency } = chargeAmount(plan, index)
  const status = plan.chargeStatus(index)
  const failed = status === 'failed'
  const refunded = refundAmounts(plan, index).reduce((sum, refund) => sum + refund.amount, 0)
  const customer = plan.customerOfCharge(index)
  const transaction = plan.transactionOfCharge(index)
  const name = pickName(dice)
  const metadata = pickMetadata(dice)
  const { approxObjectBytes } = plan.options
  if (approxObjectBytes > 0) padMetadata(metadata, approxObjectBytes - TYPICAL_BYTES)
  return {
    id: plan.ids.charges.encode(index),
    object: 'charge',
    amount,
    amount_captured: failed ? 0 : amount,
    amount_refunded: refunded,
    application: null,
    application_fee: null,
    application_fee_amount: null,
    balance_transaction: transaction === null ? null : plan.ids.balance_transactions.encode(transaction),
    billing_details: {
      address: dice.chance(70) ? pickAddress(dice) : emptyAddress(),
      email: dice.chance(60) ? `buyer${dice.next()}@example.com` : null,
      name,
      phone: null,
      tax_id: null,
    },
    calculated_statement_descriptor: 'SANDBOX SHOP',
    captured: !failed,
    created,
    currency,
    customer: customer === null ? null : plan.ids.customers.encode(customer),
    description: dice.chance(50) ? `Order ${1000 + index} of ${name}` : null,
    disputed: dice.chance(0.6),
    failure_balance_transaction: null,
    failure_code: failed ? 'card_declined' : null,
    failure_message: failed ? 'Your card was declined.' : null,
    fraud_details: {},
    invoice: dice.chance(30) ? plan.ids.invoices.encode(index) : null,
    livemode: plan.livemode,
    metadata,
    on_behalf_of: null,
    outcome: outcomeOf(dice, failed),
    paid: status === 'succeeded',
    payment_intent: plan.ids.paymentIntents.encode(index),
    payment_method: plan.ids.paymentMethods.encode(index),
    payment_method_details: { card: cardOf(dice, amount), type: 'card' },
    receipt_email: dice.chance(30) ? `receipts${dice.below(1000)}@example.com` : null,
    receipt_number: null,
    receipt_url: `https://pay.stripe.com/receipts/payment/CAcaFwoVYWNjdF8x${base62(dice.next(), 6)}${base62(dice.next(), 6)}`,
    refunded: refunded === amount,
    review: null,
    shipping: dice.chance(20) ? { address: pickAddress(dice), name, phone: null, carrier: null } : null,
    source_transfer: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    status,
    transfer_data: null,
    transfer_group: dice.chance(3) ? `group_${index % 20}` : null,
  }
}

function outcomeOf(dice: Dice, failed: boolean): JsonHash {
  return {
    advice_code: failed ? 'try_again_later' : null,
    network_advice_code: null,
    network_decline_code: failed ? '51' : null,
    network_status: failed ? 'declined_by_network' : 'approved_by_network',
    reason: failed ? 'generic_decline' : null,
    risk_level: 'normal',
    risk_score: dice.below(65),
    seller_message: failed ? 'The bank did not return any further details with this decline.' : 'Payment complete.',
    type: failed ? 'issuer_declined' : 'authorized',
  }
}

function cardOf(dice: Dice, amount: number): JsonHash {
  const brand = dice.pick(['visa', 'visa', 'mastercard', 'amex'])
  return {
    amount_authorized: amount,
    authorization_code: String(100_000 + dice.below(899_999)),
    brand,
    checks: { address_line1_check: null, address_postal_code_check: dice.pick(['pass', null]), cvc_check: 'pass' },
    country: dice.pick(['US', 'DE', 'KR', 'JP', 'BR']),
    exp_month: 1 + dice.below(12),
    exp_year: 2026 + dice.below(6),
    extended_authorization: { status: 'disabled' },
    fingerprint: base62(dice.next(), 6) + base62(dice.next(), 6) + 'AbCd',
    funding: dice.pick(['credit', 'debit', 'prepaid']),
    incremental_authorization: { status: 'unavailable' },
    installments: null,
    last4: String(10_000 + dice.below(10_000)).slice(1),
    mandate: null,
    multicapture: { status: 'unavailable' },
    network: brand,
    network_token: { used: false },
    network_transaction_id: String(dice.next()),
    overcapture: { maximum_amount_capturable: amount, status: 'unavailable' },
    regulated_status: dice.pick(['unregulated', 'regulated']),
    three_d_secure: null,
    wallet: dice.chance(10) ? { dynamic_last4: null, type: 'apple_pay', apple_pay: {} } : null,
  }
}
