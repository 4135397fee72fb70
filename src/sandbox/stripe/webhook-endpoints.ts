import type { SandboxClock } from './clock.ts'
import { keyOf, mix } from './dice.ts'
import { badParameter, missingResource, StripeError } from './errors.ts'
import { matchesType } from './events.ts'
import { base62, FIRST_ADDED_INDEX } from './ids.ts'
import type { Plan } from './plan.ts'
import type { JsonHash, StripeObject } from './types.ts'
import { isApiVersion } from './versions.ts'

/** The most endpoints of one mode. */
const MAX_ENDPOINTS = 16

/** A rolled secret stays valid so long at the most. */
const MAX_ROLL_SECONDS = 86_400

const EVENT_NAME = /^[a-z0-9_]+(\.[a-z0-9_]+)+$/

export interface WebhookSecret {
  /** `whsec_…` */
  readonly value: string
  /** The end of a rolled secret, milliseconds of the sandbox clock; null while it is the current one. */
  readonly until: number | null
}

/** A receiver of events. */
export interface WebhookEndpoint {
  readonly id: string
  readonly url: string
  /** Null: the account's version. */
  readonly apiVersion: string | null
  /** Names of event types, or `*` for all. */
  readonly enabledEvents: readonly string[]
  readonly status: 'enabled' | 'disabled'
  readonly description: string | null
  readonly metadata: JsonHash
  /** Unix seconds. */
  readonly created: number
  /** The current one first. */
  readonly secrets: readonly WebhookSecret[]
}

/** What makes an endpoint. */
export interface NewWebhookEndpoint {
  readonly url: string
  /** @defaultValue all */
  readonly enabledEvents?: readonly string[]
  readonly apiVersion?: string | null
  readonly description?: string | null
  readonly metadata?: JsonHash
  /** Made up when absent. */
  readonly secret?: string
}

export type WebhookEndpointChange = Partial<
  Pick<WebhookEndpoint, 'url' | 'enabledEvents' | 'status' | 'description' | 'metadata'>
>

/** The endpoints of one mode. */
export class WebhookEndpoints {
  readonly #plan: Plan
  readonly #clock: SandboxClock
  readonly #endpoints = new Map<string, WebhookEndpoint>()
  #made = 0
  #secretsMade = 0

  constructor(plan: Plan, clock: SandboxClock) {
    this.#plan = plan
    this.#clock = clock
  }

