import { fork, type ChildProcess } from 'node:child_process'
import type { HistoryResult } from './history.ts'

/** A history that takes longer hangs, milliseconds of real time. */
const LONGEST_HISTORY_MS = 60_000

/** A process of its own that lives histories through one after the other; a new one takes its place when it dies. */
export class HistoryWorker {
  #child: ChildProcess | null = null
  #startedAt = Infinity
  #hasHung = false

  run(seed: number): Promise<HistoryResult> {
    const child = (this.#child ??= fork(new URL('./worker.ts', import.meta.url), { execArgv: process.execArgv }))
    this.#startedAt = performance.now()
    this.#hasHung = false
    return new Promise((resolve, reject) => {
      const onExit = () => {
        this.#child = null
        reject(new Error(this.#hasHung ? 'The history hangs.' : 'The history ended its process.'))
      }
      child.once('exit', onExit)
      child.once('message', (result) => {
        child.off('exit', onExit)
        this.#startedAt = Infinity
        resolve(result as HistoryResult)
      })
      child.send(seed)
    })
  }

  giveUpWhenHung(): void {
    if (performance.now() - this.#startedAt < LONGEST_HISTORY_MS) return
    this.#hasHung = true
    this.#child?.kill('SIGKILL')
  }

  end(): void {
    this.#child?.disconnect()
  }
}
