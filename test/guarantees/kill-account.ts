import { createStripeSandbox, type StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { fingerprint } from '../../src/sandbox/stripe/keys.ts'
import type { Counts } from '../../src/sandbox/stripe/plan.ts'
import type { ListOrder, PageRead } from './kill-page-reads.ts'

/** The six resources. */
export const RESOURCES = ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices'] as const
export type Resource = (typeof RESOURCES)[number]

/** Every flow has a key of its own, by which the journal tells whose request it was. */
export const keyOf = (resource: Resource): string => `sk_test_kill_${resource}`

const CONTROL_KEY = 'sk_test_control'

/** A Stripe account that is slow enough for many requests to be under way. */
export function createKillAccount(seed: number, counts: Partial<Counts>, latencyMs: number): Promise<StripeSandbox> {
  const keys = [...RESOURCES.map((resource) => ({ key: keyOf(resource) })), { key: CONTROL_KEY }]
  return createStripeSandbox({ seed, counts, latencyMs, keys, journalCapacity: 1_000_000 })
}

/** The lists that flows read, each with the filter that tells its passes apart. */
const LISTS = [
  ...RESOURCES.filter((resource) => resource !== 'prices').map((resource) => ({ resource, query: {} })),
  { resource: 'prices', query: { active: 'true' } },
  { resource: 'prices', query: { active: 'false' } },
] as const

function listName(resource: string, active: unknown): string {
  return typeof active === 'string' ? `${resource} (active ${active})` : resource
}

/** The order of each list, as it stands. The requests for it are not left in the journal. */
export async function readOrders(sandbox: StripeSandbox): Promise<ReadonlyMap<string, ListOrder>> {
  const { latency } = sandbox
  sandbox.latency = { ...latency, latencyMs: 0 }
  const orders = new Map<string, ListOrder>()
  for (const { resource, query } of LISTS) {
    const name = listName(resource, 'active' in query ? query.active : undefined)
    const more: Record<string, string> = resource === 'subscriptions' ? { status: 'all' } : query
    orders.set(name, await readOrder(sandbox, resource, more))
  }
  sandbox.latency = latency
  sandbox.journal.clear()
  return orders
}

async function readOrder(
  sandbox: StripeSandbox,
  resource: Resource,
  query: Readonly<Record<string, string>>,
): Promise<ListOrder> {
  const ids: string[] = []
  const created: number[] = []
  for (;;) {
    const last = ids.at(-1)
    const after: Record<string, string> = last === undefined ? {} : { starting_after: last }
    const parameters = new URLSearchParams({ limit: '100', ...query, ...after })
    const headers = { Authorization: `Bearer ${CONTROL_KEY}` }
    const answer = await fetch(`${sandbox.url}/v1/${resource}?${parameters.toString()}`, { headers })
    const page = (await answer.json()) as { data: { id: string; created: number }[]; has_more: boolean }
    ids.push(...page.data.map(({ id }) => id))
    created.push(...page.data.map((object) => object.created))
    if (!page.has_more) return { ids, created }
  }
}

/**
 * The pages that the flows have asked for.
 * @param lifeBegins - when each life of the host began, ms, in order
 */
export function pageReads(sandbox: StripeSandbox, lifeBegins: readonly number[]): PageRead[] {
  const reads: PageRead[] = []
  for (const resource of RESOURCES) {
    const own = fingerprint(keyOf(resource))
    for (const entry of sandbox.journal.entries({ path: `/v1/${resource}` })) {
      if (entry.keyFingerprint !== own) continue
      const life = lifeBegins.findLastIndex((begins) => begins <= entry.startedAt)
      reads.push({ list: listName(resource, entry.params.active), life, entry })
    }
  }
  return reads
}

/** Changes some objects of every resource that can be changed, deletes and creates some. */
export function changeAccount(sandbox: StripeSandbox, random: () => number): void {
  const some = (resource: Resource, count: number, fits: (object: Record<string, unknown>) => boolean = () => true) => {
    const objects = [...sandbox.world.all(resource)].filter(
      (object) => !object.test_clock && !object.deleted && fits(object),
    )
    return Array.from({ length: count }, () => String(objects[Math.floor(random() * objects.length)]?.id))
  }
  const metadata = () => ({ round: String(Math.floor(random() * 1e9)) })
  const isAlive = ({ status }: Record<string, unknown>) => status !== 'canceled'
  for (const id of some('charges', 40)) sandbox.apply({ type: 'update', id, params: { metadata: metadata() } })
  for (const id of some('refunds', 10)) sandbox.apply({ type: 'update', id, params: { metadata: metadata() } })
  for (const id of some('customers', 30)) sandbox.apply({ type: 'update', id, params: { metadata: metadata() } })
  for (const id of some('subscriptions', 20, isAlive)) {
    sandbox.apply({ type: 'update', id, params: { metadata: metadata() } })
  }
  for (const id of new Set(some('customers', 5))) sandbox.apply({ type: 'delete', id })
  sandbox.apply({ type: 'create', resource: 'charges', count: 5 })
}
