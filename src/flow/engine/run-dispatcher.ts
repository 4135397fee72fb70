import type { FlowProgress, StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { JobLoop } from '../job-loop.ts'
import { nextDue, parseSchedule } from '../schedule.ts'
import type { Flow } from '../types.ts'
import { insertRun } from './insert-run.ts'
import type { RunEngine } from './run-engine.ts'

export interface RunDispatcherOptions {
  /** Runs worked on side by side, each of another flow. */
  readonly concurrency?: number
  /** How often to look for due flows and waiting runs, ms. */
  readonly intervalMs?: number
  /** Makes further runs, besides those that schedules make; called whenever there is a look for work. */
  readonly makeRuns?: () => Promise<void>
}

/** Makes runs of flows that are due and keeps every open run going, one per flow at a time. */
export interface RunDispatcher {
  /** Begins to work; runs that a dead process left in progress go on first. */
  start(): void
  /** Looks for work now instead of at the next interval. */
  wake(): void
  /** One round: schedules what is due and starts what waits. Resolves when they are started, not when they have ended. */
  tick(): Promise<void>
  /** Stops the flow's run in hand, if any; for a flow that is deleted. */
  cancel(flowNo: number): void
  /** Takes no new work, lets each run finish its page in hand for at most `graceMs`, then leaves it for later. */
  stop(graceMs: number): Promise<void>
}

const DUE_FLOWS_PER_TICK = 100

export function createRunDispatcher(
  context: FlowContext,
  engine: RunEngine,
  { concurrency = 32, intervalMs = 500, makeRuns = async () => {} }: RunDispatcherOptions = {},
): RunDispatcher {
  const { store, clock, logger } = context
  const jobs = new JobLoop({ clock, logger, what: 'runs', intervalMs, concurrency, look: tick })

  return {
    start: () => jobs.start(),
    wake: () => jobs.wake(),
    tick,
    cancel: (flowNo) => jobs.cancel(flowNo),
    stop: (graceMs) => jobs.stop(graceMs),
  }

  async function tick(): Promise<void> {
    for (const due of await store.progress.due(clock.now(), DUE_FLOWS_PER_TICK)) {
      await store.transaction((scope) => scheduleRun(scope, due))
    }
    // What fails there must not keep the runs that are there already.
    await makeRuns().catch((error: unknown) => logger.error({ err: error }, 'making runs failed'))
    const { busy, free } = jobs
    if (free === 0) return
    for (const state of await store.runs.runnable(clock.now(), busy, free)) {
      jobs.begin(state.flowNo, { runNo: state.runNo }, (stop) => engine.execute(state, stop))
    }
  }

  /** Makes the run that is due and moves the flow to the next point of its grid: a late run covers the whole gap. */
  async function scheduleRun(scope: StoreScope, due: FlowProgress): Promise<void> {
    const flow = (await scope.entities.getByNo(due.flowNo)) as StoredEntity<Flow> | null
    const progress = await scope.progress.get(due.flowNo)
    const now = clock.now()
    // The flow may have been changed since it was found due.
    if (flow === null || progress === null || progress.nextDueAt === null || progress.nextDueAt > now) return
    if (flow.document.state !== 'enabled' || (await scope.runs.openRuns(flow.no)).length > 0) return
    const schedule = parseSchedule(flow.document.scheduleParams)
    await insertRun(scope, context, { flow, params: {}, notBefore: now, by: ownerOf(flow) })
    await scope.progress.save({ ...progress, nextDueAt: nextDue(schedule, now) })
  }
}

function ownerOf(flow: StoredEntity<Flow>) {
  return { userId: flow.document.createdBy, clientId: flow.document.createdClient }
}
