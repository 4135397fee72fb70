import { auditHistory, NOT_AUDITED, type AuditCounts } from './audit-history.ts'
import { checkHistory, type HistoryCounts } from './check-history.ts'
import { takeEmptyStore } from './empty-store.ts'
import { HistoryFailure } from './history-failure.ts'
import { planHistory, type HistoryPlan, type PhasePlan } from './history-plan.ts'
import { CALLER, FIRST_TOKEN, patchToken, storeFlows, type StoredFlow } from './simulated-host.ts'
import { Stage } from './stage.ts'

/** What happened in a history. */
export interface HistorySummary extends HistoryCounts, AuditCounts {
  readonly steps: number
  readonly requests: number
  readonly faults: number
  readonly storeFaults: number
  readonly rateLimits: number
  readonly kills: number
  /** Ranges of lists that were cut. */
  readonly cuts: number
  /** Deaths of the host while the ranges of a run were cut. */
  readonly killsBetweenCuts: number
  readonly goneCursors: number
  /** Requests with a revoked token. */
  readonly unauthorized: number
  /** Failed runs that were triggered again. */
  readonly retriggers: number
  /** How often the host's clock was set. */
  readonly clockSteps: number
}

export interface HistoryResult extends HistorySummary {
  readonly seed: number
  /** Two histories with the same value went the same way. */
  readonly traceHash: string
  /** What is wrong with the history; null when it is as it must be. */
  readonly failure: string | null
}

const NOTHING_CHECKED: HistoryCounts = { runs: 0, relisted: 0 }

/** Lives one history through. Never rejects for what goes wrong in it. */
export async function runHistory(seed: number, trace?: (line: string) => void): Promise<HistoryResult> {
  return new History(planHistory(seed), trace).live()
}

class History {
  readonly #plan: HistoryPlan
  readonly #stage: Stage
  #changesLeft = 0
  #tokens = 0
  #isRevoked = false
  #retriggers = 0
  #clockSteps = 0
  /** The furthest that the host's clock was ahead, ms. */
  #furthestMs = 0
  /** When nothing changed, failed or was hidden any more, by the host's clock, ms. */
  #peaceAt = Infinity
  #checked = NOTHING_CHECKED
  #audited = NOT_AUDITED

  constructor(plan: HistoryPlan, trace?: (line: string) => void) {
    this.#plan = plan
    this.#stage = new Stage(plan, trace)
    trace?.(`plan ${JSON.stringify(plan)}`)
  }

