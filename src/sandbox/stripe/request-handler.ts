import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { applyAction } from './actions.ts'
import type { Answer } from './answer.ts'
import { errorAnswer } from './answer.ts'
import { mix, keyOf } from './dice.ts'
import { route } from './endpoints.ts'
import { StripeError } from './errors.ts'
import type { Fault, FaultPlan } from './faults.ts'
import { base62 } from './ids.ts'
import type { JournalEntry } from './journal.ts'
import { looksSecret, withoutSecrets } from './journal.ts'
import { fingerprint, keyOfHeader } from './keys.ts'
import type { RawParams } from './parameters.ts'
import { parseForm, validate } from './parameters.ts'
import { expireIncomplete } from './payments/expiry.ts'
import type { SandboxState } from './sandbox.ts'
import { sendAnswer } from './send.ts'
import { ReadyPage, serialize } from './serialize.ts'
import { statusAnswer } from './status-faults.ts'
import type { Json, JsonHash, StripeObject } from './types.ts'
import { isApiVersion } from './versions.ts'

const MAX_BODY_BYTES = 1_000_000

const TOKEN_PATHS: Readonly<Record<string, { expires: boolean }>> = {
  '/v1/oauth/token': { expires: true },
  '/oauth/token': { expires: false },
}

/** A request with its body read. */
interface Received {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly body: string
  readonly key: string | undefined
  readonly version: string | undefined
  readonly idempotencyKey: string | undefined
  readonly requestId: string
}

/** Answers the imitated API. */
export class RequestHandler {
  readonly #state: SandboxState
  readonly #idKey: number
  readonly #fingerprints = new Map<string, string>()
  /** The last id of the latest answer of each list: what `$cursor` means when a request carries no cursor. */
  readonly #lastListed = new Map<string, string>()
  #requests = 0

  constructor(state: SandboxState) {
    this.#state = state
    this.#idKey = keyOf(state.seed, 'requests')
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = this.#nextRequestId()
    const { path, query } = split(request.url ?? '/')
    const method = request.method ?? 'GET'
    const { authorization } = request.headers
    let body: string
    try {
      body = method === 'GET' ? '' : await readBody(request)
    } catch (error) {
      if (!response.destroyed)
        sendAnswer(response, errorAnswer(error), { 'Request-Id': requestId, Connection: 'close' })
      return
    }
    const received: Received = {
      method,
      path,
      query,
      body,
      key: keyOfHeader(authorization),
      version: header(request, 'stripe-version'),
      idempotencyKey: method === 'POST' ? header(request, 'idempotency-key') : undefined,
      requestId,
    }
    const params = paramsOf(received)
    const entry = this.#journal(received, params)
    response.once('close', () => (entry.finishedAt ??= nowMs()))
    const plan = this.#state.faults.meet({ method, path, params })
    const answer = await this.#answer(received, params, plan, entry)
    if (response.destroyed) return
    const headers = this.#headers(request, received)
    finish(request, response, answer, headers, plan.decisive, entry)
  }

  async #answer(received: Received, params: RawParams, plan: FaultPlan, entry: JournalEntry): Promise<Answer> {
    const { decisive } = plan
    entry.fault = decisive?.kind
    if (decisive?.kind === 'reset' || (decisive?.kind === 'stall' && decisive.after !== 'body')) return NO_ANSWER
    if (decisive?.kind === 'status') {
      await pause(this.#latencyMs() + plan.latencyMs)
      const answer = statusAnswer(decisive)
      // A server error of a write is a result like any other: repeating the key repeats it.
      if (received.idempotencyKey !== undefined && answer.status >= 500) this.#storeFailure(received, answer)
      return answer
    }
    try {
      return await this.#run(received, params, plan)
    } catch (error) {
      return errorAnswer(error)
    }
  }

