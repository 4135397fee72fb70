import Stripe from 'stripe'
import { isJsonObject } from '../../json.ts'
import { WebhookRefusal, type WebhookNotification, type WebhookReceiver, type WebhookRequest } from '../webhook.ts'
import { isResourcePath, STRIPE_RESOURCES } from './resources.ts'

/** How far the time of a signature may lie from now, in either direction, seconds. The SDK refuses only what is too old. */
const TOLERANCE_SECONDS = 300

/** Takes Stripe's webhook events: signed, and only naming the objects that have changed. */
export const stripeWebhooks: WebhookReceiver = {
  name: 'stripe',
  secretParameter: 'webhookSecret',
  receive(request) {
    return { notification: notificationOf(verifiedEvent(request)) }
  },
  typesOf(resourcePath) {
    return isResourcePath(resourcePath) ? Object.keys(STRIPE_RESOURCES[resourcePath].events) : []
  },
}

/** What is kept of an event. Throws `WebhookRefusal` for what is no event of the first version of Stripe's API. */
export function notificationOf(event: unknown): WebhookNotification {
  if (!isJsonObject(event)) throw new WebhookRefusal('The body is no event: it is not a JSON object.')
  const { id, type, created, data } = event
  const snapshot = isJsonObject(data) ? data.object : undefined
  const isEvent = isText(id) && isText(type) && Number.isSafeInteger(created) && isJsonObject(snapshot)
  if (!isEvent) throw new WebhookRefusal('The body is no event: it lacks id, type, created or data.object.')
  return {
    key: id,
    type,
    subjectId: isText(snapshot.id) ? snapshot.id : null,
    occurredAt: Number(created) * 1000,
    body: event,
  }
}

/** Longer ids and types are none of Stripe's. */
const LONGEST_TEXT = 255

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= LONGEST_TEXT
}

function verifiedEvent({ rawBody, headers, secrets, nowMs }: WebhookRequest): unknown {
  const header = headers['stripe-signature']
  if (typeof header !== 'string' || header === '') throw new WebhookRefusal('The header Stripe-Signature is missing.')
  const signedAt = timestampOf(header)
  if (!Number.isFinite(signedAt)) throw new WebhookRefusal('The header Stripe-Signature has no readable timestamp.')
  if (Math.abs(Math.floor(nowMs / 1000) - signedAt) > TOLERANCE_SECONDS) {
    const message = `The timestamp of the signature lies more than ${TOLERANCE_SECONDS} s away from this host's clock.`
    throw new WebhookRefusal(message)
  }
  for (const secret of secrets) {
    try {
      return Stripe.webhooks.constructEvent(rawBody, header, secret, TOLERANCE_SECONDS, undefined, nowMs)
    } catch (error) {
      if (error instanceof Stripe.errors.StripeSignatureVerificationError) continue
      throw new WebhookRefusal('The body is no event: it is not JSON, or one of the thin events, which say too little.')
    }
  }
  throw new WebhookRefusal("The signature fits none of the connection's webhook secrets.")
}

/** As the SDK reads it: the last `t` counts. NaN when there is none. */
function timestampOf(header: string): number {
  const value = header
    .split(',')
    .map((item) => item.split('='))
    .findLast(([name]) => name === 't')?.[1]
  return Number.parseInt(value ?? '', 10)
}
