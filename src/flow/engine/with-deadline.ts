/** The work took longer than it may. */
export class DeadlineError extends Error {}

/**
 * Runs `work` with a signal that aborts when `signal` does or after `ms` milliseconds. Rejects with `DeadlineError` when
 * the time is what ran out.
 */
export async function withDeadline<T>(
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  const forward = () => controller.abort(signal.reason)
  if (signal.aborted) forward()
  signal.addEventListener('abort', forward, { once: true })
  const timer = setTimeout(() => controller.abort(new DeadlineError(`Nothing came of it within ${ms / 1000} s.`)), ms)
  try {
    return await work(controller.signal)
  } catch (error) {
    throw controller.signal.reason instanceof DeadlineError ? controller.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', forward)
  }
}
