import type { Caller } from '../../caller.ts'
import type { JsonObject } from '../../json.ts'
import type { StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { createdFields } from '../created-fields.ts'
import { createEtag } from '../etag.ts'
import type { Flow, Run } from '../types.ts'
import type { Checkpoint } from './checkpoint.ts'
import { scheduledMetrics } from './run-document.ts'
import { tenantOf } from './run-parts.ts'

export interface NewRun {
  readonly flow: StoredEntity<Flow>
  /** As posted, verbatim. */
  readonly params: JsonObject
  /** When to start, ms. */
  readonly notBefore: number
  readonly by: Pick<Caller, 'userId' | 'clientId'>
  /** Absent: the run plans itself when it starts. */
  readonly checkpoint?: Checkpoint
}

/** Stores a run with status `scheduled`: its wire form and the engine's state of it, in the caller's transaction. */
export async function insertRun(
  scope: StoreScope,
  { clock, newId }: Pick<FlowContext, 'clock' | 'newId'>,
  { flow, params, notBefore, by, checkpoint }: NewRun,
): Promise<Run> {
  const now = clock.now()
  const etag = createEtag(now)
  const tenant = tenantOf(flow)
  const id = newId()
  const run: Run = {
    ...createdFields({ ...by, tenant }, id, now),
    etag,
    eTag: etag,
    flowId: flow.id,
    flowSpec: flow.document.flowSpec,
    providerRefId: id,
    params,
    metrics: scheduledMetrics(),
    activities: [],
  }
  const runNo = await scope.entities.insert({ kind: 'runs', tenant, etag, document: run })
  await scope.runs.insert({
    runNo,
    flowNo: flow.no,
    status: 'scheduled',
    notBefore,
    lastSequence: 0,
    checkpoint: checkpoint === undefined ? null : JSON.stringify(checkpoint),
  })
  return run
}
