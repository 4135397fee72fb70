import { FlowServiceError } from '../../errors.ts'
import { FatalSourceError } from '../../plugins/plugin.ts'
import { MissingPartError } from '../missing-part-error.ts'
import { GaveUpError } from './patience.ts'
import { COPY_FAILED, type RunErrors } from './run-document.ts'

const FORESEEN = [FatalSourceError, GaveUpError, MissingPartError, FlowServiceError]

/** Faults that the message alone explains. */
export function isForeseen(cause: unknown): cause is Error {
  return FORESEEN.some((type) => cause instanceof type)
}

/**
 * Why a run or an audit has failed, for its document.
 * @param job - `run` or `audit`
 * @param doing - what failed, in words that complete "... the source failed"
 */
export function describeFailure(cause: unknown, { job, doing }: { job: string; doing: string }): RunErrors {
  if (!isForeseen(cause)) {
    return [{ code: COPY_FAILED, message: `An internal error stopped the ${job}, see the log.` }]
  }
  const { message } = cause
  return [
    { code: COPY_FAILED, message: `${doing} the source failed: ${message}` },
    ...(cause instanceof FatalSourceError ? [{ code: cause.code ?? '1100-400', message }] : []),
  ]
}
