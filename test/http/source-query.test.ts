import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { JsonObject } from '../../src/json.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import {
  connectionBody,
  create,
  FLOW_SERVICE,
  patch,
  read,
  sourceBody,
  startFlowHost,
  STRIPE_SPEC,
  type FlowHost,
} from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/sourceConnections`
const SAMSUNG = 'metadata["device_type"]:"samsung"'
const TENANT = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }
const FOUR = 'charges, subscriptions, customers, prices'

let host: FlowHost
let baseId: string
beforeAll(async () => {
  // Nobody answers there, and nobody is to be asked.
  host = await startFlowHost({ plugins: [createStripePlugin({ apiBase: 'http://127.0.0.1:9' })] })
  baseId = await create(host.api, 'connections', connectionBody())
})
afterAll(() => host.stop())

const countAll = () => host.host.context.store.entities.count(TENANT, 'sourceConnections', [])

/** Name, parameters, where the fault is, and what the message says. */
const REFUSED: readonly (readonly [string, JsonObject, string, string])[] = [
  ['a query for refunds', { resourcePath: 'refunds', query: 'status:"failed"' }, '/query', FOUR],
  [
    'a query for balance transactions',
    { resourcePath: 'balance_transactions', query: 'type:"charge"' },
    '/query',
    `balance_transactions cannot be searched; a query is for ${FOUR}`,
  ],
  ['an empty query', { resourcePath: 'charges', query: '' }, '/query', 'query'],
  ['a blank query', { resourcePath: 'charges', query: '  ' }, '/query', 'position 0'],
  ['a query that is a number', { resourcePath: 'charges', query: 7 }, '/query', 'must be of type string'],
  ['a query that is null', { resourcePath: 'charges', query: null }, '/query', 'must be of type string'],
  ['a huge query', { resourcePath: 'charges', query: `status:"${'x'.repeat(5000)}"` }, '/query', '5000 characters'],
  [
    'AND and OR in one query',
    { resourcePath: 'subscriptions', query: 'status:"active" OR status:"past_due" AND created>1' },
    '/query',
    'position 37',
  ],
  [
    'parentheses',
    { resourcePath: 'subscriptions', query: '(status:"active")' },
    '/query',
    'position 0: parentheses are not taken',
  ],
  [
    'a field that Stripe does not search',
    { resourcePath: 'subscriptions', query: 'status:"active" customer:"cus_1"' },
    '/query',
    'position 16',
  ],
  ['the creation of prices', { resourcePath: 'prices', query: 'created>1' }, '/query', 'position 0'],
  ['a part of a token', { resourcePath: 'charges', query: 'status~"succ"' }, '/query', 'position 6'],
  ['a part that is too short', { resourcePath: 'customers', query: 'name~"ab"' }, '/query', 'position 5'],
  [
    'a version that cannot search',
    { resourcePath: 'subscriptions', query: SAMSUNG, apiVersion: '2019-12-03' },
    '/apiVersion',
    '2020-08-27',
  ],
]

test.each([
  ['subscriptions', SAMSUNG],
  ['subscriptions', "metadata['device_type']:'samsung' OR metadata['Samsung']:'yes'"],
  ['charges', 'amount>100 currency:"eur" -status:"failed"'],
  ['customers', 'email~"example.com" AND created>=1700000000'],
  ['prices', 'active:"true"'],
])('a source connection keeps a query for %s', async (resourcePath, query) => {
  const params = { resourcePath, query, apiVersion: '2020-08-27' }
  const id = await create(host.api, 'sourceConnections', { ...sourceBody(baseId), params })
  expect((await read(host.api, 'sourceConnections', id)).params).toEqual(params)
})

describe('a source connection refuses', () => {
  test.each(REFUSED)('%s when it is created, and nothing is stored', async (_, params, path, text) => {
    const before = await countAll()
    const { body } = await host.api.post(ALL, { ...sourceBody(baseId), params }).expect(400)
    expect(body.errorCode).toBe('1312-400')
    expect(body.report.errors[0].path).toBe(`/params${path}`)
    expect(body.report.errors[0].message).toContain(text)
    expect(await countAll()).toBe(before)
  })

  test.each(REFUSED)('%s when it is patched, and stays as it is', async (_, value, path, text) => {
    const id = await create(host.api, 'sourceConnections', sourceBody(baseId))
    const before = await read(host.api, 'sourceConnections', id)
    const { status, body } = await patch(host.api, 'sourceConnections', id, [{ op: 'replace', path: '/params', value }])
    expect({ status, code: body.errorCode }).toEqual({ status: 400, code: '1312-400' })
    expect(body.report.errors[0]).toMatchObject({ path: `/params${path}` })
    expect(body.report.errors[0].message).toContain(text)
    expect(await read(host.api, 'sourceConnections', id)).toEqual(before)
  })

  test.each(REFUSED)('%s when it is explored', async (_, params, path, text) => {
    const sourceParams = Buffer.from(JSON.stringify(params)).toString('base64url')
    const query = `objectType=rest&object=json&preview=true&sourceParams=${sourceParams}`
    const { body } = await host.api.get(`${FLOW_SERVICE}/connections/${baseId}/explore?${query}`).expect(400)
    expect(body.errorCode).toBe('1312-400')
    expect(body.report.errors[0].path).toBe(path)
    expect(body.detail).toContain(text)
  })
})

test('another resource path is refused while the query does not fit it', async () => {
  const params = { resourcePath: 'subscriptions', query: SAMSUNG }
  const id = await create(host.api, 'sourceConnections', { ...sourceBody(baseId), params })
  const operation = { op: 'replace', path: '/params/resourcePath', value: 'refunds' }
  const { body } = await patch(host.api, 'sourceConnections', id, [operation])
  expect(body.errorCode).toBe('1312-400')
  expect((await read(host.api, 'sourceConnections', id)).params).toEqual(params)
  const both = [{ op: 'remove', path: '/params/query' }, operation]
  expect((await patch(host.api, 'sourceConnections', id, both)).status).toBe(200)
})

test('a draft may have its query before its resource path, and is published only when both fit', async () => {
  const draft = { name: 'Later', connectionSpec: STRIPE_SPEC, baseConnectionId: baseId, data: { format: 'json' } }
  const refused = await host.api.post(`${ALL}?mode=draft`, { ...draft, params: { query: 'a b' } }).expect(400)
  expect(refused.body.errorCode).toBe('1312-400')
  const id = await create(host.api, 'sourceConnections', { ...draft, params: { query: SAMSUNG } }, '?mode=draft')
  const publish = () => host.api.post(`${ALL}/${id}/action?op=publish`)
  expect((await publish().expect(400)).body.errorCode).toBe('1304-400')
  const operation = { op: 'add', path: '/params/resourcePath', value: 'customers' }
  expect((await patch(host.api, 'sourceConnections', id, [operation])).status).toBe(200)
  await publish().expect(200)
})
