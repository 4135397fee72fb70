import type { Setup, SetupFacts, SetupFault, SetupMove } from '../../subscription-setup.ts'
import {
  cancelSetupIntentCall,
  confirmPaymentCall,
  customerCall,
  priceCall,
  setupIntentCall,
  subscriptionCall,
} from './setup-calls.ts'

type SetupIntentFacts = NonNullable<SetupFacts['setupIntent']>

/** Subscriptions that have been paid for once; what befalls them later is no matter of the set-up. */
const STARTED_STATUSES: readonly string[] = ['active', 'trialing', 'past_due', 'unpaid', 'paused']

/** Only in these can a SetupIntent be called off. */
const CANCELABLE_STATUSES: readonly string[] = ['requires_action', 'requires_confirmation']

/** Nobody approved in time, by Stripe's own clock. */
const ATTEMPT_EXPIRED = 'setup_intent_setup_attempt_expired'

const WAIT: SetupMove = { kind: 'wait', redirectUrl: null }
const EXPIRED: SetupMove = { kind: 'expired' }

/** What comes next in a set-up with Kakao Pay, by what is known of it. */
export function nextMove(setup: Setup, apiVersion: string): SetupMove {
  const { id, request, facts, isOverdue } = setup
  const { customerId, priceId, setupIntent, subscription } = facts
  if (subscription !== undefined) return afterSubscription(setup, subscription)
  if (setupIntent !== undefined) return afterSetupIntent(setup, setupIntent, apiVersion)
  if (isOverdue) return EXPIRED
  if (customerId === undefined) {
    return 'id' in request.customer ? lost('customer') : customerCall(id, request.customer)
  }
  if (priceId === undefined) return 'id' in request.price ? lost('price') : priceCall(id, request.price)
  return setupIntentCall(id, customerId, request, apiVersion)
}

function afterSetupIntent(setup: Setup, setupIntent: SetupIntentFacts, apiVersion: string): SetupMove {
  const { id, facts, isOverdue } = setup
  const { status, redirectUrl, paymentMethodId, error } = setupIntent
  const { customerId, priceId } = facts
  if (status === 'canceled') return isOverdue ? EXPIRED : failed('setup_intent_canceled', 'It was canceled at Stripe.')
  if (status === 'requires_payment_method') {
    if (isOverdue || error?.code === ATTEMPT_EXPIRED) return EXPIRED
    return { kind: 'failed', fault: error ?? notApproved('setup_intent_authentication_failure') }
  }
  if (status === 'succeeded') {
    // Approved in time perhaps, but nobody expects to be charged so long afterwards.
    if (isOverdue) return EXPIRED
    if (paymentMethodId === null || customerId === undefined || priceId === undefined) return lost('payment method')
    return subscriptionCall(id, { customerId, priceId, paymentMethodId }, apiVersion)
  }
  if (isOverdue && CANCELABLE_STATUSES.includes(status)) return cancelSetupIntentCall(setupIntent.id)
  return status === 'requires_action' ? { kind: 'wait', redirectUrl } : WAIT
}

/** An incomplete subscription ends by itself after 23 hours, so here Stripe's word counts and not the host's clock. */
function afterSubscription(setup: Setup, subscription: NonNullable<SetupFacts['subscription']>): SetupMove {
  const { status } = subscription
  if (STARTED_STATUSES.includes(status)) return { kind: 'active' }
  if (status === 'incomplete_expired') return EXPIRED
  if (status === 'incomplete') return afterPayment(setup)
  return failed(`subscription_${status}`, `The subscription is ${status} at Stripe.`)
}

function afterPayment({ request, facts }: Setup): SetupMove {
  const { payment } = facts
  if (payment === undefined) return { kind: 'read' }
  const { status, redirectUrl, error, isAsked } = payment
  if (status === 'requires_action' && redirectUrl !== null) return { kind: 'wait', redirectUrl }
  if (!status.startsWith('requires_') || status === 'requires_capture') return WAIT
  if (!isAsked) return confirmPaymentCall(payment.id, request.returnUrl)
  if (status !== 'requires_payment_method') return WAIT
  return { kind: 'failed', fault: error ?? notApproved('payment_intent_authentication_failure') }
}

function notApproved(code: string): SetupFault {
  return { code, message: 'The customer did not approve the payment method.' }
}

function lost(what: string): SetupMove {
  return failed('resource_missing', `Stripe names no ${what} for this set-up.`)
}

function failed(code: string, message: string): SetupMove {
  return { kind: 'failed', fault: { code, message } }
}
