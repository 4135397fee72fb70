import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Answer } from '../stripe/answer.ts'
import { SandboxClock } from '../stripe/clock.ts'
import { sendAnswer } from '../stripe/send.ts'
import { answerControl } from './control.ts'
import { merchantErrorBody, userErrorBody, XsollaError } from './errors.ts'
import { XsollaJournal, type XsollaJournalEntry } from './journal.ts'
import { answerMerchant, MinuteLimiter, REQUESTS_PER_MINUTE, type MerchantKey } from './merchant-api.ts'
import { notificationBody, type IdSpelling, type NotificationType } from './notifications.ts'
import { XsollaScript, type XsollaFault, type XsollaRule } from './script.ts'
import type { Subscription } from './subscription.ts'
import { answerUser, type ApiRequest } from './user-api.ts'
import { UserTokens, type UserTokenOptions } from './user-tokens.ts'
import { WebhookSender, type SendOptions, type WebhookDelivery } from './webhook-sender.ts'
import { DEFAULT_USER, XsollaWorld, type XsollaAction } from './world.ts'

export const XSOLLA_MERCHANT_ID = 2_340
export const XSOLLA_API_KEY = 'xsolla-sandbox-api-key'

export interface XsollaSandboxOptions {
  /** Same seed, same data. @defaultValue 1 */
  readonly seed?: string | number
  /** @defaultValue 127.0.0.1 */
  readonly host?: string
  /** @defaultValue 0, which picks a free one */
  readonly port?: number
  /** Subscriptions of the first user. @defaultValue 40 */
  readonly subscriptions?: number
  /** Pages hold no more, whatever was asked for. @defaultValue no bound */
  readonly mostPerPage?: number
  /** Requests in 60 seconds to the server API. @defaultValue 20 */
  readonly merchantRequestsPerMinute?: number
  /** Keys of the server API. @defaultValue one, valid for all projects */
  readonly merchantKeys?: readonly MerchantKey[]
  /** Freezes the sandbox clock at this Unix second. */
  readonly now?: number
  /** Wait before every answer, ms. @defaultValue 0 */
  readonly latencyMs?: number
  readonly rules?: readonly XsollaRule[]
}

export interface NotifyOptions extends SendOptions {
  /** @defaultValue the first one of the list */
  readonly subscriptionId?: number
  /** The same again is a repetition. @defaultValue a new one */
  readonly transactionId?: number
  /** @defaultValue string */
  readonly idSpelling?: IdSpelling
  readonly isDryRun?: boolean
  /** 1..13. @defaultValue 1 */
  readonly refundCode?: number
}

/** A running sandbox Xsolla: user API, server API and webhooks. */
export interface XsollaSandbox {
  /** `http://host:port`, without a slash at the end: the value of `XSOLLA_API_BASE`. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly merchantId: number
  readonly clock: SandboxClock
  readonly journal: XsollaJournal
  readonly script: XsollaScript
  readonly world: XsollaWorld
  readonly webhooks: WebhookSender
  /** A token for a user, as Xsolla Login would issue it. */
  issueToken(userId?: string, options?: UserTokenOptions): string
  /** Changes the subscriptions; returns those that were touched. */
  apply(action: XsollaAction): readonly Subscription[]
  /** Sends a notification to the webhooks' target; resolves when it was accepted, refused or given up. */
  notify(type: NotificationType, options?: NotifyOptions): Promise<WebhookDelivery>
  /** Back to the state after the start; what webhooks are on their way goes on. */
  reset(): void
  /** Stops at once, open connections included. */
  close(): Promise<void>
}

/** What the handlers work on. */
export interface XsollaState extends Omit<XsollaSandbox, 'url' | 'host' | 'port' | 'close'> {
  readonly seed: string
  readonly tokens: UserTokens
  readonly limiter: MinuteLimiter
  readonly merchantKeys: readonly MerchantKey[]
  readonly mostPerPage: number
  readonly latencyMs: number
}

const FIRST_TRANSACTION_ID = 88_000_001

