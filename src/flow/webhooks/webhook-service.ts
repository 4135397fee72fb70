import { FlowServiceError, notFound } from '../../errors.ts'
import {
  WebhookRefusal,
  type WebhookAnswer,
  type WebhookNotification,
  type WebhookRequest,
} from '../../plugins/webhook.ts'
import type { NewWebhookEvent } from '../../store/store.ts'
import { secretsIn } from '../connection-auth.ts'
import type { FlowContext } from '../context.ts'
import { loadFlowParts } from '../engine/run-parts.ts'
import { MissingPartError } from '../missing-part-error.ts'
import { flowsOf, notifiedConnection, type NotifiedConnection } from './connection-flows.ts'
import { InboxWriter } from './inbox-writer.ts'

/** `unavailable`: not acknowledged because of a fault or a lack of room here; the sender sends it again. */
export const WEBHOOK_OUTCOMES = ['accepted', 'answered', 'duplicate', 'refused', 'unavailable'] as const
export type WebhookOutcome = (typeof WEBHOOK_OUTCOMES)[number]

export interface WebhookServiceOptions {
  /** Called after a notification of a connection (by its number) was stored. */
  readonly onArrived: (connectionNo: number) => void
  /** Called with the object that it is about, for whoever waits for a change of it. */
  readonly onNotice: (notice: { readonly connectionId: string; readonly objectId: string }) => void
  /** Counts what came in, for metrics. `receiver` is one of the plugins'. */
  readonly onOutcome: (receiver: string, outcome: WebhookOutcome) => void
}

export interface IncomingWebhook extends Pick<WebhookRequest, 'headers'> {
  /** The last but one part of the route. */
  readonly receiver: string
  readonly connectionId: string
  readonly readBody: () => Promise<Buffer>
}

/** Takes signed notifications. */
export interface WebhookService {
  /**
   * The answer for the sender, given after the notification was stored. Throws `WebhookRefusal` for one that is refused, 1101-404 for an
   * unknown connection and 1103-503 when it cannot be stored now.
   */
  receive(incoming: IncomingWebhook): Promise<WebhookAnswer>
}

const DEFAULT_ANSWER: WebhookAnswer = { status: 200, body: { received: true } }

export function createWebhookService(
  context: FlowContext,
  { onArrived, onNotice, onOutcome }: WebhookServiceOptions,
): WebhookService {
  const { clock } = context
  const inbox = new InboxWriter(context)

  async function take(connection: NotifiedConnection, incoming: IncomingWebhook) {
    const { base, receiver } = connection
    const secrets = secretsOf(context, connection)
    if (secrets.length === 0) {
      const message = `Connection ${base.id} has no webhook secret; set auth.params.${receiver.secretParameter} to the one of the endpoint.`
      throw new WebhookRefusal(message)
    }
    const rawBody = await incoming.readBody()
    const nowMs = clock.now()
    const { notification, answer } = await receiver.receive({
      rawBody,
      headers: incoming.headers,
      secrets,
      params: base.document.auth?.params ?? {},
      nowMs,
      hasObject: (resourcePath, objectId) => hasObject(context, connection, resourcePath, objectId),
    })
    if (notification === null) return { answer: answer ?? DEFAULT_ANSWER, outcome: 'answered' } as const
    const stored = await inbox.accept(newWebhookEvent(base.no, notification, { receivedAt: nowMs, answer }))
    if (stored.isNew) onArrived(base.no)
    if (notification.subjectId !== null) onNotice({ connectionId: base.id, objectId: notification.subjectId })
    const kept = stored.answer === null ? DEFAULT_ANSWER : (JSON.parse(stored.answer) as WebhookAnswer)
    return { answer: kept, outcome: stored.isNew ? 'accepted' : 'duplicate' } as const
  }

  return {
    async receive(incoming) {
      const connection = await findConnection(context, incoming)
      const { name } = connection.receiver
      try {
        const { answer, outcome } = await take(connection, incoming)
        onOutcome(name, outcome)
        return answer
      } catch (error) {
        onOutcome(name, isRefusal(error) ? 'refused' : 'unavailable')
        throw error
      }
    },
  }
}

async function findConnection(
  context: FlowContext,
  { receiver, connectionId }: IncomingWebhook,
): Promise<NotifiedConnection> {
  const { entities, webhooks } = context.store
  const no = await webhooks.findConnection(connectionId)
  const connection = no === null ? null : notifiedConnection(context, await entities.getByNo(no))
  if (connection === null || connection.receiver.name !== receiver) throw notFound('connections', connectionId)
  return connection
}

/** The form in which a notification is kept. */
export function newWebhookEvent(
  connectionNo: number,
  { key, type, subjectId, occurredAt, body }: WebhookNotification,
  options: {
    readonly receivedAt: number
    readonly origin?: NewWebhookEvent['origin']
    readonly answer?: WebhookAnswer | undefined
  },
): NewWebhookEvent {
  const { receivedAt, origin = 'delivery', answer } = options
  return {
    connectionNo,
    key,
    type,
    subjectId,
    occurredAt,
    receivedAt,
    origin,
    body: JSON.stringify(body),
    answer: answer === undefined ? null : JSON.stringify(answer),
  }
}

/** Where a connection keeps its webhook secrets, a JSON Pointer into its document. */
export function secretPointer(secretParameter: string): string {
  return `/auth/params/${secretParameter}`
}

function secretsOf({ secretBox }: FlowContext, { base, receiver }: NotifiedConnection): readonly string[] {
  const sealed = base.secrets[secretPointer(receiver.secretParameter)]
  return sealed === undefined ? [] : secretsIn(secretBox.open(sealed, base.id))
}

function isRefusal(error: unknown): boolean {
  return error instanceof WebhookRefusal || (error instanceof FlowServiceError && error.status < 500)
}

async function hasObject(
  context: FlowContext,
  connection: NotifiedConnection,
  resourcePath: string,
  objectId: string,
): Promise<boolean> {
  for (const { flow, resourcePath: path } of await flowsOf(context.store, connection)) {
    if (path !== resourcePath) continue
    try {
      const { target } = await loadFlowParts(context, flow)
      const versions = await context.store.records.versionsOf(target, [objectId])
      if (versions.some(({ deleted }) => !deleted)) return true
    } catch (error) {
      if (!(error instanceof MissingPartError)) throw error
    }
  }
  return false
}
