import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { ACME, GLOBEX } from '../support/test-host.ts'
import type { TestApi } from '../support/test-host.ts'
import {
  connectionBody,
  create,
  createChain,
  DATA_LAKE_SPEC,
  flowBody,
  FLOW_SERVICE,
  NOW,
  patch,
  sourceBody,
  startFlowHost,
  STRIPE_SPEC,
} from '../support/flow-host.ts'
import type { Chain, FlowHost } from '../support/flow-host.ts'

let host: FlowHost
let chain: Chain
let flowIds: string[]
beforeAll(async () => {
  host = await startFlowHost()
  chain = await createChain(host.api)
  flowIds = [chain.flowId]
  for (const name of ['beta', 'alpha', 'gamma, with a comma', 'delta']) {
    host.clock.time += 1000
    flowIds.push(await create(host.api, 'flows', { ...flowBody(chain.sourceId, chain.targetId), name }))
  }
})
afterAll(() => host.stop())

const list = async (path: string, api: TestApi = host.api) => (await api.get(`${FLOW_SERVICE}${path}`).expect(200)).body
const idsOf = (body: { items: { id: string }[] }) => body.items.map(({ id }) => id)
const query = (parameters: Record<string, string>) => `?${new URLSearchParams(parameters)}`

/** Follows the links as a client does that takes what stands behind the first "=". */
async function walk(collection: string, parameters: string, api: TestApi = host.api): Promise<string[][]> {
  const pages: string[][] = []
  let body = await list(`/${collection}${parameters}`, api)
  for (;;) {
    pages.push(idsOf(body))
    if (body._links.next === undefined) return pages
    const { href } = body._links.next
    expect(href).toMatch(new RegExp(`^/${collection}\\?continuationToken=[A-Za-z0-9_-]+$`))
    body = await list(`/${collection}?continuationToken=${href.split('=')[1]}`, api)
  }
}

describe('pages of a list', () => {
  test('without parameters everything is on one page, most recently changed first', async () => {
    const body = await list('/flows')
    expect(Object.keys(body)).toEqual(['items', '_links'])
    expect(body._links).toEqual({})
    expect(idsOf(body)).toEqual(flowIds.toReversed())
  })

  test.each([
    ['connections', 1],
    ['sourceConnections', 1],
    ['targetConnections', 1],
    ['flows', 5],
  ])('%s can be listed, with and without a trailing slash', async (collection, count) => {
    expect((await list(`/${collection}`)).items).toHaveLength(count)
    const body = await list(`/${collection}/?property=state==draft`)
    expect(body).toEqual({ items: [], _links: {} })
  })

  test('following the links gives everything once, in order', async () => {
    expect(await walk('flows', '?limit=2')).toEqual([
      flowIds.toReversed().slice(0, 2),
      flowIds.toReversed().slice(2, 4),
      flowIds.toReversed().slice(4),
    ])
    expect(await walk('flows', '?limit=5')).toHaveLength(1)
  })

  test('the token carries filter, order, page size and projection, and wins over what is sent with it', async () => {
    const first = await list(`/flows${query({ limit: '2', orderby: 'name', property: 'name!=delta' })}&property=name`)
    const next = first._links.next.href
    const rest = await list(`${next}&limit=1&orderby=-name&count=True&property=name==alpha`)
    expect([...first.items, ...rest.items].map(({ name }) => name)).toEqual([
      'Charges flow',
      'alpha',
      'beta',
      'gamma, with a comma',
    ])
    expect(Object.keys(rest.items[0])).toEqual(['id', 'name'])
    expect(rest._links).toEqual({})
  })

  test('an entity made between two pages is not seen twice, and none is lost', async () => {
    const api = await host.as(ACME, 'stage')
    const ids: string[] = []
    for (let count = 0; count < 5; count++) ids.push(await create(api, 'connections', connectionBody()))
    const first = await list('/connections?limit=2&orderby=createdAt', api)
    await create(api, 'connections', connectionBody())
    await api.delete(`${FLOW_SERVICE}/connections/${first.items[0].id}`).expect(204)
    const rest = await list(first._links.next.href, api)
    expect([...idsOf(first), ...idsOf(rest)].filter((id) => ids.includes(id))).toHaveLength(4)
    expect(new Set([...idsOf(first), ...idsOf(rest)]).size).toBe(4)
  })

  test('a token of another list, organisation or sandbox is refused, and so is a made-up one', async () => {
    const { href } = (await list('/flows?limit=1'))._links.next
    const token = href.split('=')[1]
    const codeOf = async (api: TestApi, path: string) =>
      (await api.get(`${FLOW_SERVICE}${path}`).expect(400)).body.errorCode
    expect(await codeOf(host.api, `/connections?continuationToken=${token}`)).toBe('1452-400')
    expect(await codeOf(await host.as(GLOBEX), href)).toBe('1452-400')
    expect(await codeOf(await host.as(ACME, 'dev'), href)).toBe('1452-400')
    expect(await codeOf(host.api, '/flows?continuationToken=abc')).toBe('1452-400')
    expect(await codeOf(host.api, `${href}A`)).toBe('1452-400')
  })

  test("lists hold nothing of another organisation's or sandbox", async () => {
    for (const other of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
      expect(await list('/flows', other)).toEqual({ items: [], _links: {} })
      expect(await list('/flows?count=true', other)).toEqual({ count: 0 })
    }
  })
})

