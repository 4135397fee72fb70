import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Action } from './actions.ts'
import { applyAction } from './actions.ts'
import type { Behaviour } from './behaviour.ts'
import { behaviourOf, DEFAULT_BEHAVIOUR } from './behaviour.ts'
import { SandboxClock } from './clock.ts'
import { handleControl } from './control.ts'
import type { FaultRule } from './faults.ts'
import { Faults } from './faults.ts'
import { IdempotencyStore } from './idempotency.ts'
import { Journal } from './journal.ts'
import type { ApiKey } from './keys.ts'
import { DEFAULT_KEYS, KeyRing } from './keys.ts'
import type { Limits } from './limits.ts'
import { Limiter } from './limits.ts'
import type { OAuthOptions } from './oauth.ts'
import { DEFAULT_OAUTH, OAuthServer } from './oauth.ts'
import type { Counts } from './plan.ts'
import { handlePage, isPageRequest } from './payments/page.ts'
import { Plan } from './plan.ts'
import { RequestHandler } from './request-handler.ts'
import type { Distribution } from './timeline.ts'
import type { Mode, StripeObject } from './types.ts'
import { DEFAULT_ACCOUNT_VERSION, isApiVersion } from './versions.ts'
import type { WebhookEndpointOption } from './webhooks.ts'
import { Webhooks } from './webhooks.ts'
import { World } from './world.ts'

/** How slow answers are. */
export interface Latency {
  readonly latencyMs: number
  /** This share of answers, in percent, takes `latencyTailMs` more. */
  readonly latencyTailPercent: number
  readonly latencyTailMs: number
}

export interface StripeSandboxOptions extends Partial<Latency>, Partial<Behaviour> {
  /** Same seed, same data. @defaultValue 1 */
  readonly seed?: string | number
  /** @defaultValue 127.0.0.1 */
  readonly host?: string
  /** @defaultValue 0, which picks a free one */
  readonly port?: number
  /** Objects per resource and mode. Without a number a resource follows from the count of charges (1000). */
  readonly counts?: Partial<Counts>
  /** Freezes the sandbox clock at this Unix second; without it the clock follows real time. */
  readonly now?: number
  /** Unix seconds between which generated objects were created. @defaultValue two years, up to the last UTC midnight */
  readonly createdFrom?: number
  readonly createdTo?: number
  /** @defaultValue growing */
  readonly distribution?: Distribution
  /** Charges are padded to about this many bytes of JSON. Unpadded they have about 2000; 25000 is the most. */
  readonly approxObjectBytes?: number
  /** None by default; `STRIPE_TEST_LIMITS` are the published ones. */
  readonly limits?: Limits
  /** @defaultValue DEFAULT_KEYS */
  readonly keys?: readonly ApiKey[]
  readonly oauth?: OAuthOptions
  /** Rendered when a request names no version, and frozen into events. @defaultValue 2024-06-20 */
  readonly accountApiVersion?: string
  /** Requests the journal remembers. @defaultValue 10000 */
  readonly journalCapacity?: number
  readonly faults?: readonly FaultRule[]
  /** Receivers of events from the start. */
  readonly webhookEndpoints?: readonly WebhookEndpointOption[]
}

/** A running sandbox. */
export interface StripeSandbox {
  /** `http://host:port`, without a slash at the end. */
  readonly url: string
  readonly host: string
  readonly port: number
  readonly accountId: string
  readonly clock: SandboxClock
  readonly journal: Journal
  readonly faults: Faults
  readonly limiter: Limiter
  readonly keys: KeyRing
  /** The test-mode data; `worlds.live` is the other. */
  readonly world: World
  readonly worlds: Readonly<Record<Mode, World>>
  readonly webhooks: Webhooks
  /** Changes the test-mode world (or `mode`) as a script would; see `Action`. */
  apply(action: Action, mode?: Mode): StripeObject[]
  /** Reads or changes how slow answers are. */
  latency: Latency
  /** What Stripe leaves open or does only now and then; members may be set at any time. */
  readonly behaviour: Behaviour
  /** Back to the state after the start: no changes, faults, journal, and the first clock. */
  reset(): void
  /** Stops at once, open connections included. */
  close(): Promise<void>
}

/** What request and control handlers work on. */
export type SandboxState = Omit<StripeSandbox, 'url' | 'host' | 'port' | 'close'> & {
  readonly seed: string
  readonly oauth: OAuthServer
  readonly idempotency: IdempotencyStore
}

const DAY = 86_400
const DEFAULT_CHARGES = 1000
const KEEP_ALIVE_MS = 65_000

