import type { PluginContext } from '../../plugin.ts'
import type { PaymentMethodRules, SubscriptionSetups } from '../../subscription-setup.ts'
import { DEFAULT_API_VERSION, type StripeClient } from '../client.ts'
import { KAKAO_PAY } from './setup-calls.ts'
import { createKakaoPaySource } from './setup-source.ts'

/** Makes a client of the account that a key belongs to. */
export type OpenClient = (key: string, apiVersion: string, context: PluginContext) => StripeClient

/** Won has no smaller unit, and Stripe takes no less than a hundred. */
const RULES: PaymentMethodRules = { currency: 'krw', minimumAmount: 100 }

/** The Stripe plugin's part that sets up subscriptions. */
export function createKakaoPaySetups(openClient: OpenClient): SubscriptionSetups {
  return {
    paymentMethods: { [KAKAO_PAY]: RULES },
    defaultApiVersion: DEFAULT_API_VERSION,
    connect(auth, apiVersion, context) {
      const key = String(auth.accessToken)
      return createKakaoPaySource({ client: openClient(key, apiVersion, context), key, apiVersion, rules: RULES })
    },
  }
}
