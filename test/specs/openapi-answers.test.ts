import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import type { Response, Test } from 'supertest'
import Stripe from 'stripe'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { CATALOG, DATA_LAKE_SPEC, FLOW_SERVICE, FLOW_SPEC, STRIPE_SPEC, UNKNOWN_ID } from '../support/flow-host.ts'
import { checkAnswer, findOperation, METHODS, openapi, pointerTo, resolve } from '../support/openapi-check.ts'
import type { Method } from '../support/openapi-check.ts'
import { pause, SANDBOX_KEY, startStripeHost, UNHURRIED } from '../support/stripe-host.ts'
import type { StripeHost } from '../support/stripe-host.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestApi, TestHost } from '../support/test-host.ts'
import { connect, signatureOf, startXsollaHost } from '../webhooks/xsolla-support.ts'

const IMS = '/ims/token'
const SANDBOXES = '/data/foundation/sandbox-management/sandboxes'
const REGISTRY = '/data/foundation/schemaregistry'
const DATA_PREP = '/data/foundation/conversion'
const DATA_ACCESS = '/data/foundation/export'
const EVENT_CLASS = 'https://ns.adobe.com/xdm/context/experienceevent'
const UNKNOWN_RESOURCE = '_example.none.0'

let host: StripeHost
/** `operationId status` of every answer that was checked. */
const checked = new Set<string>()

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 250 } })
})

afterEach(() => host.sandbox.faults.clear())
afterAll(() => host.stop())

interface CallOptions {
  readonly body?: unknown
  /** Set on top of the API headers; an empty one is taken out of them. */
  readonly headers?: Readonly<Record<string, string>>
  readonly api?: TestApi
  /** Takes the body for text, whatever its type. */
  readonly asText?: boolean
}

/** Makes a call, holds its answer against the description, and returns its body. */
async function call(method: Method, path: string, status: number, options: CallOptions = {}) {
  const { body, headers = {}, api = host.api, asText = false } = options
  let request: Test = ['get', 'delete'].includes(method)
    ? api[method as 'get' | 'delete'](path)
    : api[method as 'post' | 'put' | 'patch'](path, body)
  for (const [name, value] of Object.entries(headers)) {
    request = value === '' ? request.unset(name) : request.set(name, value)
  }
  return answerOf(method, path, status, await (asText ? request.buffer(true).parse(readText) : request))
}

/** A parser for supertest, which gives it the stream: lines of JSON are no JSON. */
function readText(response: unknown, done: (error: Error | null, body: unknown) => void): void {
  text(response as NodeJS.ReadableStream).then(
    (body) => done(null, body),
    (error: Error) => done(error, ''),
  )
}

function answerOf(method: Method, path: string, status: number, response: Response) {
  const body = response.type.startsWith('text/') ? response.text : response.text === '' ? undefined : response.body
  checkAnswer(method, path, response.status, body, response.type)
  expect([path, response.status, body?.errorCode ?? '']).toEqual([path, status, expect.any(String)])
  checked.add(`${findOperation(method, path)?.operation.operationId} ${response.status}`)
  return body
}

/** An example of the description as a request body, with the ids that exist here. */
function example(name: string, changes: object = {}): unknown {
  const { value } = resolve(pointerTo('components', 'examples', name)).value as { value: object }
  return Array.isArray(value) ? value : { ...value, ...changes }
}

const credential = (accessToken: string) => ({ auth: { specName: 'OAuth2 Refresh Code', params: { accessToken } } })
const sourceParams = (params: object) => Buffer.from(JSON.stringify(params)).toString('base64url')

