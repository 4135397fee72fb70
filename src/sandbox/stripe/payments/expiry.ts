import { NO_REQUEST } from '../events.ts'
import { commit } from '../mutations/mutation.ts'
import type { World } from '../world.ts'
import { voidOpenInvoice } from './invoices.ts'

/** Ends the subscriptions that have waited too long for their first payment. Costs nothing when there are none. */
export function expireIncomplete(world: World): void {
  const context = { world, cause: NO_REQUEST }
  for (const { subscription: id } of world.payments.takeDue(world.clock.now())) {
    const subscription = world.find('subscriptions', id)
    if (subscription?.status !== 'incomplete') continue
    const expired = { ...subscription, ended_at: world.clock.now(), status: 'incomplete_expired' }
    commit(context, 'subscriptions', 'customer.subscription.updated', subscription, expired)
    voidOpenInvoice(context, expired)
  }
}
