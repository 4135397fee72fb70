import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import {
  create,
  createChain,
  flowBody,
  FLOW_SERVICE,
  NOW,
  patch,
  read,
  sourceBody,
  startFlowHost,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/flows`
const MINUTE = 60_000
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }

let host: FlowHost
let sourceId: string
let targetId: string
let baseId: string
beforeAll(async () => {
  host = await startFlowHost()
  ;({ sourceId, targetId, baseId } = await createChain(host.api))
})
beforeEach(() => {
  host.clock.time = NOW
})
afterAll(() => host.stop())

const store = () => host.host.context.store
const body = (change: object = {}) => ({ ...flowBody(sourceId, targetId), ...change })
const flow = (change: object = {}, query = '') => create(host.api, 'flows', body(change), query)
const progressOf = async (id: string) => {
  const entity = await store().entities.get(tenant, 'flows', id)
  return store().progress.get(entity!.no)
}
const dueAt = async (id: string) => (await progressOf(id))!.nextDueAt
const act = (id: string, op: string) => host.api.post(`${ALL}/${id}/action?op=${op}`)
const once = (startTime: number) => ({ startTime: startTime / 1000, frequency: 'once' })
const quarterly = (startTime: number) => ({ startTime: startTime / 1000, frequency: 'minute', interval: 15 })

describe('patching a flow', () => {
  test('keeps what the client does not write, and shows the patch in lastOperation', async () => {
    const id = await flow()
    const stored = (await store().entities.get(tenant, 'flows', id))!
    const lastRunDetails = { id: UNKNOWN_ID, state: 'success', startedAtUTC: 1, completedAtUTC: 2 }
    await store().entities.updateDocument(stored, { ...stored.document, lastRunDetails })
    const operations = [{ op: 'replace', path: '/description', value: 'Every quarter of an hour' }]
    const response = await patch(host.api, 'flows', id, operations)
    expect(Object.keys(response.body)).toEqual(['id', 'etag'])
    expect(await read(host.api, 'flows', id)).toMatchObject({
      description: 'Every quarter of an hour',
      state: 'enabled',
      runs: `/runs?property=flowId==${id}`,
      lastRunDetails,
      lastOperation: { operation: 'update', ops: operations },
    })
  })

  test('moves the first run with a start time that has not come yet', async () => {
    const id = await flow({ scheduleParams: quarterly(NOW + 10 * MINUTE) })
    await patch(host.api, 'flows', id, [{ op: 'replace', path: '/scheduleParams/startTime', value: NOW / 1000 + 1200 }])
    expect(await dueAt(id)).toBe(NOW + 20 * MINUTE)
    await patch(host.api, 'flows', id, [{ op: 'replace', path: '/scheduleParams', value: once(NOW - MINUTE) }])
    expect(await dueAt(id)).toBe(NOW)
  })

  test('puts the next run on the new grid once the start time has passed, and leaves a due run due', async () => {
    const id = await flow({ scheduleParams: quarterly(NOW - MINUTE) })
    const hourly = [
      { op: 'replace', path: '/scheduleParams/frequency', value: 'hour' },
      { op: 'replace', path: '/scheduleParams/interval', value: '2' },
    ]
    await patch(host.api, 'flows', id, hourly)
    expect(await dueAt(id)).toBe(NOW)

    await store().progress.save({ ...(await progressOf(id))!, nextDueAt: NOW + 119 * MINUTE })
    await patch(host.api, 'flows', id, [{ op: 'replace', path: '/scheduleParams/interval', value: 1 }])
    expect(await dueAt(id)).toBe(NOW + 59 * MINUTE)
    await patch(host.api, 'flows', id, [{ op: 'replace', path: '/name', value: 'Renamed' }])
    expect(await dueAt(id)).toBe(NOW + 59 * MINUTE)
    expect((await read(host.api, 'flows', id)).scheduleParams).toEqual({
      startTime: NOW / 1000 - 60,
      frequency: 'hour',
      interval: 1,
    })
  })

  test('does not make a disabled flow due', async () => {
    const id = await flow({ scheduleParams: quarterly(NOW + MINUTE) })
    await act(id, 'disable').expect(200)
    await patch(host.api, 'flows', id, [{ op: 'replace', path: '/scheduleParams', value: once(NOW - MINUTE) }])
    expect(await dueAt(id)).toBeNull()
  })

  test('forgets the position when the flow is turned to another source', async () => {
    const id = await flow()
    await store().progress.save({ ...(await progressOf(id))!, position: 5 })
    const otherSource = await create(host.api, 'sourceConnections', sourceBody(baseId))
    await patch(host.api, 'flows', id, [{ op: 'replace', path: '/sourceConnectionIds', value: [otherSource] }])
    expect(await progressOf(id)).toMatchObject({ position: null })
    await host.api.delete(`${FLOW_SERVICE}/sourceConnections/${otherSource}`).expect(400)
    expect((await read(host.api, 'flows', id)).inheritedAttributes.sourceConnections[0].id).toBe(otherSource)
  })

  const replace = (path: string, value: unknown) => [{ op: 'replace', path, value }]
  test.each([
    ['another start time', replace('/scheduleParams/startTime', NOW / 1000), '1366-400'],
    ['once', replace('/scheduleParams/frequency', 'once'), '1403-400'],
    ['another backfill', [{ op: 'add', path: '/scheduleParams/backfill', value: false }], '1404-400'],
    ['10 minutes', replace('/scheduleParams/interval', 10), '1362-400'],
    ['no schedule', [{ op: 'remove', path: '/scheduleParams' }], '1304-400'],
    ['an empty list of sources', replace('/sourceConnectionIds', []), '1320-400'],
    ['an unknown target', replace('/targetConnectionIds', [UNKNOWN_ID]), '1439-400'],
    ['an unknown transformation', [{ op: 'add', path: '/transformations/-', value: { name: 'X' } }], '1312-400'],
    ['a transformation that is not there', replace('/transformations/0', {}), '1455-400'],
    ['the flow spec', replace('/flowSpec/id', UNKNOWN_ID), '1365-400'],
    ['the state', replace('/state', 'disabled'), '1365-400'],
    ['the options', replace('/options', {}), '1365-400'],
  ])('refuses %s after the start and changes nothing, enabled or disabled', async (_, operations, code) => {
    const id = await flow({ scheduleParams: quarterly(NOW - MINUTE) })
    for (const state of ['enabled', 'disabled']) {
      if (state === 'disabled') await act(id, 'disable').expect(200)
      const before = { flow: await read(host.api, 'flows', id), progress: await progressOf(id) }
      const response = await patch(host.api, 'flows', id, operations)
      expect(response.status).toBe(400)
      expect(response.body.errorCode).toBe(code)
      expect({ flow: await read(host.api, 'flows', id), progress: await progressOf(id) }).toEqual(before)
    }
  })

  test('names the service whose code it is, since 1403 has two meanings', async () => {
    const id = await flow({ scheduleParams: quarterly(NOW - MINUTE) })
    const becomesOnce = await patch(host.api, 'flows', id, replace('/scheduleParams/frequency', 'once'))
    expect(becomesOnce.body.type).toBe('http://ns.adobe.com/aep/errors/CONNECTOR-1403-400')
    const missing = await host.api.patch(`${ALL}/${id}`, replace('/name', 'x')).expect(400)
    expect(missing.body.type).toBe('http://ns.adobe.com/aep/errors/FLOW-1403-400')
  })
})
