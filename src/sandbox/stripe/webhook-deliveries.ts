import type { Behaviour } from './behaviour.ts'
import type { SandboxClock } from './clock.ts'
import { DueTimers } from './due-timers.ts'
import type { Mode, StripeObject } from './types.ts'
import type { WebhookEndpoint } from './webhook-endpoints.ts'
import { WebhookClient } from './webhook-request.ts'
import type { AttemptPlan, WebhookScript, WebhookScripts } from './webhook-scripts.ts'
import { signatureHeader } from './webhook-signature.ts'
import type { World } from './world.ts'

const HOUR = 3600

/** Pauses between attempts, in seconds. Unpublished: three within hours in test mode, up to three days in live mode. */
const RETRY_SECONDS: Readonly<Record<Mode, readonly number[]>> = {
  test: [300, HOUR, 2 * HOUR],
  live: [300, HOUR / 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 12 * HOUR, 18 * HOUR, 24 * HOUR],
}

/** Attempts that are remembered. */
const MAX_ATTEMPTS = 10_000

const HEADERS = {
  Accept: '*/*; q=0.5, application/xml',
  'Cache-Control': 'no-cache',
  'Content-Type': 'application/json; charset=utf-8',
  'User-Agent': 'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
}

/** An event on its way to an endpoint. */
export interface Delivery {
  readonly world: World
  readonly endpointId: string
  /** As frozen for the endpoint. */
  readonly event: StripeObject
}

/** One POST, or the decision not to send one. */
export interface WebhookAttempt {
  readonly event: string
  readonly type: string
  readonly endpoint: string
  /** Counts from 1. */
  readonly attempt: number
  /** Above 0 for what a script sent in addition. */
  readonly copy: number
  /** `t` of the signature, Unix seconds; null when nothing was sent. */
  readonly timestamp: number | null
  /** Milliseconds of real time. */
  readonly sentAtMs: number
  readonly endedAtMs: number
  /** Null when there was no answer. */
  readonly status: number | null
  readonly error: string | null
  readonly script: WebhookScript['kind'] | null
}

interface Job extends Delivery {
  readonly attempt: number
  /** Absent until the attempt begins. */
  readonly plan?: AttemptPlan
}

/** What goes to one endpoint. */
interface Lane {
  readonly ready: Job[]
  /** Those that a script holds back, and how many others have to end before. */
  readonly held: { readonly job: Job; behind: number }[]
  inFlight: number
}

export interface WebhookDeliveriesOptions {
  readonly clock: SandboxClock
  readonly behaviour: Behaviour
  readonly scripts: WebhookScripts
}

/** Sends events to endpoints, a bounded number at once to each, and tries again what was not taken. */
export class WebhookDeliveries {
  readonly #options: WebhookDeliveriesOptions
  readonly #client = new WebhookClient()
  readonly #retries: DueTimers
  readonly #lanes = new Map<string, Lane>()
  readonly #delayed = new Set<NodeJS.Timeout>()
  readonly #attempts: WebhookAttempt[] = []
  #settledWaiters: (() => void)[] = []
  #running = new AbortController()

  constructor(options: WebhookDeliveriesOptions) {
    this.#options = options
    this.#retries = new DueTimers(options.clock)
  }

  /** The newest attempts, oldest first. */
  get attempts(): readonly WebhookAttempt[] {
    return this.#attempts
  }

