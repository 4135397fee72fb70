import type { JsonObject } from '../json.ts'
import type { SourceRecord } from './plugin.ts'

/**
 * The contract for signed notifications of a source, a part of its plugin (`SourcePlugin.webhooks`). A receiver checks and
 * names what came in; the host stores it durably before it answers, drops what it has already, and works on it later in
 * runs of the flows that it concerns.
 */
export interface WebhookReceiver {
  /** Stands in the route, `POST /webhooks/{name}/{connectionId}`: lower case letters, digits and hyphens. */
  readonly name: string
  /** The auth parameter of the base connection that holds the secret, or two of them while one is being replaced. */
  readonly secretParameter: string
  /**
   * Called for every request to the route, also for one that repeats an earlier one. Throws `WebhookRefusal` for what is
   * not signed or cannot be read; any other error is a fault of the host and answers 500. May ask others before it
   * answers, but stores nothing.
   */
  receive(request: WebhookRequest): WebhookReception | Promise<WebhookReception>
  /** The types of notification that concern a resource. What concerns no flow is kept all the same. */
  typesOf(resourcePath: string): readonly string[]
  /**
   * The records that a notification carries for a resource that it concerns, dated by its arrival. Absent: notifications
   * only name objects, `Source.readNotification` says which, and the host reads these anew.
   */
  recordsOf?(notification: WebhookNotification, resourcePath: string): readonly SourceRecord[]
}

export interface WebhookRequest {
  /** As sent: what is signed. */
  readonly rawBody: Buffer
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** One or two, any of which may have signed. Never to appear in an error. */
  readonly secrets: readonly string[]
  /** The connection's auth parameters, secrets masked: for what else a receiver lets be set. */
  readonly params: JsonObject
  /** When the request came, ms since the epoch. */
  readonly nowMs: number
  /** True when a flow of the connection has landed this object, and it has not been deleted since. */
  hasObject(resourcePath: string, objectId: string): Promise<boolean>
}

export interface WebhookReception {
  /** Null for a mere question, which is answered and not kept. */
  readonly notification: WebhookNotification | null
  /**
   * What the sender is told. It is kept: a repeated notification gets the answer of the first one.
   * @defaultValue 200 with `{"received": true}`
   */
  readonly answer?: WebhookAnswer
}

export interface WebhookNotification {
  /** The same for every delivery of one notification, in the connection: the second one is acknowledged and dropped. */
  readonly key: string
  readonly type: string
  /** Id of the object that it is about; null when it is about none. */
  readonly subjectId: string | null
  /** When it happened at the source, ms since the epoch. */
  readonly occurredAt: number
  readonly body: JsonObject
}

export interface WebhookAnswer {
  /** HTTP status, 200..299 when the notification is kept. */
  readonly status: number
  /** Sent as JSON; nothing is sent without it. */
  readonly body?: JsonObject
}

/** The request is not taken: it is not signed, or says nothing that can be used. Nothing is stored. */
export class WebhookRefusal extends Error {
  /** HTTP status, 400..499, of an answer with a body; 400 otherwise. */
  readonly status: number
  /** What the sender is told, as JSON. Undefined: the host's own form of an error, with the message. */
  readonly body: JsonObject | undefined

  /** @param message - one sentence, without anything secret */
  constructor(message: string, { status = 400, body }: { readonly status?: number; readonly body?: JsonObject } = {}) {
    super(message)
    this.name = 'WebhookRefusal'
    this.status = status
    this.body = body
  }
}
