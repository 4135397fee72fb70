/** The inbox of signed notifications: what came in, kept until it is old, and how far each flow has come with it. */

/** How a notification came: by itself, by asking the source for what it did not deliver, or again on request. */
export const WEBHOOK_ORIGINS = ['delivery', 'sweep', 'replay'] as const
export type WebhookOrigin = (typeof WEBHOOK_ORIGINS)[number]

/** `pending`: at least one flow that it concerns has still to take it. `ignored`: it concerns no flow. */
export const WEBHOOK_STATES = ['pending', 'processed', 'ignored'] as const
export type WebhookState = (typeof WEBHOOK_STATES)[number]

export interface NewWebhookEvent {
  /** Number of the base connection's entity. */
  readonly connectionNo: number
  /** Unique in the connection. */
  readonly key: string
  readonly type: string
  /** Id of the object that it is about; null when it is about none. */
  readonly subjectId: string | null
  /** When it happened at the source, ms. */
  readonly occurredAt: number
  /** ms. */
  readonly receivedAt: number
  readonly origin: Exclude<WebhookOrigin, 'replay'>
  /** JSON text. */
  readonly body: string
  /** What its sender is told, JSON text; null for the usual answer. */
  readonly answer: string | null
}

/** Everything of an entry but its body. */
export interface WebhookEntry extends Omit<NewWebhookEvent, 'origin' | 'body' | 'answer'> {
  /** Counts up over all connections; an entry that is replayed gets a new one. */
  readonly number: number
  readonly origin: WebhookOrigin
}

export interface WebhookEvent extends WebhookEntry {
  /** JSON text. */
  readonly body: string
}

export interface AppendedWebhookEvent {
  /** False: the connection has it already, and nothing was stored. */
  readonly isNew: boolean
  /** As kept when it came first. */
  readonly answer: string | null
}

/** What one flow or several take of a connection, and how far they have come with all of it. */
export interface WebhookReader {
  readonly types: readonly string[]
  /** Number of the last entry that is handled. */
  readonly position: number
}

export interface PendingRequest extends WebhookReader {
  readonly connectionNo: number
  readonly limit: number
}

export interface WebhookListRequest {
  readonly connectionNo: number
  /** Null for the newest. */
  readonly beforeNumber: number | null
  readonly limit: number
  /** Only those of these types. */
  readonly types?: readonly string[]
  /** Only those that the readers have brought to this state. */
  readonly state?: WebhookState
  readonly readers: readonly WebhookReader[]
}

/** Entries with these keys, or those that happened in `[from, to)` (ms). */
export type WebhookChoice = { readonly keys: readonly string[] } | { readonly from: number; readonly to: number }

/** Entries belong to a base connection and go with it; positions go with their flow. */
export interface WebhookInboxStore {
  /** Number of the base connection of this id, whoever's it is: a sender names nothing else. Null when there is none. */
  findConnection(id: string): Promise<number | null>
  /** Stores those that are new, in their order. Call it in a transaction. One result for each. */
  append(events: readonly NewWebhookEvent[]): Promise<readonly AppendedWebhookEvent[]>
  /** Entries after the position that are of one of the types, in the order of their numbers. */
  pending(request: PendingRequest): Promise<readonly WebhookEvent[]>
  hasPending(request: Omit<PendingRequest, 'limit'>): Promise<boolean>
  /** Newest first, see `WebhookListRequest`. */
  list(request: WebhookListRequest): Promise<readonly WebhookEntry[]>
  /** Numbers and keys of the chosen entries, lowest number first. */
  choose(
    connectionNo: number,
    choice: WebhookChoice,
    limit: number,
  ): Promise<readonly Pick<WebhookEntry, 'number' | 'key'>[]>
  /** Puts entries to the end, as if they had come again; an unknown number is left out. Call it in a transaction. */
  replay(numbers: readonly number[]): Promise<void>
  /** Numbers of the connections that have entries. */
  connections(): Promise<readonly number[]>
  /** Base connections with a secret under this name (JSON Pointer), by their numbers, after `afterNo`. */
  connectionsWithSecret(pointer: string, afterNo: number, limit: number): Promise<readonly number[]>
  /** Up to which number the flow has handled everything; 0 before the beginning. */
  position(flowNo: number): Promise<number>
  savePosition(flowNo: number, position: number): Promise<void>
  /** Lets a flow without a position begin after what is there now: the lists that it is about to read hold that. */
  beginHere(flowNo: number): Promise<void>
  /** Removes entries that were received before `receivedAt` (ms), at most `limit`. Returns how many. */
  deleteReceivedBefore(receivedAt: number, limit: number): Promise<number>
}
