import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Response } from 'supertest'
import type { Action, StripeObject } from '../../src/sandbox/index.ts'
import type { ObservedRecord } from '../../src/store/store.ts'
import { CATALOG, createDataSet, STRIPE_SPEC, UNKNOWN_ID } from '../support/flow-host.ts'
import { createStripeChain, firstRun, runNow, startStripeHost, type StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import type { TestApi } from '../support/test-host.ts'

interface Version {
  readonly runId: string | null
  readonly sequence: number
  readonly op: string
  readonly resourcePath: string
  readonly observedAt: number
  readonly event: { readonly id: string; readonly type: string; readonly createdAt: number } | null
  readonly changed: readonly { readonly path: string; readonly old?: unknown; readonly new?: unknown }[] | null
  readonly record?: { readonly data: StripeObject }
}

let host: StripeHost
let dataSetId: string
let flowId: string
/** Oldest first: customers from long before the flow, which its later runs do not list again. */
let customers: StripeObject[]

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 40, customers: 30 } })
  const chain = await createStripeChain(host.api, { resourcePath: 'customers' })
  ;({ dataSetId, flowId } = chain)
  await firstRun(host.api, flowId)
  customers = [...host.sandbox.world.all('customers')].toReversed().filter(({ test_clock }) => test_clock === null)
})

afterEach(() => host.sandbox.faults.clear())
afterAll(() => host.stop())

const apply = (action: Action) => host.sandbox.apply(action)
const update = (id: string, params: object) => apply({ type: 'update', id, params })
const pathOf = (objectId: string, dataSet = dataSetId) =>
  `${CATALOG}/dataSets/${dataSet}/records/${encodeURIComponent(objectId)}/history`
const run = async (): Promise<string> => (await runNow(host.api, flowId)).id

async function historyOf(objectId: string, query = '', dataSet = dataSetId): Promise<Version[]> {
  const { body } = await host.api.get(`${pathOf(objectId, dataSet)}?${query}`).expect(200)
  expect(body._page).toEqual({ count: body.items.length })
  return body.items
}

/** The newest event about an object, as Stripe lists it. */
function newestEvent(objectId: string): StripeObject {
  for (const event of host.sandbox.world.all('events')) {
    if ((event.data as { object: StripeObject }).object.id === objectId) return event
  }
  throw new Error(`no event about ${objectId}`)
}

async function numberOfDataSet(id: string): Promise<number> {
  const tenant = { orgId: ACME.orgId, sandboxName: 'prod' }
  return (await host.host.context.store.entities.get(tenant, 'dataSets', id))!.no
}

/** Numbers that no run of the host has. */
let inventedRuns = 1_000_000_000

/** Stores versions of objects as a run would. */
async function deliver(dataSet: string, resourcePath: string, observedAt: number, records: readonly ObservedRecord[]) {
  const target = { dataSetNo: await numberOfDataSet(dataSet), connectionSpecId: STRIPE_SPEC.id, resourcePath }
  await host.host.context.store.records.deliver({
    target,
    runNo: inventedRuns++,
    lastSequence: 0,
    observedAt,
    records,
  })
}

function version(objectId: string, data: object): ObservedRecord {
  const body = JSON.stringify({ data })
  return { objectId, operation: 'upsert', body, contentHash: body }
}

