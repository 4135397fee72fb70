import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Tenant } from '../../src/caller.ts'
import type { Logger } from '../../src/logger.ts'
import { silentLogger } from '../../src/logger.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store, StoredEntity } from '../../src/store/store.ts'
import {
  connectionBody,
  create,
  createChain,
  FLOW_SERVICE,
  NOW,
  read,
  startFlowHost,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { Chain, FlowHost } from '../support/flow-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import type { TestApi } from '../support/test-host.ts'
import { bytesOf, COLLECTIONS, fuzzCall } from './fuzz-calls.ts'
import type { Collection, FuzzCall, IdChoice } from './fuzz-calls.ts'
import { openWire } from './wire.ts'
import type { Wire, WireAnswer, WireRequest } from './wire.ts'

/**
 * Random filters, orders, patches and bodies against every entity collection, as two tenants in turn. Repeat what it
 * found with `FUZZ_SEED`, look further with `FUZZ_RUNS`; what was found is a test of its own at the end.
 */
const SEED = Number(process.env['FUZZ_SEED'] ?? 20260701)
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 2000)

interface Side {
  readonly api: TestApi
  readonly tenant: Tenant
  readonly chain: Chain
  readonly runId: string
  /** Nothing of this may ever show to the other side. */
  readonly private: readonly string[]
}

let store: Store
let host: FlowHost
let wire: Wire
let sides: readonly [Side, Side]
const logged: unknown[] = []

const logger: Logger = { ...silentLogger, error: (...entry: unknown[]) => void logged.push(entry) }

beforeAll(async () => {
  // In memory: what counts here is the answers, and a disk would take most of the time.
  store = await openSqliteStore({ dataDir: ':memory:' })
  host = await startFlowHost({ logger, store })
  wire = await openWire(host.host.router)
  sides = [await createSide(await host.as(ACME), ACME.orgId), await createSide(await host.as(GLOBEX), GLOBEX.orgId)]
})
afterAll(async () => {
  await wire.close()
  await host.stop()
  await store.close()
})

async function createSide(api: TestApi, orgId: string): Promise<Side> {
  const tenant = await host.host.context.store.clients.getSandbox(orgId, 'prod')
  if (tenant === null) throw new Error('no sandbox')
  const secretName = `private to ${orgId}`
  const scheduleParams = { startTime: NOW / 1000 + 600, frequency: 'once' }
  const chain = await createChain(api, { name: secretName, scheduleParams })
  const runId = await create(api, 'runs', { flowId: chain.flowId })
  const clientId = api.headers['x-api-key'] ?? ''
  return { api, tenant, chain, runId, private: [orgId, secretName, clientId, tenant.sandboxId] }
}

/** All that a tenant has. */
async function contents({ tenant }: Side): Promise<readonly StoredEntity[]> {
  const everything = { filter: [], order: [], limit: 1000, after: null }
  return (await Promise.all(COLLECTIONS.map((kind) => store.entities.list(tenant, kind, everything)))).flat()
}

function idOf(choice: IdChoice, own: Side, other: Side, collection: Collection): string {
  if (typeof choice === 'object') return choice.text
  if (choice === 'unknown') return UNKNOWN_ID
  const side = choice === 'foreign' ? other : own
  const kind = choice === 'foreign' || choice === 'own' ? collection : choice
  const { baseId, sourceId, targetId, flowId } = side.chain
  const ids = { connections: baseId, sourceConnections: sourceId, targetConnections: targetId, flows: flowId }
  return kind === 'runs' ? side.runId : ids[kind]
}

function requestOf(call: FuzzCall, own: Side, other: Side): WireRequest {
  const all = `${FLOW_SERVICE}/${call.collection}`
  const type = { 'content-type': 'application/json' }
  const one = (id: IdChoice) => `${all}/${idOf(id, own, other, call.collection)}`
  switch (call.kind) {
    case 'list':
      return { method: 'GET', target: all + call.query }
    case 'search': {
      const body = bytesOf(call.body, call.collection, own.chain)
      return { method: 'POST', target: `${all}/search${call.query}`, headers: type, body }
    }
    case 'read':
      return { method: 'GET', target: one(call.id) + call.rest }
    case 'create':
      return {
        method: 'POST',
        target: all + call.query,
        headers: type,
        body: bytesOf(call.body, call.collection, own.chain),
      }
    case 'act':
      return { method: 'POST', target: `${one(call.id)}/action${call.query}` }
    case 'delete':
      // Whatever is used by the flow cannot be deleted; the flow itself could.
      return { method: 'DELETE', target: call.collection === 'flows' ? one('foreign') : one(call.id) }
    case 'patch': {
      const body = bytesOf(call.body, call.collection, own.chain)
      return { method: 'PATCH', target: one(call.id), headers: { ...type, 'if-match': call.ifMatch }, body }
    }
  }
}

