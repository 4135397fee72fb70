import { SingleBar } from 'cli-progress'
import { systemClock } from '../../clock.ts'
import { DemoError, expectEqual, type Transcript } from './transcript.ts'

const FLOW = '/data/foundation/flowservice'
const CATALOG = '/data/foundation/catalog'
const STRIPE_SPEC = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'
const DATA_LAKE_SPEC = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c'
const REST_FLOW_SPEC = '6499120c-0b15-42dc-936e-847ea3c24d72'

/** A run of the demo that takes longer is a fault, ms. */
const LONGEST_RUN_MS = 120_000

interface Created {
  readonly id: string
}

interface Run extends Created {
  readonly metrics: {
    readonly recordSummary: { readonly inputRecordCount?: number; readonly outputRecordCount?: number }
    readonly statusSummary: { readonly status: string; readonly errors: readonly unknown[] }
  }
}

interface Items<Item> {
  readonly items: readonly Item[]
  readonly _links: { readonly next?: { readonly href: string } }
}

export interface WalkRequest {
  readonly accessToken: string
  /** How many charges the account holds. */
  readonly chargeCount: number
  /** Makes one more charge in the account and returns its id. */
  readonly pay: () => string
}

/** From an access token to paged records, every call shown. Throws `DemoError` when anything differs from the promise. */
export async function walk(transcript: Transcript, { accessToken, chargeCount, pay }: WalkRequest): Promise<void> {
  const { heading, say, call } = transcript

  heading('1. Create a base connection from the access token')
  const { id: baseId } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/connections`,
    body: {
      name: 'Stripe base connection',
      connectionSpec: { id: STRIPE_SPEC, version: '1.0' },
      auth: { specName: 'OAuth2 Refresh Code', params: { accessToken } },
    },
  })
  const tested = await call<{ result: boolean }>({ method: 'GET', path: `${FLOW}/connections/${baseId}/test` })
  expectEqual('The test of the connection', tested.result, true)

  heading('2. Explore: which resources, and what a charge looks like')
  const listed = await call<{ path: string }[]>({
    method: 'GET',
    path: `${FLOW}/connections/${baseId}/explore?objectType=root`,
    show: (answer) => (answer as { path: string }[]).map((entry) => entry.path),
  })
  expectEqual('The number of resource paths', listed.length, 6)
  const sourceParams = Buffer.from(JSON.stringify({ resourcePath: 'charges' })).toString('base64url')
  const explored = await call<{ data: unknown[] }>({
    method: 'GET',
    path: `${FLOW}/connections/${baseId}/explore?objectType=rest&object=json&fileType=json&preview=true&sourceParams=${sourceParams}`,
  })
  expectEqual('The previewed charges', explored.data.length, Math.min(10, chargeCount))

  heading('3. Create the source connection, a dataset and the target connection')
  const source = await call<Created>({
    method: 'POST',
    path: `${FLOW}/sourceConnections`,
    body: {
      name: 'Stripe charges',
      baseConnectionId: baseId,
      connectionSpec: { id: STRIPE_SPEC, version: '1.0' },
      data: { format: 'json' },
      params: { resourcePath: 'charges' },
    },
  })
  const [dataSetLink] = await call<[string]>({
    method: 'POST',
    path: `${CATALOG}/dataSets`,
    body: { name: 'Stripe charges' },
  })
  const dataSetId = dataSetLink.replace('@/dataSets/', '')
  const target = await call<Created>({
    method: 'POST',
    path: `${FLOW}/targetConnections`,
    body: {
      name: 'Charges dataset',
      connectionSpec: { id: DATA_LAKE_SPEC, version: '1.0' },
      data: { format: 'json' },
      params: { dataSetId },
    },
  })

  heading('4. Create the dataflow; with frequency once it runs by itself, now')
  const { id: flowId } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/flows`,
    body: {
      name: 'Stripe charges to dataset',
      flowSpec: { id: REST_FLOW_SPEC, version: '1.0' },
      sourceConnectionIds: [source.id],
      targetConnectionIds: [target.id],
      scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
    },
  })

  heading('5. Watch the run')
  const runId = await followRun(transcript, flowId, chargeCount)
  const run = await call<Items<Run>>({
    method: 'GET',
    path: `${FLOW}/runs/${runId}`,
    show: (answer) => (answer as { items: { metrics: unknown }[] }).items[0]?.metrics,
  })
  expectEqual('The records that the run delivered', run.items[0]?.metrics.recordSummary.outputRecordCount, chargeCount)

  heading('6. Read the records, page by page')
  const page = await call<Items<unknown>>({ method: 'GET', path: `${FLOW}/runs/${runId}/records?limit=1` })
  say('\nThe next page is the link:')
  await call({
    method: 'GET',
    path: `${FLOW}${page._links.next?.href}`,
    show: (answer) => (answer as { items: { id: string }[] }).items.map((item) => item.id),
  })
  const ids = await readDataSet(transcript, dataSetId)
  expectEqual('The objects in the dataset', ids.length, chargeCount)
  expectEqual('The different ids among them', new Set(ids).size, chargeCount)
  say(`\nAll pages of the dataset read: ${ids.length} charges, each exactly once.`)

  heading('7. Somebody pays; run it again: the new charge is delivered, nothing twice')
  const newId = pay()
  say(`\nThe sandbox has a new charge, ${newId}.`)
  const again = await call<Created>({
    method: 'POST',
    path: `${FLOW}/runs`,
    body: { flowId },
    show: (answer) => (answer as { items: unknown }).items,
  })
  const second = await untilEnded(transcript, again.id, () => {})
  expectEqual('The records that the second run delivered', second.metrics.recordSummary.outputRecordCount, 1)
  const delivered = await call<Items<Created>>({
    method: 'GET',
    path: `${FLOW}/runs/${second.id}/records`,
    show: (answer) => (answer as Items<Created>).items.map((item) => item.id),
  })
  expectEqual('The charge that it delivered', delivered.items[0]?.id, newId)
}

