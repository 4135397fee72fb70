import request from 'supertest'
import Stripe from 'stripe'
import type { StripeObject } from '../../src/sandbox/stripe/types.ts'
import type { StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { FLOW_SERVICE, patch } from '../support/flow-host.ts'
import type { Chain } from '../support/flow-host.ts'
import { pause, recordsOfDataSet, runsOf, type StripeHost, type statusOf } from '../support/stripe-host.ts'
import type { TestApi } from '../support/test-host.ts'

export const SECRET = 'whsec_test_first'

/** Sets the webhook secret of a connection. */
export function setSecret(api: TestApi, connectionId: string, value: unknown = SECRET) {
  return patch(api, 'connections', connectionId, [{ op: 'add', path: '/auth/params/webhookSecret', value }])
}

/** The newest event of the sandbox that is about the object, as a webhook endpoint gets it. */
export function eventAbout(sandbox: StripeSandbox, id: string, type?: string): StripeObject {
  for (const event of sandbox.world.all('events')) {
    const isOfType = type === undefined || event.type === type
    if (isOfType && (event.data as { object: StripeObject }).object.id === id) return event
  }
  throw new Error(`The sandbox has no event about ${id}.`)
}

/** Changes an object in the sandbox; returns the event that tells it. */
export function change(sandbox: StripeSandbox, id: string, version: string): StripeObject {
  sandbox.apply({ type: 'update', id, params: { metadata: { version } } })
  return eventAbout(sandbox, id)
}

export interface Delivery {
  readonly secret?: string
  /** Unix seconds. */
  readonly signedAt?: number
  /** Instead of the header made with the secret. */
  readonly header?: string | null
}

export function signature(payload: string, secret = SECRET, timestamp = Math.floor(Date.now() / 1000)): string {
  return Stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp })
}

/** Posts an event as Stripe does: signed, without API headers. */
export function deliver(
  { host }: Pick<StripeHost, 'host'>,
  connectionId: string,
  event: object | string,
  { secret, signedAt, header = undefined }: Delivery = {},
) {
  const payload = typeof event === 'string' ? event : JSON.stringify(event, null, 2)
  const post = request(host.router).post(`/webhooks/stripe/${connectionId}`).set('Content-Type', 'application/json')
  const sent = header === undefined ? signature(payload, secret, signedAt) : header
  return (sent === null ? post : post.set('Stripe-Signature', sent)).send(payload)
}

export interface ShownEvent {
  readonly id: string
  readonly type: string
  readonly objectId?: string
  readonly createdAt: number
  readonly receivedAt: number
  readonly origin: string
  readonly state: string
}

export const eventsPath = (connectionId: string, query = '') =>
  `${FLOW_SERVICE}/connections/${connectionId}/webhookEvents${query}`

export async function eventsOf(api: TestApi, connectionId: string, query = ''): Promise<readonly ShownEvent[]> {
  return (await api.get(eventsPath(connectionId, query)).expect(200)).body.items
}

/** Resolves when `holds` does; the test's own time limit ends the waiting. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await pause()
}

export async function untilNothingPends(api: TestApi, connectionId: string): Promise<void> {
  await until(async () => (await eventsOf(api, connectionId, '?state=pending&limit=1')).length === 0)
}

/** What a dataset holds of an object; undefined when it is not there. */
export async function recordOf(api: TestApi, { dataSetId }: Chain, id: string) {
  return (await recordsOfDataSet(api, dataSetId)).find((item) => item.id === id)?.record.data
}

export async function versionOf(api: TestApi, chain: Chain, id: string): Promise<string | undefined> {
  return ((await recordOf(api, chain, id))?.metadata as { version?: string } | undefined)?.version
}

export interface ShownRun {
  readonly id: string
  readonly params: { readonly trigger?: string }
  readonly metrics: Parameters<typeof statusOf>[0]['metrics']
}

/** The runs that notifications have made, oldest first. */
export async function webhookRunsOf(api: TestApi, { flowId }: Chain): Promise<readonly ShownRun[]> {
  const runs: readonly ShownRun[] = await runsOf(api, flowId)
  return runs.filter(({ params }) => params.trigger === 'webhook')
}
