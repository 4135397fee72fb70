import type { RunState, StoredEntity } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import type { StopSignals } from '../job-loop.ts'
import type { Audit } from './audit-document.ts'
import { AuditExecution } from './audit-execution.ts'
import { RunExecution } from './run-execution.ts'
import { ObservationClock } from './observation-clock.ts'
import { loadRun } from './run-parts.ts'
import type { RunProgressBoard } from './run-progress.ts'

export interface RunEngineOptions {
  /** A run without progress for so long fails, ms. */
  readonly giveUpMs: number
  /** This server's own base URL. A function: the port may be known only after listening. */
  readonly publicUrl: () => string
  readonly observer?: RunObserver
  /** Shows how the runs in hand are getting on. */
  readonly board?: RunProgressBoard
  /** Dates what the runs read; one for the whole host. */
  readonly observations: ObservationClock
  /** From 0 to 1, for the jitter of pauses. */
  readonly random?: () => number
}

/** Told what runs do, for metrics. */
export interface RunObserver {
  pageCommitted(resourcePath: string, recordCount: number): void
  retried(resourcePath: string): void
  requestSent(resourcePath: string): void
  /** @param reason - the source's word for the limit, from a fixed set */
  rateLimited(resourcePath: string, reason: string): void
  /** @param seconds - since the run's first start, pauses included; null when it never started */
  runEnded(resourcePath: string, status: 'success' | 'failed', seconds: number | null): void
}

export interface RunEngine {
  /**
   * Works on a run or an audit until it ends or is told to stop: plans it when it is new, else goes on from its checkpoint.
   * A fault of the source ends in a failed run; a rejection means that the store could not be read or written, and the
   * run is to be taken up again later.
   */
  execute(state: RunState, stop: StopSignals): Promise<void>
}

export function createRunEngine(
  context: FlowContext,
  engineOptions: Omit<RunEngineOptions, 'observations'>,
): RunEngine {
  const observations = new ObservationClock(context.clock)
  const options = { ...engineOptions, observations }
  let loaded: Promise<void> | undefined
  return {
    async execute(state, stop) {
      // A store that could not be read is asked again by the next run.
      loaded ??= observations.load(context.store.settings).catch((error: unknown) => {
        loaded = undefined
        throw error
      })
      await loaded
      const { run, flow } = await loadRun(context, state)
      // The flow was deleted in the meantime, and its runs ended with it.
      if (run === null || flow === null) return
      if (run.kind === 'audits') {
        const audit = run as StoredEntity as StoredEntity<Audit>
        return new AuditExecution({ context, options, stop, state, audit, flow }).execute()
      }
      await new RunExecution({ context, options, stop, state, run, flow }).execute()
    },
  }
}
