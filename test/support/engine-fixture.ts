import type { Clock } from '../../src/clock.ts'
import type { FlowContext } from '../../src/flow/context.ts'
import type { Flow } from '../../src/flow/types.ts'
import type { JsonObject } from '../../src/json.ts'
import { silentLogger } from '../../src/logger.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { EntityKind, Store, StoredEntity } from '../../src/store/store.ts'
import { createScriptedSource, type ScriptedSource, type ScriptedSourceOptions } from './scripted-source.ts'

const SPEC = { id: 'spec-1', version: '1.0' }

export const TENANT = { orgId: 'A@AdobeOrg', sandboxName: 'prod', sandboxId: 'sandbox-1' }

/** Time stands still but for sleeping, which takes no time at all. */
export interface StillClock extends Clock {
  time: number
  /** Every pause, in milliseconds. */
  readonly slept: number[]
}

export interface EngineFixture {
  readonly store: Store
  readonly source: ScriptedSource
  readonly context: FlowContext
  readonly clock: StillClock
  readonly dataSetNo: number
  /** A flow from the scripted source into the one dataset. */
  createFlow(id: string, scheduleParams: JsonObject, nextDueAt?: number | null): Promise<StoredEntity<Flow>>
}

/** A store in memory, a source and a clock in the test's hands, and the connections that a flow needs. */
export async function createEngineFixture(options: ScriptedSourceOptions = {}): Promise<EngineFixture> {
  const clock = createStillClock(1_760_000_000_500)
  const store = await openSqliteStore({ dataDir: ':memory:' })
  const source = createScriptedSource(SPEC.id, options)
  let ids = 0
  const context: FlowContext = {
    store,
    clock,
    logger: silentLogger,
    newId: () => `id-${++ids}`,
    secretBox: { seal: (text) => text, open: (text) => text },
    specs: { connectionSpecs: () => [], flowSpecs: () => [], connectionSpec: () => null, flowSpec: () => null },
    plugins: new Map([[SPEC.id, source.plugin]]),
  }
  const insert = (kind: EntityKind, id: string, members: JsonObject) =>
    store.entities.insert({
      kind,
      tenant: TENANT,
      etag: '"1"',
      document: { id, sandboxId: TENANT.sandboxId, ...members },
    })
  await insert('connections', 'base', { connectionSpec: SPEC, auth: { specName: 'x', params: {} } })
  const params = { resourcePath: 'charges' }
  await insert('sourceConnections', 'source', { baseConnectionId: 'base', connectionSpec: SPEC, params })
  const dataSetNo = await insert('dataSets', 'dataset', { name: 'charges' })
  await insert('targetConnections', 'target', { params: { dataSetId: 'dataset' } })

  return {
    store,
    source,
    context,
    clock,
    dataSetNo,
    async createFlow(id, scheduleParams, nextDueAt = null) {
      const flowNo = await insert('flows', id, {
        state: 'enabled',
        createdBy: 'user',
        createdClient: 'client',
        flowSpec: { id: 'flow-spec', version: '1.0' },
        sourceConnectionIds: ['source'],
        targetConnectionIds: ['target'],
        scheduleParams,
        transformations: [],
      })
      await store.progress.save({
        flowNo,
        nextDueAt,
        position: null,
        changePosition: null,
        newestCreated: null,
        leftOut: [],
      })
      return (await store.entities.getByNo(flowNo)) as StoredEntity<Flow>
    },
  }
}

function createStillClock(start: number): StillClock {
  return {
    time: start,
    slept: [],
    now() {
      return this.time
    },
    async sleep(ms) {
      this.slept.push(ms)
      this.time += ms
    },
  }
}
