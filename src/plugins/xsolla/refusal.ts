import { WebhookRefusal } from '../webhook.ts'

/** The codes by which Xsolla tells why a notification is refused. */
export type RefusalCode = 'INVALID_SIGNATURE' | 'INVALID_PARAMETER' | 'INVALID_USER'

/**
 * A refusal as Xsolla reads it. It is not sent again, and a refused payment fails although the user has paid: for faults
 * of ours throw any other error.
 *
 * @param message - one sentence, without anything secret
 */
export function refusal(code: RefusalCode, message: string): WebhookRefusal {
  return new WebhookRefusal(message, { status: 400, body: { error: { code, message } } })
}
