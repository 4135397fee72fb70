import type { StoredEntity, StoreScope } from '../store/store.ts'

const ALL = 1_000_000

/** Where a flow stands that has taken nothing yet. */
export const NO_PROGRESS = { position: null, changePosition: null, newestCreated: null, leftOut: [] } as const

/**
 * Forgets how far the flows on this source or target connection have come. Called when the connection is pointed at
 * something else, of which the flows have taken nothing yet; records that did not change are not delivered again.
 */
export async function forgetPositions(scope: StoreScope, connection: StoredEntity): Promise<void> {
  for (const flowId of await scope.entities.usedBy(connection, 'flows', connection.id, ALL)) {
    const flow = await scope.entities.get(connection, 'flows', flowId)
    if (flow !== null) await forgetPosition(scope, flow.no)
  }
}

/** The same for one flow. */
export async function forgetPosition(scope: StoreScope, flowNo: number): Promise<void> {
  const progress = await scope.progress.get(flowNo)
  if (progress !== null) await scope.progress.save({ ...progress, ...NO_PROGRESS })
}
