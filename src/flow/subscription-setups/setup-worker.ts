import type { StoredSubscriptionSetup } from '../../store/subscription-setups.ts'
import type { FlowContext } from '../context.ts'
import { JobLoop, type StopSignals } from '../job-loop.ts'
import { SetupExecution } from './setup-execution.ts'

export interface SetupWorkerOptions {
  /** Set-ups worked on side by side. */
  readonly concurrency?: number
  /** How often to look for set-ups that are due, ms. */
  readonly intervalMs?: number
  /** From 0 to 1, for the jitter of pauses. */
  readonly random?: () => number
}

/** Says that an object of a source has changed. */
export interface SetupNotice {
  /** Id of the base connection of the account. */
  readonly connectionId: string
  /** For example of a SetupIntent, a PaymentIntent, an invoice or a subscription. */
  readonly objectId: string
}

/** Keeps every set-up going, each one by itself, until it has ended. */
export interface SetupWorker {
  /** Begins to work; what a dead process left in hand goes on first. */
  start(): void
  /** Looks for work now instead of at the next interval. */
  wake(): void
  /**
   * An object has changed, says for example a webhook: the set-ups that it concerns read it now. Does nothing for an
   * object of no set-up. The notice itself proves nothing, so anybody may give it, any number of times.
   */
  notice(notice: SetupNotice): Promise<void>
  /** Reads what a set-up waits for now instead of after its pause. */
  hasten(no: number): Promise<void>
  /** The set-up when it waits for the customer or has ended, else as it is after `ms`. */
  untilSettled(no: number, ms: number): Promise<StoredSubscriptionSetup | null>
  /** Takes no new work, lets calls under way be answered for at most `graceMs`, and leaves the rest for later. */
  stop(graceMs: number): Promise<void>
}

export function createSetupWorker(
  context: FlowContext,
  { concurrency = 32, intervalMs = 500, random = Math.random }: SetupWorkerOptions = {},
): SetupWorker {
  const { store, clock, logger } = context
  const jobs = new JobLoop({ clock, logger, what: 'subscription set-ups', intervalMs, concurrency, look })
  /** Set-ups of which there was news while they were in hand. */
  const noticed = new Set<number>()
  const watchers = new Map<number, Set<() => void>>()
  let isStopping = false

  return {
    start: () => jobs.start(),
    wake: () => jobs.wake(),
    async notice({ connectionId, objectId }) {
      for (const no of await store.setups.byObject(connectionId, objectId)) await hasten(no)
    },
    hasten,
    untilSettled,
    async stop(graceMs) {
      isStopping = true
      for (const no of [...watchers.keys()]) tell(no)
      await jobs.stop(graceMs)
    },
  }

  async function hasten(no: number): Promise<void> {
    if (jobs.isBusy(no)) noticed.add(no)
    await store.setups.hasten(no, clock.now())
    jobs.wake()
  }

  async function look(): Promise<void> {
    const { busy, free } = jobs
    if (free === 0) return
    for (const stored of await store.setups.due(clock.now(), busy, free)) {
      jobs.begin(stored.no, { setupId: stored.id }, (stop) => execute(stored, stop))
    }
  }

  async function execute(stored: StoredSubscriptionSetup, stop: StopSignals): Promise<void> {
    const { no } = stored
    try {
      await new SetupExecution({ context, stored, stop, random, onSaved: () => tell(no) }).execute()
      if (noticed.has(no)) await store.setups.hasten(no, clock.now())
    } finally {
      noticed.delete(no)
    }
  }

  async function untilSettled(no: number, ms: number): Promise<StoredSubscriptionSetup | null> {
    const deadline = new AbortController()
    const over = clock.sleep(ms, deadline.signal).then(() => true)
    try {
      for (;;) {
        // Watched before it is read, so that no change falls in between.
        const changed = watch(no)
        const setup = await store.setups.getByNo(no)
        const isSettled = setup === null || setup.state !== 'processing' || isStopping
        const isOver = isSettled || (await Promise.race([over, changed.next.then(() => false)]))
        changed.leave()
        if (isSettled) return setup
        if (isOver) return store.setups.getByNo(no)
      }
    } finally {
      deadline.abort()
    }
  }

  function watch(no: number): { readonly next: Promise<void>; readonly leave: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const all = watchers.get(no) ?? new Set()
    watchers.set(no, all.add(resolve))
    const leave = () => {
      if (all.delete(resolve) && all.size === 0 && watchers.get(no) === all) watchers.delete(no)
    }
    return { next: promise, leave }
  }

  function tell(no: number): void {
    for (const resolve of watchers.get(no) ?? []) resolve()
  }
}
