import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/clock.ts'
import type { Clock } from '../../src/clock.ts'
import { RetriableSourceError } from '../../src/plugins/plugin.ts'
import { readParquet, withoutNulls } from '../catalog/read-parquet.ts'
import { scriptedPlugin } from '../flow/explore/scripted-source.ts'
import {
  connectionBody,
  create,
  createDataSet,
  flowBody,
  FLOW_SERVICE,
  NOW,
  sourceBody,
  targetBody,
} from '../support/flow-host.ts'
import type { HandClock } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  pause,
  recordsOfRun,
  runsOf,
  SANDBOX_KEY,
  startStripeHost,
  statusOf,
  untilEnded,
} from '../support/stripe-host.ts'
import type { RecordItem, StripeHost } from '../support/stripe-host.ts'
import { ACME, startTestHost } from '../support/test-host.ts'
import type { TestApi, TestHost } from '../support/test-host.ts'
import { expectProblem } from './shapes.ts'

/** Decisions of the contract's section 10, by their numbers. */

const REGISTRY = '/data/foundation/schemaregistry'
const CONVERSION = '/data/foundation/conversion'
const EXPORT = '/data/foundation/export'
const CONTENT_TYPE = 'application/vnd.adobe.xed-full+json;version=1.0'
/** The mapping set of the Stripe tutorial, as published. */
const TUTORIAL = JSON.parse(
  readFileSync(new URL('../mapping/fixtures/stripe-charges-mapping.json', import.meta.url), 'utf8'),
)
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** The data window of a run, ms. */
function windowOf(run: {
  activities: { durationSummary: { extensions: { windowStart: number; windowEnd: number } } }[]
}) {
  return run.activities[0]!.durationSummary.extensions
}

const codesOf = (run: { metrics: { statusSummary: { errors: { code: string }[] } } }) =>
  run.metrics.statusSummary.errors.map(({ code }) => code)

/** What Stripe tells about the outcome of a charge. */
const OUTCOME = {
  advice_code: { type: 'string' },
  network_advice_code: { type: 'string' },
  network_decline_code: { type: 'string' },
  network_status: { type: 'string' },
  reason: { type: 'string' },
  risk_level: { type: 'string' },
  risk_score: { type: 'integer' },
  rule: { type: 'string' },
  seller_message: { type: 'string' },
  type: { type: 'string' },
}

type Schema = { readonly type?: string; readonly properties?: Readonly<Record<string, Schema>> }

/** The type that a schema gives to a path; text where it gives none. */
function typeAt(schema: Schema | undefined, names: readonly string[]): Schema {
  const found = names.reduce<Schema | undefined>((owner, name) => owner?.properties?.[name], schema)
  if (found?.type === undefined) return { type: 'string' }
  const members = Object.keys(found.properties ?? {})
  if (members.length === 0) return found
  return { ...found, properties: Object.fromEntries(members.map((name) => [name, typeAt(found, [name])])) }
}

/** Puts a type at a path of a schema's `properties`. */
function define(properties: Record<string, Schema>, names: readonly string[], type: Schema): void {
  const [name = '', ...rest] = names
  if (rest.length === 0) {
    properties[name] = type
    return
  }
  const owner = properties[name] ?? { type: 'object', properties: {} }
  properties[name] = owner
  define(owner.properties as Record<string, Schema>, rest, type)
}