  async #run(received: Received, params: RawParams, plan: FaultPlan): Promise<Answer> {
    const { keys, limiter, worlds, oauth } = this.#state
    const { method, path } = received
    const token = method === 'POST' ? TOKEN_PATHS[path] : undefined
    if (token) {
      const secret = received.key ?? (typeof params.client_secret === 'string' ? params.client_secret : undefined)
      return { status: 200, body: JSON.stringify(oauth.exchange(params, secret, token.expires)), headers: {} }
    }
    const { key, mode } = keys.authenticate(received.key)
    const version = received.version ?? worlds[mode].accountVersion
    if (!isApiVersion(version)) throw new StripeError(400, `Invalid Stripe API version: ${version}`)
    const { endpoint, id } = route(method, path)
    const leave = limiter.enter(mode, `${method} ${endpoint.pattern}`, endpoint.limitClass)
    const world = worlds[mode]
    const before = async () => {
      await pause(this.#latencyMs() + plan.latencyMs)
      keys.authorize(key, endpoint.permission, endpoint.access)
      const cursor = params.starting_after ?? params.ending_before ?? this.#lastListed.get(path)
      for (const action of plan.actions) applyAction(world, action, typeof cursor === 'string' ? cursor : undefined)
      expireIncomplete(world)
    }
    try {
      return await this.#once(received, mode, before, () => {
        const valid = validate(params, endpoint.params, '', version)
        const otherWorld = worlds[mode === 'test' ? 'live' : 'test']
        const cause = { requestId: received.requestId, idempotencyKey: received.idempotencyKey ?? null }
        const result = endpoint.handle({ world, otherWorld, version, path, id, params: valid, cause })
        this.#noteLast(path, result)
        if (result instanceof ReadyPage) return { status: 200, body: result.body, headers: {} }
        return { status: 200, body: serialize(result), headers: {} }
      })
    } finally {
      leave()
    }
  }

  /**
   * Runs a write once per idempotency key; reads and deletes ignore the key. `before` runs in any case, while the key is
   * taken: a request with the same key meanwhile is a conflict.
   */
  async #once(received: Received, mode: string, before: () => Promise<void>, run: () => Answer): Promise<Answer> {
    const { idempotencyKey } = received
    if (idempotencyKey === undefined) {
      await before()
      return run()
    }
    const { idempotency } = this.#state
    const scoped = `${mode} ${idempotencyKey}`
    const stored = idempotency.begin(scoped, `${received.method} ${received.path} ${received.body}`)
    try {
      await before()
      if (stored) return { ...stored, headers: { 'Idempotent-Replayed': 'true' } }
      const answer = run()
      idempotency.finish(scoped, answer.status, answer.body.toString())
      return answer
    } catch (error) {
      // A payment that was tried and failed is a result; a request that was refused before it began is none.
      if (error instanceof StripeError && error.status === 402) {
        idempotency.finish(scoped, error.status, JSON.stringify(error.body()))
      } else idempotency.abandon(scoped)
      throw error
    }
  }

  /** Keeps a scripted server error as the result of a write that never ran. */
  #storeFailure(received: Received, answer: Answer): void {
    const { idempotency } = this.#state
    const scoped = `${received.key?.includes('_live_') ? 'live' : 'test'} ${received.idempotencyKey}`
    try {
      const stored = idempotency.begin(scoped, `${received.method} ${received.path} ${received.body}`)
      if (!stored) idempotency.finish(scoped, answer.status, answer.body.toString())
    } catch {
      // The key is in use for another request; the scripted answer is sent all the same.
    }
  }

  #noteLast(path: string, result: JsonHash | ReadyPage): void {
    const last = result instanceof ReadyPage ? result.lastId : lastIdOf(result.data)
    if (last !== undefined) this.#lastListed.set(path, last)
  }

  #headers(request: IncomingMessage, received: Received): Record<string, string> {
    const { version } = received
    const account = header(request, 'stripe-account')
    return {
      'Request-Id': received.requestId,
      'Stripe-Version': version !== undefined && isApiVersion(version) ? version : this.#state.world.accountVersion,
      ...(received.idempotencyKey === undefined ? {} : { 'Idempotency-Key': received.idempotencyKey }),
      ...(account === undefined ? {} : { 'Stripe-Account': account }),
    }
  }

  #journal(received: Received, params: RawParams): JournalEntry {
    const entry: JournalEntry = {
      requestId: received.requestId,
      method: received.method,
      path: received.path,
      params: withoutSecrets(params),
      version: received.version,
      keyFingerprint: received.key === undefined ? undefined : this.#fingerprint(received.key),
      secretInQuery: received.query !== '' && [...new URLSearchParams(received.query).values()].some(looksSecret),
      status: 0,
      startedAt: nowMs(),
      finishedAt: undefined,
      rateLimitedReason: undefined,
      fault: undefined,
    }
    this.#state.journal.add(entry)
    return entry
  }

  /** Hashing once per key keeps the journal cheap; strangers' keys must not fill the memory. */
  #fingerprint(key: string): string {
    const present = this.#fingerprints.get(key)
    if (present !== undefined) return present
    if (this.#fingerprints.size > 1000) this.#fingerprints.clear()
    const made = fingerprint(key)
    this.#fingerprints.set(key, made)
    return made
  }

  #latencyMs(): number {
    const { latencyMs, latencyTailPercent, latencyTailMs } = this.#state.latency
    const inTail = mix(this.#idKey, this.#requests, 9) % 10_000 < latencyTailPercent * 100
    return latencyMs + (inTail ? latencyTailMs : 0)
  }

  #nextRequestId(): string {
    const number = this.#requests++
    return `req_${base62(mix(this.#idKey, number, 1), 5)}${base62(number, 4)}${base62(mix(this.#idKey, number, 2), 5)}`
  }
}

