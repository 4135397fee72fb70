import { FlowServiceError } from '../../errors.ts'
import type { CreatedWindow, Cursor } from '../../plugins/plugin.ts'
import type { FlowContext } from '../context.ts'
import { callSource } from '../explore/call-source.ts'
import { openSource } from '../open-source.ts'
import type { NotifiedConnection } from './connection-flows.ts'
import { newWebhookEvent } from './webhook-service.ts'

const PAGE_SIZE = 100

export interface SweepResult {
  /** Notifications that the source has not delivered, or not to every endpoint. */
  readonly found: number
  /** Those of them that the inbox did not have. */
  readonly added: number
}

export interface SweepRequest {
  readonly connection: NotifiedConnection
  /** By the time at which they happened; absent: as far back as the source reaches. */
  readonly window?: CreatedWindow
  /** Called after something was added. */
  readonly onArrived: (connectionNo: number) => void
  /** Leaves what is being asked. */
  readonly stop?: AbortSignal
}

/**
 * Asks the source for the notifications that it has not delivered and puts those into the inbox that are not there. Throws
 * 1402-400 when the source cannot tell, and as `callSource` does.
 */
export async function sweep(
  context: FlowContext,
  { connection: { base }, window = { from: null, to: null }, onArrived, stop }: SweepRequest,
): Promise<SweepResult> {
  const source = openSource(context, base, {}, { owner: `sweep ${base.id}` })
  if (source.readUndelivered === undefined) {
    throw new FlowServiceError('1402-400', `The source of connection ${base.id} does not tell what it did not deliver.`)
  }
  let cursor: Cursor | null = null
  let result: SweepResult = { found: 0, added: 0 }
  do {
    const page = await callSource(context.clock, (deadline) => {
      const signal = stop === undefined ? deadline : AbortSignal.any([deadline, stop])
      return source.readUndelivered!({ window, cursor, limit: PAGE_SIZE, signal })
    })
    // Oldest first, as they would have come.
    const events = page.notifications
      .toReversed()
      .map((each) => newWebhookEvent(base.no, each, { receivedAt: context.clock.now(), origin: 'sweep' }))
    const appended = await context.store.transaction((scope) => scope.webhooks.append(events))
    const added = appended.filter(({ isNew }) => isNew).length
    if (added > 0) onArrived(base.no)
    result = { found: result.found + events.length, added: result.added + added }
    cursor = page.nextCursor
  } while (cursor !== null)
  return result
}
