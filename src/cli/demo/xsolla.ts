import { createXsollaSandbox, type XsollaSandbox } from '../../sandbox/index.ts'
import { followRun, runAgain, type DemoRun } from './follow-run.ts'
import { readDataSet } from './records.ts'
import type { DemoScenario, DemoStage } from './scenario.ts'
import { createFlow, createSourceConnection, createTarget, FLOW, type Created, type Items } from './steps.ts'
import { DemoError, expectEqual, type Transcript } from './transcript.ts'

const XSOLLA_SPEC = '2563bc2f-3aed-4f53-8942-e13731d11a78'
const PROJECT_ID = 44_056
const SUBSCRIPTIONS = 100
/** Slow enough for the progress bar to be seen, ms an answer. */
const LATENCY_MS = 60

/** Another source by nothing but its specification, read while its list moves. */
export function createXsollaScenario(): DemoScenario {
  let sandbox: XsollaSandbox | undefined
  return {
    async open() {
      const opened = await createXsollaSandbox({ subscriptions: SUBSCRIPTIONS, latencyMs: LATENCY_MS })
      sandbox = opened
      return { settings: { XSOLLA_API_BASE: opened.url }, close: () => opened.close() }
    },
    async walk(stage) {
      if (sandbox === undefined) throw new Error('The scenario was not opened.')
      await walk(stage, sandbox)
    },
  }
}

async function walk({ transcript }: DemoStage, xsolla: XsollaSandbox): Promise<void> {
  const { heading, say, call } = transcript
  say(`Sandbox Xsolla  ${xsolla.url}, ${SUBSCRIPTIONS} subscriptions`)

  heading('1. Create a base connection from the token of a user')
  const baseId = await connect(transcript, xsolla.issueToken())

  heading('2. Explore: the resources, and what a subscription looks like')
  await explore(transcript, baseId)

  heading('3. Create the source connection and ask what a run will take')
  const sourceId = await createSourceConnection(transcript, {
    name: 'Xsolla subscriptions',
    baseConnectionId: baseId,
    connectionSpecId: XSOLLA_SPEC,
    params: { resourcePath: 'user_subscriptions', projectId: PROJECT_ID },
  })
  const plan = await call<{ estimatedRecordCount: number; isExact: boolean }>({
    method: 'GET',
    path: `${FLOW}/sourceConnections/${sourceId}/plan`,
  })
  expectEqual('The subscriptions that the plan counts', plan.estimatedRecordCount, SUBSCRIPTIONS)

  heading('4. Create dataset, target connection and dataflow, and let the list move while the run reads it')
  say('\nBetween the pages two subscriptions are added at the top and one is taken out: offsets no longer fit.')
  const before = xsolla.journal.total
  xsolla.script.add({ after: 1, actions: [{ type: 'insert', count: 2 }] })
  xsolla.script.add({ after: 3, actions: [{ type: 'remove', at: 5 }] })
  const { dataSetId, targetId } = await createTarget(transcript, 'Xsolla subscriptions')
  const flowId = await createFlow(transcript, { name: 'Xsolla subscriptions to dataset', sourceId, targetId })
  const runId = await followRun(transcript, flowId, 'subscriptions', SUBSCRIPTIONS + 2)

  heading('5. Everything is there, each subscription exactly once')
  await checkRun(transcript, runId)
  const ids = await checkDataSet(transcript, dataSetId, xsolla)
  const readings = xsolla.journal.entries().slice(before)
  const offsets = readings.map(({ params }) => params['offset']).join(' ')
  say(`\nThe run asked for the offsets ${offsets}: from the beginning again, until two readings agreed.`)
  say(`All pages of the dataset read: ${ids.length} subscriptions, each exactly once.`)

  heading('6. The price of one changes and another one begins: the next run delivers these two')
  const changed = xsolla.apply({ type: 'set-amount', at: 20, amount: '9.9900' })
  const added = xsolla.apply({ type: 'insert' })
  await expectDelivered(
    transcript,
    flowId,
    [...changed, ...added].map(({ id }) => String(id)),
  )
}

async function connect({ call }: Transcript, accessToken: string): Promise<string> {
  const { id } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/connections`,
    body: {
      name: 'Xsolla base connection',
      connectionSpec: { id: XSOLLA_SPEC, version: '1.0' },
      auth: { specName: 'OAuth2 Refresh Code', params: { accessToken } },
    },
  })
  return id
}

async function explore({ call }: Transcript, baseId: string): Promise<void> {
  const listed = await call<{ path: string }[]>({
    method: 'GET',
    path: `${FLOW}/connections/${baseId}/explore?objectType=root`,
    show: (answer) => (answer as { path: string }[]).map((entry) => entry.path),
  })
  expectEqual('The number of resource paths', listed.length, 4)
  const params = { resourcePath: 'user_subscriptions', projectId: PROJECT_ID }
  const sourceParams = Buffer.from(JSON.stringify(params)).toString('base64url')
  const explored = await call<{ data: unknown[] }>({
    method: 'GET',
    path: `${FLOW}/connections/${baseId}/explore?objectType=rest&object=json&fileType=json&preview=true&sourceParams=${sourceParams}`,
    show: (answer) => (answer as { data: unknown[] }).data[0],
  })
  expectEqual('The previewed subscriptions', explored.data.length, 10)
}

async function checkRun({ call }: Transcript, runId: string): Promise<void> {
  const { items } = await call<Items<DemoRun>>({
    method: 'GET',
    path: `${FLOW}/runs/${runId}`,
    show: (answer) => (answer as Items<DemoRun>).items[0]?.metrics,
  })
  expectEqual(
    'The records that the run delivered',
    items[0]?.metrics.recordSummary.outputRecordCount,
    items[0]?.metrics.recordSummary.inputRecordCount,
  )
}

/** What was taken out while it was read may be there or not. */
async function checkDataSet(
  transcript: Transcript,
  dataSetId: string,
  { world }: XsollaSandbox,
): Promise<readonly string[]> {
  const ids = await readDataSet(transcript, dataSetId)
  expectEqual('The different ids among them', new Set(ids).size, ids.length)
  const missing = world.rows.filter(({ id }) => !ids.includes(String(id)))
  if (missing.length > 0) throw new DemoError(`The dataset lacks ${missing.map(({ id }) => id).join(', ')}.`)
  return ids
}

async function expectDelivered(transcript: Transcript, flowId: string, expected: readonly string[]): Promise<void> {
  const { ids } = await runAgain(transcript, flowId)
  expectEqual('The subscriptions that it delivered', ids.toSorted().join(' '), expected.toSorted().join(' '))
}
