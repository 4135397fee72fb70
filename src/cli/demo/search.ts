import type { DemoScenario, DemoStage } from './scenario.ts'
import { followRun, runAgain, type DemoRun } from './follow-run.ts'
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
import { expectEqual, type Transcript } from './transcript.ts'

/** Subscriptions by the device on which they were made: found by Stripe's Search, and then in the dataset itself. */
export const searchScenario: DemoScenario = { walk }

const BY_TYPE = 'metadata["device_type"]:"samsung"'
const BY_NAME = 'metadata["Samsung"]:"yes"'
/** Both conventions, which Stripe's own Search takes only as long as there is no further condition. */
const ACTIVE_BY_BOTH = `status:"active" AND (${BY_TYPE} OR ${BY_NAME})`

interface Tagged extends Created {
  readonly status?: unknown
  /** Lists leave out what is on a test clock. */
  readonly test_clock?: unknown
  readonly metadata?: { readonly device_type?: string; readonly Samsung?: string } | null
}

interface RecordItem extends Created {
  readonly record: { readonly data: Tagged }
}

const hasType = ({ metadata }: Tagged) => metadata?.device_type === 'samsung'
const hasName = ({ metadata }: Tagged) => metadata?.Samsung === 'yes'

async function walk({ transcript, stripe, accessToken }: DemoStage): Promise<void> {
  const { heading, say } = transcript
  const subscriptions = Array.from(stripe.world.all('subscriptions'), (object) => object as Tagged)
  const [typed, named] = [subscriptions.filter(hasType).length, subscriptions.filter(hasName).length]
  say(`\nOf ${subscriptions.length} subscriptions ${typed} carry device_type=samsung and ${named} carry Samsung=yes.`)

  heading('1. A source connection with a query reads only what Stripe’s Search finds')
  const baseConnectionId = await createStripeConnection(transcript, { accessToken })
  const params = { resourcePath: 'subscriptions', query: BY_TYPE }
  const sourceId = await createSourceConnection(transcript, { name: 'Samsung viewers', baseConnectionId, params })
  await refuseMistake(transcript, baseConnectionId)
  await showPlan(transcript, sourceId, typed)

  heading('2. Run it: every hit is looked at again before it is taken')
  const { dataSetId, targetId } = await createTarget(transcript, 'Subscriptions')
  const flowId = await createFlow(transcript, { name: 'Samsung viewers to dataset', sourceId, targetId })
  await showRun(transcript, await followRun(transcript, flowId, 'hits', typed), typed)

  heading('3. Somebody subscribes on a Samsung device: Search does not know it yet, Stripe’s events do')
  const metadata = { device_type: 'samsung' }
  const newId = stripe.apply({ type: 'create', resource: 'subscriptions', params: { metadata } })[0]?.id
  say(`\nThe sandbox has a new subscription, ${newId}.`)
  await expectDelivered(transcript, flowId, newId)

  heading('4. Bring all subscriptions into the same dataset, and search there: no delay, no limits')
  const allId = await createSourceConnection(transcript, {
    name: 'All subscriptions',
    baseConnectionId,
    params: { resourcePath: 'subscriptions' },
  })
  const allFlowId = await createFlow(transcript, { name: 'All subscriptions to dataset', sourceId: allId, targetId })
  const listed = subscriptions.filter(({ test_clock: clock }) => (clock ?? null) === null)
  await followRun(transcript, allFlowId, 'subscriptions', listed.length + 1)
  await searchLocally(transcript, dataSetId)
}

async function refuseMistake({ say, call }: Transcript, baseConnectionId: string): Promise<void> {
  say('\nA query that Stripe would refuse is refused here, at the position of its fault:')
  const params = { resourcePath: 'subscriptions', query: `${BY_TYPE} OR ${BY_NAME} AND status:"active"` }
  const sourceParams = Buffer.from(JSON.stringify(params)).toString('base64url')
  await call({
    method: 'GET',
    path: `${FLOW}/connections/${baseConnectionId}/explore?objectType=rest&sourceParams=${sourceParams}`,
    expectStatus: 400,
    show: (answer) => (answer as { detail: unknown }).detail,
  })
}

async function showPlan({ say, call }: Transcript, sourceId: string, hits: number): Promise<void> {
  say('\nWhat the first run will take:')
  const plan = await call<{ estimatedRecordCount: number }>({
    method: 'GET',
    path: `${FLOW}/sourceConnections/${sourceId}/plan`,
    show: (answer) => ({ ...(answer as object), permissions: '…' }),
  })
  expectEqual('The planned records', plan.estimatedRecordCount, hits)
}

async function showRun({ call }: Transcript, runId: string, hits: number): Promise<void> {
  const run = await call<Items<DemoRun>>({
    method: 'GET',
    path: `${FLOW}/runs/${runId}`,
    show: (answer) => (answer as Items<DemoRun>).items[0]?.metrics.statusSummary,
  })
  expectEqual('The records that the run delivered', run.items[0]?.metrics.recordSummary.outputRecordCount, hits)
}

async function expectDelivered(transcript: Transcript, flowId: string, id: string | undefined): Promise<void> {
  const { ids } = await runAgain(transcript, flowId)
  expectEqual('The records that the second run delivered', ids.length, 1)
  expectEqual('The subscription that it delivered', ids[0], id)
}

/** Asks for each convention, and for both; every answer is compared with what all pages of the dataset hold. */
async function searchLocally(transcript: Transcript, dataSetId: string): Promise<void> {
  const records = `${CATALOG}/dataSets/${dataSetId}/records?limit=1000`
  const all = (await readAll(transcript, records)).map(({ record }) => record.data)
  const searches: readonly [string, string, (subscription: Tagged) => boolean][] = [
    [BY_TYPE, '', hasType],
    [BY_NAME, '', hasName],
    [ACTIVE_BY_BOTH, '&lenient=true', (each) => each.status === 'active' && (hasType(each) || hasName(each))],
  ]
  for (const [query, lenient, fits] of searches) {
    transcript.say(`\n${query}`)
    const path = `${records}&query=${encodeURIComponent(query)}${lenient}`
    await transcript.call({
      method: 'GET',
      path,
      show: (answer) =>
        (answer as Items<RecordItem>).items.slice(0, 3).map(({ id, record }) => [id, record.data.metadata]),
    })
    const found = (await readAll(transcript, path)).map(({ id }) => id)
    const expected = all.filter(fits).map(({ id }) => id)
    expectEqual('The ids that the search found', found.toSorted().join(), expected.toSorted().join())
    transcript.say(`${found.length} of ${all.length} subscriptions.`)
  }
}

async function readAll(transcript: Transcript, first: string): Promise<readonly RecordItem[]> {
  const items: RecordItem[] = []
  let path: string | undefined = first
  while (path !== undefined) {
    const page: Items<RecordItem> = await transcript.quietly({ method: 'GET', path })
    items.push(...page.items)
    path = page._links.next && `${CATALOG}${page._links.next.href}`
  }
  return items
}