  async live(): Promise<HistoryResult> {
    const stage = this.#stage
    let failure: string | null = null
    try {
      const { store, database, giveBack } = await takeEmptyStore()
      stage.flows = await storeFlows(store, this.#plan.flows, this.#plan.start)
      stage.open(store, database)
      await this.#liveOn()
      await stage.end()
      giveBack()
    } catch (error) {
      failure = error instanceof HistoryFailure ? error.message : String((error as Error).stack)
    } finally {
      stage.globals.restore()
    }
    return { seed: this.#plan.seed, traceHash: stage.scheduler.traceHash, ...this.#summary(), failure }
  }

  #summary(): HistorySummary {
    const { scheduler, network, stripe, cuts, kills, killsBetweenCuts } = this.#stage
    const { count: faults, limited: rateLimits, unauthorized } = network.faults
    return {
      ...this.#checked,
      ...this.#audited,
      steps: scheduler.steps,
      requests: network.requests,
      faults,
      storeFaults: this.#stage.medium?.faults ?? 0,
      rateLimits,
      kills,
      cuts: cuts.count,
      killsBetweenCuts,
      goneCursors: stripe.goneCursors,
      unauthorized,
      retriggers: this.#retriggers,
      clockSteps: this.#clockSteps,
    }
  }

  async #liveOn(): Promise<void> {
    const [plan, stage] = [this.#plan, this.#stage]
    this.#populate()
    stage.startHost()
    stage.medium.faultRate = plan.storeFaultRate
    for (const phase of plan.phases) {
      this.#passGap(phase)
      stage.disarm()
      stage.armKill()
      if (phase.revokedAfterSteps !== null) stage.after(phase.revokedAfterSteps, () => this.#revoke())
      stage.scheduler.drop(stage.account)
      this.#changesLeft = plan.mostChanges
      this.#scheduleChange()
      await this.#runFlows(phase.retriggers)
    }
    await this.#endInPeace()
    const { violation } = stage.pages
    if (violation !== null && tellsPagesApart(plan)) throw new HistoryFailure(violation)
    const { database, flows, world, now, errors } = stage
    const peace = { since: this.#peaceAt, runs: plan.lastRuns }
    this.#checked = await checkHistory({ store: stage.medium.real, database, flows, world, now, errors, peace })
    if (plan.audit !== null) this.#audited = await auditHistory(stage, plan.audit)
  }

  #populate(): void {
    const { population, pastMs, isBurst, start, flows } = this.#plan
    const { rng, account } = this.#stage
    const burstAt = start - rng.float() * pastMs
    const time = () => {
      if (isBurst && rng.chance(0.8)) return Math.min(start - 1, Math.floor(burstAt + rng.float() * 8000))
      return start - Math.floor(rng.float() * pastMs)
    }
    const times = flows.flatMap((flow) =>
      Array.from({ length: Math.ceil(population / flows.length) }, () => ({ at: time(), flow })),
    )
    for (const { at, flow } of times.sort((a, b) => a.at - b.at)) {
      if (rng.chance(0.8)) account.create(flow.resource, at)
      else account.change(flow.resource, at)
    }
  }

  /** The account goes on changing while runs go on. */
  #scheduleChange(): void {
    const { scheduler, rng, account, now } = this.#stage
    scheduler.add({
      at: now + Math.ceil(rng.exponential(this.#plan.changeEveryMs)),
      label: 'change',
      owner: account,
      run: () => {
        this.#changeNow(scheduler.now)
        this.#changesLeft -= 1
        if (this.#changesLeft > 0) this.#scheduleChange()
      },
    })
  }

  #changeNow(at: number): void {
    const { rng, account, flows } = this.#stage
    const { resource } = rng.pick(flows)
    if (rng.chance(0.3)) account.create(resource, at)
    else account.change(resource, at)
  }

  /** A stretch without runs; the host sleeps through it or is started anew after it. Its clock may be set meanwhile. */
  #passGap({ gapMs, changes, skewMs }: PhasePlan): void {
    const { rng, scheduler, hostClock, now } = this.#stage
    const times = Array.from({ length: changes }, () => now + Math.floor(rng.float() * gapMs))
    for (const at of times.sort((a, b) => a - b)) this.#changeNow(at)
    scheduler.leap(gapMs)
    if (hostClock.skewMs !== skewMs) this.#clockSteps += 1
    hostClock.skewMs = skewMs
    this.#furthestMs = Math.max(this.#furthestMs, skewMs)
    if (rng.chance(0.5)) this.#stage.startHost()
  }

  /** Runs each flow once; runs that fail are triggered again. */
  async #runFlows(retriggers: number): Promise<void> {
    const stage = this.#stage
    stage.pages.forget()
    const scheduled = stage.flows.filter(({ everyMinutes }) => everyMinutes !== null)
    const dueAt = new Map<StoredFlow, number>()
    for (const flow of scheduled) dueAt.set(flow, await this.#dueAt(flow))
    const ahead = Math.max(0, ...dueAt.values()) - stage.hostNow
    if (ahead > 0 && scheduled.length > 0) stage.scheduler.leap(ahead)
    stage.host.dispatcher.wake()
    for (const flow of stage.flows.filter(({ everyMinutes }) => everyMinutes === null)) {
      if ((await stage.openRuns(flow)) > 0) continue
      const run = await stage.ask((host) => host.runs.create(CALLER, { flowId: flow.id, params: {} }))
      // Otherwise an older run would be taken for the last one.
      if (run === null && stage.isPeaceful) throw new HistoryFailure(`No run of ${flow.id} could be made in peace.`)
    }
    for (const flow of scheduled) {
      while ((await this.#dueAt(flow)) === dueAt.get(flow)) for (let steps = 0; steps < 5; steps++) await stage.step()
    }
    await stage.untilRunsEnd()
    await this.#retrigger(retriggers)
  }

  async #dueAt(flow: StoredFlow): Promise<number> {
    const progress = await this.#stage.drive(this.#stage.observer.progress.get(flow.no))
    return progress?.nextDueAt ?? 0
  }

  async #retrigger(times: number): Promise<void> {
    const stage = this.#stage
    const wasRevoked = this.#isRevoked
    const failed = await this.#failedRuns()
    if (wasRevoked) {
      this.#checkRefusal(failed)
      await this.#giveNewToken()
    }
    for (let time = 0; time < Math.max(times, wasRevoked ? 1 : 0); time++) {
      const failed = await this.#failedRuns()
      if (failed.length === 0) return
      stage.pages.beginAnew()
      this.#retriggers += failed.length
      for (const { id } of failed) await stage.ask((host) => host.runs.act(CALLER, id, 'RE_TRIGGER', undefined))
      await stage.untilRunsEnd()
    }
  }

  /** The newest run of each flow, when it has failed. */
  async #failedRuns(): Promise<{ readonly id: string; readonly errors: string }[]> {
    const { observer } = this.#stage
    const query = { filter: [], order: [], limit: 1000, after: null }
    const runs = await this.#stage.drive(observer.entities.list(CALLER.tenant, 'runs', query))
    const newest = new Map([...runs].sort((a, b) => a.no - b.no).map((run) => [run.document['flowId'], run]))
    return [...newest.values()].flatMap(({ id, document }) => {
      const { metrics } = document as unknown as RunDocument
      const { status, errors } = metrics.statusSummary
      return status === 'failed' ? [{ id, errors: JSON.stringify(errors) }] : []
    })
  }

  /** From now on Stripe refuses the token. */
  #revoke(): void {
    this.#stage.network.faults.revoke(tokenOf(this.#tokens))
    this.#isRevoked = true
  }

