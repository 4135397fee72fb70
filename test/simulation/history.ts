import type { Store } from '../../src/store/store.ts'
import { checkHistory, HistoryFailure } from './check-history.ts'
import { takeEmptyStore } from './empty-store.ts'
import { createHostLogger } from './host-logger.ts'
import { planHistory, type HistoryPlan, type PhasePlan } from './history-plan.ts'
import { Faults } from './model/faults.ts'
import { ModelStripe } from './model/model-stripe.ts'
import { Account } from './model/mutations.ts'
import { World } from './model/world.ts'
import { ProcessLife } from './process-life.ts'
import { simulateGlobals, type ProcessGlobals } from './process-globals.ts'
import { RereadPages } from './reread-pages.ts'
import { Rng } from './rng.ts'
import { Scheduler } from './scheduler.ts'
import { CALLER, startHost, storeFlows, type SimulatedHost, type StoredFlow } from './simulated-host.ts'
import type { Network } from './simulated-network.ts'
import { openStoreFor, type StoreMedium } from './simulated-store.ts'

export interface HistoryResult {
  readonly seed: number
  /** Two histories with the same value went the same way. */
  readonly traceHash: string
  readonly steps: number
  readonly runs: number
  readonly requests: number
  readonly faults: number
  readonly rateLimits: number
  readonly kills: number
  /** What is wrong with the history; null when it is as it must be. */
  readonly failure: string | null
}

/** A history that is not over by then does not come to an end. */
const MOST_STEPS = 150_000

/** Lives one history through. Never rejects for what goes wrong in it. */
export async function runHistory(seed: number, trace?: (line: string) => void): Promise<HistoryResult> {
  const history = new History(planHistory(seed), trace)
  return history.live()
}

class History {
  readonly #plan: HistoryPlan
  readonly #trace: ((line: string) => void) | undefined
  readonly #scheduler: Scheduler
  readonly #globals: ProcessGlobals
  readonly #rng: Rng
  readonly #account: Account
  readonly #network: Network
  readonly #errors: string[] = []
  readonly #pages = new RereadPages()
  #medium!: StoreMedium
  #flows: readonly StoredFlow[] = []
  #life: ProcessLife | null = null
  #host!: SimulatedHost
  /** Reads the store for the simulation itself; nothing kills it. */
  #observer!: Store
  #killAtStep = Infinity
  #kills = 0
  #lives = 0
  #ids = 0
  #hasRunEnded = false
  #changesLeft = 0
  #isPeaceful = false
  #cancelStart = () => {}

