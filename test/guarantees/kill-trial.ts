import { isDeepStrictEqual } from 'node:util'
import type { StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import type { Counts } from '../../src/sandbox/stripe/plan.ts'
import { FLOW_SERVICE } from '../support/flow-host.ts'
import { pause, type RecordItem } from '../support/stripe-host.ts'
import { changeAccount, createKillAccount, keyOf, pageReads, readOrders, RESOURCES } from './kill-account.ts'
import { createProcessFlow, endedRun, firstRunId, followRun, recordsInDataSet, type ProcessFlow } from './kill-flows.ts'
import { KillableHost } from './kill-host.ts'
import { comparePageReads } from './kill-page-reads.ts'

export interface KillTrialOptions {
  /** Decides on the account's data and on the moments. */
  readonly seed: number
  readonly kills: number
  readonly counts: Partial<Counts>
  /** Of every answer of Stripe's, ms. */
  readonly latencyMs: number
  /** Told after every kill. */
  readonly onKill?: (kills: number) => void
}

export interface KillReport {
  readonly kills: number
  /** Accounts that were copied, each twice: everything, then what had changed. */
  readonly rounds: number
  readonly requests: number
  /** Requests for a page of a list, and how many of them were for a page that an earlier life had asked for. */
  readonly pages: number
  readonly pagesAgain: number
  /** Deliveries, each served once. */
  readonly deliveries: number
  /** Everything that is not as it must be. */
  readonly faults: readonly string[]
}

/** A page of records of an odd size, so that pages end at other places than those of Stripe. */
const PAGE_SIZES = [70, 170, 333]

/** One in so many kills hits the host while it starts. */
const STARTS = 8
const LONGEST_START_MS = 1200

/** Lets six flows copy an account while the host is killed at random moments, until there were enough. */
export async function runKillTrial(options: KillTrialOptions): Promise<KillReport> {
  const trial = new KillTrial(options)
  return trial.run()
}

type EndedRun = Awaited<ReturnType<typeof endedRun>>

class KillTrial {
  readonly #options: KillTrialOptions
  readonly #random: () => number
  readonly #faults: string[] = []
  #kills = 0
  #rounds = 0
  #requests = 0
  #pages = 0
  #pagesAgain = 0
  #deliveries = 0
  #lifeBegins: number[] = []

  constructor(options: KillTrialOptions) {
    this.#options = options
    this.#random = createRandom(options.seed)
  }

  async run(): Promise<KillReport> {
    const { seed, kills, counts, latencyMs } = this.#options
    while (this.#kills < kills) {
      const sandbox = await createKillAccount(seed + this.#rounds, counts, latencyMs)
      const host = new KillableHost({ STRIPE_API_BASE: sandbox.url })
      try {
        await this.#round(host, sandbox)
      } finally {
        await host.remove()
        await sandbox.close()
      }
      this.#rounds += 1
    }
    return {
      kills: this.#kills,
      rounds: this.#rounds,
      requests: this.#requests,
      pages: this.#pages,
      pagesAgain: this.#pagesAgain,
      deliveries: this.#deliveries,
      faults: this.#faults,
    }
  }

  async #round(host: KillableHost, sandbox: StripeSandbox): Promise<void> {
    const orders = await readOrders(sandbox)
    await this.#begin(host)
    await host.ready()
    const flows: ProcessFlow[] = []
    for (const resource of RESOURCES) flows.push(await createProcessFlow(host, resource, keyOf(resource)))
    const first = await Promise.all(flows.map(({ flowId }) => firstRunId(host, flowId)))
    // Some kills are left for the second runs.
    await this.#killWhile(host, sandbox, first, Math.ceil((this.#options.kills - this.#kills) * 0.65))
    const reads = comparePageReads(pageReads(sandbox, this.#lifeBegins), orders)
    this.#pages += reads.pages
    this.#pagesAgain += reads.again
    this.#report('lists', reads.faults)

    changeAccount(sandbox, this.#random)
    const second: string[] = []
    for (const { flowId } of flows) second.push((await host.post(`${FLOW_SERVICE}/runs`, { flowId, params: {} })).id)
    await this.#killWhile(host, sandbox, second, this.#options.kills - this.#kills)
    this.#requests += sandbox.journal.total
    await this.#compareWithUndisturbed(host, sandbox, flows)
  }

  /** Kills the host at random moments until the runs have ended or there were enough kills; then all is paged through. */
  async #killWhile(host: KillableHost, sandbox: StripeSandbox, runIds: readonly string[], most: number): Promise<void> {
    const clients = runIds.map((id, index) => followRun(host, id, PAGE_SIZES[index % PAGE_SIZES.length] ?? 100))
    const ended = Promise.all(runIds.map((id) => endedRun(host, id)))
    let areOver = false
    const over = ended.then(() => (areOver = true))
    for (let kills = 0; kills < most && !areOver; kills++) {
      const isAtStart = kills > 0 && this.#random() * STARTS < 1
      if (!isAtStart) {
        await host.ready()
        await Promise.race([over, this.#randomMoment(sandbox)])
      } else await pause(this.#random() * LONGEST_START_MS)
      if (areOver) break
      await host.kill()
      this.#kills += 1
      this.#options.onKill?.(this.#kills)
      await this.#begin(host)
    }
    await host.ready()
    const runs = await ended
    for (const [index, items] of (await Promise.all(clients)).entries()) {
      await this.#checkRun(host, runs[index], items)
    }
  }

  /** Most often soon after the host has begun to read again, now and then much later. */
  async #randomMoment(sandbox: StripeSandbox): Promise<void> {
    const seen = sandbox.journal.total
    const until = performance.now() + 1000
    while (sandbox.journal.total === seen && performance.now() < until) await pause(2)
    await pause(1000 * this.#random() ** 3)
  }

  async #begin(host: KillableHost): Promise<void> {
    // What the killed host has sent may still be on its way to the sandbox.
    await pause(50)
    this.#lifeBegins.push(Date.now())
    await host.begin()
  }

  /** Every delivery was served once, in order, to a client that paged all the time. */
  async #checkRun(host: KillableHost, run: EndedRun, items: readonly RecordItem[]) {
    const { recordSummary, statusSummary } = run.metrics
    const name = `run ${run.id}`
    if (statusSummary.status !== 'success') this.#report(name, [JSON.stringify(statusSummary)])
    if (items.some(({ sequence }, index) => sequence !== index + 1)) this.#report(name, ['a gap or a repeat'])
    if (new Set(items.map(({ id }) => id)).size !== items.length) this.#report(name, ['an object was delivered twice'])
    if (recordSummary.outputRecordCount !== items.length) {
      this.#report(name, [`counts ${recordSummary.outputRecordCount} deliveries and served ${items.length}`])
    }
    const again = await followRun(host, run.id, 1000)
    if (!isDeepStrictEqual(again, items)) this.#report(name, ['serves something else afterwards'])
    this.#deliveries += items.length
  }

  /** The datasets hold what those of flows hold that nobody disturbs. */
  async #compareWithUndisturbed(host: KillableHost, sandbox: StripeSandbox, flows: readonly ProcessFlow[]) {
    const controls = await Promise.all(RESOURCES.map((resource) => createProcessFlow(host, resource, keyOf(resource))))
    for (const [index, control] of controls.entries()) {
      await endedRun(host, await firstRunId(host, control.flowId))
      const [found, expected] = await Promise.all(
        [flows[index], control].map((flow) => recordsInDataSet(host, flow?.dataSetId ?? '')),
      )
      this.#report(control.resourcePath, differences(found ?? [], expected ?? []))
    }
    const charges = [...sandbox.world.all('charges')].length
    const copied = await recordsInDataSet(host, flows[0]?.dataSetId ?? '')
    if (copied.length !== charges) this.#report('charges', [`${charges} in the account, ${copied.length} copied`])
  }

  #report(what: string, faults: readonly string[]): void {
    this.#faults.push(...faults.map((fault) => `round ${this.#rounds}, kill ${this.#kills}, ${what}: ${fault}`))
  }
}

function differences(found: readonly RecordItem[], expected: readonly RecordItem[]): string[] {
  const faults: string[] = []
  const byId = new Map(found.map((item) => [item.id, item]))
  if (byId.size !== found.length) faults.push('the dataset holds an object twice')
  for (const { id, record } of expected) {
    const item = byId.get(id)
    byId.delete(id)
    if (item === undefined) faults.push(`${id} is missing`)
    else if (!isDeepStrictEqual(item.record, record)) faults.push(`${id} is not as Stripe has it`)
  }
  return [...faults, ...Array.from(byId.keys(), (id) => `${id} does not exist`)]
}

/** Mulberry32: the same numbers from 0 to 1 for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
