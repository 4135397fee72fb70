import type { Caller } from '../../caller.ts'
import { FlowServiceError, notFound } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { FatalSourceError } from '../../plugins/plugin.ts'
import type { Source, SourcePlugin, SourceResource } from '../../plugins/plugin.ts'
import type { StoredEntity } from '../../store/store.ts'
import { checkParams } from '../check-params.ts'
import type { FlowContext } from '../context.ts'
import { connectionSpecId, openSource, pluginOf, resourceOf } from '../open-source.ts'
import { callSource } from './call-source.ts'
import type { SourceCallLimits } from './call-source.ts'
import { inferSchema, withoutNulls } from './infer-schema.ts'
import { parseExploreParameters } from './parameters.ts'
import type { ExploreParameters, Query } from './parameters.ts'

/** Objects read of every list pass to learn the schema from; the most that one page of a source may hold. */
const SAMPLE_SIZE = 100
const PREVIEW_SIZE = 10

/** What the routes of explore and of the connection test need. Every method throws `FlowServiceError`. */
export interface ExploreService {
  /** A list of resource paths (`objectType=root`) or the schema of one, with a preview when asked for. */
  exploreConnection(caller: Caller, connectionId: string, query: Query): Promise<JsonValue>
  /** The same on the base connection of a source connection, whose own `params` stand in for missing `sourceParams`. */
  exploreSourceConnection(caller: Caller, sourceConnectionId: string, query: Query): Promise<JsonValue>
  /** False when the source refuses the credential. A source that cannot be reached is an error: it says nothing. */
  testConnection(caller: Caller, connectionId: string): Promise<boolean>
}

export function createExploreService(context: FlowContext, limits: SourceCallLimits = {}): ExploreService {
  const { store, clock } = context

  return {
    async exploreConnection(caller, connectionId, query) {
      const parameters = parseExploreParameters(query)
      const connection = await readyConnection(caller, connectionId)
      return explore(connection, parameters, undefined)
    },

    async exploreSourceConnection(caller, sourceConnectionId, query) {
      const parameters = parseExploreParameters(query)
      const entity = await store.entities.get(caller.tenant, 'sourceConnections', sourceConnectionId)
      if (entity === null) throw notFound('sourceConnections', sourceConnectionId)
      const { baseConnectionId, params } = entity.document
      if (typeof baseConnectionId !== 'string') {
        throw new FlowServiceError(
          '1416-400',
          `The source connection ${sourceConnectionId} has no base connection yet; add its baseConnectionId first.`,
        )
      }
      const connection = await readyConnection(caller, baseConnectionId)
      return explore(connection, parameters, isJsonObject(params) ? params : {})
    },

    async testConnection(caller, connectionId) {
      const connection = await readyConnection(caller, connectionId)
      const source = openSource(context, connection, {})
      try {
        await callSource(clock, (signal) => source.check(signal), limits)
        return true
      } catch (error) {
        if (error instanceof FlowServiceError && error.cause instanceof FatalSourceError) return false
        throw error
      }
    },
  }

  async function readyConnection(caller: Caller, id: string): Promise<StoredEntity> {
    const connection = await store.entities.get(caller.tenant, 'connections', id)
    if (connection === null) throw notFound('connections', id)
    if (connection.document['state'] === 'draft') {
      throw new FlowServiceError('1416-400', `The connection ${id} is a draft; publish it before you use it.`)
    }
    return connection
  }

  async function explore(
    connection: StoredEntity,
    { objectType, object, preview, sourceParams }: ExploreParameters,
    ownParams: JsonObject | undefined,
  ): Promise<JsonValue> {
    const plugin = pluginOf(context, connection)
    if (objectType === 'root') return plugin.resources.map(listEntry)

    const params =
      objectType === 'table'
        ? { ...sourceParams, resourcePath: present(object, 'object', objectType) }
        : present(sourceParams ?? ownParams, 'sourceParams', objectType)
    const resource = chosenResource(connection, plugin, params)
    const records = await sample(openSource(context, connection, params), resource)
    return {
      format: 'hierarchical',
      schema: resource.declaredSchema ?? (records.length === 0 ? resource.builtInSchema : inferSchema(records)),
      ...(preview ? { data: records.slice(0, PREVIEW_SIZE).map(withoutNulls) } : {}),
    }
  }

  function chosenResource(connection: StoredEntity, plugin: SourcePlugin, params: JsonObject): SourceResource {
    const faults = checkParams(context, connectionSpecId(connection), params)
    const [first] = faults
    if (first !== undefined) {
      throw new FlowServiceError('1312-400', `The parameters of the source are not valid: ${first.message}.`, {
        faults: faults.map(({ path, message }) => ({ path, message })),
      })
    }
    const resource = resourceOf(plugin, params)
    if (resource === undefined) {
      const known = plugin.resources.map(({ resourcePath }) => resourcePath).join(', ')
      throw new FlowServiceError('1312-400', `resourcePath names no resource of this source; one of ${known}.`)
    }
    return resource
  }

  /** The newest objects of the resource's own list passes: some attributes show only on the objects that one pass hides. */
  async function sample(source: Source, resource: SourceResource): Promise<readonly JsonObject[]> {
    const records: JsonObject[] = []
    const passes = resource.passes.filter((pass) => !resource.optionalPasses?.includes(pass))
    async function readPasses(signal: AbortSignal): Promise<void> {
      for (let pass = passes[0]; pass !== undefined; pass = passes[0]) {
        const page = await source.readPage({
          resourcePath: resource.resourcePath,
          pass,
          window: { from: null, to: null },
          cursor: null,
          limit: SAMPLE_SIZE,
          signal,
        })
        records.push(...page.records.map(({ record }) => record))
        passes.shift()
      }
    }
    await callSource(clock, readPasses, limits)
    return records
  }
}

function listEntry({ resourcePath }: SourceResource): JsonObject {
  return { type: 'table', name: resourcePath, path: resourcePath, canPreview: true, canFetchSchema: true }
}

function present<T>(value: T | undefined, name: string, objectType: string): T {
  if (value === undefined) {
    throw new FlowServiceError('1359-400', `The parameter ${name} is missing; objectType=${objectType} needs it.`)
  }
  return value
}