describe('the parameters of a list', () => {
  test.each([['0'], ['-1'], ['1.5'], ['ten'], ['1e2'], ['99x']])('limit %s is refused', async (limit) => {
    const response = await host.api.get(`${FLOW_SERVICE}/flows?limit=${limit}`).expect(400)
    expect(response.body.errorCode).toBe('1452-400')
  })

  test('limit is cut to 1000, and empty parameters and templates count as absent', async () => {
    expect((await list('/flows?limit=100000')).items).toHaveLength(5)
    expect((await list('/flows?limit=&orderby=&property=&count=')).items).toHaveLength(5)
    expect((await list('/flows?limit={{limit}}&continuationToken={{token}}')).items).toHaveLength(5)
  })

  test('count in any letter case answers the number alone, whatever the limit', async () => {
    for (const value of ['true', 'True', 'TRUE']) {
      expect(await list(`/flows?count=${value}&limit=1`)).toEqual({ count: 5 })
    }
    expect(await list('/flows?count=true&property=name==alpha')).toEqual({ count: 1 })
    expect((await list('/flows?count=False&limit=1')).items).toHaveLength(1)
    expect((await host.api.get(`${FLOW_SERVICE}/flows?count=yes`).expect(400)).body.errorCode).toBe('1452-400')
  })

  test('orderby sorts by one or several properties, with a raw plus too', async () => {
    const names = async (orderby: string) =>
      (await list(`/flows?orderby=${orderby}`)).items.map(({ name }: { name: string }) => name)
    const ascending = ['Charges flow', 'alpha', 'beta', 'delta', 'gamma, with a comma']
    expect(await names('name')).toEqual(ascending)
    expect(await names('+name')).toEqual(ascending)
    expect(await names('%2Bname')).toEqual(ascending)
    expect(await names('-name')).toEqual(ascending.toReversed())
    expect(await names('state,-createdAt')).toEqual(['delta', 'gamma, with a comma', 'alpha', 'beta', 'Charges flow'])
  })

  test.each([
    ['orderby=*name', '1432-400'],
    ['orderby=nothing', '1433-400'],
    ['orderby=name..x', '1433-400'],
    ['property=name=~x', '1450-400'],
    ['property=name~x', '1440-400'],
    ['property=createdAt%3E1,2', '1443-400'],
    ['property=id%3Ex', '1448-400'],
    ['property=createdAt==', '1453-400'],
    ['property=createdAt%3Eyesterday', '1452-400'],
  ])('%s answers %s', async (parameters, code) => {
    const response = await host.api.get(`${FLOW_SERVICE}/flows?${parameters}`).expect(400)
    expect(response.body.errorCode).toBe(code)
  })

  test.each([
    ['connections', `connectionSpec.id==${STRIPE_SPEC.id}`],
    ['connections', 'state==Enabled'],
    ['connections', 'name=="Stripe account"'],
    ['connections', 'description==The one account'],
    ['sourceConnections', 'params.resourcePath==charges,prices'],
    ['sourceConnections', `connectionSpec.id==${STRIPE_SPEC.id}`],
    ['targetConnections', `connectionSpec.id==${DATA_LAKE_SPEC.id}`],
    ['flows', `createdAt==${NOW}`],
    ['flows', 'name==gamma,"gamma, with a comma"'],
    ['flows', 'name==nothing,alpha'],
  ])('%s can be filtered by %s', async (collection, property) => {
    expect((await list(`/${collection}${query({ property })}`)).items).toHaveLength(1)
  })

  test('flows are found by their connections and by what they inherit from them', async () => {
    const matching = [
      `sourceConnectionIds[]==${chain.sourceId}`,
      `targetConnectionIds==${chain.targetId}`,
      `inheritedAttributes.targetConnections[].connectionSpec.id==${DATA_LAKE_SPEC.id}`,
      'inheritedAttributes.properties.isSourceFlow==true',
      `createdAt>=${NOW}`,
    ]
    for (const property of matching)
      expect(await list(`/flows${query({ property, count: 'true' })}`)).toEqual({ count: 5 })
    const others = [
      'inheritedAttributes.properties.isDestinationFlow==true',
      'lastRunDetails.startedAtUTC>=1',
      'a.b==c',
    ]
    for (const property of others) expect((await list(`/flows${query({ property })}`)).items).toEqual([])
  })

  test('several property parameters must all hold', async () => {
    expect((await list(`/flows?property=name==alpha&property=state==enabled`)).items).toHaveLength(1)
    expect((await list(`/flows?property=name==alpha&property=state==disabled`)).items).toEqual([])
  })

  test('a property parameter without an operator keeps only those members and the id', async () => {
    const body = await list('/flows?property=name,state&property=name==alpha')
    expect(body.items).toEqual([{ id: flowIds[2], name: 'alpha', state: 'enabled' }])
  })

  test('a secret is not in any list', async () => {
    const response = await host.api.get(`${FLOW_SERVICE}/connections`).expect(200)
    expect(response.text).not.toContain(connectionBody().auth.params.accessToken)
  })

  test('a patched entity comes first', async () => {
    const api = await host.as(GLOBEX, 'dev')
    const baseId = await create(api, 'connections', connectionBody())
    const older = await create(api, 'sourceConnections', sourceBody(baseId))
    const newer = await create(api, 'sourceConnections', sourceBody(baseId))
    expect(idsOf(await list('/sourceConnections', api))).toEqual([newer, older])
    host.clock.time += 1000
    await patch(api, 'sourceConnections', older, [{ op: 'replace', path: '/name', value: 'x' }])
    expect(idsOf(await list('/sourceConnections', api))).toEqual([older, newer])
  })
})