async function followRun(transcript: Transcript, flowId: string, total: number): Promise<string> {
  const path = `${FLOW}/runs?property=flowId==${flowId}`
  let items: readonly Created[] = []
  for (const deadline = Date.now() + 10_000; items.length === 0 && Date.now() < deadline; await systemClock.sleep(50)) {
    items = (await transcript.quietly<Items<Run>>({ method: 'GET', path })).items
  }
  const runId = items[0]?.id
  if (runId === undefined) throw new DemoError('The flow has made no run within 10 s.')

  const bar = new SingleBar({
    format: 'charges  {bar}  {value}/{total}  {percentage} %',
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 1_000,
  })
  bar.start(total, 0)
  try {
    await untilEnded(transcript, runId, (count) => bar.update(count))
  } finally {
    bar.stop()
  }
  return runId
}

async function untilEnded(transcript: Transcript, runId: string, onCount: (count: number) => void) {
  for (const deadline = Date.now() + LONGEST_RUN_MS; Date.now() < deadline; await systemClock.sleep(100)) {
    const { items } = await transcript.quietly<Items<Run>>({ method: 'GET', path: `${FLOW}/runs/${runId}` })
    const [run] = items
    if (run === undefined) throw new DemoError(`The run ${runId} has no answer.`)
    const { metrics } = run
    onCount(metrics.recordSummary.inputRecordCount ?? 0)
    if (metrics.statusSummary.status === 'success') return run
    if (metrics.statusSummary.status === 'failed') {
      throw new DemoError(`The run failed: ${JSON.stringify(metrics.statusSummary.errors)}`)
    }
  }
  throw new DemoError(`The run has not ended within ${LONGEST_RUN_MS / 1000} s.`)
}

async function readDataSet(transcript: Transcript, dataSetId: string): Promise<string[]> {
  const ids: string[] = []
  let path: string | undefined = `${CATALOG}/dataSets/${dataSetId}/records?limit=1000`
  while (path !== undefined) {
    const page: Items<Created> = await transcript.quietly({ method: 'GET', path })
    ids.push(...page.items.map((item) => item.id))
    path = page._links.next && `${CATALOG}${page._links.next.href}`
  }
  return ids
}
