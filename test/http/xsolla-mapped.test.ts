import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { create, createDataSet, FLOW_SPEC, FLOW_SERVICE, targetBody } from '../support/flow-host.ts'
import { firstRun, recordsOfRun, statusOf } from '../support/stripe-host.ts'
import { ACME } from '../support/test-host.ts'
import {
  startXsollaHost,
  USER_PARAMS,
  userConnectionBody,
  xsollaSourceBody,
  type XsollaHost,
} from '../support/xsolla-host.ts'

const REGISTRY = '/data/foundation/schemaregistry'
const CONVERSION = '/data/foundation/conversion'
const CONTENT_TYPE = 'application/vnd.adobe.xed-full+json;version=1.0'
const PROFILE = 'https://ns.adobe.com/xdm/context/profile'

let host: XsollaHost

beforeAll(async () => {
  host = await startXsollaHost({ subscriptions: 50 })
})
afterAll(() => host.stop())

/** A mapping that refuses the subscriptions of a product: their id is no number. */
async function createMapping() {
  const tenant = `_${(await host.api.get(`${REGISTRY}/stats`).expect(200)).body.tenantId}`
  const properties = { id: { type: 'integer' }, amount: { type: 'string' }, product: { type: 'integer' } }
  const definitions = { subscription: { properties: { [tenant]: { type: 'object', properties } } } }
  const group = await host.api
    .post(`${REGISTRY}/tenant/fieldgroups`, {
      type: 'object',
      title: 'Subscription fields',
      'meta:intendedToExtend': [PROFILE],
      definitions,
      allOf: [{ $ref: '#/definitions/subscription' }],
    })
    .expect(201)
  const allOf = [{ $ref: PROFILE }, { $ref: group.body.$id }]
  const schema = await host.api.post(`${REGISTRY}/tenant/schemas`, { type: 'object', title: 'Subscriptions', allOf })
  const line = (source: string, destination: string) => ({
    sourceType: 'ATTRIBUTE',
    source,
    destination: `${tenant}.${destination}`,
  })
  const mappings = [
    line('data.id', 'id'),
    line('data.charge.amount', 'amount'),
    line('data.product_external_id', 'product'),
  ]
  const body = { version: 0, xdmSchema: schema.body.$id, xdmVersion: '1.0', id: null, mappings }
  const mappingId: string = (await host.api.post(`${CONVERSION}/mappingSets`, body).expect(200)).body.id
  return { tenant, mappingId, schemaRef: { id: schema.body.$id, contentType: CONTENT_TYPE } }
}

test('a list that is read again refuses a record once, counts it once and keeps amounts as texts', async () => {
  const { tenant, mappingId, schemaRef } = await createMapping()
  const dataSetId = await createDataSet(host.api, { name: 'Subscriptions', schemaRef })
  const baseId = await create(host.api, 'connections', userConnectionBody(host.sandbox.issueToken()))
  const sourceId = await create(host.api, 'sourceConnections', xsollaSourceBody(baseId, USER_PARAMS))
  const targetId = await create(host.api, 'targetConnections', targetBody(dataSetId))
  const flowId = await create(host.api, 'flows', {
    name: 'Subscriptions',
    flowSpec: FLOW_SPEC,
    sourceConnectionIds: [sourceId],
    targetConnectionIds: [targetId],
    scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
    transformations: [{ name: 'Mapping', params: { mappingId, mappingVersion: '0' } }],
    options: { partialIngestionPercent: 99 },
  })
  const run = await firstRun(host.api, flowId)
  const refused = host.sandbox.world.rows.filter(({ productId }) => productId !== null).length
  expect(refused).toBeGreaterThan(0)
  expect(host.sandbox.journal.total).toBe(8)
  expect([statusOf(run), run.metrics.recordSummary]).toMatchObject([
    'success',
    { inputRecordCount: 50, outputRecordCount: 50 - refused, failedRecordCount: refused, skippedRecordCount: 0 },
  ])
  const { entities, records } = host.host.context.store
  const stored = await entities.get({ orgId: ACME.orgId, sandboxName: 'prod' }, 'runs', run.id)
  expect(await records.refused(stored!.no, 0, 1000)).toHaveLength(refused)
  expect(await recordsOfRun(host.api, run.id)).toHaveLength(50 - refused)
  const { body } = await host.api.get(`${FLOW_SERVICE}/runs/${run.id}/records?limit=1&include=mapped`).expect(200)
  expect(body.items[0].mapped[tenant].amount).toMatch(/^\d+\.\d{4}$/)
})
