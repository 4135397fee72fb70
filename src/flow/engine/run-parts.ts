import type { Tenant } from '../../caller.ts'
import { isSameJson } from '../../json.ts'
import type { SourcePlugin, SourceResource } from '../../plugins/plugin.ts'
import type { EntityDocument, RecordTarget, RunState, StoredEntity, StoreScope } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { MissingPartError } from '../missing-part-error.ts'
import { loadRowMapper, type RowMapper } from '../row-mapper.ts'
import { resourceOf } from '../open-source.ts'
import { parseSchedule, type Schedule } from '../schedule.ts'
import type { BaseConnection, Flow, Run, SourceConnection, TargetConnection } from '../types.ts'

/** The entities that a run works with, read when it starts: connections patched since the last run count. */
export interface RunParts extends FlowParts {
  readonly run: StoredEntity<Run>
}

/** What a flow joins. */
export interface FlowParts {
  readonly flow: StoredEntity<Flow>
  readonly schedule: Schedule
  readonly base: StoredEntity<BaseConnection>
  readonly sourceConnection: StoredEntity<SourceConnection>
  readonly plugin: SourcePlugin
  readonly resource: SourceResource
  readonly target: RecordTarget
  readonly dataSetId: string
  /** Makes the target's rows of the source's records; null when they land as they are. */
  readonly mapper: RowMapper | null
}

export async function loadRun(context: FlowContext, state: RunState) {
  const [run, flow] = await Promise.all([
    context.store.entities.getByNo(state.runNo),
    context.store.entities.getByNo(state.flowNo),
  ])
  return {
    run: run as StoredEntity<Run> | null,
    flow: flow as StoredEntity<Flow> | null,
  }
}

export async function loadParts(
  context: FlowContext,
  run: StoredEntity<Run>,
  flow: StoredEntity<Flow>,
): Promise<RunParts> {
  return { run, ...(await loadFlowParts(context, flow)) }
}

/** Throws `MissingPartError` when something that the flow needs is not there. */
export async function loadFlowParts(context: FlowContext, flow: StoredEntity<Flow>): Promise<FlowParts> {
  const get = async <D extends EntityDocument>(
    kind: 'connections' | 'sourceConnections' | 'targetConnections' | 'dataSets',
    id: unknown,
  ) => {
    const entity = await context.store.entities.get(flow, kind, String(id))
    if (entity === null) throw new MissingPartError(`The flow needs ${kind} ${String(id)}, which does not exist.`)
    return entity as StoredEntity<D>
  }
  const sourceConnection = await get<SourceConnection>('sourceConnections', flow.document.sourceConnectionIds[0])
  const targetConnection = await get<TargetConnection>('targetConnections', flow.document.targetConnectionIds[0])
  const base = await get<BaseConnection>('connections', sourceConnection.document.baseConnectionId)
  const { params } = targetConnection.document
  const dataSet = await get<EntityDocument>('dataSets', params.dataSetId)

  const connectionSpecId = sourceConnection.document.connectionSpec.id
  const plugin = context.plugins.get(connectionSpecId)
  const resource = plugin && resourceOf(plugin, sourceConnection.document.params)
  if (plugin === undefined || resource === undefined) {
    const { resourcePath } = sourceConnection.document.params
    throw new MissingPartError(`No source plugin reads ${String(resourcePath)} of connection spec ${connectionSpecId}.`)
  }
  return {
    flow,
    schedule: parseSchedule(flow.document.scheduleParams),
    base,
    sourceConnection,
    plugin,
    resource,
    dataSetId: dataSet.id,
    mapper: await loadRowMapper(context, flow, dataSet),
    target: { dataSetNo: dataSet.no, connectionSpecId, resourcePath: resource.resourcePath },
  }
}

/** False when the flow, its source or its target were pointed at something else since the run started. */
export async function isStillJoined(scope: StoreScope, parts: FlowParts): Promise<boolean> {
  const { flow, sourceConnection, dataSetId } = parts
  const now = (await scope.entities.getByNo(flow.no)) as StoredEntity<Flow> | null
  if (now === null) return false
  const source = await scope.entities.get(flow, 'sourceConnections', String(now.document.sourceConnectionIds[0]))
  const target = await scope.entities.get(flow, 'targetConnections', String(now.document.targetConnectionIds[0]))
  const { params } = (target?.document ?? { params: {} }) as Pick<TargetConnection, 'params'>
  return (
    source?.id === sourceConnection.id &&
    isSameJson(source.document.params, sourceConnection.document.params) &&
    params.dataSetId === dataSetId
  )
}

/** The tenant of a flow or a run. */
export function tenantOf({ orgId, sandboxName, document }: StoredEntity<Flow> | StoredEntity<Run>): Tenant {
  return { orgId, sandboxName, sandboxId: document.sandboxId }
}
