import type { Caller } from '../../../src/caller.ts'
import type { Clock } from '../../../src/clock.ts'
import type { FlowContext } from '../../../src/flow/context.ts'
import { loadSpecRegistry, readSpecFile } from '../../../src/flow/load-specs.ts'
import type { JsonObject } from '../../../src/json.ts'
import { silentLogger } from '../../../src/logger.ts'
import type { ReadPageRequest, SourcePlugin } from '../../../src/plugins/plugin.ts'
import type { EntityKind, EntityStore, Store, StoredEntity } from '../../../src/store/store.ts'

const STRIPE = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'

export const BUILT_IN_SCHEMA = { type: 'object', properties: { data: { type: 'object', properties: { id: {} } } } }

export const caller: Caller = {
  tenant: { orgId: 'A@AdobeOrg', sandboxName: 'prod', sandboxId: 'f0f2c4c0-0000-4000-8000-000000000001' },
  userId: 'u@techacct.adobe.com',
  clientId: 'client',
  requestId: 'request',
}

/** What the source does: each function may answer or throw. */
export interface Script {
  readonly check?: (signal: AbortSignal) => Promise<void>
  /** The objects of one page of a resource path's pass; empty when absent. */
  readonly page?: (request: ReadPageRequest) => readonly JsonObject[] | Promise<readonly JsonObject[]>
}

export interface Connected {
  readonly auth: JsonObject
  readonly params: JsonObject
}

/** A plugin that plays a script and keeps a record of how it was called. */
export function scriptedPlugin(script: Script = {}) {
  const connected: Connected[] = []
  const requests: ReadPageRequest[] = []
  const spec = readSpecFile('connection-spec.json')
  const names = ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices']
  const plugin: SourcePlugin = {
    connectionSpec: spec,
    resources: names.map((resourcePath) => ({
      resourcePath,
      passes: resourcePath === 'prices' ? ['active', 'inactive'] : ['all'],
      overlapSeconds: 0,
      builtInSchema: BUILT_IN_SCHEMA,
    })),
    connect(auth, params) {
      connected.push({ auth, params })
      return {
        check: script.check ?? (async () => {}),
        async readPage(request) {
          requests.push(request)
          const objects = (await script.page?.(request)) ?? []
          return { records: objects.map((data) => ({ id: String(data['id']), record: { data } })), nextCursor: null }
        },
      }
    },
  }
  return { plugin, connected, requests }
}

/** A clock whose sleeps are over at once and move the time on. */
export function skippingClock(): Clock & { readonly sleeps: readonly number[] } {
  const sleeps: number[] = []
  let now = 1_700_000_000_000
  return {
    sleeps,
    now: () => now,
    sleep: async (ms) => {
      sleeps.push(ms)
      now += ms
    },
  }
}

/** A context whose store holds these entities of the caller's tenant; sealing a secret puts `sealed:` before it. */
export function scriptedContext(
  plugin: SourcePlugin,
  entities: readonly StoredEntity[],
  clock: Clock = skippingClock(),
): FlowContext {
  const get: EntityStore['get'] = async (tenant, kind, id) =>
    entities.find((entity) => entity.orgId === tenant.orgId && entity.kind === kind && entity.id === id) ?? null
  return {
    store: { entities: { get } } as unknown as Store,
    clock,
    logger: silentLogger,
    newId: () => 'id',
    secretBox: {
      seal: (plaintext, context) => `${context}:${plaintext}`,
      open: (sealed, context) => {
        if (!sealed.startsWith(`${context}:`)) throw new Error('belongs elsewhere')
        return sealed.slice(context.length + 1)
      },
    },
    specs: loadSpecRegistry(),
    plugins: new Map([[STRIPE, plugin]]),
  }
}

export function baseConnection(id: string, changes: JsonObject = {}): StoredEntity {
  return entity('connections', id, {
    name: id,
    state: 'enabled',
    connectionSpec: { id: STRIPE, version: '1.0' },
    auth: { specName: 'OAuth2 Refresh Code', params: { accessToken: '******' } },
    ...changes,
  })
}

export function sourceConnection(id: string, changes: JsonObject = {}): StoredEntity {
  return entity('sourceConnections', id, {
    name: id,
    state: 'enabled',
    connectionSpec: { id: STRIPE, version: '1.0' },
    ...changes,
  })
}

function entity(kind: EntityKind, id: string, document: JsonObject): StoredEntity {
  return {
    no: 1,
    kind,
    id,
    orgId: caller.tenant.orgId,
    sandboxName: 'prod',
    etag: '"1"',
    document: { id, ...document },
    secrets: kind === 'connections' ? { '/auth/params/accessToken': `${id}:sk_test_secret` } : {},
  }
}
