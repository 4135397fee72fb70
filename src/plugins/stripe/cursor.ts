import type { Cursor } from '../plugin.ts'
import type { StripeObject } from './client.ts'

/**
 * Where a page ended. Stripe refuses a cursor whose object was deleted or has left the filter since, so the ids before
 * it are kept too, and the creation time as the last way out.
 */
export interface ListPosition {
  /** Ids to continue after, best first. */
  readonly after: readonly string[]
  /** Creation time of the page's last object, Unix seconds; null when the objects carry none. */
  readonly created: number | null
}

const FALLBACKS = 4

export function positionAfter(page: readonly StripeObject[]): ListPosition {
  const last = page.at(-1)
  return {
    after: page
      .slice(-1 - FALLBACKS)
      .map((object) => object.id)
      .reverse(),
    created: last === undefined ? null : createdOf(last),
  }
}

/** When the object was created, Unix seconds; null when it does not tell. */
export function createdOf({ created }: StripeObject): number | null {
  return typeof created === 'number' && Number.isInteger(created) ? created : null
}

export function encodeCursor(position: ListPosition): Cursor {
  return JSON.stringify(position)
}

export function decodeCursor(cursor: Cursor): ListPosition {
  return JSON.parse(cursor) as ListPosition
}
