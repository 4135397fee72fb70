import { XsollaError } from './errors.ts'
import { integerOf, listOf } from './parameters.ts'
import { planView, plansOf, userDetails, userView, type Subscription } from './subscription.ts'
import type { UserTokens } from './user-tokens.ts'
import type { XsollaWorld } from './world.ts'

/** What the list shows; the others are found by their id only. */
const LISTED = ['active', 'non_renewing', 'pause']
const PREFIX = /^\/api\/user\/v1\/projects\/(\d{1,15})\/(subscriptions|plans)(?:\/([^/]+))?(?:\/(cancel))?$/
const DEFAULT_LIMIT = 15
const DEFAULT_PLAN_LIMIT = 50

export interface UserApiState {
  readonly world: XsollaWorld
  readonly tokens: UserTokens
  /** Pages hold no more, whatever was asked for. */
  readonly mostPerPage: number
}

export interface ApiRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
}

/** Answers what a user's game client asks. Throws `XsollaError`; undefined means 204. */
export function answerUser(
  state: UserApiState,
  { method, path, query, authorization }: ApiRequest,
): object | undefined {
  const userId = state.tokens.userOf(/^Bearer (.+)$/i.exec(authorization ?? '')?.[1])
  const [, projectId, collection, id, action] = PREFIX.exec(path) ?? []
  if (projectId === undefined) throw new XsollaError(404, 'Not found.')
  const own = state.world.rows.filter((row) => row.userId === userId && row.projectId === Number(projectId))
  const locale = query.get('locale') ?? 'en'
  if (collection === 'plans') {
    if (method !== 'GET' || id !== undefined) throw new XsollaError(404, 'Not found.')
    return planPage(state, Number(projectId), query, locale)
  }
  if (id === undefined && method === 'GET') return subscriptionPage(state, own, query, locale)
  const subscription = own.find((row) => String(row.id) === id)
  if (subscription === undefined) throw new XsollaError(404, 'Subscription not found.')
  if (action === undefined && method === 'GET') return userDetails(subscription, locale)
  if (action !== 'cancel' || method !== 'PUT') throw new XsollaError(404, 'Not found.')
  if (subscription.status !== 'active') throw new XsollaError(422, 'The subscription cannot be made non-renewing.')
  state.world.apply({ type: 'set-status', id: subscription.id, status: 'non_renewing' })
  return undefined
}

function subscriptionPage(state: UserApiState, own: readonly Subscription[], query: URLSearchParams, locale: string) {
  const listed = own.filter(({ status }) => LISTED.includes(status))
  return pageOf(state, listed, query, DEFAULT_LIMIT, (row) => userView(row, locale))
}

function planPage(state: UserApiState, projectId: number, query: URLSearchParams, locale: string) {
  const [ids, externalIds] = [listOf(query, 'plan_id'), listOf(query, 'plan_external_id')]
  const plans = plansOf(projectId).filter(
    ({ id, externalId }) =>
      (ids === null || ids.includes(String(id))) && (externalIds === null || externalIds.includes(externalId ?? '')),
  )
  return pageOf(state, plans, query, DEFAULT_PLAN_LIMIT, (plan) => planView(plan, locale))
}

function pageOf<T>(
  { mostPerPage }: UserApiState,
  rows: readonly T[],
  query: URLSearchParams,
  defaultLimit: number,
  view: (row: T) => object,
) {
  const limit = Math.min(mostPerPage, integerOf(query, 'limit', 1, defaultLimit))
  const offset = integerOf(query, 'offset', 0, 0)
  const items = rows.slice(offset, offset + limit).map(view)
  return { items, has_more: offset + items.length < rows.length }
}
