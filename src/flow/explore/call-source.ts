import type { Clock } from '../../clock.ts'
import { FlowServiceError } from '../../errors.ts'
import { FatalSourceError, RetriableSourceError } from '../../plugins/plugin.ts'

export interface SourceCallLimits {
  /** How long the caller may be kept waiting, retries included, in milliseconds. */
  readonly deadlineMs?: number
  /** How often to call at most. */
  readonly attempts?: number
  /** The wait before the second call, in milliseconds; doubles with every further one. */
  readonly firstDelayMs?: number
}

/**
 * Calls a source while somebody waits for the answer: a few retries, a deadline over all of them, and errors in the
 * words of the API. A refusal becomes 1100-400, a rate limit that lasts 1103-503, no usable answer in time 1104-504.
 *
 * The signal aborts at the deadline; `call` is not waited for after that. A `FatalSourceError` is the cause of its
 * 1100-400.
 */
export async function callSource<T>(
  clock: Clock,
  call: (signal: AbortSignal) => Promise<T>,
  { deadlineMs = 20_000, attempts = 4, firstDelayMs = 500 }: SourceCallLimits = {},
): Promise<T> {
  const startedAt = clock.now()
  const deadline = AbortSignal.timeout(deadlineMs)
  for (let attempt = 1; ; attempt++) {
    try {
      return await untilAborted(call(deadline), deadline)
    } catch (error) {
      if (error instanceof FatalSourceError) throw refused(error)
      if (deadline.aborted) throw timedOut(deadlineMs, error)
      if (!(error instanceof RetriableSourceError)) throw error

      const delayMs = Math.max(error.retryAfterMs ?? 0, firstDelayMs * 2 ** (attempt - 1))
      const remainingMs = startedAt + deadlineMs - clock.now()
      if (attempt >= attempts || delayMs >= remainingMs) throw unanswered(error)
      await clock.sleep(delayMs, deadline)
      if (deadline.aborted) throw unanswered(error)
    }
  }
}

/** Also ends when `work` does not listen to the signal. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function refused(error: FatalSourceError): FlowServiceError {
  if (error.code !== undefined) return new FlowServiceError(error.code, error.message, { cause: error })
  const told = error.status === undefined || error.message.includes(String(error.status))
  const status = told ? '' : ` with status ${error.status}`
  return new FlowServiceError('1100-400', `The call to the flow provider was refused${status}: ${error.message}`, {
    cause: error,
  })
}

function unanswered(error: RetriableSourceError): FlowServiceError {
  if (error.reason === 'unavailable') {
    return new FlowServiceError('1104-504', `The flow provider gave no usable answer: ${error.message}`, {
      cause: error,
    })
  }
  return new FlowServiceError(
    '1103-503',
    `The flow provider limits the rate of calls; try again later. ${error.message}`,
    {
      retryAfterSeconds: Math.max(1, Math.ceil((error.retryAfterMs ?? 0) / 1000)),
      cause: error,
    },
  )
}

function timedOut(deadlineMs: number, cause: unknown): FlowServiceError {
  return new FlowServiceError('1104-504', `The flow provider did not answer within ${deadlineMs / 1000} seconds.`, {
    cause,
  })
}
