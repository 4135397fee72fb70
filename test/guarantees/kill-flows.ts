import {
  CATALOG,
  connectionBody,
  dataSetBody,
  FLOW_SERVICE,
  flowBody,
  sourceBody,
  targetBody,
} from '../support/flow-host.ts'
import { pause, type RecordItem } from '../support/stripe-host.ts'
import type { KillableHost } from './kill-host.ts'

export interface ProcessFlow {
  readonly resourcePath: string
  readonly flowId: string
  readonly dataSetId: string
}

/** A flow that reads one resource once, now, through a connection of its own into a dataset of its own. */
export async function createProcessFlow(host: KillableHost, resourcePath: string, key: string): Promise<ProcessFlow> {
  const create = async (collection: string, body: object): Promise<string> =>
    (await host.post(`${FLOW_SERVICE}/${collection}`, body)).id
  const baseId = await create('connections', connectionBody(key))
  const [dataSet] = await host.post(`${CATALOG}/dataSets`, dataSetBody())
  const dataSetId = dataSet.replace('@/dataSets/', '')
  const sourceId = await create('sourceConnections', { ...sourceBody(baseId), params: { resourcePath } })
  const targetId = await create('targetConnections', targetBody(dataSetId))
  const scheduleParams = { startTime: Math.floor(Date.now() / 1000), frequency: 'once' }
  const flowId = await create('flows', { ...flowBody(sourceId, targetId), scheduleParams })
  return { resourcePath, flowId, dataSetId }
}

/** The id of the run that a flow makes by itself. */
export async function firstRunId(host: KillableHost, flowId: string): Promise<string> {
  for (;;) {
    const { items } = await host.get(`${FLOW_SERVICE}/runs?property=flowId==${flowId}`)
    if (items.length > 0) return items[0].id
    await pause()
  }
}

export async function runOf(host: KillableHost, runId: string) {
  return (await host.get(`${FLOW_SERVICE}/runs/${runId}`)).items[0]
}

/** The run when it has ended, however often the host is killed meanwhile. */
export async function endedRun(host: KillableHost, runId: string) {
  for (;;) {
    const run = await runOf(host, runId)
    if (['success', 'failed'].includes(run.metrics.statusSummary.status)) return run
    await pause(50)
  }
}

/**
 * Pages through what a run delivers, from its beginning to its end, while it goes on and while the host is killed and
 * started again: each next page by the link on the one before.
 */
export function followRun(host: KillableHost, runId: string, limit: number): Promise<RecordItem[]> {
  return readPages(host, `${FLOW_SERVICE}`, `/runs/${runId}/records?limit=${limit}`)
}

export function recordsInDataSet(host: KillableHost, dataSetId: string): Promise<RecordItem[]> {
  return readPages(host, CATALOG, `/dataSets/${dataSetId}/records?limit=1000`)
}

async function readPages(host: KillableHost, base: string, first: string): Promise<RecordItem[]> {
  const items: RecordItem[] = []
  let path: string | undefined = first
  while (path !== undefined) {
    const page = await host.get(base + path)
    items.push(...page.items)
    path = page._links.next?.href
    if (page.items.length === 0) await pause(50)
  }
  return items
}
