import type { Config } from '../config.ts'
import type { SourcePlugin } from '../plugins/plugin.ts'
import { createStripePlugin } from '../plugins/stripe/plugin.ts'

/** The Stripe source as the settings have it. */
export function stripePluginOf(config: Config): SourcePlugin {
  return createStripePlugin({
    apiBase: config.stripeApiBase,
    share: config.stripeBudgetShare,
    ...(config.stripeRateGlobal === undefined ? {} : { rateGlobal: config.stripeRateGlobal }),
    ...(config.stripeRateEndpoint === undefined ? {} : { rateEndpoint: config.stripeRateEndpoint }),
  })
}
