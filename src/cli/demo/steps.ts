import type { Transcript } from './transcript.ts'

export const FLOW = '/data/foundation/flowservice'
export const CATALOG = '/data/foundation/catalog'
export const STRIPE_SPEC = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'
const DATA_LAKE_SPEC = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c'
const REST_FLOW_SPEC = '6499120c-0b15-42dc-936e-847ea3c24d72'

export interface Created {
  readonly id: string
}

export interface Items<Item> {
  readonly items: readonly Item[]
  readonly _links: { readonly next?: { readonly href: string } }
}

/** Creates a Stripe base connection. @returns its id */
export async function createStripeConnection(
  { call }: Transcript,
  authParams: Readonly<Record<string, unknown>>,
): Promise<string> {
  const { id } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/connections`,
    body: {
      name: 'Stripe base connection',
      connectionSpec: { id: STRIPE_SPEC, version: '1.0' },
      auth: { specName: 'OAuth2 Refresh Code', params: authParams },
    },
  })
  return id
}

export interface SourceRequest {
  readonly name: string
  readonly baseConnectionId: string
  /** @defaultValue Stripe's */
  readonly connectionSpecId?: string
  readonly params: Readonly<Record<string, unknown>>
}

/** Creates a source connection. @returns its id */
export async function createSourceConnection({ call }: Transcript, request: SourceRequest): Promise<string> {
  const { name, baseConnectionId, connectionSpecId = STRIPE_SPEC, params } = request
  const { id } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/sourceConnections`,
    body: {
      name,
      baseConnectionId,
      connectionSpec: { id: connectionSpecId, version: '1.0' },
      data: { format: 'json' },
      params,
    },
  })
  return id
}

/** Creates a dataset and a target connection to it. */
export async function createTarget(
  { call }: Transcript,
  name: string,
): Promise<{ readonly dataSetId: string; readonly targetId: string }> {
  const [link] = await call<[string]>({ method: 'POST', path: `${CATALOG}/dataSets`, body: { name } })
  const dataSetId = link.replace('@/dataSets/', '')
  const { id } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/targetConnections`,
    body: {
      name: `Dataset ${name}`,
      connectionSpec: { id: DATA_LAKE_SPEC, version: '1.0' },
      data: { format: 'json' },
      params: { dataSetId },
    },
  })
  return { dataSetId, targetId: id }
}

/** Creates a flow of frequency `once`, which makes its first run by itself. @returns its id */
export async function createFlow(
  { call }: Transcript,
  request: { readonly name: string; readonly sourceId: string; readonly targetId: string },
): Promise<string> {
  const { id } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/flows`,
    body: {
      name: request.name,
      flowSpec: { id: REST_FLOW_SPEC, version: '1.0' },
      sourceConnectionIds: [request.sourceId],
      targetConnectionIds: [request.targetId],
      scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
    },
  })
  return id
}
