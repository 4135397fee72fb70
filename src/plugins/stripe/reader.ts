import {
  FatalSourceError,
  type ObjectReading,
  type Page,
  type ReadObjectRequest,
  type ReadPageRequest,
  type SourceRecord,
} from '../plugin.ts'
import type { StripeClient, StripeObject } from './client.ts'
import { createdOf } from './cursor.ts'
import { listPage } from './list-page.ts'
import { completeAll, completeNestedLists } from './nested-lists.ts'
import { isMissing } from './errors.ts'
import { passFilters, STRIPE_RESOURCES, type EmbeddedPass, type StripeResource } from './resources.ts'

/** Reads one page of a list pass, nested lists completed. Throws what the client throws. */
export async function readPage(
  client: StripeClient,
  resource: StripeResource,
  request: ReadPageRequest,
): Promise<Page> {
  const { embeddedPass } = resource
  if (embeddedPass?.name === request.pass) return readEmbeddedPage(client, resource, embeddedPass, request)
  const { objects, nextCursor } = await readObjects(client, resource, request.pass, request).catch((error: unknown) => {
    // What was held is gone, so nothing holds it any more.
    if (resource.holderPass !== null && isMissing(error, resource.holderPass.member)) return NOTHING
    throw error
  })
  return { records: objects.map((object) => toRecord(resource, object)), nextCursor }
}

const NOTHING = { objects: [], nextCursor: null }

/** Reads one object by its id, nested lists completed. Throws what the client throws. */
export async function readObject(
  client: StripeClient,
  resource: StripeResource,
  { id, signal }: ReadObjectRequest,
): Promise<ObjectReading> {
  const object = await client.retrieve(resource.listPath, id, signal)
  if (object === null) return { state: 'unknown' }
  if (resource.deletable && object.deleted === true) return { state: 'deleted' }
  const complete = await completeNestedLists(client, resource, object, signal)
  return { state: 'present', record: toRecord(resource, complete) }
}

/**
 * A page of the holders, whatever they hold: none to many records, each object once. Window, limit and cursor are those
 * of the holders.
 */
async function readEmbeddedPage(
  client: StripeClient,
  resource: StripeResource,
  { holder, holderPass, objectsIn }: EmbeddedPass,
  request: ReadPageRequest,
): Promise<Page> {
  const { objects, nextCursor } = await readObjects(client, STRIPE_RESOURCES[holder], holderPass, request)
  const distinct = new Map(objects.flatMap(objectsIn).map((object) => [object.id, object]))
  return { records: Array.from(distinct.values(), (object) => toRecord(resource, object)), nextCursor }
}

async function readObjects(
  client: StripeClient,
  resource: StripeResource,
  pass: string,
  request: ReadPageRequest,
): Promise<{ objects: readonly StripeObject[]; nextCursor: string | null }> {
  const filters = passFilters(resource, pass)
  if (filters === undefined) {
    throw new FatalSourceError('request', `The Stripe resource ${resource.resourcePath} has no list pass ${pass}.`)
  }
  const { data, nextCursor } = await listPage(client, resource.listPath, filters, request)
  return { objects: await completeAll(client, resource, data, request.signal), nextCursor }
}

/** The object in source form, with what the host must know of it. */
export function toRecord(resource: StripeResource, object: StripeObject): SourceRecord {
  return {
    id: object.id,
    record: { data: object },
    createdAt: createdOf(object),
    revisitAt: revisitAt(resource, object),
  }
}

function revisitAt({ maturity }: StripeResource, object: StripeObject): number | null {
  if (maturity === null || object.status !== maturity.status) return null
  const at = object[maturity.until]
  return typeof at === 'number' ? at : null
}