/** Fills in the counts that were not given, in believable proportions. */
export function completeCounts(given: Partial<Counts> = {}): Counts {
  const charges = given.charges ?? DEFAULT_CHARGES
  const refunds = given.refunds ?? Math.ceil(charges / 10)
  const counts: Counts = {
    charges,
    refunds,
    customers: given.customers ?? Math.max(20, Math.ceil(charges / 4)),
    prices: given.prices ?? Math.max(60, Math.ceil(charges / 50)),
    subscriptions: given.subscriptions ?? Math.ceil(charges / 5),
    balance_transactions: given.balance_transactions ?? 8 * Math.ceil(Math.max(charges / 6, refunds)),
  }
  for (const [name, count] of Object.entries(counts)) {
    if (!Number.isSafeInteger(count) || count < 0 || count > 50_000_000) {
      throw new RangeError(`counts.${name} must be an integer from 0 to 50000000, not ${count}`)
    }
  }
  if (counts.refunds > 0 && charges === 0) throw new RangeError('counts.refunds needs counts.charges above 0')
  if (counts.subscriptions > 0 && (counts.customers === 0 || counts.prices === 0)) {
    throw new RangeError('counts.subscriptions needs counts.customers and counts.prices above 0')
  }
  return counts
}

/** Starts a sandbox; the promise resolves when it listens. */
export async function createStripeSandbox(options: StripeSandboxOptions = {}): Promise<StripeSandbox> {
  const { host = '127.0.0.1', port = 0 } = options
  const state = createState(options)
  const handler = new RequestHandler(state)
  const server = createServer((request, response) => {
    const handled = request.url?.startsWith('/_sandbox')
      ? handleControl(state, request, response)
      : isPageRequest(request.url)
        ? handlePage(state, request, response)
        : handler.handle(request, response)
    // Handlers answer their errors themselves; what still comes here is a connection that went away.
    handled.catch(() => response.destroy())
  })
  // Longer than common clients keep idle connections, so that none of them meets an accidental reset.
  server.keepAliveTimeout = KEEP_ALIVE_MS
  await listen(server, port, host)
  const address = server.address() as AddressInfo
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address
  const url = `http://${shownHost}:${address.port}`
  for (const world of Object.values(state.worlds)) world.payments.pageOrigin = url
  return Object.assign(state, {
    url,
    host: address.address,
    port: address.port,
    close() {
      state.webhooks.close()
      return closeServer(server)
    },
  })
}

function createState(options: StripeSandboxOptions): SandboxState {
  const { accountApiVersion = DEFAULT_ACCOUNT_VERSION, seed = 1 } = options
  if (!isApiVersion(accountApiVersion)) throw new RangeError(`accountApiVersion ${accountApiVersion} is not known`)
  const clock = new SandboxClock(options.now)
  const to = options.createdTo ?? Math.floor(clock.now() / DAY) * DAY
  const from = options.createdFrom ?? to - 730 * DAY
  if (!(from < to)) throw new RangeError('createdFrom must lie before createdTo')
  const counts = completeCounts(options.counts)
  const firstBehaviour: Readonly<Behaviour> = { ...DEFAULT_BEHAVIOUR, ...behaviourOf(options) }
  const behaviour: Behaviour = { ...firstBehaviour }
  const world = (mode: Mode) =>
    new World({
      mode,
      clock,
      plan: new Plan({
        seed,
        mode,
        counts,
        from,
        to,
        distribution: options.distribution ?? 'growing',
        approxObjectBytes: options.approxObjectBytes ?? 0,
      }),
      accountVersion: accountApiVersion,
      behaviour,
    })
  const worlds = { test: world('test'), live: world('live') }
  const { accountId } = worlds.test.plan
  const keys = new KeyRing(options.keys ?? DEFAULT_KEYS, clock, accountId)
  const firstLimits = options.limits ?? {}
  const firstLatency: Latency = {
    latencyMs: options.latencyMs ?? 0,
    latencyTailPercent: options.latencyTailPercent ?? 0,
    latencyTailMs: options.latencyTailMs ?? 0,
  }
  const addFaults = () => options.faults?.forEach((rule) => state.faults.add(rule))
  const state: SandboxState = {
    seed: String(seed),
    accountId,
    clock,
    keys,
    journal: new Journal(options.journalCapacity ?? 10_000),
    faults: new Faults(() => clock.nowMs()),
    limiter: new Limiter(firstLimits),
    oauth: new OAuthServer(keys, clock, String(seed), accountId, options.oauth ?? DEFAULT_OAUTH),
    idempotency: new IdempotencyStore(),
    webhooks: new Webhooks({ worlds, clock, behaviour, endpoints: options.webhookEndpoints ?? [] }),
    world: worlds.test,
    worlds,
    latency: firstLatency,
    behaviour,
    apply: (action, mode = 'test') => applyAction(worlds[mode], action),
    reset() {
      clock.reset()
      for (const each of Object.values(worlds)) each.reset()
      state.journal.clear()
      state.faults.clear()
      addFaults()
      state.limiter.limits = firstLimits
      state.limiter.reset()
      state.latency = firstLatency
      Object.assign(behaviour, firstBehaviour)
      state.webhooks.reset()
      state.oauth.reset()
      state.idempotency.reset()
    },
  }
  addFaults()
  return state
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
