import { FlowServiceError } from '../../errors.ts'
import type { FlowContext } from '../context.ts'
import { notifiedConnection, type NotifiedConnection } from './connection-flows.ts'
import { sweep } from './sweep.ts'
import { secretPointer } from './webhook-service.ts'

export interface InboxKeeperOptions {
  /** How often to ask the sources for what they did not deliver, ms; 0 for never. */
  readonly sweepEveryMs: number
  /** Notifications are removed after so long, ms. */
  readonly retentionMs: number
  /** Called after something was added to the inbox of a connection, by its number. */
  readonly onArrived: (connectionNo: number) => void
}

/** Looks after the inbox: fetches what was not delivered, removes what is old. */
export interface InboxKeeper {
  /** Begins what is due; called again and again. */
  tick(): void
  /** Leaves what it is doing. */
  stop(): Promise<void>
}

/** Something to do now and then. */
interface Chore {
  readonly everyMs: number
  /** Completes "... failed". */
  readonly name: string
  readonly work: () => Promise<void>
}

const REMOVE_EVERY_MS = 3_600_000
const REMOVED_AT_ONCE = 500
const CONNECTIONS_AT_ONCE = 100

/** A failed delivery is known within this time of the event: so much is asked for again, ms. */
const SWEEP_OVERLAP_MS = 3_600_000

export function createInboxKeeper(
  context: FlowContext,
  { sweepEveryMs, retentionMs, onArrived }: InboxKeeperOptions,
): InboxKeeper {
  const { store, clock, logger, plugins } = context
  const stopping = new AbortController()
  const { signal } = stopping
  const chores: readonly Chore[] = [
    { everyMs: REMOVE_EVERY_MS, name: 'removing old notifications', work: removeOld },
    ...(sweepEveryMs > 0
      ? [{ everyMs: sweepEveryMs, name: 'asking for undelivered notifications', work: sweepAll }]
      : []),
  ]
  const begunAt = new Map<Chore, number>()
  const underWay = new Map<Chore, Promise<void>>()

  async function removeOld(): Promise<void> {
    while (!signal.aborted) {
      const removed = await store.webhooks.deleteReceivedBefore(clock.now() - retentionMs, REMOVED_AT_ONCE)
      if (removed < REMOVED_AT_ONCE) return
    }
  }

  async function sweepAll(): Promise<void> {
    for (const { webhooks } of plugins.values()) {
      if (webhooks === undefined) continue
      for (let after = 0; !signal.aborted;) {
        const pointer = secretPointer(webhooks.secretParameter)
        const numbers = await store.webhooks.connectionsWithSecret(pointer, after, CONNECTIONS_AT_ONCE)
        for (const no of numbers) {
          const connection = notifiedConnection(context, await store.entities.getByNo(no))
          if (connection?.receiver === webhooks && !signal.aborted) await sweepOne(connection)
        }
        if (numbers.length < CONNECTIONS_AT_ONCE) break
        after = numbers.at(-1)!
      }
    }
  }

  async function sweepOne(connection: NotifiedConnection): Promise<void> {
    const { base } = connection
    const setting = `webhookSweep ${base.no}`
    const startedAt = clock.now()
    const before = await store.settings.get(setting)
    const from = before === null ? null : Math.floor((Number(before) - SWEEP_OVERLAP_MS) / 1000)
    try {
      const { found, added } = await sweep(context, { connection, window: { from, to: null }, onArrived, stop: signal })
      await store.settings.set(setting, String(startedAt))
      if (added > 0) logger.info({ connectionId: base.id, found, added }, 'undelivered notifications fetched')
    } catch (error) {
      const isUntold = error instanceof FlowServiceError && error.code === '1402-400'
      if (signal.aborted || isUntold) return
      logger.warn({ err: error, connectionId: base.id }, 'undelivered notifications cannot be fetched')
    }
  }

  return {
    tick() {
      const now = clock.now()
      for (const chore of chores) {
        const last = begunAt.get(chore) ?? -Infinity
        // Before its last time: the clock was set back.
        const isDue = now >= last + chore.everyMs || now < last
        if (signal.aborted || underWay.has(chore) || !isDue) continue
        begunAt.set(chore, now)
        const work = chore
          .work()
          .catch((error: unknown) => logger.error({ err: error }, `${chore.name} failed`))
          .finally(() => underWay.delete(chore))
        underWay.set(chore, work)
      }
    },
    async stop() {
      stopping.abort()
      await Promise.all(underWay.values())
    },
  }
}
