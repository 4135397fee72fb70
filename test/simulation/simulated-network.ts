import Stripe from 'stripe'
import type { Answer } from './model/answer.ts'
import type { Faults } from './model/faults.ts'
import type { ModelStripe } from './model/model-stripe.ts'
import type { ProcessLife } from './process-life.ts'
import type { Rng } from './rng.ts'
import type { Scheduler } from './scheduler.ts'

export interface NetworkRules {
  /** Typical time of one way, ms. */
  readonly latencyMs: number
  /** How often a way takes far longer, 0 to 1. */
  readonly tailRate: number
}

/** The way between the host and the model Stripe. */
export interface Network {
  readonly scheduler: Scheduler
  readonly stripe: ModelStripe
  readonly faults: Faults
  readonly rng: Rng
  readonly rules: NetworkRules
  requests: number
  /** When each answer that is on its way leaves, simulated ms. */
  leaveTimes: number[]
  /** Told of every answer that reached a host alive and whole, whatever its status. */
  readonly onAnswered: (target: string, status: number) => void
}

/** The HTTP client that one life of the host speaks to Stripe with. */
export function createHttpClient(life: ProcessLife, network: Network): Stripe.HttpClient {
  return new SimulatedHttpClient(life, network)
}

class SimulatedHttpClient extends Stripe.HttpClient {
  readonly #life: ProcessLife
  readonly #network: Network

  constructor(life: ProcessLife, network: Network) {
    super()
    this.#life = life
    this.#network = network
  }

  override getClientName(): string {
    return 'simulated'
  }

  override makeRequest(
    ...[, , target, method, headers, , , timeoutMs]: Parameters<Stripe.HttpClient['makeRequest']>
  ): Promise<Stripe.HttpClientResponse> {
    const life = this.#life
    const { scheduler, stripe, faults } = this.#network
    if (method !== 'GET') throw new Error(`The model Stripe only answers GET, not ${method}.`)
    this.#network.requests += 1
    return new Promise((resolve, reject) => {
      if (!life.isAlive) return
      const wayThere = this.#latency()
      const wayBack = this.#latency()
      const answerIn = (ms: number, label: string, run: () => void) =>
        scheduler.add({ at: scheduler.now + ms, label: `${label} ${target}`, owner: life, run })
      const timeOut = (ms: number) => answerIn(ms, 'timeout', () => reject(Stripe.HttpClient.makeTimeoutError()))
      if (wayThere + wayBack > timeoutMs) {
        timeOut(timeoutMs)
        return
      }
      // A request that is on its way is answered even when the process that sent it is gone.
      const arrive = () => {
        const { now } = scheduler
        const inFlight = this.#network.leaveTimes.filter((at) => at > now)
        const fault = faults.next({ path: target, now, inFlight: inFlight.length, key: keyOf(headers) })
        const answer = fault?.kind === 'answer' ? fault.answer : stripe.answer(target, now)
        this.#network.leaveTimes = [...inFlight, now + wayBack]
        if (!life.isAlive) return
        if (fault?.kind === 'stall') timeOut(timeoutMs - wayThere)
        else if (fault?.kind === 'reset') answerIn(wayBack, 'reset', () => reject(connectionError(fault.code)))
        else {
          const response = this.#respond(target, answer, fault?.kind === 'cut' ? fault.how : null)
          answerIn(wayBack, String(answer.status), () => resolve(response))
        }
      }
      scheduler.add({ at: scheduler.now + wayThere, label: `arrive ${target}`, owner: null, run: arrive })
    })
  }

  #respond(target: string, answer: Answer, cut: 'silently' | 'reset' | 'stall' | null): Stripe.HttpClientResponse {
    const { onAnswered } = this.#network
    const text = cut === null ? answer.body : answer.body.slice(0, Math.floor(answer.body.length / 2))
    return new SimulatedResponse(answer, async () => {
      if (cut === 'stall') {
        await this.#life.pass('body stalls', 30_000)
        throw Stripe.HttpClient.makeResponseBodyError(Stripe.HttpClient.makeTimeoutError())
      }
      if (cut === 'reset') throw Stripe.HttpClient.makeResponseBodyError(connectionError('ECONNRESET'))
      const parsed: unknown = JSON.parse(text)
      onAnswered(target, answer.status)
      return parsed
    })
  }

  #latency(): number {
    const { rng, rules } = this.#network
    const typical = rng.int(1, 2 * rules.latencyMs)
    return rng.chance(rules.tailRate) ? typical + rng.int(1000, 40_000) : typical
  }
}

class SimulatedResponse extends Stripe.HttpClientResponse {
  readonly #read: () => Promise<unknown>

  constructor({ status, headers }: Answer, read: () => Promise<unknown>) {
    super(status, { ...headers })
    this.#read = read
  }

  override getRawResponse(): unknown {
    return {}
  }

  override toJSON(): Promise<unknown> {
    return this.#read()
  }
}

function keyOf(headers: object): string {
  return String(Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')?.[1]).slice(7)
}

function connectionError(code: string): Error {
  return Object.assign(new Error(code), { code })
}
