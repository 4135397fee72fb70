import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../../src/json.ts'
import { FatalSourceError, RetriableSourceError, type Page, type Source } from '../../../src/plugins/plugin.ts'
import { RESOURCE_PATHS, STRIPE_RESOURCES, type ResourcePath } from '../../../src/plugins/stripe/resources.ts'
import { createStripeSandbox } from '../../../src/sandbox/index.ts'
import type { StripeObject, StripeSandbox } from '../../../src/sandbox/index.ts'
import { STRIPE_SEARCHABLE_RESOURCES } from '../../../src/search/search-query.ts'
import { dataOf, DAY, find, idsOf, NOW, openStripe, readObject, readPage, readPass, truth } from './open-stripe.ts'

const SAMSUNG = 'metadata["device_type"]:"samsung"'

let sandbox: StripeSandbox

beforeEach(async () => {
  sandbox = await createStripeSandbox({
    now: NOW,
    counts: { charges: 30, subscriptions: 90, customers: 40, prices: 60 },
    searchLagSeconds: 0,
  })
})
afterEach(() => sandbox.close())

const open = (resourcePath: ResourcePath, query: string, params: JsonObject = {}): Source =>
  openStripe(sandbox, { params: { resourcePath, query, ...params } })

const hasSamsung = ({ metadata }: StripeObject) => (metadata as JsonObject).device_type === 'samsung'
const samsungs = () => truth(sandbox, 'subscriptions', hasSamsung)
const searches = (resource: ResourcePath = 'subscriptions') =>
  sandbox.journal.entries({ path: `/v1/${resource}/search` }).map(({ params }) => params)
const tag = (id: string, device: string) =>
  sandbox.apply({ type: 'update', id, params: { metadata: { device_type: device } } })

describe('paging', () => {
  test('every hit is read once, however the pages are cut', async () => {
    for (const subscription of sandbox.world.all('subscriptions')) {
      if (subscription.status !== 'canceled') tag(subscription.id, 'samsung')
    }
    const expected = samsungs()
    expect(expected.length).toBeGreaterThan(30)
    for (const limit of [7, 100]) {
      const ids = idsOf(await readPass(open('subscriptions', SAMSUNG), 'subscriptions', 'search', { limit }))
      expect(ids.toSorted()).toEqual(expected.toSorted())
    }
    expect(searches()[1]).toMatchObject({ query: SAMSUNG, limit: '7', page: expect.any(String) })
  })

  test('a page that Stripe does not know any more begins the search anew', async () => {
    const source = open('subscriptions', SAMSUNG)
    const cursor = JSON.stringify({ page: 'forgotten', restarts: 0 })
    const { records, nextCursor } = await readPage(source, 'subscriptions', 'search', { cursor })
    expect(records).toEqual([])
    const ids = idsOf(await readPass(source, 'subscriptions', 'search', { cursor: nextCursor! }))
    expect(ids.toSorted()).toEqual(samsungs().toSorted())
  })

  test('a search that never gets beyond a page ends with Stripe’s refusal', async () => {
    const cursor = JSON.stringify({ page: 'forgotten', restarts: 3 })
    const page = readPage(open('subscriptions', SAMSUNG), 'subscriptions', 'search', { cursor })
    await expect(page).rejects.toThrow(FatalSourceError)
  })

  test('an empty page in the middle is passed', async () => {
    answerNext({ data: [], has_more: true, next_page: 'next' })
    const page = await readPage(open('subscriptions', SAMSUNG), 'subscriptions', 'search')
    expect(page).toMatchObject({ records: [], nextCursor: JSON.stringify({ page: 'next', restarts: 0 }) })
  })

  test('an answer with more and without a next page is asked for again', async () => {
    answerNext({ data: [], has_more: true, next_page: null })
    const page = readPage(open('subscriptions', SAMSUNG), 'subscriptions', 'search')
    await expect(page).rejects.toThrow(RetriableSourceError)
  })

  test('an empty answer to a whole search is not believed at once', async () => {
    answerNext({ data: [], has_more: false, next_page: null })
    const { records } = await readPage(open('subscriptions', SAMSUNG), 'subscriptions', 'search')
    expect(idsOf(records).toSorted()).toEqual(samsungs().toSorted())
  })

  /** What the next search answers. */
  function answerNext(members: JsonObject): void {
    const body = JSON.stringify({ object: 'search_result', url: '/v1/subscriptions/search', ...members })
    sandbox.faults.add({ match: { path: '/v1/subscriptions/search' }, fault: { kind: 'not-json', body } })
  }
})