  constructor(plan: HistoryPlan, trace?: (line: string) => void) {
    const { seed, start } = plan
    this.#plan = plan
    this.#trace = trace
    this.#scheduler = new Scheduler({ seed, start, trace })
    this.#globals = simulateGlobals(this.#scheduler, new Rng(`${seed} chance`))
    this.#rng = new Rng(`${seed} history`)
    const world = new World(new Rng(`${seed} world`), plan.world, trace)
    this.#account = new Account(world, new Rng(`${seed} account`), plan.mostItems)
    this.#network = {
      scheduler: this.#scheduler,
      stripe: new ModelStripe(world, plan.server, new Rng(`${seed} server`)),
      faults: new Faults(plan.faults, new Rng(`${seed} faults`), start),
      rng: new Rng(`${seed} network`),
      rules: plan.network,
      requests: 0,
      inFlight: 0,
      onAnswered: (target, life) => this.#pages.read(target, life),
    }
  }

  async live(): Promise<HistoryResult> {
    let failure: string | null = null
    let runs = 0
    const taken = await takeEmptyStore()
    try {
      runs = await this.#liveOver(taken.store)
      taken.giveBack()
    } catch (error) {
      failure = error instanceof HistoryFailure ? error.message : String((error as Error).stack)
    } finally {
      this.#globals.restore()
    }
    const { seed } = this.#plan
    const { steps, traceHash } = this.#scheduler
    const { requests, faults } = this.#network
    const counts = { steps, runs, requests, faults: faults.count, rateLimits: faults.limited, kills: this.#kills }
    return { seed, traceHash, ...counts, failure }
  }

  async #liveOver(real: Store): Promise<number> {
    const plan = this.#plan
    this.#trace?.(`plan ${JSON.stringify(plan)}`)
    this.#flows = await storeFlows(real, plan.flows)
    const rng = new Rng(`${plan.seed} store`)
    this.#medium = {
      real,
      scheduler: this.#scheduler,
      rng,
      trace: this.#trace,
      faultRate: 0,
      faults: 0,
      isLocked: false,
    }
    this.#observer = openStoreFor(new ProcessLife(this.#scheduler, 'observer'), this.#medium)
    this.#populate()
    this.#startHost()
    this.#medium.faultRate = plan.storeFaultRate
    for (const phase of plan.phases) {
      this.#passGap(phase)
      this.#armKill()
      this.#scheduler.drop(this.#account)
      this.#changesLeft = plan.mostChanges
      this.#scheduleChange()
      await this.#runFlows(phase)
    }
    await this.#endInPeace()
    const { violation } = this.#pages
    // Flows that read the same list cannot be told apart.
    if (violation !== null && !readSameList(plan)) throw new HistoryFailure(violation)
    return checkHistory({
      plan,
      store: real,
      flows: this.#flows,
      world: this.#account.world,
      now: this.#scheduler.now,
      errors: this.#errors,
    })
  }

  #populate(): void {
    const { population, pastMs, start, flows } = this.#plan
    const times: [at: number, index: number][] = flows.flatMap((_, index) =>
      Array.from({ length: population }, (): [number, number] => [
        start - Math.floor(this.#rng.float() * pastMs),
        index,
      ]),
    )
    for (const [at, index] of times.sort(([a], [b]) => a - b)) {
      const { resource } = flows[index]!
      if (this.#rng.chance(0.8)) this.#account.create(resource, at)
      else this.#account.change(resource, at)
    }
  }

  /** A host starts when the one before it is dead. */
  #startHost(): void {
    this.#cancelStart()
    this.#life?.kill()
    const life = new ProcessLife(this.#scheduler, `host ${++this.#lives}`, this.#plan.skewMs)
    this.#life = life
    this.#globals.owner = life
    this.#host = startHost({
      life,
      medium: this.#medium,
      network: this.#network,
      rng: this.#rng,
      newId: () => `id-${++this.#ids}`,
      logger: createHostLogger({ name: life.name, trace: this.#trace, onError: (error) => this.#noteError(error) }),
      onRunEnded: () => (this.#hasRunEnded = true),
    })
  }

  /** What the host calls an error of its own counts, unless the simulation made the store fail. */
  #noteError(error: string): void {
    if (this.#plan.storeFaultRate === 0) this.#errors.push(error)
  }

  /** The account goes on changing while runs go on. */
  #scheduleChange(): void {
    this.#scheduler.add({
      at: this.#scheduler.now + Math.ceil(this.#rng.exponential(this.#plan.changeEveryMs)),
      label: 'change',
      owner: this.#account,
      run: () => {
        this.#changeNow(this.#scheduler.now)
        this.#changesLeft -= 1
        if (this.#changesLeft > 0) this.#scheduleChange()
      },
    })
  }

  #changeNow(at: number): void {
    const { resource } = this.#rng.pick(this.#flows)
    if (this.#rng.chance(0.3)) this.#account.create(resource, at)
    else this.#account.change(resource, at)
  }

  /** A stretch without runs; the host sleeps through it or is started anew after it. */
  #passGap({ gapMs, changes }: PhasePlan): void {
    const times = Array.from({ length: changes }, () => this.#scheduler.now + Math.floor(this.#rng.float() * gapMs))
    for (const at of times.sort((a, b) => a - b)) this.#changeNow(at)
    this.#scheduler.leap(gapMs)
    if (this.#rng.chance(0.5)) this.#startHost()
  }

  async #runFlows({ retriggers }: Pick<PhasePlan, 'retriggers'>): Promise<void> {
    for (const flow of this.#flows) {
      if ((await this.#openRuns(flow)) === 0) {
        await this.#ask(() => this.#host.runs.create(CALLER, { flowId: flow.id, params: {} }))
      }
    }
    await this.#untilRunsEnd()
    for (let time = 0; time < retriggers; time++) {
      const failed = await this.#failedRuns()
      if (failed.length === 0) return
      for (const id of failed) await this.#ask(() => this.#host.runs.act(CALLER, id, 'RE_TRIGGER', undefined))
      await this.#untilRunsEnd()
    }
  }

  /** The newest run of each flow, when it has failed. */
  async #failedRuns(): Promise<string[]> {
    const query = { filter: [], order: [], limit: 1000, after: null }
    const runs = await this.#drive(this.#observer.entities.list(CALLER.tenant, 'runs', query))
    const newest = new Map<unknown, { readonly no: number; readonly id: string }>()
    for (const run of runs) {
      const known = newest.get(run.document['flowId'])
      if (known === undefined || known.no < run.no) newest.set(run.document['flowId'], run)
    }
    const failed: string[] = []
    for (const { no, id } of newest.values()) {
      const state = await this.#drive(this.#observer.runs.get(no))
      if (state?.status === 'failed') failed.push(id)
    }
    return failed
  }

  async #untilRunsEnd(): Promise<void> {
    let steps = 0
    for (;;) {
      if (this.#hasRunEnded || steps++ % 200 === 0) {
        this.#hasRunEnded = false
        let open = 0
        for (const flow of this.#flows) open += await this.#openRuns(flow)
        if (open === 0) {
          this.#pages.forget()
          return
        }
      }
      await this.#step()
    }
  }

  async #openRuns(flow: StoredFlow): Promise<number> {
    return (await this.#drive(this.#observer.runs.openRuns(flow.no))).length
  }

  /** A request of a client: it gets no answer when the host dies meanwhile, and does not ask again. */
  async #ask(request: () => Promise<unknown>): Promise<void> {
    while (!this.#life?.isAlive) await this.#step()
    const life = this.#life
    let isOver = false
    // A store that fails answers the client with an error.
    request().then(
      () => (isOver = true),
      () => (isOver = true),
    )
    await this.#scheduler.settle()
    while (!isOver && life.isAlive) await this.#step()
  }

  /** Lets the simulation go on until the promise settles. */
  async #drive<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settle = () => (isSettled = true)
    promise.then(settle, settle)
    await this.#scheduler.settle()
    while (!isSettled) await this.#step()
    return promise
  }

  async #step(): Promise<void> {
    if (this.#scheduler.steps > MOST_STEPS) throw new HistoryFailure('The history does not come to an end.')
    if (this.#scheduler.steps >= this.#killAtStep && this.#life?.isAlive) await this.#die()
    await this.#scheduler.step()
  }

  #armKill(): void {
    const { stepsPerKill, mostKills } = this.#plan
    const isOver = this.#isPeaceful || stepsPerKill === null || this.#kills >= mostKills
    const in_ = isOver ? Infinity : Math.ceil(this.#rng.exponential(stepsPerKill))
    this.#killAtStep = this.#scheduler.steps + in_
  }

  /** The process dies, sometimes after it was asked to stop, and is started again some time later. */
  async #die(): Promise<void> {
    this.#killAtStep = Infinity
    this.#kills += 1
    if (this.#rng.chance(0.2)) {
      this.#scheduler.note('stop')
      await this.#ask(() => this.#host.dispatcher.stop(5000))
    }
    this.#scheduler.note('kill')
    this.#life?.kill()
    await this.#scheduler.settle()
    const afterMs = this.#rng.pick([0, 10, 1000, 60_000])
    const run = () => {
      this.#startHost()
      this.#armKill()
    }
    this.#cancelStart = this.#scheduler.add({ at: this.#scheduler.now + afterMs, label: 'start', owner: null, run })
  }

  /** Nothing changes and nothing fails any more: what the flows then bring together must be the truth. */
  async #endInPeace(): Promise<void> {
    this.#isPeaceful = true
    this.#killAtStep = Infinity
    this.#network.faults.end()
    this.#medium.faultRate = 0
    this.#scheduler.drop(this.#account)
    await this.#untilRunsEnd()
    this.#scheduler.leap(61_000)
    this.#leapPastMaturities()
    for (let time = 0; time < 2; time++) await this.#runFlows({ retriggers: 0 })
    this.#life?.kill()
    await this.#scheduler.settle()
  }

  /** No balance transaction may become available while the last runs go on: nobody could tell which state they saw. */
  #leapPastMaturities(): void {
    const margin = 3_600_000
    const changes = this.#account.world.list('balance_transactions').map(({ versions }) => versions.at(-1)!.at)
    for (const at of changes.sort((a, b) => a - b)) {
      const ahead = at - this.#scheduler.now
      if (ahead > 0 && ahead <= margin) this.#scheduler.leap(ahead + 1000)
    }
  }
}

function readSameList({ flows }: HistoryPlan): boolean {
  const lists = flows.flatMap(({ resource }) => (resource === 'prices' ? ['prices', 'subscriptions'] : [resource]))
  return new Set(lists).size < lists.length
}
