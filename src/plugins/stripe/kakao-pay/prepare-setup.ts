import { isJsonObject } from '../../../json.ts'
import {
  SetupRequestError,
  type PaymentMethodRules,
  type SetupFacts,
  type SetupRequest,
} from '../../subscription-setup.ts'
import type { StripeClient, StripeObject } from '../client.ts'

/** Reads the customer and the price that a request names. @returns their ids, as far as they are known */
export async function prepareSetup(
  client: StripeClient,
  { customer, price }: SetupRequest,
  rules: PaymentMethodRules,
  signal: AbortSignal,
): Promise<SetupFacts> {
  const priceId = 'id' in price ? await checkedPriceId(client, price.id, rules, signal) : undefined
  const customerId = 'id' in customer ? customer.id : await customerIdOf(client, customer.email, signal)
  return {
    ...(customerId === undefined ? {} : { customerId }),
    ...(priceId === undefined ? {} : { priceId }),
  }
}

async function checkedPriceId(
  client: StripeClient,
  id: string,
  rules: PaymentMethodRules,
  signal: AbortSignal,
): Promise<string> {
  const price = await client.retrieve('/v1/prices', id, signal)
  if (price === null) throw new SetupRequestError('/price', `/price names "${id}", which Stripe does not know.`)
  const fault = faultOf(price, rules)
  if (fault !== null) throw new SetupRequestError('/price', `/price names "${id}", ${fault}.`)
  return price.id
}

/** Why the payment method cannot pay a price; null when it can. */
function faultOf(price: StripeObject, { currency, minimumAmount }: PaymentMethodRules): string | null {
  if (price.deleted === true) return 'which is deleted'
  if (price.active !== true) return 'which is not active'
  if (!isJsonObject(price.recurring)) return 'which is not recurring'
  if (price.currency !== currency) {
    return `which is in ${String(price.currency).toUpperCase()}; give one in ${currency.toUpperCase()}`
  }
  const { unit_amount: amount } = price
  if (typeof amount !== 'number') return 'which has no fixed amount in whole units'
  return amount < minimumAmount ? `which is ${amount}; give one of at least ${minimumAmount}` : null
}

/** The one customer of an email address; undefined when there is none yet. */
async function customerIdOf(client: StripeClient, email: string, signal: AbortSignal): Promise<string | undefined> {
  const { data } = await client.list('/v1/customers', { email, limit: '2' }, signal)
  if (data.length <= 1) return data[0]?.id
  throw new SetupRequestError('/customer', '/customer is the email address of several customers; give the id of one.')
}
