import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import axios from 'axios'
import type { AxiosInstance } from 'axios'
import { createStripeSandbox, type StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import {
  CATALOG,
  connectionBody,
  dataSetBody,
  flowBody,
  FLOW_SERVICE,
  sourceBody,
  targetBody,
} from '../support/flow-host.ts'
import { startProcess, type HostProcess } from '../support/start-process.ts'
import { pause, SANDBOX_KEY } from '../support/stripe-host.ts'

const CHARGES = 6_000
const KILLS = 8
const ORG = 'KILL@AdobeOrg'

let sandbox: StripeSandbox
let dataDir: string
let host: HostProcess

beforeAll(async () => {
  sandbox = await createStripeSandbox({ counts: { charges: CHARGES }, latencyMs: 25, journalCapacity: 100_000 })
  dataDir = await mkdtemp(join(tmpdir(), 'flow-kill-'))
})

afterAll(async () => {
  host.child.kill('SIGKILL')
  await host.ended
  await sandbox.close()
  await rm(dataDir, { recursive: true, force: true })
})

/** A host process on the same folder as the one before, and its API. */
async function startHost(): Promise<AxiosInstance> {
  host = startProcess({
    DATA_DIR: dataDir,
    STRIPE_API_BASE: sandbox.url,
    LOG_LEVEL: 'warn',
    BOOTSTRAP_CLIENT_ID: 'kill',
    BOOTSTRAP_CLIENT_SECRET: 'kill-secret',
    BOOTSTRAP_ORG_ID: ORG,
  })
  const [, url = ''] = await host.waitFor(/Listening on (\S+)/)
  const form = 'grant_type=client_credentials&client_id=kill&client_secret=kill-secret'
  const { data } = await axios.post(`${url}/ims/token/v3`, form)
  const headers = { Authorization: `Bearer ${data.access_token}`, 'x-api-key': 'kill', 'x-gw-ims-org-id': ORG }
  return axios.create({ baseURL: url, headers })
}

async function createFlow(api: AxiosInstance) {
  const create = async (collection: string, body: object) =>
    (await api.post(`${FLOW_SERVICE}/${collection}`, body)).data.id
  const baseId = await create('connections', connectionBody(SANDBOX_KEY))
  const dataSetId = (await api.post(`${CATALOG}/dataSets`, dataSetBody())).data[0].replace('@/dataSets/', '')
  const sourceId = await create('sourceConnections', sourceBody(baseId))
  const targetId = await create('targetConnections', targetBody(dataSetId))
  const scheduleParams = { startTime: Math.floor(Date.now() / 1000), frequency: 'once' }
  const flowId = await create('flows', { ...flowBody(sourceId, targetId), scheduleParams })
  return { flowId, dataSetId }
}

async function readAll(api: AxiosInstance, base: string, path: string | undefined): Promise<string[]> {
  const ids: string[] = []
  while (path !== undefined) {
    const { data } = await api.get(base + path)
    ids.push(...data.items.map((item: { id: string }) => item.id))
    path = data._links.next?.href
  }
  return ids
}

test('a host that is killed again and again loses nothing, doubles nothing and ends the run under the same id', async () => {
  let api = await startHost()
  const { flowId, dataSetId } = await createFlow(api)
  const runOf = async () => (await api.get(`${FLOW_SERVICE}/runs?property=flowId==${flowId}`)).data.items[0]
  const readPages = () => sandbox.journal.entries().filter((entry) => entry.path === '/v1/charges').length

  let kills = 0
  for (let seen = 0; kills < KILLS; kills++) {
    // Killed at some moment after it has begun to read again.
    while (readPages() <= seen) await pause(5)
    await pause(Math.random() * 120)
    host.child.kill('SIGKILL')
    await host.ended
    seen = readPages()
    api = await startHost()
  }
  let run = await runOf()
  const { id } = run
  while (run.metrics.statusSummary.status === 'inProgress') {
    await pause(50)
    run = await runOf()
  }
  expect(run.id).toBe(id)
  expect(run.metrics.statusSummary.status).toBe('success')
  expect(run.metrics.recordSummary).toMatchObject({ inputRecordCount: CHARGES, outputRecordCount: CHARGES })

  const expected = [...sandbox.world.all('charges')].map((charge) => charge.id)
  expect(await readAll(api, FLOW_SERVICE, `/runs/${id}/records?limit=1000`)).toEqual(expected)
  expect(await readAll(api, CATALOG, `/dataSets/${dataSetId}/records?limit=1000`)).toEqual(expected.toSorted())
  // A kill loses at most the page in hand and the one that was asked for ahead of it.
  expect(readPages()).toBeLessThanOrEqual(CHARGES / 100 + 2 * kills)
}, 60_000)
