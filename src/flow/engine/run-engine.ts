import type { RunState } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { RunExecution } from './run-execution.ts'
import { loadRun } from './run-parts.ts'

export interface RunEngineOptions {
  /** A run without progress for so long fails, ms. */
  readonly giveUpMs: number
  /** This server's own base URL. A function: the port may be known only after listening. */
  readonly publicUrl: () => string
  readonly observer?: RunObserver
  /** From 0 to 1, for the jitter of pauses. */
  readonly random?: () => number
}

/** Told what runs do, for metrics. */
export interface RunObserver {
  pageCommitted(resourcePath: string, recordCount: number): void
  retried(resourcePath: string): void
  runEnded(resourcePath: string, status: 'success' | 'failed'): void
}

/** Two ways to stop a run in the middle: gently after the page in hand, or at once. Either way it goes on later. */
export interface StopSignals {
  /** Take no further page. */
  readonly gentle: AbortSignal
  /** Leave the page in hand too. */
  readonly immediate: AbortSignal
}

export interface RunEngine {
  /**
   * Works on a run until it ends or is told to stop: plans it when it is new, else goes on from its checkpoint.
   * A fault of the source ends in a failed run; a rejection means that the store could not be read or written, and the
   * run is to be taken up again later.
   */
  execute(state: RunState, stop: StopSignals): Promise<void>
}

export function createRunEngine(context: FlowContext, options: RunEngineOptions): RunEngine {
  return {
    async execute(state, stop) {
      const { run, flow } = await loadRun(context, state)
      // The flow was deleted in the meantime, and its runs ended with it.
      if (run === null || flow === null) return
      await new RunExecution({ context, options, stop, state, run, flow }).execute()
    },
  }
}
