import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import Stripe from 'stripe'
import { RetriableSourceError } from '../../../src/plugins/plugin.ts'
import { createAccountBudgets } from '../../../src/plugins/stripe/budget.ts'
import type { AccountBudget, BudgetRequest, RequestOutcome } from '../../../src/plugins/stripe/budget.ts'
import { createStripeClient, DEFAULT_API_VERSION } from '../../../src/plugins/stripe/client.ts'
import type { StripeClientOptions } from '../../../src/plugins/stripe/client.ts'
import { createStripeSandbox } from '../../../src/sandbox/stripe/sandbox.ts'
import type { StripeSandbox } from '../../../src/sandbox/stripe/sandbox.ts'

const KEY = 'sk_test_sandbox'
const NEVER = new AbortController().signal

let sandbox: StripeSandbox
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: 1_780_000_000, counts: { charges: 30 } })
})
afterEach(() => sandbox.close())

interface Seen {
  readonly requests: BudgetRequest[]
  readonly outcomes: RequestOutcome[]
}

/** A budget that lets everything pass and keeps what it was asked and told. */
function recordingBudget(): AccountBudget & Seen {
  const seen: Seen = { requests: [], outcomes: [] }
  return {
    ...seen,
    acquire(request) {
      seen.requests.push(request)
      return Promise.resolve({
        answerBegins() {},
        release: (outcome: RequestOutcome) => void seen.outcomes.push(outcome),
      })
    },
    parallelism: () => 2,
    perSecond: 25,
    searchesPerSecond: 20,
  }
}

/** An observer that keeps what it is told. */
function recordingObserver() {
  const told: string[] = []
  return { told, requestSent: () => void told.push('sent'), rateLimited: (reason: string) => void told.push(reason) }
}

const clientOf = (options: Partial<StripeClientOptions> = {}) =>
  createStripeClient({
    apiBase: sandbox.url,
    key: KEY,
    apiVersion: DEFAULT_API_VERSION,
    budget: recordingBudget(),
    ...options,
  })

const errorOf = async (work: Promise<unknown>): Promise<unknown> => {
  try {
    await work
  } catch (error) {
    return error
  }
  throw new Error('It was expected to fail.')
}

describe('what is sent', () => {
  test('a list takes plain, bracketed and repeated parameters', async () => {
    const parameters = { limit: '3', 'created[gte]': '0', types: ['charge.updated', 'charge.succeeded'] }
    await clientOf().list('/v1/events', parameters, NEVER)
    const [request] = sandbox.journal.entries()
    expect(request).toMatchObject({ method: 'GET', path: '/v1/events', status: 200, version: DEFAULT_API_VERSION })
    expect(request?.params).toMatchObject({
      limit: '3',
      created: { gte: '0' },
      types: ['charge.updated', 'charge.succeeded'],
    })
  })

  test('a list needs no parameters', async () => {
    const { data, hasMore } = await clientOf().list('/v1/charges', {}, NEVER)
    expect(data).toHaveLength(10)
    expect(hasMore).toBe(true)
  })

  test('an object is read by its id', async () => {
    const client = clientOf()
    const [charge] = (await client.list('/v1/charges', { limit: '1' }, NEVER)).data
    expect(await client.retrieve('/v1/charges', charge?.id ?? '', NEVER)).toEqual(charge)
  })

  test('an id of any characters stays one segment of the path', async () => {
    expect(await clientOf().retrieve('/v1/prices', 'gold/2024?x#y z', NEVER)).toBeNull()
    expect(sandbox.journal.entries().map(({ path }) => decodeURIComponent(path))).toEqual([
      '/v1/prices/gold/2024?x#y z',
    ])
  })
})

describe('what comes back', () => {
  test('an unknown id is null', async () => {
    expect(await clientOf().retrieve('/v1/charges', 'ch_unknown', NEVER)).toBeNull()
  })

  test('an unknown path is an error, not an unknown id', async () => {
    const error = await errorOf(clientOf().retrieve('/v1/nothing', 'x', NEVER))
    expect(error).toMatchObject({ statusCode: 404 })
  })

  test('a refusal is the error of the SDK', async () => {
    const error = await errorOf(clientOf({ key: 'rk_test_charges_only' }).list('/v1/prices', {}, NEVER))
    expect(error).toBeInstanceOf(Stripe.errors.StripePermissionError)
  })

  test.each(['{"object":"list"}', '{"data":[{}],"has_more":false}', '{"data":[],"has_more":true}', '[]'])(
    'the list %s is no usable answer',
    async (body) => {
      sandbox.faults.add({ fault: { kind: 'not-json', body } })
      expect(await errorOf(clientOf().list('/v1/charges', {}, NEVER))).toBeInstanceOf(RetriableSourceError)
    },
  )

  test.each(['{"object":"charge"}', '{"id":""}', '[]'])('the object %s is no usable answer', async (body) => {
    sandbox.faults.add({ fault: { kind: 'not-json', body } })
    expect(await errorOf(clientOf().retrieve('/v1/charges', 'ch_1', NEVER))).toBeInstanceOf(RetriableSourceError)
  })

  test('decimals stay the strings that Stripe sent', async () => {
    const { data } = await clientOf().list('/v1/prices', { limit: '100' }, NEVER)
    const decimals = data.map((price) => price.unit_amount_decimal).filter((value) => value !== null)
    expect(decimals.length).toBeGreaterThan(0)
    for (const value of decimals) expect(typeof value).toBe('string')
  })
})