describe('every answer is as described', () => {
  test('from the token to the records and back to nothing', async () => {
    const connections = `${FLOW_SERVICE}/connections`
    const sources = `${FLOW_SERVICE}/sourceConnections`
    const targets = `${FLOW_SERVICE}/targetConnections`
    const flows = `${FLOW_SERVICE}/flows`
    const runs = `${FLOW_SERVICE}/runs`
    const dataSets = `${CATALOG}/dataSets`

    // Specs.
    for (const collection of ['connectionSpecs', 'flowSpecs']) {
      await call('get', `${FLOW_SERVICE}/${collection}`, 200)
      await call('get', `${FLOW_SERVICE}/${collection}?property=name,version`, 200)
      await call('get', `${FLOW_SERVICE}/${collection}?property=name==none`, 200)
    }
    for (const { id } of [STRIPE_SPEC, DATA_LAKE_SPEC]) await call('get', `${FLOW_SERVICE}/connectionSpecs/${id}`, 200)
    await call('get', `${FLOW_SERVICE}/flowSpecs/${FLOW_SPEC.id}`, 200)
    await call('get', `${FLOW_SERVICE}/connectionSpecs/${STRIPE_SPEC.id}/configs`, 200)
    await call('get', `${FLOW_SERVICE}/connectionSpecs/${STRIPE_SPEC.id}/explore`, 400)

    // A base connection, first as a draft.
    const draft = { name: 'Draft', connectionSpec: STRIPE_SPEC }
    const { id: baseId } = await call('post', `${connections}?mode=draft`, 201, { body: draft })
    await call('get', `${connections}/${baseId}`, 200)
    const withAuth = [{ op: 'Add', path: '/auth', value: credential(SANDBOX_KEY).auth }]
    await call('patch', `${connections}/${baseId}?if-match=*`, 200, { body: withAuth })
    await call('post', `${connections}/${baseId}/action?op=publish`, 200)
    await call('post', `${connections}/${baseId}/action?op=publish`, 400)
    const renamed = [{ op: 'replace', path: '/description', value: 'The one account' }]
    await call('patch', `${connections}/${baseId}`, 200, { body: renamed, headers: { 'If-Match': '*' } })
    await call('get', `${connections}/${baseId}/`, 200)
    await call('get', `${connections}/${baseId}/configs`, 200)
    expect(await call('get', `${connections}/${baseId}/test`, 200)).toEqual({ result: true })

    // Explore.
    expect(await call('get', `${connections}/${baseId}/explore`, 200)).toHaveLength(6)
    for (const resourcePath of ['charges', 'subscriptions', 'prices']) {
      const query = `objectType=rest&object=json&fileType=json&sourceParams=${sourceParams({ resourcePath })}`
      await call('get', `${connections}/${baseId}/explore?${query}`, 200)
      expect((await call('get', `${connections}/${baseId}/explore?${query}&preview=true`, 200)).data).toHaveLength(10)
    }
    await call('get', `${connections}/${baseId}/explore?objectType=table&object=refunds`, 200)

    // A dataset.
    const [reference] = await call('post', dataSets, 201, { body: example('dataSetRequest') })
    const dataSetId = reference.split('/')[2]
    await call('patch', `${dataSets}/${dataSetId}`, 200, { body: example('dataSetMerge') })
    await call('patch', `${dataSets}/${dataSetId}`, 200, { body: example('dataSetPatch') })
    await call('put', `${dataSets}/${dataSetId}`, 200, { body: example('dataSetRequest') })
    await call('get', `${dataSets}/${dataSetId}`, 200)
    await call('get', `${CATALOG}/datasets/${dataSetId}?properties=name,created`, 200)
    await call('get', `${dataSets}?limit=1&orderBy=desc:created`, 200)

    // Source and target connection, each also as a draft.
    const sourceBody = example('sourceConnectionRequest', { baseConnectionId: baseId })
    const { id: sourceId } = await call('post', sources, 201, { body: sourceBody })
    const { id: sourceDraft } = await call('post', `${sources}?mode=draft`, 201, { body: draft })
    await call('get', `${sources}/${sourceDraft}`, 200)
    await call('post', `${sources}/${sourceDraft}/action?op=publish`, 400)
    await call('delete', `${sources}/${sourceDraft}`, 204)
    const { etag } = (await call('get', `${sources}/${sourceId}`, 200)).items[0]
    const toCharges = [{ op: 'replace', path: '/params/resourcePath', value: 'charges' }]
    await call('patch', `${sources}/${sourceId}`, 200, { body: toCharges, headers: { 'If-Match': etag } })
    await call('patch', `${sources}/${sourceId}`, 412, { body: toCharges, headers: { 'If-Match': etag } })
    await call('get', `${sources}/${sourceId}/explore?objectType=rest&preview=true`, 200)
    await call('get', `${sources}/${sourceId}/plan`, 200)
    const publishedSource = await call('post', `${sources}?mode=draft`, 201, { body: sourceBody })
    await call('post', `${sources}/${publishedSource.id}/action?op=publish`, 200)

    const targetBody = example('targetConnectionRequest', { params: { dataSetId } })
    const { id: targetId } = await call('post', `${targets}?mode=draft`, 201, { body: targetBody })
    await call('get', `${targets}/${targetId}`, 200)
    await call('post', `${targets}/${targetId}/action?op=PUBLISH`, 200)
    const targetPatch = { body: example('targetConnectionPatch'), headers: { 'If-Match': '*' } }
    await call('patch', `${targets}/${targetId}`, 200, targetPatch)

    // Flows: one with a schedule, one on demand.
    const ids = { sourceConnectionIds: [sourceId], targetConnectionIds: [targetId] }
    const later = String(Math.floor(Date.now() / 1000) + 3600)
    const hourly = { ...ids, scheduleParams: { startTime: later, frequency: 'hour', interval: '1' } }
    const { id: flowDraft } = await call('post', `${flows}?mode=draft`, 201, { body: example('flowRequest', ids) })
    await call('get', `${flows}/${flowDraft}`, 200)
    await call('delete', `${flows}/${flowDraft}`, 204)
    const { id: hourlyId } = await call('post', flows, 201, { body: example('flowRequest', hourly) })
    for (const op of ['disable', 'enable']) await call('post', `${flows}/${hourlyId}/action?op=${op}`, 200)
    const flowPatch = { body: example('flowPatch'), headers: { 'If-Match': '*' } }
    await call('patch', `${flows}/${hourlyId}`, 200, flowPatch)
    await call('get', `${flows}/${hourlyId}`, 200)
    await call('post', runs, 400, { body: { flowId: hourlyId } })
    await call('post', `${flows}/${hourlyId}/action?op=disable`, 412, { headers: { 'If-Match': '"old"' } })

    const once = { ...ids, scheduleParams: { startTime: 1_767_225_600, frequency: 'once' } }
    const { id: flowId } = await call('post', flows, 201, { body: example('flowRequest', once) })
    const first = await untilEnded(`${flows}/${flowId}/runs`)
    expect(first.metrics.statusSummary.status).toBe('success')
    const created = await call('post', runs, 201, { body: example('runRequest', { flowId }) })
    await call('get', `${runs}/${created.id}/records?limit=10`, 200)
    await untilEnded(`${flows}/${flowId}/runs?property=id==${created.id}`)
    await call('get', `${flows}/${flowId}`, 200)

    // Notifications.
    const inbox = `${FLOW_SERVICE}/connections/${baseId}/webhookEvents`
    const event = example('stripeEvent') as { readonly id: string }
    const secret = { op: 'add', path: '/auth/params/webhookSecret', value: 'whsec_described' }
    const rolled = { body: [secret], headers: { 'If-Match': '*' } }
    await call('patch', `${FLOW_SERVICE}/connections/${baseId}`, 200, rolled)
    const payload = JSON.stringify(event)
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: secret.value })
    await call('post', `/webhooks/stripe/${baseId}`, 200, { body: event, headers: { 'Stripe-Signature': signature } })
    await call('post', `/webhooks/stripe/${baseId}`, 400, { body: event })
    await call('post', `/webhooks/stripe/${UNKNOWN_ID}`, 404, { body: event })
    expect((await call('get', `${inbox}?limit=5`, 200)).items).toHaveLength(1)
    await call('get', `${inbox}?state=none`, 400)
    await call('post', `${inbox}/replay`, 200, { body: { ids: [event.id, 'evt_unknown'] } })
    await call('post', `${inbox}/replay`, 400, { body: {} })
    await call('post', `${inbox}/sweep`, 200)

    // An audit.
    const audit = await call('post', `${flows}/${flowId}/audit`, 202, { body: example('auditRequest') })
    for (let status = ''; status !== 'success'; await pause()) {
      status = (await call('get', `${flows}/${flowId}/audits/${audit.id}?limit=10`, 200)).status
    }
    await call('get', `${flows}/${flowId}/audits?limit=1`, 200)
    await call('get', `${flows}/${flowId}/audits?count=true`, 200)
    await call('get', `${flows}/${flowId}/audits/${audit.id}?limit=none`, 400)
    await call('post', `${flows}/${hourlyId}/audit`, 400)
    await call('post', `${flows}/${flowId}/audit?repair=perhaps`, 400)

    // A run that fails is triggered again.
    host.sandbox.faults.add({ match: { path: '/v1/charges' }, fault: { kind: 'status', status: 403 } })
    const refused = await call('post', runs, 201, { body: { flowId } })
    const failed = await untilEnded(`${flows}/${flowId}/runs?property=id==${refused.id}`)
    expect(failed.metrics.statusSummary.status).toBe('failed')
    host.sandbox.faults.clear()
    await call('post', `${runs}/${refused.id}/action?op=RE_TRIGGER`, 412, { headers: { 'If-Match': '"old"' } })
    await call('post', `${runs}/${refused.id}/action?op=RE_TRIGGER`, 200)
    await untilEnded(`${flows}/${flowId}/runs?property=id==${refused.id}`)
    await call('post', `${runs}/${refused.id}/action?op=RE_TRIGGER`, 400)
    await call('post', `${runs}/${refused.id}/action?op=stop`, 400)

    // Records.
    for (let path: string | undefined = `/runs/${first.id}/records?limit=100`; path !== undefined;) {
      path = (await call('get', FLOW_SERVICE + path, 200))._links.next?.href
    }
    for (let path: string | undefined = `/dataSets/${dataSetId}/records?includeDeleted=true`; path !== undefined;) {
      path = (await call('get', CATALOG + path, 200))._links.next?.href
    }

    // Lists.
    for (const collection of [connections, sources, targets, flows, runs]) {
      const { items, _links } = await call('get', `${collection}?limit=1&orderby=-createdAt`, 200)
      expect(items).toHaveLength(1)
      await call('get', `${collection}?count=True`, 200)
      await call('get', `${collection}?property=createdAt,etag`, 200)
      if (_links.next) await call('get', FLOW_SERVICE + _links.next.href, 200)
    }
    for (const [collection, name] of [
      [connections, 'connectionSearch'],
      [flows, 'flowSearch'],
    ] as const) {
      await call('post', `${collection}/search`, 200)
      await call('post', `${collection}/search`, 200, { body: example(name) })
      await call('post', `${collection}/search`, 200, { body: { count: true } })
      await call('post', `${collection}/search`, 400, { body: { limit: 0 } })
    }

    // What is in use stays, the rest goes.
    await call('delete', `${connections}/${baseId}`, 400)
    await call('delete', `${sources}/${sourceId}`, 400)
    await call('delete', `${targets}/${targetId}`, 400)
    await call('delete', `${dataSets}/${dataSetId}`, 400)
    for (const id of [hourlyId, flowId]) await call('delete', `${flows}/${id}`, 204)
    await call('get', `${flows}/${flowId}`, 404)
    await call('get', `${runs}/${first.id}`, 200)
    await call('get', `${runs}/${first.id}/events`, 200)
    for (const id of [sourceId, publishedSource.id]) await call('delete', `${sources}/${id}`, 204)
    await call('delete', `${targets}/${targetId}`, 204)
    await call('delete', `${connections}/${baseId}`, 204)
    await call('delete', `${dataSets}/${dataSetId}`, 200)
  })

  async function untilEnded(path: string) {
    for (;;) {
      const { items } = await call('get', path, 200)
      const [run] = items
      if (run !== undefined) {
        const { items: read } = await call('get', `${FLOW_SERVICE}/runs/${run.id}`, 200)
        if (['success', 'failed'].includes(read[0].metrics.statusSummary.status)) return read[0]
      }
      await pause()
    }
  }

  test('from a schema to the files of a mapped batch', async () => {
    const schemas = `${REGISTRY}/tenant/schemas`
    const mappingSets = `${DATA_PREP}/mappingSets`
    const runs = `${FLOW_SERVICE}/runs`
    const flows = `${FLOW_SERVICE}/flows`

    // A field group with the tenant's own fields, and a schema.
    const { tenantId } = await call('get', `${REGISTRY}/stats`, 200)
    const own = (name: string) => ownFields(example(name), tenantId)
    const fieldGroup = await call('post', `${REGISTRY}/tenant/fieldgroups`, 201, { body: own('fieldGroupRequest') })
    const groupPath = `${REGISTRY}/tenant/fieldgroups/${encodeURIComponent(fieldGroup.$id)}`
    await call('patch', groupPath, 200, { body: own('fieldGroupPatch') })
    const allOf = [EVENT_CLASS, fieldGroup.$id].map(($ref) => ({ $ref }))
    const schema = await call('post', schemas, 201, { body: example('schemaRequest', { allOf }) })
    const one = `${schemas}/${encodeURIComponent(schema.$id)}`
    for (const variant of ['', '-full', '-full-notext', '-notext', '-full-desc', '-full-flat', '-full-deprecated']) {
      const Accept = `application/vnd.adobe.xed${variant}+json; version=1`
      await call('get', one, 200, { headers: { Accept } })
      await call('get', `${REGISTRY}/global/classes/_xdm.context.experienceevent`, 200, { headers: { Accept } })
    }
    await call('patch', `${schemas}/${schema['meta:altId']}`, 200, {
      body: [{ op: 'replace', path: '/title', value: 'Charges' }],
    })
    await call('put', one, 200, { body: example('schemaRequest', { allOf }) })
    await call('get', `${REGISTRY}/stats`, 200)

    // A dataset of it, and a mapping set for it.
    const schemaRef = { id: schema.$id, contentType: 'application/vnd.adobe.xed-full+json;version=1' }
    const [reference] = await call('post', `${CATALOG}/dataSets`, 201, {
      body: example('dataSetRequest', { schemaRef }),
    })
    const dataSetId = reference.split('/')[2]
    const request = ownFields(example('mappingSetRequest', { outputSchema: { schemaRef } }), tenantId)
    const oldRequest = ownFields(example('mappingSetOldRequest', { xdmSchema: schema.$id }), tenantId)
    await call('post', `${mappingSets}/validate`, 200, { body: request })
    const { id: oldSet } = await call('post', mappingSets, 200, { body: oldRequest })
    const { id: mappingId } = await call('post', mappingSets, 200, { body: request })
    const set = await call('get', `${mappingSets}/${mappingId}`, 200)
    const refusing = {
      sourceType: 'EXPRESSION',
      source: 'iif(data.currency.equals("jpy"), "not a number", data.amount)',
      destination: `_${tenantId}.amount`,
    }
    const changed = { ...set, mappings: [...set.mappings, refusing], tags: ['payments'] }
    await call('put', `${mappingSets}/${mappingId}`, 200, { body: changed })
    await call('get', `${mappingSets}/${mappingId}?version=0`, 200)
    await call('get', `${mappingSets}/${mappingId}?version=7`, 404)
    const [mapping] = await call('get', `${mappingSets}/${mappingId}/mappings`, 200)
    await call('get', `${mappingSets}/${mappingId}/mappings/${mapping.id}`, 200)
    expect(await call('get', `${mappingSets}?limit=1`, 200)).toHaveProperty('_links.next')
    await call('delete', `${mappingSets}/${oldSet}`, 204)

    // A flow with the mapping; some of its rows do not fit the schema.
    const { id: baseId } = await call('post', `${FLOW_SERVICE}/connections`, 201, {
      body: example('connectionRequest', credential(SANDBOX_KEY)),
    })
    const { id: sourceId } = await call('post', `${FLOW_SERVICE}/sourceConnections`, 201, {
      body: example('sourceConnectionRequest', { baseConnectionId: baseId }),
    })
    const { id: targetId } = await call('post', `${FLOW_SERVICE}/targetConnections`, 201, {
      body: example('targetConnectionRequest', { params: { dataSetId } }),
    })
    const flow = example('flowRequest', {
      sourceConnectionIds: [sourceId],
      targetConnectionIds: [targetId],
      scheduleParams: { startTime: 1_767_225_600, frequency: 'once' },
      transformations: [{ name: 'Mapping', params: { mappingId } }],
      options: { partialIngestionPercent: 99 },
    })
    const { id: flowId } = await call('post', flows, 201, { body: flow })
    const run = await untilEnded(`${flows}/${flowId}/runs`)
    expect(run.metrics.statusSummary.status).toBe('success')
    expect(run.metrics.recordSummary.failedRecordCount).toBeGreaterThan(0)
    await call('get', `${runs}/${run.id}`, 200)
    expect((await call('get', `${runs}/${run.id}/records?include=mapped`, 200)).items[0]).toHaveProperty('mapped')
    const [{ id: objectId }] = (await call('get', `${CATALOG}/dataSets/${dataSetId}/records?limit=1`, 200)).items
    await call('get', `${CATALOG}/dataSets/${dataSetId}/records/${objectId}/history?include=record`, 200)
    const dataSetRecords = await call('get', `${CATALOG}/dataSets/${dataSetId}/records?include=mapped&limit=5`, 200)
    expect(dataSetRecords.items[0]).toHaveProperty('mapped')
    await call('put', `${runs}/${run.id}`, 400, { body: run })
    await call('put', `${runs}/${run.id}`, 412, { body: run, headers: { 'If-Match': '"old"' } })
    await call('put', `${runs}/${run.id}?if-match=*`, 400, { body: run })

    // A run that fails has a batch without files.
    host.sandbox.faults.add({ match: { path: '/v1/charges' }, fault: { kind: 'status', status: 403 } })
    const { id: failedId } = await call('post', runs, 201, { body: { flowId } })
    const failed = await untilEnded(`${flows}/${flowId}/runs?property=id==${failedId}`)
    host.sandbox.faults.clear()
    expect(failed.metrics.statusSummary.status).toBe('failed')

    // Its batch, and the files of it.
    const batchId = run.activities[1].targetInfo[0].reference.ids[0]
    await call('get', `${CATALOG}/batches/${batchId}`, 200)
    await call('get', `${CATALOG}/batches/${batchId}?properties=status`, 200)
    const batches = await call('get', `${CATALOG}/batches?dataSet=${dataSetId}&orderBy=desc:created&limit=100`, 200)
    expect(Object.values(batches)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ status: 'success', externalId: run.id }),
        expect.objectContaining({ status: 'failed', externalId: failedId }),
      ]),
    )
    await call('get', `${CATALOG}/dataSets/${dataSetId}`, 200)
    const files = `${DATA_ACCESS}/batches/${batchId}/files`
    const { dataSetFileId } = (await call('get', files, 200)).data[0]
    for (const name of Object.keys(batches)) await call('get', `${DATA_ACCESS}/batches/${name}/files?limit=1`, 200)
    const file = `${DATA_ACCESS}/files/${dataSetFileId}`
    expect((await call('get', `${file}?limit=1`, 200))._links.next.href).toContain(file)
    for (const { name } of (await call('get', file, 200)).data) {
      await call('get', `${file}?path=${name}`, 200, { asText: true })
      await call('get', `${file}?path=${name}`, 206, { asText: true, headers: { Range: 'bytes=0-9' } })
      await call('get', `${file}?path=${name}`, 416, { headers: { Range: 'bytes=999999999-' } })
    }
    await call('get', `${file}?path=none`, 404)
    for (const part of ['failed', 'meta']) {
      const folder = `${DATA_ACCESS}/batches/${batchId}/${part}`
      for (const { name } of (await call('get', folder, 200)).data) {
        const isJson = name.startsWith('input_files') || name.endsWith('samples.json')
        await call('get', `${folder}?path=${name}`, 200, { asText: !isJson })
      }
      await call('get', `${folder}?path=none`, 404)
    }
    await call('get', `${DATA_ACCESS}/datasets/${dataSetId}/preview`, 200)
    await call('get', `${DATA_ACCESS}/dataSets/${dataSetId}/preview/`, 200)

    // What is in use stays, the rest goes.
    await call('delete', groupPath, 400)
    await call('delete', one, 400)
    await call('delete', `${mappingSets}/${mappingId}`, 400)
    await call('delete', `${flows}/${flowId}`, 204)
    await call('delete', `${mappingSets}/${mappingId}`, 204)
    await call('delete', `${FLOW_SERVICE}/targetConnections/${targetId}`, 204)
    await call('delete', `${CATALOG}/dataSets/${dataSetId}`, 200)
    await call('get', files, 404)
    await call('delete', one, 204)
    await call('delete', groupPath, 204)
  })

  test('the lists and look-ups of the Schema Registry, under all names', async () => {
    const { $id } = await call('post', `${REGISTRY}/tenant/schemas`, 201, {
      body: example('schemaRequest', { allOf: [{ $ref: EVENT_CLASS }] }),
    })
    const mixins = `${REGISTRY}/tenant/mixins`
    const mixin = await call('post', mixins, 201, { body: example('fieldGroupRequest') })
    const mixinPath = `${mixins}/${mixin['meta:altId']}`
    await call('put', mixinPath, 200, { body: example('fieldGroupRequest') })
    await call('patch', mixinPath, 200, { body: { op: 'add', path: '/description', value: 'Fields' } })
    await call('put', mixinPath.replace('/mixins', '/fieldgroups'), 200, { body: example('fieldGroupRequest') })

    for (const kind of ['schemas', 'fieldgroups', 'mixins', 'classes', 'datatypes']) {
      for (const container of ['global', 'tenant']) {
        const all = `${REGISTRY}/${container}/${kind}`
        await call('get', `${all}?limit=1&orderby=-title`, 200)
        const headers = { Accept: 'application/vnd.adobe.xdm+json' }
        const { results } = await call('get', all, 200, { headers })
        for (const resource of results) await call('get', `${all}/${encodeURIComponent(resource.$id)}`, 200)
        await call('get', `${all}/${UNKNOWN_RESOURCE}`, 404)
        await call('get', all, 400, { headers: { Accept: 'application/vnd.adobe.xdm+json; version=1' } })
        await call('get', `${all}?start=none`, 400)
      }
    }
    const known = `${REGISTRY}/tenant/schemas/${encodeURIComponent($id)}`
    await call('get', known, 400, { headers: { Accept: 'text/html' } })
    await call('get', known, 406, { headers: { Accept: 'application/vnd.adobe.xed+json; version=2' } })
    await call('patch', known, 400, { body: [{ op: 'replace', path: '/version', value: '9.0' }] })
    await call('delete', known, 204)
    await call('delete', mixinPath, 204)
  })

  test('mappings and expressions that are tried', async () => {
    const preview = `${DATA_PREP}/mappingSets/preview`
    const { data, mappingSet } = example('mappingPreviewRequest') as { data: object; mappingSet: object }
    expect(await call('post', preview, 200, { body: { data, mappingSet } })).toHaveProperty('data')
    expect(await call('post', preview, 200, { body: { data: [data, {}], mappingSet } })).toHaveLength(2)
    const failing = { mappings: [{ sourceType: 'EXPRESSION', source: 'to_integer("x")', destination: 'a' }] }
    expect((await call('post', preview, 200, { body: { data, mappingSet: failing } })).errors).toHaveLength(1)
    const wrong = { mappings: [{ source: 'a', destination: 'b' }, { source: 'none(' }] }
    await call('post', `${DATA_PREP}/mappingSets/validate`, 200, { body: wrong })
    const expressions = `${DATA_PREP}/languages/el`
    const tried = await call('post', `${expressions}/validate`, 200, { body: example('expressionRequest') })
    expect(tried).toEqual({ validationStatus: 'succeeded', error: 'none' })
    await call('post', `${expressions}/validate`, 200, { body: { expression: 'none(' } })
    await call('post', `${expressions}/validate`, 400, { body: { expression: '1', mappingSetId: 'none' } })
    for (const part of ['functions', 'operators']) await call('get', `${expressions}/${part}`, 200)
    for (const query of ['limit=0', 'start=x', 'orderBy=none', 'expandSchema=x']) {
      await call('get', `${DATA_PREP}/mappingSets?${query}`, 400)
    }
  })

  test('specs that a client brings along', async () => {
    const connectionSpecs = `${FLOW_SERVICE}/connectionSpecs`
    const flowSpecs = `${FLOW_SERVICE}/flowSpecs`
    const connectionSpec = await call('post', connectionSpecs, 201, { body: example('connectionSpecRequest') })
    const specPath = `${connectionSpecs}/${connectionSpec.id}`
    await call('put', specPath, 200, { body: { ...connectionSpec, description: 'Invoices of a shop' } })
    await call('get', specPath, 200)
    await call('get', connectionSpecs, 200)
    await call('post', connectionSpecs, 400, { body: example('connectionSpecRequest') })
    await call('put', `${connectionSpecs}/${STRIPE_SPEC.id}`, 400, { body: connectionSpec })
    const minimal = { name: 'minimal', providerId: connectionSpec.providerId }
    await call('post', connectionSpecs, 201, { body: minimal })

    const sourceConnectionSpecIds = [connectionSpec.id]
    const flowSpec = await call('post', flowSpecs, 201, {
      body: example('flowSpecRequest', { sourceConnectionSpecIds }),
    })
    await call('put', `${flowSpecs}/${flowSpec.id}`, 200, { body: minimal })
    const [builtIn] = (await call('get', `${flowSpecs}/${FLOW_SPEC.id}`, 200)).items
    const extended = [...builtIn.sourceConnectionSpecIds, connectionSpec.id]
    const body = { ...builtIn, sourceConnectionSpecIds: extended }
    await call('put', `${flowSpecs}/${FLOW_SPEC.id}`, 200, { body })
    await call('put', `${flowSpecs}/${FLOW_SPEC.id}`, 400, { body: flowSpec })
    await call('get', flowSpecs, 200)

    const search = `${flowSpecs}/search`
    expect((await call('post', search, 200, { body: example('flowSpecSearch') })).items).toHaveLength(1)
    expect(await call('post', search, 200, { body: { count: true } })).toEqual({ count: 2 })
    const { _links } = await call('post', search, 200, { body: { limit: 1, orderby: 'name' } })
    await call('get', FLOW_SERVICE + _links.next.href, 200)
    await call('post', `${search}?${_links.next.href.split('?')[1]}`, 200)
    await call('post', search, 400, { body: { limit: 0 } })

    // Explore lists what the source declares.
    const { id } = await call('post', `${FLOW_SERVICE}/connections`, 201, {
      body: { name: 'Invoices', connectionSpec: { id: connectionSpec.id }, ...credential('example') },
    })
    await call('get', `${FLOW_SERVICE}/connections/${id}`, 200)
    await call('get', `${FLOW_SERVICE}/connections/${id}/explore`, 200)
    const source = { name: 'Invoices', baseConnectionId: id, connectionSpec: { id: connectionSpec.id } }
    const { id: sourceId } = await call('post', `${FLOW_SERVICE}/sourceConnections`, 201, {
      body: { ...source, data: { format: 'json' }, params: { region: 'eu' } },
    })
    await call('get', `${FLOW_SERVICE}/sourceConnections/${sourceId}`, 200)
  })

  test('the set-ups of subscriptions', async () => {
    const connection = { ...(example('connectionRequest') as object), ...credential(SANDBOX_KEY) }
    const { id } = await call('post', `${FLOW_SERVICE}/connections`, 201, { body: connection })
    const setups = `${FLOW_SERVICE}/connections/${id}/subscriptionSetups`
    const begin = (name: string, changes: object = {}) => call('post', setups, 201, { body: example(name, changes) })
    await begin('subscriptionSetupRequestByAmount')
    const { id: setupId, setupIntentId } = await begin('subscriptionSetupRequestByAmount', {
      customer: 'lee@example.com',
    })
    await call('post', setups, 400, { body: example('subscriptionSetupRequest') })
    await call('get', setups, 200)
    expect((await call('get', `${setups}?limit=1`, 200))._links.next.href).toContain('/subscriptionSetups?')
    expect(await call('get', `${setups}/${setupId}`, 200)).toMatchObject({ state: 'requires_action' })
    host.sandbox.apply({ type: 'refuse', id: setupIntentId })
    while ((await call('get', `${setups}/${setupId}`, 200)).state !== 'failed') await pause()
  })

  test('the token endpoint', async () => {
    const credentials = { client_id: ACME.clientId, client_secret: ACME.clientSecret }
    for (const version of ['v1', 'v2', 'v3']) {
      const path = `${IMS}/${version}`
      const post = (form: object) => host.anonymous().post(path).type('form').send(form)
      const granted = await post({ grant_type: 'client_credentials', ...credentials })
      answerOf('post', path, 200, granted)
      answerOf('post', path, 400, await post(credentials))
      answerOf('post', path, 401, await post(example('tokenRequest') as object))
      const query = new URLSearchParams({ grant_type: 'client_credentials', ...credentials })
      answerOf('post', path, 200, await host.anonymous().post(`${path}?${query}`))
      answerOf('post', path, 413, await post({ grant_type: 'x'.repeat(1_048_577) }))
    }
  })

  test('the system routes', async () => {
    for (const path of ['/health', '/ready', '/metrics', '/openapi.json', '/docs']) {
      answerOf('get', path, 200, await host.anonymous().get(path))
    }
    await call('get', `${SANDBOXES}/prod`, 200)
    await call('get', `${SANDBOXES}/other`, 404)
  })

  test.each<[number, string, Record<string, string>]>([
    [403, 'no token', { Authorization: '' }],
    [401, 'a token that is none', { Authorization: 'Bearer none' }],
    [403, 'no key', { 'x-api-key': '' }],
    [403, 'an unknown key', { 'x-api-key': 'none' }],
    [400, 'no organisation', { 'x-gw-ims-org-id': '' }],
    [403, 'no organisation of that form', { 'x-gw-ims-org-id': 'none' }],
    [403, 'an organisation of others', { 'x-gw-ims-org-id': GLOBEX.orgId }],
    [404, 'an unknown sandbox', { 'x-sandbox-name': 'none' }],
    [403, 'all sandboxes', { 'x-sandbox-name': '*' }],
  ])('%i for %s, on every operation', async (status, _name, headers) => {
    for (const { method, path } of guardedOperations()) await call(method, path, status, { headers })
  })

  test('404 for an unknown id', async () => {
    const body = { op: 'replace', path: '/name', value: 'x' }
    for (const { method, path } of guardedOperations()) {
      if (path.includes(UNKNOWN_ID)) await call(method, withAction(path), 404, bodyFor(method, path, body))
    }
  })

  test('405 and 404 for what is not described', async () => {
    await call('put', `${FLOW_SERVICE}/connections`, 405, { body: {} })
    await call('post', `${REGISTRY}/global/schemas`, 405, { body: {} })
    await call('delete', '/health', 405)
    await call('get', `${FLOW_SERVICE}/none`, 404)
    await call('get', `${REGISTRY}/none`, 404)
  })

  test('bodies and parameters that are not right', async () => {
    const collections = ['connections', 'sourceConnections', 'targetConnections', 'flows', 'runs']
    const neighbours = [
      `${CATALOG}/dataSets`,
      `${DATA_PREP}/mappingSets`,
      ...['schemas', 'fieldgroups', 'mixins'].map((name) => `${REGISTRY}/tenant/${name}`),
    ]
    for (const path of [...collections.map((name) => `${FLOW_SERVICE}/${name}`), ...neighbours]) {
      await call('post', path, 400, { body: {} })
      await call('post', path, 400, { body: [] })
      await call('post', path, 400)
      await call('post', path, 413, { body: { name: 'x'.repeat(1_048_577) } })
      await call('post', path, 415, { body: {}, headers: { 'Content-Type': 'text/plain' } })
      await call('get', `${path}?limit=0`, 400)
    }
    for (const query of ['limit=0', 'status=none', 'createdAfter=x', 'orderBy=*x', 'start=-1']) {
      await call('get', `${CATALOG}/batches?${query}`, 400)
    }
    for (const name of ['connectionSpecs', 'flowSpecs']) {
      await call('post', `${FLOW_SERVICE}/${name}`, 400, { body: {} })
      await call('post', `${FLOW_SERVICE}/${name}`, 413, { body: { name: 'x'.repeat(1_048_577) } })
      await call('post', `${FLOW_SERVICE}/${name}`, 415, { body: {}, headers: { 'Content-Type': 'text/plain' } })
      await call('get', `${FLOW_SERVICE}/${name}?property=name~x`, 400)
    }
    for (const name of collections) {
      for (const query of ['orderby=*x', 'property=name~x', 'count=maybe', 'continuationToken=none']) {
        await call('get', `${FLOW_SERVICE}/${name}?${query}`, 400)
      }
    }
    for (const name of collections.slice(0, 4)) {
      const path = `${FLOW_SERVICE}/${name}/${UNKNOWN_ID}`
      await call('patch', path, 400, { body: [] })
      await call('patch', path, 400, { body: [{ op: 'move', path: '/name', from: '/id' }] })
      await call('post', `${path}/action?op=none`, 400)
    }
  })

  test('a source that refuses, limits or does not answer', async () => {
    const body = (token: string) => ({ ...(example('connectionRequest') as object), ...credential(token) })
    const connections = `${FLOW_SERVICE}/connections`
    const refused = await call('post', connections, 201, { body: body('sk_test_wrong') })
    expect(await call('get', `${connections}/${refused.id}/test`, 200)).toEqual({ result: false })
    const explore = 'explore?objectType=table&object=charges'
    await call('get', `${connections}/${refused.id}/${explore}`, 400)
    for (const query of ['objectType=rest', 'objectType=file', 'objectType=rest&sourceParams=-', 'filters=x']) {
      await call('get', `${connections}/${refused.id}/explore?${query}`, 400)
    }

    const hasty = await startHastyHost()
    try {
      const { api } = hasty
      const { id } = await call('post', connections, 201, { body: body(SANDBOX_KEY), api })
      host.sandbox.faults.add({ times: null, fault: { kind: 'status', status: 429 } })
      await call('get', `${connections}/${id}/${explore}`, 503, { api })
      await call('get', `${connections}/${id}/test`, 503, { api })
      host.sandbox.faults.clear()
      host.sandbox.faults.add({ times: null, fault: { kind: 'reset' } })
      await call('get', `${connections}/${id}/${explore}`, 504, { api })
      await call('get', `${connections}/${id}/test`, 504, { api })
    } finally {
      await hasty.stop()
    }
  })

  /** A host on the same sandbox that does not wait between its attempts. */
  function startHastyHost(): Promise<TestHost> {
    const clock = { now: () => Date.now(), sleep: async () => {} }
    return startTestHost({ clock, plugins: [createStripePlugin({ apiBase: host.sandbox.url, ...UNHURRIED })] })
  }

  test('to a notification of Xsolla', async () => {
    const xsolla = await startXsollaHost()
    try {
      const { api, source } = xsolla
      const path = `/webhooks/xsolla/${await connect(api, source.url)}`
      const body = example('xsollaNotification')
      const headers = { Authorization: `Signature ${signatureOf(JSON.stringify(body))}` }
      await call('post', path, 204, { api, body, headers })
      await call('post', path, 400, { api, body })
    } finally {
      await xsolla.stop()
    }
  })

  test('no operation and none of its successes was left out', () => {
    const due = Object.values(openapi.paths).flatMap((item) =>
      METHODS.flatMap((method) => {
        const { operationId, responses = {} } = item[method] ?? {}
        return Object.keys(responses)
          .filter((status) => status.startsWith('2'))
          .map((status) => `${operationId} ${status}`)
      }),
    )
    expect(due.filter((answer) => !checked.has(answer))).toEqual([])
  })
})

/** Every operation that needs the API headers, with ids that do not exist. */
function guardedOperations() {
  return Object.entries(openapi.paths).flatMap(([template, item]) =>
    METHODS.filter((method) => item[method] !== undefined && !('security' in item[method])).map((method) => ({
      method,
      path: template.replace(/\{(id|mappingId|auditId|setupId)\}/g, UNKNOWN_ID).replace('{name}', 'prod'),
    })),
  )
}

function withAction(path: string): string {
  if (!path.endsWith('/action')) return path
  return `${path}?op=${path.includes('/runs/') ? 'RE_TRIGGER' : 'publish'}`
}

function bodyFor(method: Method, path: string, patch: object): CallOptions {
  if (method !== 'patch' && method !== 'put') return {}
  const body = path.includes('dataSets')
    ? { name: 'x' }
    : path.startsWith(DATA_PREP)
      ? { xdmSchema: 'x', mappings: [] }
      : path.startsWith(REGISTRY)
        ? [{ ...patch, path: '/title' }]
        : [patch]
  return { body, headers: { 'If-Match': '*' } }
}

/** An example with the tenant's own name in place of `example`. */
function ownFields(value: unknown, tenantId: string): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll('_example', `_${tenantId}`))
}