describe('the history of an object', () => {
  test('tells what each version changed and which event it was read because of, newest first', async () => {
    const { id, metadata } = customers[0]!
    update(id, { description: 'first', metadata: { tier: 'gold' } })
    const first = await run()
    const created = newestEvent(id)
    update(id, { description: '', metadata: { tier: 'silver', 'a/b': 'c' } })
    const second = await run()
    const items = await historyOf(id)
    expect(items).toHaveLength(3)
    expect(items[0]).toMatchObject({ runId: second, sequence: 1, op: 'upsert', resourcePath: 'customers' })
    expect(items[0]!.changed).toEqual(
      expect.arrayContaining([
        { path: '/data/description', old: 'first', new: null },
        { path: '/data/metadata/tier', old: 'gold', new: 'silver' },
        { path: '/data/metadata/a~1b', new: 'c' },
      ]),
    )
    expect(items[0]!.changed).toHaveLength(3)
    expect(items[1]).toMatchObject({
      runId: first,
      event: { id: created.id, type: 'customer.updated', createdAt: Number(created.created) * 1000 },
    })
    expect(items[2]).toMatchObject({ event: null, changed: null, op: 'upsert' })
    expect(items.map(({ observedAt }) => observedAt)).toEqual(
      items.map(({ observedAt }) => observedAt).toSorted((left, right) => right - left),
    )
    const records = await historyOf(id, 'include=record')
    expect(records.map(({ record }) => record?.data.metadata)).toEqual([
      { ...(metadata as object), tier: 'silver', 'a/b': 'c' },
      { ...(metadata as object), tier: 'gold' },
      metadata,
    ])
    for (const item of items) expect(item).not.toHaveProperty('record')
  })

  test('names the newest of several events that one reading answers', async () => {
    const { id } = customers[1]!
    for (const description of ['one', 'two', 'three']) update(id, { description })
    await run()
    const items = await historyOf(id)
    expect(items).toHaveLength(2)
    expect(items[0]!.event).toMatchObject({ id: newestEvent(id).id })
    expect(items[0]!.changed).toEqual([expect.objectContaining({ path: '/data/description', new: 'three' })])
  })

  test('goes on through a deletion', async () => {
    const { id } = customers[2]!
    apply({ type: 'delete', id })
    await run()
    const [deleted, before, ...others] = await historyOf(id, 'include=record')
    expect(others).toEqual([])
    expect(deleted).toMatchObject({ op: 'delete', changed: null, event: { type: 'customer.deleted' } })
    expect(deleted).not.toHaveProperty('record')
    expect(before).toMatchObject({ op: 'upsert', record: { data: { id } } })
  })

  test('has one version of what never changed, and none more after runs that found it the same', async () => {
    await run()
    expect(await historyOf(customers[3]!.id)).toEqual([expect.objectContaining({ changed: null, event: null })])
  })

  test('is told of the object that an event about its child has changed', async () => {
    const { id } = customers[4]!
    apply({ type: 'customer_child', id, child: 'discount' })
    await run()
    const [newest] = await historyOf(id)
    expect(newest!.event).toMatchObject({ type: 'customer.discount.created' })
    expect(newest!.changed).toEqual([expect.objectContaining({ path: '/data/discount', old: null })])
  })

  test('shows changed arrays whole', async () => {
    const dataSet = await createDataSet(host.api)
    await deliver(dataSet, 'subscriptions', 1000, [version('sub_1', { items: [{ n: 1 }, { n: 2 }] })])
    await deliver(dataSet, 'subscriptions', 2000, [version('sub_1', { items: [{ n: 1 }, { n: 3 }] })])
    const [newest] = await historyOf('sub_1', '', dataSet)
    expect(newest!.changed).toEqual([{ path: '/data/items', old: [{ n: 1 }, { n: 2 }], new: [{ n: 1 }, { n: 3 }] }])
    expect(newest!.runId).toBeNull()
  })
})

