import type { Caller } from '../../caller.ts'
import { FlowServiceError } from '../../errors.ts'
import type {
  StoredEntity,
  WebhookChoice,
  WebhookEntry,
  WebhookListRequest,
  WebhookReader,
  WebhookState,
} from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { findEntity } from '../entity.ts'
import type { BaseConnection } from '../types.ts'
import { flowsOf, notifiedConnection, type NotifiedConnection } from './connection-flows.ts'
import { sweep, type SweepResult } from './sweep.ts'

/** Larger replays are refused: each entry is written anew. */
const MOST_REPLAYED = 10_000
/** So many are written in one transaction. */
const REPLAYED_AT_ONCE = 200

export interface WebhookEventsPage {
  readonly entries: readonly (WebhookEntry & { readonly state: WebhookState })[]
  /** Number before which the next page starts; null on the last page. */
  readonly next: number | null
}

export interface ReplayResult {
  readonly replayed: number
  /** Keys that the inbox does not have. */
  readonly unknownIds: readonly string[]
}

export type WebhookEventsRequest = Pick<WebhookListRequest, 'beforeNumber' | 'limit' | 'types' | 'state'>

/** The inbox of one connection, for its owner. All calls throw `FlowServiceError`. */
export interface WebhookEventService {
  /** 1101-404 when there is no such connection. */
  requireConnection(caller: Caller, connectionId: string): Promise<void>
  /** A page of the inbox, newest first. */
  list(caller: Caller, connectionId: string, request: WebhookEventsRequest): Promise<WebhookEventsPage>
  /** Lets the flows take notifications again. 1443-400 when a stretch of time holds too many. */
  replay(caller: Caller, connectionId: string, choice: WebhookChoice): Promise<ReplayResult>
  /** Fetches what the source has not delivered. */
  sweep(caller: Caller, connectionId: string): Promise<SweepResult>
}

export interface WebhookEventServiceOptions {
  /** Called after something was put to the end of the inbox of a connection, by its number. */
  readonly onArrived: (connectionNo: number) => void
}

export function createWebhookEventService(
  context: FlowContext,
  { onArrived }: WebhookEventServiceOptions,
): WebhookEventService {
  const { store } = context
  const find = ({ tenant }: Caller, id: string) => findEntity<BaseConnection>(store, tenant, 'connections', id)
  return {
    async requireConnection(caller, connectionId) {
      await find(caller, connectionId)
    },

    async list(caller, connectionId, request) {
      const base = await find(caller, connectionId)
      const readers = await readersOf(context, base)
      const found = await store.webhooks.list({
        ...request,
        limit: request.limit + 1,
        connectionNo: base.no,
        readers,
      })
      const entries = found.slice(0, request.limit).map((entry) => ({ ...entry, state: stateOf(entry, readers) }))
      return { entries, next: found.length > request.limit ? (entries.at(-1)?.number ?? null) : null }
    },

    async replay(caller, connectionId, choice) {
      const base = await find(caller, connectionId)
      const chosen = await store.webhooks.choose(base.no, choice, MOST_REPLAYED + 1)
      if (chosen.length > MOST_REPLAYED) {
        const message = `More than ${MOST_REPLAYED} notifications happened in that time; replay a shorter one at a time.`
        throw new FlowServiceError('1443-400', message)
      }
      const numbers = chosen.map(({ number }) => number)
      for (let start = 0; start < numbers.length; start += REPLAYED_AT_ONCE) {
        await store.transaction((scope) => scope.webhooks.replay(numbers.slice(start, start + REPLAYED_AT_ONCE)))
      }
      if (numbers.length > 0) onArrived(base.no)
      const known = new Set(chosen.map(({ key }) => key))
      const unknownIds = 'keys' in choice ? [...new Set(choice.keys)].filter((key) => !known.has(key)) : []
      return { replayed: numbers.length, unknownIds }
    },

    async sweep(caller, connectionId) {
      const base = await find(caller, connectionId)
      return sweep(context, { connection: requireNotified(context, base), onArrived })
    },
  }
}

function requireNotified(context: FlowContext, base: StoredEntity<BaseConnection>): NotifiedConnection {
  const connection = notifiedConnection(context, base)
  if (connection !== null) return connection
  throw new FlowServiceError('1402-400', `The source of connection ${base.id} sends no notifications.`)
}

/** What the flows of a connection take and how far they are, those of the same types as one. */
async function readersOf(context: FlowContext, base: StoredEntity<BaseConnection>): Promise<readonly WebhookReader[]> {
  const connection = notifiedConnection(context, base)
  if (connection === null) return []
  const readers = new Map<string, WebhookReader>()
  for (const { flow, resourcePath, types } of await flowsOf(context.store, connection)) {
    const position = await context.store.webhooks.position(flow.no)
    const others = readers.get(resourcePath)?.position ?? position
    readers.set(resourcePath, { types, position: Math.min(position, others) })
  }
  return [...readers.values()]
}

function stateOf({ number, type }: WebhookEntry, readers: readonly WebhookReader[]): WebhookState {
  const concerned = readers.filter(({ types }) => types.includes(type))
  if (concerned.length === 0) return 'ignored'
  return concerned.some(({ position }) => position < number) ? 'pending' : 'processed'
}