describe('searching', () => {
  const search = (body: unknown, parameters = '') => host.api.post(`${FLOW_SERVICE}/flows/search${parameters}`, body)

  test('takes the parameters of a list in its body', async () => {
    const queryString = 'property=state==enabled&property=name!=delta'
    const first = (await search({ queryString, limit: 3, orderby: '-name', projectionFields: 'name' }).expect(200)).body
    expect(first.items.map(({ name }: { name: string }) => name)).toEqual(['gamma, with a comma', 'beta', 'alpha'])
    const token = first._links.next.href.split('=')[1]
    const rest = (await search(undefined, `?continuationToken=${token}`).expect(200)).body
    expect(rest.items).toEqual([{ id: chain.flowId, name: 'Charges flow' }])
    expect(idsOf(await list(first._links.next.href))).toEqual([chain.flowId])
  })

  test('takes bare expressions and a count, and answers everything to an empty body', async () => {
    expect((await search({ queryString: 'name==alpha&state==enabled', count: true })).body).toEqual({ count: 1 })
    expect((await search({})).body.items).toHaveLength(5)
    expect((await host.api.post(`${FLOW_SERVICE}/connections/search`)).body.items).toHaveLength(1)
  })

  test.each([
    [{ limit: 0 }, '1452-400'],
    [{ limit: {} }, '1452-400'],
    [{ count: 'maybe' }, '1452-400'],
    [{ queryString: ['a'] }, '1452-400'],
    [{ orderby: '*x' }, '1432-400'],
    [[], '1000-400'],
  ])('%j is refused', async (body, code) => {
    expect((await search(body).expect(400)).body.errorCode).toBe(code)
  })
})
