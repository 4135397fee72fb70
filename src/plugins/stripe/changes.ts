import { isJsonObject, type JsonObject } from '../../json.ts'
import { RetriableSourceError, type Change, type ChangePage, type ReadChangesRequest } from '../plugin.ts'
import type { StripeClient, StripeObject } from './client.ts'
import { createdOf } from './cursor.ts'
import { isOutOfReach } from './errors.ts'
import { listPage } from './list-page.ts'
import { mapSideBySide } from '../../map-side-by-side.ts'
import { completeNestedLists } from './nested-lists.ts'
import { STRIPE_RESOURCES, type EventRule, type ResourcePath, type StripeResource } from './resources.ts'

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

/** The snapshot with its nested lists as they are now; a snapshot that cannot be completed as it is. */
type SnapshotCompleter = (snapshot: JsonObject, holder: ResourcePath) => Promise<JsonObject>

/** Completes the same object once, however many events of a page carry it. */
function snapshotCompleter(client: StripeClient, signal: AbortSignal): SnapshotCompleter {
  const completed = new Map<string, Promise<JsonObject>>()
  return (snapshot, holder) => {
    const { id } = snapshot
    if (typeof id !== 'string') return Promise.resolve(snapshot)
    const known = completed.get(id)
    if (known !== undefined) return known
    const reading = completeNestedLists(client, STRIPE_RESOURCES[holder], { ...snapshot, id }, signal).catch(
      (error: unknown) => {
        // The holder needs a permission of its own, like the optional pass: without it the inlined entries must do.
        if (isOutOfReach(error)) return snapshot
        throw error
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
  const rule = typeof event.type === 'string' ? resource.events[event.type] : undefined
  const snapshot = isJsonObject(event.data) ? event.data.object : undefined
  if (rule === undefined || !isJsonObject(snapshot)) return { changeId: event.id, createdAt, objectIds: [] }
  const objectIds = await objectIdsOf(rule, snapshot, complete)
  return { changeId: event.id, createdAt, objectIds, listPasses: holderPassesOf(resource, rule, snapshot) }
}

function holderPassesOf({ holderPass }: StripeResource, { isHeld }: EventRule, { id }: JsonObject): readonly string[] {
  return holderPass !== null && isHeld === true && typeof id === 'string' ? [`${holderPass.member}:${id}`] : []
}

async function objectIdsOf(
  { objectIds, holder }: EventRule,
  snapshot: JsonObject,
  complete: SnapshotCompleter,
): Promise<readonly string[]> {
  const ids = objectIds(snapshot)
  if (holder === undefined) return ids
  // Entries may have come and gone since the event: what stood there then and what stands there now both count.
  return [...new Set([...ids, ...objectIds(await complete(snapshot, holder))])]
}