describe('the window', () => {
  const window = { from: NOW - 400 * DAY, to: NOW - 100 * DAY }
  const isWithin = ({ created }: StripeObject) => Number(created) >= window.from && Number(created) < window.to

  test('goes into the query as clauses', async () => {
    const records = await readPass(open('subscriptions', SAMSUNG), 'subscriptions', 'search', { window })
    expect(searches()).toMatchObject([{ query: `${SAMSUNG} AND created>=${window.from} AND created<${window.to}` }])
    const expected = truth(sandbox, 'subscriptions', (object) => hasSamsung(object) && isWithin(object))
    expect(expected.length).toBeGreaterThan(0)
    expect(idsOf(records).toSorted()).toEqual(expected.toSorted())
  })

  test.each([
    ['alternatives', 'charges', 'amount>1 OR status:"failed"'],
    ['ten clauses', 'charges', Array.from({ length: 10 }, (_, at) => `amount>${at}`).join(' ')],
    ['a resource whose creation cannot be searched', 'prices', 'currency:"usd" OR -currency:"usd"'],
  ] as const)('is kept for %s, which take no further clause', async (_, resource, query) => {
    const records = await readPass(open(resource, query), resource, 'search', { window })
    expect(searches(resource)).toMatchObject([{ query }])
    const all = await readPass(open(resource, query), resource, 'search')
    expect(records.length).toBeGreaterThan(0)
    expect(records.length).toBeLessThan(all.length)
    expect(idsOf(records)).toEqual(idsOf(all.filter((record) => isWithin(dataOf(record)))))
  })

  test('has its start in the query when there is room for one clause', async () => {
    const query = Array.from({ length: 9 }, (_, at) => `amount>${at}`).join(' AND ')
    const records = await readPass(open('charges', query), 'charges', 'search', { window })
    expect(searches('charges')).toMatchObject([{ query: `${query} AND created>=${window.from}` }])
    expect(records.map(dataOf).every(isWithin)).toBe(true)
    expect(records.length).toBeGreaterThan(0)
  })
})

describe('what is found', () => {
  test('the resources that can be searched are those of Stripe', () => {
    const searchable = RESOURCE_PATHS.filter((path) => STRIPE_RESOURCES[path].searchPath !== null)
    expect(searchable.toSorted()).toEqual([...STRIPE_SEARCHABLE_RESOURCES].toSorted())
  })

  test('canceled subscriptions, archived prices and prices made inline are among the hits', async () => {
    const canceled = truth(sandbox, 'subscriptions', ({ status }) => status === 'canceled')
    const hits = await readPass(open('subscriptions', 'status:"canceled"'), 'subscriptions', 'search')
    expect(canceled.length).toBeGreaterThan(0)
    expect(idsOf(hits).toSorted()).toEqual(canceled.toSorted())
    const prices = await readPass(open('prices', 'active:"true" OR active:"false"'), 'prices', 'search')
    expect(idsOf(prices).toSorted()).toEqual(truth(sandbox, 'prices', ({ deleted }) => deleted !== true).toSorted())
  })

  test('more than ten items of a subscription are complete, as in a list', async () => {
    const { id } = find(sandbox, 'subscriptions', ({ items }) => (items as { data: unknown[] }).data.length > 10)
    tagSilently(id)
    const [listed] = (await readPass(openStripe(sandbox), 'subscriptions', 'all')).filter((each) => each.id === id)
    const records = await readPass(open('subscriptions', SAMSUNG), 'subscriptions', 'search')
    expect(records.find((each) => each.id === id)).toEqual(listed)
    expect((listed!.record.data as { items: { has_more: boolean } }).items.has_more).toBe(false)
  })

  test('a hit that the query does not ask for is dropped and counted', async () => {
    sandbox.behaviour.searchLagSeconds = 60
    const [first] = samsungs()
    tag(first!, 'lgtv')
    const page = await readPage(open('subscriptions', SAMSUNG), 'subscriptions', 'search')
    expect(page.dropped).toBe(1)
    expect(idsOf(page.records)).not.toContain(first)
    expect(idsOf(page.records).toSorted()).toEqual(samsungs().toSorted())
  })

  test('what is read by id or by another list tells whether the query asks for it', async () => {
    const source = open('subscriptions', SAMSUNG)
    const [hit] = samsungs()
    const [other] = truth(sandbox, 'subscriptions', (each) => !hasSamsung(each) && each.status !== 'canceled')
    expect(await readObject(source, 'subscriptions', hit!)).toMatchObject({ record: { isSelected: true } })
    expect(await readObject(source, 'subscriptions', other!)).toMatchObject({ record: { isSelected: false } })
    const price = (
      find(sandbox, 'subscriptions', ({ id }) => id === other).items as { data: { price: { id: string } }[] }
    ).data[0]!.price.id
    const holders = await readPass(source, 'subscriptions', `price:${price}`)
    expect(holders.find(({ id }) => id === other)).toMatchObject({ isSelected: false })
  })

  function tagSilently(id: string): void {
    sandbox.apply({ type: 'patch', id, fields: { metadata: { device_type: 'samsung' } }, silent: true })
  }
})

describe('a refusal', () => {
  const search = (source: Source): Promise<Page> => readPage(source, 'subscriptions', 'search')

  test('of an account in India is told in Stripe’s words', async () => {
    sandbox.behaviour.indiaAccount = true
    await expect(search(open('subscriptions', SAMSUNG))).rejects.toThrow(
      expect.objectContaining({ reason: 'request', message: expect.stringMatching(/^Stripe answered 400: .*India/) }),
    )
  })

  test('of a key names the permission', async () => {
    const params = { resourcePath: 'subscriptions', query: SAMSUNG }
    const source = openStripe(sandbox, { key: 'rk_test_charges_only', params })
    await expect(search(source)).rejects.toThrow(/rak_subscription_read/)
  })

  test('of a query that is not right comes before any request', () => {
    expect(() => open('subscriptions', 'status:')).toThrow(/position 7/)
    expect(() => open('refunds', 'status:"failed"')).toThrow(/charges, subscriptions, customers, prices/)
    expect(() => open('subscriptions', SAMSUNG, { apiVersion: '2020-03-02' })).toThrow(/2020-08-27 or newer/)
    expect(sandbox.journal.total).toBe(0)
  })
})
