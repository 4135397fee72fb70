import type { Worker } from 'node:worker_threads'

/** So long a thread without a database is kept. */
const KEPT_MS = 2000

let idle: { readonly worker: Worker; readonly end: NodeJS.Timeout } | null = null

/**
 * Keeps a thread whose database is closed for a moment: a thread takes longer to start than a database to open, and a host
 * that is started again, or the next of many tests, wants one at once. It keeps no process alive.
 */
export function keepIdle(worker: Worker): void {
  void takeIdle()?.terminate()
  removeListeners(worker)
  worker.unref()
  worker.once('error', () => forget(worker))
  worker.once('exit', () => forget(worker))
  const end = setTimeout(() => void takeIdle()?.terminate(), KEPT_MS)
  end.unref()
  idle = { worker, end }
}

/** A thread that was kept, now the caller's alone; null when there is none. */
export function takeIdle(): Worker | null {
  if (!idle) return null
  const { worker, end } = idle
  idle = null
  clearTimeout(end)
  removeListeners(worker)
  return worker
}

/** A worker has listeners of its own for other events, without which it is deaf. */
function removeListeners(worker: Worker): void {
  for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event)
}

function forget(worker: Worker): void {
  if (idle?.worker === worker) takeIdle()
}
