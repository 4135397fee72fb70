import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Action } from './actions.ts'
import { errorAnswer } from './answer.ts'
import type { Behaviour } from './behaviour.ts'
import { behaviourOf } from './behaviour.ts'
import { StripeError, unknownUrl } from './errors.ts'
import type { FaultRule } from './faults.ts'
import type { Limits } from './limits.ts'
import type { Latency, SandboxState } from './sandbox.ts'
import { sendAnswer } from './send.ts'
import type { Mode } from './types.ts'
import { isHash, RESOURCE_NAMES } from './types.ts'
import { WEBHOOK_CONTROLS } from './webhook-control.ts'

export interface ControlCall {
  readonly state: SandboxState
  readonly body: unknown
  readonly query: URLSearchParams
  /** What follows the collection in the path. */
  readonly id: string
}

/** Answers what is sent as JSON. */
export type Control = (call: ControlCall) => unknown

/** `/_sandbox/…`: the same script as the handle offers, for a sandbox in another process. Not counted in the journal. */
const CONTROLS: Readonly<Record<string, Control>> = {
  ...WEBHOOK_CONTROLS,
  'GET /_sandbox': ({ state }) => ({
    seed: state.seed,
    account: state.accountId,
    now: state.clock.now(),
    apiVersion: state.world.accountVersion,
    counts: Object.fromEntries(RESOURCE_NAMES.map((name) => [name, state.world.collections[name].generatedCount])),
    requests: state.journal.total,
  }),
  'GET /_sandbox/journal': ({ state, query }) => ({
    total: state.journal.total,
    entries: state.journal.entries(matchOf(query)).slice(-Number(query.get('limit') ?? 1000)),
  }),
  'GET /_sandbox/journal/summary': ({ state, query }) => ({
    total: state.journal.total,
    ...state.journal.summary(matchOf(query)),
    paths: state.journal.paths(),
    secretsInQuery: state.journal.entries().filter((entry) => entry.secretInQuery).length,
  }),
  'DELETE /_sandbox/journal': ({ state }) => {
    state.journal.clear()
    return { total: 0 }
  },
  'GET /_sandbox/faults': ({ state }) => ({ faults: state.faults.list() }),
  'POST /_sandbox/faults': ({ state, body }) => ({
    ids: listOf(body).map((rule) => state.faults.add(rule as FaultRule)),
  }),
  'DELETE /_sandbox/faults': ({ state }) => {
    state.faults.clear()
    return { faults: [] }
  },
  'DELETE /_sandbox/faults/:id': ({ state, id }) => ({ removed: state.faults.remove(id) }),
  'POST /_sandbox/actions': ({ state, body, query }) => {
    const mode: Mode = query.get('mode') === 'live' ? 'live' : 'test'
    return { objects: listOf(body).flatMap((action) => state.apply(action as Action, mode)) }
  },
  'GET /_sandbox/clock': ({ state }) => clockOf(state),
  'POST /_sandbox/clock': ({ state, body }) => {
    const given = isHash(body) ? body : {}
    if (given.real === true) state.clock.followRealTime()
    if (given.set !== undefined) state.clock.set(secondsOf(given.set, 'set'))
    if (given.advance !== undefined) state.clock.advance(secondsOf(given.advance, 'advance'))
    return clockOf(state)
  },
  'GET /_sandbox/settings': ({ state }) => settingsOf(state),
  'POST /_sandbox/settings': ({ state, body }) => {
    const given = (isHash(body) ? body : {}) as Partial<Latency & Behaviour> & { limits?: Limits }
    Object.assign(state.behaviour, behaviourOf(given))
    const { limits } = given
    if (limits !== undefined) {
      state.limiter.limits = limits
      state.limiter.reset()
    }
    const { latencyMs, latencyTailMs, latencyTailPercent } = { ...state.latency, ...given }
    state.latency = { latencyMs, latencyTailMs, latencyTailPercent }
    return settingsOf(state)
  },
  'POST /_sandbox/reset': ({ state }) => {
    state.reset()
    return { now: state.clock.now() }
  },
}

/** Answers a request under `/_sandbox`. */
export async function handleControl(
  state: SandboxState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://sandbox')
    const body = parseJson(await textOf(request))
    const result = findControl(
      request.method ?? 'GET',
      url.pathname,
    )({ state, body, query: url.searchParams, id: lastPart(url) })
    sendAnswer(response, { status: 200, body: JSON.stringify(result), headers: {} }, {})
  } catch (error) {
    if (!response.headersSent) sendAnswer(response, errorAnswer(error), {})
  }
}

function findControl(method: string, path: string): Control {
  const clean = path.replace(/\/$/, '')
  const control = CONTROLS[`${method} ${clean}`] ?? CONTROLS[`${method} ${clean.replace(/[^/]+$/, ':id')}`]
  if (!control) throw unknownUrl(method, path)
  return control
}

function lastPart(url: URL): string {
  return url.pathname.split('/').at(-1) ?? ''
}

function matchOf(query: URLSearchParams) {
  const [method, path, status] = [query.get('method'), query.get('path'), query.get('status')]
  return {
    ...(method === null ? {} : { method }),
    ...(path === null ? {} : { path }),
    ...(status === null ? {} : { status: Number(status) }),
  }
}

function settingsOf(state: SandboxState) {
  return { ...state.latency, ...state.behaviour, limits: state.limiter.limits }
}

function clockOf(state: SandboxState) {
  return { now: state.clock.now(), frozen: state.clock.frozen }
}

function listOf(body: unknown): unknown[] {
  return Array.isArray(body) ? body : [body]
}

function secondsOf(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new StripeError(400, `${name} must be an integer number of seconds.`)
}

function parseJson(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new StripeError(400, 'The body must be JSON.')
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
