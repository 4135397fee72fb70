import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock, type Clock } from '../../src/clock.ts'
import { DEFAULT_API_VERSION } from '../../src/plugins/stripe/client.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { RESOURCE_PATHS } from '../../src/plugins/stripe/resources.ts'
import type {
  FaultMatch,
  ResourceName,
  StripeObject,
  StripeSandbox,
  StripeSandboxOptions,
  World,
} from '../../src/sandbox/index.ts'
import {
  createStripeChain,
  firstRun,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  SANDBOX_KEY,
  startStripeHost,
  statusOf,
  UNHURRIED,
} from '../support/stripe-host.ts'
import type { RecordItem, StripeChainRequest, StripeHost } from '../support/stripe-host.ts'
import { ACME, type TestApi } from '../support/test-host.ts'

export const DAY = 86_400

/** The six resources that a flow can read. */
export const RESOURCES = RESOURCE_PATHS satisfies readonly ResourceName[]
export type Resource = (typeof RESOURCES)[number]

/** Those whose changes Stripe announces. */
export const ANNOUNCED = RESOURCES.filter((resource) => resource !== 'balance_transactions')

/** More than one page of every list. */
export const COUNTS = {
  charges: 130,
  subscriptions: 130,
  refunds: 115,
  balance_transactions: 120,
  customers: 140,
  prices: 260,
} as const

/** Follows real time until it is moved. */
export interface MovableClock extends Clock {
  move(seconds: number): void
}

export interface AccountOptions {
  readonly sandbox?: StripeSandboxOptions
  /** Seconds that the host's clock is ahead of Stripe's. */
  readonly hostAhead?: number
}

/** A Stripe account and a host that copies it. */
export interface Account {
  readonly sandbox: StripeSandbox
  /** The host's clock alone. */
  readonly clock: MovableClock
  readonly holder: Holder
  /** Moves Stripe's clock and the host's. */
  pass(seconds: number): void
  /** Makes a dataset and a flow that copies one resource into it. Its first run starts at once. */
  follow(resource: Resource, request?: Omit<StripeChainRequest, 'resourcePath'>): Promise<Copy>
  /** `follow`, and the first run to its end. */
  copy(resource: Resource, request?: Omit<StripeChainRequest, 'resourcePath'>): Promise<Copy>
  stop(): Promise<void>
}

/** The ended run. */
export interface RunOutcome {
  readonly status: string
  readonly counts: Readonly<Record<string, number>>
  /** What the metrics say of an account that was listed anew and why. */
  readonly relisted: { readonly reason: string; readonly gapStart?: number; readonly gapEnd?: number } | undefined
  readonly notes: readonly string[]
  /** Hits of a search that were none. */
  readonly dropped: number | undefined
  /** Why the run failed. */
  readonly errors: readonly { readonly code: string; readonly message: string }[]
  readonly delivered: readonly RecordItem[]
}

/** A dataset that a flow keeps up to date. */
export interface Copy {
  readonly dataSetId: string
  readonly flowId: string
  /** Waits for the run that a new flow makes by itself. */
  first(): Promise<RunOutcome>
  /** Triggers a run and waits for its end. */
  run(): Promise<RunOutcome>
  /** What the dataset shows; with `includeDeleted` the tombstones too. */
  records(query?: string): Promise<readonly RecordItem[]>
  /** The newest state of one object in the dataset; undefined when it does not show it. */
  record(id: string): Promise<Readonly<Record<string, unknown>> | undefined>
  /** How the dataset differs from Stripe. */
  drift(): Promise<Drift>
}

/** The first few ids of each kind. */
export interface Drift {
  readonly missing: readonly string[]
  readonly extra: readonly string[]
  readonly stale: readonly string[]
  readonly twice: readonly string[]
}

/** So many ids tell a failing test's reader enough. */
const MOST_SHOWN = 5

export const NO_DRIFT: Drift = { missing: [], extra: [], stale: [], twice: [] }

