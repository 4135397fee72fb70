import type { Caller } from '../caller.ts'
import { FlowServiceError } from '../errors.ts'
import { isSameJson } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { StoredEntity, StoreScope } from '../store/store.ts'
import { Faults, parseBodyObject, readNames, readObject, readText } from '../request-body.ts'
import { checkParams } from './check-params.ts'
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
import type { BaseConnection, SourceConnection, SpecReference } from './types.ts'

/** Source connections: a base connection, a resource path and a format. */
export interface SourceConnectionService {
  create(caller: Caller, body: unknown, options: { readonly draft: boolean }): Promise<Receipt>
  get(caller: Caller, id: string): Promise<StoredEntity<SourceConnection>>
  patch(caller: Caller, id: string, body: unknown, ifMatch: string | undefined): Promise<Written>
  /** 1447-400 while a flow uses it. */
  delete(caller: Caller, id: string): Promise<void>
  publish(caller: Caller, id: string): Promise<Receipt>
}

const FORMATS = ['json']

const RULES: PatchRules = {
  allowed: ['/name', '/description', '/baseConnectionId', '/params', '/params/*', '/data', '/data/format'],
  optional: ['/description', '/baseConnectionId', '/params', '/data'],
}

export function createSourceConnectionService(context: FlowContext): SourceConnectionService {
  const { store, specs } = context

  /** The source connection's own fields and references, from a request body or from a patched document. */
  async function read(scope: StoreScope, { tenant }: Caller, body: JsonObject, draft: boolean) {
    const faults = new Faults(draft)
    const names = readNames(faults, body)
    const found = readSpecReference(faults, body, '/connectionSpec', specs.connectionSpec)
    const data = readObject(faults, body, '/data', 'unlessDraft')
    if (data !== undefined) checkFormat(faults, data)
    const params = readParams(faults, body, found?.reference)

    const baseConnectionId = readId(faults, body, '/baseConnectionId')
    if (baseConnectionId === undefined) {
      faults.missing('/baseConnectionId', '/baseConnectionId is missing; give the id of a base connection.', '1320-400')
    }
    const base =
      baseConnectionId === undefined
        ? null
        : await findReferenced<BaseConnection>(
            scope,
            tenant,
            faults,
            'connections',
            baseConnectionId,
            '/baseConnectionId',
          )
    if (base !== null && found !== null) checkBase(faults, base, found.reference)
    faults.throwIfAny()

    const fields: JsonObject = {
      ...names,
      ...(base === null ? {} : { baseConnectionId: base.id }),
      connectionSpec: found?.reference,
      state: draft ? 'draft' : 'enabled',
      data: data ?? {},
      params: params ?? {},
      inheritedAttributes:
        base === null ? {} : { baseConnection: { id: base.id, connectionSpec: base.document.connectionSpec } },
    }
    return { fields, references: base === null ? [] : [base.id] }
  }

  function readParams(faults: Faults, body: JsonObject, reference: SpecReference | undefined): JsonObject | undefined {
    const params = readObject(faults, body, '/params', 'unlessDraft')
    if (params === undefined || reference === undefined) return params
    for (const { kind, path, message } of checkParams(context, reference.id, params)) {
      const at = `/params${path}`
      if (kind === 'missing') faults.missing(at, `${at}: ${message}; give a value.`)
      else faults.invalid(at, `${at}: ${message}.`)
    }
    return params
  }

  return {
    async create(caller, body, { draft }) {
      const request = parseBodyObject(body)
      return store.transaction(async (scope) => {
        const written = await read(scope, caller, request, draft)
        return insertEntity(context, scope, caller, { kind: 'sourceConnections', id: context.newId(), ...written })
      })
    },

    get(caller, id) {
      return findEntity(store, caller.tenant, 'sourceConnections', id)
    },

    async patch(caller, id, body, ifMatch) {
      const operations = parsePatch(body, RULES)
      return store.transaction(async (scope) => {
        const entity = await findEntity<SourceConnection>(scope, caller.tenant, 'sourceConnections', id)
        requireIfMatch(ifMatch, entity.etag)
        const patched = applyPatch(entity.document, operations, RULES)
        if (patched['baseConnectionId'] !== entity.document.baseConnectionId) await assertBaseMayChange(scope, entity)
        const { fields, references } = await read(scope, caller, patched, entity.document.state === 'draft')
        if (!isSameJson(fields['params'], entity.document.params)) await forgetPositions(scope, entity)
        return rewriteEntity(context, scope, caller, entity, fields, { references })
      })
    },

    async delete(caller, id) {
      await store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, 'sourceConnections', id)
        await assertUnused(scope, entity)
        await scope.entities.delete(entity.no)
      })
    },

    async publish(caller, id) {
      return store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, 'sourceConnections', id)
        requireDraft(entity)
        const { fields, references } = await read(scope, caller, entity.document, false)
        return rewriteEntity(context, scope, caller, entity, fields, { references })
      })
    },
  }
}

/** 1447-400 while a flow uses the source or target connection. */
export async function assertUnused(scope: StoreScope, entity: StoredEntity): Promise<void> {
  const [flowId] = await scope.entities.usedBy(entity, 'flows', entity.id, 1)
  if (flowId === undefined) return
  throw new FlowServiceError(
    '1447-400',
    `${entity.kind} ${entity.id} is used by flow ${flowId}; delete the flow first.`,
  )
}

function checkFormat(faults: Faults, data: JsonObject): void {
  const format = readText(faults, data, '/data/format', 'unlessDraft')
  if (format === undefined || FORMATS.includes(format)) return
  const message = `/data/format "${short(format)}" is not supported for this source; give ${FORMATS.join(', ')}.`
  faults.invalid('/data/format', message, '1327-400')
}

function checkBase(faults: Faults, base: StoredEntity<BaseConnection>, reference: SpecReference): void {
  const expected = base.document.connectionSpec.id
  if (reference.id !== expected) {
    const message = `/connectionSpec/id ${reference.id} differs from the base connection's; give ${expected}.`
    faults.invalid('/connectionSpec/id', message, '1413-400')
  }
  if (!faults.draft) requirePublished(faults, base, '/baseConnectionId')
}

/** A draft that has no base connection yet may get one at any time; nothing can have relied on it. */
async function assertBaseMayChange(scope: StoreScope, entity: StoredEntity<SourceConnection>): Promise<void> {
  if (entity.document.baseConnectionId === undefined) return
  const [flowId] = await scope.entities.usedBy(entity, 'flows', entity.id, 1)
  if (flowId === undefined) return
  throw new FlowServiceError(
    '1365-400',
    `/baseConnectionId may not change while flow ${flowId} uses source connection ${entity.id}; make a new source connection.`,
  )
}
