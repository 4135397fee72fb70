import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import {
  connectionBody,
  create,
  createDataSet,
  flowBody,
  FLOW_SERVICE,
  sourceBody,
  targetBody,
} from '../support/flow-host.ts'
import {
  firstRun,
  pause,
  recordsOfRun,
  SANDBOX_KEY,
  startStripeHost,
  statusOf,
  untilEnded,
  type StripeHost,
} from '../support/stripe-host.ts'

const REGISTRY = '/data/foundation/schemaregistry'
const CONVERSION = '/data/foundation/conversion'

let host: StripeHost

beforeEach(async () => {
  host = await startStripeHost({ counts: { charges: 120 } })
})

afterEach(() => host.stop())

/** A flow whose mapping takes the id and the amount, which must be a whole number. */
async function createMappedFlow(): Promise<string> {
  const { tenantId } = (await host.api.get(`${REGISTRY}/stats`).expect(200)).body
  const properties = { id: { type: 'string' }, amount: { type: 'integer' } }
  const group = await host.api
    .post(`${REGISTRY}/tenant/fieldgroups`, {
      type: 'object',
      title: 'Charge fields',
      'meta:intendedToExtend': ['https://ns.adobe.com/xdm/context/profile'],
      definitions: { charge: { properties: { [`_${tenantId}`]: { type: 'object', properties } } } },
      allOf: [{ $ref: '#/definitions/charge' }],
    })
    .expect(201)
  const allOf = [{ $ref: 'https://ns.adobe.com/xdm/context/profile' }, { $ref: group.body.$id }]
  const schema = await host.api
    .post(`${REGISTRY}/tenant/schemas`, { type: 'object', title: 'Charges', allOf })
    .expect(201)
  const mappings = ['id', 'amount'].map((name) => ({
    sourceType: 'ATTRIBUTE',
    source: `data.${name}`,
    destination: `_${tenantId}.${name}`,
  }))
  const xdm = { version: 0, xdmSchema: schema.body.$id, xdmVersion: '1.0', id: null, mappings }
  const mappingId = (await host.api.post(`${CONVERSION}/mappingSets`, xdm).expect(200)).body.id

  const contentType = 'application/vnd.adobe.xed-full+json;version=1.0'
  const dataSetId = await createDataSet(host.api, { name: 'Mapped', schemaRef: { id: schema.body.$id, contentType } })
  const baseId = await create(host.api, 'connections', connectionBody(SANDBOX_KEY))
  const sourceId = await create(host.api, 'sourceConnections', sourceBody(baseId))
  const targetId = await create(host.api, 'targetConnections', targetBody(dataSetId))
  return create(host.api, 'flows', {
    ...flowBody(sourceId, targetId),
    scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
    transformations: [{ name: 'Mapping', params: { mappingId, mappingVersion: '0' } }],
  })
}

async function audit(flowId: string, query = '') {
  const flow = `${FLOW_SERVICE}/flows/${flowId}`
  const { id } = (await host.api.post(`${flow}/audit${query}`).expect(202)).body
  for (;;) {
    const { body } = await host.api.get(`${flow}/audits/${id}`).expect(200)
    if (['success', 'failed'].includes(body.status)) return body
    await pause()
  }
}

test('a mapped flow is compared by the form of the source, and what is mended is mapped', async () => {
  const flowId = await createMappedFlow()
  expect(statusOf(await firstRun(host.api, flowId))).toBe('success')
  expect(await audit(flowId)).toMatchObject({ status: 'success', compared: 120, drift: false })
  const [first] = host.sandbox.world.all('charges')
  const db = new DatabaseSync(path.join(host.dataDir, 'host.db'))
  db.prepare('delete from objects where object_id = ?').run(first!.id)
  db.close()
  const { repairRunId } = await audit(flowId, '?repair=true')
  await untilEnded(host.api, repairRunId)
  const { body } = await host.api.get(`${FLOW_SERVICE}/runs/${repairRunId}/records?include=mapped`).expect(200)
  expect(body.items).toMatchObject([{ id: first!.id, op: 'upsert' }])
  expect(JSON.stringify(body.items[0].mapped)).toContain(first!.id)
})

test('a repair fails by records that the mapping refuses, and the next audit finds them again', async () => {
  const flowId = await createMappedFlow()
  expect(statusOf(await firstRun(host.api, flowId))).toBe('success')
  const [refused, taken] = [...host.sandbox.world.all('charges')].map(({ id }) => id)
  host.sandbox.apply({ type: 'patch', id: refused!, fields: { amount: 'a lot' }, silent: true })
  host.sandbox.apply({ type: 'patch', id: taken!, fields: { amount: 77 }, silent: true })

  const { repairRunId, stale } = await audit(flowId, '?repair=true')
  expect(stale).toBe(2)
  const run = await untilEnded(host.api, repairRunId)
  expect(statusOf(run)).toBe('failed')
  expect(run.metrics.recordSummary).toMatchObject({ outputRecordCount: 1, failedRecordCount: 1 })
  expect(run.metrics.statusSummary.errors[0].message).toContain('The mapping refused 1 of 2 records')
  expect((await recordsOfRun(host.api, repairRunId)).map(({ id }) => id)).toEqual([taken])
  expect((await audit(flowId)).findings).toEqual([{ id: refused, kind: 'stale' }])
})
