import type { DatabaseSync } from 'node:sqlite'
import type { RunState, Store } from '../../src/store/store.ts'
import { HistoryFailure } from './history-failure.ts'
import type { HistoryPlan } from './history-plan.ts'
import { createHostLogger } from './host-logger.ts'
import { Faults } from './model/faults.ts'
import { ModelStripe } from './model/model-stripe.ts'
import { Account } from './model/mutations.ts'
import { World } from './model/world.ts'
import { ProcessLife, type HostClock } from './process-life.ts'
import { simulateGlobals, type ProcessGlobals } from './process-globals.ts'
import { RangeCuts } from './range-cuts.ts'
import { RereadPages } from './reread-pages.ts'
import { Rng } from './rng.ts'
import { Scheduler } from './scheduler.ts'
import { startHost, type SimulatedHost, type StoredFlow } from './simulated-host.ts'
import type { Network } from './simulated-network.ts'
import { openStoreFor, type StoreMedium } from './simulated-store.ts'

/** A history that is not over by then does not come to an end. */
const MOST_STEPS = 150_000

/** What is to happen after so many steps. */
interface Appointment {
  readonly step: number
  readonly act: () => void | Promise<void>
}

/** Where a history plays: the account, the network, the store, and the host in the life of its process that goes on. */
export class Stage {
  readonly plan: HistoryPlan
  readonly scheduler: Scheduler
  readonly globals: ProcessGlobals
  readonly rng: Rng
  readonly account: Account
  readonly stripe: ModelStripe
  readonly network: Network
  readonly hostClock: HostClock = { skewMs: 0 }
  readonly pages = new RereadPages((id) => this.world.find(id)!.created)
  readonly cuts = new RangeCuts()
  /** What the host logged as an error of its own. */
  readonly errors: string[] = []
  readonly trace: ((line: string) => void) | undefined
  flows: readonly StoredFlow[] = []
  medium!: StoreMedium
  database!: DatabaseSync
  host!: SimulatedHost
  /** Reads the store for the simulation itself. */
  observer!: Store
  kills = 0
  killsBetweenCuts = 0
  mostKills: number
  mayKill = true
  /** Nothing changes and nothing fails any more. */
  isPeaceful = false
  #life: ProcessLife | null = null
  #lives = 0
  #ids = 0
  #hasRunEnded = false
  #appointments: Appointment[] = []
  #cancelStart = () => {}

