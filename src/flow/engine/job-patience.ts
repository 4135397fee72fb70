import type { Logger } from '../../logger.ts'
import type { FlowContext } from '../context.ts'
import { Patience } from './patience.ts'
import type { StopSignals } from '../job-loop.ts'
import type { RunEngineOptions } from './run-engine.ts'

export interface JobPatienceOptions {
  readonly context: Pick<FlowContext, 'clock'>
  readonly options: RunEngineOptions
  readonly stop: StopSignals
  readonly log: Logger
  /** Known only once the job has looked at its parts. */
  readonly resourcePath: () => string
}

/** The patience of a run or an audit: its retries are logged and counted. */
export function createJobPatience({ context, options, stop, log, resourcePath }: JobPatienceOptions): Patience {
  const { giveUpMs, random = Math.random, observer } = options
  return new Patience({
    clock: context.clock,
    giveUpMs,
    random,
    stop: stop.gentle,
    onRetry: (retry) => {
      log.warn({ resourcePath: resourcePath(), ...retry }, 'retry')
      observer?.retried(resourcePath())
    },
  })
}
