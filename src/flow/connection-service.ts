import type { Caller } from '../caller.ts'
import { FlowServiceError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { StoredEntity } from '../store/store.ts'
import { Faults, parseBodyObject, readNames } from '../request-body.ts'
import { maskOperations, readAuth } from './connection-auth.ts'
import type { FlowContext } from './context.ts'
import { findEntity, insertEntity, readSpecReference, requireDraft, rewriteEntity } from './entity.ts'
import type { Receipt } from './entity.ts'
import { requireIfMatch } from './etag.ts'
import { callSource } from './explore/call-source.ts'
import { createdOperation, completedOperation } from './last-operation.ts'
import { openSource } from './open-source.ts'
import { applyPatch, parsePatch } from './patch.ts'
import type { PatchRules } from './patch.ts'
import type { BaseConnection } from './types.ts'

/** Base connections: the credentials for one account. Secrets are stored sealed and shown masked. */
export interface ConnectionService {
  /** `draft`: may lack the credentials, and is of no use until it is published. */
  create(caller: Caller, body: unknown, options: { readonly draft: boolean }): Promise<Receipt>
  get(caller: Caller, id: string): Promise<StoredEntity<BaseConnection>>
  patch(caller: Caller, id: string, body: unknown, ifMatch: string | undefined): Promise<Receipt>
  /** 1418-400 while a flow uses it. */
  delete(caller: Caller, id: string): Promise<void>
  publish(caller: Caller, id: string): Promise<Receipt>
}

const RULES: PatchRules = {
  allowed: ['/name', '/description', '/auth', '/auth/specName', '/auth/params', '/auth/params/*'],
  optional: ['/description', '/auth', '/auth/params'],
  refused: { connectionSpec: '1414-400' },
}

export function createConnectionService(context: FlowContext): ConnectionService {
  const { store, clock, specs, secretBox } = context

  /** The connection's own fields and secrets, from a request body or from a patched document. */
  function read(body: JsonObject, id: string, draft: boolean, stored: Readonly<Record<string, string>> = {}) {
    const faults = new Faults(draft)
    const names = readNames(faults, body)
    const found = readSpecReference(faults, body, '/connectionSpec', specs.connectionSpec)
    const read = found && readAuth(faults, body, { spec: found.spec, connectionId: id, secretBox, stored })
    faults.throwIfAny()
    const fields: JsonObject = {
      ...names,
      connectionSpec: found?.reference,
      ...(read === null ? {} : { auth: read.auth }),
      state: draft ? 'draft' : 'enabled',
    }
    return { fields, secrets: read?.secrets ?? {} }
  }

  /** Some sources are tried before their connection is stored: those whose auth parameters name a test URL. */
  async function tryCredential(caller: Caller, id: string, { fields, secrets }: ReturnType<typeof read>) {
    const params = (fields['auth'] as JsonObject | undefined)?.['params'] as JsonObject | undefined
    if (!params?.['authorizationTestUrl']) return
    const { orgId, sandboxName } = caller.tenant
    const document = { id, ...fields }
    const connection = { no: 0, kind: 'connections' as const, id, orgId, sandboxName, etag: '', document, secrets }
    const source = openSource(context, connection, {})
    await callSource(clock, (signal) => source.check(signal))
  }

  return {
    async create(caller, body, { draft }) {
      const id = context.newId()
      const connection = read(parseBodyObject(body), id, draft)
      if (!draft) await tryCredential(caller, id, connection)
      const fields = { ...connection.fields, lastOperation: createdOperation(clock.now()) }
      return store.transaction((scope) =>
        insertEntity(context, scope, caller, { kind: 'connections', id, fields, secrets: connection.secrets }),
      )
    },

    get(caller, id) {
      return findEntity(store, caller.tenant, 'connections', id)
    },

    async patch(caller, id, body, ifMatch) {
      const operations = parsePatch(body, RULES)
      return store.transaction(async (scope) => {
        const entity = await findEntity<BaseConnection>(scope, caller.tenant, 'connections', id)
        requireIfMatch(ifMatch, entity.etag)
        const patched = applyPatch(entity.document, operations, RULES)
        const { fields, secrets } = read(patched, id, entity.document.state === 'draft', entity.secrets)
        const lastOperation = completedOperation('update', clock.now(), maskOperations(operations))
        return rewriteEntity(context, scope, caller, entity, { ...fields, lastOperation }, { secrets })
      })
    },

    async delete(caller, id) {
      await store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, 'connections', id)
        const [flowId] = await scope.entities.usedBy(caller.tenant, 'flows', id, 1)
        if (flowId !== undefined) {
          throw new FlowServiceError('1418-400', `Connection ${id} is used by flow ${flowId}; delete the flow first.`)
        }
        await scope.entities.delete(entity.no)
      })
    },

    async publish(caller, id) {
      return store.transaction(async (scope) => {
        const entity = await findEntity(scope, caller.tenant, 'connections', id)
        requireDraft(entity)
        const { fields, secrets } = read(entity.document, id, false, entity.secrets)
        const lastOperation = completedOperation('publish', clock.now())
        return rewriteEntity(context, scope, caller, entity, { ...fields, lastOperation }, { secrets })
      })
    },
  }
}