describe('pages of a history', () => {
  test.each([1, 2, 3, 100])('of %i are the same versions, also when one is added in between', async (limit) => {
    const dataSet = await createDataSet(host.api)
    for (let n = 1; n <= 7; n++) await deliver(dataSet, 'charges', n, [version('ch_1', { n })])
    const whole = await historyOf('ch_1', '', dataSet)
    expect(whole.map(({ observedAt }) => observedAt)).toEqual([7, 6, 5, 4, 3, 2, 1])
    const items: Version[] = []
    let path: string | undefined = `${pathOf('ch_1', dataSet)}?limit=${limit}`
    for (let page = 0; path !== undefined; page++) {
      const { body }: Response = await host.api.get(path).expect(200)
      items.push(...body.items)
      expect(body.items.length).toBeLessThanOrEqual(limit)
      path = body._links.next && CATALOG + body._links.next.href
      await deliver(dataSet, 'charges', 100 + page, [version('ch_1', { n: 100 + page })])
    }
    expect(items).toEqual(whole)
  })

  test('merge what several resources have under one id, and can be narrowed to one', async () => {
    const dataSet = await createDataSet(host.api)
    for (const [observedAt, resource] of [
      [1, 'a'],
      [2, 'b'],
      [3, 'a'],
      [4, 'b'],
      [5, 'b'],
    ] as const) {
      await deliver(dataSet, resource, observedAt, [version('same', { observedAt })])
    }
    const places = (items: readonly Version[]) => items.map((item) => `${item.resourcePath}${item.observedAt}`)
    expect(places(await historyOf('same', '', dataSet))).toEqual(['b5', 'b4', 'a3', 'b2', 'a1'])
    expect(places(await historyOf('same', 'resourcePath=a', dataSet))).toEqual(['a3', 'a1'])
    const all: string[] = []
    let path: string | undefined = `${pathOf('same', dataSet)}?limit=2`
    while (path !== undefined) {
      const { body }: Response = await host.api.get(path).expect(200)
      all.push(...places(body.items))
      path = body._links.next && CATALOG + body._links.next.href
    }
    expect(all).toEqual(['b5', 'b4', 'a3', 'b2', 'a1'])
    await host.api.get(`${pathOf('same', dataSet)}?resourcePath=c`).expect(404)
  })

  test.each(['a/b', 'a%2Fb', 'ä ö?#&=+', '...', "it's", '{}', '%', 'nul\u0000', '日本'])(
    'reach the object %j',
    async (id) => {
      const dataSet = await createDataSet(host.api)
      await deliver(dataSet, 'things', 1, [version(id, { n: 1 }), version('other', { n: 1 })])
      await deliver(dataSet, 'things', 2, [version(id, { n: 2 })])
      const { body } = await host.api.get(`${pathOf(id, dataSet)}?limit=1`).expect(200)
      expect(body.items).toEqual([expect.objectContaining({ changed: [{ path: '/data/n', old: 1, new: 2 }] })])
      const next = await host.api.get(CATALOG + body._links.next.href).expect(200)
      expect(next.body.items).toEqual([expect.objectContaining({ observedAt: 1 })])
      expect(next.body._links).toEqual({})
    },
  )

  test('are served under both spellings of the path', async () => {
    const { body } = await host.api.get(pathOf(customers[5]!.id).replace('dataSets', 'datasets')).expect(200)
    expect(body.items).toHaveLength(1)
  })
})

describe('a history', () => {
  const refusal = async (path: string, status: number, api: TestApi = host.api) => {
    const { body } = await api.get(path).expect(status)
    return body.errorCode
  }

  test('of an unknown dataset, object or tenant is unknown', async () => {
    const { id } = customers[5]!
    expect(await refusal(pathOf(id, UNKNOWN_ID), 404)).toBe('1101-404')
    expect(await refusal(pathOf('cus_none'), 404)).toBe('1101-404')
    expect(await refusal(pathOf('x'.repeat(4000)), 404)).toBe('1101-404')
    expect(await refusal(pathOf(id), 404, await host.as(GLOBEX))).toBe('1101-404')
    expect(await refusal(pathOf(id), 404, await host.as(ACME, 'dev'))).toBe('1101-404')
  })

  test('of an object that was deleted before it was ever delivered is unknown', async () => {
    const dataSet = await createDataSet(host.api)
    await deliver(dataSet, 'things', 1, [{ objectId: 'gone', operation: 'delete', body: null, contentHash: null }])
    expect(await refusal(pathOf('gone', dataSet), 404)).toBe('1101-404')
  })

  test('refuses limits, includes and tokens that are none of its own', async () => {
    const { id } = customers[0]!
    for (const query of ['limit=0', 'limit=ten', 'include=mapped', 'continuationToken=abc']) {
      expect(await refusal(`${pathOf(id)}?${query}`, 400)).toBe('1452-400')
    }
    const { body } = await host.api.get(`${pathOf(id)}?limit=1`).expect(200)
    const token = body._links.next.href.split('=')[1]
    expect(await refusal(`${pathOf(customers[1]!.id)}?continuationToken=${token}`, 400)).toBe('1452-400')
    const records = `${CATALOG}/dataSets/${dataSetId}/records`
    expect(await refusal(`${records}?continuationToken=${token}`, 400)).toBe('1452-400')
  })

  test('can only be read', async () => {
    const { body, headers } = await host.api.post(pathOf(customers[0]!.id), {}).expect(405)
    expect(headers.allow).toContain('GET')
    expect(body.status).toBe(405)
  })
})
