import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import {
  create,
  createChain,
  flowBody,
  FLOW_SERVICE,
  NOW,
  read,
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
beforeAll(async () => {
  host = await startFlowHost()
  ;({ sourceId, targetId } = await createChain(host.api))
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

describe('enabling and disabling a flow', () => {
  test('a disabled flow has no run due; enabled again it goes on with the next point of its schedule', async () => {
    const id = await flow({ scheduleParams: quarterly(NOW - 7 * MINUTE) })
    const kept = { ...(await progressOf(id))!, position: NOW - 8 * MINUTE, changePosition: 'evt_1' }
    await store().progress.save(kept)
    const disabled = await act(id, 'disable').expect(200)
    expect(await read(host.api, 'flows', id)).toMatchObject({
      state: 'disabled',
      etag: disabled.body.etag,
      lastOperation: { operation: 'disable', status: { value: 'completed', errors: [] } },
    })
    expect(await progressOf(id)).toEqual({ ...kept, nextDueAt: null })

    host.clock.time = NOW + 100 * MINUTE
    const enabled = await act(id, 'enable').expect(200)
    expect(enabled.body.etag).not.toBe(disabled.body.etag)
    const after = await read(host.api, 'flows', id)
    expect(after).toMatchObject({ state: 'enabled', lastOperation: { operation: 'enable' }, createdAt: NOW })
    expect(after.updatedAt).toBe(NOW + 100 * MINUTE)
    expect(await progressOf(id)).toEqual({ ...kept, nextDueAt: NOW + 113 * MINUTE })
  })

  test('a flow of frequency once that was disabled before its run makes it when enabled', async () => {
    const id = await flow({ scheduleParams: once(NOW + MINUTE) })
    await act(id, 'disable').expect(200)
    host.clock.time = NOW + 5 * MINUTE
    await act(id, 'enable').expect(200)
    expect(await dueAt(id)).toBe(NOW + 5 * MINUTE)
  })

  test('a flow of frequency once that has run makes no second run when enabled', async () => {
    const id = await flow({ scheduleParams: once(NOW) })
    const stored = (await store().entities.get(tenant, 'flows', id))!
    await store().entities.updateDocument(stored, {
      ...stored.document,
      lastRunDetails: { id: UNKNOWN_ID, state: 'success' },
    })
    await act(id, 'disable').expect(200)
    await act(id, 'enable').expect(200)
    expect(await dueAt(id)).toBeNull()
    expect(await read(host.api, 'flows', id)).toMatchObject({ lastRunDetails: { id: UNKNOWN_ID } })
  })

  test.each([
    ['enable', 'enabled'],
    ['enable', 'draft'],
    ['disable', 'disabled'],
    ['disable', 'draft'],
    ['publish', 'enabled'],
    ['publish', 'disabled'],
  ])('%s is refused for a flow that is %s', async (op, state) => {
    const id = await flow({}, state === 'draft' ? '?mode=draft' : '')
    if (state === 'disabled') await act(id, 'disable').expect(200)
    const before = await read(host.api, 'flows', id)
    expect((await act(id, op).expect(400)).body.errorCode).toBe('1422-400')
    expect(await read(host.api, 'flows', id)).toEqual(before)
  })

  test.each([
    ['op=finalize', '1402-400'],
    ['op=finalize_update', '1402-400'],
    ['op=re_trigger', '1398-400'],
    ['op=', '1398-400'],
    ['op=disable&subOp=maybe', '1435-400'],
    ['op=enable&subOp=APPLY', '1436-400'],
  ])('the action "%s" answers %s', async (query, code) => {
    const id = await flow()
    const response = await host.api.post(`${ALL}/${id}/action?${query}`).expect(400)
    expect(response.body.errorCode).toBe(code)
  })

  test('an action compares If-Match when it is sent, and takes a documented subOp', async () => {
    const id = await flow()
    const { etag } = await read(host.api, 'flows', id)
    const stale = await act(id, 'disable').set('If-Match', '"stale"').expect(412)
    expect(stale.body.errorCode).toBe('1404-412')
    expect((await read(host.api, 'flows', id)).state).toBe('enabled')
    await act(id, 'disable&subOp=progress').set('If-Match', etag).expect(200)
    await host.api.post(`${ALL}/${UNKNOWN_ID}/action?op=enable`).expect(404)
  })
})
