import type { CreatedWindow, Cursor } from '../plugin.ts'
import type { StripeClient, StripeList, StripeParameters } from './client.ts'
import { decodeCursor, encodeCursor, positionAfter, type ListPosition } from './cursor.ts'
import { isCursorGone } from './errors.ts'

/** One page of a list that is filtered by creation. */
export interface ListPageRequest {
  readonly window: CreatedWindow
  /** Null for the first page of the window. */
  readonly cursor: Cursor | null
  /** 1..100. */
  readonly limit: number
  readonly signal: AbortSignal
}

/** What stands on the page, and the cursor of the next one, null on the last. */
export interface ListPage {
  readonly data: StripeList['data']
  readonly nextCursor: Cursor | null
}

/**
 * The page after the cursor. When the cursor's object is gone, the objects before it on its page take its place; when all
 * of them are gone, the list starts again at their creation time and repeats some objects, which the host recognises.
 * Throws what the client throws.
 */
export async function listPage(
  client: StripeClient,
  path: string,
  filters: StripeParameters,
  request: ListPageRequest,
): Promise<ListPage> {
  const list = await listAfter(client, path, { ...filters, limit: String(request.limit) }, request)
  return { data: list.data, nextCursor: list.hasMore ? encodeCursor(positionAfter(list.data)) : null }
}

async function listAfter(
  client: StripeClient,
  path: string,
  filters: StripeParameters,
  { window, cursor, signal }: ListPageRequest,
): Promise<StripeList> {
  const list = (from: CreatedWindow, after: StripeParameters = {}) =>
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

function windowParameters({ from, to }: CreatedWindow): StripeParameters {
  return {
    ...(from === null ? {} : { 'created[gte]': String(from) }),
    ...(to === null ? {} : { 'created[lt]': String(to) }),
  }
}