  constructor(plan: HistoryPlan, trace?: (line: string) => void) {
    const { seed, start } = plan
    this.plan = plan
    this.trace = trace
    this.mostKills = plan.mostKills
    this.scheduler = new Scheduler({ seed, start, trace })
    this.globals = simulateGlobals(this.scheduler, new Rng(`${seed} chance`), this.hostClock)
    this.rng = new Rng(`${seed} history`)
    const world = new World(new Rng(`${seed} world`), plan.world, trace)
    this.account = new Account(world, new Rng(`${seed} account`), plan)
    this.stripe = new ModelStripe(world, plan.server, new Rng(`${seed} server`))
    this.stripe.onCursor = (objects) =>
      this.#loseCursor((at) => {
        for (const object of objects) if (object.isThere(at)) this.account.remove(object, at)
      })
    this.stripe.onItemCursor = (subscription, itemIds) =>
      this.#loseCursor((at) => this.account.removeItems(subscription, itemIds, at))
    this.network = {
      scheduler: this.scheduler,
      stripe: this.stripe,
      faults: new Faults(plan.faults, new Rng(`${seed} faults`), start),
      rng: new Rng(`${seed} network`),
      rules: plan.network,
      requests: 0,
      leaveTimes: [],
      onAnswered: (target, status) => this.pages.answered(target, status),
    }
  }

  get world(): World {
    return this.account.world
  }

  get now(): number {
    return this.scheduler.now
  }

  /** What the host takes for now, ms. */
  get hostNow(): number {
    return this.now + this.hostClock.skewMs
  }

  open(real: Store, database: DatabaseSync): void {
    this.database = database
    this.medium = {
      real,
      scheduler: this.scheduler,
      rng: new Rng(`${this.plan.seed} store`),
      trace: this.trace,
      faultRate: 0,
      faults: 0,
      isLocked: false,
      onSaved: (state: RunState) => this.cuts.saved(state),
    }
    const observer = new ProcessLife(this.scheduler, 'observer', this.hostClock, true)
    this.observer = openStoreFor(observer, this.medium)
  }

  /** A host starts when the one before it is dead. */
  startHost(): void {
    this.#cancelStart()
    this.#life?.kill()
    this.pages.beginAnew()
    const life = new ProcessLife(this.scheduler, `host ${++this.#lives}`, this.hostClock)
    this.#life = life
    this.globals.owner = life
    this.host = startHost({
      life,
      medium: this.medium,
      network: this.network,
      rng: this.rng,
      newId: () => `id-${++this.#ids}`,
      logger: createHostLogger({ name: life.name, trace: this.trace, onError: (error) => this.#noteError(error) }),
      onRunEnded: () => (this.#hasRunEnded = true),
    })
  }

  async end(): Promise<void> {
    this.#cancelStart()
    this.#life?.kill()
    await this.scheduler.settle()
  }

  /** What the next page is to follow goes, like everything that changes: not any more at the end. */
  #loseCursor(lose: (at: number) => void): void {
    if (this.isPeaceful) return
    this.scheduler.add({ at: this.now, label: 'cursor goes', owner: this.account, run: () => lose(this.now) })
  }

  /** What the host calls an error of its own counts, unless the simulation made the store fail. */
  #noteError(error: string): void {
    if (this.plan.storeFaultRate === 0) this.errors.push(error)
  }

  async openRuns(flow: StoredFlow): Promise<number> {
    return (await this.drive(this.observer.runs.openRuns(flow.no))).length
  }

  /**
   * Lets the simulation go on until no run and no audit is open.
   * @param every - steps between two looks; the end of a run is told besides
   */
  async untilRunsEnd(every = 200): Promise<void> {
    for (let steps = 0; ; steps++) {
      if (this.#hasRunEnded || steps % every === 0) {
        this.#hasRunEnded = false
        let open = 0
        for (const flow of this.flows) open += await this.openRuns(flow)
        if (open === 0) return
      }
      await this.step()
    }
  }

  /**
   * Lets the simulation go on until the host has nothing to do. `untilRunsEnd` looks at one flow after another, and a schedule
   * whose next time came while its run was going on makes another one meanwhile. Takes no step when all is still already.
   */
  async untilStill(): Promise<void> {
    while (!(await this.#isStill())) await this.step()
  }

  /** All of it at one moment. While a transaction is open, whoever reads beneath the steps would wait for its end forever. */
  async #isStill(): Promise<boolean> {
    const { isLocked, real } = this.medium
    if (isLocked) return false
    for (const { no } of this.flows) {
      if ((await real.runs.openRuns(no)).length > 0) return false
      const nextDueAt = (await real.progress.get(no))?.nextDueAt ?? null
      if (nextDueAt !== null && nextDueAt <= this.hostNow) return false
    }
    return true
  }

  /** A request of a client. Null when it gets no answer because the host dies meanwhile, or an error. */
  async ask<T>(request: (host: SimulatedHost) => Promise<T>): Promise<T | null> {
    while (!this.#life?.isAlive) await this.step()
    const life = this.#life
    let isOver = false
    let answer: T | null = null
    request(this.host).then(
      (value) => {
        answer = value
        isOver = true
      },
      () => (isOver = true),
    )
    await this.scheduler.settle()
    while (!isOver && life.isAlive) await this.step()
    return answer
  }

  /** Lets the simulation go on until the promise settles. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settle = () => (isSettled = true)
    promise.then(settle, settle)
    await this.scheduler.settle()
    while (!isSettled) await this.step()
    return promise
  }

  async step(): Promise<void> {
    const { steps } = this.scheduler
    if (steps > MOST_STEPS) throw new HistoryFailure('The history does not come to an end.')
    const due = this.#appointments.filter(({ step }) => step <= steps)
    if (due.length > 0) {
      this.#appointments = this.#appointments.filter((appointment) => !due.includes(appointment))
      for (const { act } of due) await act()
    }
    await this.scheduler.step()
  }

  after(steps: number, act: () => void | Promise<void>): void {
    this.#appointments.push({ step: this.scheduler.steps + steps, act })
  }

  /** Nothing happens that was to happen after some steps. */
  disarm(): void {
    this.#appointments = []
  }

  /** The host dies at some later step, when the plan says so. */
  armKill(): void {
    const { stepsPerKill } = this.plan
    if (!this.mayKill || stepsPerKill === null || this.kills >= this.mostKills) return
    this.after(Math.ceil(this.rng.exponential(stepsPerKill)), () => this.#die())
  }

  /** The process dies, sometimes after it was asked to stop, and is started again some time later. */
  async #die(): Promise<void> {
    const life = this.#life
    if (!life?.isAlive) return
    if (this.rng.chance(0.2)) {
      this.scheduler.note('stop')
      await this.ask((host) => host.dispatcher.stop(5000))
      // It died while it was stopping, and whatever killed it starts the next one: a second start would kill that.
      if (!life.isAlive) return
    }
    this.kills += 1
    if (this.cuts.areOpen) this.killsBetweenCuts += 1
    this.scheduler.note('kill')
    life.kill()
    await this.scheduler.settle()
    const afterMs = this.rng.pick([0, 10, 1000, 60_000])
    const run = () => {
      this.startHost()
      this.armKill()
    }
    this.#cancelStart = this.scheduler.add({ at: this.now + afterMs, label: 'start', owner: null, run })
  }
}
