import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import axios from 'axios'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import {
  CATALOG,
  connectionBody,
  dataSetBody,
  flowBody,
  FLOW_SERVICE,
  sourceBody,
  targetBody,
} from '../support/flow-host.ts'
import { startProcess } from '../support/start-process.ts'
import { pause, SANDBOX_KEY } from '../support/stripe-host.ts'

const CHARGES = 1500
const CLIENT = {
  BOOTSTRAP_CLIENT_ID: 'kill',
  BOOTSTRAP_CLIENT_SECRET: 'kill-secret',
  BOOTSTRAP_ORG_ID: 'KILL@AdobeOrg',
}

async function createFlow(url: string): Promise<string> {
  const form = 'grant_type=client_credentials&client_id=kill&client_secret=kill-secret'
  const { data } = await axios.post(`${url}/ims/token/v3`, form)
  const headers = {
    Authorization: `Bearer ${data.access_token}`,
    'x-api-key': 'kill',
    'x-gw-ims-org-id': 'KILL@AdobeOrg',
  }
  const api = axios.create({ baseURL: url, headers })
  const create = async (collection: string, body: object): Promise<string> =>
    (await api.post(`${FLOW_SERVICE}/${collection}`, body)).data.id
  const baseId = await create('connections', connectionBody(SANDBOX_KEY))
  const dataSetId = (await api.post(`${CATALOG}/dataSets`, dataSetBody())).data[0].replace('@/dataSets/', '')
  const sourceId = await create('sourceConnections', sourceBody(baseId))
  const targetId = await create('targetConnections', targetBody(dataSetId))
  const scheduleParams = { startTime: Math.floor(Date.now() / 1000), frequency: 'once' }
  const flowId = await create('flows', { ...flowBody(sourceId, targetId), scheduleParams })
  for (let state = ''; state !== 'success'; await pause()) {
    const { items } = (await api.get(`${FLOW_SERVICE}/flows/${flowId}`)).data
    state = items[0].lastRunDetails?.state
  }
  return flowId
}

test('an audit goes on after its host was killed, and the command waits for it', async () => {
  const sandbox = await createStripeSandbox({ counts: { charges: CHARGES }, journalCapacity: 100_000 })
  const dataDir = await mkdtemp(join(tmpdir(), 'flow-audit-'))
  const env = { DATA_DIR: dataDir, STRIPE_API_BASE: sandbox.url, LOG_LEVEL: 'warn', ...CLIENT }
  let host = startProcess(env)
  try {
    const [, url = ''] = await host.waitFor(/Listening on (\S+)/)
    const flowId = await createFlow(url)
    const [changed, removed] = [...sandbox.world.all('charges')].map(({ id }) => id)
    sandbox.apply({ type: 'patch', id: changed!, fields: { description: 'x' }, silent: true })
    sandbox.apply({ type: 'remove', id: removed! })

    const readPages = () => sandbox.journal.entries().filter(({ path }) => path === '/v1/charges').length
    const before = readPages()
    // Every page takes its time, so that the kill comes in the middle.
    sandbox.faults.add({ match: { path: '/v1/charges' }, times: null, fault: { kind: 'latency', ms: 100 } })
    const audit = startProcess(CLIENT, ['src/main.ts', 'audit', '--flow', flowId, '--url', url])
    while (readPages() < before + 5) await pause(5)
    host.child.kill('SIGKILL')
    await host.ended
    host = startProcess({ ...env, PORT: new URL(url).port })
    expect(await audit.ended).toBe(1)
    expect(audit.stdout()).toContain(`Compared ${CHARGES} objects.`)
    expect(audit.stdout()).toMatch(/missing {2}0 .*\n {2}extra {4}1 .*\n {2}stale {4}1 /)
    expect(audit.stdout()).toContain(`extra    ${removed}`)
    expect(audit.stdout()).toContain(`stale    ${changed}`)
    // Pages in hand at the kill are read again, and no others.
    expect(readPages() - before).toBeLessThan((CHARGES / 100) * 2)
  } finally {
    host.child.kill('SIGKILL')
    await host.ended
    await sandbox.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}, 60_000)
