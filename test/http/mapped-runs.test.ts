import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  connectionBody,
  create,
  createDataSet,
  FLOW_SERVICE,
  flowBody,
  sourceBody,
  targetBody,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import {
  firstRun,
  recordsOfRun,
  SANDBOX_KEY,
  startStripeHost,
  statusOf,
  untilEnded,
  type RecordItem,
  type StripeHost,
} from '../support/stripe-host.ts'

const REGISTRY = '/data/foundation/schemaregistry'
const CONVERSION = '/data/foundation/conversion'
interface Charge {
  readonly id: string
  readonly amount: number
  readonly currency: string
  readonly outcome: { readonly type: string } | null
  readonly payment_method_details: { readonly card?: { readonly last4?: string } } | null
}

const CONTENT_TYPE = 'application/vnd.adobe.xed-full+json;version=1.0'

let host: StripeHost
let tenant: string
let schemaId: string

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 250 } })
  tenant = (await host.api.get(`${REGISTRY}/stats`).expect(200)).body.tenantId
  schemaId = await createSchema('Stripe charges')
})

afterAll(() => host.stop())

/** A schema of the profile class with the fields of the tutorial under the tenant's namespace. */
async function createSchema(title: string): Promise<string> {
  const group = await host.api
    .post(`${REGISTRY}/tenant/fieldgroups`, {
      type: 'object',
      title: `${title} fields`,
      'meta:intendedToExtend': ['https://ns.adobe.com/xdm/context/profile'],
      definitions: {
        charge: {
          properties: {
            [`_${tenant}`]: {
              type: 'object',
              properties: {
                charges_data: {
                  type: 'object',
                  properties: {
                    id: { type: 'string' },
                    amount: { type: 'integer' },
                    currency: { type: 'string' },
                    paid_on: { type: 'string' },
                    last4: { type: 'string' },
                    outcome: { type: 'object' },
                  },
                },
              },
            },
          },
        },
      },
      allOf: [{ $ref: '#/definitions/charge' }],
    })
    .expect(201)
  const schema = await host.api
    .post(`${REGISTRY}/tenant/schemas`, {
      type: 'object',
      title,
      allOf: [{ $ref: 'https://ns.adobe.com/xdm/context/profile' }, { $ref: group.body.$id }],
    })
    .expect(201)
  return schema.body.$id
}

function target(name: string): string {
  return `_${tenant}.charges_data.${name}`
}

/** The tutorial's old dialect and the new one, side by side. */
function mappings(): object[] {
  return [
    { sourceAttribute: 'data.id', destinationXdmPath: target('id'), identity: false, version: 0 },
    { sourceType: 'ATTRIBUTE', source: 'data.amount', destination: target('amount') },
    { sourceType: 'EXPRESSION', source: 'upper(data.currency)', destination: target('currency') },
    { sourceType: 'ATTRIBUTE', source: 'data.payment_method_details.card.last4', destination: target('last4') },
    { sourceType: 'ATTRIBUTE', source: 'data.outcome', destination: target('outcome') },
  ]
}

async function createMappingSet(lines: object[], id = schemaId): Promise<string> {
  const body = { version: 0, xdmSchema: id, xdmVersion: '1.0', id: null, mappings: lines }
  return (await host.api.post(`${CONVERSION}/mappingSets`, body).expect(200)).body.id
}

async function createMappedFlow(mappingId: string, flow: object = {}) {
  const dataSetId = await createDataSet(host.api, {
    name: 'charges',
    schemaRef: { id: schemaId, contentType: CONTENT_TYPE },
  })
  const baseId = await create(host.api, 'connections', connectionBody(SANDBOX_KEY))
  const sourceId = await create(host.api, 'sourceConnections', sourceBody(baseId))
  const targetId = await create(host.api, 'targetConnections', targetBody(dataSetId))
  const body = {
    ...flowBody(sourceId, targetId),
    scheduleParams: { startTime: Math.floor(Date.now() / 1000), frequency: 'once' },
    transformations: [{ name: 'Mapping', params: { mappingId, mappingVersion: '0' } }],
    ...flow,
  }
  return { body, dataSetId, flowId: async () => create(host.api, 'flows', body) }
}

async function mappedRecords(runId: string): Promise<(RecordItem & { mapped: Record<string, never> })[]> {
  const { body } = await host.api.get(`${FLOW_SERVICE}/runs/${runId}/records?limit=1000&include=mapped`).expect(200)
  return body.items
}

