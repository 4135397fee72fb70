import type { HostClock } from './process-life.ts'
import type { Rng } from './rng.ts'
import type { Scheduler } from './scheduler.ts'

/** What of the process the real code reaches for without being handed it. */
export interface ProcessGlobals {
  /** Timers belong to whoever this names when they are set. */
  owner: unknown
  /** Gives the process its own back. */
  restore(): void
}

/** Puts timers, the wall clock and chance into the hands of the simulation. */
export function simulateGlobals(scheduler: Scheduler, rng: Rng, hostClock: HostClock): ProcessGlobals {
  const { setTimeout, clearTimeout } = globalThis
  const { now } = Date
  const { random } = Math
  const globals: ProcessGlobals = {
    owner: null,
    restore() {
      Object.assign(globalThis, { setTimeout, clearTimeout })
      Date.now = now
      Math.random = random
    },
  }
  const timers = new Map<object, () => void>()
  Object.assign(globalThis, {
    setTimeout(callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) {
      const timer = { ref: () => timer, unref: () => timer, hasRef: () => true }
      const run = () => {
        timers.delete(timer)
        callback(...args)
      }
      const cancel = scheduler.add({ at: scheduler.now + ms, label: 'timer', owner: globals.owner, run })
      timers.set(timer, cancel)
      return timer
    },
    clearTimeout(timer: object | undefined) {
      if (timer === undefined) return
      timers.get(timer)?.()
      timers.delete(timer)
    },
  })
  Date.now = () => scheduler.now + hostClock.skewMs
  Math.random = () => rng.float()
  return globals
}