export async function openAccount({ sandbox: options = {}, hostAhead = 0 }: AccountOptions = {}): Promise<Account> {
  const clock = movableClock(hostAhead)
  const holder = await startHolder()
  const plugins = [createStripePlugin({ apiBase: holder.url, ...UNHURRIED })]
  const host = await startStripeHost({ counts: COUNTS, ...options }, { clock, plugins })
  holder.target = host.sandbox.url
  const follow = async (resource: Resource, request: Omit<StripeChainRequest, 'resourcePath'> = {}) => {
    const api = await host.as(ACME)
    const scheduleParams = { startTime: Math.floor(clock.now() / 1000), frequency: 'once' }
    const { dataSetId, flowId } = await createStripeChain(api, { scheduleParams, ...request, resourcePath: resource })
    return copyOf(host, resource, dataSetId, flowId)
  }
  return {
    sandbox: host.sandbox,
    clock,
    holder,
    pass(seconds) {
      clock.move(seconds)
      host.sandbox.clock.advance(seconds)
    },
    follow,
    async copy(resource, request) {
      const copy = await follow(resource, request)
      await copy.first()
      return copy
    },
    async stop() {
      holder.release()
      await host.stop()
      await holder.close()
    },
  }
}

function movableClock(ahead: number): MovableClock {
  let offset = ahead * 1000
  return {
    now: () => Date.now() + offset,
    sleep: (ms, signal) => systemClock.sleep(ms, signal),
    move(seconds) {
      offset += seconds * 1000
    },
  }
}

function copyOf(host: StripeHost, resource: Resource, dataSetId: string, flowId: string): Copy {
  // A token expires while the clock is moved, so each call gets its own.
  const api = () => host.as(ACME)
  const records = async (query = 'limit=1000') => recordsOfDataSet(await api(), dataSetId, query)
  return {
    dataSetId,
    flowId,
    records,
    first: async () => {
      const caller = await api()
      return outcomeOf(caller, await firstRun(caller, flowId))
    },
    run: async () => {
      const caller = await api()
      return outcomeOf(caller, await runNow(caller, flowId))
    },
    record: async (id) => (await records()).find((item) => item.id === id)?.record.data,
    drift: async () => driftOf(await records(), await truthOf(host.sandbox, resource)),
  }
}

async function outcomeOf(api: TestApi, run: Awaited<ReturnType<typeof runNow>>): Promise<RunOutcome> {
  const { recordSummary, statusSummary } = run.metrics
  const delivered = await recordsOfRun(api, run.id)
  const { relisted, notes = [], droppedRecordCount: dropped } = statusSummary.extensions ?? {}
  const { errors } = statusSummary
  return { status: statusOf(run), counts: recordSummary, relisted, notes, dropped, errors, delivered }
}

function driftOf(records: readonly RecordItem[], truth: ReadonlyMap<string, StripeObject>): Drift {
  const ids = records.map(({ id }) => id)
  const known = new Set(ids)
  const isStale = ({ id, record }: RecordItem) =>
    truth.has(id) && JSON.stringify(record.data) !== JSON.stringify(truth.get(id))
  const few = (some: readonly string[]) => some.slice(0, MOST_SHOWN)
  return {
    missing: few([...truth.keys()].filter((id) => !known.has(id))),
    extra: few(ids.filter((id) => !truth.has(id))),
    stale: few(records.filter(isStale).map(({ id }) => id)),
    twice: few(ids.filter((id, index) => ids.indexOf(id) !== index)),
  }
}

// --- the truth, read from the sandbox one object at a time ---

/** Every object that a complete copy of the resource holds, as Stripe shows it now. */
export async function truthOf(sandbox: StripeSandbox, resource: Resource): Promise<ReadonlyMap<string, StripeObject>> {
  const ids = idsThere(sandbox.world, resource)
  const objects = await Promise.all(ids.map((id) => objectOf(sandbox, resource, id)))
  return new Map(objects.map((object) => [object.id, object]))
}

/** The ids of all objects that Stripe shows in a list or inside another object, hidden ones too, newest first. */
export function idsThere(world: World, resource: Resource): string[] {
  const objects = listed(world, resource)
  if (resource !== 'prices') return objects.map(({ id }) => id)
  const inItems = new Set(
    listed(world, 'subscriptions')
      .flatMap(pricesOf)
      .map(({ id }) => id),
  )
  return objects.filter((price) => inItems.has(price.id) || !isInline(world, price)).map(({ id }) => id)
}

/** All objects that are neither deleted nor on a test clock, newest first. */
export function listed(world: World, resource: Resource): StripeObject[] {
  return Array.from(world.all(resource)).filter(
    ({ deleted, test_clock }) => deleted !== true && (test_clock ?? null) === null,
  )
}