describe('the budget', () => {
  test('is asked for every request, by operation and owner', async () => {
    const budget = recordingBudget()
    const client = clientOf({ budget, owner: 'run-1' })
    const { signal } = new AbortController()
    const [charge] = (await client.list('/v1/charges', { limit: '1' }, signal)).data
    await client.retrieve('/v1/charges', charge?.id ?? '', signal)
    await client.list('/v1/prices/search', { query: "active:'true'" }, signal).catch(() => {})
    await client.list(`/v1/charges/${charge?.id}/refunds`, {}, signal).catch(() => {})
    expect(budget.requests).toEqual(
      ['GET /v1/charges', 'GET /v1/charges/:id', 'GET /v1/prices/search', 'GET /v1/charges/:id/refunds'].map(
        (operation) => ({ operation, owner: 'run-1', signal }),
      ),
    )
    expect(budget.outcomes).toHaveLength(4)
  })

  test('counts clients that name no owner as one owner each', async () => {
    const budget = recordingBudget()
    for (const client of [clientOf({ budget }), clientOf({ budget })]) await client.list('/v1/charges', {}, NEVER)
    expect(new Set(budget.requests.map(({ owner }) => owner)).size).toBe(2)
  })

  test.each([
    [{ kind: 'status', status: 500 }, 'answered'],
    [{ kind: 'status', status: 502 }, 'answered'],
    // Its end is there, although that is not the end of the JSON.
    [{ kind: 'truncated' }, 'answered'],
    [{ kind: 'status', status: 429, reason: 'endpoint-rate' }, { rateLimited: 'endpoint-rate' }],
    [{ kind: 'status', status: 429 }, { rateLimited: 'lock_timeout' }],
    [{ kind: 'status', status: 429, html: true }, { rateLimited: 'lock_timeout' }],
  ] as const)('is told once how a request with the fault %j ended', async (fault, outcome) => {
    const budget = recordingBudget()
    sandbox.faults.add({ fault })
    await errorOf(clientOf({ budget }).list('/v1/charges', {}, NEVER))
    expect(budget.outcomes).toEqual([outcome])
  })

  test.each(['reset', 'reset-mid-body', 'lost-answer'] as const)(
    'pays for one request when the connection fails by %s, as nothing is sent again behind its back',
    async (kind) => {
      const budget = recordingBudget()
      sandbox.faults.add({ fault: { kind } })
      const error = await errorOf(clientOf({ budget }).list('/v1/charges', {}, NEVER))
      expect(error).toBeInstanceOf(Stripe.errors.StripeConnectionError)
      expect(sandbox.journal.total).toBe(1)
      expect(budget.requests).toHaveLength(1)
      expect(budget.outcomes).toEqual(['failed'])
    },
  )

  test('holds the place until the answer is whole', async () => {
    const budget = createAccountBudgets({ share: 1, concurrency: 2 }).of(KEY)
    sandbox.latency = { latencyMs: 30, latencyTailPercent: 0, latencyTailMs: 0 }
    const client = clientOf({ budget })
    await Promise.all(Array.from({ length: 8 }, () => client.list('/v1/charges', {}, NEVER)))
    expect(sandbox.journal.maxConcurrency()).toBe(2)
  })

  test('lowers its rate when Stripe refuses', async () => {
    const budget = createAccountBudgets({ share: 1, rateGlobal: 1000, rateEndpoint: 1000 }).of('sk_live_x')
    sandbox.latency = { latencyMs: 10, latencyTailPercent: 0, latencyTailMs: 0 }
    const client = clientOf({ budget })
    await client.list('/v1/charges', {}, NEVER)
    const before = budget.parallelism('GET /v1/charges')
    sandbox.faults.add({ fault: { kind: 'status', status: 429, reason: 'global-concurrency' } })
    await errorOf(client.list('/v1/charges', {}, NEVER))
    sandbox.faults.add({ fault: { kind: 'status', status: 429, reason: 'endpoint-concurrency' } })
    await errorOf(client.list('/v1/charges', {}, NEVER))
    expect(budget.parallelism('GET /v1/charges')).toBeLessThan(before)
  })

  test('sets the parallelism by the list read last', async () => {
    const asked: (string | undefined)[] = []
    const parallelism = (operation?: string) => asked.push(operation)
    const client = clientOf({ budget: { ...recordingBudget(), parallelism } })
    expect(client.parallelism()).toBe(1)
    await client.list('/v1/refunds', {}, NEVER)
    await client.retrieve('/v1/charges', 'ch_unknown', NEVER)
    expect(client.parallelism()).toBe(2)
    expect(asked).toEqual([undefined, 'GET /v1/refunds'])
  })
})

