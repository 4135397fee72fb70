import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { NOTIFICATION_TYPES } from '../../src/sandbox/xsolla/notifications.ts'
import { createXsollaChain, merchantConnectionBody, startXsollaHost, type XsollaHost } from '../support/xsolla-host.ts'
import { firstRun, recordsOfDataSet, statusOf } from '../support/stripe-host.ts'
import { eventsOf, until, untilNothingPends } from './support.ts'

const SECRET = 'project-secret-key'

let host: XsollaHost

beforeEach(async () => {
  host = await startXsollaHost()
})
afterEach(() => host.stop())

/** A connection of the built-in source, its webhook URL given to the sandbox Xsolla, and a flow over one resource. */
async function follow(resourcePath: string) {
  const { url } = await host.host.start()
  const connection = merchantConnectionBody(host.sandbox)
  const params = { ...connection.auth.params, webhookSecret: SECRET }
  const body = { ...connection, auth: { ...connection.auth, params } }
  const chain = await createXsollaChain(host.api, body, { resourcePath })
  host.sandbox.webhooks.target = { url: `${url}/webhooks/xsolla/${chain.baseId}`, secret: SECRET, spacingMs: [5] }
  expect(statusOf(await firstRun(host.api, chain.flowId))).toBe('success')
  return chain
}

test('every notification of the sandbox Xsolla lands in the dataset, each once', async () => {
  const chain = await follow('notifications')
  const validated = await host.sandbox.notify('user_validation')
  // No flow of this connection lands users, so it knows none.
  expect([validated.state, validated.statuses]).toEqual(['refused', [400]])
  expect(JSON.parse(validated.answer)).toMatchObject({ error: { code: 'INVALID_USER' } })
  for (const type of NOTIFICATION_TYPES.filter((type) => type !== 'user_validation')) {
    expect([type, (await host.sandbox.notify(type)).statuses]).toEqual([type, [204]])
  }
  await untilNothingPends(host.api, chain.baseId)
  const landed = await recordsOfDataSet(host.api, chain.dataSetId)
  const types = landed.map(({ record }) => String(record?.data.notification_type))
  expect(types.toSorted()).toEqual(NOTIFICATION_TYPES.filter((type) => type !== 'user_validation').toSorted())
}, 60_000)

test('a user whose subscription has landed exists, another one does not', async () => {
  const chain = await follow('users')
  const users = await recordsOfDataSet(host.api, chain.dataSetId)
  expect(users.length).toBeGreaterThan(0)
  expect((await host.sandbox.notify('user_validation')).statuses).toEqual([204])
  const forged = await host.sandbox.notify('payment', { badSignature: true })
  expect(JSON.parse(forged.answer)).toMatchObject({ error: { code: 'INVALID_SIGNATURE' } })
  await until(async () => (await eventsOf(host.api, chain.baseId)).length === 1)
}, 60_000)
