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

/** From an access token to paged records, every call shown. */
export const recordsScenario: DemoScenario = { walk }

async function walk({ transcript, stripe, accessToken, chargeCount }: DemoStage): Promise<void> {
  const { heading, say, call } = transcript

  heading('1. Create a base connection from the access token')
  const baseId = await createStripeConnection(transcript, { accessToken })
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
  const sourceId = await createSourceConnection(transcript, {
    name: 'Stripe charges',
    baseConnectionId: baseId,
    params: { resourcePath: 'charges' },
  })
  const { dataSetId, targetId } = await createTarget(transcript, 'Stripe charges')

  heading('4. Create the dataflow; with frequency once it runs by itself, now')
  const flowId = await createFlow(transcript, { name: 'Stripe charges to dataset', sourceId, targetId })

  heading('5. Watch the run')
  const runId = await followRun(transcript, flowId, 'charges', chargeCount)
  const run = await call<Items<DemoRun>>({
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
  const newId = stripe.apply({ type: 'create', resource: 'charges' })[0]?.id
  say(`\nThe sandbox has a new charge, ${newId}.`)
  const { run: second, ids: delivered } = await runAgain(transcript, flowId)
  expectEqual('The records that the second run delivered', second.metrics.recordSummary.outputRecordCount, 1)
  expectEqual('The charge that it delivered', delivered[0], newId)
}

/** Reads all pages of a dataset. @returns the ids, in order */
export async function readDataSet(transcript: Transcript, dataSetId: string): Promise<string[]> {
  const ids: string[] = []
  let path: string | undefined = `${CATALOG}/dataSets/${dataSetId}/records?limit=1000`
  while (path !== undefined) {
    const page: Items<Created> = await transcript.quietly({ method: 'GET', path })
    ids.push(...page.items.map((item) => item.id))
    path = page._links.next && `${CATALOG}${page._links.next.href}`
  }
  return ids
}
