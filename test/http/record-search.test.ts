import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CATALOG, createDataSet, FLOW_SERVICE, UNKNOWN_ID } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  recordsOfDataSet,
  recordsOfRun,
  runNow,
  startStripeHost,
  type RecordItem,
  type StripeHost,
} from '../support/stripe-host.ts'
import { GLOBEX, type TestApi } from '../support/test-host.ts'

const RESOURCES = ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices'] as const

let host: StripeHost
/** All six resources. */
let dataSetId: string
const flows = new Map<string, string>()

beforeAll(async () => {
  const counts = { charges: 60, subscriptions: 90, refunds: 20, balance_transactions: 60, customers: 40, prices: 20 }
  host = await startStripeHost({ counts })
  dataSetId = await createDataSet(host.api)
  for (const resourcePath of RESOURCES) {
    const { flowId } = await createStripeChain(host.api, { resourcePath, dataSetId })
    await firstRun(host.api, flowId)
    flows.set(resourcePath, flowId)
  }
}, 120_000)

afterAll(() => host.stop())

const path = (query: string, more = '', id = dataSetId) =>
  `${CATALOG}/dataSets/${id}/records?query=${encodeURIComponent(query)}${more}`

const found = (query: string, more = '&limit=1000'): Promise<RecordItem[]> =>
  recordsOfDataSet(host.api, dataSetId, `query=${encodeURIComponent(query)}${more}`)

const idsOf = (items: readonly RecordItem[]) => items.map(({ id }) => id)

/** What a look at every record finds. */
async function expected(is: (item: RecordItem) => boolean): Promise<string[]> {
  return idsOf((await recordsOfDataSet(host.api, dataSetId)).filter(is))
}

const metadataOf = ({ record }: RecordItem) => record.data['metadata'] as Record<string, string> | undefined

async function refusal(target: string, api: TestApi = host.api): Promise<string> {
  const { body } = await api.get(target).expect(400)
  expect(body.errorCode).toBe('1452-400')
  return body.detail
}