/** The newest object that is listed and fits. */
export function pick(
  { world }: StripeSandbox,
  resource: Resource,
  fits: (object: StripeObject) => boolean = () => true,
): StripeObject {
  const found = listed(world, resource).find(fits)
  if (found === undefined) throw new Error(`The sandbox has no such object in ${resource}.`)
  return found
}

/** Made together with a subscription, so that no list of prices shows it. */
export function isInline({ plan }: World, price: StripeObject): boolean {
  const index = plan.ids.prices.decode(price.id) ?? 0
  return index < plan.options.counts.prices ? plan.isPriceInline(index) : price.inline === true
}

/** The newest object of the first page of the resource's first list. */
export function pickListedFirst(sandbox: StripeSandbox, resource: Resource): StripeObject {
  return pick(
    sandbox,
    resource,
    (object) => object.status !== 'canceled' && (resource !== 'prices' || isInActiveList(sandbox.world, object)),
  )
}

function isInActiveList(world: World, price: StripeObject): boolean {
  return price.active === true && !isInline(world, price)
}

/** The request for the second page of the resource's first list, which is sent when the first one is stored. */
export function secondPage(resource: Resource): FaultMatch {
  const filters: Readonly<Record<string, string>> = resource === 'prices' ? { active: 'true' } : {}
  return { path: `/v1/${resource}`, params: { ...filters, starting_after: '*' } }
}

/** The items of a subscription of the sandbox, all of them. */
export function itemsOf(subscription: StripeObject): readonly StripeObject[] {
  return (subscription.items as { data: StripeObject[] }).data
}

/** The prices in them. */
export function pricesOf(subscription: StripeObject): readonly StripeObject[] {
  return itemsOf(subscription).map(({ price }) => price as StripeObject)
}

/** One object with its nested lists complete. */
async function objectOf(sandbox: StripeSandbox, resource: Resource, id: string): Promise<StripeObject> {
  const object = await ask(sandbox, `/v1/${resource}/${id}`)
  const items = object.items as { has_more: boolean } | undefined
  if (!items?.has_more) return object
  const { data } = await ask(sandbox, `/v1/subscription_items?subscription=${id}&limit=100`)
  return { ...object, items: { ...items, data: data as StripeObject[], has_more: false } }
}

async function ask({ url }: StripeSandbox, path: string): Promise<StripeObject> {
  const headers = { Authorization: `Bearer ${SANDBOX_KEY}`, 'Stripe-Version': DEFAULT_API_VERSION }
  const response = await fetch(url + path, { headers })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as StripeObject
}

// --- answers that take long to arrive ---

/** Stands between the host and the sandbox and holds back an answer that Stripe has made already. */
export interface Holder {
  readonly url: string
  target: string
  /** Holds the next answer to a request whose path begins so; resolves when Stripe has made it. */
  hold(path: string): Promise<void>
  /** Lets every answer that is held go. */
  release(): void
  close(): Promise<void>
}

async function startHolder(): Promise<Holder> {
  let waiting: { readonly path: string; readonly arrived: () => void } | undefined
  let gate = Promise.withResolvers<void>()
  const server = createServer((request, response) => {
    const answer = async () => {
      const path = request.url ?? '/'
      const headers = Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
        name === 'host' || name === 'connection' || typeof value !== 'string' ? [] : [[name, value]],
      )
      const hold = waiting !== undefined && path.startsWith(waiting.path) ? waiting : undefined
      if (hold) waiting = undefined
      const answered = await fetch(holder.target + path, { headers })
      const body = Buffer.from(await answered.arrayBuffer())
      if (hold) {
        hold.arrived()
        await gate.promise
      }
      response.writeHead(answered.status, Object.fromEntries(answered.headers)).end(body)
    }
    answer().catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const holder: Holder = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: '',
    hold: (path) => new Promise((arrived) => (waiting = { path, arrived })),
    release() {
      gate.resolve()
      gate = Promise.withResolvers()
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return holder
}

/** Stripe refuses to change a subscription that has ended. */
export const isOpen = ({ status }: StripeObject) => status !== 'canceled'

/** Gives an object a version of the test's own, which `versionOf` finds again in a copy. */
export function setVersion({ sandbox }: Account, id: string, version: string): void {
  sandbox.apply({ type: 'update', id, params: { metadata: { version } } })
}

export async function versionOf(copy: Copy, id: string): Promise<string | undefined> {
  return ((await copy.record(id))?.metadata as { version?: string } | undefined)?.version
}
