import type { ResourceName } from '../types.ts'
import { chargeMutations } from './charges.ts'
import { customerMutations } from './customers.ts'
import type { Mutations } from './mutation.ts'
import { priceMutations } from './prices.ts'
import { refundMutations } from './refunds.ts'
import { subscriptionMutations } from './subscriptions.ts'

/** The writes of each resource. Balance transactions and events are made by other writes only. */
export const MUTATIONS: Readonly<Record<ResourceName, Mutations>> = {
  charges: chargeMutations,
  subscriptions: subscriptionMutations,
  refunds: refundMutations,
  balance_transactions: {},
  customers: customerMutations,
  prices: priceMutations,
  events: {},
}
