import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { insertRun } from '../../src/flow/engine/insert-run.ts'
import { createFlowService } from '../../src/flow/flow-service.ts'
import type { Flow } from '../../src/flow/types.ts'
import type { StoredEntity } from '../../src/store/store.ts'
import { createChain, flowBody, create, FLOW_SERVICE, NOW, startFlowHost } from '../support/flow-host.ts'
import type { Chain, FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/flows`
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }
const by = { userId: 'user', clientId: 'client' }

let host: FlowHost
let chain: Chain
beforeAll(async () => {
  host = await startFlowHost()
  chain = await createChain(host.api)
})
afterAll(() => host.stop())

async function storedFlow(): Promise<StoredEntity<Flow>> {
  const id = await create(host.api, 'flows', flowBody(chain.sourceId, chain.targetId))
  return (await host.host.context.store.entities.get(tenant, 'flows', id)) as StoredEntity<Flow>
}

describe('deleting a flow', () => {
  test.each(['enabled', 'disabled', 'draft'])('works while it is %s, and leaves its connections', async (state) => {
    const query = state === 'draft' ? '?mode=draft' : ''
    const id = await create(host.api, 'flows', flowBody(chain.sourceId, chain.targetId), query)
    if (state === 'disabled') await host.api.post(`${ALL}/${id}/action?op=disable`).expect(200)
    await host.api.delete(`${ALL}/${id}`).expect(204)
    await host.api.get(`${ALL}/${id}`).expect(404)
    await host.api.delete(`${ALL}/${id}`).expect(404)
    await host.api.get(`${FLOW_SERVICE}/sourceConnections/${chain.sourceId}`).expect(200)
    await host.api.get(`${FLOW_SERVICE}/targetConnections/${chain.targetId}`).expect(200)
  })

  test('ends its open runs, which stay readable, and tells the engine', async () => {
    const { context } = host.host
    const { store } = context
    const flow = await storedFlow()
    const [done, running, waiting] = await store.transaction(async (scope) => [
      await insertRun(scope, context, { flow, params: {}, notBefore: NOW, by }),
      await insertRun(scope, context, { flow, params: {}, notBefore: NOW, by }),
      await insertRun(scope, context, { flow, params: {}, notBefore: NOW, by }),
    ])
    const entityOf = async (id: string) => (await store.entities.get(tenant, 'runs', id))!
    const stateOf = async (id: string) => (await store.runs.get((await entityOf(id)).no))!
    await store.runs.save({ ...(await stateOf(done!.id)), status: 'success' })
    await store.runs.save({ ...(await stateOf(running!.id)), status: 'inProgress', lastSequence: 3, checkpoint: '{}' })
    const entity = await entityOf(running!.id)
    const copied = { id: 'copyActivity', statusSummary: { status: 'success' } }
    const promoting = {
      id: 'promotionActivity',
      durationSummary: { startedAtUTC: 1 },
      statusSummary: { status: 'inProgress' },
    }
    await store.entities.updateDocument(entity, { ...entity.document, activities: [copied, promoting] })

    host.clock.time = NOW + 1000
    const told: string[] = []
    const service = createFlowService(context, { onFlowDeleted: (deleted) => told.push(deleted.id) })
    await service.delete({ tenant: { ...tenant, sandboxId: 's' }, ...by, requestId: 'r' }, flow.id)

    expect(told).toEqual([flow.id])
    expect(await store.progress.get(flow.no)).toBeNull()
    expect(await stateOf(done!.id)).toMatchObject({ status: 'success' })
    expect(await stateOf(running!.id)).toMatchObject({ status: 'failed', lastSequence: 3, checkpoint: '{}' })
    expect(await stateOf(waiting!.id)).toMatchObject({ status: 'failed' })
    const error = { code: 'CONNECTOR-1001-500', message: 'the flow was deleted' }
    for (const run of [running!, waiting!]) {
      const { document: ended, etag } = await entityOf(run.id)
      expect(ended).toMatchObject({ flowId: flow.id, updatedAt: NOW + 1000, etag, eTag: etag })
      expect(etag).not.toBe(run.etag)
      expect(ended['metrics']).toMatchObject({
        durationSummary: { completedAtUTC: NOW + 1000 },
        statusSummary: { status: 'failed', errors: [error] },
      })
    }
    expect((await entityOf(running!.id)).document['activities']).toMatchObject([
      copied,
      {
        ...promoting,
        durationSummary: { startedAtUTC: 1, completedAtUTC: NOW + 1000 },
        statusSummary: { status: 'failed' },
      },
    ])
    expect((await entityOf(done!.id)).document['metrics']).toMatchObject({ statusSummary: { status: 'scheduled' } })
  })
})