test('an observer hears of every request and of every refusal by its reason', async () => {
  const observer = recordingObserver()
  const client = clientOf({ observer })
  await client.list('/v1/charges', {}, NEVER)
  sandbox.faults.add({ fault: { kind: 'status', status: 429, reason: 'global-rate' } })
  await errorOf(client.list('/v1/charges', {}, NEVER))
  sandbox.faults.add({ fault: { kind: 'status', status: 429 } })
  await errorOf(client.list('/v1/charges', {}, NEVER))
  expect(observer.told).toEqual(['sent', 'sent', 'global-rate', 'sent', 'lock_timeout'])
})

describe('an aborted signal', () => {
  test('sends nothing', async () => {
    const reason = new Error('cancelled')
    await expect(clientOf().list('/v1/charges', {}, AbortSignal.abort(reason))).rejects.toBe(reason)
    await expect(clientOf().retrieve('/v1/charges', 'ch_1', AbortSignal.abort(reason))).rejects.toBe(reason)
    expect(sandbox.journal.total).toBe(0)
  })

  test.each([new Error('cancelled'), 'cancelled', null])('ends the wait for the budget with %p', async (reason) => {
    const budget = createAccountBudgets({ share: 1, rateGlobal: 1 }).of(KEY)
    const observer = recordingObserver()
    const client = clientOf({ budget, observer })
    await client.list('/v1/charges', {}, NEVER)
    const stop = new AbortController()
    const waiting = client.list('/v1/charges', {}, stop.signal)
    stop.abort(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(observer.told).toEqual(['sent'])
    expect(sandbox.journal.total).toBe(1)
  })

  test('ends the wait for an answer, and the place is free once Stripe has answered', async () => {
    const budget = createAccountBudgets({ share: 1, concurrency: 1 }).of(KEY)
    sandbox.faults.add({ fault: { kind: 'latency', ms: 50 } })
    const client = clientOf({ budget })
    const stop = new AbortController()
    const reason = new Error('cancelled')
    const waiting = client.list('/v1/charges', {}, stop.signal)
    setImmediate(() => stop.abort(reason))
    await expect(waiting).rejects.toBe(reason)
    await client.list('/v1/charges', {}, NEVER)
    expect(sandbox.journal.entries().map(({ status }) => status)).toEqual([200, 200])
    expect(sandbox.journal.maxConcurrency()).toBe(1)
  })
})

describe('the connection', () => {
  test('is kept and shared by all clients', async () => {
    let connections = 0
    const server = createServer((_, response) => response.end('{"object":"list","data":[],"has_more":false}'))
    server.on('connection', () => connections++)
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const apiBase = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    for (let turn = 0; turn < 3; turn++) await clientOf({ apiBase }).list('/v1/charges', {}, NEVER)
    server.closeAllConnections()
    server.close()
    expect(connections).toBe(1)
  })

  test('may be replaced, and every request still passes the budget', async () => {
    const budget = recordingBudget()
    const paths: string[] = []
    const httpClient: Stripe.HttpClient = {
      getClientName: () => 'stand-in',
      makeRequest(_host, _port, path) {
        paths.push(path)
        const list = { object: 'list', data: [{ id: 'ch_1' }], has_more: false }
        return Promise.resolve({
          getStatusCode: () => 200,
          getHeaders: () => ({}),
          getRawResponse: () => ({}),
          toStream: () => undefined,
          toJSON: () => Promise.resolve(list),
        })
      },
    }
    const { data } = await clientOf({ budget, httpClient }).list('/v1/charges', { limit: '1' }, NEVER)
    expect(data).toEqual([{ id: 'ch_1' }])
    expect(paths).toEqual(['/v1/charges?limit=1'])
    expect(budget.outcomes).toEqual(['answered'])
  })
})