describe('a search over a dataset', () => {
  test('finds subscriptions by their metadata, in the order of their ids', async () => {
    const items = await found('metadata["device_type"]:"samsung"')
    expect(idsOf(items)).toEqual(await expected((item) => metadataOf(item)?.['device_type'] === 'samsung'))
    expect(items.length).toBeGreaterThan(0)
    expect(idsOf(items)).toEqual(idsOf(items).toSorted())
    expect(items[0]).toMatchObject({ op: 'upsert', resourcePath: 'subscriptions' })
    expect(items[0]!.record.data.id).toBe(items[0]!.id)
  })

  test('finds both ways in which a device is noted', async () => {
    const items = await found('metadata["device_type"]:"samsung" OR metadata["Samsung"]:"yes"')
    const both = (item: RecordItem) =>
      metadataOf(item)?.['device_type'] === 'samsung' || metadataOf(item)?.['Samsung'] === 'yes'
    expect(idsOf(items)).toEqual(await expected(both))
    expect(items.some((item) => metadataOf(item)?.['Samsung'] === 'yes')).toBe(true)
    expect(items.some((item) => metadataOf(item)?.['device_type'] === 'samsung')).toBe(true)
  })

  test.each([
    ['charges', 'refunded:"true"', ({ refunded }) => refunded === true],
    ['subscriptions', 'status:"canceled"', ({ status }) => status === 'canceled'],
    ['refunds', '-charge:null AND amount>0', ({ object }) => object === 'refund'],
    ['balance_transactions', 'reporting_category:"charge"', ({ reporting_category: kind }) => kind === 'charge'],
    ['customers', '-email:null', ({ email }) => typeof email === 'string'],
    ['prices', 'active:"false"', ({ active }) => active === false],
  ] as [string, string, (data: Record<string, unknown>) => boolean][])(
    'asks %s what only they know: %s',
    async (resourcePath, query, is) => {
      const items = await found(query)
      expect(idsOf(items)).toEqual(await expected((item) => item.resourcePath === resourcePath && is(item.record.data)))
      expect(items.length).toBeGreaterThan(0)
    },
  )

  test('asks all resources that know the fields', async () => {
    const items = await found('-currency:"xyz" AND created>1')
    const asked = new Set(items.map(({ resourcePath }) => resourcePath))
    expect(asked).toEqual(new Set(['charges', 'refunds', 'balance_transactions']))
  })

  test.each([1, 7, 1000])('by %i to a page is the same, each once', async (limit) => {
    const query = '-status:"active" AND created>1'
    const whole = idsOf(await found(query))
    expect(idsOf(await found(query, `&limit=${limit}`))).toEqual(whole)
    expect(new Set(whole).size).toBe(whole.length)
  })

  test('says in the link nothing but the token, which carries the query', async () => {
    const first = await host.api.get(path('created>1', '&limit=3')).expect(200)
    expect(first.body._page).toEqual({ count: 3 })
    const { href } = first.body._links.next
    expect(href).toMatch(/^\/dataSets\/[0-9a-f]+\/records\?continuationToken=[A-Za-z0-9_-]+$/)
    const second = await host.api.get(CATALOG + href).expect(200)
    const again = await host.api.get(`${CATALOG}${href}&query=${encodeURIComponent('created>1')}`).expect(200)
    expect(second.body.items).toEqual(again.body.items)
    expect(second.body.items[0].id > first.body.items[2].id).toBe(true)
  })

  test('takes brackets as they are and encoded', async () => {
    const raw = `${CATALOG}/dataSets/${dataSetId}/records?query=metadata['device_type']:'samsung'`
    const { body } = await host.api.get(raw).expect(200)
    const encoded = await host.api.get(path(`metadata['device_type']:'samsung'`)).expect(200)
    expect(body.items).toEqual(encoded.body.items)
    expect(body.items.length).toBeGreaterThan(0)
  })

  test('finds nothing in a dataset that nothing has landed in', async () => {
    const { body } = await host.api.get(path('status:"active"', '', await createDataSet(host.api))).expect(200)
    expect(body).toEqual({ items: [], _page: { count: 0 }, _links: {} })
  })

  test('is unknown to another organisation and another sandbox, and in an unknown dataset', async () => {
    for (const api of [await host.as(GLOBEX), await host.as(GLOBEX, 'dev')]) {
      expect((await api.get(path('status:"active"')).expect(404)).body.errorCode).toBe('1101-404')
    }
    await host.api.get(path('status:"active"', '', UNKNOWN_ID)).expect(404)
  })

  test('leaves out records of other connection specs', async () => {
    const id = await createDataSet(host.api)
    const { store } = host.host.context
    const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }
    const dataSet = await store.entities.get(tenant, 'dataSets', id)
    const body = JSON.stringify({ data: { id: 'x', metadata: { device_type: 'samsung' } } })
    await store.records.deliver({
      target: { dataSetNo: dataSet!.no, connectionSpecId: 'another', resourcePath: 'subscriptions' },
      runNo: 1_000_000,
      lastSequence: 0,
      observedAt: 1,
      records: [{ objectId: 'x', operation: 'upsert', body, contentHash: 'x' }],
    })
    expect(await recordsOfDataSet(host.api, id)).toHaveLength(1)
    for (const query of ['metadata["device_type"]:"samsung"', '-metadata["device_type"]:"lgtv"']) {
      expect(await recordsOfDataSet(host.api, id, `query=${encodeURIComponent(query)}`)).toEqual([])
    }
  })
})

describe('a search after changes', () => {
  const customersFlow = () => flows.get('customers')!

  test('finds at once what a run has delivered, changed and deleted', async () => {
    const [made] = host.sandbox.apply({
      type: 'create',
      resource: 'customers',
      params: { metadata: { campaign: 'Spring "26"' } },
    })
    const query = 'metadata["campaign"]:"Spring \\"26\\""'
    expect(await found(query)).toEqual([])
    await runNow(host.api, customersFlow())
    expect(idsOf(await found(query))).toEqual([made!.id])

    host.sandbox.apply({ type: 'update', id: made!.id, params: { metadata: { campaign: 'autumn' } } })
    const changed = await runNow(host.api, customersFlow())
    expect(await found(query)).toEqual([])
    expect(idsOf(await found('metadata["campaign"]:"AUTUMN"'))).toEqual([made!.id])

    host.sandbox.apply({ type: 'delete', id: made!.id })
    await runNow(host.api, customersFlow())
    expect(await found('metadata["campaign"]:"autumn"')).toEqual([])
    expect(await found('-metadata["campaign"]:null')).toEqual([])
    expect(idsOf(await recordsOfRun(host.api, changed.id))).toEqual([made!.id])
  })

  test('finds nothing of a dataset that was deleted', async () => {
    const chain = await createStripeChain(host.api, { resourcePath: 'prices' })
    await firstRun(host.api, chain.flowId)
    expect((await host.api.get(path('type:"recurring"', '', chain.dataSetId)).expect(200)).body.items).not.toEqual([])
    await host.api.delete(`${FLOW_SERVICE}/flows/${chain.flowId}`).expect(204)
    await host.api.delete(`${FLOW_SERVICE}/targetConnections/${chain.targetId}`).expect(204)
    await host.api.delete(`${CATALOG}/dataSets/${chain.dataSetId}`).expect(200)
    await host.api.get(path('type:"recurring"', '', chain.dataSetId)).expect(404)
  })
})