describe('10.8 the schedule grid', () => {
  /** Stands still until a test moves it; pauses take their real time. */
  let clock: HandClock
  let host: StripeHost

  beforeAll(async () => {
    clock = { time: NOW, now: () => clock.time, sleep: systemClock.sleep }
    host = await startStripeHost({ now: NOW / SECOND, counts: { charges: 10, customers: 25 } }, { clock })
  })
  afterEach(() => {
    host.sandbox.reset()
    clock.time = NOW
  })
  afterAll(() => host.stop())

  function moveTo(time: number): void {
    clock.time = time
    host.sandbox.clock.set(Math.floor(time / SECOND))
  }

  /** A token lives for a day only. */
  const api = () => host.as(ACME)

  /** The one flow of a test: it is disabled in the end, for the clock goes back then. */
  async function withFlow(scheduleParams: object, work: (flowId: string) => Promise<void>): Promise<void> {
    const { flowId } = await createStripeChain(await api(), { resourcePath: 'customers', scheduleParams })
    try {
      await work(flowId)
    } finally {
      await (await api()).delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
    }
  }

  /** The flow's run of this number, from 1, which must start within 5 s from now; when it has ended. */
  async function runOf(flowId: string, number: number) {
    const deadline = Date.now() + 5000
    for (;;) {
      const run = (await runsOf(await api(), flowId))[number - 1]
      if (run !== undefined && statusOf(run) !== 'scheduled') return untilEnded(await api(), run.id)
      if (Date.now() > deadline) throw new Error(`Run ${number} did not start within 5 s.`)
      await pause()
    }
  }

  /** There are so many runs, and the host has looked twice whether another one is due. */
  async function expectNoMoreRuns(flowId: string, count: number): Promise<void> {
    await pause(1200)
    expect(await runsOf(await api(), flowId)).toHaveLength(count)
  }

  const idsOf = async (run: { id: string }) => (await recordsOfRun(await api(), run.id)).map(({ id }) => id)

  test.each([
    ['minute', 15, 15 * MINUTE],
    ['hour', 2, 2 * HOUR],
    ['day', '1', DAY],
    ['week', 1, 7 * DAY],
  ])(
    'runs every %s x %s are due at startTime + k * step, one window after the other',
    async (frequency, interval, step) => {
      const startTime = NOW + 10 * MINUTE
      await withFlow({ startTime: startTime / SECOND, frequency, interval }, async (flowId) => {
        moveTo(startTime - 1)
        await expectNoMoreRuns(flowId, 0)
        moveTo(startTime)
        const first = await runOf(flowId, 1)
        expect([statusOf(first), windowOf(first)]).toEqual(['success', { windowStart: 0, windowEnd: startTime }])
        moveTo(startTime + step - 1)
        await expectNoMoreRuns(flowId, 1)
        moveTo(startTime + step)
        const second = await runOf(flowId, 2)
        expect([statusOf(second), windowOf(second)]).toEqual([
          'success',
          { windowStart: startTime, windowEnd: startTime + step },
        ])
      })
    },
  )

  test('a late first run covers the gap at once, and the next is on the grid', async () => {
    const startTime = NOW - 50 * MINUTE
    await withFlow({ startTime: startTime / SECOND, frequency: 'minute', interval: 15 }, async (flowId) => {
      expect(windowOf(await runOf(flowId, 1))).toEqual({ windowStart: 0, windowEnd: NOW })
      moveTo(NOW + 10 * MINUTE - 1)
      await expectNoMoreRuns(flowId, 1)
      moveTo(NOW + 10 * MINUTE)
      expect(windowOf(await runOf(flowId, 2))).toEqual({ windowStart: NOW, windowEnd: NOW + 10 * MINUTE })
    })
  })

  test('missed runs are made up by one run over the whole gap, and the next is on the grid again', async () => {
    await withFlow({ startTime: NOW / SECOND, frequency: 'minute', interval: 15 }, async (flowId) => {
      await runOf(flowId, 1)
      const late = NOW + 52 * MINUTE
      moveTo(late)
      expect(windowOf(await runOf(flowId, 2))).toEqual({ windowStart: NOW, windowEnd: late })
      await expectNoMoreRuns(flowId, 2)
      moveTo(NOW + HOUR)
      expect(windowOf(await runOf(flowId, 3))).toEqual({ windowStart: late, windowEnd: NOW + HOUR })
    })
  })

  test('without backfill the first window begins at the start time', async () => {
    const startTime = NOW - 20 * MINUTE
    const scheduleParams = { startTime: startTime / SECOND, frequency: 'minute', interval: 15, backfill: false }
    await withFlow(scheduleParams, async (flowId) => {
      expect(windowOf(await runOf(flowId, 1))).toEqual({ windowStart: startTime, windowEnd: NOW })
    })
  })

  test('what was created before the whole second of windowEnd is in, the rest is in the next run, nothing twice', async () => {
    await withFlow({ startTime: NOW / SECOND, frequency: 'minute', interval: 15 }, async (flowId) => {
      await runOf(flowId, 1)
      const due = NOW + 15 * MINUTE
      host.sandbox.clock.set(due / SECOND - 1)
      const [before] = host.sandbox.apply({ type: 'create', resource: 'customers' })
      host.sandbox.clock.set(due / SECOND)
      const [within] = host.sandbox.apply({ type: 'create', resource: 'customers' })
      clock.time = due + 400
      const second = await runOf(flowId, 2)
      expect(windowOf(second)).toEqual({ windowStart: NOW, windowEnd: due + 400 })
      moveTo(due + 15 * MINUTE)
      const third = await runOf(flowId, 3)
      expect(windowOf(third)).toEqual({ windowStart: due + 400, windowEnd: due + 15 * MINUTE })
      const [early, late] = [await idsOf(second), await idsOf(third)]
      expect(early).toContain(before!.id)
      expect([...early, ...late].toSorted()).toEqual([before!.id, within!.id].toSorted())
    })
  })

  test('an object that is listed late is caught by the overlap', async () => {
    await withFlow({ startTime: NOW / SECOND, frequency: 'minute', interval: 15 }, async (flowId) => {
      await runOf(flowId, 1)
      host.sandbox.clock.set(NOW / SECOND - 30)
      const [late] = host.sandbox.apply({ type: 'create', resource: 'customers' })
      moveTo(NOW + 15 * MINUTE)
      const second = await runOf(flowId, 2)
      expect(windowOf(second).windowStart).toBe(NOW)
      expect(await idsOf(second)).toEqual([late!.id])
    })
  })

  test('a failed run leaves its window to the next one', async () => {
    await withFlow({ startTime: NOW / SECOND, frequency: 'minute', interval: 15 }, async (flowId) => {
      await runOf(flowId, 1)
      host.sandbox.faults.add({ times: null, match: { path: '/v1/*' }, fault: { kind: 'status', status: 400 } })
      moveTo(NOW + 15 * MINUTE)
      const failed = await runOf(flowId, 2)
      host.sandbox.faults.clear()
      expect([statusOf(failed), windowOf(failed)]).toEqual([
        'failed',
        { windowStart: NOW, windowEnd: NOW + 15 * MINUTE },
      ])
      moveTo(NOW + 30 * MINUTE)
      const third = await runOf(flowId, 3)
      expect([statusOf(third), windowOf(third)]).toEqual([
        'success',
        { windowStart: NOW, windowEnd: NOW + 30 * MINUTE },
      ])
    })
  })
})