/** What must hold of every answer; says what came when something does not. */
function checkAnswer(answer: WireAnswer, own: Side, other: Side): void {
  expect([answer.status < 500, answer.text.slice(0, 500)]).toEqual([true, expect.any(String)])
  for (const text of other.private) expect(answer.text).not.toContain(text)
  if (answer.status < 400) return
  const code = expect.stringMatching(new RegExp(`^\\d{4}-${answer.status}$`))
  const { body } = answer
  expect(body).toMatchObject({
    type: expect.stringMatching(
      new RegExp(`^http://ns\\.adobe\\.com/aep/errors/(FLOW|CONNECTOR)-\\d{4}-${answer.status}$`),
    ),
    errorCode: code,
    title: expect.stringMatching(/\S/),
    status: answer.status,
    detail: expect.stringMatching(/\S/),
    message: body.detail,
    errorMessage: body.detail,
    errorDetails: body.detail,
    report: { requestId: answer.headers['x-request-id'] },
  })
  expect(body.type.endsWith(body.errorCode)).toBe(true)
  const { tenantInfo } = body.report
  const known = { sandboxName: 'prod', sandboxId: own.tenant.sandboxId, imsOrgId: own.tenant.orgId }
  // Before the tenant is known there is nothing to tell.
  expect([{}, known]).toContainEqual(tenantInfo)
}

async function make(call: FuzzCall, asGlobex: boolean): Promise<void> {
  const [own, other] = asGlobex ? [sides[1], sides[0]] : sides
  const before = await Promise.all([contents(own), contents(other)])
  const answer = await wire.as(own.api)(requestOf(call, own, other))
  checkAnswer(answer, own, other)
  const after = await Promise.all([contents(own), contents(other)])
  expect(after[1]).toEqual(before[1])
  if (answer.status === 201) await tidy(own, call.collection, answer.body.id)
  else if (answer.status === 200 && (call.kind === 'patch' || call.kind === 'act')) await restore(before[0])
  else expect(after[0]).toEqual(before[0])
}

/** What was stored can be read; then it goes, so that there is little to compare. */
async function tidy(own: Side, collection: Collection, id: string): Promise<void> {
  const target = `${FLOW_SERVICE}/${collection}/${id}`
  const found = await wire.as(own.api)({ method: 'GET', target })
  expect([found.status, found.body.items[0].id]).toEqual([200, id])
  const entity = await store.entities.get(own.tenant, collection, id)
  await store.entities.delete(entity!.no)
}

/** A patch may have taken a name or a reference that later calls need: every call meets the tenant as it began. */
async function restore(entities: readonly StoredEntity[]): Promise<void> {
  for (const { no, etag, document, secrets } of entities) {
    const current = await store.entities.getByNo(no)
    if (current !== null && current.etag !== etag) await store.entities.update(current, { etag, document, secrets })
  }
}

describe('random calls', () => {
  test(
    `${RUNS} of them meet no fault of the host, see nothing of the other tenant, and change nothing when refused`,
    async () => {
      const property = fc.asyncProperty(fuzzCall, fc.boolean(), make)
      await fc.assert(property, { seed: SEED, numRuns: RUNS })
      expect(logged).toEqual([])
    },
    Math.max(60_000, RUNS * 30),
  )

  test('both tenants still have what they had, and can work', async () => {
    for (const side of sides) {
      for (const collection of COLLECTIONS) {
        const { body } = await side.api.get(`${FLOW_SERVICE}/${collection}`).expect(200)
        expect(body.items).toHaveLength(1)
      }
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('what was found', () => {
  test('half of a surrogate pair in a body is refused: a list ordered by it would repeat its pages for ever', async () => {
    const [side] = sides
    const before = await contents(side)
    const send = (method: string, target: string, body: string) =>
      wire.as(side.api)({ method, target, headers: { 'content-type': 'application/json', 'if-match': '*' }, body })
    const valid = JSON.stringify(connectionBody())
    const connections = `${FLOW_SERVICE}/connections`
    for (const half of ['\\ud800', '\\uDFFF', '\\udc00\\ud800', 'x\\uD83Cy']) {
      for (const answer of [
        await send('POST', connections, valid.replace('Stripe account', half)),
        await send('POST', connections, valid.replace('{', `{"${half}":1,`)),
        await send('PATCH', `${connections}/${side.chain.baseId}`, `[{"op":"add","path":"/name","value":"${half}"}]`),
      ]) {
        checkAnswer(answer, side, sides[1])
        expect([half, answer.body.errorCode]).toEqual([half, '1000-400'])
      }
    }
    expect(await contents(side)).toEqual(before)
    const whole = await send('POST', connections, valid.replace('Stripe account', '\\ud83c\\udf89 \\\\ud800'))
    expect(whole.status).toBe(201)
    expect((await read(side.api, 'connections', whole.body.id)).name).toBe('🎉 \\ud800')
  })
})
