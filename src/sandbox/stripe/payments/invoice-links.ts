import type { Json, JsonHash, StripeObject } from '../types.ts'
import { hashOf, textOf } from '../types.ts'
import type { World } from '../world.ts'

/** How an invoice is paid, as it is expanded since basil. */
export function invoicePayments(invoice: StripeObject, world: World): JsonHash {
  const intent = textOf(invoice.payment_intent)
  const status = invoice.status === 'void' ? 'canceled' : String(invoice.status)
  const transitions = hashOf(invoice.status_transitions)
  const payment: StripeObject = {
    id: `inpay_${invoice.id.slice(3)}`,
    object: 'invoice_payment',
    amount_paid: status === 'paid' ? invoice.amount_paid : null,
    amount_requested: invoice.amount_due,
    created: invoice.created,
    currency: invoice.currency,
    invoice: invoice.id,
    is_default: true,
    livemode: world.plan.livemode,
    payment: { payment_intent: intent, type: 'payment_intent' },
    status,
    status_transitions: { canceled_at: transitions.voided_at ?? null, paid_at: transitions.paid_at ?? null },
  }
  return { object: 'list', data: intent === undefined ? [] : [payment], has_more: false, url: '/v1/invoice_payments' }
}

/** What a browser needs to confirm the payment of an invoice, as it is expanded since basil. */
export function confirmationSecret(invoice: StripeObject, world: World): Json {
  const intent = world.payments.find('payment_intents', textOf(invoice.payment_intent) ?? '')
  return intent ? { client_secret: intent.client_secret, type: 'payment_intent' } : null
}