  /** Deliveries that are sent or wait to be sent, are held back, or are to be tried again. */
  get counts(): { readonly sending: number; readonly held: number; readonly retrying: number } {
    let [sending, held] = [this.#delayed.size, 0]
    for (const lane of this.#lanes.values()) {
      sending += lane.ready.length + lane.inFlight
      held += lane.held.length
    }
    return { sending, held, retrying: this.#retries.size }
  }

  /** Takes a delivery; it begins after whatever is going on now. */
  add(delivery: Delivery): void {
    this.#enqueue({ ...delivery, attempt: 1 })
  }

  /** Sends what scripts hold back, the last one first. */
  release(): void {
    for (const [id, lane] of this.#lanes) {
      lane.ready.push(
        ...lane.held
          .splice(0)
          .map(({ job }) => job)
          .toReversed(),
      )
      this.#pumpSoon(id)
    }
  }

  /** Resolves when nothing is being sent or about to be; what is held back or waits for its next attempt does not count. */
  settled(): Promise<void> {
    return this.counts.sending === 0 ? Promise.resolve() : new Promise((resolve) => this.#settledWaiters.push(resolve))
  }

  /** Drops everything that is on its way. */
  clear(): void {
    this.#running.abort()
    this.#running = new AbortController()
    this.#retries.clear()
    for (const timer of this.#delayed) clearTimeout(timer)
    this.#delayed.clear()
    this.#lanes.clear()
    this.#attempts.length = 0
    this.#tellSettled()
  }

  close(): void {
    this.clear()
    this.#retries.close()
    this.#client.close()
  }

  #enqueue(job: Job): void {
    this.#laneOf(job.endpointId).ready.push(job)
    this.#pumpSoon(job.endpointId)
  }

  #laneOf(endpointId: string): Lane {
    const present = this.#lanes.get(endpointId)
    if (present) return present
    const lane = { ready: [], held: [], inFlight: 0 }
    this.#lanes.set(endpointId, lane)
    return lane
  }

  /** Later, so that the answer to the request that made the event goes first. */
  #pumpSoon(endpointId: string): void {
    setImmediate(() => this.#pump(endpointId))
  }

  #pump(endpointId: string): void {
    const lane = this.#lanes.get(endpointId)
    if (!lane) return
    const { signal } = this.#running
    while (lane.inFlight < this.#options.behaviour.webhookConcurrency) {
      const job = lane.ready.shift()
      if (!job) return
      lane.inFlight++
      void this.#begin(job, lane, signal).finally(() => {
        lane.inFlight--
        if (signal.aborted) return
        this.#pumpSoon(endpointId)
        this.#tellSettled()
      })
    }
  }

  async #begin(job: Job, lane: Lane, signal: AbortSignal): Promise<void> {
    const { event, endpointId, attempt } = job
    const endpoint = job.world.webhookEndpoints.find(endpointId)
    if (endpoint?.status !== 'enabled') return
    if (job.plan) {
      await this.#send(job, endpoint, job.plan, signal)
    } else {
      const plan = this.#options.scripts.meet({ type: String(event.type), endpoint: endpointId, attempt })
      const planned = { ...job, plan }
      if (plan.lost) this.#note(unsent(planned))
      else if (plan.behind > 0) lane.held.push({ job: planned, behind: plan.behind })
      else if (plan.delayMs > 0) this.#delay(planned, plan.delayMs)
      else await this.#send(planned, endpoint, plan, signal)
      if (plan.lost || plan.behind > 0 || plan.delayMs > 0) return
    }
    if (!signal.aborted) this.#letPass(lane)
  }

  #delay(job: Job, ms: number): void {
    const timer = setTimeout(() => {
      this.#delayed.delete(timer)
      this.#enqueue(job)
    }, ms)
    this.#delayed.add(timer)
  }

  /** A delivery has ended: those that wait for it come nearer. */
  #letPass(lane: Lane): void {
    for (const held of lane.held) held.behind--
    const free = lane.held.filter(({ behind }) => behind <= 0)
    for (const held of free) {
      lane.held.splice(lane.held.indexOf(held), 1)
      lane.ready.push(held.job)
    }
  }

  async #send(job: Job, endpoint: WebhookEndpoint, plan: AttemptPlan, signal: AbortSignal): Promise<void> {
    let taken = false
    for (let copy = 0; copy <= plan.copies && !signal.aborted; copy++) {
      if (await this.#post(job, endpoint, plan, copy, signal)) taken = true
    }
    if (signal.aborted) return
    if (taken) job.world.noteDelivered(job.event.id, endpoint.id)
    else this.#retry(job)
  }

  async #post(
    job: Job,
    endpoint: WebhookEndpoint,
    plan: AttemptPlan,
    copy: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { behaviour } = this.#options
    const timestamp = this.#timestamp() - plan.backdated
    const { body, signature } = signed(job, endpoint, plan, timestamp)
    const sentAtMs = Date.now()
    let status: number | null = null
    let error: string | null = null
    try {
      status = await this.#client.post({
        url: endpoint.url,
        body,
        headers: { ...HEADERS, ...(signature === null ? {} : { 'Stripe-Signature': signature }) },
        timeoutMs: Math.ceil(behaviour.webhookTimeoutSeconds * 1000) + plan.stallMs,
        stallMs: plan.stallMs,
        signal,
      })
    } catch (cause) {
      error = cause instanceof Error ? cause.message : String(cause)
    }
    if (signal.aborted) return false
    this.#note({ ...unsent(job), copy, timestamp, sentAtMs, endedAtMs: Date.now(), status, error, script: plan.kind })
    return status !== null && status >= 200 && status < 300
  }

  /** Unix seconds. */
  #timestamp(): number {
    const { clock, behaviour } = this.#options
    return Math.floor((behaviour.webhookClock === 'real' ? Date.now() : clock.nowMs()) / 1000)
  }

  #retry({ world, endpointId, event, attempt }: Job): void {
    const { behaviour } = this.#options
    const pauses = behaviour.webhookRetrySeconds ?? RETRY_SECONDS[world.mode]
    const seconds = pauses[attempt - 1]
    if (seconds === undefined) return
    const again = { world, endpointId, event, attempt: attempt + 1 }
    if (behaviour.webhookClock === 'real') this.#delay(again, seconds * 1000)
    else this.#retries.after(seconds, () => this.#enqueue(again))
  }

  #note(attempt: WebhookAttempt): void {
    this.#attempts.push(attempt)
    if (this.#attempts.length > MAX_ATTEMPTS) this.#attempts.shift()
  }

  #tellSettled(): void {
    if (this.counts.sending > 0) return
    const waiters = this.#settledWaiters
    this.#settledWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/** Stripe's JSON is indented: a receiver that checks the signature over a text it has made anew finds another one. */
function signed(
  { world, event }: Job,
  endpoint: WebhookEndpoint,
  plan: AttemptPlan,
  timestamp: number,
): { readonly body: string; readonly signature: string | null } {
  const told = { ...event, pending_webhooks: world.pendingWebhooks(event.id) }
  const body = JSON.stringify(told, null, 2)
  const secrets = plan.signed === 'wrongly' ? ['whsec_unknown'] : world.webhookEndpoints.secretsOf(endpoint)
  return {
    body: plan.tampered ? JSON.stringify({ ...told, livemode: event.livemode !== true }, null, 2) : body,
    signature: plan.signed === 'not' ? null : signatureHeader(secrets, timestamp, body),
  }
}

function unsent({ event, endpointId, attempt, plan }: Job): WebhookAttempt {
  const now = Date.now()
  return {
    event: event.id,
    type: String(event.type),
    endpoint: endpointId,
    attempt,
    copy: 0,
    timestamp: null,
    sentAtMs: now,
    endedAtMs: now,
    status: null,
    error: null,
    script: plan?.kind ?? null,
  }
}