describe('with the sandbox Stripe', () => {
  let host: StripeHost
  let tenant: string

  beforeAll(async () => {
    host = await startStripeHost({ counts: { charges: 250 } })
    tenant = (await host.api.get(`${REGISTRY}/stats`).expect(200)).body.tenantId
  })
  afterEach(() => host.sandbox.faults.clear())
  afterAll(() => host.stop())

  test('10.8 a due run starts within 5 s', async () => {
    const startTime = Math.floor(Date.now() / SECOND) + 2
    const { flowId } = await createStripeChain(host.api, { scheduleParams: { startTime, frequency: 'once' } })
    const run = await firstRun(host.api, flowId)
    const late = run.metrics.durationSummary.startedAtUTC - startTime * SECOND
    expect(late).toBeGreaterThanOrEqual(0)
    expect(late).toBeLessThan(5000)
    expect(await runsOf(host.api, flowId)).toHaveLength(1)
  })

  /** A schema of the profile class with these fields in a custom field group, under the tenant's namespace. */
  async function createSchema(title: string, chargesData: object): Promise<string> {
    const charge = {
      properties: {
        [`_${tenant}`]: {
          type: 'object',
          properties: { charges_data: { type: 'object', properties: chargesData } },
        },
      },
    }
    const group = await host.api
      .post(`${REGISTRY}/tenant/fieldgroups`, {
        type: 'object',
        title: `${title} fields`,
        'meta:intendedToExtend': ['https://ns.adobe.com/xdm/context/profile'],
        definitions: { charge },
        allOf: [{ $ref: '#/definitions/charge' }],
      })
      .expect(201)
    const allOf = [{ $ref: 'https://ns.adobe.com/xdm/context/profile' }, { $ref: group.body.$id }]
    return (await host.api.post(`${REGISTRY}/tenant/schemas`, { type: 'object', title, allOf }).expect(201)).body.$id
  }

  const target = (name: string) => `_${tenant}.charges_data.${name}`
  /** In the tutorial's dialect. */
  const line = (source: string, name: string) => ({
    sourceAttribute: source,
    destinationXdmPath: target(name),
    identity: false,
    version: 0,
  })

  /** The one run of a new flow with this mapping, when it has ended. */
  async function runMapped(schemaId: string, mappings: readonly object[]) {
    const set = { version: 0, xdmSchema: schemaId, xdmVersion: '1.0', id: null, mappings }
    const { body: created } = await host.api.post(`${CONVERSION}/mappingSets`, set).expect(200)
    const schemaRef = { id: schemaId, contentType: CONTENT_TYPE }
    const dataSetId = await createDataSet(host.api, { name: 'Charges', schemaRef })
    const baseId = await create(host.api, 'connections', connectionBody(SANDBOX_KEY))
    const sourceId = await create(host.api, 'sourceConnections', sourceBody(baseId))
    const targetId = await create(host.api, 'targetConnections', targetBody(dataSetId))
    const flowId = await create(host.api, 'flows', {
      ...flowBody(sourceId, targetId),
      scheduleParams: { startTime: Math.floor(Date.now() / SECOND), frequency: 'once' },
      transformations: [{ name: 'Mapping', params: { mappingId: created.id, mappingVersion: 0 } }],
    })
    return firstRun(host.api, flowId)
  }

  /** Rows as `POST /mappingSets/preview` maps the records. */
  async function preview(schemaId: string, mappings: readonly object[], data: readonly object[]) {
    const mappingSet = { outputSchema: { schemaRef: { id: schemaId, contentType: CONTENT_TYPE } }, mappings }
    return (await host.api.post(`${CONVERSION}/mappingSets/preview`, { data, mappingSet }).expect(200)).body
  }

  const batchOf = (run: { activities: { targetInfo: { reference: { ids: string[] } }[] }[] }) =>
    run.activities[1]!.targetInfo[0]!.reference.ids[0]!

  interface Mapped {
    readonly charges_data: { readonly id?: string; readonly outcome?: Readonly<Record<string, unknown>> }
  }
  type MappedItem = RecordItem & { readonly mapped: Readonly<Record<string, Mapped>> }

  async function mappedItems(run: { id: string }): Promise<readonly MappedItem[]> {
    const { body } = await host.api.get(`${FLOW_SERVICE}/runs/${run.id}/records?limit=1000&include=mapped`).expect(200)
    return body.items
  }

  describe('10.10 type checks of mapped rows', () => {
    let schemaId: string
    beforeAll(async () => {
      schemaId = await createSchema('Checked charges', { id: { type: 'string' }, amount: { type: 'integer' } })
    })

    const charge = { data: { id: 'ch_1', amount: 7, currency: 'usd' } }
    const lines = () => [line('data.id', 'id'), line('data.amount', 'amount')]

    /** Refuses every row, each for the field of that name. */
    async function expectRefused(mappings: readonly object[], name: string): Promise<void> {
      const run = await runMapped(schemaId, mappings)
      expect([statusOf(run), codesOf(run)]).toEqual(['failed', ['CONNECTOR-2001-500', 'MAPPER-3700-400']])
      expect(run.metrics.recordSummary).toMatchObject({
        inputRecordCount: 250,
        outputRecordCount: 0,
        failedRecordCount: 250,
      })
      expect(await recordsOfRun(host.api, run.id)).toEqual([])
      const { body } = await host.api
        .get(`${EXPORT}/batches/${batchOf(run)}/meta?path=row_error_samples.json`)
        .expect(200)
      expect(body).toHaveLength(100)
      for (const { errors } of body) {
        expect(errors).toEqual([{ path: target(name), message: expect.stringMatching(/\S/) }])
      }
    }

    test('rows that fit the custom field group land', async () => {
      const run = await runMapped(schemaId, lines())
      expect([statusOf(run), codesOf(run), run.metrics.recordSummary.outputRecordCount]).toEqual(['success', [], 250])
      expect(await preview(schemaId, lines(), [charge])).toEqual([
        { data: { [`_${tenant}`]: { charges_data: { id: 'ch_1', amount: 7 } } }, errors: null },
      ])
    })

    test('a string where the schema says integer fails the row', async () => {
      const wrong = [line('data.id', 'id'), line('data.currency', 'amount')]
      await expectRefused(wrong, 'amount')
      expect(await preview(schemaId, wrong, [charge])).toEqual([
        {
          data: { [`_${tenant}`]: { charges_data: { id: 'ch_1' } } },
          errors: [
            expect.objectContaining({ destination: target('amount'), exception: expect.stringContaining('integer') }),
          ],
        },
      ])
    })

    test('a path that the schema does not define passes through in the preview', async () => {
      const further = [...lines(), line('data.currency', 'currency')]
      expect(await preview(schemaId, further, [charge])).toEqual([
        { data: { [`_${tenant}`]: { charges_data: { id: 'ch_1', amount: 7, currency: 'usd' } } }, errors: null },
      ])
    })

    test('a path that the schema does not define fails the row in a run', async () => {
      await expectRefused([...lines(), line('data.currency', 'currency')], 'currency')
    })
  })

  describe('10.10 type checks inside a mapped object', () => {
    /** Maps the whole outcome onto an object that has these members. */
    async function runOutcome(properties: object) {
      const schemaId = await createSchema(`Outcome of ${Object.keys(properties).join(', ')}`, {
        outcome: { type: 'object', properties },
      })
      const run = await runMapped(schemaId, [line('data.outcome', 'outcome')])
      const query = 'meta?path=row_error_samples.json'
      const { body } = await host.api.get(`${EXPORT}/batches/${batchOf(run)}/${query}`).expect(200)
      return { run, schemaId, errors: body.flatMap(({ errors }: { errors: unknown[] }) => errors) }
    }

    test('a member of the wrong type fails the row', async () => {
      const { run, errors } = await runOutcome({ ...OUTCOME, seller_message: { type: 'integer' } })
      expect([statusOf(run), codesOf(run)]).toEqual(['failed', ['CONNECTOR-2001-500', 'MAPPER-3700-400']])
      expect(errors).toContainEqual({
        path: expect.stringContaining(target('outcome')),
        message: expect.stringContaining('integer'),
      })
    })

    // docs/mapping.md, "The rules of a row", 5: a path is what a mapping names, so what is only copied along does not fail the row.
    test('a member that the schema does not define comes along with a copied object, in a run and in a preview', async () => {
      const { seller_message: undefinedMember, ...properties } = OUTCOME
      expect(undefinedMember).toBeDefined()
      const { run, schemaId, errors } = await runOutcome(properties)
      expect([statusOf(run), codesOf(run), errors]).toEqual(['success', [], []])
      const items = await mappedItems(run)
      const outcomes = items.map(({ mapped }) => mapped[`_${tenant}`]?.charges_data.outcome ?? {})
      expect(outcomes.filter((outcome) => 'risk_level' in outcome).length).toBeGreaterThan(100)
      expect(outcomes.filter((outcome) => 'seller_message' in outcome).length).toBeGreaterThan(100)
      const outcome = { risk_level: 'normal', seller_message: 'Payment complete.' }
      expect(await preview(schemaId, [line('data.outcome', 'outcome')], [{ data: { outcome } }])).toEqual([
        { data: { [`_${tenant}`]: { charges_data: { outcome } } }, errors: null },
      ])
    })
  })

  describe('10.4 mapped rows are what the batch files hold', () => {
    const CARD = { type: 'object', properties: { last4: { type: 'string' } } }
    const schema = (outcome: object) => ({
      id: { type: 'string' },
      amount: { type: 'integer' },
      payment_method_details: { type: 'object', properties: { card: CARD } },
      outcome: { type: 'object', ...outcome },
    })
    const mappings = () => [
      line('data.id', 'id'),
      line('data.amount', 'amount'),
      line('data.payment_method_details.card.last4', 'payment_method_details.card.last4'),
      line('data.outcome', 'outcome'),
    ]

    async function file(batchId: string, name: string): Promise<Buffer> {
      const { body } = await host.api
        .get(`${EXPORT}/files/${batchId}-1?path=${name}`)
        .buffer(true)
        .parse((response, done) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () => done(null, Buffer.concat(chunks)))
        })
        .expect(200)
      return body
    }

    async function rowsOfNdjson(batchId: string): Promise<unknown[]> {
      const lines = String(await file(batchId, 'part-00000.json')).split('\n')
      return lines.filter((text) => text !== '').map((text) => JSON.parse(text))
    }

    async function readParquetOf(batchId: string) {
      const copy = path.join(host.dataDir, `${batchId}.parquet`)
      await writeFile(copy, await file(batchId, 'part-00000.parquet'))
      return readParquet(copy)
    }

    test.each([
      ['every member of the outcome', { properties: OUTCOME }],
      ['the outcome as an object of any members', {}],
    ])("the tutorial's mapping lands, and NDJSON and Parquet read back equal: %s", async (title, outcome) => {
      const run = await runMapped(await createSchema(`Charges with ${title}`, schema(outcome)), mappings())
      expect([statusOf(run), codesOf(run)]).toEqual(['success', []])
      const items = await mappedItems(run)
      expect(items).toHaveLength(250)
      for (const { record, mapped } of items) {
        const {
          id,
          amount,
          outcome: found,
          payment_method_details: details,
        } = record.data as Record<string, unknown> & {
          payment_method_details?: { card?: { last4?: string | null } } | null
        }
        const last4 = details?.card?.last4
        expect(withoutNulls(mapped)).toEqual(
          withoutNulls({
            [`_${tenant}`]: {
              charges_data: {
                id,
                amount,
                outcome: found,
                ...(last4 ? { payment_method_details: { card: { last4 } } } : {}),
              },
            },
          }),
        )
      }
      const rows = items.map(({ mapped }) => mapped)
      const outcomes = rows.map((row) => row[`_${tenant}`]?.charges_data.outcome)
      expect(outcomes.filter((found) => found?.['seller_message']).length).toBeGreaterThan(100)
      expect(outcomes.filter((found) => found?.['reason']).length).toBeGreaterThan(0)

      expect(await rowsOfNdjson(batchOf(run))).toEqual(rows)
      const parquet = await readParquetOf(batchOf(run))
      expect(Object.keys(parquet.columns)).toEqual([`_${tenant}`])
      expect(parquet.columns[`_${tenant}`]).toMatch(/amount BIGINT/)
      expect(parquet.columns[`_${tenant}`]).toMatch(/card STRUCT\(last4 VARCHAR\)/)
      expect(parquet.columns[`_${tenant}`]).toMatch(/outcome STRUCT\(.*seller_message VARCHAR/)
      expect(parquet.rows.map(withoutNulls)).toEqual(rows.map(withoutNulls))
    })

    test('every line of the published mapping lands and reads back equal', async () => {
      const sourceParams = Buffer.from(JSON.stringify({ resourcePath: 'charges' })).toString('base64url')
      const baseId = await create(host.api, 'connections', connectionBody(SANDBOX_KEY))
      const explored = await host.api
        .get(`${FLOW_SERVICE}/connections/${baseId}/explore?objectType=rest&sourceParams=${sourceParams}`)
        .expect(200)
      const fixture = JSON.parse(JSON.stringify(TUTORIAL.mappings).replaceAll('_acme.', `_${tenant}.`))
      const properties = {}
      for (const { sourceAttribute, destinationXdmPath } of fixture) {
        const type = typeAt(explored.body.schema, sourceAttribute.split('.'))
        define(properties, destinationXdmPath.split('.').slice(2), type)
      }
      const run = await runMapped(await createSchema('Published charges', properties), fixture)
      expect([statusOf(run), codesOf(run)]).toEqual(['success', []])
      const rows = (await mappedItems(run)).map(({ mapped }) => mapped)
      expect(rows).toHaveLength(250)
      for (const row of rows)
        expect(row[`_${tenant}`]!.charges_data).toMatchObject({ id: expect.stringMatching(/^(ch|py)_/) })
      expect(await rowsOfNdjson(batchOf(run))).toEqual(rows)
      expect((await readParquetOf(batchOf(run))).rows.map(withoutNulls)).toEqual(rows.map(withoutNulls))
    })
  })

  describe('10.11 a 403 names the missing permission', () => {
    const accessToken = 'rk_test_charges_only'
    const refusals = [
      ['refunds', 'rak_refund_read'],
      ['customers', 'rak_customer_read'],
      ['balance_transactions', 'rak_balance_transaction_read'],
    ] as const

    test.each(refusals)('in explore of %s', async (resourcePath, permission) => {
      const id = await create(host.api, 'connections', connectionBody(accessToken))
      const sourceParams = Buffer.from(JSON.stringify({ resourcePath })).toString('base64url')
      const query = `objectType=rest&object=json&fileType=json&preview=true&sourceParams=${sourceParams}`
      const answer = await host.api.get(`${FLOW_SERVICE}/connections/${id}/explore?${query}`)
      expectProblem(answer, { code: '1100-400' })
      expect(answer.body.detail).toContain(permission)
      expect(answer.body.detail).toContain('403')
      expect(JSON.stringify(answer.body)).not.toContain(accessToken)
    })

    test.each(refusals)('in the errors of a run of %s', async (resourcePath, permission) => {
      const { flowId } = await createStripeChain(host.api, { accessToken, resourcePath })
      const run = await firstRun(host.api, flowId)
      expect([statusOf(run), codesOf(run)]).toEqual(['failed', ['CONNECTOR-1001-500', '1100-400']])
      for (const { message } of run.metrics.statusSummary.errors) expect(message).toContain(permission)
      expect(JSON.stringify(run)).not.toContain(accessToken)
    })

    test('and what the key may read is explored and run', async () => {
      const { flowId, baseId } = await createStripeChain(host.api, { accessToken })
      expect(statusOf(await firstRun(host.api, flowId))).toBe('success')
      const sourceParams = Buffer.from(JSON.stringify({ resourcePath: 'charges' })).toString('base64url')
      const query = `objectType=rest&object=json&sourceParams=${sourceParams}`
      await host.api.get(`${FLOW_SERVICE}/connections/${baseId}/explore?${query}`).expect(200)
    })
  })

  describe('10.13 a refused key', () => {
    /** Fails for the key, not a minute later. */
    async function expectFailed(flowId: string, since: number) {
      const run = await firstRun(host.api, flowId)
      expect(Date.now() - since).toBeLessThan(60_000)
      expect([statusOf(run), codesOf(run)]).toEqual(['failed', ['CONNECTOR-1001-500', '1100-400']])
      const { startedAtUTC, completedAtUTC } = run.metrics.durationSummary
      expect(completedAtUTC - startedAtUTC).toBeLessThan(60_000)
      return run
    }

    test.each(['sk_test_unknown1234', 'sk_test_expired', 'pk_test_sandbox'])(
      'such as %s fails the run within 60 s',
      async (accessToken) => {
        const since = Date.now()
        const { flowId } = await createStripeChain(host.api, { accessToken })
        const run = await expectFailed(flowId, since)
        expect(run.metrics.recordSummary.inputRecordCount).toBe(0)
      },
    )

    test('that was good for the first pages fails the run within 60 s and keeps what has landed', async () => {
      host.sandbox.faults.add({
        after: 2,
        times: null,
        match: { path: '/v1/charges' },
        fault: { kind: 'status', status: 401 },
      })
      const since = Date.now()
      const { flowId } = await createStripeChain(host.api)
      const run = await expectFailed(flowId, since)
      expect(await recordsOfRun(host.api, run.id)).toHaveLength(200)
    })
  })
})

