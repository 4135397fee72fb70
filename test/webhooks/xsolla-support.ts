import { hash } from 'node:crypto'
import { expect } from '@jest/globals'
import request from 'supertest'
import { startTestSource, type SourceAnswer, type SourceRequest, type TestSource } from '../plugins/rest/test-source.ts'
import { create, createDataSet, FLOW_SPEC, targetBody, type Chain } from '../support/flow-host.ts'
import { checkAnswer } from '../support/openapi-check.ts'
import { recordsOfDataSet, type RecordItem } from '../support/stripe-host.ts'
import { startTestHost, type TestApi, type TestHost, type TestHostOptions } from '../support/test-host.ts'
import { eventsOf } from './support.ts'
import { createXsollaPlugin, registerSpec, SPEC } from './xsolla-plugin.ts'

export const KEY = 'project-secret-key'
export interface XsollaHost extends TestHost, XsollaCalls {
  /** Serves the lists and the question whether a user exists. */
  readonly source: TestSource
}

export interface XsollaHostOptions extends Omit<TestHostOptions, 'plugins'> {
  readonly answer?: (request: SourceRequest) => SourceAnswer | Promise<SourceAnswer>
  readonly userCheckTimeoutMs?: number
}

/** A host that runs flows and takes Xsolla's notifications. Call `stop` when done. */
export async function startXsollaHost({
  answer = () => ({ body: [] }),
  userCheckTimeoutMs = 1_000,
  ...options
}: XsollaHostOptions = {}): Promise<XsollaHost> {
  const source = await startTestSource(answer)
  const plugins = [createXsollaPlugin({ allowedHosts: [source.host], userCheckTimeoutMs })]
  const host = await startTestHost({ ...options, plugins })
  registerSpec(host.host)
  host.host.startRuns()
  return {
    ...host,
    ...callsOf(host),
    source,
    async stop() {
      await host.stop()
      await source.close()
    },
  }
}

/** A base connection; `params` are added to those of the credential. */
export function connect(api: TestApi, url: string, params: object = { webhookSecret: KEY }): Promise<string> {
  return create(api, 'connections', {
    name: 'Xsolla',
    connectionSpec: SPEC,
    auth: { specName: 'Basic Authentication', params: { host: url, username: '2340', password: 'api-key', ...params } },
  })
}

/** A dataset and a flow over a resource of the connection that reads once, now. */
export async function createXsollaFlow(api: TestApi, baseId: string, resourcePath = 'notifications'): Promise<Chain> {
  const dataSetId = await createDataSet(api)
  const sourceId = await create(api, 'sourceConnections', {
    name: 'Xsolla notifications',
    baseConnectionId: baseId,
    connectionSpec: SPEC,
    data: { format: 'json' },
    params: { resourcePath },
  })
  const targetId = await create(api, 'targetConnections', targetBody(dataSetId))
  const flowId = await create(api, 'flows', {
    name: 'Xsolla flow',
    flowSpec: FLOW_SPEC,
    sourceConnectionIds: [sourceId],
    targetConnectionIds: [targetId],
    scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
  })
  return { dataSetId, baseId, sourceId, targetId, flowId }
}

/** As Xsolla signs: SHA-1 of the body's bytes followed by the project's secret key. */
export function signatureOf(body: string | Buffer, key = KEY): string {
  return hash('sha1', Buffer.concat([Buffer.from(body), Buffer.from(key)]), 'hex')
}

export interface Sending {
  readonly key?: string
  /** Instead of the header made with the key; null for none. */
  readonly authorization?: string | null
}

/** Posts a notification as Xsolla does: signed, without API headers. A text or buffer is sent as it is. */
export function send(
  { host }: Pick<TestHost, 'host'>,
  connectionId: string,
  notification: object | string | Buffer,
  { key, authorization = undefined }: Sending = {},
) {
  const isReady = typeof notification === 'string' || Buffer.isBuffer(notification)
  const body = isReady ? notification : JSON.stringify(notification)
  const post = request(host.router).post(`/webhooks/xsolla/${connectionId}`).set('Content-Type', 'application/json')
  const header = authorization === undefined ? `Signature ${signatureOf(body, key)}` : authorization
  // As text, for a buffer would be turned into JSON.
  return (header === null ? post : post.set('Authorization', header)).serialize((data) => data).send(body)
}