describe('a flow with a mapping', () => {
  test('lands XDM rows beside the records in source form', async () => {
    const flow = await createMappedFlow(await createMappingSet(mappings()))
    const run = await firstRun(host.api, await flow.flowId())
    expect(run.metrics.statusSummary.errors).toEqual([])
    expect(statusOf(run)).toBe('success')
    const items = await mappedRecords(run.id)
    expect(items).toHaveLength(250)
    for (const { record, mapped } of items) {
      const { id, amount, currency, outcome, payment_method_details: details } = record.data as unknown as Charge
      expect(mapped).toEqual({
        [`_${tenant}`]: {
          charges_data: {
            id,
            amount,
            currency: currency.toUpperCase(),
            ...(details?.card?.last4 ? { last4: details.card.last4 } : {}),
            ...(outcome === null ? {} : { outcome: expect.objectContaining({ type: outcome.type }) }),
          },
        },
      })
    }
    const plain = await recordsOfRun(host.api, run.id)
    expect(plain[0]).not.toHaveProperty('mapped')
  })

  test('refuses rows that do not fit the schema, and fails when none are tolerated', async () => {
    const lines = [...mappings(), { sourceType: 'ATTRIBUTE', source: 'data.currency', destination: target('amount') }]
    const flow = await createMappedFlow(await createMappingSet(lines))
    const run = await firstRun(host.api, await flow.flowId())
    expect(statusOf(run)).toBe('failed')
    expect(run.metrics.statusSummary.errors.map((error: { code: string }) => error.code)).toEqual([
      'CONNECTOR-2001-500',
      'MAPPER-3700-400',
    ])
    expect(run.metrics.recordSummary).toMatchObject({
      inputRecordCount: 250,
      outputRecordCount: 0,
      failedRecordCount: 250,
    })
    const [copy, promotion] = run.activities
    expect(copy.statusSummary.status).toBe('success')
    expect(promotion.statusSummary.status).toBe('failed')
    expect(promotion.statusSummary.extensions.errors[0]).toMatchObject({ code: 'INGEST-1212-400', recordCount: 250 })
    expect(await recordsOfRun(host.api, run.id)).toEqual([])
  })

  test('succeeds with its errors shown when it refuses no more than the flow tolerates', async () => {
    const lines = [
      ...mappings(),
      {
        sourceType: 'EXPRESSION',
        source: 'iif(data.currency.equals("jpy"), "not a number", data.amount)',
        destination: target('amount'),
      },
    ]
    const flow = await createMappedFlow(await createMappingSet(lines), { options: { partialIngestionPercent: 99 } })
    const run = await firstRun(host.api, await flow.flowId())
    const { inputRecordCount, outputRecordCount, failedRecordCount } = run.metrics.recordSummary
    expect(statusOf(run)).toBe('success')
    expect(failedRecordCount).toBeGreaterThan(0)
    expect(outputRecordCount).toBeGreaterThan(0)
    expect(inputRecordCount).toBe(outputRecordCount + failedRecordCount)
    expect(run.metrics.statusSummary.errors.map((error: { code: string }) => error.code)).toEqual(['MAPPER-3700-400'])
    const landed = await recordsOfRun(host.api, run.id)
    expect(landed.map((item) => item.record.data.currency)).not.toContain('jpy')
  })

  test('that was refused rows lands all of them when it is mended and the run triggered again', async () => {
    const broken = [
      { sourceType: 'EXPRESSION', source: 'iif(data.currency.equals("jpy"), "x", 1)', destination: target('amount') },
    ]
    const mappingId = await createMappingSet([...mappings(), ...broken])
    const flow = await createMappedFlow(mappingId, {
      transformations: [{ name: 'Mapping', params: { mappingId } }],
    })
    const run = await firstRun(host.api, await flow.flowId())
    expect(statusOf(run)).toBe('failed')
    const before = run.metrics.recordSummary.outputRecordCount
    await host.api
      .put(`${CONVERSION}/mappingSets/${mappingId}`, { xdmSchema: schemaId, mappings: mappings() })
      .expect(200)
    await host.api.post(`${FLOW_SERVICE}/runs/${run.id}/action?op=RE_TRIGGER`).expect(200)
    const again = await untilEnded(host.api, run.id)
    expect(statusOf(again)).toBe('success')
    expect(again.metrics.recordSummary).toMatchObject({
      inputRecordCount: 250,
      outputRecordCount: 250,
      failedRecordCount: 0,
    })
    expect(before).toBeLessThan(250)
    const ids = (await recordsOfRun(host.api, run.id)).map((item) => item.id)
    expect(new Set(ids).size).toBe(250)
    expect(ids).toHaveLength(250)
  })

  test('is refused when the mapping set, its version or its schema does not fit', async () => {
    const mappingId = await createMappingSet(mappings())
    const other = await createMappingSet(mappings(), await createSchema('Another'))
    const flow = await createMappedFlow(mappingId)
    const cases: [object, string][] = [
      [{ mappingId: UNKNOWN_ID }, '1419-400'],
      [{ mappingId, mappingVersion: 7 }, '1412-400'],
      [{ mappingId: other, mappingVersion: 0 }, '1425-400'],
    ]
    for (const [params, code] of cases) {
      const body = { ...flow.body, transformations: [{ name: 'Mapping', params }] }
      expect((await host.api.post(`${FLOW_SERVICE}/flows`, body).expect(400)).body.errorCode).toBe(code)
    }
  })

  test('keeps its mapping set from being deleted', async () => {
    const mappingId = await createMappingSet(mappings())
    const flow = await createMappedFlow(mappingId)
    const flowId = await flow.flowId()
    await host.api.delete(`${CONVERSION}/mappingSets/${mappingId}`).expect(400)
    await host.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
    await host.api.delete(`${CONVERSION}/mappingSets/${mappingId}`).expect(204)
  })
})
