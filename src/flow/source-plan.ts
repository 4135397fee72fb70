import type { Caller } from '../caller.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { SourceEstimate } from '../plugins/plugin.ts'
import type { StoredEntity } from '../store/store.ts'
import { checkParams } from './check-params.ts'
import type { FlowContext } from './context.ts'
import { callSource } from './explore/call-source.ts'
import type { SourceCallLimits } from './explore/call-source.ts'
import { connectionSpecId, openSource, pluginOf, resourceOf } from './open-source.ts'

/** What the route of a source connection's plan needs. */
export interface SourcePlanService {
  /**
   * What a first run of the source connection's resource will take, and what the credential may read. Asks the source.
   * Throws `FlowServiceError`.
   */
  plan(caller: Caller, sourceConnectionId: string): Promise<JsonObject>
}

export function createSourcePlanService(context: FlowContext, limits: SourceCallLimits = {}): SourcePlanService {
  const { store, clock } = context

  return {
    async plan(caller, sourceConnectionId) {
      const sourceConnection = await store.entities.get(caller.tenant, 'sourceConnections', sourceConnectionId)
      if (sourceConnection === null) throw notFound('sourceConnections', sourceConnectionId)
      const connection = await baseConnection(caller, sourceConnection)
      const { params: given } = sourceConnection.document
      const params = isJsonObject(given) ? given : {}
      const resourcePath = resourcePathOf(connection, params)

      const source = openSource(context, connection, params)
      const estimate = source.estimate?.bind(source)
      if (estimate === undefined) {
        throw new FlowServiceError(
          '1402-400',
          `The source of connection ${connection.id} cannot be planned: its connection spec tells no way to estimate it.`,
        )
      }
      const window = { from: null, to: null }
      // The source itself calls again after a failure, within the calls that a plan may cost.
      const answer = await callSource(clock, (signal) => estimate({ resourcePath, window, signal }), {
        ...limits,
        attempts: 1,
      })
      return planOf(sourceConnectionId, resourcePath, answer)
    },
  }

  async function baseConnection(caller: Caller, { id, document }: StoredEntity): Promise<StoredEntity> {
    const { baseConnectionId } = document
    if (typeof baseConnectionId !== 'string') {
      throw new FlowServiceError(
        '1416-400',
        `The source connection ${id} has no base connection yet; add its baseConnectionId first.`,
      )
    }
    const connection = await store.entities.get(caller.tenant, 'connections', baseConnectionId)
    if (connection === null) throw notFound('connections', baseConnectionId)
    if (connection.document['state'] === 'draft') {
      throw new FlowServiceError(
        '1416-400',
        `The connection ${baseConnectionId} is a draft; publish it before you use it.`,
      )
    }
    return connection
  }

  /** The path that the parameters name; drafts may lack it or hold parameters that no one has checked. */
  function resourcePathOf(connection: StoredEntity, params: JsonObject): string {
    const [fault] = checkParams(context, connectionSpecId(connection), params)
    if (fault !== undefined) {
      throw new FlowServiceError('1312-400', `The parameters of the source are not valid: ${fault.message}.`, {
        faults: [{ path: fault.path, message: fault.message }],
      })
    }
    const resource = resourceOf(pluginOf(context, connection), params)
    if (resource === undefined) throw new FlowServiceError('1312-400', 'params name no resource of this source.')
    return resource.resourcePath
  }
}

function planOf(sourceConnectionId: string, resourcePath: string, estimate: SourceEstimate): JsonObject {
  const { permissions, rows, exact, requests, seconds, calls } = estimate
  return {
    sourceConnectionId,
    resourcePath,
    permissions: permissions.map((entry) => ({
      resourcePath: entry.resourcePath,
      granted: entry.granted,
      ...(entry.missing === null ? {} : { missing: entry.missing }),
    })),
    estimatedRecordCount: rows,
    isExact: exact,
    estimatedRequestCount: requests,
    estimatedDurationSeconds: rounded(seconds),
    requestsPerSecond: seconds > 0 ? rounded(requests / seconds) : 0,
    callCount: calls,
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
