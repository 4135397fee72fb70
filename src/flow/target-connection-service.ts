import type { Caller } from '../caller.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { EntityDocument, StoredEntity, StoreScope } from '../store/store.ts'
import { Faults, omit, parseBodyObject, readMember, readNames, readObject, readText } from '../request-body.ts'
import type { FlowContext } from './context.ts'
import {
  findEntity,
  findReferenced,
  insertEntity,
  readId,
  readSpecReference,
  requireDraft,
  requirePublished,
  rewriteEntity,
  short,
} from './entity.ts'
import type { Receipt, Written } from './entity.ts'
import { requireIfMatch } from './etag.ts'
import { forgetPositions } from './flow-positions.ts'
import { applyPatch, parsePatch } from './patch.ts'
import type { PatchRules } from './patch.ts'
import { assertUnused } from './source-connection-service.ts'
import type { BaseConnection, TargetConnection } from './types.ts'

/** Target connections: the dataset where data lands. */
export interface TargetConnectionService {
  create(caller: Caller, body: unknown, options: { readonly draft: boolean }): Promise<Receipt>
  get(caller: Caller, id: string): Promise<StoredEntity<TargetConnection>>
  patch(caller: Caller, id: string, body: unknown, ifMatch: string | undefined): Promise<Written>
  /** 1447-400 while a flow uses it. */
  delete(caller: Caller, id: string): Promise<void>
  publish(caller: Caller, id: string): Promise<Receipt>
}

/** The only place where data lands. */
export const DATA_LAKE_SPEC_ID = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c'

const RULES: PatchRules = {
  allowed: ['/name', '/description', '/params', '/params/dataSetId', '/data', '/data/format', '/data/schema/**'],
  optional: ['/description', '/params', '/data', '/data/format', '/data/schema'],
}

export function createTargetConnectionService(context: FlowContext): TargetConnectionService {
  const { store, specs } = context

  /** The target connection's own fields and references, from a request body or from a patched document. */
  async function read(scope: StoreScope, { tenant }: Caller, body: JsonObject, draft: boolean) {
    const faults = new Faults(draft)
    const names = readNames(faults, body)
    const dataLakeOnly = (id: string) => (id === DATA_LAKE_SPEC_ID ? specs.connectionSpec(id) : null)
    const advice = `is no place where data can land; give the data lake's id ${DATA_LAKE_SPEC_ID}`
    const found = readSpecReference(faults, body, '/connectionSpec', dataLakeOnly, { code: '1307-400', advice })
    const data = readObject(faults, body, '/data', 'unlessDraft')
    if (data !== undefined) checkData(faults, data)

    const params = readObject(faults, body, '/params', 'unlessDraft', '1325-400')
    const dataSet = params === undefined ? null : await findDataSet(scope, tenant, faults, params)

    const baseConnectionId = readId(faults, body, '/baseConnectionId')
    if (baseConnectionId !== undefined) {
      const path = '/baseConnectionId'
      const base = await findReferenced<BaseConnection>(scope, tenant, faults, 'connections', baseConnectionId, path)
      if (base !== null && !draft) requirePublished(faults, base, path)
    }
    faults.throwIfAny()

    const fields: JsonObject = {
      ...names,
      ...(baseConnectionId === undefined ? {} : { baseConnectionId }),
      connectionSpec: found?.reference,
      state: draft ? 'draft' : 'enabled',
      data: withSchema(data ?? {}, dataSet),
      params: dataSet === null ? {} : canonicalParams(params ?? {}, dataSet.id),
    }
    return { fields, references: [dataSet?.id, baseConnectionId].filter((id) => id !== undefined) }
  }

  return {
    async create(caller, body, { draft }) {
      const request = parseBodyObject(body)
      return store.transaction(async (scope) => {
        const written = await read(scope, caller, request, draft)
        return insertEntity(context, scope, caller, { kind: 'targetConnections', id: context.newId(), ...written })
      })
    },

    get(caller, id) {
      return findEntity(store, caller.tenant, 'targetConnections', id)
    },

    async patch(caller, id, body, ifMatch) {
      const operations = parsePatch(body, RULES)
      return store.transaction(async (scope) => {
        const entity = await findEntity<TargetConnection>(scope, caller.tenant, 'targetConnections', id)
        requireIfMatch(ifMatch, entity.etag)
        const patched = applyPatch(entity.document, operations, RULES)
        const sameData = !operations.some(({ path }) => path.startsWith('/data'))
        const followed = sameData ? withoutForeignSchema(entity.document, patched) : patched
        const { fields, references } = await read(scope, caller, followed, entity.document.state === 'draft')
        const { dataSetId } = fields['params'] as JsonObject
        if (dataSetId !== entity.document.params['dataSetId']) await forgetPositions(scope, entity)
        return rewriteEntity(context, scope, caller, entity, fields, { references })
      })
    },

    async delete(caller, id) {
      await store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, 'targetConnections', id)
        await assertUnused(scope, entity)
        await scope.entities.delete(entity.no)
      })
    },

    async publish(caller, id) {
      return store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, 'targetConnections', id)
        requireDraft(entity)
        const { fields, references } = await read(scope, caller, entity.document, false)
        return rewriteEntity(context, scope, caller, entity, fields, { references })
      })
    },
  }
}

function checkData(faults: Faults, data: JsonObject): void {
  readText(faults, data, '/data/format', 'no')
  const schema = readObject(faults, data, '/data/schema', 'no')
  if (schema === undefined) return
  readText(faults, schema, '/data/schema/id', 'unlessDraft')
  readText(faults, schema, '/data/schema/version', 'no')
}

async function findDataSet(
  scope: StoreScope,
  tenant: Caller['tenant'],
  faults: Faults,
  params: JsonObject,
): Promise<StoredEntity<EntityDocument> | null> {
  const path = '/params/dataSetId'
  const id = readMember(params, 'dataSetId') ?? readMember(params, 'datasetId')
  if (id === undefined || id === '') {
    faults.missing(path, `${path} is missing or empty; give the id of a dataset.`, '1325-400')
    return null
  }
  const dataSet = typeof id === 'string' ? await scope.entities.get(tenant, 'dataSets', id) : null
  if (dataSet === null) {
    const found = typeof id === 'string' ? `"${short(id)}"` : 'not a string'
    faults.invalid(path, `${path} is ${found}, and the catalog has no such dataset; create it first.`, '1325-400')
  }
  return dataSet
}

/** Both spellings of the dataset's id are accepted; one is kept. */
function canonicalParams(params: JsonObject, dataSetId: string): JsonObject {
  return { ...omit(params, 'datasetId'), dataSetId }
}

/** Without a schema of its own the connection has the dataset's. */
function withSchema(data: JsonObject, dataSet: StoredEntity | null): JsonObject {
  if (readMember(data, 'schema') !== undefined) return data
  const rest = omit(data, 'schema')
  const schemaRef = dataSet?.document['schemaRef']
  if (!isJsonObject(schemaRef)) return rest
  return { ...rest, schema: { id: schemaRef['id'], version: schemaRef['contentType'] } }
}

/** A patch that names another dataset and no schema follows the dataset's. */
function withoutForeignSchema(before: TargetConnection, patched: JsonObject): JsonObject {
  const { params, data } = patched
  const same = isJsonObject(params) && params['dataSetId'] === before.params['dataSetId']
  if (same || !isJsonObject(data)) return patched
  return { ...patched, data: omit(data, 'schema') }
}
