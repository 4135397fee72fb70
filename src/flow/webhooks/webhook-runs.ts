import type { StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { insertRun } from '../engine/insert-run.ts'
import { newCheckpoint } from '../engine/plan-run.ts'
import type { Flow } from '../types.ts'
import { flowsOf, notifiedConnection, type ConnectionFlow, type NotifiedConnection } from './connection-flows.ts'

export interface WebhookRunsOptions {
  /** Called soon after something has arrived, so that `makeRuns` is called without delay. */
  readonly onArrived: () => void
}

/** Makes the runs that take notifications: for each flow that has some and no open run, one that takes all of them. */
export interface WebhookRuns {
  /** Something of the connection (its number) came into the inbox. */
  arrived(connectionNo: number): void
  /** Looks at every connection of which something arrived or still waits; at all of them now and then. */
  makeRuns(): Promise<void>
}

/** Runs that are made by themselves say so in their `params`. */
export const WEBHOOK_RUN_PARAMS = { trigger: 'webhook' } as const

/** Many arrivals in a row are looked at together. */
const LOOK_EVERY_MS = 100

/** What makes a flow able to go on, being enabled for one, does not announce itself here. */
const LOOK_AT_ALL_EVERY_MS = 5_000

const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 600_000

/** The last run made for a flow. */
interface Attempt {
  readonly runId: string
  /** Of the connection when the run was made: with another credential it may go better. */
  readonly connectionEtag: string
  /** The flow's position when the run was made. */
  readonly position: number
  /** How many runs in a row had failed before without getting on. */
  readonly failures: number
}

export function createWebhookRuns(context: FlowContext, { onArrived }: WebhookRunsOptions): WebhookRuns {
  const { store, clock } = context
  /** Connections of which something waits, by number. */
  const waiting = new Set<number>()
  const attempts = new Map<number, Attempt>()
  let isWakePlanned = false
  let wokenAt = 0
  let lookedAtAll = -Infinity

  async function wakeSoon(): Promise<void> {
    if (isWakePlanned) return
    isWakePlanned = true
    // Not longer when the clock was set back.
    await clock.sleep(Math.min(LOOK_EVERY_MS, Math.max(0, wokenAt + LOOK_EVERY_MS - clock.now())))
    isWakePlanned = false
    wokenAt = clock.now()
    onArrived()
  }

  /** True when a flow still has to take something. */
  async function look(connectionNo: number): Promise<boolean> {
    const connection = notifiedConnection(context, await store.entities.getByNo(connectionNo))
    if (connection === null) return false
    let isWaiting = false
    for (const candidate of await flowsOf(store, connection)) {
      if (!(await isDue(store, connection, candidate))) continue
      isWaiting = true
      if (!(await hasTaken(store, candidate))) continue
      if ((await store.runs.openRuns(candidate.flow.no)).length > 0) continue
      if (isPausing(connection, candidate, await store.webhooks.position(candidate.flow.no))) continue
      await makeRun(connection, candidate)
    }
    return isWaiting
  }

  function isPausing({ base }: NotifiedConnection, { flow }: ConnectionFlow, position: number): boolean {
    const failures = failuresOf(flow, base.etag, position)
    if (failures === 0) return false
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1))
    return clock.now() < (flow.document.lastRunDetails?.completedAtUTC ?? 0) + pauseMs
  }

  /** How many runs in a row have failed without getting on, up to the flow's last one. */
  function failuresOf(flow: StoredEntity<Flow>, connectionEtag: string, position: number): number {
    const { lastRunDetails: last } = flow.document
    const attempt = attempts.get(flow.no)
    if (attempt === undefined || attempt.runId !== last?.id || last.state !== 'failed') return 0
    const hasChanged = attempt.connectionEtag !== connectionEtag || attempt.position !== position
    return hasChanged ? 0 : attempt.failures + 1
  }

  async function makeRun(connection: NotifiedConnection, candidate: ConnectionFlow): Promise<void> {
    const { base, plugin } = connection
    const attempt = await store.transaction(async (scope) => {
      const flow = (await scope.entities.getByNo(candidate.flow.no)) as StoredEntity<Flow> | null
      // It may have been changed since it was looked at.
      if (flow === null || flow.etag !== candidate.flow.etag) return null
      if (!(await isDue(scope, connection, candidate)) || !(await hasTaken(scope, candidate))) return null
      if ((await scope.runs.openRuns(flow.no)).length > 0) return null
      const now = clock.now()
      const checkpoint = newCheckpoint({
        sourceName: plugin.connectionSpec.name,
        now,
        window: { start: now, end: now },
        notifications: { taken: 0, done: false },
      })
      const by = { userId: flow.document.createdBy, clientId: flow.document.createdClient }
      const run = await insertRun(scope, context, { flow, params: WEBHOOK_RUN_PARAMS, notBefore: now, by, checkpoint })
      const position = await scope.webhooks.position(flow.no)
      const failures = failuresOf(flow, base.etag, position)
      return { runId: run.id, connectionEtag: base.etag, position, failures }
    })
    if (attempt !== null) attempts.set(candidate.flow.no, attempt)
  }

  return {
    arrived(connectionNo) {
      waiting.add(connectionNo)
      void wakeSoon()
    },

    async makeRuns() {
      if (clock.now() >= lookedAtAll + LOOK_AT_ALL_EVERY_MS || clock.now() < lookedAtAll) {
        for (const connectionNo of await store.webhooks.connections()) waiting.add(connectionNo)
        lookedAtAll = clock.now()
      }
      for (const connectionNo of [...waiting]) {
        // Before looking: what arrives meanwhile is looked at again.
        waiting.delete(connectionNo)
        if (await look(connectionNo)) waiting.add(connectionNo)
      }
    },
  }
}

/** True when the flow is enabled and has notifications to take. */
async function isDue(
  { webhooks }: Pick<StoreScope, 'webhooks'>,
  { base }: NotifiedConnection,
  { flow, types }: ConnectionFlow,
): Promise<boolean> {
  if (flow.document.state !== 'enabled') return false
  return webhooks.hasPending({ connectionNo: base.no, types, position: await webhooks.position(flow.no) })
}

/** Before its first good run a flow lists everything: what is announced meanwhile is read after that. */
async function hasTaken({ progress }: Pick<StoreScope, 'progress'>, { flow }: ConnectionFlow): Promise<boolean> {
  const found = await progress.get(flow.no)
  return found !== null && found.position !== null
}