describe('10.13 a run without progress', () => {
  const hosts: (TestHost | StripeHost)[] = []
  afterAll(() => Promise.all(hosts.map((started) => started.stop())))

  /** Time goes 200 times as fast. */
  function fastClock(): Clock {
    const speed = 200
    const started = performance.now()
    return {
      now: () => NOW + Math.round((performance.now() - started) * speed),
      sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
    }
  }

  async function startRun(api: TestApi): Promise<{ flowId: string }> {
    return createStripeChain(api, { scheduleParams: { startTime: NOW / SECOND, frequency: 'once' } })
  }

  test('fails with CONNECTOR-1001-500 after 900 s when nothing else is set', async () => {
    const page = () => {
      throw new RetriableSourceError('unavailable', 'Stripe answered 503')
    }
    const host = await startTestHost({ plugins: [scriptedPlugin({ page }).plugin], clock: fastClock() })
    hosts.push(host)
    host.host.startRuns()
    const run = await firstRun(host.api, (await startRun(host.api)).flowId)
    expect([statusOf(run), codesOf(run)]).toEqual(['failed', ['CONNECTOR-1001-500']])
    expect(run.metrics.statusSummary.errors[0].message).toContain('503')
    expect(run.activities.map(({ id }: { id: string }) => id)).toEqual(['copyActivity'])
    const { startedAtUTC, completedAtUTC } = run.metrics.durationSummary
    expect(completedAtUTC - startedAtUTC).toBeGreaterThanOrEqual(900_000)
    expect(completedAtUTC - startedAtUTC).toBeLessThan(1_050_000)
  })

  describe('for RUN_GIVE_UP_SECONDS', () => {
    let host: StripeHost
    beforeAll(async () => {
      host = await startStripeHost({ counts: { charges: 450 } }, { env: { RUN_GIVE_UP_SECONDS: '2' } })
      hosts.push(host)
    })
    afterEach(() => host.sandbox.faults.clear())

    test.each([
      ['that never comes', 0, 0],
      ['that ends', 3, 300],
    ])('fails with CONNECTOR-1001-500: progress %s', async (_, after, landed) => {
      host.sandbox.faults.add({
        after,
        times: null,
        match: { path: '/v1/charges' },
        fault: { kind: 'status', status: 503 },
      })
      const { flowId } = await createStripeChain(host.api)
      const run = await firstRun(host.api, flowId)
      expect([statusOf(run), codesOf(run)]).toEqual(['failed', ['CONNECTOR-1001-500']])
      const { startedAtUTC, completedAtUTC } = run.metrics.durationSummary
      expect(completedAtUTC - startedAtUTC).toBeGreaterThanOrEqual(2000)
      expect(completedAtUTC - startedAtUTC).toBeLessThan(12_000)
      expect(await recordsOfRun(host.api, run.id)).toHaveLength(landed)
    })

    test('does not fail while pages come, however long it takes in all', async () => {
      host.sandbox.faults.add({ times: null, match: { path: '/v1/charges' }, fault: { kind: 'latency', ms: 700 } })
      const { flowId } = await createStripeChain(host.api)
      const run = await firstRun(host.api, flowId)
      const { startedAtUTC, completedAtUTC } = run.metrics.durationSummary
      expect(completedAtUTC - startedAtUTC).toBeGreaterThan(2000)
      expect([statusOf(run), run.metrics.recordSummary.outputRecordCount]).toEqual(['success', 450])
    })
  })
})
