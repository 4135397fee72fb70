import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Response } from 'supertest'
import { CATALOG, create, createDataSet, FLOW_SERVICE, UNKNOWN_ID } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  pause,
  recordsOfDataSet,
  recordsOfRun,
  runsOf,
  startStripeHost,
  untilEnded,
  type RecordItem,
  type StripeHost,
} from '../support/stripe-host.ts'
import { GLOBEX } from '../support/test-host.ts'

const CHARGES = 530

let host: StripeHost
let dataSetId: string
let runId: string

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: CHARGES } })
  const chain = await createStripeChain(host.api)
  dataSetId = chain.dataSetId
  runId = (await firstRun(host.api, chain.flowId)).id
})

afterAll(() => host.stop())

describe('the records of a run', () => {
  const path = () => `${FLOW_SERVICE}/runs/${runId}/records`

  test('come 100 to a page unless asked otherwise', async () => {
    const { body } = await host.api.get(path()).expect(200)
    expect(body.items).toHaveLength(100)
    expect(body._page).toEqual({ count: 100 })
    expect(body._links.next.href).toMatch(/^\/runs\/[0-9a-f-]+\/records\?continuationToken=[A-Za-z0-9_-]+$/)
  })

  test.each([7, 100, 265, 530, 1000])('by %i to a page are the same, each once, in delivery order', async (limit) => {
    const items = await recordsOfRun(host.api, runId, limit)
    expect(items.map((item) => item.sequence)).toEqual(Array.from({ length: CHARGES }, (_, index) => index + 1))
    expect(new Set(items.map((item) => item.id)).size).toBe(CHARGES)
  })

  test('end with a page without a link', async () => {
    const { body } = await host.api.get(`${path()}?limit=1000`).expect(200)
    expect(body._links).toEqual({})
    expect(body._page).toEqual({ count: CHARGES })
  })

  test('say of each record what it is and when it was observed', async () => {
    const { body } = await host.api.get(`${path()}?limit=1`).expect(200)
    const [item] = body.items as RecordItem[]
    expect(item).toMatchObject({ op: 'upsert', resourcePath: 'charges', sequence: 1 })
    expect(item!.record.data.id).toBe(item!.id)
    expect(Math.abs(Date.now() - item!.observedAt)).toBeLessThan(60_000)
  })

  test.each(['0', '-1', 'ten', '1.5', '1e3'])('refuse limit=%s', async (limit) => {
    expect((await host.api.get(`${path()}?limit=${limit}`).expect(400)).body.errorCode).toBe('1452-400')
  })

  test('refuse a token that was changed, made up or made for another list', async () => {
    const { body } = await host.api.get(`${path()}?limit=10`).expect(200)
    const token: string = body._links.next.href.split('=')[1]
    const foreign = (await host.api.get(`${CATALOG}/dataSets/${dataSetId}/records?limit=10`).expect(200)).body._links
      .next
    const changed = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A')
    for (const bad of [changed, 'abc', `${token}x`, foreign.href.split('=')[1]]) {
      expect((await host.api.get(`${path()}?continuationToken=${bad}`).expect(400)).body.errorCode).toBe('1452-400')
    }
  })

  test('refuse an include that does not exist', async () => {
    await host.api.get(`${path()}?include=mapped`).expect(200)
    expect((await host.api.get(`${path()}?include=everything`).expect(400)).body.errorCode).toBe('1452-400')
  })

  test('of an unknown run are unknown', async () => {
    expect((await host.api.get(`${FLOW_SERVICE}/runs/${UNKNOWN_ID}/records`).expect(404)).body.errorCode).toBe(
      '1101-404',
    )
  })
})

describe('the records of a run that is going on', () => {
  test('can be followed to the end, and a page never changes once it was served', async () => {
    host.sandbox.faults.add({ times: null, fault: { kind: 'latency', ms: 120 } })
    const chain = await createStripeChain(host.api)
    while ((await runsOf(host.api, chain.flowId)).length === 0) await pause()
    const [{ id }] = await runsOf(host.api, chain.flowId)
    const served = new Map<string, string[]>()
    const followed: RecordItem[] = []
    let emptyPages = 0
    let path: string | undefined = `/runs/${id}/records?limit=170`
    while (path !== undefined) {
      const page: Response = await host.api.get(FLOW_SERVICE + path).expect(200)
      const items = page.body.items as RecordItem[]
      followed.push(...items)
      if (items.length > 0)
        served.set(
          path,
          items.map((item) => item.id),
        )
      else emptyPages++
      if (items.length === 0) await pause(10)
      path = page.body._links.next?.href
    }
    host.sandbox.faults.clear()
    await untilEnded(host.api, id)
    expect(emptyPages).toBeGreaterThan(0)
    expect(followed.map((item) => item.sequence)).toEqual(Array.from({ length: CHARGES }, (_, index) => index + 1))
    for (const [servedPath, ids] of served) {
      const { body } = await host.api.get(FLOW_SERVICE + servedPath).expect(200)
      expect((body.items as RecordItem[]).map((item) => item.id)).toEqual(ids)
    }
  })
})

describe('the records of a dataset', () => {
  test.each([7, 100, 1000])('by %i to a page are ordered by id, each once', async (limit) => {
    const ids = (await recordsOfDataSet(host.api, dataSetId, `limit=${limit}`)).map((item) => item.id)
    expect(ids).toEqual(ids.toSorted())
    expect(new Set(ids).size).toBe(CHARGES)
    expect(ids).toHaveLength(CHARGES)
  })

  test('are served under both spellings of the path', async () => {
    const { body } = await host.api.get(`${CATALOG}/datasets/${dataSetId}/records?limit=1`).expect(200)
    expect(body.items).toHaveLength(1)
  })

  test('are none for a dataset that nothing has landed in', async () => {
    const empty = await createDataSet(host.api)
    const { body } = await host.api.get(`${CATALOG}/dataSets/${empty}/records`).expect(200)
    expect(body).toEqual({ items: [], _page: { count: 0 }, _links: {} })
  })

  test('are unknown to another organisation', async () => {
    const stranger = await host.as(GLOBEX)
    const { body } = await stranger.get(`${CATALOG}/dataSets/${dataSetId}/records`).expect(404)
    expect(body.status).toBe(404)
  })

  test('refuse parameters that they do not understand instead of leaving them out', async () => {
    const path = `${CATALOG}/dataSets/${dataSetId}/records`
    for (const query of ['lenient=true', 'includeDeleted=perhaps', 'limit=0']) {
      expect((await host.api.get(`${path}?${encodeURI(query)}`).expect(400)).body.errorCode).toBe('1452-400')
    }
  })

  test('show the newest version of an object that has changed', async () => {
    const { flowId, dataSetId: customers } = await createStripeChain(host.api, { resourcePath: 'customers' })
    await firstRun(host.api, flowId)
    const [made] = host.sandbox.apply({ type: 'create', resource: 'customers' })
    await untilEnded(host.api, await create(host.api, 'runs', { flowId }))
    host.sandbox.apply({ type: 'update', id: made!.id, params: { description: 'changed' } })
    await untilEnded(host.api, await create(host.api, 'runs', { flowId }))
    const found = (await recordsOfDataSet(host.api, customers)).filter((item) => item.id === made!.id)
    expect(found.map((item) => item.record.data.description)).toEqual(['changed'])
  })
})
