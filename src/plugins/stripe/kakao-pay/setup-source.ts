import type { StripeClient, StripeParameters } from '../client.ts'
import {
  SetupRefusedError,
  SetupRequestError,
  type PaymentMethodRules,
  type Setup,
  type SetupCall,
  type SetupFacts,
  type SubscriptionSetupSource,
} from '../../subscription-setup.ts'
import { RetriableSourceError } from '../../plugin.ts'
import { nextMove } from './next-move.ts'
import { prepareSetup } from './prepare-setup.ts'
import { invoiceExpansions, STEP_PERMISSIONS } from './setup-calls.ts'
import { toSetupError } from './setup-errors.ts'
import { isMadeBy, paymentFacts, setupIntentFacts, subscriptionFacts } from './setup-facts.ts'

export interface KakaoPaySourceOptions {
  readonly client: StripeClient
  /** What the client authenticates with; kept out of every message. */
  readonly key: string
  /** The version that the client asks for. */
  readonly apiVersion: string
  readonly rules: PaymentMethodRules
}

/** Sets up subscriptions that are paid by Kakao Pay, in one Stripe account. */
export function createKakaoPaySource(options: KakaoPaySourceOptions): SubscriptionSetupSource {
  const { client, key, apiVersion, rules } = options

  async function asking<T>(permission: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof SetupRequestError) throw error
      throw toSetupError(error, key, permission)
    }
  }

  const retrieved = (permission: string, path: string, id: string, signal: AbortSignal, query?: StripeParameters) =>
    asking(permission, signal, async () => {
      const object = await client.retrieve(path, id, signal, query)
      if (object === null) throw new SetupRefusedError('resource_missing', `Stripe does not know ${id} any more.`)
      return object
    })

  async function readSetupIntent(facts: SetupFacts, id: string, signal: AbortSignal): Promise<SetupFacts> {
    const intent = await retrieved('rak_setup_intent_read', '/v1/setup_intents', id, signal)
    return { ...facts, setupIntent: setupIntentFacts(intent) }
  }

  async function readSubscription(facts: SetupFacts, id: string, signal: AbortSignal): Promise<SetupFacts> {
    const query = { expand: invoiceExpansions(apiVersion) }
    const read = subscriptionFacts(await retrieved('rak_subscription_read', '/v1/subscriptions', id, signal, query))
    const subscription = {
      ...read,
      paymentIntentId: read.paymentIntentId ?? facts.subscription?.paymentIntentId ?? null,
    }
    const { paymentIntentId, status } = subscription
    if (status !== 'incomplete' || paymentIntentId === null) return { ...facts, subscription }
    const intent = await retrieved('rak_payment_intent_read', '/v1/payment_intents', paymentIntentId, signal)
    return { ...facts, subscription, payment: paymentFacts(intent, facts.payment) }
  }

  async function read(facts: SetupFacts, signal: AbortSignal): Promise<SetupFacts> {
    if (facts.subscription !== undefined) return readSubscription(facts, facts.subscription.id, signal)
    if (facts.setupIntent !== undefined) return readSetupIntent(facts, facts.setupIntent.id, signal)
    return facts
  }

  /** Somebody was faster: the customer approved, or Stripe ended it. */
  async function readUncanceled(
    facts: SetupFacts,
    refusal: SetupRefusedError,
    signal: AbortSignal,
  ): Promise<SetupFacts> {
    const now = await read(facts, signal)
    if (now.setupIntent?.status !== facts.setupIntent?.status) return now
    throw new RetriableSourceError('unavailable', `The SetupIntent cannot be canceled: ${refusal.message}`)
  }

  async function perform(call: SetupCall, facts: SetupFacts, signal: AbortSignal): Promise<SetupFacts> {
    const { step, path } = call
    try {
      const answer = await asking(permissionOf(step), signal, () => client.post(path, call, signal))
      return learned(step, answer, facts)
    } catch (error) {
      if (step !== 'cancelSetupIntent' || !(error instanceof SetupRefusedError)) throw error
      return readUncanceled(facts, error, signal)
    }
  }

  /** What a set-up has made is known by its metadata. Lists show an object at once, which search does not promise. */
  async function findMade(
    path: string,
    query: StripeParameters,
    { id }: Setup,
    permission: string,
    signal: AbortSignal,
  ) {
    let cursor: StripeParameters = {}
    for (;;) {
      const page = { ...query, limit: '100', ...cursor }
      const { data, hasMore } = await asking(permission, signal, () => client.list(path, page, signal))
      const made = data.find((object) => isMadeBy(id, object))
      const last = data.at(-1)
      if (made !== undefined || !hasMore || last === undefined) return made
      cursor = { starting_after: last.id }
    }
  }

  async function findSubscription(setup: Setup, signal: AbortSignal): Promise<SetupFacts> {
    const { facts } = setup
    if (facts.customerId === undefined) return facts
    const query = { customer: facts.customerId, status: 'all' }
    const made = await findMade('/v1/subscriptions', query, setup, 'rak_subscription_read', signal)
    return made === undefined ? facts : readSubscription(facts, made.id, signal)
  }

  async function findCustomer(setup: Setup, signal: AbortSignal): Promise<SetupFacts> {
    const { facts, request } = setup
    if (!('email' in request.customer)) return facts
    const query = { email: request.customer.email }
    const made = await findMade('/v1/customers', query, setup, 'rak_customer_read', signal)
    return made === undefined ? facts : { ...facts, customerId: made.id }
  }

  return {
    prepare: (request, signal) => asking('rak_price_read', signal, () => prepareSetup(client, request, rules, signal)),
    next: (setup) => nextMove(setup, apiVersion),
    perform,
    read,
    async find({ step }, setup, signal) {
      if (step === 'subscription') return findSubscription(setup, signal)
      if (step === 'customer') return findCustomer(setup, signal)
      // A price that nothing uses and a SetupIntent whose page nobody has seen do no harm, and the rest is read.
      return read(setup.facts, signal)
    },
  }
}

/** What the answer to a call adds to the facts. */
function learned(step: string, answer: Parameters<typeof setupIntentFacts>[0], facts: SetupFacts): SetupFacts {
  if (step === 'customer') return { ...facts, customerId: answer.id }
  if (step === 'price') return { ...facts, priceId: answer.id }
  if (step === 'subscription') return { ...facts, subscription: subscriptionFacts(answer) }
  if (step === 'confirmPayment') return { ...facts, payment: { ...paymentFacts(answer, facts.payment), isAsked: true } }
  return { ...facts, setupIntent: setupIntentFacts(answer) }
}

function permissionOf(step: string): string {
  return STEP_PERMISSIONS[step] ?? 'a write permission'
}