describe('a query that cannot be asked', () => {
  test.each([
    ['status:active', 7, 'text needs quotation marks'],
    ['created>1 AND created<9 OR status:"active"', 24, 'AND and OR cannot be mixed'],
    ['(status:"active")', 0, 'parentheses are not taken'],
    ['colour:"red"', 0, 'colour is no searchable field'],
    ['status:"active" AND status~"act"', 26, '"~" is not supported by the token field status'],
    ['metadata["device_type"]~"tv"', 24, 'at least 3 characters'],
    ['email:"a" AND amount>1', 14, 'amount is no searchable field of customers'],
    [' ', 0, 'the query is empty'],
    ['status:"activ', 7, 'never closed'],
    [Array(11).fill('created>1').join(' AND '), 140, '11 clauses'],
    ['x'.repeat(6000), 5000, 'at most 5000'],
  ])('is refused where it is wrong: %s', async (query, position, reason) => {
    const detail = await refusal(path(query))
    expect(detail).toContain(`refused at position ${position}:`)
    expect(detail).toContain(reason)
    expect(detail.length).toBeLessThan(600)
  })

  test('is refused by a dataset whose resources do not know its fields', async () => {
    const chain = await createStripeChain(host.api, { resourcePath: 'customers' })
    await firstRun(host.api, chain.flowId)
    expect(await refusal(path('status:"active"', '', chain.dataSetId))).toContain('no searchable field of customers')
  })

  test('is taken leniently with parentheses, and with AND beside OR', async () => {
    const query = '(status:"canceled" OR status:"past_due") AND metadata["device_type"]:"samsung" OR created<1'
    await refusal(path(query))
    await refusal(path(query, '&lenient=false'))
    const both = (item: RecordItem) =>
      ['canceled', 'past_due'].includes(String(item.record.data['status'])) &&
      metadataOf(item)?.['device_type'] === 'samsung'
    expect(idsOf(await found(query, '&lenient=true'))).toEqual(await expected(both))
    expect(await refusal(path('(status:"active"', '&lenient=true'))).toContain('position 16')
  })

  test('is refused with what does not go with it', async () => {
    expect(await refusal(path('created>1', '&includeDeleted=true'))).toContain('includeDeleted=true does not go')
    await host.api.get(path('created>1', '&includeDeleted=false')).expect(200)
    expect(await refusal(path('created>1', '&lenient=perhaps'))).toContain('lenient')
    expect(await refusal(path('created>1', '&limit=0'))).toContain('limit')
    expect(await refusal(path('created>1', '&include=everything'))).toContain('include')
    expect(await refusal(`${CATALOG}/dataSets/${dataSetId}/records?lenient=true`)).toContain('give a query too')
  })

  test('is refused beside the token of another query, or of none', async () => {
    const { body } = await host.api.get(path('created>1', '&limit=1')).expect(200)
    const next: string = CATALOG + body._links.next.href
    expect(await refusal(`${next}&query=${encodeURIComponent('created>2')}`)).toContain('belongs to another query')
    expect(await refusal(`${next}&lenient=true`)).toContain('belongs to another query')
    const all = await host.api.get(`${CATALOG}/dataSets/${dataSetId}/records?limit=1`).expect(200)
    expect(await refusal(`${CATALOG}${all.body._links.next.href}&query=created%3E1`)).toContain('another query')
    const other = await createDataSet(host.api)
    await refusal(next.replace(dataSetId, other))
  })
})
