import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { silentLogger } from '../../../src/logger.ts'
import type { SourcePlugin, SourceRecord } from '../../../src/plugins/plugin.ts'
import { createRestHttp } from '../../../src/plugins/rest/http.ts'
import { withXsollaWebhooks } from '../../../src/plugins/xsolla/plugin.ts'
import { FLOW_SERVICE } from '../../support/flow-host.ts'
import { firstRun, pause, recordsOfDataSet, runNow, statusOf } from '../../support/stripe-host.ts'
import { untilNothingPends } from '../../webhooks/support.ts'
import {
  connect,
  createXsollaFlow,
  landed,
  payment,
  send,
  startXsollaHost,
  type XsollaHost,
} from '../../webhooks/xsolla-support.ts'

let host: XsollaHost
let baseId: string

beforeAll(async () => {
  const lists: Readonly<Record<string, unknown>> = {
    '/users': [{ id: 'a' }, { id: 'b' }],
    '/subscriptions': [{ id: 1 }],
  }
  host = await startXsollaHost({ answer: ({ path }) => ({ body: lists[path] ?? [] }) })
  baseId = await connect(host.api, host.source.url)
})

afterAll(() => host.stop())

const sourceParams = (params: object) => Buffer.from(JSON.stringify(params)).toString('base64url')

describe('notifications as a resource', () => {
  test('stand beside the resources of the specification', async () => {
    const { body } = await host.api.get(`${FLOW_SERVICE}/connections/${baseId}/explore?objectType=root`).expect(200)
    expect(body.map(({ path }: { path: string }) => path)).toEqual(['subscriptions', 'users', 'notifications'])
  })

  test('can be explored without a request: their schema is built in, a preview is empty', async () => {
    const before = host.source.requests.length
    const query = `objectType=rest&object=json&preview=true&sourceParams=${sourceParams({ resourcePath: 'notifications' })}`
    const { body } = await host.api.get(`${FLOW_SERVICE}/connections/${baseId}/explore?${query}`).expect(200)
    expect(body.data).toEqual([])
    expect(body.schema.properties.data.properties).toMatchObject({ notification_type: { type: 'string' } })
    expect(host.source.requests).toHaveLength(before)
  })

  test('are never listed, so a run finds nothing and takes nothing away', async () => {
    const chain = await createXsollaFlow(host.api, baseId)
    await firstRun(host.api, chain.flowId)
    const before = host.source.requests.length
    await send(host, baseId, payment()).expect(204)
    await untilNothingPends(host.api, baseId)
    const run = await runNow(host.api, chain.flowId)
    expect([statusOf(run), run.metrics.recordSummary.outputRecordCount]).toEqual(['success', 0])
    expect((await landed(host.api, chain)).size).toBe(1)
    expect(host.source.requests).toHaveLength(before)
  }, 30_000)

  test('stay through an audit, which cannot list them either; a repair is refused', async () => {
    const chain = await createXsollaFlow(host.api, baseId)
    await firstRun(host.api, chain.flowId)
    await send(host, baseId, payment()).expect(204)
    await untilNothingPends(host.api, baseId)
    const before = await landed(host.api, chain)
    expect(before.size).toBeGreaterThan(0)
    const flow = `${FLOW_SERVICE}/flows/${chain.flowId}`
    const refused = await host.api.post(`${flow}/audit`, { repair: true }).expect(400)
    expect(refused.body.errorCode).toBe('1402-400')
    const { id } = (await host.api.post(`${flow}/audit`).expect(202)).body
    for (let status = ''; status !== 'success'; await pause()) {
      status = (await host.api.get(`${flow}/audits/${id}`).expect(200)).body.status
    }
    expect(await landed(host.api, chain)).toEqual(before)
  }, 30_000)
})

test('a resource of the specification is read as before', async () => {
  const chain = await createXsollaFlow(host.api, baseId, 'users')
  await firstRun(host.api, chain.flowId)
  const records = await recordsOfDataSet(host.api, chain.dataSetId)
  expect(records.map(({ id, record }) => [id, record])).toEqual([
    ['a', { data: { id: 'a' } }],
    ['b', { data: { id: 'b' } }],
  ])
})

describe('a source of subscriptions', () => {
  const asked: string[] = []
  const records: SourceRecord[] = [
    { id: 'a', record: { data: { id: 1, status: 'active', user: { id: 'a', name: null } } } },
    { id: 'a', record: { data: { id: 2, status: 'canceled', user: { id: 'a', name: null } } } },
    { id: 'b', record: { data: { id: 'b', name: 'Bo' } } },
  ]
  const resource = { resourcePath: 'subscriptions', passes: ['all'], overlapSeconds: 0, builtInSchema: {} }
  const plugin: SourcePlugin = {
    connectionSpec: { id: 'x', name: 'x' },
    resources: [resource],
    connect: () => ({
      check: async () => {},
      readPage: async () => ({ records, nextCursor: 'next' }),
      estimate: async ({ resourcePath }) => {
        asked.push(resourcePath)
        return { permissions: [], rows: 5, exact: true, requests: 1, seconds: 1, calls: 1 }
      },
    }),
  }
  const wrapped = withXsollaWebhooks(plugin, { http: createRestHttp({ allowedHosts: [] }) })
  const source = wrapped.connect({}, {}, { logger: silentLogger })
  const request = { window: { from: null, to: null }, signal: AbortSignal.timeout(10_000) }
  const read = (resourcePath: string) =>
    source.readPage({ ...request, resourcePath, pass: 'all', cursor: null, limit: 100 })

  test('shows as users what the subscriptions say of them, each time the same', async () => {
    const user = { id: 'a', record: { data: { id: 'a', name: null } } }
    expect(await read('users')).toEqual({ records: [user, user, records[2]], nextCursor: 'next' })
  })

  test('is left as it is under any other path', async () => {
    expect((await read('subscriptions')).records).toBe(records)
    expect(await read('notifications')).toEqual({ records: [], nextCursor: null })
  })

  test('is asked for an estimate of its own resources only', async () => {
    const rowsOf = async (resourcePath: string) => (await source.estimate!({ ...request, resourcePath })).rows
    expect([await rowsOf('subscriptions'), await rowsOf('notifications'), asked]).toEqual([5, 0, ['subscriptions']])
  })

  test('keeps the resources that it names itself', () => {
    expect(wrapped.resourceOf?.({ resourcePath: 'subscriptions' })).toBe(resource)
    expect(wrapped.resourceOf?.({ resourcePath: 'notifications' })?.resourcePath).toBe('notifications')
    expect(wrapped.resourceOf?.({ resourcePath: 'none' })).toBeUndefined()
  })
})
