import { afterAll, beforeAll, expect, test } from '@jest/globals'
import request from 'supertest'
import type { JsonObject } from '../../src/json.ts'
import type { SourceRecord } from '../../src/plugins/plugin.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { WebhookRefusal, type WebhookReceiver } from '../../src/plugins/webhook.ts'
import { createStripeSandbox, type StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import type { Chain } from '../support/flow-host.ts'
import { createStripeChain, firstRun, recordsOfRun, UNHURRIED } from '../support/stripe-host.ts'
import { startTestHost, type TestHost } from '../support/test-host.ts'
import { eventsOf, recordOf, setSecret, until, untilNothingPends, webhookRunsOf } from './support.ts'

/** A receiver unlike Stripe's: notifications carry records, answers have a form of their own. */
const receiver: WebhookReceiver = {
  name: 'push',
  secretParameter: 'webhookSecret',
  async receive({ rawBody, headers, secrets, params, hasObject }) {
    if (!secrets.includes(String(headers['x-secret']))) {
      throw new WebhookRefusal('no', { status: 401, body: { error: { code: 'INVALID_SIGNATURE' } } })
    }
    const body = JSON.parse(rawBody.toString()) as JsonObject
    if (body.type === 'question') {
      const isKnown = await hasObject('charges', String(body.about))
      return { notification: null, answer: { status: isKnown ? 204 : 404, ...(!isKnown && { body: { params } }) } }
    }
    return {
      notification: { key: String(body.id), type: 'pushed', subjectId: null, occurredAt: 1, body },
      answer: { status: 201, body: { taken: body.answer ?? null } },
    }
  },
  typesOf: (resourcePath) => (resourcePath === 'charges' ? ['pushed'] : []),
  recordsOf: ({ body }) => body.records as unknown as SourceRecord[],
}

let sandbox: StripeSandbox
let host: TestHost
let chain: Chain

beforeAll(async () => {
  sandbox = await createStripeSandbox({ counts: { charges: 5 } })
  const plugin = createStripePlugin({ apiBase: sandbox.url, ...UNHURRIED })
  host = await startTestHost({ plugins: [{ ...plugin, webhooks: receiver }], env: { WEBHOOK_SWEEP_MINUTES: '0' } })
  host.host.startRuns()
  chain = await createStripeChain(host.api)
  await setSecret(host.api, chain.baseId, 'one two')
  await firstRun(host.api, chain.flowId)
})

afterAll(async () => {
  await host.stop()
  await sandbox.close()
})

function push(body: object, secret = 'two') {
  const post = request(host.host.router).post(`/webhooks/push/${chain.baseId}`)
  return post.set('x-secret', secret).send(JSON.stringify(body))
}

const record = (id: string, version: string) => ({ id, record: { data: { id, version } }, createdAt: 1 })

test('what is refused in the words of the source is answered so', async () => {
  await push({ id: 'a' }, 'three').expect(401, { error: { code: 'INVALID_SIGNATURE' } })
  expect(await eventsOf(host.api, chain.baseId)).toEqual([])
})

test('a fault of the receiver is a fault of the host, and nothing is kept', async () => {
  await request(host.host.router).post(`/webhooks/push/${chain.baseId}`).set('x-secret', 'one').send('{').expect(500)
  expect(await eventsOf(host.api, chain.baseId)).toEqual([])
})

test('a question is answered from what was landed, and not kept', async () => {
  const [known] = Array.from(sandbox.world.all('charges'), ({ id }) => id)
  const { text } = await push({ type: 'question', about: known }).expect(204)
  expect(text).toBe('')
  const { body } = await push({ type: 'question', about: 'ch_unknown' }).expect(404)
  expect(body.params).toEqual({ accessToken: '********', webhookSecret: '********' })
  expect(await eventsOf(host.api, chain.baseId)).toEqual([])
})

test('a repeated notification gets the answer of the first one', async () => {
  await push({ id: 'repeated', answer: 1, records: [] }).expect(201, { taken: 1 })
  await push({ id: 'repeated', answer: 2, records: [] }).expect(201, { taken: 1 })
  expect(await eventsOf(host.api, chain.baseId)).toHaveLength(1)
  await untilNothingPends(host.api, chain.baseId)
})

test('the records that notifications carry are landed, every version of them', async () => {
  const versions = ['1', '2', '3']
  for (const version of versions) {
    await push({ id: `n${version}`, records: [record('ch_pushed', version), record(`ch_${version}`, 'x')] }).expect(201)
  }
  await until(async () => (await recordOf(host.api, chain, 'ch_pushed'))?.version === '3')
  await untilNothingPends(host.api, chain.baseId)
  for (const version of versions) expect(await recordOf(host.api, chain, `ch_${version}`)).toBeDefined()
  const delivered = []
  for (const run of await webhookRunsOf(host.api, chain)) {
    delivered.push(...(await recordsOfRun(host.api, run.id)))
  }
  const pushed = delivered.filter(({ id }) => id === 'ch_pushed')
  expect(pushed.map((item) => item.record.data.version)).toEqual(versions)
})