/** Starts a sandbox; the promise resolves when it listens. */
export async function createXsollaSandbox(options: XsollaSandboxOptions = {}): Promise<XsollaSandbox> {
  const { host = '127.0.0.1', port = 0 } = options
  const state = createState(options)
  const server = createServer((request, response) => {
    // What is left is a connection that went away.
    handle(state, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, () => resolve()))
  const address = server.address() as AddressInfo
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return Object.assign(state, {
    url: `http://${shownHost}:${address.port}`,
    host: address.address,
    port: address.port,
    close: () => {
      state.webhooks.close()
      return closeServer(server)
    },
  })
}

function createState(options: XsollaSandboxOptions): XsollaState {
  const { subscriptions = 40, mostPerPage = Infinity, latencyMs = 0, rules = [] } = options
  const seed = String(options.seed ?? 1)
  const clock = new SandboxClock(options.now)
  const world = new XsollaWorld({ seed, clock, subscriptions })
  const tokens = new UserTokens(`login ${seed}`, clock)
  const webhooks = new WebhookSender()
  const limiter = new MinuteLimiter(clock, options.merchantRequestsPerMinute ?? REQUESTS_PER_MINUTE)
  let nextTransactionId = FIRST_TRANSACTION_ID
  const state: XsollaState = {
    ...{ seed, clock, world, tokens, webhooks, limiter, mostPerPage, latencyMs },
    merchantId: XSOLLA_MERCHANT_ID,
    merchantKeys: options.merchantKeys ?? [{ key: XSOLLA_API_KEY, allProjects: true }],
    journal: new XsollaJournal(10_000),
    script: new XsollaScript(),
    issueToken: (userId = DEFAULT_USER, tokenOptions) => tokens.issue(userId, tokenOptions),
    apply: (action) => world.apply(action),
    async notify(type, { subscriptionId, badSignature = false, tampered = false, ...more } = {}) {
      const subscription = subscriptionId === undefined ? world.rows[0] : world.find(subscriptionId)
      if (subscription === undefined) throw new XsollaError(400, `There is no subscription ${subscriptionId ?? ''}.`)
      const { transactionId = nextTransactionId++, idSpelling = 'string', isDryRun = false, refundCode = 1 } = more
      const { merchantId } = state
      const about = { type, subscription, merchantId, transactionId, idSpelling, isDryRun, refundCode }
      return webhooks.send(notificationBody({ ...about, now: clock.now() }), { badSignature, tampered })
    },
    reset() {
      clock.reset()
      world.reset()
      limiter.reset()
      state.journal.clear()
      state.script.clear()
      state.script.add(...rules)
    },
  }
  state.script.add(...rules)
  return state
}

async function handle(state: XsollaState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://sandbox')
  const body = await text(request)
  if (url.pathname.startsWith('/_sandbox')) {
    sendAnswer(response, await answerControl(state, request.method ?? 'GET', url, body), {})
    return
  }
  const { authorization } = request.headers
  const called = { method: request.method ?? 'GET', path: url.pathname, query: url.searchParams, authorization }
  const entry = journalEntry(called)
  state.journal.add(entry)
  const { actions, faults } = state.script.meet(called)
  const waitMs = faults.reduce((ms, fault) => ms + (fault.kind === 'latency' ? fault.ms : 0), state.latencyMs)
  if (waitMs > 0) await delay(waitMs)
  for (const action of actions) state.apply(action)
  const fault = faults.find(({ kind }) => kind !== 'latency')
  if (fault?.kind === 'reset') {
    request.socket.resetAndDestroy()
    return
  }
  const answer = fault === undefined ? answerApi(state, called) : faultAnswer(fault)
  entry.status = answer.status
  sendAnswer(response, answer, {})
}

function answerApi(state: XsollaState, request: ApiRequest): Answer {
  const isMerchant = request.path.startsWith('/merchant/')
  try {
    const { merchantKeys: keys } = state
    const result = isMerchant ? answerMerchant({ ...state, keys }, request) : answerUser(state, request)
    if (result === undefined) return { status: 204, body: '', headers: {} }
    return { status: 200, body: JSON.stringify(result), headers: {} }
  } catch (error) {
    if (!(error instanceof XsollaError)) throw error
    const body = isMerchant ? merchantErrorBody(error) : userErrorBody(error)
    return { status: error.status, body: JSON.stringify(body), headers: {} }
  }
}

function faultAnswer(fault: XsollaFault): Answer {
  if (fault.kind === 'not-json') return { status: 200, body: fault.body ?? '<html>Maintenance</html>', headers: {} }
  if (fault.kind !== 'status') return { status: 500, body: '', headers: {} }
  const headers: Record<string, string> =
    fault.retryAfter === undefined ? {} : { 'Retry-After': String(fault.retryAfter) }
  const error = new XsollaError(fault.status, 'The request was refused by a script.')
  return { status: fault.status, body: JSON.stringify(userErrorBody(error)), headers }
}

function journalEntry({ method, path, query, authorization }: ApiRequest): XsollaJournalEntry {
  const scheme = /^(Bearer|Basic) /i.exec(authorization ?? '')?.[1]?.toLowerCase()
  const credential = scheme === 'bearer' ? 'Bearer' : scheme === 'basic' ? 'Basic' : authorization ? 'other' : 'none'
  const params = Object.fromEntries([...query.keys()].map((name) => [name, query.getAll(name).join(',')]))
  return { method, path, params, credential, status: 0, startedAt: Date.now() }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
