import type { Clock } from '../../src/clock.ts'
import { startTestHost } from './test-host.ts'
import type { TestApi, TestHost, TestHostOptions } from './test-host.ts'

export const FLOW_SERVICE = '/data/foundation/flowservice'
export const CATALOG = '/data/foundation/catalog'

export const STRIPE_SPEC = { id: 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3', version: '1.0' }
export const DATA_LAKE_SPEC = { id: 'c604ff05-7f1a-43c0-8e18-33bf874cb11c', version: '1.0' }
export const FLOW_SPEC = { id: '6499120c-0b15-42dc-936e-847ea3c24d72', version: '1.0' }
export const UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'

export const TOKEN = 'sk_test_a1B2c3D4e5F6g7H8'
export const SCHEMA_REF = {
  id: 'https://ns.adobe.com/acme/schemas/0123456789abcdef0123456789abcdef0123456789abcdef',
  contentType: 'application/vnd.adobe.xed-full+json;version=1.0',
}

/** Stands still until a test moves it. */
export interface HandClock extends Clock {
  time: number
}

export interface FlowHost extends TestHost {
  readonly clock: HandClock
}

/** 2026-07-01T12:00:00Z, a whole second. */
export const NOW = 1_782_907_200_000

/** A host whose clock stands still and that does no work by itself. */
export async function startFlowHost(options: Partial<TestHostOptions> = {}): Promise<FlowHost> {
  const clock: HandClock = { time: NOW, now: () => clock.time, sleep: () => new Promise(() => {}) }
  return { ...(await startTestHost({ clock, ...options })), clock }
}

export const connectionBody = (token: string = TOKEN) => ({
  name: 'Stripe account',
  description: 'The one account',
  connectionSpec: STRIPE_SPEC,
  auth: { specName: 'OAuth2 Refresh Code', params: { accessToken: token } },
})

export const sourceBody = (baseConnectionId: string) => ({
  name: 'Charges',
  baseConnectionId,
  connectionSpec: STRIPE_SPEC,
  data: { format: 'json' },
  params: { resourcePath: 'charges' },
})

export const targetBody = (dataSetId: string) => ({
  name: 'Into the dataset',
  connectionSpec: DATA_LAKE_SPEC,
  data: { format: 'parquet_xdm' },
  params: { dataSetId },
})

export const flowBody = (sourceId: string, targetId: string) => ({
  name: 'Charges flow',
  flowSpec: FLOW_SPEC,
  sourceConnectionIds: [sourceId],
  targetConnectionIds: [targetId],
  scheduleParams: { startTime: String(NOW / 1000 + 600), frequency: 'minute', interval: '15' },
})

export const dataSetBody = () => ({ name: 'Stripe Charges', schemaRef: SCHEMA_REF })

/** Creates an entity and returns its id; fails the test when it is refused. */
export async function create(api: TestApi, collection: string, body: unknown, query = ''): Promise<string> {
  const response = await api.post(`${FLOW_SERVICE}/${collection}${query}`, body).expect(201)
  return response.body.id
}

export async function createDataSet(api: TestApi, body: unknown = dataSetBody()): Promise<string> {
  const response = await api.post(`${CATALOG}/dataSets`, body).expect(201)
  return response.body[0].replace('@/dataSets/', '')
}

/** The one entity of that id, as a read answers it. */
export async function read(api: TestApi, collection: string, id: string) {
  const response = await api.get(`${FLOW_SERVICE}/${collection}/${id}`).expect(200)
  return response.body.items[0]
}

/** Patches with the current etag. */
export async function patch(api: TestApi, collection: string, id: string, operations: unknown) {
  const { etag } = await read(api, collection, id)
  return api.patch(`${FLOW_SERVICE}/${collection}/${id}`, operations).set('If-Match', etag)
}

export interface Chain {
  readonly dataSetId: string
  readonly baseId: string
  readonly sourceId: string
  readonly targetId: string
  readonly flowId: string
}

/** A dataset, its connections and a flow over them. */
export async function createChain(api: TestApi, flow: object = {}): Promise<Chain> {
  const dataSetId = await createDataSet(api)
  const baseId = await create(api, 'connections', connectionBody())
  const sourceId = await create(api, 'sourceConnections', sourceBody(baseId))
  const targetId = await create(api, 'targetConnections', targetBody(dataSetId))
  const flowId = await create(api, 'flows', { ...flowBody(sourceId, targetId), ...flow })
  return { dataSetId, baseId, sourceId, targetId, flowId }
}
