import type { JsonObject } from '../../../src/json.ts'
import type { Rng } from '../rng.ts'
import { errorAnswer, jsonAnswer, type Answer } from './answer.ts'
import type { Kind, ModelObject } from './model-object.ts'
import { embeddedPriceIds, itemsOf } from './mutations.ts'
import { shownAt } from './shown-state.ts'
import type { World } from './world.ts'

export interface ServerRules {
  /** A page never holds more, whatever `limit` asks for. */
  readonly mostPerPage: number
  /** How often a page holds fewer than it could, 0 to 1. */
  readonly shortPageRate: number
  /** A subscription carries so many items; the rest is paged. */
  readonly inlinedItems: number
  /** What the retrieval of a deleted price answers. */
  readonly deletedPrices: 'stub' | 'unknown'
  /** What a list answers to a cursor that is gone. */
  readonly goneCursorStatus: 400 | 404
  /** How often the objects that the next page is to follow go right after a page, when they can, 0 to 1. */
  readonly cursorLossRate: number
}

const HORIZON_SECONDS = 30 * 86_400

/** Answers reads of a world as Stripe's documentation and observers describe it. */
export class ModelStripe {
  readonly world: World
  readonly #rules: ServerRules
  readonly #rng: Rng
  /** Objects as text; most are asked for many times. */
  readonly #texts = new WeakMap<JsonObject, string>()
  /** Requests whose cursor was gone. */
  goneCursors = 0
  /** Told of the last object of a page that goes on, or of all of its objects. */
  onCursor: (objects: readonly ModelObject[]) => void = () => {}
  /** As `onCursor`, for the items of a subscription. */
  onItemCursor: (subscription: ModelObject, itemIds: readonly string[]) => void = () => {}

  constructor(world: World, rules: ServerRules, rng: Rng) {
    this.world = world
    this.#rules = rules
    this.#rng = rng
  }

  /** @param target - path and query of a GET */
  answer(target: string, now: number): Answer {
    const url = new URL(target, 'https://api.stripe.com')
    const [, version, name, id, ...rest] = url.pathname.split('/')
    if (version !== 'v1' || rest.length > 0) return unknownUrl(url)
    if (name === 'subscription_items' && id === undefined) return this.#listItems(url.searchParams, now)
    if (!isKind(name)) return unknownUrl(url)
    return id === undefined
      ? this.#list(name, url.searchParams, now)
      : this.#retrieve(name, decodeURIComponent(id), now)
  }

  #retrieve(kind: Kind, id: string, now: number): Answer {
    const object = this.world.find(id)
    const isKnown = object?.kind === kind && (!object.retrievalLags || object.visibleAt <= now)
    if (!isKnown || (kind === 'events' && !isWithinHorizon(object, now))) return missing('id', id, 404)
    if (object.isThere(now)) return jsonAnswer(200, this.#render(object, now))
    if (kind === 'prices' && this.#rules.deletedPrices === 'unknown') return missing('id', id, 404)
    return jsonAnswer(200, JSON.stringify({ id, object: object.at(now).object, deleted: true }))
  }

  #list(kind: Kind, params: URLSearchParams, now: number): Answer {
    const query = readListQuery(params, LIST_FILTERS[kind])
    if ('status' in query) return query
    const matches = this.world.list(kind).filter((object) => object.isListed(now) && isAsked(object, query, now))
    return this.#page(
      matches.map((object) => ({ id: object.id, text: () => this.#render(object, now) })),
      query,
      `/v1/${kind}`,
      (ids) => this.onCursor(ids.map((id) => this.world.find(id)!)),
    )
  }

  #listItems(params: URLSearchParams, now: number): Answer {
    const query = readListQuery(params, ['subscription'])
    if ('status' in query) return query
    const subscription = this.world.find(query.filters.subscription ?? '')
    if (subscription === undefined) return missing('subscription', String(query.filters.subscription), 404)
    const items = itemsOf(shownAt(this.world, subscription, now))
    return this.#page(
      items.map((item) => ({ id: String(item.id), text: () => JSON.stringify(item) })),
      query,
      '/v1/subscription_items',
      (ids) => this.onItemCursor(subscription, ids),
    )
  }