  /** Oldest first. */
  all(): readonly WebhookEndpoint[] {
    return [...this.#endpoints.values()]
  }

  find(id: string): WebhookEndpoint | undefined {
    return this.#endpoints.get(id)
  }

  /** The endpoint; throws the error about an unknown id. */
  get(id: string): WebhookEndpoint {
    const found = this.find(id)
    if (!found) throw missingResource('webhook_endpoint', id, 'id')
    return found
  }

  /** Those that get events of a type. */
  wanting(type: string): readonly WebhookEndpoint[] {
    return this.all().filter(
      ({ status, enabledEvents }) =>
        status === 'enabled' && enabledEvents.some((name) => name === '*' || matchesType(name, type)),
    )
  }

  add(given: NewWebhookEndpoint): WebhookEndpoint {
    const { enabledEvents = ['*'], apiVersion = null, description = null, metadata = {} } = given
    this.#checkUrl(given.url)
    checkEvents(enabledEvents)
    if (apiVersion !== null && !isApiVersion(apiVersion)) {
      throw new StripeError(400, `Invalid Stripe API version: ${apiVersion}`, { param: 'api_version' })
    }
    if (this.#endpoints.size >= MAX_ENDPOINTS) {
      const mode = this.#plan.livemode ? 'live' : 'test'
      throw new StripeError(400, `You have reached the maximum of ${MAX_ENDPOINTS} ${mode} webhook endpoints.`)
    }
    const endpoint: WebhookEndpoint = {
      id: this.#plan.ids.webhookEndpoints.encode(FIRST_ADDED_INDEX + this.#made++),
      url: given.url,
      apiVersion,
      enabledEvents,
      status: 'enabled',
      description,
      metadata,
      created: this.#clock.now(),
      secrets: [{ value: given.secret ?? this.#newSecret(), until: null }],
    }
    this.#endpoints.set(endpoint.id, endpoint)
    return endpoint
  }

  change(id: string, change: WebhookEndpointChange): WebhookEndpoint {
    if (change.url !== undefined) this.#checkUrl(change.url)
    if (change.enabledEvents !== undefined) checkEvents(change.enabledEvents)
    const changed = { ...this.get(id), ...change }
    this.#endpoints.set(id, changed)
    return changed
  }

  /** Puts a new secret in the place of the current one, which goes on signing for `keepSeconds`. */
  roll(id: string, keepSeconds = 0, secret = this.#newSecret()): WebhookEndpoint {
    if (!Number.isSafeInteger(keepSeconds) || keepSeconds < 0 || keepSeconds > MAX_ROLL_SECONDS) {
      throw new StripeError(400, `keepSeconds must be an integer from 0 to ${MAX_ROLL_SECONDS}.`)
    }
    const endpoint = this.get(id)
    const old = endpoint.secrets[0]!
    const until = this.#clock.nowMs() + keepSeconds * 1000
    const secrets = [{ value: secret, until: null }, ...(keepSeconds > 0 ? [{ value: old.value, until }] : [])]
    const rolled = { ...endpoint, secrets }
    this.#endpoints.set(id, rolled)
    return rolled
  }

  /** The secrets that sign now, the current one first. */
  secretsOf(endpoint: WebhookEndpoint): readonly string[] {
    const now = this.#clock.nowMs()
    return endpoint.secrets.filter(({ until }) => until === null || now < until).map(({ value }) => value)
  }

  remove(id: string): boolean {
    return this.#endpoints.delete(id)
  }

  /** Forgets all of them; the next ones get the ids that the first ones had. */
  reset(): void {
    this.#endpoints.clear()
    this.#made = 0
    this.#secretsMade = 0
  }

  #newSecret(): string {
    const { seed, mode } = this.#plan.options
    const key = keyOf(seed, mode, 'webhook secret', this.#secretsMade++)
    return `whsec_${Array.from({ length: 8 }, (_, part) => base62(mix(key, part, 1), 4)).join('')}`
  }

  #checkUrl(url: string): void {
    const protocol = URL.canParse(url) ? new URL(url).protocol : ''
    if (protocol !== 'https:' && protocol !== 'http:') {
      throw badParameter('url_invalid', 'url', 'Invalid URL: An explicit scheme (such as https) must be provided.')
    }
    if (protocol === 'http:' && this.#plan.livemode) {
      throw badParameter('url_invalid', 'url', 'Invalid URL: URLs must be HTTPS in live mode.')
    }
  }
}

/** The endpoint as the API shows it. */
export function endpointObject(endpoint: WebhookEndpoint, livemode: boolean): StripeObject {
  return {
    id: endpoint.id,
    object: 'webhook_endpoint',
    api_version: endpoint.apiVersion,
    application: null,
    created: endpoint.created,
    description: endpoint.description,
    enabled_events: [...endpoint.enabledEvents],
    livemode,
    metadata: endpoint.metadata,
    status: endpoint.status,
    url: endpoint.url,
  }
}

/** Groups (`charge.*`) are a word of the event list's filter only. */
function checkEvents(names: readonly string[]): void {
  if (names.length === 0)
    throw badParameter('parameter_missing', 'enabled_events', 'Missing required param: enabled_events.')
  names.forEach((name, place) => {
    if (name === '*' || EVENT_NAME.test(name)) return
    const param = `enabled_events[${place}]`
    throw new StripeError(400, `Invalid ${param}: must be the name of an event type, or *`, { param })
  })
}
