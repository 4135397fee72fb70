import { StripeError } from '../errors.ts'
import type { MutationContext } from '../mutations/mutation.ts'
import type { StripeObject } from '../types.ts'
import type { World } from '../world.ts'
import { INTENT_WORDS, isWaiting, REFUSALS } from './intents.ts'
import { approvePayment, refusePayment } from './payment-intents.ts'
import type { Attempt } from './payment-objects.ts'
import { approveSetup, refuseSetup } from './setup-intents.ts'

/** What a customer does on the page of the payment method. Who abandons it closes it: nobody hears of that. */
export const DECISIONS = ['approve', 'refuse', 'abandon'] as const
export type Decision = (typeof DECISIONS)[number]

/** What a refusal says when nobody names a code. */
const USUAL_REFUSAL: Readonly<Record<Attempt['name'], string>> = {
  setup_intents: 'setup_intent_authentication_failure',
  payment_intents: 'payment_intent_authentication_failure',
}

/** The codes that a refusal of this attempt may have. */
export function refusalCodes({ name }: Attempt): string[] {
  const others = name === 'setup_intents' ? 'payment_intent_' : 'setup_intent_'
  return Object.keys(REFUSALS).filter((code) => code !== 'resource_missing' && !code.startsWith(others))
}

/** The attempt that waits, of this intent or, without an id, the newest of all; throws when there is none. */
export function waitingAttempt(world: World, intent: string | undefined): Attempt {
  const attempt = world.payments.latestAttempt(
    (each) => (intent ?? each.intent) === each.intent && isWaiting(world, each),
  )
  if (attempt) return attempt
  throw new StripeError(400, intent === undefined ? 'Nobody is redirected.' : `${intent} waits for nobody.`)
}

/** Carries out the decision of a customer about an attempt that waits, and answers the intent. */
export function decide(context: MutationContext, attempt: Attempt, decision: Decision, code?: string): StripeObject {
  const { payments } = context.world
  const intent = payments.find(attempt.name, attempt.intent)
  if (!intent || !isWaiting(context.world, attempt)) throw new StripeError(400, `${attempt.intent} waits for nobody.`)
  const setup = attempt.name === 'setup_intents'
  if (decision === 'abandon') return intent
  if (decision === 'approve') {
    return setup ? approveSetup(context, intent, attempt) : approvePayment(context, intent, attempt)
  }
  const reason = code ?? USUAL_REFUSAL[attempt.name]
  if (!refusalCodes(attempt).includes(reason)) throw new StripeError(400, `Unknown refusal: ${reason}.`)
  if (setup) return refuseSetup(context, intent, attempt, reason)
  return refusePayment(context, intent, attempt.paymentMethod, reason)
}

/** Where the customer is sent after the decision. */
export function returnLocation(attempt: Attempt, intent: StripeObject): string {
  const { object } = INTENT_WORDS[attempt.name]
  const url = new URL(attempt.returnUrl)
  url.searchParams.append(object, intent.id)
  url.searchParams.append(`${object}_client_secret`, String(intent.client_secret))
  url.searchParams.append('redirect_status', intent.status === 'succeeded' ? 'succeeded' : 'failed')
  return url.href
}
