import {
  createXsollaSandbox,
  XSOLLA_API_KEY,
  type XsollaSandbox,
  type XsollaSandboxOptions,
} from '../../src/sandbox/xsolla/sandbox.ts'
import { DEFAULT_PROJECT } from '../../src/sandbox/xsolla/world.ts'
import { create, createDataSet, FLOW_SPEC, targetBody, type Chain } from './flow-host.ts'
import { startTestHost, type TestApi, type TestHost, type TestHostOptions } from './test-host.ts'

export const XSOLLA_SPEC = { id: '2563bc2f-3aed-4f53-8942-e13731d11a78', version: '1.0' }
export const PROJECT_ID = DEFAULT_PROJECT
export const USER_PARAMS = { projectId: PROJECT_ID }

export interface XsollaHost extends TestHost {
  readonly sandbox: XsollaSandbox
}

/** A host that runs flows, and the sandbox Xsolla that it calls. Call `stop` when done. */
export async function startXsollaHost(
  sandboxOptions: XsollaSandboxOptions = {},
  { env, ...hostOptions }: TestHostOptions = {},
): Promise<XsollaHost> {
  const sandbox = await createXsollaSandbox(sandboxOptions)
  const host = await startTestHost({ env: { XSOLLA_API_BASE: sandbox.url, ...env }, ...hostOptions })
  host.host.startRuns()
  return {
    ...host,
    sandbox,
    async stop() {
      await host.stop()
      await sandbox.close()
    },
  }
}

export const userConnectionBody = (accessToken: string) => ({
  name: 'Xsolla user',
  connectionSpec: XSOLLA_SPEC,
  auth: { specName: 'OAuth2 Refresh Code', params: { accessToken } },
})

export const merchantConnectionBody = ({ merchantId }: XsollaSandbox, password = XSOLLA_API_KEY) => ({
  name: 'Xsolla merchant',
  connectionSpec: XSOLLA_SPEC,
  auth: { specName: 'Basic Authentication', params: { username: String(merchantId), password } },
})

export const xsollaSourceBody = (baseConnectionId: string, params: object) => ({
  name: 'Subscriptions',
  baseConnectionId,
  connectionSpec: XSOLLA_SPEC,
  data: { format: 'json' },
  params,
})

/** Dataset, connections and a flow that reads once, now. */
export async function createXsollaChain(api: TestApi, connection: object, params: object): Promise<Chain> {
  const dataSetId = await createDataSet(api)
  const baseId = await create(api, 'connections', connection)
  const sourceId = await create(api, 'sourceConnections', xsollaSourceBody(baseId, params))
  const targetId = await create(api, 'targetConnections', targetBody(dataSetId))
  const flowId = await create(api, 'flows', {
    name: 'Subscriptions flow',
    flowSpec: FLOW_SPEC,
    sourceConnectionIds: [sourceId],
    targetConnectionIds: [targetId],
    scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
  })
  return { dataSetId, baseId, sourceId, targetId, flowId }
}
