import type { RestHttp } from '../rest/http.ts'
import type { WebhookReceiver } from '../webhook.ts'
import { KEPT_TYPES } from './notification-types.ts'
import { notificationOf, userIdOf } from './notification.ts'
import { checkSignature } from './signature.ts'
import { checkUser } from './user-check.ts'

/** The resource path under which notifications land. */
export const NOTIFICATIONS = 'notifications'

/** The resource path whose objects are users, by the id that the merchant gave them. */
export const USERS = 'users'

export interface XsollaWebhookOptions {
  /** Asks the URL that a connection names for its users; decides which hosts may be reached. */
  readonly http: RestHttp
  /**
   * Milliseconds that such a URL may take to answer.
   * @defaultValue 3000
   */
  readonly userCheckTimeoutMs?: number
}

/** Taken: Xsolla wants no body. */
const ANSWER = { status: 204 } as const

/**
 * Takes Xsolla's notifications. Each carries its record. A known transaction gets the answer that it got first, as the host
 * keeps it; whether a user exists is asked anew each time.
 */
export function createXsollaWebhooks({
  http,
  userCheckTimeoutMs: timeoutMs = 3_000,
}: XsollaWebhookOptions): WebhookReceiver {
  return {
    name: 'xsolla',
    secretParameter: 'webhookSecret',
    async receive(request) {
      checkSignature(request)
      const notification = notificationOf(request)
      if (notification.type === 'user_validation') {
        await checkUser(userIdOf(notification.body) ?? '', request, { http, timeoutMs, usersPath: USERS })
      }
      return { notification, answer: ANSWER }
    },
    typesOf: (resourcePath) => (resourcePath === NOTIFICATIONS ? KEPT_TYPES : []),
    recordsOf: ({ key, body }, resourcePath) =>
      resourcePath === NOTIFICATIONS ? [{ id: key, record: { data: body } }] : [],
  }
}
