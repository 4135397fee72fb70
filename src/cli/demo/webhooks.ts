import axios from 'axios'
import { systemClock } from '../../clock.ts'
import type { StripeObject } from '../../sandbox/stripe/types.ts'
import { followRun } from './follow-run.ts'
import type { DemoScenario, DemoStage } from './scenario.ts'
import {
  CATALOG,
  createFlow,
  createSourceConnection,
  createStripeConnection,
  createTarget,
  FLOW,
  type Created,
  type Items,
} from './steps.ts'
import { DemoError, expectEqual, type Transcript } from './transcript.ts'

/** Waiting longer for something is a fault, ms. */
const LONGEST_WAIT_MS = 30_000

const EVENT_TYPES = ['created', 'updated', 'deleted', 'paused', 'resumed'].map(
  (word) => `customer.subscription.${word}`,
)

interface Version {
  readonly op: string
  readonly event: { readonly id: string; readonly type: string } | null
  readonly changed: readonly { readonly path: string; readonly old?: unknown; readonly new?: unknown }[] | null
}

interface Notification extends Created {
  readonly type: string
  readonly origin: string
  readonly state: string
}

/** Where the walk has got to. */
interface Ground extends DemoStage {
  readonly baseId: string
  readonly dataSetId: string
}

/** From a notification to a new version of a record, and what happens to one that is lost. */
export const webhooksScenario: DemoScenario = {
  // The walk asks for lost notifications itself; the host must not be quicker.
  open: async () => ({ settings: { WEBHOOK_SWEEP_MINUTES: '0' }, close: async () => {} }),
  walk,
}

async function walk(stage: DemoStage): Promise<void> {
  const { transcript, accessToken } = stage
  const { heading } = transcript

  heading('1. Create a base connection, tell Stripe to notify it, and give it the secret that Stripe answers')
  const baseId = await createStripeConnection(transcript, { accessToken })
  await setSecret(transcript, baseId, await registerEndpoint(stage, baseId))

  heading('2. Let a flow read all subscriptions')
  const sourceId = await createSourceConnection(transcript, {
    name: 'Stripe subscriptions',
    baseConnectionId: baseId,
    params: { resourcePath: 'subscriptions' },
  })
  const { dataSetId, targetId } = await createTarget(transcript, 'Stripe subscriptions')
  const flowId = await createFlow(transcript, { name: 'Stripe subscriptions to dataset', sourceId, targetId })
  const [tagged, lost] = activeSubscriptions(stage)
  if (tagged === undefined || lost === undefined) throw new DemoError('The account has too few subscriptions.')
  await followRun(transcript, flowId, 'subscriptions', countListed(stage))

  const ground: Ground = { ...stage, baseId, dataSetId }
  heading('3. A subscription is tagged: the notification makes a new version')
  await tagSubscription(ground, tagged.id)

  heading('4. A notification is lost: Stripe knows, and the host asks it')
  const eventId = await loseNotification(ground, lost.id)

  heading('5. Take the same notification again: nothing comes twice')
  await replayNotification(ground, lost.id, eventId)
}

/** As anybody would at Stripe. @returns the endpoint's secret */
async function registerEndpoint({ transcript, stripe, hostUrl, accessToken }: DemoStage, baseId: string) {
  const form = new URLSearchParams({ url: `${hostUrl}/webhooks/stripe/${baseId}` })
  for (const type of EVENT_TYPES) form.append('enabled_events[]', type)
  const { data } = await axios.post<{ id: string; secret: string }>(`${stripe.url}/v1/webhook_endpoints`, form, {
    headers: { Authorization: `Bearer ${accessToken}` },
  })
  transcript.say(`\nStripe has the endpoint ${data.id} for ${form.get('url')}.`)
  return data.secret
}

async function setSecret({ call, quietly }: Transcript, baseId: string, secret: string): Promise<void> {
  const path = `${FLOW}/connections/${baseId}`
  const { items } = await quietly<Items<{ etag: string }>>({ method: 'GET', path })
  await call({
    method: 'PATCH',
    path,
    ifMatch: items[0]!.etag,
    body: [{ op: 'add', path: '/auth/params/webhookSecret', value: secret }],
  })
  await call({
    method: 'GET',
    path,
    show: (answer) => (answer as Items<{ auth: { params: unknown } }>).items[0]?.auth.params,
  })
}

