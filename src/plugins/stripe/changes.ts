import { isJsonObject, type JsonObject } from '../../json.ts'
import {
  RetriableSourceError,
  type Change,
  type ChangePage,
  type NamedObjects,
  type ReadChangesRequest,
  type ReadNotificationRequest,
  type ReadUndeliveredRequest,
  type UndeliveredPage,
} from '../plugin.ts'
import type { StripeClient, StripeObject } from './client.ts'
import { createdOf } from './cursor.ts'
import { isForbidden, isUnknown } from './errors.ts'
import { listPage } from './list-page.ts'
import { mapSideBySide } from '../../map-side-by-side.ts'
import { completeNestedLists } from './nested-lists.ts'
import { STRIPE_RESOURCES, type EventRule, type ResourcePath, type StripeResource } from './resources.ts'
import { notificationOf } from './webhooks.ts'

const EVENTS_PATH = '/v1/events'

/** So many snapshots of a page are completed at the same time. */
const SNAPSHOTS_AT_ONCE = 5

/**
 * Reads one page of the events about a resource, newest first: which objects they name, nothing of their state. Throws
 * what the client throws.
 */
export async function readChanges(
  client: StripeClient,
  resource: StripeResource,
  request: ReadChangesRequest,
): Promise<ChangePage> {
  const types = Object.keys(resource.events)
  const { data, nextCursor } = await listPage(client, EVENTS_PATH, { types }, request)
  const complete = snapshotCompleter(client, request.signal)
  const changes = await mapSideBySide(data, SNAPSHOTS_AT_ONCE, (event) => toChange(resource, event, complete))
  return { changes, nextCursor }
}

/** What an event that came by itself names: the same as if it had been listed. Throws what the client throws. */
export function readNotification(
  client: StripeClient,
  resource: StripeResource,
  { body, signal }: ReadNotificationRequest,
): Promise<NamedObjects> {
  return namedBy(resource, body, snapshotCompleter(client, signal))
}

/** One page of the events that Stripe has not delivered to every endpoint, newest first. Throws what the client throws. */
export async function readUndelivered(client: StripeClient, request: ReadUndeliveredRequest): Promise<UndeliveredPage> {
  const { data, nextCursor } = await listPage(client, EVENTS_PATH, { delivery_success: 'false' }, request)
  return { notifications: data.map(notificationOf), nextCursor }
}

/** The snapshot with its nested lists as they are now; a snapshot that cannot be completed as it is. */
interface CompletedSnapshot {
  readonly snapshot: JsonObject
  /** It may lack entries, which the key may not read. */
  readonly isRefused: boolean
}

type SnapshotCompleter = (snapshot: JsonObject, holder: ResourcePath) => Promise<CompletedSnapshot>

/** Completes the same object once, however many events of a page carry it. */
function snapshotCompleter(client: StripeClient, signal: AbortSignal): SnapshotCompleter {
  const completed = new Map<string, Promise<CompletedSnapshot>>()
  return (snapshot, holder) => {
    const { id } = snapshot
    if (typeof id !== 'string') return Promise.resolve({ snapshot, isRefused: false })
    const known = completed.get(id)
    if (known !== undefined) return known
    const reading = completeNestedLists(client, STRIPE_RESOURCES[holder], { ...snapshot, id }, signal).then(
      (complete) => ({ snapshot: complete, isRefused: false }),
      (error: unknown) => {
        // The holder needs a permission of its own, like the optional pass: without it the inlined entries must do.
        if (!isForbidden(error) && !isUnknown(error)) throw error
        return { snapshot, isRefused: isForbidden(error) }
      },
    )
    completed.set(id, reading)
    return reading
  }
}

async function toChange(resource: StripeResource, event: StripeObject, complete: SnapshotCompleter): Promise<Change> {
  const createdAt = createdOf(event)
  if (createdAt === null) {
    throw new RetriableSourceError('unavailable', `Stripe's event ${event.id} does not tell when it was created.`)
  }
  const { type } = event
  const named = typeof type === 'string' ? { type } : {}
  return { changeId: event.id, ...named, createdAt, ...(await namedBy(resource, event, complete)) }
}

async function namedBy(
  resource: StripeResource,
  { type, data }: JsonObject,
  complete: SnapshotCompleter,
): Promise<NamedObjects & Pick<Change, 'refusedPass'>> {
  const rule = typeof type === 'string' ? resource.events[type] : undefined
  const snapshot = isJsonObject(data) ? data.object : undefined
  if (rule === undefined || !isJsonObject(snapshot)) return { objectIds: [] }
  const { objectIds, isRefused } = await objectIdsOf(rule, snapshot, complete)
  const refused = isRefused && resource.embeddedPass !== null ? { refusedPass: resource.embeddedPass.name } : {}
  return { objectIds, listPasses: holderPassesOf(resource, rule, snapshot), ...refused }
}

function holderPassesOf({ holderPass }: StripeResource, { isHeld }: EventRule, { id }: JsonObject): readonly string[] {
  return holderPass !== null && isHeld === true && typeof id === 'string' ? [`${holderPass.member}:${id}`] : []
}

async function objectIdsOf(
  { objectIds, holder }: EventRule,
  snapshot: JsonObject,
  complete: SnapshotCompleter,
): Promise<{ readonly objectIds: readonly string[]; readonly isRefused: boolean }> {
  const ids = objectIds(snapshot)
  if (holder === undefined) return { objectIds: ids, isRefused: false }
  const completed = await complete(snapshot, holder)
  // Entries may have come and gone since the event: what stood there then and what stands there now both count.
  return { objectIds: [...new Set([...ids, ...objectIds(completed.snapshot)])], isRefused: completed.isRefused }
}
