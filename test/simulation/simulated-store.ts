import { StoreUnavailableError } from '../../src/store/store-unavailable-error.ts'
import type { RunState, Store, StoreScope } from '../../src/store/store.ts'
import { ProcessDied, type ProcessLife } from './process-life.ts'
import type { Rng } from './rng.ts'
import type { Scheduler } from './scheduler.ts'

/** The store of the simulation, which outlives every process: one transaction at a time, others wait for it. */
export interface StoreMedium {
  readonly real: Store
  readonly scheduler: Scheduler
  readonly rng: Rng
  /** How often a transaction fails as if the disk were full or the file locked, 0 to 1; single calls fail less often. */
  faultRate: number
  /** Faults so far. */
  faults: number
  /** Told of every record that is stored, when somebody watches. */
  readonly trace: ((line: string) => void) | undefined
  /** Told of every state of a run that the host asks to be stored. */
  readonly onSaved: (state: RunState) => void
  /** A transaction is open. */
  isLocked: boolean
}

/** Calls that wait for nothing. */
const IMMEDIATE = new Set(['positionOf'])

/** Faults of a single call for each of a transaction. */
const CALL_FAULTS = 0.2

/** How often the calls of a transaction are steps of their own, 0 to 1. */
const STEPPED_RATE = 0.3

/** How often a call of the store takes noticeable time, and how much at most, ms. */
const SLOW_RATE = 0.03
const SLOWEST_MS = 40

/**
 * The store as one life of the host sees it: every call is a step of the simulation, which the process may not live to
 * see. A transaction that is open when it dies is rolled back.
 */
export function openStoreFor(life: ProcessLife, medium: StoreMedium): Store {
  const { real, scheduler } = medium
  const call = createCall(life, medium)
  return {
    ...wrapScope(real, (label, work) => call(label, work, () => !medium.isLocked), medium),
    transaction: (work) => transact(life, medium, work),
    ping: () => call('ping', () => real.ping(), always),
    close: () => scheduler.track(real.close()),
  }
}

type Call = <T>(label: string, work: () => Promise<T>, isReady: () => boolean) => Promise<T>

const always = () => true

function createCall(life: ProcessLife, medium: StoreMedium): Call {
  const { scheduler, rng } = medium
  return (label, work, isReady) =>
    new Promise((resolve, reject) => {
      if (!life.isAlive) return
      const run = () => {
        if (!life.isObserver && failsNow(medium, CALL_FAULTS)) reject(locked())
        else void scheduler.track(work()).then(resolve, reject)
      }
      const at = scheduler.now + (rng.chance(SLOW_RATE) ? rng.int(1, SLOWEST_MS) : 0)
      scheduler.add({ at, label, owner: life, run, isReady })
    })
}

function wrapScope(
  scope: StoreScope,
  call: <T>(label: string, work: () => Promise<T>) => Promise<T>,
  medium: StoreMedium,
): StoreScope {
  const parts = Object.entries(scope).filter((entry): entry is [string, object] => typeof entry[1] === 'object')
  const wrapped = parts.map(([name, part]) => [name, wrapPart(name, part, call, medium)])
  return Object.fromEntries(wrapped) as unknown as StoreScope
}

type Method = (...args: unknown[]) => Promise<unknown>

function wrapPart(
  name: string,
  part: object,
  call: <T>(label: string, work: () => Promise<T>) => Promise<T>,
  { trace, onSaved }: StoreMedium,
): object {
  return new Proxy(part, {
    get(target, method: string) {
      const real = Reflect.get(target, method) as Method
      if (typeof real !== 'function') return real
      if (IMMEDIATE.has(method)) return real.bind(target)
      return (...args: unknown[]) => {
        if (method === 'deliverPages') trace?.(`deliver ${JSON.stringify(args)}`)
        if (name === 'runs' && method === 'save') onSaved(args[0] as RunState)
        return call(`${name}.${method}`, () => real.apply(target, args))
      }
    },
  })
}

function transact<T>(life: ProcessLife, medium: StoreMedium, work: (scope: StoreScope) => Promise<T>): Promise<T> {
  const { scheduler } = medium
  return new Promise((resolve, reject) => {
    if (!life.isAlive) return
    scheduler.add({
      at: scheduler.now,
      label: 'begin',
      owner: life,
      isReady: () => !medium.isLocked,
      run: () => {
        if (failsNow(medium)) return reject(locked())
        medium.isLocked = true
        void transactNow(life, medium, work).then(
          // The process may die after its transaction is stored and before it knows.
          (value) => void life.pass('committed', 0).then(() => resolve(value)),
          reject,
        )
      },
    })
  })
}

async function transactNow<T>(
  life: ProcessLife,
  medium: StoreMedium,
  work: (scope: StoreScope) => Promise<T>,
): Promise<T> {
  const { real, scheduler } = medium
  // What happens inside of a transaction shows from outside only when it is slow.
  const call: Call = medium.rng.chance(STEPPED_RATE) ? createCall(life, medium) : (_, work) => work()
  let endOfWork = scheduler.begin()
  try {
    return await real.transaction(async (scope) => {
      endOfWork()
      try {
        const wrapped = wrapScope(scope, (label, work) => call(label, work, always), medium)
        const value = await Promise.race([work(wrapped), life.death])
        await Promise.race([life.pass('commit', 0), life.death])
        if (failsNow(medium)) throw new StoreUnavailableError('full', 'database or disk is full')
        return value
      } finally {
        endOfWork = scheduler.begin()
      }
    })
  } catch (error) {
    if (!(error instanceof ProcessDied)) throw error
  } finally {
    medium.isLocked = false
    endOfWork()
  }
  // Nobody is left to be told.
  return new Promise(() => {})
}

/** What the store throws when it cannot do its work; see `clear-error.ts`. */
function locked(): StoreUnavailableError {
  return new StoreUnavailableError('locked', 'database is locked')
}

function failsNow(medium: StoreMedium, share = 1): boolean {
  if (medium.faultRate === 0 || !medium.rng.chance(medium.faultRate * share)) return false
  medium.faults += 1
  return true
}