const NO_ANSWER: Answer = { status: 0, body: '', headers: {} }
const NOT_JSON = '<!doctype html><title>Maintenance</title><p>Please come back later.'

/** Sends the answer, or does to the connection what the fault says. */
function finish(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  headers: Record<string, string>,
  fault: Exclude<Fault, { kind: 'latency' | 'action' }> | undefined,
  entry: JournalEntry,
): void {
  const { socket } = request
  if (fault?.kind === 'stall' && fault.after !== 'body') return
  if (fault?.kind === 'reset' || fault?.kind === 'lost-answer') {
    socket.resetAndDestroy()
    return
  }
  entry.status = answer.status
  entry.rateLimitedReason = answer.headers['Stripe-Rate-Limited-Reason']
  if (fault?.kind === 'stall' || fault?.kind === 'reset-mid-body') {
    const body = Buffer.from(answer.body)
    response.writeHead(answer.status, { ...headers, 'Content-Type': 'application/json', 'Content-Length': body.length })
    response.write(body.subarray(0, Math.ceil(body.length / 2)), () => {
      // A little later, so that the half that was sent arrives before the reset.
      if (fault.kind === 'reset-mid-body') setTimeout(() => socket.resetAndDestroy(), 20)
    })
    return
  }
  entry.finishedAt = nowMs()
  if (fault?.kind === 'truncated') {
    const body = Buffer.from(answer.body)
    const kept = body.subarray(0, Math.floor(body.length * (fault.keep ?? 0.5)))
    sendAnswer(response, { ...answer, body: kept }, headers)
  } else if (fault?.kind === 'not-json') {
    sendAnswer(response, { status: 200, body: fault.body ?? NOT_JSON, headers: {} }, headers)
  } else {
    sendAnswer(response, answer, headers)
    if (fault?.kind === 'close-idle') {
      response.once('finish', () => setTimeout(() => socket.resetAndDestroy(), fault.afterMs ?? 20))
    }
  }
}

function pause(ms: number): Promise<void> | undefined {
  return ms > 0 ? sleep(ms) : undefined
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

function lastIdOf(data: Json | undefined): string | undefined {
  return Array.isArray(data) ? (data.at(-1) as StripeObject | undefined)?.id : undefined
}

function split(url: string): { path: string; query: string } {
  const mark = url.indexOf('?')
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) }
}

function paramsOf(received: Received): RawParams {
  const { method, query, body } = received
  const text = method === 'GET' ? query : [query, body].filter((part) => part !== '').join('&')
  try {
    return parseForm(text)
  } catch {
    // Too deep to be unfolded: left as one name, which validation then refuses.
    return { [text.slice(0, 100)]: '' }
  }
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY_BYTES) throw new StripeError(413, 'The request body is too large.')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