const SETTINGS = { project_id: 18404, merchant_id: 2340 }
const USER = {
  id: 'player-1',
  ip: '203.0.113.7',
  phone: null,
  email: 'player@players.test',
  name: 'Zoë 이름',
  country: 'DE',
}

let lastTransaction = 0
export const nextTransaction = () => ++lastTransaction

const money = (amount: number) => ({ currency: 'USD', amount })

/** A completed payment, as Xsolla's documents show it. */
export const payment = (changes: object = {}, transaction: object = {}) => ({
  notification_type: 'payment',
  settings: SETTINGS,
  purchase: {
    subscription: { plan_id: 'gold', subscription_id: '10', product_id: null, tags: [], currency: 'USD', amount: 9.99 },
    checkout: money(9.99),
    total: money(9.99),
  },
  user: USER,
  transaction: {
    id: nextTransaction(),
    external_id: null,
    payment_date: '2026-07-01T12:00:00+03:00',
    agreement: 10,
    ...transaction,
  },
  payment_details: { payment: money(9.99), payout: money(9), vat: { ...money(0), percent: 0 } },
  custom_parameters: {},
  ...changes,
})

export const refund = (transactionId: number | string, type = 'refund', amount = 9.99) => ({
  ...payment({ notification_type: type }, { id: transactionId }),
  payment_details: { payment: money(amount) },
  refund_details: { code: 1, reason: 'Cancellation by the user' },
})

export const subscriptionNotice = (type: string, subscriptionId: unknown = 10, changes: object = {}) => ({
  notification_type: type,
  settings: SETTINGS,
  user: { id: USER.id, name: USER.name },
  subscription: {
    plan_id: 'gold',
    subscription_id: subscriptionId,
    product_id: null,
    tags: [],
    date_create: '2026-07-01T12:00:00+03:00',
    date_next_charge: '2026-08-01T12:00:00+03:00',
  },
  custom_parameters: {},
  ...changes,
})

export const userValidation = (id: unknown = USER.id, changes: object = {}) => ({
  notification_type: 'user_validation',
  settings: SETTINGS,
  user: { ...USER, id },
  ...changes,
})

export const order = (type: string, transactionId: number | string | null = nextTransaction()) => ({
  notification_type: type,
  settings: SETTINGS,
  items: [{ sku: 'battle-pass', type: 'virtual_good', quantity: 1, amount: '4.99' }],
  order: { id: 7001, status: type === 'order_paid' ? 'paid' : 'canceled', currency: 'USD', amount: '4.99' },
  user: USER,
  ...(transactionId === null ? {} : { billing: { notification_type: 'payment', transaction: { id: transactionId } } }),
})

/** What a dataset holds of notifications, by key. */
export async function landed(api: TestApi, { dataSetId }: Chain): Promise<ReadonlyMap<string, RecordItem['record']>> {
  const items = await recordsOfDataSet(api, dataSetId)
  return new Map(items.map(({ id, record }) => [id, record]))
}

export interface XsollaCalls {
  /** The notification is refused in the form that Xsolla reads, and nothing was stored. Resolves with the code. */
  refused(connectionId: string, notification: object | string | Buffer, sending?: Sending): Promise<string>
  /** The notification is answered as taken. */
  taken(connectionId: string, notification: object | string | Buffer, sending?: Sending): Promise<void>
  /** The keys in the inbox, the newest first. */
  keysOf(connectionId: string): Promise<readonly string[]>
}

/** Notifications to a host of ACME, their answers held against the description. */
function callsOf(host: TestHost): XsollaCalls {
  return {
    async refused(id, notification, sending) {
      const before = (await eventsOf(host.api, id)).length
      const response = await send(host, id, notification, sending).expect(400)
      checkAnswer('post', `/webhooks/xsolla/${id}`, 400, response.body, response.type)
      expect(response.body).toEqual({ error: { code: expect.any(String), message: expect.any(String) } })
      expect(await eventsOf(host.api, id)).toHaveLength(before)
      return response.body.error.code
    },
    async taken(id, notification, sending) {
      const response = await send(host, id, notification, sending).expect(204)
      checkAnswer('post', `/webhooks/xsolla/${id}`, 204, undefined)
      expect(response.text).toBe('')
    },
    keysOf: async (id) => (await eventsOf(host.api, id)).map((event) => event.id),
  }
}
