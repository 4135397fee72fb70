import type { CreatedWindow, Page, ReadPageRequest, SourceRecord } from '../plugin.ts'
import type { StripeClient, StripeList, StripeObject } from './client.ts'
import { decodeCursor, encodeCursor, positionAfter, type ListPosition } from './cursor.ts'
import { isCursorGone } from './errors.ts'
import type { NestedList, StripeResource } from './resources.ts'

/** The most that Stripe gives in one page. */
const NESTED_PAGE_SIZE = 100

/** Reads one page of a list, its nested lists completed. Throws what the client throws. */
export async function readPage(
  client: StripeClient,
  resource: StripeResource,
  request: ReadPageRequest,
): Promise<Page> {
  const filters = resource.passes[request.pass] ?? {}
  const list = await listAfter(client, resource.listPath, { ...filters, limit: String(request.limit) }, request)
  const records: SourceRecord[] = []
  for (const object of list.data) {
    records.push({
      id: object.id,
      record: { data: await completeNestedLists(client, resource, object, request.signal) },
    })
  }
  return { records, nextCursor: list.hasMore ? encodeCursor(positionAfter(list.data)) : null }
}

/**
 * The page after the cursor. When the cursor's object is gone, the objects before it on its page take its place; when all
 * of them are gone, the list starts again at their creation time and repeats some objects, which the host recognises.
 */
async function listAfter(
  client: StripeClient,
  path: string,
  filters: Readonly<Record<string, string>>,
  { window, cursor, signal }: ReadPageRequest,
): Promise<StripeList> {
  const list = (from: CreatedWindow, after: Readonly<Record<string, string>> = {}) =>
    client.list(path, { ...filters, ...windowParameters(from), ...after }, signal)

  if (cursor === null) return list(window)
  const position = decodeCursor(cursor)
  for (const id of position.after) {
    try {
      return await list(window, { starting_after: id })
    } catch (error) {
      if (!isCursorGone(error)) throw error
    }
  }
  return list(restartWindow(window, position))
}

function restartWindow(window: CreatedWindow, position: ListPosition): CreatedWindow {
  return position.created === null ? window : { from: window.from, to: position.created + 1 }
}

function windowParameters({ from, to }: CreatedWindow): Record<string, string> {
  return {
    ...(from === null ? {} : { 'created[gte]': String(from) }),
    ...(to === null ? {} : { 'created[lt]': String(to) }),
  }
}

async function completeNestedLists(
  client: StripeClient,
  resource: StripeResource,
  object: StripeObject,
  signal: AbortSignal,
): Promise<StripeObject> {
  let complete = object
  for (const nested of resource.nestedLists) {
    const inlined = object[nested.member]
    if (!isCutShort(inlined)) continue
    const data = await readNestedList(client, nested, object.id, signal)
    complete = { ...complete, [nested.member]: { ...inlined, data, has_more: false } }
  }
  return complete
}

function isCutShort(list: unknown): list is { has_more: true } {
  return typeof list === 'object' && list !== null && 'has_more' in list && list.has_more === true
}

async function readNestedList(
  client: StripeClient,
  nested: NestedList,
  parentId: string,
  signal: AbortSignal,
): Promise<StripeObject[]> {
  const entries: StripeObject[] = []
  for (;;) {
    const last = entries.at(-1)
    const after: Record<string, string> = last === undefined ? {} : { starting_after: last.id }
    const parameters = { [nested.parentParameter]: parentId, limit: String(NESTED_PAGE_SIZE), ...after }
    const page = await client.list(nested.listPath, parameters, signal)
    entries.push(...page.data)
    if (!page.hasMore) return entries
  }
}