  /** With a revoked token nothing is read, and each run that stopped for it says so. */
  #checkRefusal(failed: readonly { readonly id: string; readonly errors: string }[]): void {
    const { faults, storeFaultRate } = this.#plan
    const { unauthorized } = this.#stage.network.faults
    if (faults.refusalRate > 0 || faults.outageEveryMs !== null || storeFaultRate > 0 || unauthorized === 0) return
    for (const { id, errors } of failed) {
      if (!errors.includes('Stripe answered 401')) {
        throw new HistoryFailure(`The token was revoked, and run ${id} failed with ${errors}`)
      }
    }
  }

  async #giveNewToken(): Promise<void> {
    this.#isRevoked = false
    this.#tokens += 1
    const token = tokenOf(this.#tokens)
    while ((await this.#stage.ask(({ store }) => patchToken(store, token))) !== true);
  }

  /** Nothing changes and nothing fails any more: what the flows then bring together must be the truth. */
  async #endInPeace(): Promise<void> {
    const stage = this.#stage
    stage.isPeaceful = true
    stage.mayKill = false
    stage.disarm()
    stage.network.faults.end()
    stage.medium.faultRate = 0
    stage.scheduler.drop(stage.account)
    // It may have been revoked when the last phase was all but over.
    if (this.#isRevoked) await this.#giveNewToken()
    await stage.untilRunsEnd()
    await stage.untilStill()
    // Nothing is hidden any more, and the host's clock is past all it has ever shown and past Stripe's.
    const { skewMs } = stage.hostClock
    stage.scheduler.leap(61_000 + Math.max(this.#furthestMs - skewMs, -skewMs))
    this.#leapPastMaturities()
    this.#peaceAt = stage.hostNow
    for (let time = 0; time < this.#plan.lastRuns; time++) {
      // Time leaps to the schedules' next times: a run that slept through it would fail for that.
      await stage.untilStill()
      await this.#runFlows(0)
    }
    await stage.untilStill()
  }

  /** No balance transaction may become available while the last runs go on: nobody could tell which state they saw. */
  #leapPastMaturities(): void {
    const margin = 3 * 3_600_000
    const { world, scheduler } = this.#stage
    const changes = world.list('balance_transactions').map(({ versions }) => versions.at(-1)!.at)
    for (const at of changes.sort((a, b) => a - b)) {
      const ahead = at - scheduler.now
      if (ahead > 0 && ahead <= margin) scheduler.leap(ahead + 1000)
    }
  }
}

interface RunDocument {
  readonly metrics: { readonly statusSummary: { readonly status: string; readonly errors: unknown } }
}

function tokenOf(number: number): string {
  return number === 0 ? FIRST_TOKEN : `${FIRST_TOKEN}_${number}`
}

/** Flows that read the same list cannot be told apart, nor can runs that begin by themselves. */
function tellsPagesApart({ flows }: HistoryPlan): boolean {
  const lists = flows.flatMap(({ resource }) => (resource === 'prices' ? ['prices', 'subscriptions'] : [resource]))
  return new Set(lists).size === lists.length && flows.every(({ everyMinutes }) => everyMinutes === null)
}
