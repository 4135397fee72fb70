import type { JsonObject } from '../../json.ts'
import type { StoredSubscriptionSetup } from '../../store/subscription-setups.ts'
import { expiresAt, orderOf, progressOf } from './setup-progress.ts'

/** The wire form of a set-up: what a read answers. Holds no secret, and nothing of the customer's device. */
export function setupDocument(stored: StoredSubscriptionSetup): JsonObject & { readonly id: string } {
  const { request, apiVersion } = orderOf(stored)
  const { facts, redirectUrl, trouble, fault, endedAt } = progressOf(stored)
  const { customerId, priceId, setupIntent, subscription, payment } = facts
  const paymentIntentId = payment?.id ?? subscription?.paymentIntentId ?? undefined
  return {
    id: stored.id,
    connectionId: stored.connectionId,
    state: stored.state,
    ...(redirectUrl === null ? {} : { redirectUrl }),
    customer: { ...request.customer, ...(customerId === undefined ? {} : { id: customerId }) },
    price: { ...request.price, ...(priceId === undefined ? {} : { id: priceId }) },
    paymentMethod: request.paymentMethod,
    returnUrl: request.returnUrl,
    apiVersion,
    ...(setupIntent === undefined ? {} : { setupIntentId: setupIntent.id }),
    ...(subscription === undefined ? {} : { subscriptionId: subscription.id, subscriptionStatus: subscription.status }),
    ...(paymentIntentId === undefined ? {} : { paymentIntentId }),
    ...(fault === null ? {} : { error: { ...fault } }),
    ...(trouble === null ? {} : { retrying: { ...trouble } }),
    createdAt: stored.createdAt,
    updatedAt: stored.updatedAt,
    expiresAt: expiresAt(stored),
    ...(endedAt === null ? {} : { endedAt }),
    imsOrgId: stored.orgId,
    sandboxName: stored.sandboxName,
  }
}
