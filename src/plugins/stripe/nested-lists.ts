import { isJsonObject } from '../../json.ts'
import type { StripeClient, StripeObject } from './client.ts'
import { isCursorGone, isRateLimited, isWorthRepeating, retryAfterMsOf } from './errors.ts'
import { mapSideBySide } from '../../map-side-by-side.ts'
import type { NestedList, StripeResource } from './resources.ts'

/** The most that Stripe gives in one page. */
const PAGE_SIZE = 100

/** So many objects of a page have their nested lists read at the same time; the account's budget has the last word. */
const OBJECTS_AT_ONCE = 5

/** Of a request that a limiter refused, and of one that failed otherwise; each time the pause is longer by as much. */
const REPEATS_WHEN_REFUSED = 8
const REPEATS = 3
const REPEAT_AFTER_MS = 300
/** How long a pause Stripe may ask for here; a longer one is the host's to respect. */
const LONGEST_PAUSE_MS = 10_000

/** The objects in the same order, every nested list of theirs complete. Throws what the client throws. */
export function completeAll(
  client: StripeClient,
  resource: StripeResource,
  objects: readonly StripeObject[],
  signal: AbortSignal,
): Promise<readonly StripeObject[]> {
  if (resource.nestedLists.length === 0) return Promise.resolve(objects)
  return mapSideBySide(objects, OBJECTS_AT_ONCE, (object) => completeNestedLists(client, resource, object, signal))
}

/** The object with `data` of its nested lists complete and their `has_more` false. */
export async function completeNestedLists(
  client: StripeClient,
  resource: StripeResource,
  object: StripeObject,
  signal: AbortSignal,
): Promise<StripeObject> {
  let complete = object
  for (const nested of resource.nestedLists) {
    const inlined = object[nested.member]
    if (!isJsonObject(inlined) || inlined.has_more !== true) continue
    const data = await readNestedList(client, nested, object.id, signal)
    complete = { ...complete, [nested.member]: { ...inlined, data, has_more: false } }
  }
  return complete
}

/**
 * Repeats a request a few times before the host repeats the whole page: so many requests may belong to the nested lists of
 * a page that one of them always fails.
 */
async function patiently<T>(client: StripeClient, request: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await request()
    } catch (error) {
      const repeats = isRateLimited(error) ? REPEATS_WHEN_REFUSED : REPEATS
      const pauseMs = Math.max(tries * REPEAT_AFTER_MS, retryAfterMsOf(error) ?? 0)
      if (!isWorthRepeating(error) || tries > repeats || pauseMs > LONGEST_PAUSE_MS) throw error
      await client.pause(pauseMs, signal)
    }
  }
}

async function readNestedList(
  client: StripeClient,
  nested: NestedList,
  parentId: string,
  signal: AbortSignal,
): Promise<StripeObject[]> {
  const parameters = { [nested.parentParameter]: parentId, limit: String(PAGE_SIZE) }
  const entries: StripeObject[] = []
  for (;;) {
    const last = entries.at(-1)
    const after: Record<string, string> = last === undefined ? {} : { starting_after: last.id }
    try {
      const request = () => client.list(nested.listPath, { ...parameters, ...after }, signal)
      const page = await patiently(client, request, signal)
      entries.push(...page.data)
      if (!page.hasMore) return entries
    } catch (error) {
      if (last === undefined || !isCursorGone(error)) throw error
      // It was taken away since, so it is no entry any more, and what followed it now follows the one before.
      entries.pop()
    }
  }
}
