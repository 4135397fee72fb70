import type { SandboxClock } from '../stripe/clock.ts'
import { XsollaError } from './errors.ts'
import { integerOf, listOf } from './parameters.ts'
import { merchantView, type Subscription } from './subscription.ts'
import type { ApiRequest } from './user-api.ts'
import type { XsollaWorld } from './world.ts'

const PATH = /^\/merchant\/v2\/merchants\/(\d{1,15})\/subscriptions$/
const STATUSES = ['active', 'canceled', 'non_renewing']
export const REQUESTS_PER_MINUTE = 20

/** An API key and what it is valid for. */
export interface MerchantKey {
  readonly key: string
  /** A key of one project may not list what all projects hold. */
  readonly allProjects: boolean
}

export interface MerchantApiState {
  readonly world: XsollaWorld
  readonly merchantId: number
  readonly keys: readonly MerchantKey[]
  readonly limiter: MinuteLimiter
}

/** So many requests in any 60 seconds of the sandbox clock; refused ones do not count. */
export class MinuteLimiter {
  readonly #clock: SandboxClock
  #times: number[] = []
  perMinute: number

  constructor(clock: SandboxClock, perMinute: number) {
    this.#clock = clock
    this.perMinute = perMinute
  }

  enter(): void {
    const now = this.#clock.nowMs()
    this.#times = this.#times.filter((time) => time > now - 60_000)
    if (this.#times.length >= this.perMinute) throw new XsollaError(429, 'Too many requests.')
    this.#times.push(now)
  }

  reset(): void {
    this.#times = []
  }
}

/** Answers what a merchant's back end asks: a bare array. Throws `XsollaError`. */
export function answerMerchant(state: MerchantApiState, request: ApiRequest): readonly object[] {
  const { method, path, query } = request
  const key = authenticate(state, request)
  const [, merchantId] = PATH.exec(path) ?? []
  if (merchantId === undefined || method !== 'GET') throw new XsollaError(404, 'Not found.')
  if (Number(merchantId) !== state.merchantId || !key.allProjects) {
    throw new XsollaError(403, 'The API key is not valid for all projects of this merchant.')
  }
  state.limiter.enter()
  const limit = integerOf(query, 'limit', 1)
  const offset = integerOf(query, 'offset', 0, 0)
  const matches = filterOf(query)
  return state.world.rows
    .filter(matches)
    .slice(offset, offset + limit)
    .map(merchantView)
}

function authenticate({ merchantId, keys }: MerchantApiState, { authorization }: ApiRequest): MerchantKey {
  const encoded = /^Basic (.+)$/i.exec(authorization ?? '')?.[1] ?? ''
  const [user, password] = Buffer.from(encoded, 'base64').toString().split(':', 2)
  const key = keys.find((candidate) => candidate.key === password)
  if (key === undefined || user !== String(merchantId)) throw new XsollaError(401, 'Authentication failed.')
  return key
}

function filterOf(query: URLSearchParams): (row: Subscription) => boolean {
  const projects = listOf(query, 'project_id')
  const plans = listOf(query, 'plan_id')
  const products = listOf(query, 'product_id')
  const statuses = listOf(query, 'status')
  const userId = query.get('user_id')
  const unknown = statuses?.find((status) => !STATUSES.includes(status))
  if (unknown !== undefined) throw new XsollaError(422, `The status must be one of ${STATUSES.join(', ')}.`)
  const [from, to] = [momentOf(query, 'datetime_from'), momentOf(query, 'datetime_to')]
  return (row) =>
    isAmong(projects, row.projectId) &&
    isAmong(plans, row.planId) &&
    isAmong(products, row.productId ?? '') &&
    isAmong(statuses, row.status) &&
    (userId === null || row.userId === userId) &&
    (from === null || row.createdAt >= from) &&
    (to === null || row.createdAt <= to)
}

function isAmong(allowed: readonly string[] | null, value: string | number): boolean {
  return allowed === null || allowed.includes(String(value))
}

/** Unix seconds; null when the parameter is absent. */
function momentOf(query: URLSearchParams, name: string): number | null {
  const text = query.get(name)
  if (text === null) return null
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new XsollaError(422, `The parameter ${name} must be a date in ISO 8601.`)
  return ms / 1000
}
