import type { Caller } from '../caller.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { StoredEntity, StoreScope } from '../store/store.ts'
import type { FlowContext } from './context.ts'
import { createEtag } from './etag.ts'
import type { Flow } from './types.ts'

/** Ends the runs and audits of a flow that is deleted: those that wait or are in progress become `failed` and say why. */
export async function cancelRuns(
  { clock }: Pick<FlowContext, 'clock'>,
  scope: StoreScope,
  caller: Caller,
  flow: StoredEntity<Flow>,
): Promise<void> {
  for (const state of await scope.runs.openRuns(flow.no)) {
    await scope.runs.save({ ...state, status: 'failed' })
    const run = await scope.entities.getByNo(state.runNo)
    if (run === null) continue
    const now = clock.now()
    const etag = createEtag(now, run.etag)
    const changed = {
      ...run.document,
      updatedAt: now,
      updatedBy: caller.userId,
      updatedClient: caller.clientId,
      etag,
    }
    const document =
      run.kind === 'audits'
        ? { ...changed, status: 'failed', completedAt: now, errors: [REASON] }
        : {
            ...changed,
            eTag: etag,
            metrics: cancelled(run.document['metrics'], now),
            activities: cancelledActivities(run.document['activities'], now),
          }
    await scope.entities.update(run, { etag, document })
  }
}

const REASON = { code: 'CONNECTOR-1001-500', message: 'the flow was deleted' }

/** The metrics of a run or of one of its activities, ended now. */
function cancelled(summaries: JsonValue | undefined, now: number): JsonObject {
  const { durationSummary, statusSummary, ...rest } = isJsonObject(summaries) ? summaries : {}
  return {
    ...rest,
    durationSummary: { ...(isJsonObject(durationSummary) ? durationSummary : {}), completedAtUTC: now },
    statusSummary: { ...(isJsonObject(statusSummary) ? statusSummary : {}), status: 'failed', errors: [REASON] },
  }
}

/** An activity that had ended before stays as it was. */
function cancelledActivities(activities: JsonValue | undefined, now: number): readonly JsonValue[] {
  if (!Array.isArray(activities)) return []
  const list: readonly JsonValue[] = activities
  return list.map((activity) => {
    const status = isJsonObject(activity) && isJsonObject(activity['statusSummary']) ? activity['statusSummary'] : {}
    if (status['status'] === 'success' || status['status'] === 'failed') return activity
    return { ...cancelled(activity, now), updatedAtUTC: now }
  })
}