async function tagSubscription(ground: Ground, id: string): Promise<void> {
  const { transcript, stripe } = ground
  const startedAt = Date.now()
  stripe.apply({ type: 'update', id, params: { metadata: { device_type: 'samsung' } } })
  const [newest] = await untilVersions(ground, id, 2)
  transcript.say(`\n${id} was tagged, and its new version was there ${Date.now() - startedAt} ms later.`)
  expectEqual('The event of the new version', newest?.event?.type, 'customer.subscription.updated')
  const tag = newest?.changed?.find(({ path }) => path === '/data/metadata/device_type')
  expectEqual('The new value of metadata.device_type', tag?.new, 'samsung')
  await transcript.call({ method: 'GET', path: historyPath(ground, id) })
  await untilProcessed(ground, newest!.event!.id, 'delivery')
  await transcript.call({ method: 'GET', path: `${inboxPath(ground)}?limit=1` })
}

/** @returns the id of the event whose notification was lost */
async function loseNotification(ground: Ground, id: string): Promise<string> {
  const { transcript, stripe } = ground
  stripe.webhooks.scripts.add({ script: { kind: 'lost' } })
  stripe.apply({ type: 'delete', id })
  await stripe.webhooks.settled()
  const before = await versionsOf(ground, id)
  expectEqual('The versions of the subscription whose notification was lost', before.length, 1)
  transcript.say(`\n${id} was canceled, and nobody was told.`)
  const swept = await transcript.call<{ found: number; added: number }>({
    method: 'POST',
    path: `${inboxPath(ground)}/sweep`,
    expectStatus: 200,
  })
  expectEqual('The notifications that the sweep found', swept.added, 1)
  const [newest] = await untilVersions(ground, id, 2)
  const event = newest?.event
  if (!event) throw new DemoError('The version after the sweep names no event.')
  expectEqual('The event that the sweep found', event.type, 'customer.subscription.deleted')
  await untilProcessed(ground, event.id, 'sweep')
  await transcript.call({
    method: 'GET',
    path: historyPath(ground, id),
    show: (answer) => (answer as Items<unknown>).items[0],
  })
  return event.id
}

async function replayNotification(ground: Ground, id: string, eventId: string): Promise<void> {
  const { transcript } = ground
  const { replayed } = await transcript.call<{ replayed: number }>({
    method: 'POST',
    path: `${inboxPath(ground)}/replay`,
    body: { ids: [eventId] },
    expectStatus: 200,
  })
  expectEqual('The notifications that were replayed', replayed, 1)
  await untilProcessed(ground, eventId, 'replay')
  expectEqual('The versions after the replay', (await versionsOf(ground, id)).length, 2)
  transcript.say(`\n${eventId} was taken again, and ${id} still has 2 versions.`)
}

function inboxPath({ baseId }: Ground): string {
  return `${FLOW}/connections/${baseId}/webhookEvents`
}

function historyPath({ dataSetId }: Ground, id: string): string {
  return `${CATALOG}/dataSets/${dataSetId}/records/${id}/history`
}

async function versionsOf(ground: Ground, id: string): Promise<readonly Version[]> {
  return (await ground.transcript.quietly<Items<Version>>({ method: 'GET', path: historyPath(ground, id) })).items
}

function untilVersions(ground: Ground, id: string, count: number): Promise<readonly Version[]> {
  return until(`version ${count} of ${id}`, async () => {
    const versions = await versionsOf(ground, id)
    return versions.length < count ? undefined : versions
  })
}

function untilProcessed(ground: Ground, eventId: string, origin: string): Promise<Notification> {
  return until(`notification ${eventId} by ${origin}`, async () => {
    const path = `${inboxPath(ground)}?state=processed`
    const { items } = await ground.transcript.quietly<Items<Notification>>({ method: 'GET', path })
    return items.find((item) => item.id === eventId && item.origin === origin)
  })
}

async function until<Found>(what: string, look: () => Promise<Found | undefined>): Promise<Found> {
  for (const deadline = Date.now() + LONGEST_WAIT_MS; Date.now() < deadline; await systemClock.sleep(20)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new DemoError(`There was no ${what} within ${LONGEST_WAIT_MS / 1000} s.`)
}

function activeSubscriptions({ stripe }: DemoStage): readonly StripeObject[] {
  const all = [...stripe.world.all('subscriptions')].toReversed()
  return all.filter(({ status, test_clock }) => status === 'active' && test_clock === null)
}

/** Subscriptions on test clocks are in no list. */
function countListed({ stripe }: DemoStage): number {
  return [...stripe.world.all('subscriptions')].filter((subscription) => subscription.test_clock === null).length
}
