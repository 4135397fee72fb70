import { Dice } from '../dice.ts'
import { base62 } from '../ids.ts'
import type { Plan } from '../plan.ts'
import { asBytes, parseBytes } from '../serialize.ts'
import type { StripeObject } from '../types.ts'
import { addressBytes, nameBytes, padMetadata, pickAmount, pickCurrency, pickMetadata } from './words.ts'

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
  return parseBytes(chargeBytes(plan, index, true)) as StripeObject
}

/**
 * A generated charge as JSON, one character per byte of UTF-8, with or without `invoice` (gone since basil). Pages of
 * charges are what most of the sandbox's time goes into, and putting the text together costs a third of building an
 * object and serialising it. No word in it needs escaping, except in the metadata.
 */
export function chargeBytes(plan: Plan, index: number, withInvoice: boolean): string {
  const dice = new Dice(plan.keys.charges, index)
  const { ids } = plan
  const { amount, currency } = chargeAmount(plan, index)
  const status = plan.chargeStatus(index)
  const failed = status === 'failed'
  const refunded = refundAmounts(plan, index).reduce((sum, refund) => sum + refund.amount, 0)
  const customer = plan.customerOfCharge(index)
  const transaction = plan.transactionOfCharge(index)
  const name = nameBytes(dice)
  const metadata = pickMetadata(dice)
  const { approxObjectBytes } = plan.options
  if (approxObjectBytes > 0) padMetadata(metadata, approxObjectBytes - TYPICAL_BYTES)
  // The draws follow the order of the fields.
  const address = addressBytes(dice.chance(70) ? dice : undefined)
  const email = dice.chance(60) ? `"buyer${dice.next()}@example.com"` : 'null'
  const description = dice.chance(50) ? `"Order ${1000 + index} of ${name}"` : 'null'
  const disputed = dice.chance(0.6)
  const invoiced = dice.chance(30)
  const invoice = withInvoice ? `"invoice":${invoiced ? `"${ids.invoices.encode(index)}"` : 'null'},` : ''
  const outcome = outcomeText(dice, failed)
  const card = cardText(dice, amount)
  const receiptEmail = dice.chance(30) ? `"receipts${dice.below(1000)}@example.com"` : 'null'
  const receipt = base62(dice.next(), 6) + base62(dice.next(), 6)
  const shipping = dice.chance(20)
    ? `{"address":${addressBytes(dice)},"name":"${name}","phone":null,"carrier":null}`
    : 'null'
  const group = dice.chance(3) ? `"group_${index % 20}"` : 'null'
  const transactionId = transaction === null ? 'null' : `"${ids.balance_transactions.encode(transaction)}"`
  const customerId = customer === null ? 'null' : `"${ids.customers.encode(customer)}"`
  const failure = failed
    ? '"failure_code":"card_declined","failure_message":"Your card was declined."'
    : '"failure_code":null,"failure_message":null'
  return (
    `{"id":"${ids.charges.encode(index)}","object":"charge","amount":${amount},"amount_captured":${failed ? 0 : amount},` +
    `"amount_refunded":${refunded},"application":null,"application_fee":null,"application_fee_amount":null,` +
    `"balance_transaction":${transactionId},"billing_details":{"address":${address},"email":${email},` +
    `"name":"${name}","phone":null,"tax_id":null},"calculated_statement_descriptor":"SANDBOX SHOP",` +
    `"captured":${!failed},"created":${plan.timelines.charges.createdAt(index)},"currency":"${currency}",` +
    `"customer":${customerId},"description":${description},"disputed":${disputed},` +
    `"failure_balance_transaction":null,${failure},"fraud_details":{},${invoice}` +
    `"livemode":${plan.livemode},"metadata":${asBytes(JSON.stringify(metadata))},"on_behalf_of":null,"outcome":${outcome},` +
    `"paid":${status === 'succeeded'},"payment_intent":"${ids.paymentIntents.encode(index)}",` +
    `"payment_method":"${ids.paymentMethods.encode(index)}","payment_method_details":{"card":${card},"type":"card"},` +
    `"receipt_email":${receiptEmail},"receipt_number":null,` +
    `"receipt_url":"https://pay.stripe.com/receipts/payment/CAcaFwoVYWNjdF8x${receipt}",` +
    `"refunded":${refunded === amount},"review":null,"shipping":${shipping},"source_transfer":null,` +
    `"statement_descriptor":null,"statement_descriptor_suffix":null,"status":"${status}","transfer_data":null,` +
    `"transfer_group":${group}}`
  )
}

const DECLINED =
  '"advice_code":"try_again_later","network_advice_code":null,"network_decline_code":"51","network_status":"declined_by_network","reason":"generic_decline"'
const APPROVED =
  '"advice_code":null,"network_advice_code":null,"network_decline_code":null,"network_status":"approved_by_network","reason":null'
const DECLINE_MESSAGE = 'The bank did not return any further details with this decline.'

function outcomeText(dice: Dice, failed: boolean): string {
  return (
    `{${failed ? DECLINED : APPROVED},"risk_level":"normal","risk_score":${dice.below(65)},` +
    `"seller_message":"${failed ? DECLINE_MESSAGE : 'Payment complete.'}","type":"${failed ? 'issuer_declined' : 'authorized'}"}`
  )
}

function cardText(dice: Dice, amount: number): string {
  const brand = dice.pick(['visa', 'visa', 'mastercard', 'amex'])
  const authorization = 100_000 + dice.below(899_999)
  const postalCheck = dice.pick(['"pass"', 'null'])
  const country = dice.pick(['US', 'DE', 'KR', 'JP', 'BR'])
  return (
    `{"amount_authorized":${amount},"authorization_code":"${authorization}","brand":"${brand}",` +
    `"checks":{"address_line1_check":null,"address_postal_code_check":${postalCheck},"cvc_check":"pass"},` +
    `"country":"${country}","exp_month":${1 + dice.below(12)},"exp_year":${2026 + dice.below(6)},` +
    `"extended_authorization":{"status":"disabled"},"fingerprint":"${base62(dice.next(), 6)}${base62(dice.next(), 6)}AbCd",` +
    `"funding":"${dice.pick(['credit', 'debit', 'prepaid'])}","incremental_authorization":{"status":"unavailable"},` +
    `"installments":null,"last4":"${String(10_000 + dice.below(10_000)).slice(1)}","mandate":null,` +
    `"multicapture":{"status":"unavailable"},"network":"${brand}","network_token":{"used":false},` +
    `"network_transaction_id":"${dice.next()}","overcapture":{"maximum_amount_capturable":${amount},"status":"unavailable"},` +
    `"regulated_status":"${dice.pick(['unregulated', 'regulated'])}","three_d_secure":null,` +
    `"wallet":${dice.chance(10) ? '{"dynamic_last4":null,"type":"apple_pay","apple_pay":{}}' : 'null'}}`
  )
}
