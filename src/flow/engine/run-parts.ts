import type { SourcePlugin, SourceResource } from '../../plugins/plugin.ts'
import type { EntityDocument, RecordTarget, RunState, StoredEntity } from '../../store/store.ts'
import type { FlowContext } from '../context.ts'
import { parseSchedule, type Schedule } from '../schedule.ts'
import type { BaseConnection, Flow, Run, SourceConnection, TargetConnection } from '../types.ts'

/** The entities that a run works with, read when it starts: connections patched since the last run count. */
export interface RunParts {
  readonly run: StoredEntity<Run>
  readonly flow: StoredEntity<Flow>
  readonly schedule: Schedule
  readonly base: StoredEntity<BaseConnection>
  readonly sourceConnection: StoredEntity<SourceConnection>
  readonly plugin: SourcePlugin
  readonly resource: SourceResource
  readonly target: RecordTarget
}

/** A run cannot start because something that it needs is missing. The message names it. */
export class MissingPartError extends Error {}

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
  const dataSet = await get<EntityDocument>('dataSets', params.dataSetId ?? params.datasetId)

  const connectionSpecId = sourceConnection.document.connectionSpec.id
  const plugin = context.plugins.get(connectionSpecId)
  const resourcePath = String(sourceConnection.document.params.resourcePath)
  const resource = plugin?.resources.find((candidate) => candidate.resourcePath === resourcePath)
  if (plugin === undefined || resource === undefined) {
    throw new MissingPartError(`No source plugin reads ${resourcePath} of connection spec ${connectionSpecId}.`)
  }
  return {
    run,
    flow,
    schedule: parseSchedule(flow.document.scheduleParams),
    base,
    sourceConnection,
    plugin,
    resource,
    target: { dataSetNo: dataSet.no, connectionSpecId, resourcePath },
  }
}
