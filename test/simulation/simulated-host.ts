import type { Caller } from '../../src/caller.ts'
import { createAuditService, type AuditService } from '../../src/flow/audit-service.ts'
import type { FlowContext } from '../../src/flow/context.ts'
import { createRunDispatcher, type RunDispatcher } from '../../src/flow/engine/run-dispatcher.ts'
import { createRunEngine } from '../../src/flow/engine/run-engine.ts'
import { createRunService, type RunService } from '../../src/flow/run-service.ts'
import type { JsonObject } from '../../src/json.ts'
import type { Logger } from '../../src/logger.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import type { EntityKind, Store } from '../../src/store/store.ts'
import type { FlowPlan } from './history-plan.ts'
import type { ProcessLife } from './process-life.ts'
import type { Rng } from './rng.ts'
import { createHttpClient, type Network } from './simulated-network.ts'
import { openStoreFor, type StoreMedium } from './simulated-store.ts'

export const TENANT = { orgId: 'A@AdobeOrg', sandboxName: 'prod', sandboxId: 'sandbox-1' }
export const CALLER: Caller = { tenant: TENANT, userId: 'user', clientId: 'client', requestId: 'request' }
const SPEC_VERSION = '1.0'

/** How often the dispatcher looks for work by itself, ms; it is woken for everything that matters here. */
const LOOK_EVERY_MS = 60_000
const GIVE_UP_MS = 900_000

export const FIRST_TOKEN = 'sk_test_simulated'
const BASE_ID = 'base'

/** The host in one life of its process: the real parts over the simulated store, clock and network. */
export interface SimulatedHost {
  readonly store: Store
  readonly dispatcher: RunDispatcher
  readonly runs: RunService
  readonly audits: AuditService
}

export interface HostOptions {
  readonly life: ProcessLife
  readonly medium: StoreMedium
  readonly network: Network
  readonly rng: Rng
  readonly newId: () => string
  readonly logger: Logger
  readonly onRunEnded: () => void
}

export function startHost({ life, medium, network, rng, newId, logger, onRunEnded }: HostOptions): SimulatedHost {
  const { clock } = life
  const store = openStoreFor(life, medium)
  const plugin = createStripePlugin({
    apiBase: 'https://api.stripe.com',
    httpClient: createHttpClient(life, network),
    clock,
    share: 1,
  })
  const context: FlowContext = {
    store,
    clock,
    logger,
    newId,
    secretBox: { seal: (text) => text, open: (text) => text },
    specs: { connectionSpecs: () => [], flowSpecs: () => [], connectionSpec: () => null, flowSpec: () => null },
    plugins: new Map([[plugin.connectionSpec.id, plugin]]),
  }
  const publicUrl = () => 'http://host'
  const engine = createRunEngine(context, {
    giveUpMs: GIVE_UP_MS,
    publicUrl,
    random: () => rng.float(),
    observer: { ...SILENT_OBSERVER, runEnded: onRunEnded },
  })
  const dispatcher = createRunDispatcher(context, engine, { intervalMs: LOOK_EVERY_MS })
  const runs = createRunService(context, { publicUrl, onRunnable: () => dispatcher.wake() })
  const audits = createAuditService(context, { onRunnable: () => dispatcher.wake() })
  dispatcher.start()
  return { store, dispatcher, runs, audits }
}

const SILENT_OBSERVER = { pageCommitted() {}, retried() {}, requestSent() {}, rateLimited() {} }

/** A flow of the simulation as it stands in the store. */
export interface StoredFlow extends FlowPlan {
  readonly id: string
  readonly no: number
  readonly dataSetNo: number
}

const SPEC_ID = createStripePlugin({ apiBase: 'https://api.stripe.com' }).connectionSpec.id

/** Stores the connections, datasets and flows that a plan names. */
export async function storeFlows(store: Store, flows: readonly FlowPlan[], start: number): Promise<StoredFlow[]> {
  const spec = { id: SPEC_ID, version: SPEC_VERSION }
  const insert = (kind: EntityKind, id: string, members: JsonObject) =>
    store.entities.insert({
      kind,
      tenant: TENANT,
      etag: '"1"',
      document: { id, sandboxId: TENANT.sandboxId, ...members },
    })
  const auth = { specName: 'x', params: { accessToken: FIRST_TOKEN } }
  await insert('connections', BASE_ID, { connectionSpec: spec, auth })
  const dataSetNos = new Map<number, number>()
  const stored: StoredFlow[] = []
  for (const [index, flow] of flows.entries()) {
    const dataSetId = `dataset-${flow.dataSet}`
    if (!dataSetNos.has(flow.dataSet)) {
      dataSetNos.set(flow.dataSet, await insert('dataSets', dataSetId, { name: dataSetId }))
      await insert('targetConnections', `target-${flow.dataSet}`, { params: { dataSetId } })
    }
    await insert('sourceConnections', `source-${index}`, {
      baseConnectionId: BASE_ID,
      connectionSpec: spec,
      params: { resourcePath: flow.resource },
    })
    const id = `flow-${index}`
    const no = await insert('flows', id, {
      state: 'enabled',
      createdBy: 'user',
      createdClient: 'client',
      flowSpec: { id: 'flow-spec', version: SPEC_VERSION },
      sourceConnectionIds: [`source-${index}`],
      targetConnectionIds: [`target-${flow.dataSet}`],
      scheduleParams: scheduleOf(flow, start),
      transformations: [],
    })
    await store.progress.save({
      flowNo: no,
      nextDueAt: flow.everyMinutes === null ? null : start,
      position: null,
      changePosition: null,
      newestCreated: null,
      leftOut: [],
    })
    stored.push({ ...flow, id, no, dataSetNo: dataSetNos.get(flow.dataSet)! })
  }
  return stored
}

function scheduleOf({ everyMinutes }: FlowPlan, start: number): JsonObject {
  const startTime = Math.floor(start / 1000)
  return everyMinutes === null
    ? { startTime, frequency: 'once' }
    : { startTime, frequency: 'minute', interval: everyMinutes, backfill: true }
}

/** Gives the connection another access token, as a client's patch does. */
export async function patchToken(store: Store, accessToken: string): Promise<boolean> {
  const base = await store.entities.get(TENANT, 'connections', BASE_ID)
  if (base === null) return false
  const auth = { ...(base.document['auth'] as JsonObject), params: { accessToken } }
  const etag = `${base.etag}+`
  return store.entities.update(base, { etag, document: { ...base.document, auth } })
}