  #page(
    entries: readonly Entry[],
    query: ListQuery,
    url: string,
    loseCursor: (ids: readonly string[]) => void,
  ): Answer {
    let start = 0
    if (query.startingAfter !== null) {
      start = entries.findIndex(({ id }) => id === query.startingAfter) + 1
      if (start === 0) {
        this.goneCursors += 1
        return missing('starting_after', query.startingAfter, this.#rules.goneCursorStatus)
      }
    }
    const most = Math.min(query.limit, this.#rules.mostPerPage)
    const size = this.#rng.chance(this.#rules.shortPageRate) ? this.#rng.int(1, most) : most
    const page = entries.slice(start, start + size)
    const data = page.map(({ text }) => text()).join(',')
    const hasMore = start + page.length < entries.length
    if (hasMore && this.#rng.chance(this.#rules.cursorLossRate)) {
      loseCursor(page.slice(this.#rng.chance(0.5) ? 0 : -1).map(({ id }) => id))
    }
    return jsonAnswer(200, `{"object":"list","data":[${data}],"has_more":${hasMore},"url":"${url}"}`)
  }

  #render(object: ModelObject, now: number): string {
    const body = shownAt(this.world, object, now)
    let text = this.#texts.get(body)
    if (text === undefined) {
      text = JSON.stringify(object.kind === 'subscriptions' ? this.#withInlinedItems(body) : body)
      this.#texts.set(body, text)
    }
    return text
  }

  #withInlinedItems(subscription: JsonObject): JsonObject {
    const data = itemsOf(subscription)
    const { inlinedItems } = this.#rules
    const items = { ...(subscription.items as JsonObject), data: data.slice(0, inlinedItems) }
    return { ...subscription, items: { ...items, has_more: data.length > inlinedItems } }
  }
}

interface Entry {
  readonly id: string
  readonly text: () => string
}

interface ListQuery {
  readonly limit: number
  readonly startingAfter: string | null
  /** Unix seconds, both inclusive. */
  readonly from: number
  readonly to: number
  readonly filters: Readonly<Record<string, string>>
  readonly types: readonly string[]
}

/** What each list can be filtered by besides `created`. */
const LIST_FILTERS: Readonly<Record<Kind, readonly string[]>> = {
  charges: ['customer'],
  subscriptions: ['status', 'customer', 'price'],
  refunds: ['charge'],
  balance_transactions: ['type', 'source'],
  customers: ['email'],
  prices: ['active', 'type'],
  events: ['type'],
}

function readListQuery(params: URLSearchParams, filterNames: readonly string[]): ListQuery | Answer {
  let [limit, from, to] = [10, -Infinity, Infinity]
  let startingAfter: string | null = null
  const filters: Record<string, string> = {}
  const types: string[] = []
  for (const [name, value] of params) {
    if (name === 'limit') limit = Number(value)
    else if (name === 'starting_after') startingAfter = value
    else if (name === 'created[gte]') from = Math.max(from, Number(value))
    else if (name === 'created[gt]') from = Math.max(from, Number(value) + 1)
    else if (name === 'created[lte]') to = Math.min(to, Number(value))
    else if (name === 'created[lt]') to = Math.min(to, Number(value) - 1)
    else if (filterNames.includes(name)) filters[name] = value
    else if (/^types\[\d*\]$/.test(name) && filterNames.includes('type')) types.push(value)
    else if (!/^expand\[\d*\]$/.test(name)) {
      const message = `Received unknown parameter: ${name}`
      return errorAnswer(400, { code: 'parameter_unknown', param: name, message })
    }
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    return errorAnswer(400, { code: 'parameter_invalid_integer', param: 'limit', message: 'Invalid limit' })
  }
  if (types.length > 20) return errorAnswer(400, { param: 'types', message: 'At most 20 types' })
  return { limit, startingAfter, from, to, filters, types }
}

function isAsked(object: ModelObject, { from, to, filters, types }: ListQuery, now: number): boolean {
  if (object.created < from || object.created > to) return false
  const body = object.at(now)
  switch (object.kind) {
    case 'events':
      return isWithinHorizon(object, now) && (types.length === 0 || types.includes(String(body.type)))
    case 'prices':
      // Without a filter only active prices are shown.
      return String(body.active) === (filters.active ?? 'true')
    case 'subscriptions':
      if (filters.price !== undefined && !embeddedPriceIds(body).includes(filters.price)) return false
      // Without a filter canceled ones are hidden.
      if (filters.status === undefined) return body.status !== 'canceled'
      return filters.status === 'all' || filters.status === body.status
    default:
      return Object.entries(filters).every(([name, value]) => body[name] === value)
  }
}

function isWithinHorizon({ created }: ModelObject, now: number): boolean {
  return created >= Math.floor(now / 1000) - HORIZON_SECONDS
}

function isKind(name: string | undefined): name is Kind {
  return name !== undefined && Object.hasOwn(LIST_FILTERS, name)
}

function missing(param: string, id: string, status: 400 | 404): Answer {
  return errorAnswer(status, { code: 'resource_missing', param, message: `No such object: '${id}'` })
}

function unknownUrl({ pathname }: URL): Answer {
  return errorAnswer(404, { message: `Unrecognized request URL (GET: ${pathname})` })
}
